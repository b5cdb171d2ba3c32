//! What happened before the first tier.

use crate::time::ms;
use plimsoll_model::{FailureClass, Outcome, Sample, Traffic};
use plimsoll_stats::Distribution;
use serde::{Deserialize, Serialize};

/// The warm-up: measured and shown, in no other figure.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct WarmupSummary {
    /// Requests, without those given up because the run was stopped.
    pub requests: usize,
    /// Those that succeeded.
    pub ok: usize,
    /// Median latency of the successes, in milliseconds.
    pub p50: Option<f64>,
    /// Latency of the success that was sent first, in milliseconds: what a cold start costs.
    pub first_ms: Option<f64>,
}

impl WarmupSummary {
    /// The summary of these samples, of which only predictions count.
    pub fn of(samples: &[Sample]) -> Self {
        let counted = |sample: &&Sample| {
            sample.traffic == Traffic::Prediction && sample.outcome != Outcome::Failed(FailureClass::Cancelled)
        };
        let ok: Vec<&Sample> = samples.iter().filter(counted).filter(|sample| sample.outcome.is_ok()).collect();
        let mut latencies: Vec<f64> = ok.iter().map(|sample| ms(sample.service_time())).collect();
        Self {
            requests: samples.iter().filter(counted).count(),
            ok: ok.len(),
            p50: Distribution::of(&mut latencies).map(|latency| latency.p50),
            first_ms: ok.iter().min_by_key(|sample| sample.sent).map(|sample| ms(sample.service_time())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{background, failed, sample};
    use std::time::Duration;

    #[test]
    fn the_first_one_shows_the_cold_start() {
        let mut cold = sample(0, 0);
        cold.sent -= Duration::from_secs(1);
        let samples = [
            sample(0, 1),
            cold,
            sample(1, 0),
            failed(1, 1, FailureClass::AppError, "x"),
            failed(1, 2, FailureClass::Cancelled, "x"),
            background(Traffic::PageLoad, "/"),
        ];
        let expected = WarmupSummary { requests: 4, ok: 3, p50: Some(64.25), first_ms: Some(1064.25) };
        assert_eq!(WarmupSummary::of(&samples), expected);
        assert_eq!(WarmupSummary::of(&[]), WarmupSummary::default());
    }
}
