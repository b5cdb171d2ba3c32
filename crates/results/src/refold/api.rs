//! Runs of a scenario.

use super::events::{self, Event};
use super::{Refolded, RefoldedStage, of_plan};
use crate::api::{SAMPLES, fold_each};
use crate::page::{Rows, TimeBasis};
use crate::{
    ApiFold, ApiFoldOptions, ApiSummary, LevelFacts, LevelInput, LevelLoad, LevelSummary, LoadedRun, ResultsError,
    RunDir, RunFigures, RunManifest, diagnosis, first_intended, is_closed,
};
use plimsoll_model::scenario::{Objectives, Scenario, ThresholdSpec};
use plimsoll_model::{ApiLoad, Scope, Threshold};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Share of a search's window that is its warm-up.
const SETTLING: f64 = 0.2;

pub(super) fn refold(
    dir: PathBuf,
    manifest: Option<RunManifest>,
    mut summary: ApiSummary,
    cut: Option<String>,
) -> Result<Refolded, ResultsError> {
    let mut work = Work::new(&dir, manifest.as_ref())?;
    for level in &mut summary.levels {
        work.again(level)?;
    }
    if cut.is_some() {
        let known: Vec<String> = summary.levels.iter().map(|level| level.directory.clone()).collect();
        summary.levels.extend(work.levels_on_disk(&known)?);
    }
    let figures = match cut {
        None => {
            summary.diagnosis = diagnosis::of_levels(&summary.levels);
            summary
        }
        Some(reason) => remade(&dir, summary, reason)?,
    };
    Ok(work.finish(dir, manifest, figures))
}

pub(super) fn without_summary(dir: &Path, manifest: RunManifest, reason: String) -> Result<Refolded, ResultsError> {
    let mut work = Work::new(dir, Some(&manifest))?;
    let levels = work.levels_on_disk(&[])?;
    let name: Option<String> = of_plan(Some(&manifest), "/scenario/name");
    let target = manifest.target.as_ref().map(|target| target.url.clone());
    let target = target.or_else(|| of_plan(Some(&manifest), "/scenario/target/url")).unwrap_or_default();
    let name = name.unwrap_or_else(|| "scenario".to_owned());
    let warnings = work.warnings();
    let summary = ApiSummary::new(name, target, &RunDir::open(dir)?, levels, Some(reason), warnings);
    Ok(work.finish(dir.to_owned(), Some(manifest), summary))
}

/// The summary of a run whose own was not the last word.
fn remade(dir: &Path, summary: ApiSummary, reason: String) -> Result<ApiSummary, ResultsError> {
    let ApiSummary { name, target, levels, warnings, calibration, .. } = summary;
    let remade = ApiSummary::new(name, target, &RunDir::open(dir)?, levels, Some(reason), warnings);
    Ok(ApiSummary { calibration, ..remade })
}

struct Work {
    dir: PathBuf,
    events: Vec<Event>,
    objectives: Objectives,
    thresholds: Vec<Threshold>,
    scenario: Option<Scenario>,
    load: Option<ApiLoad>,
    rows: Rows,
    stages: Vec<RefoldedStage>,
    notes: Vec<String>,
}

impl Work {
    fn new(dir: &Path, manifest: Option<&RunManifest>) -> Result<Self, ResultsError> {
        let specs: Vec<ThresholdSpec> = of_plan(manifest, "/scenario/thresholds")
            .or_else(|| of_plan(manifest, "/scenario/threshold"))
            .unwrap_or_default();
        let threshold = |spec: ThresholdSpec| {
            let rule = Threshold::parse(&spec.rule).ok()?;
            Some(Threshold { scope: spec.level.map(Scope::Level), request: spec.request, abort: spec.abort, ..rule })
        };
        Ok(Self {
            dir: dir.to_owned(),
            events: events::read(dir)?,
            objectives: of_plan(manifest, "/scenario/objectives").unwrap_or_default(),
            thresholds: specs.into_iter().filter_map(threshold).collect(),
            scenario: of_plan(manifest, "/scenario"),
            load: of_plan(manifest, "/load"),
            rows: Rows::new(TimeBasis::Response).with_concurrency(),
            stages: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// Makes the figures of a level again from its samples, where these are there.
    fn again(&mut self, level: &mut LevelSummary) -> Result<(), ResultsError> {
        let dir = self.dir.join(&level.directory);
        if !dir.join(SAMPLES).is_file() {
            self.notes.push(format!(
                "{} is not there: {} is shown as summary.json has it, without its course over time.",
                dir.join(SAMPLES).display(),
                level.label
            ));
            self.stages.push(RefoldedStage::default());
            return Ok(());
        }
        let fold = self.fold(&dir, level.fold_options(self.objectives))?;
        // The rules of the level itself: those of a search are not in the scenario.
        let rule = |result: &crate::ThresholdResult| {
            let rule = Threshold::parse(&result.rule).ok()?;
            Some(Threshold { request: result.request.clone(), abort: result.abort, ..rule })
        };
        let rules: Option<Vec<Threshold>> = level.thresholds.iter().map(rule).collect();
        let mut remade = LevelSummary::new(level.input(), &fold, rules.as_deref().unwrap_or_default());
        match rules {
            // Whether it stopped the run is history.
            Some(_) => {
                for (new, old) in remade.thresholds.iter_mut().zip(&level.thresholds) {
                    new.abort = old.abort;
                }
            }
            None => remade.thresholds = std::mem::take(&mut level.thresholds),
        }
        *level = remade;
        self.add_stage(level, fold);
        Ok(())
    }

    /// The levels whose samples are on disk and that no summary has.
    fn levels_on_disk(&mut self, known: &[String]) -> Result<Vec<LevelSummary>, ResultsError> {
        let mut levels = Vec::new();
        for (number, directory) in level_dirs(&self.dir)? {
            let dir = self.dir.join(&directory);
            if known.contains(&directory) || !dir.join(SAMPLES).is_file() {
                continue;
            }
            levels.push(self.cut_off(number, directory, &dir)?);
        }
        Ok(levels)
    }

    /// A level that could not be summarised.
    fn cut_off(&mut self, number: usize, directory: String, dir: &Path) -> Result<LevelSummary, ResultsError> {
        let load = match self.load.clone() {
            Some(ApiLoad::Sweep { levels, .. }) => levels.get(number - 1).cloned(),
            // Of a search the load of its windows is in no plan.
            load => load.filter(|_| directory.is_empty()),
        };
        let event = self.events.iter().find(|event| event.kind == "level_started" && event.level == Some(number));
        let label = event.and_then(|event| event.label.clone()).or_else(|| load.as_ref().map(ApiLoad::label));
        let window = event.and_then(|event| event.seconds).filter(|_| load.is_none());
        let warmup = match (&load, window) {
            (Some(load), _) => load.warmup().0,
            (None, Some(window)) => Duration::try_from_secs_f64(window * SETTLING).unwrap_or_default(),
            (None, None) => Duration::ZERO,
        };
        let start = first_intended(dir)?.unwrap_or_default();
        let fold = self.fold(dir, ApiFoldOptions { start, warmup, objectives: self.objectives })?;
        let input = LevelInput {
            label: label.unwrap_or_else(|| format!("level {number}")),
            directory,
            closed: load.as_ref().is_some_and(is_closed),
            load: load
                .as_ref()
                .zip(self.scenario.as_ref())
                .map(|(load, of)| LevelLoad::of(load, of))
                .unwrap_or_default(),
            facts: LevelFacts::default(),
            health: Vec::new(),
            warnings: Vec::new(),
        };
        let part = Scope::Level(u32::try_from(number).unwrap_or(u32::MAX));
        let about: Vec<_> = self.thresholds.iter().filter(|rule| rule.is_about(part)).cloned().collect();
        let level = LevelSummary::new(input, &fold, &about);
        self.add_stage(&level, fold);
        Ok(level)
    }

    fn fold(&mut self, dir: &Path, options: ApiFoldOptions) -> Result<ApiFold, ResultsError> {
        let rows = &mut self.rows;
        fold_each(dir, options, |record| rows.add_record(record))
    }

    fn add_stage(&mut self, level: &LevelSummary, fold: ApiFold) {
        let (start, warmup) = (fold.options().start, fold.options().warmup);
        let end = level.start_seconds + level.warmup_seconds + level.seconds;
        self.rows.begin(self.stages.len(), start, warmup);
        self.rows.end(Duration::try_from_secs_f64(end).unwrap_or(start));
        self.stages.push(RefoldedStage { fold: Some(fold), begin: Some(level.start_seconds), end: Some(end) });
    }

    /// What was warned of while the run went on.
    fn warnings(&self) -> Vec<String> {
        let warnings = self.events.iter().filter(|event| event.kind == "warning");
        warnings.filter_map(|event| event.message.clone()).collect()
    }

    fn finish(self, dir: PathBuf, manifest: Option<RunManifest>, summary: ApiSummary) -> Refolded {
        Refolded {
            run: LoadedRun { dir, manifest, figures: RunFigures::Api(Box::new(summary)) },
            annotations: events::annotations(&self.events),
            rows: self.rows,
            stages: self.stages,
            notes: self.notes,
        }
    }
}

/// The folders of levels with their numbers, in order: the run directory itself when there are no others.
fn level_dirs(dir: &Path) -> Result<Vec<(usize, String)>, ResultsError> {
    let failed = |reason| ResultsError::io("list", dir, reason);
    let mut levels = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("level_").and_then(|number| number.parse::<usize>().ok());
        levels.extend(number.filter(|number| *number > 0).map(|number| (number, name)));
    }
    levels.sort();
    if levels.is_empty() {
        levels.push((1, String::new()));
    }
    Ok(levels)
}
