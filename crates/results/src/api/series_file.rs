//! `series.json`: what happened when, and histograms that can be merged with those of other runs.

use super::fold::ApiFold;
use super::metric::StoredHistogram;
use super::name::NameFold;
use super::told::seconds;
use crate::{ResultsError, atomic};
use plimsoll_model::{Metric, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const FILE: &str = "series.json";

/// A level second by second, warm-up apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiSeries {
    /// Version of the files in this directory.
    pub schema_version: u32,
    /// When the first row begins, in seconds since the run's start.
    pub from_seconds: f64,
    /// The requests of each name.
    pub requests: BTreeMap<String, NameSeries>,
}

/// The requests of one name, by the time at which they ended. All lists have a value for each row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameSeries {
    /// Length of a row in seconds: 1, and twice as much each time that there would be more than 3,600 rows.
    pub step_seconds: u64,
    /// Successes.
    pub ok: Vec<u64>,
    /// Failures, by class.
    pub failed: BTreeMap<String, Vec<u64>>,
    /// Output tokens of the successes.
    pub output_tokens: Vec<u64>,
    /// Median response time of the successes in milliseconds, to within 2 %; `null` without any.
    pub p50: Vec<Option<f64>>,
    /// Its 95th percentile.
    pub p95: Vec<Option<f64>>,
    /// Its 99th percentile.
    pub p99: Vec<Option<f64>>,
    /// Each metric of the successes over the whole level.
    pub histograms: BTreeMap<Metric, StoredHistogram>,
}

impl ApiSeries {
    /// What a fold has seen so far.
    pub fn of(fold: &ApiFold) -> Self {
        let series = |fold: &NameFold| NameSeries::of(fold);
        Self {
            schema_version: SCHEMA_VERSION,
            from_seconds: seconds(fold.measured_from()),
            requests: fold.names().iter().map(|(name, fold)| (name.as_ref().to_owned(), series(fold))).collect(),
        }
    }

    /// Writes `series.json` beside the samples of the level, by atomic rename.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn write(&self, dir: &Path) -> Result<(), ResultsError> {
        // Not indented: there is a number for every second.
        let mut bytes =
            serde_json::to_vec(self).map_err(|reason| ResultsError::Encode { what: "the series", reason })?;
        bytes.push(b'\n');
        atomic::write(&dir.join(FILE), &bytes)
    }

    /// Reads `series.json`.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::BadFile`].
    pub fn read(dir: &Path) -> Result<Self, ResultsError> {
        let path = dir.join(FILE);
        let bytes = fs::read(&path).map_err(|reason| ResultsError::io("read", &path, reason))?;
        serde_json::from_slice(&bytes).map_err(|reason| ResultsError::BadFile { path, reason })
    }
}

impl NameSeries {
    fn of(fold: &NameFold) -> Self {
        let rows = fold.series.rows();
        let quantile = |q: f64| rows.iter().map(|row| row.quantile_ms(q)).collect();
        let of_class = |class| rows.iter().map(|row| row.failed_with(class)).collect();
        Self {
            step_seconds: fold.series.step_seconds(),
            ok: rows.iter().map(|row| row.ok).collect(),
            failed: fold.errors.keys().map(|class| (class.as_str().to_owned(), of_class(*class))).collect(),
            output_tokens: rows.iter().map(|row| row.output_tokens).collect(),
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
            histograms: fold.metrics.iter().filter_map(|(metric, fold)| Some((*metric, fold.stored()?))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testdata::{mixed, options, plain};

    #[test]
    fn goes_out_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut fold = ApiFold::new(options());
        mixed().iter().for_each(|sample| fold.add(sample));
        let series = ApiSeries::of(&fold);
        series.write(folder.path()).unwrap();
        assert_eq!(ApiSeries::read(folder.path()).unwrap(), series);
        assert_eq!((series.schema_version, series.from_seconds), (SCHEMA_VERSION, 15.0));
        let chat = &series.requests["chat"];
        assert_eq!((chat.step_seconds, &chat.ok), (1, &vec![0, 0, 0, 0, 0, 2, 0, 0]));
        assert_eq!((&chat.failed["timeout"], chat.output_tokens[5]), (&vec![0, 0, 0, 0, 0, 0, 0, 1], 9));
        assert!((chat.p99[5].unwrap() - 100.5).abs() < 1.7 && chat.p50[0].is_none());
    }

    #[test]
    fn histograms_of_two_runs_can_be_merged() {
        let run = |took: u64| {
            let mut fold = ApiFold::new(options());
            (0..10).for_each(|_| fold.add(&plain("a", 20_000, took)));
            ApiSeries::of(&fold).requests["a"].histograms[&Metric::ServiceTime].clone()
        };
        let mut both = run(10).histogram().unwrap();
        both.add(run(30).histogram().unwrap()).unwrap();
        assert_eq!((both.len(), both.equivalent(both.value_at_quantile(0.9), 30_000)), (20, true));
    }
}
