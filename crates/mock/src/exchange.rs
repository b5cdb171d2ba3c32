//! One request and its answer, from the last byte of the one to the last byte of the other; and how answers are put
//! into HTTP.

use crate::faults::Fault;
use crate::http::reason;
use crate::outcome::Class;
use crate::random::Random;
use crate::stream::Stream;
use crate::words::{push_hex, push_number};

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Being let in, once a stall is over.
    Arriving,
    /// A server.
    Queued,
    /// A stall's end, a server being there already.
    Starting,
    /// Its answer being due.
    Serving,
    /// Its next token being due.
    Streaming,
    /// The second half of a split write.
    Rest(After),
    /// The next piece of a dripped body.
    Dripping,
    /// A big body being sent.
    Filling,
}

pub(crate) use crate::stream::After;

/// How a request is answered.
#[derive(Debug)]
pub(crate) enum Reply {
    /// All at once, after `service` nanoseconds.
    Plain { status: u16, content_type: &'static str, body: Vec<u8>, service: u64 },
    /// Token by token.
    Stream(Box<Stream>),
}

/// A request being answered. Times are nanoseconds of [`crate::clock::now`].
#[derive(Debug)]
pub(crate) struct Exchange {
    pub id: Box<str>,
    pub path: Box<str>,
    pub stage: Stage,
    pub reply: Reply,
    /// The class it ends in if nothing else happens.
    pub class: Class,
    pub fault: Option<(usize, Fault)>,
    /// Header lines of the answer that limits asked for.
    pub headers: Vec<u8>,
    pub keep_alive: bool,
    /// Whether the client can read chunks.
    pub modern: bool,
    /// Answered without a server: an error that was decided on arrival.
    pub refused: bool,
    /// For the message that it is still loading.
    pub model: Box<str>,
    /// Would rather wait for a cold start than be turned away; how many nanoseconds at most.
    pub hold: Option<u64>,
    pub holds_server: bool,
    pub random: Random,
    pub received: u64,
    pub started: Option<u64>,
    pub head: Option<u64>,
    pub first_token: Option<u64>,
    pub last_write: u64,
    /// When the next step is due by its schedule, however late it comes.
    pub due: u64,
    pub tokens: u32,
    pub prompt_tokens: u32,
    pub blocked: bool,
    /// Stamps of writes, where truth is kept.
    pub writes: Vec<u64>,
    /// Bytes still to be sent: the half of a split write, or a body that drips.
    pub rest: Vec<u8>,
}

/// What a response's body ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    /// The connection's end, for clients that know no chunks.
    Close,
}

impl Exchange {
    /// Writes the head of the answer.
    pub(crate) fn push_head(
        &self,
        out: &mut Vec<u8>,
        status: u16,
        content_type: &str,
        framing: Framing,
        timing: Option<u64>,
    ) {
        push_head(out, status, content_type, framing);
        out.extend_from_slice(b"x-request-id: ");
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(b"\r\n");
        if let (Some(now), Some(started)) = (timing, self.started) {
            let mut line = |name: &[u8], nanos: u64| {
                out.extend_from_slice(name);
                push_number(out, nanos / 1_000_000);
                out.extend_from_slice(b"\r\n");
            };
            line(b"x-queue-time: ", started.saturating_sub(self.received));
            line(b"x-inference-time: ", now.saturating_sub(started));
            line(b"x-total-time: ", now.saturating_sub(self.received));
        }
        out.extend_from_slice(&self.headers);
        if !self.keep_alive || framing == Framing::Close {
            out.extend_from_slice(b"connection: close\r\n");
        } else if !self.modern {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes status line, type and framing; the caller adds its own lines and the empty one.
pub(crate) fn push_head(out: &mut Vec<u8>, status: u16, content_type: &str, framing: Framing) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_number(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\ncontent-type: ");
    out.extend_from_slice(content_type.as_bytes());
    match framing {
        Framing::Length(length) => {
            out.extend_from_slice(b"\r\ncontent-length: ");
            push_number(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"\r\ntransfer-encoding: chunked\r\n"),
        Framing::Close => out.extend_from_slice(b"\r\n"),
    }
}

/// Writes bytes as one chunk; nothing for no bytes, since an empty chunk ends the body.
pub(crate) fn push_chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_empty() {
        push_hex(out, bytes.len());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }
}

/// The end of a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
