//! What is measured of a request. The formulas are in `docs/src/metrics.md`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A figure that a request has, as a time unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// From the intended start to the end: what a user who came when planned had to wait.
    ResponseTime,
    /// From the actual send to the end.
    ServiceTime,
    /// Opening a connection.
    Connect,
    /// From the send to the head of the answer.
    FirstByte,
    /// From the send to the first chunk with content (text, reasoning, a tool call).
    Ttft,
    /// Gaps between chunks with content, each for itself.
    Itl,
    /// The same gaps shared out over the tokens of the chunk that ends them.
    ItlPerToken,
    /// (Last chunk − first chunk) / (output tokens − 1), one figure a request.
    Tpot,
    /// From the send to the last chunk with content.
    E2e,
    /// (Output tokens − 1) / (last chunk − first chunk): tokens a second that one user sees.
    TokensPerSecond,
    /// Waiting in a Gradio app's queue.
    QueueWait,
    /// A Gradio app's function.
    Function,
}

impl Metric {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 12] = [
        Self::ResponseTime,
        Self::ServiceTime,
        Self::Connect,
        Self::FirstByte,
        Self::Ttft,
        Self::Itl,
        Self::ItlPerToken,
        Self::Tpot,
        Self::E2e,
        Self::TokensPerSecond,
        Self::QueueWait,
        Self::Function,
    ];

    /// Those that requests of a scenario have.
    pub const OF_SCENARIOS: [Self; 10] = [
        Self::ResponseTime,
        Self::ServiceTime,
        Self::Connect,
        Self::FirstByte,
        Self::Ttft,
        Self::Itl,
        Self::ItlPerToken,
        Self::Tpot,
        Self::E2e,
        Self::TokensPerSecond,
    ];

    /// Those that calls of a Gradio app have. `Ttft` and `Itl`, those of its partial outputs, are there for generators.
    pub const OF_GRADIO: [Self; 7] =
        [Self::ResponseTime, Self::ServiceTime, Self::Connect, Self::Ttft, Self::Itl, Self::QueueWait, Self::Function];

    /// The word used in files and thresholds.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResponseTime => "response_time",
            Self::ServiceTime => "service_time",
            Self::Connect => "connect",
            Self::FirstByte => "first_byte",
            Self::Ttft => "ttft",
            Self::Itl => "itl",
            Self::ItlPerToken => "itl_per_token",
            Self::Tpot => "tpot",
            Self::E2e => "e2e",
            Self::TokensPerSecond => "tokens_per_second",
            Self::QueueWait => "queue_wait",
            Self::Function => "function",
        }
    }

    /// The metric of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == word)
    }

    /// Whether it is a time.
    pub fn is_time(self) -> bool {
        self != Self::TokensPerSecond
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
