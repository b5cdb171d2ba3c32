//! Reading back what the model only writes: the generator's own figures.

use plimsoll_model::{Health, LagSummary, Limit};
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
struct Stored {
    send_lag: StoredLag,
    shard_busy: f64,
    cpu_ms_per_request: f64,
    steal: Option<f64>,
    open_files: u64,
    open_files_limit: u64,
    lost_samples: u64,
    reconnects: u64,
    limits_passed: Vec<StoredLimit>,
}

#[derive(Deserialize)]
struct StoredLag {
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

#[derive(Deserialize)]
struct StoredLimit {
    name: String,
    message: String,
}

/// For a `health` field.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Health>, D::Error> {
    Ok(Option::<Stored>::deserialize(deserializer)?.map(Health::from))
}

impl From<Stored> for Health {
    fn from(stored: Stored) -> Self {
        let StoredLag { p50_ms, p99_ms, max_ms } = stored.send_lag;
        Self {
            send_lag: LagSummary { p50_ms, p99_ms, max_ms },
            shard_busy: stored.shard_busy,
            cpu_ms_per_request: stored.cpu_ms_per_request,
            steal: stored.steal,
            open_files: stored.open_files,
            open_files_limit: stored.open_files_limit,
            lost_samples: stored.lost_samples,
            reconnects: stored.reconnects,
            limits_passed: stored
                .limits_passed
                .into_iter()
                .map(|StoredLimit { name, message }| Limit { name, message })
                .collect(),
        }
    }
}
