//! A browser of few words.

use crate::support::Running;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The live page of a run.
pub(super) struct Page {
    pub(super) port: u16,
    pub(super) token: String,
}

impl Page {
    /// Waits until its address is printed.
    pub(super) fn of(run: &mut Running) -> Self {
        run.wait_for("Live page: http://127.0.0.1:");
        let printed = run.stdout();
        let address = printed.split_once("Live page: http://127.0.0.1:").unwrap().1;
        let port = address.split_once('/').unwrap().0.parse().unwrap();
        let mut page = Self { port, token: String::new() };
        let (status, body) = page.get("/");
        assert_eq!(status, 200);
        page.token = body.split_once("plimsoll-token\" content=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        assert_eq!(page.token.len(), 32, "{}", page.token);
        page
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Status and body of one exchange; a host of its own can be among the headers.
    pub(super) fn ask(&self, line: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = self.connect();
        let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
        let length = body.len();
        write!(stream, "{line} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub(super) fn get(&self, path: &str) -> (u16, String) {
        self.ask(&format!("GET {path}"), "", "")
    }

    pub(super) fn data(&self) -> Value {
        serde_json::from_str(&self.get("/api/data").1).unwrap()
    }

    pub(super) fn post(&self, path: &str, body: &str) -> u16 {
        self.ask(&format!("POST {path}"), &format!("X-Plimsoll-Token: {}\r\n", self.token), body).0
    }

    /// Its event stream.
    pub(super) fn events(&self) -> Events {
        let mut stream = self.connect();
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        Events(BufReader::new(stream))
    }
}

pub(super) struct Events(BufReader<TcpStream>);

impl Events {
    /// The next event: its kind and data. The lengths between the pieces of the answer are left out.
    pub(super) fn next(&mut self) -> Option<(String, Value)> {
        let (mut kind, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut kind);
            } else if let Some(text) = line.strip_prefix("data: ").or_else(|| line.starts_with('{').then_some(line)) {
                data += text;
                if let (false, Ok(value)) = (data.is_empty(), serde_json::from_str(&data)) {
                    return Some((kind, value));
                }
            }
        }
    }
}
