//! The event loop: sockets that have something to say, and steps that are due.
//!
//! A loop owns its connections. It is woken by a socket, by its alarm (a timer descriptor, since a poll's timeout
//! counts in whole milliseconds) or by a letter of another loop, and never blocks elsewhere.

use crate::clock::{self, Alarm};
use crate::connection::{Connection, Filler};
use crate::exchange::{After, Exchange, Framing, LAST_CHUNK, Reply, Stage, push_chunk, push_head};
use crate::faults::FaultKind;
use crate::gate::{Arrival, Ticket};
use crate::http::{BodyLength, Dechunker, Head, Refusal, parse_head};
use crate::metrics;
use crate::openai::models;
use crate::outcome::Class;
use crate::plan::{OVERLOADED, Plan, plan};
use crate::random::Random;
use crate::routes::{Own, Route, route};
use crate::shared::{Letter, Shared, lock};
use crate::stats::Finished;
use crate::timers::{Timers, Wake};
use crate::truth::Record;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(crate) const LISTENER: Token = Token(usize::MAX - 1);
pub(crate) const WAKER: Token = Token(usize::MAX - 2);
pub(crate) const ALARM: Token = Token(usize::MAX - 3);

/// Steps less than this apart share one wake-up: under load that bounds the wake-ups to 20,000 a second, and it costs
/// a token at most this delay.
const COALESCE: u64 = 50_000;
/// Socket events between two looks at the timers, so that a burst of requests does not hold tokens up.
const EVENTS_PER_LOOK: usize = 8;
/// Steps in one look at the timers, so that tokens do not hold requests up for ever.
const STEPS_PER_LOOK: usize = 1_024;
/// Requests that one connection may have answered in one turn, if it sends them without waiting.
const REQUESTS_PER_TURN: usize = 64;
/// How long a refused client may take to read why.
const LINGER: u64 = 2_000_000_000;

/// One loop.
pub(crate) struct EventLoop {
    shared: Arc<Shared>,
    me: usize,
    poll: Poll,
    alarm: Alarm,
    listener: Option<TcpListener>,
    /// The loop that gets the next connection.
    turn: usize,
    connections: Vec<Option<Box<Connection>>>,
    free: Vec<usize>,
    timers: Timers,
    last_tag: u64,
    gate_alarm: u64,
    /// Requests whose turn has come, on whichever loop.
    started: VecDeque<Ticket>,
    scratch: Vec<u8>,
    out: Vec<u8>,
    event: Vec<u8>,
}

impl EventLoop {
    pub(crate) fn new(
        shared: Arc<Shared>,
        me: usize,
        poll: Poll,
        listener: Option<TcpListener>,
    ) -> std::io::Result<Self> {
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        Ok(Self {
            shared,
            me,
            poll,
            alarm,
            listener,
            turn: 0,
            connections: Vec::new(),
            free: Vec::new(),
            timers: Timers::default(),
            last_tag: 0,
            gate_alarm: 0,
            started: VecDeque::new(),
            scratch: vec![0; 64 * 1024],
            out: Vec::new(),
            event: Vec::new(),
        })
    }

    /// Runs until the server stops.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1_024);
        loop {
            let wait = self.next_wait();
            if self.poll.poll(&mut events, wait).is_err() {
                // A signal. Nothing else can go wrong here, and if it did a pause keeps it from burning a core.
                std::thread::sleep(Duration::from_micros(100));
                continue;
            }
            if self.shared.stopping.load(Ordering::Acquire) {
                break;
            }
            for (count, event) in events.iter().enumerate() {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => self.read_letters(),
                    ALARM => {}
                    Token(key) => {
                        let Some(mut connection) = self.connections.get_mut(key).and_then(Option::take) else {
                            continue;
                        };
                        connection.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                        connection.half_closed |= event.is_read_closed() || event.is_error();
                        self.attend(key, connection);
                    }
                }
                self.start_waiting();
                if count % EVENTS_PER_LOOK == EVENTS_PER_LOOK - 1 {
                    self.run_timers();
                }
            }
            self.run_timers();
        }
        self.wind_up();
    }

    /// Sets the alarm for the next step. Zero if one is due already.
    fn next_wait(&mut self) -> Option<Duration> {
        let due = self.timers.next_due();
        let Some(due) = due else { return self.alarm.arm(None) };
        let now = clock::now();
        if due <= now { Some(Duration::ZERO) } else { self.alarm.arm(Some(due.max(now + COALESCE))) }
    }

    fn run_timers(&mut self) {
        let mut steps = 0;
        while steps < STEPS_PER_LOOK {
            let now = clock::now();
            let before = steps;
            while let Some(wake) = self.timers.pop(now) {
                self.wake(wake, now);
                self.start_waiting();
                steps += 1;
                if steps >= STEPS_PER_LOOK {
                    return;
                }
            }
            if steps == before {
                return;
            }
        }
    }

    fn wake(&mut self, wake: Wake, now: u64) {
        match wake {
            Wake::Accept => self.accept(),
            Wake::Gate => {
                self.gate_alarm = 0;
                if let Some(end) = self.shared.stalled_until(now) {
                    self.last_tag += 1;
                    self.timers.push(end, self.last_tag, Wake::Gate);
                    return;
                }
                let shared = Arc::clone(&self.shared);
                if let Some(gate) = &shared.gate {
                    let mut gate = lock(gate);
                    gate.tick(now, &mut self.started);
                    self.watch_gate(gate.next_event());
                }
            }
            Wake::Connection { key, tag } => {
                let Some(slot) = self.connections.get_mut(key) else { return };
                if slot.as_ref().is_none_or(|connection| connection.tag != tag) {
                    return;
                }
                let Some(mut connection) = slot.take() else { return };
                if connection.exchange.is_none() {
                    // Its time to read a refusal is over; or it has more requests than one turn may take up.
                    connection.dead |= connection.silent;
                } else if let Some(end) = self.shared.stalled_until(now) {
                    if let Some(exchange) = &mut connection.exchange {
                        exchange.due = end;
                    }
                    // With the same mark: a place in the queue is known by it.
                    self.timers.push(end, tag, wake);
                } else {
                    self.step(key, &mut connection, now);
                }
                self.attend(key, connection);
            }
        }
    }

    /// The connection's next step is at `due`; whatever was to come before is off.
    fn schedule(&mut self, key: usize, connection: &mut Connection, due: u64) {
        self.last_tag += 1;
        connection.tag = self.last_tag;
        self.timers.push(due, self.last_tag, Wake::Connection { key, tag: self.last_tag });
    }

    /// Wakes in time for the replicas that are coming.
    fn watch_gate(&mut self, next: Option<u64>) {
        if let Some(at) = next
            && at != self.gate_alarm
        {
            self.gate_alarm = at;
            self.last_tag += 1;
            self.timers.push(at, self.last_tag, Wake::Gate);
        }
    }

    fn accept(&mut self) {
        loop {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((stream, _)) => {
                    let target = self.turn;
                    self.turn = (self.turn + 1) % self.shared.mailboxes.len();
                    if target == self.me {
                        self.adopt(stream);
                    } else {
                        self.shared.mailboxes[target].put(Letter::Connection(stream));
                    }
                }
                Err(error) => match error.kind() {
                    std::io::ErrorKind::WouldBlock => return,
                    std::io::ErrorKind::Interrupted | std::io::ErrorKind::ConnectionAborted => {}
                    _ => {
                        // Out of descriptors, most likely. The edge is gone, so come back by the clock.
                        self.last_tag += 1;
                        self.timers.push(clock::now() + 10_000_000, self.last_tag, Wake::Accept);
                        return;
                    }
                },
            }
        }
    }

    fn adopt(&mut self, mut stream: mio::net::TcpStream) {
        let key = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        // Without this every token would wait for the one before to be acknowledged.
        let _ = stream.set_nodelay(true);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(&mut stream, Token(key), interest).is_err() {
            self.free.push(key);
            return;
        }
        lock(&self.shared.stats[self.me]).connections += 1;
        self.attend(key, Box::new(Connection::new(stream)));
    }

    fn read_letters(&mut self) {
        for letter in self.shared.mailboxes[self.me].take() {
            match letter {
                Letter::Connection(stream) => self.adopt(stream),
                Letter::Start(ticket) => self.started.push_back(ticket),
            }
        }
    }

    /// Starts the requests whose turn has come. Starting one may finish it, and so bring up the next.
    fn start_waiting(&mut self) {
        while let Some(ticket) = self.started.pop_front() {
            if ticket.worker != self.me {
                self.shared.mailboxes[ticket.worker].put(Letter::Start(ticket));
                continue;
            }
            let slot = self.connections.get_mut(ticket.key).and_then(|slot| {
                let waits = slot.as_ref().is_some_and(|connection| {
                    connection.tag == ticket.tag
                        && connection.exchange.as_ref().is_some_and(|exchange| exchange.stage == Stage::Queued)
                });
                if waits { slot.take() } else { None }
            });
            let now = clock::now();
            let Some(mut connection) = slot else {
                // It left while its turn was on the way here: the next one's turn.
                self.release(now);
                continue;
            };
            if let Some(exchange) = &mut connection.exchange {
                exchange.holds_server = true;
            }
            self.begin(ticket.key, &mut connection, now);
            self.attend(ticket.key, connection);
        }
    }

    fn release(&mut self, now: u64) {
        let shared = Arc::clone(&self.shared);
        if let Some(gate) = &shared.gate {
            let mut gate = lock(gate);
            gate.finish(now, &mut self.started);
            self.watch_gate(gate.next_event());
        }
    }

    /// Does everything that can be done for a connection now: send, read, take up requests; and puts it back, or lets it
    /// go.
    fn attend(&mut self, key: usize, mut connection: Box<Connection>) {
        let mut taken = 0;
        loop {
            if !connection.is_flushed() {
                connection.flush();
            }
            if connection.is_flushed()
                && connection.exchange.as_ref().is_some_and(|exchange| exchange.stage == Stage::Filling)
            {
                self.finish(&mut connection, None);
            }
            if connection.readable {
                connection.fill(&mut self.scratch);
            }
            if connection.dead || (connection.eof && (connection.exchange.is_some() || connection.silent)) {
                return self.drop_connection(key, connection);
            }
            if connection.closing && connection.is_flushed() && !connection.silent {
                return self.drop_connection(key, connection);
            }
            if connection.silent || connection.closing || connection.exchange.is_some() || !connection.is_flushed() {
                break;
            }
            if taken == REQUESTS_PER_TURN {
                self.schedule(key, &mut connection, clock::now());
                break;
            }
            if !connection.input.is_empty() && self.next_request(key, &mut connection) {
                taken += 1;
                continue;
            }
            if connection.eof {
                return self.drop_connection(key, connection);
            }
            if !connection.readable {
                break;
            }
        }
        if let Some(slot) = self.connections.get_mut(key) {
            *slot = Some(connection);
        }
    }

    fn drop_connection(&mut self, key: usize, mut connection: Box<Connection>) {
        if let Some(exchange) = &connection.exchange {
            let queued = exchange.stage == Stage::Queued;
            let class = match exchange.class {
                class @ (Class::Connect | Class::Timeout) => class,
                _ if self.shared.stopping.load(Ordering::Relaxed) => Class::Connect,
                _ => Class::ClientGone,
            };
            if queued && let Some(gate) = &self.shared.gate {
                lock(gate).cancel(Ticket { worker: self.me, key, tag: connection.tag });
            }
            self.finish(&mut connection, Some(class));
        }
        // Closing takes the socket out of the poll as well.
        self.free.push(key);
    }

    /// Takes up the next request in the input. False if it is not complete yet.
    fn next_request(&mut self, key: usize, connection: &mut Connection) -> bool {
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
    fn take_request(
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
    fn go_on(&mut self, connection: &mut Connection, head: &Head<'_>) {
        if head.expects_continue && !connection.continued {
            connection.continued = true;
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Answers what is not HTTP and ends the connection.
    fn refuse(&mut self, key: usize, connection: &mut Connection, status: u16, what: &str) {
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
    fn received(&mut self, key: usize, connection: &mut Connection, head: &Head<'_>, body: &[u8]) {
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

    /// The step that a request is at.
    fn step(&mut self, key: usize, connection: &mut Connection, now: u64) {
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
    fn admit(&mut self, key: usize, connection: &mut Connection, now: u64) {
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

    fn still_loading(&mut self, key: usize, connection: &mut Connection, left: u64) {
        let model = connection.exchange.as_ref().map(|exchange| exchange.model.clone()).unwrap_or_default();
        let seconds = (left as f64 / 1e8).round() / 10.0;
        let value =
            serde_json::json!({"error": format!("Model {model} is currently loading"), "estimated_time": seconds});
        self.turn_away(key, connection, 503, Class::ColdStart, value.to_string().into_bytes());
    }

    /// A request has waited for a cold start as long as it wanted to.
    fn give_up_waiting(&mut self, key: usize, connection: &mut Connection, now: u64) {
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

    fn turn_away(&mut self, key: usize, connection: &mut Connection, status: u16, class: Class, body: Vec<u8>) {
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
    fn begin(&mut self, key: usize, connection: &mut Connection, now: u64) {
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

    /// Puts a stream's head, and what belongs to it, into the output buffer.
    fn push_stream_head(&mut self, connection: &mut Connection) {
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
    fn next_token(&mut self, key: usize, connection: &mut Connection) {
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
    fn after(&mut self, key: usize, connection: &mut Connection, after: After) {
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
    fn answer(&mut self, key: usize, connection: &mut Connection) {
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
    fn drip(&mut self, key: usize, connection: &mut Connection) {
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

    /// A request is done: its server is free, and it is counted.
    fn finish(&mut self, connection: &mut Connection, class: Option<Class>) {
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

    /// One of the server's own pages.
    fn own_page(&mut self, connection: &mut Connection, head: &Head<'_>, page: Own) {
        let config = &self.shared.config;
        let json = |value: serde_json::Value| ("application/json", value.to_string());
        let (status, (content_type, body)) = match page {
            Own::Models => (200, json(models(&config.model))),
            Own::Health => (200, ("text/plain", String::new())),
            Own::Info => {
                let version = env!("CARGO_PKG_VERSION");
                (
                    200,
                    json(serde_json::json!({"model_id": config.model, "version": version, "server": "plimsoll-mock"})),
                )
            }
            Own::Metrics => {
                let text = metrics::page(&self.shared.total(), self.shared.moment(), &config.model);
                (200, ("text/plain; version=0.0.4; charset=utf-8", text))
            }
            Own::Stats => (200, ("application/json", serde_json::to_string(&self.shared.report()).unwrap_or_default())),
            Own::Reset => {
                self.shared.reset();
                (200, json(serde_json::json!({"reset": true})))
            }
            Own::NotFound => (404, json(serde_json::json!({"error": "Not Found"}))),
            Own::WrongMethod => (405, json(serde_json::json!({"error": "Method Not Allowed"}))),
        };
        self.out.clear();
        push_head(&mut self.out, status, content_type, Framing::Length(body.len() as u64));
        if !head.keep_alive {
            self.out.extend_from_slice(b"connection: close\r\n");
            connection.closing = true;
        } else if !head.modern {
            self.out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        self.out.extend_from_slice(b"\r\n");
        if head.method != "HEAD" {
            self.out.extend_from_slice(body.as_bytes());
        }
        connection.send(&self.out);
    }

    /// The server stops: what is still being answered is cut off, and counted as that.
    fn wind_up(&mut self) {
        for key in 0..self.connections.len() {
            if let Some(connection) = self.connections.get_mut(key).and_then(Option::take) {
                self.drop_connection(key, connection);
            }
        }
    }
}

/// Writes bytes as a chunk, or as they are for clients that know no chunks.
fn push_framed(out: &mut Vec<u8>, bytes: &[u8], chunked: bool) {
    if chunked { push_chunk(out, bytes) } else { out.extend_from_slice(bytes) }
}
