//! One measured request.

use crate::Outcome;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// What kind of traffic a request belongs to. Predictions are what a tier measures; the rest is the mixed traffic
/// beside them and has its own summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Traffic {
    /// A call of the app's function: the thing under test.
    Prediction,
    /// A page view's document, config, info, theme or asset.
    PageLoad,
    /// A file upload.
    Upload,
    /// A file download.
    Download,
}

/// One measured request. Stamps are times since the run's [`crate::Clock`] started.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Traffic kind.
    pub traffic: Traffic,
    /// Name under which requests are grouped: the endpoint, or the path of a page load.
    pub name: Arc<str>,
    /// Virtual user, from 0.
    pub vu: u32,
    /// Iteration of this user in this tier (the round), from 0.
    pub iteration: u32,
    /// When the load profile meant it to start.
    pub intended: Duration,
    /// When the first byte was about to be sent.
    pub sent: Duration,
    /// When the answer was complete, or the failure known.
    pub end: Duration,
    /// What happened in between.
    pub timeline: Timeline,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status that decided the outcome, where one did.
    pub status: Option<u16>,
    /// For a failure: what went wrong, secrets removed.
    pub error: Option<Box<str>>,
    /// Body bytes sent, uploads included.
    pub bytes_sent: u64,
    /// Body bytes received.
    pub bytes_received: u64,
    /// The server's name for this request, by which its trace is found.
    pub event_id: Option<Box<str>>,
    /// Tokens, where the answer has some.
    pub tokens: Option<Tokens>,
    /// What the server told of its limits or of its loading, where it did.
    pub told: Option<Box<Told>>,
    /// The text of an answer whose tokens nobody has counted yet; gone once it was counted.
    pub uncounted: Option<Box<str>>,
    /// Times it was sent again.
    pub retries: u32,
    /// Whether the server was cold: it said that the model loads, or held the request while it was started.
    pub cold: bool,
}

/// Tokens of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Of the input; 0 when not known.
    pub input: u32,
    /// Of the output, reasoning and tool calls included.
    pub output: u32,
    /// Of these, reasoning.
    pub reasoning: u32,
    /// Of the input, those that the server had in its cache.
    pub cached: u32,
    /// Who counted.
    pub source: TokenSource,
}

/// Who counted the tokens of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// The server.
    Server,
    /// A tokenizer here.
    Tokenizer,
    /// Nobody: each chunk with content counts as one.
    Chunks,
}

/// What a server tells of its limits or of its loading.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Requests allowed in a window, and the window.
    pub limit: Option<(u64, Option<Duration>)>,
    /// Requests left.
    pub remaining: Option<u64>,
    /// Time until the window is over.
    pub reset: Option<Duration>,
    /// The server's guess how long the model still loads.
    pub loading: Option<Duration>,
}

/// The steps of a request. What did not happen is `None` (or zero, or empty).
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// Time spent opening connections between `sent` and `end`; zero on a connection that was open.
    pub connect: Duration,
    /// When the head of the answer was there.
    pub first_byte: Option<Duration>,
    /// Time spent uploading input files.
    pub upload: Option<Duration>,
    /// When the request to join the queue was sent.
    pub join_sent: Option<Duration>,
    /// When it was accepted.
    pub joined: Option<Duration>,
    /// When the server said that it picked the request up.
    pub started: Option<Duration>,
    /// Arrival of each partial output of a generator, of each chunk with content of a token stream. The first is the
    /// time to first output, or to the first token.
    pub chunks: Vec<Duration>,
    /// Tokens of each chunk, where the server counts them chunk by chunk; else empty.
    pub chunk_tokens: Vec<u32>,
    /// Whether the server answered from its cache.
    pub cached: bool,
    /// Connections that had to be opened because the server had closed the idle one.
    pub reconnects: u32,
}

impl Sample {
    /// A request that is about to be sent: no time has passed and nothing has gone wrong yet.
    pub fn begin(
        traffic: Traffic,
        name: Arc<str>,
        (vu, iteration): (u32, u32),
        intended: Duration,
        sent: Duration,
    ) -> Self {
        Self {
            traffic,
            name,
            vu,
            iteration,
            intended,
            sent,
            end: sent,
            timeline: Timeline::default(),
            outcome: Outcome::Ok,
            status: None,
            error: None,
            bytes_sent: 0,
            bytes_received: 0,
            event_id: None,
            tokens: None,
            told: None,
            uncounted: None,
            retries: 0,
            cold: false,
        }
    }

    /// From the actual send to the complete answer.
    pub fn service_time(&self) -> Duration {
        self.end.saturating_sub(self.sent)
    }

    /// From the intended start to the complete answer.
    pub fn response_time(&self) -> Duration {
        self.end.saturating_sub(self.intended)
    }

    /// How late the generator was.
    pub fn send_lag(&self) -> Duration {
        self.sent.saturating_sub(self.intended)
    }

    /// From the send to the first partial output.
    pub fn time_to_first_chunk(&self) -> Option<Duration> {
        self.timeline.chunks.first().map(|first| first.saturating_sub(self.sent))
    }
}
