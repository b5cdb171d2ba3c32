//! Streams of an OpenAI-compatible server: the least that a client can do to time their tokens.
//!
//! One thread, one epoll loop, connections that are open before the first request. Each read is stamped and cut into
//! lines; a `data:` line with content is a token. Nothing is parsed as JSON.

use crate::http::{BodyKind, parse_head};
use crate::{number, stats};
use memchr::memmem::Finder;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) const USAGE: &str = "usage: bare-client sse --url http://HOST:PORT --streams N [--seconds 5] [--ramp 0] \
                                [--max-tokens 64] [--prompt TEXT]";

/// Content that is not empty follows with anything but a quote.
const CONTENT: &[u8] = b"\"content\":\"";
const READ: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// As the other half of this program: the server's work of accepting is over before the first request.
const SETTLE: Duration = Duration::from_millis(50);
/// After the last request may begin: so long the last answers may take.
const GRACE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Options {
    authority: String,
    address: SocketAddr,
    streams: u32,
    seconds: f64,
    ramp: f64,
    max_tokens: u32,
    prompt: String,
}

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut url, mut streams, mut seconds, mut ramp, mut max_tokens) = (None, 1, 5.0, 0.0, 64);
        let mut prompt = "Say something.".to_owned();
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
            match name.as_str() {
                "--url" => url = Some(value),
                "--streams" => streams = number(&name, &value)?,
                "--seconds" => seconds = number(&name, &value)?,
                "--ramp" => ramp = number(&name, &value)?,
                "--max-tokens" => max_tokens = number(&name, &value)?,
                "--prompt" => prompt = value,
                _ => return Err(format!("unknown option {name}\n{USAGE}")),
            }
        }
        let url = url.ok_or_else(|| format!("--url is missing\n{USAGE}"))?;
        let authority = url.strip_prefix("http://").ok_or("--url must begin with http://")?.trim_end_matches('/');
        let address = authority.parse().map_err(|_| format!("{authority} is not an address with its port"))?;
        if streams == 0 || !(seconds > 0.0 && ramp >= 0.0) {
            return Err("--streams and --seconds must be above zero".to_owned());
        }
        Ok(Self { authority: authority.to_owned(), address, streams, seconds, ramp, max_tokens, prompt })
    }

    /// The request is the same each time; the prompt is taken as it is.
    fn request(&self) -> Vec<u8> {
        let body = format!(
            "{{\"model\":\"mock\",\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}],\"max_tokens\":{},\
             \"stream\":true,\"stream_options\":{{\"include_usage\":true}}}}",
            self.prompt, self.max_tokens
        );
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             accept: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
            self.authority,
            body.len()
        )
        .into_bytes()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for its turn to begin.
    Idle,
    AwaitingHead,
    Streaming,
    /// The last chunk's size has been read; an empty line ends the answer.
    Ending,
    Closed,
}

struct Stream {
    socket: TcpStream,
    state: State,
    /// The beginning of a line, or of the head, whose end has not come yet.
    rest: Vec<u8>,
    sent: Instant,
    /// When the last token came.
    last: Option<Instant>,
}

#[derive(Debug, Default)]
struct Tally {
    ttft: Vec<u32>,
    gaps: Vec<u32>,
    tokens: u64,
    ok: u64,
    failed: u64,
    first_failure: Option<String>,
}

impl Tally {
    fn token(&mut self, stream: &mut Stream, arrived: Instant) {
        self.tokens += 1;
        let (times, since) = match stream.last {
            None => (&mut self.ttft, stream.sent),
            Some(last) => (&mut self.gaps, last),
        };
        times.push(u32::try_from((arrived - since).as_nanos()).unwrap_or(u32::MAX));
        stream.last = Some(arrived);
    }
}

/// Runs the streams; one line of JSON about them.
pub(crate) fn run(options: &Options) -> Result<String, String> {
    let failed = |error: io::Error| format!("{}: {error}", options.authority);
    let mut poll = Poll::new().map_err(failed)?;
    let mut streams = open(options, &poll).map_err(failed)?;
    let request = options.request();
    let mut tally = Tally::default();
    let content = Finder::new(CONTENT);
    let mut scratch = vec![0; READ];
    let mut events = Events::with_capacity(1024);
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(options.seconds);
    let step = Duration::from_secs_f64(options.ramp / f64::from(options.streams));
    let mut begun = 0;
    let mut under_way = 0usize;
    loop {
        let now = Instant::now();
        while begun < options.streams && began + step * begun <= now {
            under_way += usize::from(streams[begun as usize].begin(&request, &mut tally));
            begun += 1;
        }
        let wait = if begun < options.streams {
            (began + step * begun).saturating_duration_since(now)
        } else if under_way == 0 {
            break;
        } else {
            (end + GRACE).saturating_duration_since(now)
        };
        if now > end + GRACE {
            return Err(format!("{under_way} streams did not end"));
        }
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.map_err(failed)?,
        }
        for event in &events {
            let stream = &mut streams[event.token().0];
            if stream.state == State::Idle || stream.state == State::Closed {
                continue;
            }
            match stream.on_readable(&mut scratch, &content, &mut tally) {
                Ok(false) => continue,
                Ok(true) => tally.ok += 1,
                Err(reason) => {
                    tally.failed += 1;
                    tally.first_failure.get_or_insert(reason);
                    stream.state = State::Closed;
                }
            }
            let again = stream.state != State::Closed && Instant::now() < end;
            if !(again && stream.begin(&request, &mut tally)) {
                under_way -= 1;
            }
        }
    }
    if let Some(reason) = &tally.first_failure {
        eprintln!("bare-client: {} streams failed, the first because: {reason}", tally.failed);
    }
    Ok(report(options, &mut tally, began.elapsed()))
}

fn open(options: &Options, poll: &Poll) -> io::Result<Vec<Stream>> {
    let streams = (0..options.streams as usize)
        .map(|index| {
            let socket = std::net::TcpStream::connect_timeout(&options.address, CONNECT_TIMEOUT)?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            let mut socket = TcpStream::from_std(socket);
            poll.registry().register(&mut socket, Token(index), Interest::READABLE)?;
            Ok(Stream { socket, state: State::Idle, rest: Vec::new(), sent: Instant::now(), last: None })
        })
        .collect::<io::Result<_>>()?;
    std::thread::sleep(SETTLE);
    Ok(streams)
}

impl Stream {
    /// Sends a request; false if that was not possible.
    fn begin(&mut self, request: &[u8], tally: &mut Tally) -> bool {
        self.state = State::AwaitingHead;
        self.rest.clear();
        self.last = None;
        self.sent = Instant::now();
        // A few hundred bytes on an idle connection: the kernel takes them at once or something is wrong.
        let problem = match self.socket.write(request) {
            Ok(count) if count == request.len() => return true,
            Ok(_) => "the request could not be written whole".to_owned(),
            Err(error) => error.to_string(),
        };
        self.state = State::Closed;
        tally.failed += 1;
        tally.first_failure.get_or_insert(problem);
        false
    }

    /// Reads what is there; true when the answer is complete.
    fn on_readable(&mut self, scratch: &mut [u8], content: &Finder<'_>, tally: &mut Tally) -> Result<bool, String> {
        loop {
            let count = match self.socket.read(scratch) {
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.to_string()),
            };
            let arrived = Instant::now();
            if self.advance(arrived, &scratch[..count], content, tally)? {
                return Ok(true);
            }
            // A read that did not fill the room has emptied the socket; later bytes are a new event.
            if count < scratch.len() {
                return Ok(false);
            }
        }
    }

    fn advance(
        &mut self,
        arrived: Instant,
        bytes: &[u8],
        content: &Finder<'_>,
        tally: &mut Tally,
    ) -> Result<bool, String> {
        // Most reads are whole lines: nothing is copied then.
        let mut joined = std::mem::take(&mut self.rest);
        let mut bytes = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        if self.state == State::AwaitingHead {
            let Some(head) = parse_head(bytes)? else {
                self.rest = bytes.to_vec();
                return Ok(false);
            };
            if head.status != 200 || head.body != BodyKind::Chunked {
                return Err(format!("the stream was answered with status {}", head.status));
            }
            bytes = &bytes[head.body_at..];
            self.state = State::Streaming;
        }
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let line = &bytes[..end];
            bytes = &bytes[end + 1..];
            if line.starts_with(b"data: ") {
                if content.find(line).is_some_and(|at| line.get(at + CONTENT.len()) != Some(&b'"')) {
                    tally.token(self, arrived);
                }
            } else if self.state == State::Ending && line == b"\r" {
                return if self.last.is_some() { Ok(true) } else { Err("the stream had no content".to_owned()) };
            } else if line == b"0\r" {
                self.state = State::Ending;
            }
        }
        self.rest = bytes.to_vec();
        Ok(false)
    }
}

fn report(options: &Options, tally: &mut Tally, elapsed: Duration) -> String {
    let percentiles = |times: &mut Vec<u32>| {
        times.sort_unstable();
        let sorted: Vec<f64> = times.iter().map(|nanos| f64::from(*nanos) / 1e6).collect();
        [50.0, 99.0].map(|q| match stats::percentile(&sorted, q) {
            Some(value) => format!("{value:.4}"),
            None => "null".to_owned(),
        })
    };
    let ([ttft_p50, ttft_p99], [itl_p50, itl_p99]) = (percentiles(&mut tally.ttft), percentiles(&mut tally.gaps));
    format!(
        "{{\"streams\":{},\"ok\":{},\"failed\":{},\"tokens\":{},\"elapsed_s\":{:.6},\"ttft_p50_ms\":{ttft_p50},\
         \"ttft_p99_ms\":{ttft_p99},\"itl_p50_ms\":{itl_p50},\"itl_p99_ms\":{itl_p99}}}",
        options.streams,
        tally.ok,
        tally.failed,
        tally.tokens,
        elapsed.as_secs_f64(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn options(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_and_defaults() {
        let options = options("--url http://127.0.0.1:80/ --streams 7 --ramp 1.5").unwrap();
        assert_eq!((options.streams, options.ramp, options.max_tokens), (7, 1.5, 64));
        let request = String::from_utf8(options.request()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{request}");
        assert!(super::tests::options("--url http://127.0.0.1:80 --streams 0").is_err());
        assert!(super::tests::options("--url http://localhost --streams 1").is_err());
    }

    /// An answer of two tokens, cut into pieces of this size.
    fn read(size: usize) -> (bool, u64, usize) {
        let event = |text: &str| {
            let event = format!("data: {{\"choices\":[{{\"delta\":{{{text}}}}}]}}\n\n");
            format!("{:x}\r\n{event}\r\n", event.len())
        };
        let answer = [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            &event("\"role\":\"assistant\",\"content\":\"\""),
            &event("\"content\":\"one\""),
            &event("\"content\":\" two\""),
            &event(""),
            "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
        ]
        .concat();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, now) = (TcpStream::from_std(socket), Instant::now());
        let mut stream = Stream { socket, state: State::AwaitingHead, rest: Vec::new(), sent: now, last: None };
        let (mut tally, finder) = (Tally::default(), Finder::new(CONTENT));
        let mut ended = false;
        for piece in answer.as_bytes().chunks(size) {
            assert!(!ended);
            ended = stream.advance(now, piece, &finder, &mut tally).unwrap();
        }
        (ended, tally.tokens, tally.ttft.len())
    }

    #[test]
    fn tokens_are_counted_however_they_are_cut() {
        for size in [1, 2, 3, 7, 50, 10_000] {
            assert_eq!(read(size), (true, 2, 1), "{size}");
        }
    }
}
