//! HTTP/1.1 on one connection (RFC 9112), as a client: one request at a time, bodies as they come.
//!
//! Own code for a measured reason: a stream of small events costs a library's connection task, its channel and its
//! wake-ups more than the parsing does. With hyper's connection-level client a Gradio request at 100 users took
//! 1.6 times the CPU of a bare socket. Here the task that wants the bytes reads the socket itself.

use crate::WireError;
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use plimsoll_model::Clock;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// What a connection runs over: TCP, or TLS over TCP.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Where all connections of a thread read into. A connection that waits, for a request or for an answer, needs no
/// buffer of its own: with one each, 10,000 users would hold 160 MB.
#[derive(Clone)]
pub(crate) struct Scratch(Rc<RefCell<Box<[u8]>>>);

impl Scratch {
    /// Room for each read: a file comes in large pieces.
    const SIZE: usize = 64 << 10;

    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(vec![0; Self::SIZE].into())))
    }
}

/// An open connection between requests, or in the middle of one.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    clock: Clock,
    scratch: Scratch,
    /// Bytes that were read and not yet taken.
    input: BytesMut,
    /// When the last of them came.
    read_at: Duration,
    /// Whether another request may follow on this connection.
    reusable: bool,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub status: u16,
    pub headers: HeaderMap,
    pub at: Duration,
    pub framing: Framing,
}

/// Where a body ends (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// It has ended, or there was none.
    Done,
    /// After so many more bytes.
    Length(u64),
    /// In chunks.
    Chunked(ChunkState),
    /// When the server closes.
    UntilClose,
}

/// Where a chunked body stands (RFC 9112, section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkState {
    /// Before a line with a chunk's size.
    Size,
    /// Within a chunk, so many bytes before its end.
    Data(u64),
    /// Before the line end after a chunk's data.
    DataEnd,
    /// Among the trailer lines.
    Trailer,
}

/// Why nothing was sent or read. A connection that failed is not used again.
#[derive(Debug)]
pub(crate) enum ExchangeError {
    /// The server closed before any byte of the answer came.
    ClosedBeforeAnswer(WireError),
    /// Anything else.
    Failed(WireError),
}

impl Connection {
    /// Most bytes of an answer's head.
    const MOST_HEAD: usize = 256 << 10;
    const MOST_HEADERS: usize = 128;
    /// A larger buffer is not kept between two requests.
    const MOST_IDLE: usize = 4 << 10;

    pub(crate) fn new(stream: Box<dyn Stream>, clock: Clock, scratch: Scratch) -> Self {
        Self { stream, clock, scratch, input: BytesMut::new(), read_at: Duration::ZERO, reusable: true }
    }

    /// Waits until the server closes an idle connection, or says something unasked.
    pub(crate) async fn closed(&mut self) {
        let mut byte = [0u8; 1];
        // Whatever comes, bytes, an end or an error, this connection has served.
        let _ = poll_fn(|context| Pin::new(&mut self.stream).poll_read(context, &mut ReadBuf::new(&mut byte))).await;
        self.reusable = false;
    }

    /// Whether an idle connection is still open. A server that says something without being asked is not trusted.
    pub(crate) async fn is_open(&mut self) -> bool {
        if !self.reusable || !self.input.is_empty() {
            return false;
        }
        let mut byte = [0u8; 1];
        poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut byte);
            Poll::Ready(Pin::new(&mut self.stream).poll_read(context, &mut buffer).is_pending())
        })
        .await
    }

    /// Writes a request (its head, and what of its body did not fit in one piece with it) and reads the head of the
    /// answer.
    pub(crate) async fn exchange(&mut self, method: &Method, head: &[u8], body: &[u8]) -> Result<Head, ExchangeError> {
        self.reusable = false;
        let mut written = self.stream.write_all(head).await;
        if written.is_ok() && !body.is_empty() {
            written = self.stream.write_all(body).await;
        }
        if written.is_ok() {
            written = self.stream.flush().await;
        }
        // A server may refuse a large upload before it has read it all: its answer counts more than the broken pipe.
        match self.read_head(method).await {
            Ok(head) => Ok(head),
            Err(ExchangeError::ClosedBeforeAnswer(_)) if written.is_err() => {
                let error = written.err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
                Err(ExchangeError::ClosedBeforeAnswer(WireError::lost(&error)))
            }
            Err(error) => Err(error),
        }
    }

    async fn read_head(&mut self, method: &Method) -> Result<Head, ExchangeError> {
        loop {
            if let Some(head) = self.parse_head(method).map_err(ExchangeError::Failed)? {
                return Ok(head);
            }
            let before = self.input.len();
            if before > Self::MOST_HEAD {
                return Err(ExchangeError::Failed(WireError::protocol("the head of the answer is too long")));
            }
            let lost = |error: &io::Error| match before {
                0 => ExchangeError::ClosedBeforeAnswer(WireError::lost(error)),
                _ => ExchangeError::Failed(WireError::lost(error)),
            };
            match self.fill().await {
                Ok(0) => return Err(lost(&io::Error::other("the server closed it"))),
                Ok(_) => {}
                Err(error) => return Err(lost(&error)),
            }
        }
    }

    /// A complete head out of the input, if there is one; interim answers (1xx) are passed over.
    fn parse_head(&mut self, method: &Method) -> Result<Option<Head>, WireError> {
        loop {
            if self.input.is_empty() {
                return Ok(None);
            }
            // Not filled in first: 4 KB for each answer.
            let mut slots = [const { MaybeUninit::uninit() }; Self::MOST_HEADERS];
            let mut parsed = httparse::Response::new(&mut []);
            let bad =
                |error: &dyn std::fmt::Display| WireError::protocol(format!("the answer is not valid HTTP: {error}"));
            let config = httparse::ParserConfig::default();
            let status = config.parse_response_with_uninit_headers(&mut parsed, &self.input, &mut slots);
            let length = match status.map_err(|error| bad(&error))? {
                httparse::Status::Complete(length) => length,
                httparse::Status::Partial => return Ok(None),
            };
            let status = parsed.code.unwrap_or_default();
            if (100..200).contains(&status) {
                if status == 101 {
                    return Err(bad(&"the server switches protocols unasked"));
                }
                self.input.advance(length);
                continue;
            }
            let mut headers = HeaderMap::with_capacity(parsed.headers.len());
            for field in parsed.headers.iter() {
                let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|error| bad(&error))?;
                headers.append(name, HeaderValue::from_bytes(field.value).map_err(|error| bad(&error))?);
            }
            let framing = framing(method, status, &headers)?;
            self.reusable = stays_open(parsed.version, &headers) && framing != Framing::UntilClose;
            self.input.advance(length);
            return Ok(Some(Head { status, headers, at: self.read_at, framing }));
        }
    }

    /// The next bytes of the body and when they came; `None` at its end.
    pub(crate) async fn read_body(&mut self, framing: &mut Framing) -> Result<Option<(Duration, Bytes)>, WireError> {
        loop {
            match self.take_body(framing) {
                Ok(Some(data)) => return Ok(Some((self.read_at, data))),
                Ok(None) if *framing == Framing::Done => return Ok(None),
                Ok(None) => {}
                Err(error) => {
                    self.reusable = false;
                    return Err(error);
                }
            }
            let result = self.fill().await;
            if let (Ok(0), Framing::UntilClose) = (&result, &framing) {
                *framing = Framing::Done;
                return Ok(None);
            }
            let error = match result {
                Ok(0) => io::Error::other("the server closed it"),
                Ok(_) => continue,
                Err(error) => error,
            };
            self.reusable = false;
            return Err(WireError::lost(&error));
        }
    }

    /// Whether the next request may go out on this connection, now that a body was read to its end.
    pub(crate) fn is_reusable(&self) -> bool {
        self.reusable && self.input.is_empty()
    }

    /// When something was read last, be it the end.
    pub(crate) fn read_at(&self) -> Duration {
        self.read_at
    }

    /// Gives back what a connection between two requests does not need.
    pub(crate) fn rest(&mut self) {
        if self.input.capacity() > Self::MOST_IDLE {
            self.input = BytesMut::new();
        }
    }

    fn take_body(&mut self, framing: &mut Framing) -> Result<Option<Bytes>, WireError> {
        match framing {
            Framing::Done => Ok(None),
            Framing::Length(0) => {
                *framing = Framing::Done;
                Ok(None)
            }
            Framing::Length(left) => Ok(take_up_to(&mut self.input, left)),
            Framing::UntilClose => Ok(Some(self.input.split().freeze()).filter(|data| !data.is_empty())),
            Framing::Chunked(state) => {
                let (data, done) = take_chunked(&mut self.input, state)?;
                if done {
                    *framing = Framing::Done;
                }
                Ok(data)
            }
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        let Self { stream, clock, scratch, input, read_at, .. } = self;
        poll_fn(|context| {
            let mut scratch = scratch.0.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
            *read_at = clock.now();
            input.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
        .await
    }
}

fn take_up_to(input: &mut BytesMut, left: &mut u64) -> Option<Bytes> {
    let count = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    if count == 0 {
        return None;
    }
    *left -= count as u64;
    Some(input.split_to(count).freeze())
}

/// The next data of a chunked body, as far as the input goes; `true` once the body has ended.
fn take_chunked(input: &mut BytesMut, state: &mut ChunkState) -> Result<(Option<Bytes>, bool), WireError> {
    /// No line of a chunked body (size with extensions, trailer field) is longer.
    const MOST_LINE: usize = 16 << 10;
    loop {
        if let ChunkState::Data(left) = state {
            if *left > 0 {
                return Ok((take_up_to(input, left), false));
            }
            *state = ChunkState::DataEnd;
        }
        let Some(end) = memchr::memchr(b'\n', input) else {
            return if input.len() > MOST_LINE {
                Err(WireError::protocol("a line of the chunked body is too long"))
            } else {
                Ok((None, false))
            };
        };
        let line = input[..end].trim_ascii_end();
        let next = match state {
            ChunkState::Size => match chunk_size(line)? {
                0 => ChunkState::Trailer,
                size => ChunkState::Data(size),
            },
            ChunkState::DataEnd if line.is_empty() => ChunkState::Size,
            ChunkState::DataEnd => return Err(WireError::protocol("a chunk is longer than it says")),
            ChunkState::Trailer | ChunkState::Data(_) => ChunkState::Trailer,
        };
        let ended = *state == ChunkState::Trailer && line.is_empty();
        input.advance(end + 1);
        if ended {
            return Ok((None, true));
        }
        *state = next;
    }
}

/// The size line of a chunk: hexadecimal digits, then perhaps extensions.
fn chunk_size(line: &[u8]) -> Result<u64, WireError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let bad = || WireError::protocol("a chunk of the body has no valid size");
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(bad());
    }
    let text = std::str::from_utf8(digits).map_err(|_| bad())?;
    u64::from_str_radix(text, 16).map_err(|_| bad())
}

fn framing(method: &Method, status: u16, headers: &HeaderMap) -> Result<Framing, WireError> {
    if *method == Method::HEAD || matches!(status, 204 | 304) {
        return Ok(Framing::Done);
    }
    if let Some(encoding) = headers.get_all(header::TRANSFER_ENCODING).iter().next_back() {
        let last = encoding.as_bytes().rsplit(|byte| *byte == b',').next().unwrap_or_default();
        let chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return Ok(if chunked { Framing::Chunked(ChunkState::Size) } else { Framing::UntilClose });
    }
    let mut length: Option<u64> = None;
    for value in headers.get_all(header::CONTENT_LENGTH) {
        let this = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let this = this.and_then(|text| text.parse().ok());
        if this.is_none() || length.is_some_and(|known| Some(known) != this) {
            return Err(WireError::protocol("the answer has no valid Content-Length"));
        }
        length = this;
    }
    Ok(length.map_or(Framing::UntilClose, Framing::Length))
}

fn stays_open(version: Option<u8>, headers: &HeaderMap) -> bool {
    let says = |word: &[u8]| {
        headers.get_all(header::CONNECTION).iter().any(|value| {
            value.as_bytes().split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(word))
        })
    };
    if version == Some(1) { !says(b"close") } else { says(b"keep-alive") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::duplex;

    /// What a client makes of these bytes, cut into these pieces: status, body, and whether it would go on.
    fn read(method: Method, pieces: Vec<Vec<u8>>) -> Result<(u16, Vec<u8>, bool), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (ours, mut theirs) = duplex(1 << 20);
            let server = tokio::spawn(async move {
                for piece in pieces {
                    theirs.write_all(&piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
            let mut connection = Connection::new(Box::new(ours), Clock::start(), Scratch::new());
            let head = match connection.read_head(&method).await {
                Ok(head) => head,
                Err(ExchangeError::ClosedBeforeAnswer(error) | ExchangeError::Failed(error)) => {
                    return Err(error.to_string());
                }
            };
            let mut framing = head.framing;
            let mut body = Vec::new();
            loop {
                match connection.read_body(&mut framing).await {
                    Ok(Some((_, data))) => body.extend_from_slice(&data),
                    Ok(None) => break,
                    Err(error) => return Err(error.to_string()),
                }
            }
            server.await.unwrap();
            Ok((head.status, body, connection.is_reusable()))
        })
    }

    fn whole(text: &str) -> Result<(u16, Vec<u8>, bool), String> {
        read(Method::GET, vec![text.as_bytes().to_vec()])
    }

    #[test]
    fn framings() {
        let ok = |text: &str, body: &str, open: bool| {
            assert_eq!(whole(text), Ok((200, body.as_bytes().to_vec(), open)), "{text}")
        };
        ok("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", true);
        ok("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "abc", true);
        ok("HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: Close\r\n\r\nabc", "abc", false);
        ok("HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc", "abc", false);
        ok("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end", false);
        ok("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nx", "x", false);
        ok(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
            "abc0123456789",
            true,
        );
        ok(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "",
            true,
        );
        // More than was asked for: nothing after it can be trusted.
        ok("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc", "a", false);
        assert_eq!(whole("HTTP/1.1 204 No\r\ncontent-length: 9\r\n\r\n"), Ok((204, vec![], true)));
        let head = read(Method::HEAD, vec![b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec()]);
        assert_eq!(head, Ok((200, vec![], true)));
    }

    #[test]
    fn broken_answers_are_errors() {
        for (text, why) in [
            ("", "connection lost"),
            ("HTTP/1.1 200 OK\r\ncontent-le", "connection lost"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", "connection lost"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab", "connection lost"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", "connection lost"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+3\r\nabc\r\n", "no valid size"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n", "longer than it says"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", "Content-Length"),
            ("HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc", "Content-Length"),
            ("SSH-2.0-OpenSSH\r\n", "not valid HTTP"),
            ("HTTP/1.1 101 Switch\r\n\r\n", "switches protocols"),
        ] {
            let error = whole(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        /// Chunks of any size, cut anywhere on the wire, give the same body.
        #[test]
        fn cuts_do_not_matter(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            cuts in proptest::collection::vec(0usize..400, 0..10),
        ) {
            let mut wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(wire.len())).collect();
            cuts.extend([0, wire.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| wire[pair[0]..pair[1]].to_vec()).collect();
            prop_assert_eq!(read(Method::GET, pieces), Ok((200, chunks.concat(), true)));
        }
    }
}
