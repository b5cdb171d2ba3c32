//! Sends snapshots to a receiver every few seconds, on a thread of its own. A receiver that fails costs a warning,
//! never the run.

use crate::endpoint::{Caller, Endpoint, refusal};
use crate::thread::{Latest, Told, step_back};
use crate::{Snapshot, otlp, remote_write};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Snapshots that wait for a receiver that does not answer; the oldest go first.
const WAITING: usize = 24;
/// How long one request may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the last snapshots may take after the run.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// Between two attempts at the end.
const AGAIN: Duration = Duration::from_millis(500);

/// How snapshots are put into requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Prometheus remote write 1.0, with these labels on every series.
    RemoteWrite(Vec<(&'static str, String)>),
    /// OTLP over HTTP in Protocol Buffers, with these attributes of the sender.
    Otlp(Vec<(String, String)>),
}

impl Protocol {
    fn body(&self, snapshot: &Snapshot) -> Vec<u8> {
        match self {
            Self::RemoteWrite(labels) => remote_write::body(snapshot, labels),
            Self::Otlp(resource) => otlp::body(snapshot, resource),
        }
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::RemoteWrite(_) => &[("content-encoding", "snappy"), ("x-prometheus-remote-write-version", "0.1.0")],
            Self::Otlp(_) => &[],
        }
    }
}

/// A thread that sends. Dropping it without [`Pusher::finish`] ends it in the same way.
pub struct Pusher {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Pusher {
    /// Starts sending what is in `latest` every `every`. `flag` is what warnings begin with.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(
        flag: &'static str,
        endpoint: Endpoint,
        protocol: Protocol,
        every: Duration,
        latest: Arc<Latest>,
        told: Told,
    ) -> std::io::Result<Self> {
        let (over, ended) = channel::<()>();
        let shown = endpoint.to_string();
        let thread = std::thread::Builder::new().name("push".to_owned()).spawn(move || {
            step_back();
            let caller = match Caller::new(endpoint) {
                Ok(caller) => caller,
                Err(error) => return told.warn(format!("{flag}: {error}")),
            };
            let mut line = Line { flag, shown, protocol, caller, told, queue: VecDeque::new(), lost: 0, warned: false };
            let mut last = None;
            loop {
                let is_over = !matches!(ended.recv_timeout(every), Err(RecvTimeoutError::Timeout));
                if let Some(snapshot) = latest.get().filter(|snapshot| last != Some(snapshot.at)) {
                    last = Some(snapshot.at);
                    line.add(&snapshot);
                }
                if is_over {
                    line.finish();
                    return;
                }
                line.send(ANSWER);
            }
        })?;
        Ok(Self { over: Some(over), thread: Some(thread) })
    }

    /// Sends the last snapshot and waits until it is there, or some seconds have passed.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            // It warns of what it could not send; there is nothing to tell of a panic that the hook has not.
            let _ = thread.join();
        }
    }
}

/// Bodies on their way.
struct Line {
    flag: &'static str,
    shown: String,
    protocol: Protocol,
    caller: Caller,
    told: Told,
    queue: VecDeque<Vec<u8>>,
    lost: u64,
    warned: bool,
}

impl Line {
    fn add(&mut self, snapshot: &Snapshot) {
        if self.queue.len() >= WAITING {
            self.queue.pop_front();
            self.lost += 1;
        }
        self.queue.push_back(self.protocol.body(snapshot));
    }

    /// Sends what waits; whether all of it is there.
    fn send(&mut self, within: Duration) -> bool {
        while let Some(body) = self.queue.front().cloned() {
            let headers = self.protocol.headers();
            match self.caller.post("application/x-protobuf", headers, body, within) {
                Ok(answer) if (200..300).contains(&answer.status) => {}
                // It may do so later; the same body may be sent again.
                Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                    self.warn_once(&refusal(&answer));
                    return false;
                }
                Ok(answer) => {
                    self.warn_once(&refusal(&answer));
                    self.lost += 1;
                }
                Err(why) => {
                    self.warn_once(&why);
                    return false;
                }
            }
            self.queue.pop_front();
        }
        true
    }

    fn finish(&mut self) {
        let until = Instant::now() + LAST_WORDS;
        // Older values are within the newest; at the end it alone matters.
        while self.queue.len() > 1 && self.warned {
            self.queue.pop_front();
            self.lost += 1;
        }
        while !self.send(until.saturating_duration_since(Instant::now()).min(ANSWER)) {
            if Instant::now() + AGAIN >= until {
                self.lost += self.queue.len() as u64;
                break;
            }
            std::thread::sleep(AGAIN);
        }
        if self.lost > 0 {
            let (flag, shown, lost) = (self.flag, &self.shown, self.lost);
            let plural = if lost == 1 { "" } else { "s" };
            self.told.warn(format!("{flag}: {lost} snapshot{plural} of the figures did not reach {shown}"));
        }
    }

    fn warn_once(&mut self, why: &str) {
        if !self.warned {
            self.warned = true;
            let (flag, shown) = (self.flag, &self.shown);
            self.told.warn(format!("{flag}: {shown} does not take metrics: {why}. The run goes on without them"));
        }
    }
}
