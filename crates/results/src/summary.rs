//! `summary.json`: the figures of a run.

use crate::manifest::pretty;
use crate::{
    Diagnosis, ResultsError, RunDir, RunState, ServerMetricSummary, TierSummary, Verdict, WarmupSummary, diagnosis, url,
};
use plimsoll_model::SCHEMA_VERSION;
use serde::{Deserialize, Serialize};
use std::fs;

const FILE: &str = "summary.json";

/// The figures of a run. The first three keys are hf-perftest's; a `summary.json` of hf-perftest can be read too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The app: a built-in one's name, a file, or the address. Stored without `user:password@`.
    #[serde(serialize_with = "url::serialize")]
    pub app: String,
    /// When the run began, local time as `YYYYMMDD_HHMMSS`.
    pub timestamp: String,
    /// The tiers, in the order in which they ran.
    pub tiers: Vec<TierSummary>,
    /// Version of the files in this directory; 0 for a file of hf-perftest.
    #[serde(default)]
    pub schema_version: u32,
    /// How far the run got.
    #[serde(default)]
    pub state: RunState,
    /// Why it is partial.
    #[serde(default)]
    pub partial_reason: Option<String>,
    /// Whether the figures may be believed; `null` for a file of hf-perftest.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// What happened before the first tier; `null` when there was no warm-up.
    #[serde(default)]
    pub warmup: Option<WarmupSummary>,
    /// What the target told of itself, with `--scrape`; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_metrics: Vec<ServerMetricSummary>,
    /// What the figures mean, the most severe first; empty for a file of hf-perftest.
    #[serde(default)]
    pub diagnosis: Vec<Diagnosis>,
}

impl Summary {
    /// The summary of a run that has ended: complete, or partial for this reason. Finds the verdict.
    pub fn new(
        app: String,
        run: &RunDir,
        tiers: Vec<TierSummary>,
        warmup: Option<WarmupSummary>,
        partial_reason: Option<String>,
    ) -> Self {
        let state = if partial_reason.is_some() { RunState::Partial } else { RunState::Complete };
        let verdict = Verdict::of(state, partial_reason.as_deref(), &tiers);
        let mut summary = Self {
            app,
            timestamp: run.timestamp().to_owned(),
            tiers,
            schema_version: SCHEMA_VERSION,
            state,
            partial_reason,
            verdict: Some(verdict),
            warmup,
            diagnosis: Vec::new(),
            server_metrics: Vec::new(),
        };
        summary.diagnosis = diagnosis::of_tiers(&summary);
        summary
    }

    /// Whether in some tier the load generator, not the target, may have set the figures.
    pub fn generator_limited(&self) -> bool {
        self.tiers.iter().filter_map(|tier| tier.health.as_ref()).any(plimsoll_model::Health::generator_limited)
    }

    /// Writes `summary.json`, by atomic rename.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn write(&self, run: &RunDir) -> Result<(), ResultsError> {
        run.write_atomic(FILE, &pretty(self, "the summary")?)
    }

    /// Reads `summary.json`.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::BadFile`].
    pub fn read(run: &RunDir) -> Result<Self, ResultsError> {
        let path = run.path().join(FILE);
        let bytes = fs::read(&path).map_err(|reason| ResultsError::io("read", &path, reason))?;
        serde_json::from_slice(&bytes).map_err(|reason| ResultsError::BadFile { path, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{health, run_with, sample};
    use crate::{VerdictResult, testdata};
    use plimsoll_model::FailureClass;
    use serde_json::{Value, json};

    #[test]
    fn has_hf_perftests_keys_and_types() {
        let (_folder, run, summary) = run_with(&[sample(0, 0), sample(1, 0)], true);
        summary.write(&run).unwrap();
        let text = fs::read_to_string(run.path().join(FILE)).unwrap();
        assert!(text.starts_with("{\n  \"app\": \"echo_text\",\n  \"timestamp\": \"2"));
        let value: Value = serde_json::from_str(&text).unwrap();
        let tier = &value["tiers"][0];
        assert_eq!(
            (&tier["tier"], &tier["requests_per_user"], &tier["total_requests"]),
            (&json!(2), &json!(1), &json!(2))
        );
        assert!(tier["elapsed_seconds"].is_f64());
        assert_eq!(tier["client_summary"]["success_count"], 2);
        assert_eq!(tier["server_summary"]["phases"]["total"]["p50"], 30.0);
        assert_eq!(tier["background_traffic"], json!({}));
        assert_eq!(
            (&tier["requested"], &tier["mode"], &tier["session"]),
            (&json!(2), &json!("burst"), &json!("per-user"))
        );
        assert_eq!(value["verdict"], json!({"result": "pass", "reasons": []}));
        assert_eq!(Summary::read(&run).unwrap(), summary);
    }

    #[test]
    fn no_success_no_profiling_no_mixed_traffic() {
        let (_folder, run, mut summary) =
            run_with(&[testdata::failed(0, 0, FailureClass::Timeout, "no answer")], false);
        summary.app = "http://me:secret@host/".to_owned();
        summary.write(&run).unwrap();
        let value: Value = serde_json::from_slice(&fs::read(run.path().join(FILE)).unwrap()).unwrap();
        let tier = &value["tiers"][0];
        assert_eq!(tier["client_summary"], json!({"count": 0, "success_rate": 0}));
        assert_eq!((&tier["server_summary"], tier.get("background_traffic")), (&json!({}), None));
        assert_eq!((&tier["total_requests"], &tier["failed"]), (&json!(1), &json!(1)));
        assert_eq!(value["app"], "http://host/");
        assert_eq!(summary.verdict.unwrap().reasons, ["tier 2: no request succeeded"]);
    }

    #[test]
    fn a_limited_generator_or_a_partial_run_is_inconclusive() {
        let (_folder, run, summary) = run_with(&[sample(0, 0)], false);
        let mut tiers = summary.tiers;
        tiers[0].health = Some(health(true));
        let summary = Summary::new("a".to_owned(), &run, tiers, None, Some("interrupted".to_owned()));
        assert!(summary.generator_limited());
        let verdict = summary.verdict.as_ref().unwrap();
        assert_eq!(verdict.result, VerdictResult::Inconclusive);
        assert_eq!(verdict.reasons.len(), 2);
        assert_eq!(
            (summary.state, verdict.reasons[1].as_str()),
            (RunState::Partial, "the run ended early: interrupted")
        );
        summary.write(&run).unwrap();
        assert_eq!(Summary::read(&run).unwrap(), summary);
    }

    #[test]
    fn a_file_of_hf_perftest_can_be_read() {
        let theirs = r#"{"app": "apps/echo_text.py", "timestamp": "20260330_142500", "tiers": [
            {"tier": 1, "requests_per_user": 10, "total_requests": 10, "elapsed_seconds": 0.2,
             "client_summary": {"count": 10, "success_count": 10, "success_rate": 1.0, "p50": 12.0, "p90": 19.6,
              "p95": 20.2, "p99": 20.8, "mean": 13.0, "min": 9.0, "max": 21.0},
             "server_summary": {"count": 10, "phases": {"total": {"p50": 0.7, "p90": 2.6}}},
             "background_traffic": {"page_loads": {"count": 3, "success_rate": 0}}},
            {"tier": 10, "requests_per_user": 10, "total_requests": 100, "elapsed_seconds": 9,
             "client_summary": {"count": 0, "success_rate": 0}, "server_summary": {}}]}"#;
        let summary: Summary = serde_json::from_str(theirs).unwrap();
        assert_eq!((summary.schema_version, summary.state, summary.verdict), (0, RunState::Complete, None));
        assert_eq!(summary.tiers[0].client_summary.p99, Some(20.8));
        assert_eq!(summary.tiers[1].client_summary.success_rate, 0.0);
    }
}
