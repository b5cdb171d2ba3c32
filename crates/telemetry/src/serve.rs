//! The page that Prometheus scrapes: `GET /metrics`, and nothing else.

use crate::text;
use crate::thread::{Latest, step_back};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a client may take for its request and for its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the end of a run waits for the last scrape.
const LONGEST_WAIT: Duration = Duration::from_secs(16);
/// Longest request head.
const MOST: usize = 8 << 10;

/// Reads an address to listen at: `9464`, `:9464` (both on this machine alone), `127.0.0.1:9464`, `[::]:9464`.
///
/// # Errors
/// A sentence on what is wrong with it.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let looked_up = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    looked_up.ok_or_else(|| format!("`{text}` is no address to listen at; write a port (9464) or 127.0.0.1:9464"))
}

/// A thread that answers scrapes. Dropping it ends it.
pub struct ScrapeServer {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    scrapes: Arc<Scrapes>,
    thread: Option<JoinHandle<()>>,
}

impl ScrapeServer {
    /// Listens at `address`.
    ///
    /// # Errors
    /// When the address is taken or not this machine's.
    pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(address)
    }

    /// Starts answering.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(listener: TcpListener, latest: Arc<Latest>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let scrapes = Arc::new(Scrapes::default());
        let (ended, noted) = (over.clone(), scrapes.clone());
        let thread = std::thread::Builder::new().name("scraped".to_owned()).spawn(move || {
            step_back();
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // A client that goes away, or says nothing, is no concern of ours.
                match stream {
                    Ok(stream) => {
                        if answer(stream, address, &latest).unwrap_or(false) {
                            noted.note();
                        }
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            }
        })?;
        Ok(Self { address, over, scrapes, thread: Some(thread) })
    }

    /// Waits until whoever scrapes has come once more, so that the last figures are not lost: as long as it takes
    /// usually, at most 16 s. Does not wait for who has not come twice.
    pub fn wait_for_last_scrape(&self) {
        let since = Instant::now();
        let Some(usual) = self.scrapes.usual() else { return };
        let until = since + (usual.mul_f64(1.2) + Duration::from_millis(200)).min(LONGEST_WAIT);
        while Instant::now() < until && self.scrapes.last().is_none_or(|last| last < since) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ScrapeServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it; if that fails it is gone already.
        let own = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, self.address.port()).into(),
            IpAddr::V6(ip) if ip.is_unspecified() => (std::net::Ipv6Addr::LOCALHOST, self.address.port()).into(),
            _ => self.address,
        };
        let woken = TcpStream::connect_timeout(&own, PATIENCE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

/// When pages were asked for.
#[derive(Debug, Default)]
struct Scrapes(Mutex<Option<(Instant, Option<Duration>)>>);

impl Scrapes {
    fn note(&self) {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((now, last.map(|(before, _)| now - before)));
    }

    fn last(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|(last, _)| last)
    }

    /// Time between the last two.
    fn usual(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).and_then(|(_, usual)| usual)
    }
}

/// Answers one client; whether it got the page.
fn answer(mut stream: TcpStream, address: SocketAddr, latest: &Latest) -> io::Result<bool> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = read_head(&mut stream)?;
    let (status, content_type, body) = respond(&head, address, latest);
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes())?;
    Ok(content_type == text::CONTENT_TYPE)
}

/// The request up to the empty line that ends its head.
fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut part = [0; 2048];
    while head.len() < MOST && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => head.extend_from_slice(&part[..read]),
        }
    }
    Ok(head)
}

fn respond(head: &[u8], address: SocketAddr, latest: &Latest) -> (&'static str, &'static str, String) {
    const PLAIN: &str = "text/plain; charset=utf-8";
    let refuse = |status: &'static str, why: &str| (status, PLAIN, format!("{why}\n"));
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    if !matches!(request.parse(head), Ok(httparse::Status::Complete(_))) {
        return refuse("400 Bad Request", "this is no HTTP request");
    }
    let host = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("host"));
    let host = host.map(|field| String::from_utf8_lossy(field.value).into_owned()).unwrap_or_default();
    // A page in a browser that had its own name resolved to this machine must not read here.
    if address.ip().is_loopback() && !is_local(&host) {
        return refuse("403 Forbidden", "only for clients that call this machine by its local name");
    }
    let path = request.path.unwrap_or_default().split('?').next().unwrap_or_default();
    match (request.method, path) {
        (Some("GET"), "/metrics") => {
            let page = latest.get().map(|snapshot| text::page(&snapshot)).unwrap_or_default();
            ("200 OK", text::CONTENT_TYPE, page)
        }
        (Some("GET"), "/") => refuse("200 OK", "metrics are at /metrics"),
        (Some("GET"), _) => refuse("404 Not Found", "metrics are at /metrics"),
        _ => refuse("405 Method Not Allowed", "only GET"),
    }
}

fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in ["9464", ":9464", "127.0.0.1:9464"] {
            assert_eq!(parse_listen(text).unwrap().to_string(), "127.0.0.1:9464");
        }
        assert!(parse_listen("[::]:9464").unwrap().ip().is_unspecified());
        for text in ["", "x", "99999", "127.0.0.1", "http://127.0.0.1:1"] {
            assert!(parse_listen(text).unwrap_err().contains("9464"), "{text}");
        }
    }

    #[test]
    fn only_local_names_and_only_one_page() {
        let status = |head: &str| respond(head.as_bytes(), "127.0.0.1:1".parse().unwrap(), &Latest::default()).0;
        let get = |path: &str, host: &str| status(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        assert_eq!(get("/metrics?x", "localhost:9464"), "200 OK");
        assert_eq!(get("/metrics", "[::1]:9464"), "200 OK");
        assert_eq!(get("/metrics", "evil.example"), "403 Forbidden");
        assert_eq!(get("/run.json", "127.0.0.1"), "404 Not Found");
        assert_eq!(status("POST /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"), "405 Method Not Allowed");
        assert_eq!(status("\0\r\n\r\n"), "400 Bad Request");
    }
}
