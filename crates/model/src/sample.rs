//! One measured request.

use crate::Outcome;
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
}

/// The steps of a request. What did not happen is `None` (or zero, or empty).
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// Time spent opening connections between `sent` and `end`; zero on a connection that was open.
    pub connect: Duration,
    /// Time spent uploading input files.
    pub upload: Option<Duration>,
    /// When the request to join the queue was sent.
    pub join_sent: Option<Duration>,
    /// When it was accepted.
    pub joined: Option<Duration>,
    /// When the server said that it picked the request up.
    pub started: Option<Duration>,
    /// Arrival of each partial output of a generator. The first is the time to first output.
    pub chunks: Vec<Duration>,
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
