//! The server, asked by clients that behave and by clients that do not.

use super::*;
use plimsoll_results::page::PageTile;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Instant;

#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

impl Actions for Asked {
    fn stop(&self) {
        self.0.lock().unwrap().push("stop".to_owned());
    }

    fn annotate(&self, text: &str) -> bool {
        self.0.lock().unwrap().push(text.to_owned());
        true
    }
}

struct Site {
    server: LiveServer,
    port: u16,
    token: String,
    asked: Arc<Asked>,
}

fn site(address: &str, hosts: &[&str]) -> Site {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let listener = Listener::bind(address.parse().unwrap(), &hosts).unwrap();
    let (port, token) = (listener.address.port(), listener.guard.token.clone());
    let asked = Arc::new(Asked::default());
    let server = listener.serve(PageData::default(), asked.clone()).unwrap();
    Site { server, port, token, asked }
}

impl Site {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
    }

    /// Status, head and body of one exchange.
    fn ask(&self, line: &str, headers: &str, body: &str) -> (u16, String, String) {
        let mut stream = self.connect();
        let length = body.len();
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}",
            self.port
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
    }

    fn with_token(&self, line: &str, body: &str) -> u16 {
        self.ask(line, &format!("X-Plimsoll-Token: {}\r\n", self.token), body).0
    }

    fn events(&self) -> BufReader<TcpStream> {
        let mut stream = self.connect();
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        BufReader::new(stream)
    }
}

fn tick(label: &str) -> PageTick {
    PageTick { tiles: Some(vec![PageTile { label: label.to_owned(), ..PageTile::default() }]), ..PageTick::default() }
}

/// Reads to the next line with this.
fn read_to(stream: &mut impl BufRead, wanted: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended before {wanted:?}");
        if line.contains(wanted) {
            return line;
        }
    }
}

#[test]
fn pages_data_and_actions() {
    let site = site("127.0.0.1:0", &[]);
    let (status, head, body) = site.ask("GET /", "", "");
    assert!(status == 200 && body == crate::live(&site.token) && body.contains(&site.token));
    for header in ["content-security-policy: default-src 'none'", "frame-ancestors 'none'", "nosniff", "no-store"] {
        assert!(head.contains(header), "{head}");
    }
    site.server.feed().tick(tick("one"));
    let deadline = Instant::now() + Duration::from_secs(5);
    while !site.ask("GET /api/data", "", "").2.contains("\"one\"") {
        assert!(Instant::now() < deadline);
    }
    assert_eq!(site.ask("GET /etc/passwd", "", "").0, 404);
    assert_eq!(site.ask("DELETE /api/data", "", "").0, 405);
    assert_eq!(site.ask("POST /api/stop", "", "").0, 403);
    assert_eq!(site.ask("POST /api/stop", "X-Plimsoll-Token: 0\r\n", "").0, 403);
    let foreign = format!("X-Plimsoll-Token: {}\r\nOrigin: http://evil.example\r\n", site.token);
    assert_eq!(site.ask("POST /api/stop", &foreign, "").0, 403);
    assert!(site.asked.0.lock().unwrap().is_empty());
    assert_eq!(site.with_token("POST /api/annotate", r#"{"text": " the cache\n\u0007 is  warm "}"#), 204);
    assert_eq!(site.with_token("POST /api/stop", ""), 204);
    assert_eq!(*site.asked.0.lock().unwrap(), ["the cache is warm", "stop"]);
    for (body, status) in [
        ("{\"text\": \" \"}".to_owned(), 400),
        ("text".to_owned(), 400),
        (format!("{{\"text\": \"{}\"}}", "é".repeat(500)), 204),
        (format!("{{\"text\": \"{}\"}}", "é".repeat(501)), 413),
        (format!("{{\"text\": \"{}\"}}", "e".repeat(100_000)), 413),
    ] {
        assert_eq!(site.with_token("POST /api/annotate", &body), status, "{}", body.len());
    }
    site.server.close().unwrap();
}

#[test]
fn beyond_this_machine_reading_needs_the_token() {
    let site = site("0.0.0.0:0", &[]);
    for path in ["/", "/api/data", "/api/events", "/?token=0"] {
        let (status, head, _) = site.ask(&format!("GET {path}"), "", "");
        assert_eq!(status, 403, "{path}");
        assert!(!head.contains(&site.token));
    }
    let (status, head, body) = site.ask(&format!("GET /?token={}", site.token), "", "");
    assert!(status == 200 && !body.contains(&site.token), "it sends on to an address without the token");
    let cookie = format!("plimsoll_{}={}", site.port, site.token);
    assert!(head.contains(&format!("set-cookie: {cookie}; HttpOnly; SameSite=Strict; Path=/")), "{head}");
    for path in ["/", "/api/data"] {
        assert_eq!(site.ask(&format!("GET {path}"), &format!("Cookie: {cookie}\r\n"), "").0, 200);
    }
    assert_eq!(site.ask("POST /api/stop", &format!("Cookie: {cookie}\r\n"), "").0, 403);
    site.server.close().unwrap();
}

#[test]
fn streams_begin_with_the_whole_and_end_with_bye() {
    let site = site("127.0.0.1:0", &[]);
    site.server.feed().tick(tick("before"));
    let mut events = site.events();
    read_to(&mut events, "event: data");
    read_to(&mut events, "\"before\"");
    site.server.feed().tick(tick("after"));
    read_to(&mut events, "event: tick");
    assert!(read_to(&mut events, "data: ").starts_with("data: {\"tiles\":[{"));
    let start = Instant::now();
    site.server.close().unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "nobody is waited for in vain: {:?}", start.elapsed());
    read_to(&mut events, "event: bye");
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
}

#[test]
fn a_browser_that_stopped_gets_no_room_and_holds_up_nobody() {
    let site = site("127.0.0.1:0", &[]);
    let mut stopped = site.events();
    read_to(&mut stopped, "event: data");
    let mut other = site.events();
    // Far more than the system keeps for a connection.
    let long = "x".repeat(200_000);
    for number in 0..100 {
        site.server.feed().tick(tick(&format!("{number} {long}")));
        read_to(&mut other, &format!("\"{number} "));
    }
    let start = Instant::now();
    site.server.close().unwrap();
    assert!(start.elapsed() < LAST_LOOK + Duration::from_secs(1), "{:?}", start.elapsed());
    // What it can still read is what was under way, not what came after.
    let mut rest = Vec::new();
    let _ = stopped.read_to_end(&mut rest);
    assert!(rest.len() < 8_000_000, "{} of 20,000,000 bytes were kept for it", rest.len());
}

#[test]
fn too_many_pages() {
    let site = site("127.0.0.1:0", &[]);
    let mut streams: Vec<_> = (0..64)
        .map(|_| {
            let mut events = site.events();
            read_to(&mut events, "event: data");
            events
        })
        .collect();
    assert_eq!(site.ask("GET /api/events", "", "").0, 503);
    streams.pop();
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        // That it is gone is seen when it is told something.
        site.server.feed().tick(tick("more"));
        let mut events = site.events();
        let mut line = String::new();
        events.read_line(&mut line).unwrap();
        if line.contains("200") {
            break;
        }
        assert!(Instant::now() < deadline, "its place stays taken");
    }
    site.server.close().unwrap();
}
