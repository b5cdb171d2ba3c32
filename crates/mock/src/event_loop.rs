//! The event loop: sockets that have something to say, and steps that are due.
//!
//! A loop owns its connections. It is woken by a socket, by its alarm (a timer descriptor, since a poll's timeout
//! counts in whole milliseconds) or by a letter of another loop, and never blocks elsewhere.

mod intake;
mod pages;
mod serving;
mod writing;

use crate::clock::{self, Alarm};
use crate::connection::Connection;
use crate::exchange::Stage;
use crate::gate::Ticket;
use crate::outcome::Class;
use crate::shared::{Letter, Shared, lock};
use crate::timers::{Timers, Wake};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
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
                class @ (Class::Connect | Class::Timeout | Class::Protocol) => class,
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

    /// The server stops: what is still being answered is cut off, and counted as that.
    fn wind_up(&mut self) {
        for key in 0..self.connections.len() {
            if let Some(connection) = self.connections.get_mut(key).and_then(Option::take) {
                self.drop_connection(key, connection);
            }
        }
    }
}
