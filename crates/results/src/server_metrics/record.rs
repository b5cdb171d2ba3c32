//! One line of the file.

use super::FILE;
use crate::lines::LineWriter;
use crate::{ResultsError, RunDir};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerMetricKind {
    /// Goes up and down.
    Gauge,
    /// Only grows, but for a restart; also the sum and the count of a histogram.
    Counter,
}

/// One value, as the target gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerMetricRecord {
    /// When the page came, in seconds since the run's start.
    pub t: f64,
    /// Name of the metric.
    pub name: String,
    /// Its labels; `source` is the page's address where several are read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What it is.
    pub kind: ServerMetricKind,
    /// Value, in the metric's own unit.
    pub value: f64,
}

/// Writes `server_metrics.jsonl`.
#[derive(Debug)]
pub struct ServerMetricsWriter(LineWriter);

impl ServerMetricsWriter {
    /// Makes the file.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn create(run: &RunDir) -> Result<Self, ResultsError> {
        LineWriter::open(run.path().join(FILE)).map(Self)
    }

    /// Adds these; when it returns, they are with the system.
    ///
    /// # Errors
    /// As [`ServerMetricsWriter::create`].
    pub fn write(&mut self, records: &[ServerMetricRecord]) -> Result<(), ResultsError> {
        for record in records {
            self.0.push(record)?;
        }
        self.0.flush()
    }
}
