//! Many runs in order of time: where a figure changes its level.

mod csv;
mod table;
#[cfg(test)]
mod tests;

pub use csv::otava_csv;
pub use table::history_table;

use crate::comparison::{Better, Figures, Kind, Unit};
use crate::{LoadedRun, RunState};
use plimsoll_model::SCHEMA_VERSION;
use plimsoll_stats::{ChangePointOptions, change_points};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// From this many runs on a change of level can be found at all.
pub const FEWEST_RUNS: usize = 5;

/// What is asked of a history.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistoryOptions {
    /// Only these figures; empty for all.
    pub metrics: Vec<Kind>,
    /// How changes are found.
    pub changes: ChangePointOptions,
}

/// Runs in order of time, their series and the changes in them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Version of this form.
    pub schema_version: u32,
    /// `history`.
    pub kind: String,
    /// The runs, in order of time.
    pub runs: Vec<HistoryRun>,
    /// Runs that were left out, one sentence each.
    pub left_out: Vec<String>,
    /// The figures over the runs.
    pub series: Vec<Series>,
}

/// One run of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryRun {
    /// Where it lies.
    pub dir: PathBuf,
    /// When it began, as RFC 3339 in UTC.
    pub time: String,
    /// The framework's version as the target told it; empty where unknown.
    pub target_version: String,
}

/// One figure of one scope over the runs that have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What was under load: series of different apps are different series.
    pub subject: String,
    /// What it was measured over.
    pub scope: String,
    /// Which figure.
    pub metric: Kind,
    /// Of its values.
    pub unit: Unit,
    /// Which direction is the good one.
    pub better: Better,
    /// Indices into the history's runs.
    pub runs: Vec<usize>,
    /// The value of each of these runs.
    pub values: Vec<f64>,
    /// Where its level changes.
    pub changes: Vec<Change>,
}

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Index, into the history's runs, of the first run of the new level.
    pub run: usize,
    /// Mean before it, since the change before.
    pub before: f64,
    /// Mean from it on, until the change after.
    pub after: f64,
    /// `after / before − 1`.
    pub change: f64,
    /// p value of the t test between both sides; small by construction.
    pub p: f64,
}

impl History {
    /// The history of these runs. Partial and generator-limited runs are left out, with a note; so are runs whose time
    /// is not known.
    pub fn of(runs: &[LoadedRun], options: &HistoryOptions) -> Self {
        let mut left_out = Vec::new();
        let mut kept: Vec<(jiff::Timestamp, &LoadedRun)> = Vec::new();
        for run in runs {
            let why = match run.began() {
                _ if run.state() != RunState::Complete => "it is partial",
                _ if run.generator_limited() => "it is generator-limited",
                None => "when it began cannot be read",
                Some(time) => {
                    kept.push((time, run));
                    continue;
                }
            };
            left_out.push(format!("{} is left out: {why}", run.dir.display()));
        }
        kept.sort_by(|(a, left), (b, right)| (a, &left.dir).cmp(&(b, &right.dir)));
        let series = series(&kept, options);
        let runs = kept
            .iter()
            .map(|(time, run)| HistoryRun {
                dir: run.dir.clone(),
                time: time.to_string(),
                target_version: run.target_version().unwrap_or_default().to_owned(),
            })
            .collect();
        Self { schema_version: SCHEMA_VERSION, kind: "history".to_owned(), runs, left_out, series }
    }

    /// Whether no series is long enough for a change to be found.
    pub fn too_short(&self) -> bool {
        self.series.iter().all(|series| series.values.len() < FEWEST_RUNS)
    }
}

fn series(runs: &[(jiff::Timestamp, &LoadedRun)], options: &HistoryOptions) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for (index, (_, run)) in runs.iter().enumerate() {
        for point in Figures::of(run).points {
            if !options.metrics.is_empty() && !options.metrics.contains(&point.kind) {
                continue;
            }
            let same = |series: &&mut Series| {
                series.subject == run.subject() && series.scope == point.scope && series.metric == point.kind
            };
            match all.iter_mut().find(same) {
                Some(series) => {
                    series.runs.push(index);
                    series.values.push(point.value);
                }
                None => all.push(Series {
                    subject: run.subject().to_owned(),
                    scope: point.scope,
                    metric: point.kind,
                    unit: point.kind.unit(),
                    better: point.kind.better(),
                    runs: vec![index],
                    values: vec![point.value],
                    changes: Vec::new(),
                }),
            }
        }
    }
    for series in &mut all {
        series.changes = change_points(&series.values, &options.changes)
            .unwrap_or_default()
            .into_iter()
            .map(|point| Change {
                run: series.runs[point.index],
                before: point.mean_before,
                after: point.mean_after,
                change: point.change,
                p: point.p,
            })
            .collect();
    }
    all
}
