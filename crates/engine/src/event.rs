//! What a run tells those who watch it. Reporters only listen: a slow one delays no request.

use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;

/// Where events go. They come once a second and once a round, so the channel needs no bound.
pub type EventSink = UnboundedSender<RunEvent>;

/// One thing that happened in a run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RunEvent {
    /// The target answered and was understood.
    TargetFound {
        /// Framework and version.
        version: String,
        /// Endpoint under test.
        endpoint: String,
        /// Whether the server records traces.
        profiling: bool,
    },
    /// The warm-up is over.
    WarmupFinished {
        /// Requests sent.
        requests: u64,
        /// Of these, how many succeeded.
        ok: u64,
        /// Median latency in milliseconds.
        p50_ms: Option<f64>,
    },
    /// A tier begins.
    TierStarted {
        /// Its users.
        users: u32,
        /// Rounds, in a tier that counts them.
        rounds: Option<u32>,
        /// Seconds, in a tier that lasts.
        seconds: Option<f64>,
    },
    /// Once a second within a tier.
    Progress {
        /// Successful predictions so far.
        ok: u64,
        /// Failed ones.
        failed: u64,
        /// Median latency so far, in milliseconds.
        p50_ms: Option<f64>,
    },
    /// All users of a round are done.
    RoundFinished {
        /// Rounds done.
        round: u32,
        /// Rounds in all.
        rounds: u32,
        /// Successful requests of this round.
        ok: u64,
        /// Failed ones.
        failed: u64,
        /// Median latency of the tier so far, in milliseconds.
        p50_ms: Option<f64>,
    },
    /// A tier's load is over.
    TierFinished {
        /// Its users.
        users: u32,
        /// Successful predictions.
        ok: u64,
        /// Failed ones.
        failed: u64,
        /// Given up because the run was stopped.
        cancelled: u64,
        /// Seconds it took.
        elapsed_seconds: f64,
    },
    /// A level of an API load begins; a load without a sweep has one.
    LevelStarted {
        /// Which, from 1.
        level: usize,
        /// Of how many; `None` where that is not known before.
        levels: Option<usize>,
        /// Its load in words.
        label: String,
        /// How long it is meant to take, where that is known.
        seconds: Option<f64>,
    },
    /// Once a second within a level.
    LevelProgress {
        /// Seconds since its start.
        elapsed_seconds: f64,
        /// Users at work, or arrivals under way.
        active: u32,
        /// Successful requests so far.
        ok: u64,
        /// Failed ones.
        failed: u64,
        /// Requests that ended in the last second.
        rps: f64,
        /// Median response time so far, in milliseconds.
        p50_ms: Option<f64>,
        /// Arrivals that found no free user.
        dropped: u64,
    },
    /// A level's load is over.
    LevelFinished {
        /// Which, from 1.
        level: usize,
        /// Successful requests.
        ok: u64,
        /// Failed ones.
        failed: u64,
        /// Given up at the end.
        cancelled: u64,
        /// Arrivals that found no free user.
        dropped: u64,
        /// Seconds it took.
        elapsed_seconds: f64,
    },
    /// Something to read out to the user.
    Note {
        /// One line.
        message: String,
    },
    /// Something that may make the result worth less.
    Warning {
        /// One sentence.
        message: String,
    },
    /// Somebody has set a note beside the run.
    Annotation {
        /// One line.
        text: String,
    },
    /// The run stops before its end.
    Stopped {
        /// Why.
        reason: String,
    },
}
