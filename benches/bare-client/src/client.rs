//! The users and the one loop that serves them all.

use crate::http::{BodyKind, message_says_success, parse_head};
use memchr::memmem::Finder;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// With its quotes: inside the echoed text they would be escaped.
const COMPLETED: &[u8] = b"\"process_completed\"";
/// End of a chunk and then the empty chunk; JSON has no bare carriage return, so no message can hold it.
const STREAM_END: &[u8] = b"\r\n0\r\n\r\n";
/// Room for a whole stream of a round of 100 users; grows when one needs more.
const BUFFER: usize = 16 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The server accepts and sets up connections after the kernel has: this work is kept out of the first round.
const SETTLE: Duration = Duration::from_millis(50);

/// Where and what to send.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// `host:port`, for the Host header.
    pub(crate) authority: String,
    /// Path before `/gradio_api`, without a slash at the end.
    pub(crate) base: String,
    pub(crate) fn_index: u32,
    pub(crate) inputs: usize,
}

/// What the requests of one or more rounds came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) latencies_ms: Vec<f64>,
    pub(crate) failed: usize,
    pub(crate) first_failure: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No connection: to be opened before the next round.
    Closed,
    Idle,
    Joining,
    /// The stream was asked for; its head is not all there yet.
    AwaitingStream,
    Streaming,
}

struct User {
    id: usize,
    session: String,
    /// The request for the stream is the same in every round.
    get_request: String,
    stream: Option<TcpStream>,
    state: State,
    buffer: Vec<u8>,
    filled: usize,
    scanned: usize,
    started: Instant,
    /// When the read that brought the completed message returned, and where the message is in the buffer.
    completed: Option<(Instant, usize)>,
}

/// What became of a user's request after some of its bytes were handled.
enum Step {
    Pending,
    Done(Result<Duration, String>),
}

/// A fixed group of users, each with one connection and one session for its life.
pub(crate) struct Group<'a> {
    target: &'a Target,
    poll: Poll,
    events: Events,
    users: Vec<User>,
    marker: Finder<'static>,
    request: String,
    body: String,
}

impl<'a> Group<'a> {
    /// Opens the connections of `users` users; `name` keeps their sessions apart from another group's.
    pub(crate) fn open(target: &'a Target, name: &str, users: usize) -> io::Result<Self> {
        let users = (0..users).map(|id| User::new(target, name, id)).collect();
        let mut group = Self {
            target,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            users,
            marker: Finder::new(COMPLETED),
            request: String::new(),
            body: String::new(),
        };
        group.connect_closed()?;
        Ok(group)
    }

    /// One round: every user sends its request, and the round ends when all are answered.
    pub(crate) fn round(&mut self, round: usize, tally: &mut Tally) -> io::Result<()> {
        self.note_closed()?;
        self.connect_closed()?;
        let mut pending = 0;
        for index in 0..self.users.len() {
            match self.send_join(index, round) {
                Ok(()) => pending += 1,
                Err(reason) => self.finish(index, Err(reason), tally),
            }
        }
        // hf-perftest's limit for a round.
        #[expect(clippy::cast_precision_loss, reason = "a number of users")]
        let limit = Duration::from_secs_f64((self.users.len() as f64 * 5.0).max(120.0) + 30.0);
        let deadline = Instant::now() + limit;
        while pending > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.give_up(tally);
                break;
            }
            self.wait(left)?;
            // Taken out for the time of the loop, which needs the users beside it.
            let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
            for event in &events {
                let index = event.token().0;
                let was_pending = self.users[index].is_pending();
                if let Step::Done(outcome) = self.users[index].on_readable(&self.marker) {
                    if was_pending {
                        pending -= 1;
                        self.finish(index, outcome, tally);
                    } else {
                        self.users[index].close();
                    }
                }
            }
            self.events = events;
        }
        Ok(())
    }

    fn send_join(&mut self, index: usize, round: usize) -> Result<(), String> {
        let Self { target, users, request, body, .. } = self;
        let user = &mut users[index];
        body.clear();
        body.push_str("{\"data\":[");
        for input in 0..target.inputs {
            let comma = if input == 0 { "" } else { "," };
            let _ = write!(body, "{comma}\"hello from user {} req {round}\"", user.id);
        }
        let _ = write!(body, "],\"fn_index\":{},\"session_hash\":\"{}\"}}", target.fn_index, user.session);
        request.clear();
        let _ = write!(
            request,
            "POST {}/gradio_api/queue/join HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            target.base,
            target.authority,
            body.len()
        );
        user.begin();
        let stream = user.stream.as_mut().ok_or("no connection")?;
        write_whole(stream, request.as_bytes())
    }

    fn finish(&mut self, index: usize, outcome: Result<Duration, String>, tally: &mut Tally) {
        let user = &mut self.users[index];
        match outcome {
            Ok(latency) => {
                user.state = State::Idle;
                tally.latencies_ms.push(latency.as_secs_f64() * 1000.0);
            }
            Err(reason) => {
                user.close();
                tally.failed += 1;
                tally.first_failure.get_or_insert(reason);
            }
        }
    }

    fn give_up(&mut self, tally: &mut Tally) {
        for index in 0..self.users.len() {
            if self.users[index].is_pending() {
                self.finish(index, Err("no answer within the round's limit".to_owned()), tally);
            }
        }
    }

    /// Finds the connections that the server closed while they were idle.
    fn note_closed(&mut self) -> io::Result<()> {
        self.wait(Duration::ZERO)?;
        for event in &self.events {
            let user = &mut self.users[event.token().0];
            if let Step::Done(_) = user.on_readable(&self.marker) {
                user.close();
            }
        }
        Ok(())
    }

    fn connect_closed(&mut self) -> io::Result<()> {
        let mut opened = false;
        for (index, user) in self.users.iter_mut().enumerate() {
            if user.stream.is_some() {
                continue;
            }
            let stream = std::net::TcpStream::connect_timeout(&self.target.address, CONNECT_TIMEOUT)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            self.poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            user.stream = Some(stream);
            user.state = State::Idle;
            opened = true;
        }
        if opened {
            std::thread::sleep(SETTLE);
        }
        Ok(())
    }

    fn wait(&mut self, limit: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            other => other,
        }
    }
}

impl User {
    fn new(target: &Target, name: &str, id: usize) -> Self {
        let session = format!("bare{}{name}{id}", std::process::id());
        let get_request = format!(
            "GET {}/gradio_api/queue/data?session_hash={session} HTTP/1.1\r\nhost: {}\r\n\
             accept: text/event-stream\r\n\r\n",
            target.base, target.authority
        );
        Self {
            id,
            session,
            get_request,
            stream: None,
            state: State::Closed,
            buffer: vec![0; BUFFER],
            filled: 0,
            scanned: 0,
            started: Instant::now(),
            completed: None,
        }
    }

    fn is_pending(&self) -> bool {
        !matches!(self.state, State::Idle | State::Closed)
    }

    fn close(&mut self) {
        self.stream = None;
        self.state = State::Closed;
    }

    /// The request is about to be written: its time starts here.
    fn begin(&mut self) {
        self.filled = 0;
        self.scanned = 0;
        self.completed = None;
        self.state = State::Joining;
        self.started = Instant::now();
    }

    /// Reads what is there. Events come once per arrival, so reading goes on until the socket is empty.
    fn on_readable(&mut self, marker: &Finder<'_>) -> Step {
        loop {
            if self.buffer.len() - self.filled < BUFFER / 4 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let Some(stream) = self.stream.as_mut() else {
                return Step::Pending;
            };
            let room = self.buffer.len() - self.filled;
            let count = match stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Step::Done(Err("the server closed the connection".to_owned())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Pending,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Step::Done(Err(error.to_string())),
            };
            let arrived = Instant::now();
            self.filled += count;
            match self.advance(arrived, marker) {
                // A read that did not fill the room has emptied the socket; later bytes, or its end, are a new event.
                Ok(None) if count < room => return Step::Pending,
                Ok(None) => {}
                Ok(Some(latency)) => return Step::Done(Ok(latency)),
                Err(reason) => return Step::Done(Err(reason)),
            }
        }
    }

    fn advance(&mut self, arrived: Instant, marker: &Finder<'_>) -> Result<Option<Duration>, String> {
        match self.state {
            State::Idle | State::Closed => return Err("bytes that were not asked for".to_owned()),
            State::Joining => {
                let Some(head) = parse_head(&self.buffer[..self.filled])? else { return Ok(None) };
                if head.status != 200 {
                    return Err(format!("join was answered with status {}", head.status));
                }
                let BodyKind::Length(length) = head.body else {
                    return Err("join was answered with a stream".to_owned());
                };
                if self.filled < head.body_at + length {
                    return Ok(None);
                }
                self.filled = 0;
                self.state = State::AwaitingStream;
                let stream = self.stream.as_mut().ok_or("no connection")?;
                write_whole(stream, self.get_request.as_bytes())?;
                return Ok(None);
            }
            State::AwaitingStream => {
                let Some(head) = parse_head(&self.buffer[..self.filled])? else { return Ok(None) };
                if head.status != 200 || head.body != BodyKind::Chunked {
                    return Err(format!("the stream was answered with status {}", head.status));
                }
                self.scanned = head.body_at;
                self.state = State::Streaming;
            }
            State::Streaming => {}
        }
        let bytes = &self.buffer[..self.filled];
        if self.completed.is_none() {
            if let Some(at) = marker.find(&bytes[self.scanned..]) {
                self.completed = Some((arrived, self.scanned + at));
            }
            // The marker may be cut by the end of this read.
            self.scanned = self.scanned.max((self.filled + 1).saturating_sub(COMPLETED.len()));
        }
        if !bytes.ends_with(STREAM_END) {
            return Ok(None);
        }
        match self.completed {
            Some((when, at)) if message_says_success(bytes, at) => Ok(Some(when - self.started)),
            Some(_) => Err("the app says that the call failed".to_owned()),
            None => Err("the stream ended without process_completed".to_owned()),
        }
    }
}

/// A request is a few hundred bytes on an idle connection: the kernel takes it at once or something is wrong.
fn write_whole(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), String> {
    match stream.write(bytes) {
        Ok(count) if count == bytes.len() => Ok(()),
        Ok(count) => Err(format!("only {count} of {} bytes could be written", bytes.len())),
        Err(error) => Err(error.to_string()),
    }
}
