//! The life of a request between its arrival and its end: let in or turned away, waiting, begun, counted.

use super::EventLoop;
use crate::clock;
use crate::connection::Connection;
use crate::exchange::{Reply, Stage};
use crate::gate::{Arrival, Ticket};
use crate::outcome::Class;
use crate::plan::OVERLOADED;
use crate::shared::lock;
use crate::stats::Finished;
use crate::timers::Wake;
use crate::truth::Record;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl EventLoop {
    /// The step that a request is at.
    pub(super) fn step(&mut self, key: usize, connection: &mut Connection, now: u64) {
        let Some(exchange) = &mut connection.exchange else { return };
        match exchange.stage {
            Stage::Arriving => self.admit(key, connection, now),
            Stage::Queued => self.give_up_waiting(key, connection, now),
            Stage::Starting => self.begin(key, connection, now),
            Stage::Serving => self.answer(key, connection),
            Stage::Streaming => self.next_token(key, connection),
            Stage::Rest(after) => {
                let rest = mem::take(&mut exchange.rest);
                let sent = connection.send(&rest);
                if let Some(exchange) = &mut connection.exchange {
                    exchange.blocked |= !sent;
                    exchange.stage = Stage::Streaming;
                }
                self.after(key, connection, after);
            }
            Stage::Dripping => self.drip(key, connection),
            Stage::Filling => {}
        }
    }

    /// Lets a request in: to a server, into the queue, or out again.
    pub(super) fn admit(&mut self, key: usize, connection: &mut Connection, now: u64) {
        let Some(exchange) = &mut connection.exchange else { return };
        if exchange.refused {
            return self.answer(key, connection);
        }
        let shared = Arc::clone(&self.shared);
        let Some(gate) = &shared.gate else { return self.begin(key, connection, now) };
        self.last_tag += 1;
        connection.tag = self.last_tag;
        let ticket = Ticket { worker: self.me, key, tag: self.last_tag };
        let (arrival, next) = {
            let mut gate = lock(gate);
            (gate.arrive(now, ticket, exchange.hold.is_some()), gate.next_event())
        };
        self.watch_gate(next);
        match arrival {
            Arrival::Start => {
                exchange.holds_server = true;
                self.begin(key, connection, now);
            }
            Arrival::Queued => {
                exchange.stage = Stage::Queued;
                // The other waiting, without a limit, needs no timer.
                if let Some(limit) = exchange.hold.filter(|limit| *limit < u64::MAX >> 2) {
                    let until = exchange.received.saturating_add(limit);
                    self.timers.push(until, ticket.tag, Wake::Connection { key, tag: ticket.tag });
                }
            }
            Arrival::Full => {
                let status = if shared.config.overflow == crate::config::Overflow::TooMany { 429 } else { 503 };
                self.turn_away(key, connection, status, Class::Overloaded, OVERLOADED.into());
            }
            Arrival::Loading(left) => self.still_loading(key, connection, left),
        }
    }

    pub(super) fn still_loading(&mut self, key: usize, connection: &mut Connection, left: u64) {
        let model = connection.exchange.as_ref().map(|exchange| exchange.model.clone()).unwrap_or_default();
        let seconds = (left as f64 / 1e8).round() / 10.0;
        let value =
            serde_json::json!({"error": format!("Model {model} is currently loading"), "estimated_time": seconds});
        self.turn_away(key, connection, 503, Class::ColdStart, value.to_string().into_bytes());
    }

    /// A request has waited for a cold start as long as it wanted to.
    pub(super) fn give_up_waiting(&mut self, key: usize, connection: &mut Connection, now: u64) {
        let shared = Arc::clone(&self.shared);
        let Some(gate) = &shared.gate else { return };
        let ticket = Ticket { worker: self.me, key, tag: connection.tag };
        let (waited, left) = {
            let mut gate = lock(gate);
            (gate.replicas() == 0 && gate.cancel(ticket), gate.loading_left(now))
        };
        // Behind a server that is up, the request waits like any other.
        if waited {
            self.still_loading(key, connection, left);
        }
    }

    pub(super) fn turn_away(
        &mut self,
        key: usize,
        connection: &mut Connection,
        status: u16,
        class: Class,
        body: Vec<u8>,
    ) {
        if let Some(exchange) = &mut connection.exchange {
            exchange.class = class;
            exchange.fault = None;
            exchange.refused = true;
            exchange.tokens = 0;
            exchange.reply = Reply::Plain { status, content_type: "application/json", body, service: 0 };
        }
        self.answer(key, connection);
    }

    /// Service begins.
    pub(super) fn begin(&mut self, key: usize, connection: &mut Connection, now: u64) {
        let Some(exchange) = &mut connection.exchange else { return };
        if let Some(end) = self.shared.stalled_until(now) {
            exchange.stage = Stage::Starting;
            return self.schedule(key, connection, end);
        }
        exchange.started = Some(now);
        match &mut exchange.reply {
            Reply::Plain { service: 0, .. } => self.answer(key, connection),
            Reply::Plain { service, .. } => {
                exchange.stage = Stage::Serving;
                exchange.due = now.saturating_add(*service);
                let due = exchange.due;
                self.schedule(key, connection, due);
            }
            Reply::Stream(_) => {
                exchange.stage = Stage::Streaming;
                exchange.due = now.saturating_add(self.shared.config.ttft.draw(&mut exchange.random));
                let due = exchange.due;
                if !self.shared.config.late_head {
                    self.out.clear();
                    self.push_stream_head(connection);
                    let stamp = clock::now();
                    let sent = connection.send(&self.out);
                    if let Some(exchange) = &mut connection.exchange {
                        exchange.head = Some(stamp);
                        exchange.blocked |= !sent;
                    }
                }
                self.schedule(key, connection, due);
            }
        }
    }

    /// A request is done: its server is free, and it is counted.
    pub(super) fn finish(&mut self, connection: &mut Connection, class: Option<Class>) {
        let Some(exchange) = connection.exchange.take() else { return };
        let mut exchange = *exchange;
        connection.tag = 0;
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        let now = clock::now();
        if !exchange.keep_alive && !connection.silent {
            connection.closing = true;
        }
        if exchange.holds_server {
            self.release(now);
        }
        let class = class.unwrap_or(exchange.class);
        let filled = exchange.stage == Stage::Filling;
        let end = if class == Class::ClientGone || filled { now } else { exchange.last_write };
        let stream = matches!(exchange.reply, Reply::Stream(_));
        let fault = exchange.fault.map(|(index, _)| index);
        lock(&self.shared.stats[self.me]).finished(&Finished {
            path: &exchange.path,
            class,
            fault,
            took: end.saturating_sub(exchange.received),
            queued: exchange.started.map(|started| started.saturating_sub(exchange.received)),
            ttft: exchange.first_token.map(|first| first.saturating_sub(exchange.received)),
            tokens: exchange.tokens,
            prompt_tokens: exchange.prompt_tokens,
        });
        if let Some(truth) = &self.shared.truth {
            let status = match (&exchange.reply, exchange.head) {
                (_, None) => 0,
                (Reply::Plain { status, .. }, _) => *status,
                (Reply::Stream(_), _) => 200,
            };
            truth.keep(Record {
                id: exchange.id,
                path: exchange.path,
                class,
                fault,
                status,
                stream,
                received: exchange.received,
                started: exchange.started,
                head: exchange.head,
                first_token: exchange.first_token,
                end,
                tokens: exchange.tokens,
                prompt_tokens: exchange.prompt_tokens,
                blocked: exchange.blocked,
                writes: mem::take(&mut exchange.writes),
            });
        }
    }
}
