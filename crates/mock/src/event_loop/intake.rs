//! From bytes to a request that has been taken up.

use super::EventLoop;
use crate::clock;
use crate::connection::Connection;
use crate::exchange::{Exchange, Framing, Reply, Stage, push_head};
use crate::faults::FaultKind;
use crate::http::{BodyLength, Dechunker, Head, Refusal, parse_head};
use crate::plan::{Plan, plan};
use crate::random::Random;
use crate::routes::{Route, route};
use crate::shared::lock;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How long a refused client may take to read why.
const LINGER: u64 = 2_000_000_000;

impl EventLoop {
    /// Takes up the next request in the input. False if it is not complete yet.
    pub(super) fn next_request(&mut self, key: usize, connection: &mut Connection) -> bool {
        if connection.input.len() < connection.need {
            return false;
        }
        let input = mem::take(&mut connection.input);
        let taken = self.take_request(key, connection, &input);
        let used = match taken {
            Ok(Some(used)) => used,
            Ok(None) => {
                connection.input = input;
                return false;
            }
            Err(Refusal(status, what)) => {
                self.refuse(key, connection, status, what);
                return true;
            }
        };
        connection.need = 0;
        connection.continued = false;
        connection.dechunker = None;
        if connection.dead || connection.silent {
            return true;
        }
        connection.input = input;
        connection.input.drain(..used);
        if connection.input.capacity() > 1 << 20 {
            connection.input.shrink_to(4_096);
        }
        true
    }

    /// Reads one request from the start of the input and takes it up; how many bytes it had.
    pub(super) fn take_request(
        &mut self,
        key: usize,
        connection: &mut Connection,
        input: &[u8],
    ) -> Result<Option<usize>, Refusal> {
        let max_body = self.shared.config.max_body;
        // Some clients send an empty line after a body.
        let blank = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let input = &input[blank..];
        let Some(head) = parse_head(input)? else { return Ok(None) };
        let rest = &input[head.length..];
        let (body, used) = match head.body {
            BodyLength::Fixed(length) if length > max_body => return Err(Refusal(413, "the request body is too long")),
            BodyLength::Fixed(length) => match rest.get(..length) {
                Some(body) => (body, head.length + length),
                None => {
                    connection.need = blank + head.length + length;
                    self.go_on(connection, &head);
                    return Ok(None);
                }
            },
            BodyLength::Chunked => {
                let mut dechunker = connection.dechunker.take().unwrap_or_default();
                if !dechunker.feed(rest, max_body)? {
                    connection.dechunker = Some(dechunker);
                    connection.need = blank + input.len() + 1;
                    self.go_on(connection, &head);
                    return Ok(None);
                }
                let Dechunker { body, consumed, .. } = dechunker;
                self.received(key, connection, &head, &body);
                return Ok(Some(blank + head.length + consumed));
            }
        };
        self.received(key, connection, &head, body);
        Ok(Some(blank + used))
    }

    /// Tells a client that asked first to send its body.
    pub(super) fn go_on(&mut self, connection: &mut Connection, head: &Head<'_>) {
        if head.expects_continue && !connection.continued {
            connection.continued = true;
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Answers what is not HTTP and ends the connection.
    pub(super) fn refuse(&mut self, key: usize, connection: &mut Connection, status: u16, what: &str) {
        lock(&self.shared.stats[self.me]).refused += 1;
        let body = format!("{{\"error\":\"{what}\"}}");
        self.out.clear();
        push_head(&mut self.out, status, "application/json", Framing::Length(body.len() as u64));
        self.out.extend_from_slice(b"connection: close\r\n\r\n");
        self.out.extend_from_slice(body.as_bytes());
        connection.send(&self.out);
        connection.end_politely();
        self.schedule(key, connection, clock::now() + LINGER);
    }

    /// A complete request.
    pub(super) fn received(&mut self, key: usize, connection: &mut Connection, head: &Head<'_>, body: &[u8]) {
        let now = clock::now();
        let found = route(head.method, head.path);
        if let Route::Own(page) = found {
            return self.own_page(connection, head, page);
        }
        let shared = Arc::clone(&self.shared);
        let number = shared.next_number();
        shared.note_arrival(now);
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        let id: Box<str> = match head.request_id {
            Some(id) if (1..=128).contains(&id.len()) => id.into(),
            _ => format!("mock-{number:08x}").into(),
        };
        let mut random = Random::new(shared.config.seed, 1, number);
        let mut headers = Vec::new();
        let ruling = shared.limits.as_ref().map(|limits| lock(limits).ask(now, head.token));
        let denial = ruling.and_then(|ruling| {
            headers = ruling.headers;
            ruling.denial
        });
        let plan = match denial {
            Some(denial) => Plan::refuse(denial.status, denial.class, "application/json", denial.body.into()),
            None => plan(&shared, head, found, body, &id, &mut random),
        };
        let silence = match plan.fault.map(|(_, fault)| fault.kind) {
            Some(FaultKind::Reset) => {
                connection.reset();
                true
            }
            Some(FaultKind::Hang) => {
                connection.silent = true;
                true
            }
            _ => false,
        };
        connection.exchange = Some(Box::new(Exchange {
            id,
            path: head.path.into(),
            stage: Stage::Arriving,
            class: plan.class,
            fault: plan.fault,
            headers,
            keep_alive: head.keep_alive,
            modern: head.modern,
            refused: plan.refused,
            model: plan.model,
            hold: plan.hold,
            holds_server: false,
            random,
            received: now,
            started: None,
            head: None,
            first_token: None,
            last_write: now,
            due: now,
            tokens: if matches!(plan.reply, Reply::Plain { .. }) { plan.tokens } else { 0 },
            prompt_tokens: plan.prompt_tokens,
            blocked: false,
            writes: Vec::new(),
            rest: Vec::new(),
            reply: plan.reply,
        }));
        if silence {
            self.finish(connection, None);
        } else if let Some(end) = shared.stalled_until(now) {
            self.schedule(key, connection, end);
        } else {
            self.admit(key, connection, now);
        }
    }
}
