//! A scenario from its text, a server that says what it is told, and one user between them.

use crate::api::{ApiBehaviour, ApiPlanned, ApiUser};
use crate::{Behaviour, Iteration, Record, VirtualUser};
use plimsoll_model::scenario::{Problem, Scenario};
use plimsoll_model::{Clock, Redactor, Sample, TraceRequest};
use plimsoll_wire::Connector;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A scenario of this text; target and load are added.
pub(super) fn scenario(url: &str, text: &str) -> Scenario {
    let target = if text.contains("[target]") { String::new() } else { format!("[target]\nurl = \"{url}\"\n") };
    let load = if text.contains("[load]") { "" } else { "[load]\nexecutor = \"users\"\n" };
    let text = format!("{}\n{target}\n{load}", text.replace("$URL", url));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(super) fn compile(url: &str, text: &str) -> Result<ApiPlanned, Problem> {
    let variables = |name: &str| match name {
        "TOKEN" => Some("hf_topsecret".to_owned()),
        "SHORT" => Some("a b".to_owned()),
        _ => None,
    };
    ApiPlanned::compile(&scenario(url, text), Path::new("."), variables)
}

/// A server that answers each connection by this function, which is told what was asked (head and body), and keeps
/// what it was asked.
pub(super) struct Server {
    pub url: String,
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) fn new(answer: impl Fn(usize, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                while let Some(request) = read_request(&mut stream) {
                    let index = {
                        let mut asked = keep.lock().unwrap();
                        asked.push(request);
                        asked.len() - 1
                    };
                    answer(index, &mut stream);
                }
            }
        });
        Self { url, asked }
    }

    /// One that gives these answers one after another, the last again and again.
    pub(super) fn saying(answers: &[String]) -> Self {
        let answers = answers.to_vec();
        Self::new(move |index, stream| {
            let _ = stream.write_all(answers[index.min(answers.len() - 1)].as_bytes());
        })
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The bodies it was sent, as JSON.
    pub(super) fn bodies(&self) -> Vec<serde_json::Value> {
        let body = |request: &String| serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        self.asked().iter().map(body).collect()
    }
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0u8; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    bytes.extend_from_slice(&body);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// An answer with this status line's rest, these header lines and this body.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

pub(super) fn json(body: &str) -> String {
    answer("200 OK", "content-type: application/json\r\n", body)
}

/// A stream of these events, in one chunk.
pub(super) fn events(data: &[&str]) -> String {
    let body: String = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    )
}

#[derive(Default)]
pub(super) struct Kept(pub RefCell<Vec<Sample>>);

impl Record for Kept {
    fn record(&self, sample: Sample) {
        self.0.borrow_mut().push(sample);
    }
}

/// Runs on one thread with a user of this scenario.
pub(super) fn with_user<F: Future>(planned: ApiPlanned, work: impl FnOnce(ApiUser, Clock) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    let planned = Arc::new(planned);
    tasks.block_on(&runtime, async move {
        let clock = Clock::start();
        let connector = Connector::with_trust(planned.origin().clone(), clock, planned.trust()).await.unwrap();
        let redactor = Redactor::new(planned.secrets());
        work(ApiBehaviour::new(planned, Rc::new(connector), redactor).user(3), clock).await
    })
}

pub(super) fn iteration(sequence: u64, trace: Option<TraceRequest>) -> Iteration {
    Iteration {
        number: 0,
        sequence,
        intended: Duration::ZERO,
        timeout: Duration::from_secs(20),
        trace: trace.map(Arc::new),
    }
}

/// So many iterations of one user; the samples.
pub(super) fn run(planned: ApiPlanned, iterations: u64) -> Vec<Sample> {
    with_user(planned, async |mut user, _| {
        let kept = Kept::default();
        for sequence in 0..iterations {
            user.iterate(iteration(sequence, None), &kept).await;
        }
        kept.0.into_inner()
    })
}
