//! The traffic beside the predictions: its lines and its summary.

use crate::ResultsError;
use crate::client::{ErrorClass, count_error, whole_zero};
use crate::lines;
use crate::record::error_text;
use crate::time::ms;
use plimsoll_model::{FailureClass, Sample, Traffic};
use plimsoll_stats::Distribution;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// One request beside the predictions, a line of `background_*.jsonl`. hf-perftest's keys first; `outcome` and
/// `sent_ms` are ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackgroundRecord {
    /// From the send to the complete answer, in milliseconds.
    pub latency_ms: f64,
    /// The path; of page loads only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Whether it succeeded.
    pub success: bool,
    /// Size of the uploaded body (the file and its few bytes of multipart framing), when an answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_size_bytes: Option<u64>,
    /// Size of the download, when an answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_size_bytes: Option<u64>,
    /// What went wrong; on failures only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// `ok` or the failure class.
    pub outcome: String,
    /// When it was sent, in milliseconds since the run's start.
    pub sent_ms: f64,
}

impl From<&Sample> for BackgroundRecord {
    fn from(sample: &Sample) -> Self {
        let answered = sample.outcome.is_ok() || sample.status.is_some();
        let size = |of: Traffic, bytes: u64| (sample.traffic == of && answered).then_some(bytes);
        Self {
            latency_ms: ms(sample.service_time()),
            endpoint: (sample.traffic == Traffic::PageLoad).then(|| sample.name.as_ref().to_owned()),
            success: sample.outcome.is_ok(),
            file_size_bytes: size(Traffic::Upload, sample.bytes_sent),
            response_size_bytes: size(Traffic::Download, sample.bytes_received),
            error: error_text(sample),
            outcome: sample.outcome.as_str().to_owned(),
            sent_ms: ms(sample.sent),
        }
    }
}

/// The kinds of background traffic, with their key in `background_traffic` and in the file's name.
pub(crate) const KINDS: [(Traffic, &str); 3] =
    [(Traffic::PageLoad, "page_loads"), (Traffic::Upload, "uploads"), (Traffic::Download, "downloads")];

/// `background_<kind>.jsonl`.
pub(crate) fn file_name(kind: &str) -> String {
    format!("background_{kind}.jsonl")
}

/// hf-perftest's summary of one kind of background traffic: latencies of the successes, in milliseconds. When none
/// succeeded there is only `count` and a `success_rate` of 0. `errors` is ours.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BackgroundSummary {
    /// Requests, without those given up because the run was stopped.
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
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// Mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Failures by class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, ErrorClass>,
}

/// Folds the background files of a tier; kinds without a request are left out.
pub(crate) fn fold(tier_dir: &Path) -> Result<BTreeMap<String, BackgroundSummary>, ResultsError> {
    let mut summaries = BTreeMap::new();
    for (_, kind) in KINDS {
        let path = tier_dir.join(file_name(kind));
        if path.exists() {
            let summary = fold_file(&path)?;
            if summary.count > 0 {
                summaries.insert(kind.to_owned(), summary);
            }
        }
    }
    Ok(summaries)
}

fn fold_file(path: &Path) -> Result<BackgroundSummary, ResultsError> {
    let mut summary = BackgroundSummary::default();
    let mut latencies = Vec::new();
    lines::read(path, |record: BackgroundRecord| {
        if record.outcome == FailureClass::Cancelled.as_str() {
            return Ok(());
        }
        summary.count += 1;
        if record.success {
            latencies.push(record.latency_ms);
        } else {
            count_error(&mut summary.errors, record.outcome, record.error);
        }
        Ok(())
    })?;
    if let Some(latency) = Distribution::of(&mut latencies) {
        summary.success_count = Some(latency.count);
        summary.success_rate = latency.count as f64 / summary.count as f64;
        summary.p50 = Some(latency.p50);
        summary.p90 = Some(latency.p90);
        summary.p99 = Some(latency.p99);
        summary.mean = Some(latency.mean);
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::background;
    use plimsoll_model::Outcome;

    fn line(sample: &Sample) -> String {
        serde_json::to_string(&BackgroundRecord::from(sample)).unwrap()
    }

    #[test]
    fn lines_have_hf_perftests_keys() {
        assert_eq!(
            line(&background(Traffic::PageLoad, "/config")),
            r#"{"latency_ms":64.25,"endpoint":"/config","success":true,"outcome":"ok","sent_ms":1000.0}"#
        );
        assert_eq!(
            line(&background(Traffic::Upload, "/upload")),
            r#"{"latency_ms":64.25,"success":true,"file_size_bytes":100,"outcome":"ok","sent_ms":1000.0}"#
        );
        let mut lost = background(Traffic::Download, "/file");
        assert!(line(&lost).contains(r#""response_size_bytes":2000"#));
        (lost.outcome, lost.status, lost.error) =
            (Outcome::Failed(FailureClass::Connect), None, Some("connection refused".into()));
        assert_eq!(
            line(&lost),
            r#"{"latency_ms":64.25,"success":false,"error":"connection refused","outcome":"connect","sent_ms":1000.0}"#
        );
    }
}
