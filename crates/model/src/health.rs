//! How the load generator itself fared: whether its figures can be trusted.

use serde::{Deserialize, Serialize};

/// The generator's own figures over one tier.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// How late requests were sent, against when the load profile meant them to start.
    pub send_lag: LagSummary,
    /// Share of one core that the measuring thread used, 0 to 1.
    pub shard_busy: f64,
    /// CPU milliseconds of this whole process per request.
    pub cpu_ms_per_request: f64,
    /// Share of the machine's CPU time that its hypervisor gave to others, 0 to 1; `null` where the system does
    /// not tell.
    pub steal: Option<f64>,
    /// Most file descriptors open at a time, as seen once a second.
    pub open_files: u64,
    /// The limit on open descriptors.
    pub open_files_limit: u64,
    /// Samples that could not be written in time and are missing from the files (they are in no statistic).
    pub lost_samples: u64,
    /// Connections that the server had closed while idle, opened anew.
    pub reconnects: u64,
    /// The limits that were passed; empty when the figures can be trusted.
    pub limits_passed: Vec<Limit>,
}

/// Send lag in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LagSummary {
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Largest.
    pub max_ms: f64,
}

/// A limit beyond which a result is called generator-limited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Which: `send_lag`, `shard_busy`, `lost_samples`.
    pub name: String,
    /// One sentence with the figure and the limit.
    pub message: String,
}

impl Health {
    /// Whether the generator, not the target, may have set the figures.
    pub fn generator_limited(&self) -> bool {
        !self.limits_passed.is_empty()
    }
}
