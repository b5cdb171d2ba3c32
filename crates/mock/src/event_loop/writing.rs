//! Putting answers onto the wire, whole or piece by piece.

use super::EventLoop;
use crate::clock;
use crate::connection::{Connection, Filler};
use crate::exchange::{After, Framing, LAST_CHUNK, Reply, Stage, push_chunk};
use crate::faults::FaultKind;
use crate::shared::lock;
use std::mem;
use std::time::Duration;

impl EventLoop {
    /// Puts a stream's head, and what belongs to it, into the output buffer.
    pub(super) fn push_stream_head(&mut self, connection: &mut Connection) {
        let Some(exchange) = &mut connection.exchange else { return };
        let framing = if exchange.modern { Framing::Chunked } else { Framing::Close };
        exchange.push_head(&mut self.out, 200, "text/event-stream", framing, None);
        let Reply::Stream(stream) = &mut exchange.reply else { return };
        if stream.opens_early(self.shared.config.early_role) {
            self.event.clear();
            stream.open(&mut self.event);
            push_framed(&mut self.out, &self.event, exchange.modern);
        }
    }

    /// A stream's next write.
    pub(super) fn next_token(&mut self, key: usize, connection: &mut Connection) {
        self.out.clear();
        let opens_now = connection.exchange.as_ref().is_some_and(|exchange| exchange.first_token.is_none());
        let head_now = connection.exchange.as_ref().is_some_and(|exchange| exchange.head.is_none());
        if head_now {
            self.push_stream_head(connection);
        }
        let Some(exchange) = &mut connection.exchange else { return };
        let modern = exchange.modern;
        let Reply::Stream(stream) = &mut exchange.reply else { return };
        self.event.clear();
        if opens_now && !stream.opens_early(self.shared.config.early_role) {
            stream.open(&mut self.event);
        }
        let before = stream.sent();
        let after = stream.next(&mut self.event);
        let fresh = stream.sent() - before;
        let (split, writes) = (stream.split(), stream.events_per_write());
        push_framed(&mut self.out, &self.event, modern);
        if after == After::End && modern {
            self.out.extend_from_slice(LAST_CHUNK);
        }
        let now = clock::now();
        if head_now {
            exchange.head = Some(now);
        }
        if fresh > 0 {
            let gap = exchange.first_token.map(|_| now.saturating_sub(exchange.last_write));
            exchange.first_token.get_or_insert(now);
            exchange.tokens += fresh;
            lock(&self.shared.stats[self.me]).token(now.saturating_sub(exchange.due), gap);
            if self.shared.truth.is_some() {
                exchange.writes.push(now);
            }
        }
        exchange.last_write = now;
        if after == After::More {
            for _ in 0..writes {
                exchange.due = exchange.due.saturating_add(self.shared.config.itl.draw(&mut exchange.random));
            }
        }
        if split && self.out.len() > 1 {
            // In the middle of the event, not of the framing around it.
            let half = self.out.len() / 2;
            exchange.rest = self.out.split_off(half);
            exchange.stage = Stage::Rest(after);
            let interval = exchange.fault.and_then(|(_, fault)| fault.interval).unwrap_or(Duration::from_millis(1));
            let sent = connection.send(&self.out);
            if let Some(exchange) = &mut connection.exchange {
                exchange.blocked |= !sent;
            }
            let pause = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX >> 2);
            return self.schedule(key, connection, now.saturating_add(pause));
        }
        if !self.out.is_empty() {
            let sent = connection.send(&self.out);
            if let Some(exchange) = &mut connection.exchange {
                exchange.blocked |= !sent;
            }
        }
        self.after(key, connection, after);
    }

    /// What comes after a stream's write.
    pub(super) fn after(&mut self, key: usize, connection: &mut Connection, after: After) {
        match after {
            After::More => {
                let due = connection.exchange.as_ref().map_or(0, |exchange| exchange.due);
                self.schedule(key, connection, due);
            }
            After::End => {
                if connection.exchange.as_ref().is_some_and(|exchange| !exchange.modern) {
                    connection.closing = true;
                }
                self.finish(connection, None);
            }
            After::Cut => {
                connection.closing = true;
                self.finish(connection, None);
            }
            After::Silence => {
                connection.silent = true;
                self.finish(connection, None);
            }
        }
    }

    /// A plain answer.
    pub(super) fn answer(&mut self, key: usize, connection: &mut Connection) {
        let now = clock::now();
        let Some(exchange) = &mut connection.exchange else { return };
        let Reply::Plain { status, content_type, body, .. } = &mut exchange.reply else { return };
        let (status, content_type, body) = (*status, *content_type, mem::take(body));
        exchange.head = Some(now);
        exchange.last_write = now;
        let fault = exchange.fault.filter(|_| !exchange.refused).map(|(_, fault)| fault);
        let kind = fault.map(|fault| fault.kind);
        let size = fault.and_then(|fault| fault.size);
        let filled = size.unwrap_or(10_000_000);
        let framing = match kind {
            Some(FaultKind::Big) => Framing::Length(filled + body.len() as u64),
            Some(FaultKind::BigChunked) if exchange.modern => Framing::Chunked,
            Some(FaultKind::BigChunked) => Framing::Close,
            _ => Framing::Length(body.len() as u64),
        };
        let timing = (self.shared.config.timing_headers && !exchange.refused).then_some(now);
        self.out.clear();
        exchange.push_head(&mut self.out, status, content_type, framing, timing);
        match kind {
            Some(FaultKind::Big | FaultKind::BigChunked) => {
                let chunked = framing == Framing::Chunked;
                let mut tail = Vec::with_capacity(body.len() + 32);
                push_framed(&mut tail, &body, chunked);
                if chunked {
                    tail.extend_from_slice(LAST_CHUNK);
                }
                connection.closing |= framing == Framing::Close;
                exchange.stage = Stage::Filling;
                exchange.blocked = true;
                connection.send(&self.out);
                connection.filler = Some(Filler { left: filled, chunked, tail });
                return;
            }
            Some(FaultKind::Drip) => {
                exchange.stage = Stage::Dripping;
                exchange.rest = body;
                exchange.rest.reverse();
                connection.send(&self.out);
                return self.drip(key, connection);
            }
            Some(FaultKind::Cut) => {
                self.out.extend_from_slice(&body[..body.len() / 2]);
                connection.closing = true;
            }
            Some(FaultKind::StallBody) => {
                self.out.extend_from_slice(&body[..body.len() / 2]);
                connection.silent = true;
            }
            _ => self.out.extend_from_slice(&body),
        }
        let sent = connection.send(&self.out);
        if let Some(exchange) = &mut connection.exchange {
            exchange.blocked |= !sent;
        }
        self.finish(connection, None);
    }

    /// The next piece of a body that drips. It is kept backwards, so that taking from it is cheap.
    pub(super) fn drip(&mut self, key: usize, connection: &mut Connection) {
        let now = clock::now();
        let Some(exchange) = &mut connection.exchange else { return };
        let fault = exchange.fault.map(|(_, fault)| fault);
        let size = fault.and_then(|fault| fault.size).unwrap_or(16).max(1) as usize;
        let interval = fault.and_then(|fault| fault.interval).unwrap_or(Duration::from_millis(10));
        let left = exchange.rest.len().saturating_sub(size);
        let mut piece = exchange.rest.split_off(left);
        piece.reverse();
        exchange.last_write = now;
        if self.shared.truth.is_some() {
            exchange.writes.push(now);
        }
        let done = exchange.rest.is_empty();
        connection.send(&piece);
        if done {
            self.finish(connection, None);
        } else {
            let pause = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX >> 2);
            self.schedule(key, connection, now.saturating_add(pause));
        }
    }
}

/// Writes bytes as a chunk, or as they are for clients that know no chunks.
fn push_framed(out: &mut Vec<u8>, bytes: &[u8], chunked: bool) {
    if chunked { push_chunk(out, bytes) } else { out.extend_from_slice(bytes) }
}
