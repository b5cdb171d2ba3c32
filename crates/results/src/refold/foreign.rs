//! hf-perftest's own `client_latencies.jsonl`: how long, and whether it went well; no time stamps, no names.

use crate::client::{ErrorClass, Intervals};
use crate::{ApiFold, ApiFoldOptions, ApiSampleRecord, P99_REQUESTS, ResultsError, TierSummary, lines};
use plimsoll_model::{FailureClass, Outcome};
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Failures whose class nobody knows.
const UNKNOWN: &str = "failed";

#[derive(Deserialize)]
struct Line {
    latency_ms: f64,
    success: bool,
    #[serde(default)]
    error: Option<String>,
}

/// What its lines add to the figures of a tier.
#[derive(Debug, Default)]
pub(super) struct Seen {
    requests: usize,
    failures: usize,
    example: String,
    /// Of the successes, sorted.
    latencies: Vec<f64>,
    cut_off_lines: usize,
}

/// Whether the file is hf-perftest's: its first whole line has none of our keys.
pub(super) fn is(path: &Path) -> Result<bool, ResultsError> {
    #[derive(Deserialize)]
    struct Keys {
        #[serde(default)]
        sent_ms: Option<serde::de::IgnoredAny>,
        #[serde(rename = "latency_ms")]
        _latency_ms: serde::de::IgnoredAny,
    }
    let failed = |reason| ResultsError::io("read", path, reason);
    let mut first = Vec::new();
    BufReader::new(File::open(path).map_err(failed)?).read_until(b'\n', &mut first).map_err(failed)?;
    Ok(serde_json::from_slice::<Keys>(&first).is_ok_and(|keys| keys.sent_ms.is_none()))
}

pub(super) fn read(path: &Path) -> Result<(Seen, ApiFold), ResultsError> {
    let mut seen = Seen::default();
    let mut fold = ApiFold::new(ApiFoldOptions::default());
    seen.cut_off_lines = lines::read(path, |line: Line| {
        seen.requests += 1;
        if line.success {
            seen.latencies.push(line.latency_ms);
        } else {
            seen.failures += 1;
            if seen.example.is_empty() {
                seen.example = line.error.clone().unwrap_or_default();
            }
        }
        fold.add_record(&record(&line));
        Ok(())
    })?;
    seen.latencies.sort_unstable_by(f64::total_cmp);
    Ok((seen, fold))
}

impl Seen {
    /// What hf-perftest does not work out itself.
    pub(super) fn complete(&self, tier: &mut TierSummary) {
        let ok = self.latencies.len();
        tier.failed = self.failures;
        tier.cut_off_lines = self.cut_off_lines;
        tier.p99_trustworthy = ok >= P99_REQUESTS;
        tier.intervals = Intervals::new(self.requests, &self.latencies);
        if self.failures > 0 {
            let error = ErrorClass { count: self.failures, example: self.example.clone() };
            tier.errors.insert(UNKNOWN.to_owned(), error);
        }
    }
}

/// As if it had been sent at 0: only how long it took will be looked at.
fn record(line: &Line) -> ApiSampleRecord {
    ApiSampleRecord {
        name: String::new(),
        vu: 0,
        iteration: 0,
        intended: 0,
        sent: 0,
        first_byte: None,
        // A damaged file's negative or absurd number becomes 0 or the most.
        end: (line.latency_ms * 1e3).round() as u64,
        connect: 0,
        outcome: if line.success { Outcome::Ok } else { Outcome::Failed(FailureClass::AppError) },
        status: None,
        error: None,
        bytes_sent: 0,
        bytes_received: 0,
        id: None,
        chunks: Vec::new(),
        chunk_tokens: Vec::new(),
        tokens: None,
        retries: 0,
        reconnects: 0,
        cold: false,
        told: None,
    }
}
