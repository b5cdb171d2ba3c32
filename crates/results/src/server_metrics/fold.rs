//! What the values come to, one after the other.

use super::{FILE, ServerMetricKind, ServerMetricRecord};
use crate::{ResultsError, RunDir, lines};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A series of the target's own metrics over the whole run. Values are in the metric's own unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerMetricSummary {
    /// Name of the metric; of a histogram that of its family.
    pub name: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// `gauge`, `counter`, or `histogram` for the sum and the count of one.
    pub kind: String,
    /// How often it was read.
    pub readings: u64,
    /// Of a gauge: its least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Of a gauge: mean of its readings. Of a histogram: mean of the values that came during the run (increase of the
    /// sum by that of the count).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Of a gauge: its greatest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Of a counter, or of a histogram's count: by how much it grew. A value below the one before is a restart, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increase: Option<f64>,
    /// That in a second, from the first reading to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
}

/// Name and labels.
type Id = (String, BTreeMap<String, String>);

/// All series. Room grows with their number, not with the length of the run.
#[derive(Debug, Clone, Default)]
pub struct ServerMetricsFold(BTreeMap<Id, Series>);

#[derive(Debug, Clone)]
struct Series {
    kind: ServerMetricKind,
    readings: u64,
    first: f64,
    last: f64,
    value: f64,
    sum: f64,
    min: f64,
    max: f64,
    increase: f64,
}

impl Series {
    fn begin(record: &ServerMetricRecord) -> Self {
        Self {
            kind: record.kind,
            readings: 0,
            first: record.t,
            last: record.t,
            value: record.value,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            increase: 0.0,
        }
    }

    fn add(&mut self, record: &ServerMetricRecord) {
        self.increase += grown(self.value, record.value);
        self.readings += 1;
        (self.last, self.value) = (record.t, record.value);
        self.sum += record.value;
        self.min = self.min.min(record.value);
        self.max = self.max.max(record.value);
    }

    fn per_second(&self) -> Option<f64> {
        (self.last > self.first).then(|| self.increase / (self.last - self.first))
    }
}

/// By how much a counter grew; after a restart it began at 0.
pub(super) fn grown(before: f64, now: f64) -> f64 {
    if now >= before { now - before } else { now.max(0.0) }
}

impl ServerMetricsFold {
    /// Adds values, in the order of time.
    pub fn add(&mut self, records: &[ServerMetricRecord]) {
        for record in records {
            let id = (record.name.clone(), record.labels.clone());
            self.0.entry(id).or_insert_with(|| Series::begin(record)).add(record);
        }
    }

    /// Folds the file of a run; empty where there is none.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::BadLine`].
    pub fn read(run: &RunDir) -> Result<Self, ResultsError> {
        let mut fold = Self::default();
        let path = run.path().join(FILE);
        if path.is_file() {
            lines::read(&path, |record: ServerMetricRecord| {
                fold.add(&[record]);
                Ok(())
            })?;
        }
        Ok(fold)
    }

    /// Every series, by name. The sum and the count of a histogram are one.
    pub fn summary(&self) -> Vec<ServerMetricSummary> {
        let mut all: Vec<ServerMetricSummary> =
            self.0.iter().filter_map(|(id, series)| self.summary_of(id, series)).collect();
        all.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        all
    }

    fn summary_of(&self, (name, labels): &Id, series: &Series) -> Option<ServerMetricSummary> {
        let partner = |name: String| self.0.get(&(name, labels.clone()));
        let empty = ServerMetricSummary {
            name: name.clone(),
            labels: labels.clone(),
            kind: "gauge".to_owned(),
            readings: series.readings,
            min: None,
            mean: None,
            max: None,
            increase: None,
            per_second: None,
        };
        if series.kind == ServerMetricKind::Gauge {
            return Some(ServerMetricSummary {
                min: Some(series.min),
                mean: Some(series.sum / series.readings as f64),
                max: Some(series.max),
                ..empty
            });
        }
        if name.strip_suffix("_sum").is_some_and(|stem| partner(format!("{stem}_count")).is_some()) {
            // Told with its count.
            return None;
        }
        let (increase, per_second) = (Some(series.increase), series.per_second());
        let stem = name.strip_suffix("_count");
        match stem.and_then(|stem| Some((stem, partner(format!("{stem}_sum"))?))) {
            Some((stem, sum)) => Some(ServerMetricSummary {
                name: stem.to_owned(),
                kind: "histogram".to_owned(),
                mean: (series.increase > 0.0).then(|| sum.increase / series.increase),
                increase,
                per_second,
                ..empty
            }),
            None => Some(ServerMetricSummary { kind: "counter".to_owned(), increase, per_second, ..empty }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(t: f64, name: &str, kind: ServerMetricKind, value: f64) -> ServerMetricRecord {
        ServerMetricRecord { t, name: name.to_owned(), labels: BTreeMap::new(), kind, value }
    }

    #[test]
    fn gauges_counters_with_a_restart_and_histograms() {
        use ServerMetricKind::{Counter, Gauge};
        let mut fold = ServerMetricsFold::default();
        for (t, running, tokens, sum, count) in
            [(1.0, 2.0, 100.0, 10.0, 5.0), (2.0, 4.0, 160.0, 12.0, 9.0), (3.0, 0.0, 40.0, 12.0, 9.0)]
        {
            fold.add(&[
                record(t, "running", Gauge, running),
                record(t, "tokens_total", Counter, tokens),
                record(t, "wait_sum", Counter, sum),
                record(t, "wait_count", Counter, count),
            ]);
        }
        let all = fold.summary();
        assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["running", "tokens_total", "wait"]);
        assert_eq!((all[0].min, all[0].mean, all[0].max), (Some(0.0), Some(2.0), Some(4.0)));
        assert_eq!((all[1].increase, all[1].per_second), (Some(100.0), Some(50.0)));
        assert_eq!((all[2].kind.as_str(), all[2].mean, all[2].increase), ("histogram", Some(0.5), Some(4.0)));
    }
}
