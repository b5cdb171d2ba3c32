//! A run made again from its samples: also one that was killed, and one of hf-perftest.

mod api;
mod events;
mod foreign;
mod gradio;

use crate::load_run::manifest;
use crate::page::{PageAnnotation, Rows};
use crate::{
    ApiFold, LoadedRun, ResultsError, RunDir, RunFigures, RunManifest, RunState, load_run, read_server_metrics,
};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Why a run is partial that could not say so.
const KILLED: &str = "the run was killed (or it still goes on)";

/// Why there is no summary of a run that has ended.
const NO_SUMMARY: &str = "its summary was not written";

/// A run, and everything that only its samples tell.
#[derive(Debug)]
pub struct Refolded {
    /// The run. Its figures are those of its samples, where these are there.
    pub run: LoadedRun,
    /// What happened when.
    pub rows: Rows,
    /// For each tier or level what its figures do not hold.
    pub stages: Vec<RefoldedStage>,
    /// Warnings and notes from `events.jsonl`, and what was written into the run by hand.
    pub annotations: Vec<PageAnnotation>,
    /// What could not be read, or is not there, one sentence each.
    pub notes: Vec<String>,
}

impl Refolded {
    /// Whether no request had ended: there is nothing to show.
    pub fn is_empty(&self) -> bool {
        let none = match &self.run.figures {
            RunFigures::Gradio(summary) => summary.tiers.iter().all(|tier| tier.total_requests == 0),
            RunFigures::Api(summary) => summary.levels.iter().all(|level| level.all.count == 0),
        };
        // A run that came no further than its warm-up has rows.
        none && self.rows.is_empty()
    }
}

/// What the figures of a tier or level do not hold.
#[derive(Debug, Default)]
pub struct RefoldedStage {
    /// Its samples; `None` when they are not there.
    pub fold: Option<ApiFold>,
    /// When it began, in seconds since the run's start.
    pub begin: Option<f64>,
    /// When it ended.
    pub end: Option<f64>,
}

/// Reads a run directory and folds its samples again. Nothing is written. A run without `summary.json`, or with one that
/// was written before its end, becomes partial, with every sample that had been written.
///
/// # Errors
/// Those of [`load_run`], and [`ResultsError::BadLine`] with the line of a damaged file. A line that was cut off at the
/// end of a file is no error: it is counted.
pub fn refold(dir: &Path) -> Result<Refolded, ResultsError> {
    let mut refolded = samples(dir)?;
    for column in read_server_metrics(&RunDir::open(&refolded.run.dir)?)? {
        for (at, value) in column.points {
            // Stamps are not negative; what is absurd has no row.
            if let Ok(at) = Duration::try_from_secs_f64(at) {
                refolded.rows.set_server(at, &column.title, value);
            }
        }
    }
    Ok(refolded)
}

fn samples(dir: &Path) -> Result<Refolded, ResultsError> {
    match load_run(dir) {
        Ok(LoadedRun { dir, manifest, figures }) => {
            let cut = is_cut(manifest.as_ref());
            match figures {
                RunFigures::Api(summary) => api::refold(dir, manifest, *summary, cut),
                RunFigures::Gradio(summary) => gradio::refold(dir, manifest, *summary, cut),
            }
        }
        Err(ResultsError::NoSummary { .. }) => {
            let Some(manifest) = manifest(dir)? else { return Err(ResultsError::NotARun { dir: dir.to_owned() }) };
            let reason = match (&manifest.partial_reason, manifest.state) {
                (Some(reason), _) => reason.clone(),
                (None, RunState::Running) => KILLED.to_owned(),
                (None, _) => NO_SUMMARY.to_owned(),
            };
            if manifest.plan.get("scenario").is_some() {
                api::without_summary(dir, manifest, reason)
            } else {
                gradio::without_summary(dir, manifest, reason)
            }
        }
        Err(error) => Err(error),
    }
}

/// Why the summary of a run is not its last word, if it is not.
fn is_cut(manifest: Option<&RunManifest>) -> Option<String> {
    let manifest = manifest?;
    (manifest.state == RunState::Running).then(|| KILLED.to_owned())
}

/// A part of the plan in `run.json`, as what it was.
fn of_plan<T: serde::de::DeserializeOwned>(manifest: Option<&RunManifest>, pointer: &str) -> Option<T> {
    manifest?.plan.pointer(pointer).and_then(|value: &Value| T::deserialize(value).ok())
}

/// Whether the address is this machine's.
fn is_this_machine(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() };
    name == "localhost" || name.starts_with("127.") || name.starts_with("[::1]")
}

#[cfg(test)]
mod tests;
