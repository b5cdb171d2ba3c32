//! The figures that runs are compared by.

use serde::{Deserialize, Serialize};

/// A figure of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Median latency of the successes (of an API: response time).
    P50,
    /// Its 90th percentile.
    P90,
    /// Its 95th percentile.
    P95,
    /// Its 99th percentile.
    P99,
    /// Its mean.
    Mean,
    /// Successes a second.
    Throughput,
    /// Share of successes, 0 to 1.
    SuccessRate,
    /// Median time to the first output or token.
    TtftP50,
    /// Its 95th percentile.
    TtftP95,
    /// Median gap between partial outputs of a Gradio generator.
    ChunkGapP50,
    /// Its 95th percentile.
    ChunkGapP95,
    /// Median gap between chunks of a streamed answer.
    ItlP50,
    /// Its 95th percentile.
    ItlP95,
    /// Median time per output token.
    TpotP50,
    /// Its 95th percentile.
    TpotP95,
    /// Requests a second that met every objective.
    Goodput,
    /// Output tokens a second of all users together.
    OutputTokensPerSecond,
    /// Median tokens a second that one user sees.
    UserTokensPerSecond,
    /// Mean time of the phase upload.
    Upload,
    /// Mean time of the phase connect.
    Connect,
    /// Mean time of the phase join.
    Join,
    /// Mean time in the server's queue.
    QueueWait,
    /// Mean time of the phase preprocess.
    Preprocess,
    /// Mean time in the app's function.
    Function,
    /// Mean time of the phase postprocess.
    Postprocess,
    /// Mean time of the phase streaming diff.
    StreamingDiff,
    /// Mean time of the phase delivery.
    Delivery,
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// So many a second.
    PerSecond,
    /// 0 to 1.
    Share,
}

/// Which direction a user likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// As of times.
    Lower,
    /// As of rates.
    Higher,
}

impl Kind {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 27] = [
        Self::P50,
        Self::P90,
        Self::P95,
        Self::P99,
        Self::Mean,
        Self::Throughput,
        Self::SuccessRate,
        Self::TtftP50,
        Self::TtftP95,
        Self::ChunkGapP50,
        Self::ChunkGapP95,
        Self::ItlP50,
        Self::ItlP95,
        Self::TpotP50,
        Self::TpotP95,
        Self::Goodput,
        Self::OutputTokensPerSecond,
        Self::UserTokensPerSecond,
        Self::Upload,
        Self::Connect,
        Self::Join,
        Self::QueueWait,
        Self::Preprocess,
        Self::Function,
        Self::Postprocess,
        Self::StreamingDiff,
        Self::Delivery,
    ];

    /// The word used in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Mean => "mean",
            Self::Throughput => "throughput",
            Self::SuccessRate => "success_rate",
            Self::TtftP50 => "ttft_p50",
            Self::TtftP95 => "ttft_p95",
            Self::ChunkGapP50 => "chunk_gap_p50",
            Self::ChunkGapP95 => "chunk_gap_p95",
            Self::ItlP50 => "itl_p50",
            Self::ItlP95 => "itl_p95",
            Self::TpotP50 => "tpot_p50",
            Self::TpotP95 => "tpot_p95",
            Self::Goodput => "goodput",
            Self::OutputTokensPerSecond => "output_tokens_per_second",
            Self::UserTokensPerSecond => "user_tokens_per_second",
            Self::Upload => "upload",
            Self::Connect => "connect",
            Self::Join => "join",
            Self::QueueWait => "queue_wait",
            Self::Preprocess => "preprocess",
            Self::Function => "function",
            Self::Postprocess => "postprocess",
            Self::StreamingDiff => "streaming_diff",
            Self::Delivery => "delivery",
        }
    }

    /// The figure of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The mean of this phase; `None` for what is left over, which is noise of the others.
    pub(super) fn of_phase(name: &str) -> Option<Self> {
        Self::parse(name).filter(|kind| *kind >= Self::Upload)
    }

    /// What it is counted in.
    pub fn unit(self) -> Unit {
        match self {
            Self::SuccessRate => Unit::Share,
            Self::Throughput | Self::Goodput | Self::OutputTokensPerSecond | Self::UserTokensPerSecond => {
                Unit::PerSecond
            }
            _ => Unit::Ms,
        }
    }

    /// Which direction is the good one.
    pub fn better(self) -> Better {
        if self.unit() == Unit::Ms { Better::Lower } else { Better::Higher }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_files() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!((Kind::of_phase("queue_wait"), Kind::of_phase("other")), (Some(Kind::QueueWait), None));
        assert_eq!(Kind::of_phase("mean"), None);
    }
}
