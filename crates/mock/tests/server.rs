//! The server over real sockets, with the plainest of clients.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which the lint does not recognise outside a test function")]

use plimsoll_mock::{Fault, FaultKind, Latency, Mock, MockConfig, Overflow, Tokens};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// As its framing says.
    Complete,
    /// The connection was closed before that.
    Closed,
    /// The connection was reset.
    Reset,
    /// Nothing came for too long.
    Silent,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    end: End,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, input: Vec::new() }
    }

    fn patience(self, time: Duration) -> Self {
        self.stream.set_read_timeout(Some(time)).unwrap();
        self
    }

    fn post(&mut self, path: &str, headers: &str, body: &str) -> Answer {
        self.send_post(path, headers, body);
        self.read()
    }

    fn send_post(&mut self, path: &str, headers: &str, body: &str) {
        let length = body.len();
        let text = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    fn get(&mut self, path: &str) -> Answer {
        self.stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
        self.read()
    }

    fn more(&mut self) -> Option<End> {
        let mut buffer = [0; 65_536];
        match self.stream.read(&mut buffer) {
            Ok(0) => Some(End::Closed),
            Ok(count) => {
                self.input.extend_from_slice(&buffer[..count]);
                None
            }
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                Some(End::Silent)
            }
            Err(_) => Some(End::Reset),
        }
    }

    fn read(&mut self) -> Answer {
        let mut answer = Answer { status: 0, head: String::new(), body: Vec::new(), end: End::Complete };
        let head = loop {
            if let Some(at) = self.input.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.input.drain(..at + 4).collect();
                break String::from_utf8(head).unwrap().to_ascii_lowercase();
            }
            if let Some(end) = self.more() {
                answer.end = end;
                return answer;
            }
        };
        answer.status = head[9..12].parse().unwrap();
        let chunked = head.contains("transfer-encoding: chunked");
        let length = head.split("content-length: ").nth(1).map(|rest| rest.lines().next().unwrap().parse().unwrap());
        answer.head = head;
        if answer.status == 100 {
            return answer;
        }
        loop {
            if chunked {
                let Some(line_end) = self.input.windows(2).position(|window| window == b"\r\n") else {
                    match self.more() {
                        Some(end) => {
                            answer.end = end;
                            return answer;
                        }
                        None => continue,
                    }
                };
                let size = usize::from_str_radix(std::str::from_utf8(&self.input[..line_end]).unwrap(), 16).unwrap();
                while self.input.len() < line_end + 4 + size {
                    if let Some(end) = self.more() {
                        answer.end = end;
                        return answer;
                    }
                }
                answer.body.extend_from_slice(&self.input[line_end + 2..line_end + 2 + size]);
                self.input.drain(..line_end + 4 + size);
                if size == 0 {
                    return answer;
                }
            } else {
                let length: usize = length.unwrap_or(usize::MAX);
                if self.input.len() >= length {
                    answer.body = self.input.drain(..length).collect();
                    return answer;
                }
                if let Some(end) = self.more() {
                    answer.body = std::mem::take(&mut self.input);
                    answer.end = if length == usize::MAX { End::Complete } else { end };
                    return answer;
                }
            }
        }
    }
}

const CHAT: &str = r#"{"model":"a/b","messages":[{"role":"user","content":"hello"}]}"#;
const STREAM: &str = r#"{"model":"a/b","messages":[{"role":"user","content":"hello"}],"stream":true}"#;
const TEXT: &str = r#"{"inputs":"hello"}"#;
const CLASSIFY: &str = "/models/distilbert-sst-2";
const PATH: &str = "/v1/chat/completions";

fn quick() -> MockConfig {
    MockConfig {
        ttft: Latency::ZERO,
        itl: Latency::ZERO,
        service_time: Latency::ZERO,
        tokens: Tokens::Fixed(8),
        ..MockConfig::on_free_port()
    }
}

fn start(config: MockConfig) -> Mock {
    Mock::start(config).unwrap()
}

fn ask(mock: &Mock, path: &str, body: &str) -> Answer {
    Client::new(mock.address()).post(path, "", body)
}

/// Everything has been counted once nothing is in flight: a client may know its answer before the loop counts it.
fn settled(mock: &Mock, requests: u64) -> plimsoll_mock::MockStats {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let stats = mock.stats();
        if (stats.requests == requests && stats.in_flight == 0) || Instant::now() > deadline {
            return stats;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn classes(stats: &plimsoll_mock::MockStats) -> Vec<(&'static str, u64)> {
    stats.classes.iter().map(|(class, count)| (*class, *count)).collect()
}

#[test]
fn one_connection_many_requests_pipelined_too() {
    let mock = start(quick());
    let mut client = Client::new(mock.address());
    let chat = client.post(PATH, "x-request-id: mine\r\n", CHAT);
    assert_eq!((chat.status, chat.end), (200, End::Complete));
    assert!(chat.head.contains("x-request-id: mine\r\n"), "{}", chat.head);
    assert_eq!(chat.json()["usage"]["completion_tokens"], 8);
    for _ in 0..300 {
        client.send_post(CLASSIFY, "", TEXT);
    }
    client.send_post(PATH, "", STREAM);
    client.send_post(CLASSIFY, "", TEXT);
    for _ in 0..300 {
        assert!(client.read().json()[0][0]["label"].is_string());
    }
    assert!(client.read().text().ends_with("data: [DONE]\n\n"));
    assert!(client.read().json()[0][0]["label"].is_string());
    assert_eq!(client.get("/health").status, 200);
    assert_eq!(client.get("/v1/models").json()["data"][0]["id"], "plimsoll/mock");
    assert_eq!(client.get("/nowhere").status, 404);
    assert_eq!(client.get(PATH).status, 405);
    let stats = settled(&mock, 303);
    assert_eq!((stats.connections, stats.classes["ok"]), (1, 303));
    assert_eq!(stats.paths[CLASSIFY]["ok"], 301);
    assert_eq!(client.get("/mock/stats").json()["requests"], 303);
    assert!(client.get("/metrics").text().contains("vllm:request_success_total{model_name=\"plimsoll/mock\"} 303\n"));
    assert_eq!(client.post("/mock/reset", "", "").status, 200);
    assert_eq!(mock.stats().requests, 0);
    let last = client.post(CLASSIFY, "connection: close\r\n", TEXT);
    assert!(last.head.contains("connection: close"));
    assert_eq!(client.more(), Some(End::Closed));
}

#[test]
fn all_kinds_of_framing() {
    let mock = start(quick());
    let mut client = Client::new(mock.address());
    let chunks = b"POST /models/x/sst2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    client.stream.write_all(chunks).unwrap();
    assert_eq!(client.read().status, 100);
    for byte in b"5\r\n{\"inp\r\nD\r\nuts\":\"hello\"}\r\n0\r\n\r\n" {
        client.stream.write_all(&[*byte]).unwrap();
    }
    assert!(client.read().json()[0][0]["label"].is_string());
    let mut old = Client::new(mock.address());
    let text = format!("POST {PATH} HTTP/1.0\r\ncontent-length: {}\r\n\r\n{STREAM}", STREAM.len());
    old.stream.write_all(text.as_bytes()).unwrap();
    let answer = old.read();
    assert!(answer.text().ends_with("data: [DONE]\n\n") && answer.text().starts_with("data: {"), "{}", answer.text());
    // A picture as bytes.
    let picture = Client::new(mock.address()).post("/models/google/vit-base", "content-type: image/png\r\n", "PNG");
    assert_eq!(picture.json().as_array().unwrap().len(), 5);
    let drawn = ask(&mock, "/models/black-forest-labs/FLUX.1-dev", TEXT);
    assert!(drawn.head.contains("content-type: image/png") && drawn.body.starts_with(b"\x89PNG"));
}

#[test]
fn tokens_keep_their_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truth.jsonl");
    let mock = start(MockConfig {
        ttft: Latency::millis(30),
        itl: Latency::millis(5),
        tokens: Tokens::Fixed(20),
        truth_file: Some(path.clone()),
        ..MockConfig::on_free_port()
    });
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let address = mock.address();
            thread::spawn(move || {
                let began = Instant::now();
                let answer = Client::new(address).post(PATH, "", STREAM);
                (began.elapsed(), answer.text().matches("\"content\":\" ").count())
            })
        })
        .collect();
    for client in clients {
        let (took, tokens) = client.join().unwrap();
        assert_eq!(tokens, 20);
        assert!(took >= Duration::from_millis(30 + 19 * 5), "{took:?}");
    }
    let stats = settled(&mock, 20);
    // Loose, since the machine is shared; the benchmark measures how good it is.
    assert!(stats.ttft_us.p50 >= 30_000.0 && stats.ttft_us.p50 < 60_000.0, "{:?}", stats.ttft_us);
    assert!((stats.itl_us.mean - 5_000.0).abs() < 300.0, "{:?}", stats.itl_us);
    assert_eq!((stats.itl_us.count, stats.tokens), (20 * 19, 400));
    drop(mock);
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["clock"]), (21, &"CLOCK_MONOTONIC".into()));
    for line in &lines[1..] {
        let stamps: Vec<u64> =
            line["writes_ns"].as_array().unwrap().iter().map(|stamp| stamp.as_u64().unwrap()).collect();
        let start = line["start_ns"].as_u64().unwrap();
        assert_eq!((stamps.len(), &line["class"], &line["tokens"]), (20, &"ok".into(), &20.into()));
        for (index, stamp) in stamps.iter().enumerate() {
            assert!(*stamp >= start + 30_000_000 + index as u64 * 5_000_000, "no token comes early");
        }
        assert_eq!(line["first_token_ns"], stamps[0]);
    }
}

#[test]
fn servers_queue_and_overflow() {
    for (threads, overflow, status) in [(1, Overflow::Unavailable, 503), (3, Overflow::TooMany, 429)] {
        let mock = start(MockConfig {
            threads,
            servers: Some(2),
            queue: Some(4),
            overflow,
            service_time: Latency::millis(100),
            ..quick()
        });
        let began = Instant::now();
        let mut clients: Vec<_> = (0..9).map(|_| Client::new(mock.address())).collect();
        for client in &mut clients {
            client.send_post(CLASSIFY, "", TEXT);
            thread::sleep(Duration::from_millis(3));
        }
        let answers: Vec<_> = clients.iter_mut().map(|client| (client.read().status, began.elapsed())).collect();
        assert_eq!(answers.iter().filter(|(code, _)| *code == status).count(), 3);
        // Six served two at a time.
        let last = answers.iter().map(|(_, at)| *at).max().unwrap();
        assert!(last >= Duration::from_millis(300) && last < Duration::from_millis(550), "{last:?}");
        let stats = settled(&mock, 9);
        assert_eq!(classes(&stats), [("ok", 6), ("overloaded", 3)]);
        assert!(stats.queue_us.max > 180_000.0, "{:?}", stats.queue_us);
    }
}

#[test]
fn a_client_that_leaves_frees_its_server() {
    let mock = start(MockConfig { servers: Some(1), service_time: Latency::millis(30_000), ..quick() });
    let mut one = Client::new(mock.address());
    one.send_post(CLASSIFY, "", TEXT);
    let mut two = Client::new(mock.address());
    thread::sleep(Duration::from_millis(50));
    two.send_post(CLASSIFY, "", TEXT);
    thread::sleep(Duration::from_millis(50));
    assert_eq!((mock.stats().in_flight, mock.stats().waiting), (2, 1));
    drop(one);
    thread::sleep(Duration::from_millis(50));
    assert_eq!((mock.stats().in_flight, mock.stats().waiting), (1, 0));
    drop(two);
    assert_eq!(classes(&settled(&mock, 2)), [("client_gone", 2)]);
}

#[test]
fn cold_start() {
    let mock = start(MockConfig { cold_start: Duration::from_millis(400), ..quick() });
    let cold = ask(&mock, CLASSIFY, TEXT);
    assert_eq!(cold.status, 503);
    assert_eq!(cold.json()["error"], "Model distilbert-sst-2 is currently loading");
    assert_eq!(cold.json()["estimated_time"], 0.4);
    let began = Instant::now();
    let impatient = Client::new(mock.address()).post("/models/x/sst2", "x-scale-up-timeout: 0\r\n", TEXT);
    assert_eq!(impatient.status, 503);
    let held = ask(&mock, CLASSIFY, r#"{"inputs":"hello","options":{"wait_for_model":true}}"#);
    assert_eq!(held.status, 200);
    assert!(began.elapsed() > Duration::from_millis(250), "{:?}", began.elapsed());
    assert_eq!(ask(&mock, CLASSIFY, TEXT).status, 200);
    let stats = settled(&mock, 4);
    assert_eq!(classes(&stats), [("cold_start", 2), ("ok", 2)]);
    assert_eq!((stats.replicas, stats.cold_starts), (Some(1), 1));
}

#[test]
fn replicas_come_with_the_load() {
    let mock = start(MockConfig {
        servers: Some(1),
        max_replicas: 3,
        scale_lag: Duration::from_millis(150),
        service_time: Latency::millis(100),
        ..quick()
    });
    let began = Instant::now();
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let address = mock.address();
            thread::spawn(move || Client::new(address).post(CLASSIFY, "", TEXT).status)
        })
        .collect();
    assert!(clients.into_iter().all(|client| client.join().unwrap() == 200));
    // One alone would need 600 ms; three from 150 ms on need 350.
    assert!(began.elapsed() < Duration::from_millis(580), "{:?}", began.elapsed());
    assert_eq!(mock.stats().replicas, Some(3));
}

#[test]
fn who_may_ask() {
    let mock = start(MockConfig {
        tokens_allowed: vec!["good".to_owned(), "second".to_owned()],
        tokens_forbidden: vec!["poor".to_owned()],
        rate_limit: Some("2/1m".parse().unwrap()),
        quota: Some(2),
        ..quick()
    });
    let ask =
        |token: &str| Client::new(mock.address()).post(CLASSIFY, &format!("Authorization: Bearer {token}\r\n"), TEXT);
    assert_eq!(ask("bad").status, 401);
    assert_eq!(ask("bad").json()["error"], "Invalid credentials in Authorization header");
    assert_eq!(ask("poor").status, 403);
    assert!(ask("good").head.contains("ratelimit: \"api\";r=1;t="));
    assert_eq!([ask("good").status, ask("good").status], [200, 402]);
    assert_eq!(classes(&settled(&mock, 6)), [("auth", 3), ("ok", 2), ("quota", 1)]);
    let mock = start(MockConfig { rate_limit: Some("1/1m".parse().unwrap()), ..quick() });
    assert_eq!(self::ask(&mock, CLASSIFY, TEXT).status, 200);
    let limited = self::ask(&mock, CLASSIFY, TEXT);
    assert_eq!(limited.status, 429);
    assert!(
        limited.head.contains("retry-after: 60\r\n")
            && limited.head.contains("ratelimit-policy: \"fixed window\";\"api\";q=1;w=60")
    );
}

#[test]
fn every_fault_is_what_it_says_and_is_counted() {
    use FaultKind as K;
    let both = [K::Cut, K::Reset, K::StallBody, K::Hang];
    let plain = [K::EmptyBody, K::MalformedJson, K::EmptyList, K::WrongSchema, K::Drip, K::Big, K::BigChunked];
    let streams = [K::StreamError, K::InvalidUtf8, K::NoDone, K::Crlf, K::Coalesce, K::Split];
    let plain = plain.iter().chain(&both).map(|kind| (*kind, false));
    let streams = streams.iter().chain(&both).map(|kind| (*kind, true));
    for (kind, stream) in plain.chain(streams) {
        let mut fault = Fault::every(kind, 2);
        fault.size = matches!(kind, K::Big | K::BigChunked).then_some(300_000);
        let mock = start(MockConfig { faults: vec![fault], ..quick() });
        let (path, body) = if stream { (PATH, STREAM) } else { (CLASSIFY, TEXT) };
        let ask = || Client::new(mock.address()).patience(Duration::from_millis(150)).post(path, "", body);
        let good = ask();
        let bad = ask();
        let what = format!("{kind:?}, stream {stream}: {bad:?}");
        assert_eq!((good.status, good.end), (200, End::Complete), "{kind:?}: {good:?}");
        let end = match kind {
            K::Cut => End::Closed,
            K::Reset => End::Reset,
            K::StallBody | K::Hang => End::Silent,
            _ => End::Complete,
        };
        assert_eq!(bad.end, end, "{what}");
        match kind {
            K::EmptyBody => assert!(bad.body.is_empty(), "{what}"),
            K::MalformedJson => assert!(serde_json::from_slice::<serde_json::Value>(&bad.body).is_err(), "{what}"),
            K::EmptyList => assert_eq!(bad.text(), "[]"),
            K::WrongSchema => assert_eq!(bad.json()["unexpected"], true),
            K::Drip => assert_eq!(bad.body, good.body),
            K::Big | K::BigChunked => {
                assert_eq!(bad.body.len(), 300_000 + good.body.len());
                assert_eq!(bad.json(), good.json());
                assert_eq!(bad.head.contains("chunked"), kind == K::BigChunked);
            }
            K::StreamError => assert!(bad.text().contains("\"error\"") && bad.text().ends_with("[DONE]\n\n"), "{what}"),
            K::InvalidUtf8 => assert!(String::from_utf8(bad.body.clone()).is_err(), "{what}"),
            K::NoDone => assert!(!bad.text().contains("[DONE]") && bad.text().contains("\"stop\""), "{what}"),
            K::Crlf => assert_eq!(bad.text().matches("\r\n").count(), good.text().matches('\n').count()),
            K::Coalesce | K::Split => assert_eq!(bad.text().len(), good.text().len(), "{what}"),
            K::Cut | K::StallBody => assert!(!bad.body.is_empty() && bad.body.len() < good.body.len(), "{what}"),
            K::Reset | K::Hang | K::Status => assert!(bad.body.is_empty(), "{what}"),
        }
        let stats = settled(&mock, 2);
        assert_eq!(stats.faults[&fault.label()], 1, "{what}");
        let class = fault.class().as_str();
        assert_eq!(stats.classes[class], if class == "ok" { 2 } else { 1 }, "{what}");
    }
}

#[test]
fn statuses_come_with_their_bodies_and_exact_counts() {
    let statuses = [500, 502, 503, 504, 404, 422, 424, 429];
    let faults = statuses.iter().map(|status| Fault::every(FaultKind::Status, 20).with_status(*status)).collect();
    let mock = start(MockConfig { faults, ..quick() });
    let mut client = Client::new(mock.address());
    let mut seen = std::collections::BTreeMap::new();
    // All of them are due at each 20th request, and follow one another.
    for _ in 0..207 {
        let answer = client.post(CLASSIFY, "", TEXT);
        *seen.entry(answer.status).or_insert(0) += 1;
        match answer.status {
            502 => assert!(answer.text().starts_with("<html>") && answer.head.contains("content-type: text/html")),
            503 => assert_eq!(answer.json()["error_type"], "overloaded"),
            424 => assert_eq!(answer.json()["error_type"], "generation"),
            422 => assert_eq!(answer.json()["error_type"], "validation"),
            200 => assert!(answer.json()[0][0]["label"].is_string()),
            _ => assert!(answer.json()["error"].is_string()),
        }
    }
    assert!(statuses.iter().all(|status| seen[status] == 10), "{seen:?}");
    let stats = settled(&mock, 207);
    assert_eq!(
        classes(&stats),
        [("client_error", 20), ("ok", 127), ("overloaded", 10), ("rate_limited", 10), ("server_error", 40)]
    );
}

#[test]
fn a_stall_delays_whatever_it_meets() {
    let mock = start(MockConfig {
        service_time: Latency::millis(10),
        stall_at: Some(Duration::from_millis(200)),
        stall_for: Duration::from_millis(400),
        ..quick()
    });
    let began = Instant::now();
    let clients: Vec<_> = (0..30)
        .map(|index| {
            let address = mock.address();
            thread::spawn(move || {
                let at = Duration::from_millis(index * 25);
                thread::sleep(at.saturating_sub(began.elapsed()));
                let sent = began.elapsed();
                let status = Client::new(address).post(CLASSIFY, "", TEXT).status;
                (status, sent, began.elapsed())
            })
        })
        .collect();
    let mut delayed = 0;
    for client in clients {
        let (status, sent, got) = client.join().unwrap();
        assert_eq!(status, 200);
        let inside = sent > Duration::from_millis(210) && sent < Duration::from_millis(590);
        if inside {
            delayed += 1;
            assert!(got >= Duration::from_millis(600), "sent {sent:?}, got {got:?}");
        } else if sent < Duration::from_millis(180) || sent > Duration::from_millis(620) {
            assert!(got - sent < Duration::from_millis(200), "sent {sent:?}, got {got:?}");
        }
    }
    assert!(delayed >= 12, "{delayed}");
}

#[test]
fn a_slow_reader_gets_every_byte() {
    let mock = start(MockConfig { tokens: Tokens::Fixed(50_000), ..quick() });
    let mut client = Client::new(mock.address());
    client.send_post(PATH, "", STREAM);
    // Far more than the socket holds is under way while others are served.
    thread::sleep(Duration::from_millis(100));
    assert_eq!(ask(&mock, PATH, r#"{"messages":[],"max_tokens":3}"#).json()["usage"]["completion_tokens"], 3);
    let answer = client.read();
    assert_eq!(answer.end, End::Complete);
    assert_eq!(answer.text().matches("\"content\":\" ").count(), 50_000);
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
}

#[test]
fn nonsense_is_refused_and_harms_nobody() {
    let mock = start(MockConfig { max_body: 10_000, ..quick() });
    let status = |text: &str| {
        let mut client = Client::new(mock.address()).patience(Duration::from_secs(2));
        client.stream.write_all(text.as_bytes()).unwrap();
        client.read().status
    };
    assert_eq!(status("nonsense\r\n\r\n"), 400);
    assert_eq!(status("POST / HTTP/1.1\r\ncontent-length: 1e9\r\n\r\n"), 400);
    assert_eq!(status("POST / HTTP/1.1\r\ncontent-length: 20000\r\n\r\n"), 413);
    assert_eq!(status("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"), 400);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(70_000))), 431);
    assert_eq!(status("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 3\r\n\r\n{]}"), 400);
    assert_eq!(status("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"), 400);
    assert_eq!(status("POST /models/a/b HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"), 422);
    assert_eq!(status("POST /models/a/b HTTP/1.1\r\ncontent-length: 0\r\n\r\n"), 422);
    // Whole requests with random bytes changed, cut anywhere.
    let whole = format!("POST {PATH} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{STREAM}", STREAM.len()).into_bytes();
    let mut state = 1u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..500 {
        let mut bytes = whole.clone();
        for _ in 0..=draw(4) {
            let at = draw(bytes.len());
            bytes[at] = draw(256) as u8;
        }
        bytes.truncate(1 + draw(bytes.len()));
        let mut client = Client::new(mock.address());
        client.stream.write_all(&bytes).unwrap();
        if draw(4) == 0 {
            let mut buffer = [0; 64];
            client.stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            let _ = client.stream.read(&mut buffer);
        }
    }
    assert_eq!(ask(&mock, CLASSIFY, TEXT).status, 200);
    assert!(mock.stats().refused > 5);
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let run = |seed| {
        let faults = vec!["503=0.2".parse().unwrap(), "cut=0.1".parse().unwrap()];
        let mock = start(MockConfig { seed, tokens: "uniform(1,50)".parse().unwrap(), faults, ..quick() });
        (0..60)
            .map(|_| {
                let answer = ask(&mock, PATH, CHAT);
                (answer.status, answer.body.len())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn starting_and_stopping() {
    let mock = start(quick());
    let taken = Mock::start(MockConfig { listen: mock.address(), ..quick() }).unwrap_err().to_string();
    assert!(taken.contains("another program uses this port"), "{taken}");
    let missing = MockConfig { truth_file: Some("no-such-folder/truth.jsonl".into()), ..quick() };
    assert!(Mock::start(missing).unwrap_err().to_string().contains("no-such-folder"));
    let slow = start(MockConfig { ttft: Latency::millis(60_000), threads: 2, ..quick() });
    let mut clients: Vec<_> = (0..10).map(|_| Client::new(slow.address())).collect();
    for client in &mut clients {
        client.send_post(PATH, "", STREAM);
    }
    while slow.stats().in_flight < 10 {
        thread::sleep(Duration::from_millis(1));
    }
    let began = Instant::now();
    let stats = slow.stop();
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!((classes(&stats), stats.in_flight), (vec![("connect", 10)], 0));
    assert!(clients.iter_mut().all(|client| client.read().end != End::Complete));
}
