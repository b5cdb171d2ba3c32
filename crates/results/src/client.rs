//! What the client saw of a tier, in hf-perftest's form, and how sure it is.

use plimsoll_stats::{Distribution, proportion_interval, quantile_interval};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

/// Confidence of every interval in the files.
const CONFIDENCE: f64 = 0.95;

/// hf-perftest's `client_summary`: latencies of the successes in milliseconds, from the send to the complete answer.
/// When no request succeeded, it is `{"count": 0, "success_rate": 0}` whatever was tried.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClientSummary {
    /// Requests, failed ones included; 0 when none succeeded.
    pub count: usize,
    /// Those that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_count: Option<usize>,
    /// Their share, 0 to 1.
    #[serde(serialize_with = "whole_zero")]
    pub success_rate: f64,
    /// Median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<f64>,
    /// 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<f64>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// Mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Shortest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

impl ClientSummary {
    /// The summary of `requests` of which those in `latency` succeeded.
    pub(crate) fn new(requests: usize, latency: Option<&Distribution>) -> Self {
        let Some(latency) = latency else { return Self::default() };
        Self {
            count: requests,
            success_count: Some(latency.count),
            success_rate: latency.count as f64 / requests as f64,
            p50: Some(latency.p50),
            p90: Some(latency.p90),
            p95: Some(latency.p95),
            p99: Some(latency.p99),
            mean: Some(latency.mean),
            min: Some(latency.min),
            max: Some(latency.max),
        }
    }
}

/// 95 % intervals, as `[low, high]`; `null` where there are too few requests to have one. Those of quantiles are in
/// milliseconds and assume nothing of the distribution, but that requests are independent: they tell the noise within
/// this run, not the difference to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Intervals {
    /// Of the median latency.
    pub p50: Option<(f64, f64)>,
    /// Of the 90th percentile.
    pub p90: Option<(f64, f64)>,
    /// Of the 95th percentile.
    pub p95: Option<(f64, f64)>,
    /// Of the 99th percentile.
    pub p99: Option<(f64, f64)>,
    /// Of the success rate, 0 to 1.
    pub success_rate: Option<(f64, f64)>,
}

impl Intervals {
    /// The intervals of `requests` of which those with these latencies (sorted) succeeded.
    pub(crate) fn new(requests: usize, latencies: &[f64]) -> Self {
        let of = |q| quantile_interval(latencies, q, CONFIDENCE);
        Self {
            p50: of(0.50),
            p90: of(0.90),
            p95: of(0.95),
            p99: of(0.99),
            success_rate: proportion_interval(latencies.len() as u64, requests as u64, CONFIDENCE),
        }
    }
}

/// The failures of one class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorClass {
    /// How many.
    pub count: usize,
    /// The message of the first.
    pub example: String,
}

/// Adds a failure to its class.
pub(crate) fn count_error(errors: &mut BTreeMap<String, ErrorClass>, class: String, message: Option<String>) {
    let entry = errors.entry(class).or_default();
    if entry.count == 0 {
        entry.example = message.unwrap_or_default();
    }
    entry.count += 1;
}

/// A rate of exactly zero as the integer 0, as hf-perftest writes it.
pub(crate) fn whole_zero<S: Serializer>(rate: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if *rate == 0.0 { serializer.serialize_u8(0) } else { serializer.serialize_f64(*rate) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What `hf_perftest.runner.compute_client_summary` (0.4.0) returned for 37 requests with these latencies, of
    /// which every sixth failed.
    const HF_PERFTEST: &str = r#"{"count": 37, "success_count": 30, "success_rate": 0.8108108108108109,
        "p50": 92.46428571428572, "p90": 134.29285714285717, "p95": 140.8142857142857, "p99": 145.62,
        "mean": 85.49285714285715, "min": 7.392857142857143, "max": 146.82142857142858}"#;

    #[test]
    fn is_hf_perftests_summary() {
        let latency = |i: u32| f64::from((i * 7919) % 1009) / 7.0 + 3.25;
        let mut latencies: Vec<f64> = (0..37).filter(|i| i % 6 != 0).map(latency).collect();
        let latency = Distribution::of(&mut latencies).unwrap();
        let ours = serde_json::to_value(ClientSummary::new(37, Some(&latency))).unwrap();
        let theirs: Value = serde_json::from_str(HF_PERFTEST).unwrap();
        let (ours, theirs) = (ours.as_object().unwrap(), theirs.as_object().unwrap());
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        for (key, expected) in theirs {
            assert_eq!(ours[key].is_u64(), expected.is_u64(), "type of {key}");
            let (got, expected) = (ours[key].as_f64().unwrap(), expected.as_f64().unwrap());
            assert!((got - expected).abs() <= 1e-12 * expected, "{key}: {got} instead of {expected}");
        }
    }

    #[test]
    fn nothing_succeeded() {
        let summary = serde_json::to_string(&ClientSummary::new(4, None)).unwrap();
        assert_eq!(summary, r#"{"count":0,"success_rate":0}"#);
    }

    #[test]
    fn intervals_need_enough_requests() {
        let latencies: Vec<f64> = (0..100).map(f64::from).collect();
        let intervals = serde_json::to_value(Intervals::new(110, &latencies)).unwrap();
        assert_eq!(intervals["p50"], json!([39.0, 60.0]));
        assert_eq!(intervals["p99"], Value::Null);
        assert!(intervals["success_rate"][0].as_f64().unwrap() > 0.8);
    }
}
