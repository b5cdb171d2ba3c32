//! `run SCENARIO`, `task`, `chat`, `http`: one load, or the levels of a sweep.

use super::level::{LevelResult, LoadSetup, run_level};
use super::prepare::{Prepared, Source};
use super::session::{Session, summarise};
use super::sink::SinkOptions;
use crate::args::OutputArgs;
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::tap::{Stage, StageEnd, StageKind};
use crate::telemetry::Telemetry;
use plimsoll_engine::{RunEvent, StopReason};
use plimsoll_model::{ApiLoad, Scope, Span, Threshold};
use plimsoll_results::{ApiSeries, LevelFacts, LevelInput, LevelLoad, LevelSummary, RunDir, is_closed, level_dir};
use plimsoll_scenario::Overrides;
use std::sync::Arc;
use std::time::Duration;

/// Runs a scenario.
pub(crate) fn run(
    source: &Source,
    overrides: &Overrides,
    output: &OutputArgs,
    command: &str,
    console: &Console,
) -> Result<Exit, CliError> {
    let plan = source.plan(overrides, output)?;
    let telemetry = Telemetry::prepare(&output.telemetry, output.dry_run, console)?;
    if output.dry_run {
        console.json(&serde_json::to_string_pretty(&plan).map_err(CliError::internal)?);
        return Ok(Exit::Ok);
    }
    output.reports.check()?;
    let prepared = Arc::new(source.prepare(plan)?);
    let mut session = Session::start(command, &prepared, output, telemetry, console)?;
    let levels = Levels { prepared: prepared.clone(), run_dir: session.run_dir.clone(), warnings: session.warnings() };
    match session.run(move |setup| levels.run(&setup)) {
        Ok(levels) => session.conclude(levels, output),
        Err(error) => Err(session.fail(error)),
    }
}

/// The levels of a run, on the thread that makes the load.
struct Levels {
    prepared: Arc<Prepared>,
    run_dir: RunDir,
    warnings: Vec<String>,
}

impl Levels {
    fn run(&self, setup: &LoadSetup) -> Result<Vec<LevelSummary>, CliError> {
        let load = &self.prepared.plan.load;
        let (levels, cool_down) = match load {
            ApiLoad::Sweep { levels, cool_down } => (levels.as_slice(), cool_down.0),
            single => (std::slice::from_ref(single), Duration::ZERO),
        };
        let mut done: Vec<LevelSummary> = Vec::new();
        for (index, level) in levels.iter().enumerate() {
            if index > 0 && !rest(cool_down, setup) {
                break;
            }
            let number = index + 1;
            let part = Scope::Level(u32::try_from(number).unwrap_or(u32::MAX));
            let about = |threshold: &&Threshold| threshold.is_about(part);
            let thresholds: Vec<Threshold> = self.prepared.thresholds.iter().filter(about).cloned().collect();
            let measured = Level {
                number,
                of: Some(levels.len()),
                load: level,
                prepared: &self.prepared,
                run_dir: &self.run_dir,
                thresholds: &thresholds,
            };
            done.push(measured.run(setup)?.0);
            // A run that is killed later has this much.
            let so_far = Some("the run has not ended, or was killed".to_owned());
            let summary = summarise(&self.prepared, &self.run_dir, done.clone(), so_far, self.warnings.clone());
            if let Err(error) = summary.write(&self.run_dir) {
                setup.stop.stop(StopReason::CannotWrite(error.to_string()));
            }
        }
        Ok(done)
    }
}

/// Waits, in steps, so that a stopped run does not; whether the run goes on.
pub(super) fn rest(time: Duration, setup: &LoadSetup) -> bool {
    let until = setup.clock.now() + time;
    while setup.clock.now() < until && !setup.stop.is_stopped() {
        std::thread::sleep(Duration::from_millis(20).min(until.saturating_sub(setup.clock.now())));
    }
    !setup.stop.is_stopped()
}

/// One level to run and to summarise.
pub(super) struct Level<'a> {
    pub number: usize,
    pub of: Option<usize>,
    pub load: &'a ApiLoad,
    pub prepared: &'a Prepared,
    pub run_dir: &'a RunDir,
    pub thresholds: &'a [Threshold],
}

impl Level<'_> {
    pub(super) fn run(&self, setup: &LoadSetup) -> Result<(LevelSummary, LevelResult), CliError> {
        let dir = level_dir(self.run_dir, self.number, self.of.unwrap_or(usize::MAX)).map_err(CliError::internal)?;
        let label = self.load.label();
        // Nobody listens any more: nothing to tell.
        let tell = |event| drop(setup.events.send(event));
        tell(RunEvent::LevelStarted {
            level: self.number,
            levels: self.of,
            label: label.clone(),
            seconds: planned_time(self.load).map(|time| time.as_secs_f64()),
        });
        // Another window sees other arrivals: what one draw decided, the next does not.
        let setup = &LoadSetup { seed: setup.seed.wrapping_add(self.number as u64 - 1), ..setup.clone() };
        let options = SinkOptions {
            dir: Some(dir.clone()),
            warmup: self.load.warmup().0,
            objectives: self.prepared.plan.scenario.objectives,
            aborting: self.thresholds.iter().filter(|threshold| threshold.abort).cloned().collect(),
        };
        setup.taps.stage(&Stage {
            index: self.number - 1,
            kind: StageKind::Level,
            label: label.clone(),
            users: None,
            load: LevelLoad::of(self.load, &self.prepared.plan.scenario),
            warmup: options.warmup,
            thresholds: self.thresholds.to_vec(),
        });
        let result = run_level(setup, self.load, options)?;
        tell(RunEvent::LevelFinished {
            level: self.number,
            ok: result.fold.ok(),
            failed: result.fold.failed(),
            cancelled: result.cancelled,
            dropped: result.dropped,
            elapsed_seconds: result.elapsed.as_secs_f64(),
        });
        if let Err(error) = ApiSeries::of(&result.fold).write(&dir) {
            setup.stop.stop(StopReason::CannotWrite(error.to_string()));
        }
        // Rates are over the time in which load was made: one slow answer after it does not lower them.
        let made = planned_time(self.load).map_or(result.elapsed, |time| time.min(result.elapsed));
        let input = LevelInput {
            label,
            directory: if self.of == Some(1) { String::new() } else { format!("level_{}", self.number) },
            closed: is_closed(self.load),
            load: LevelLoad::of(self.load, &self.prepared.plan.scenario),
            facts: LevelFacts { until: Some(result.began + made), iterations: result.started, dropped: result.dropped },
            health: result.health.clone(),
            warnings: Vec::new(),
        };
        let summary = LevelSummary::new(input, &result.fold, self.thresholds);
        setup.taps.ended(&StageEnd::Level { summary: &summary, at: result.began + result.elapsed });
        Ok((summary, result))
    }
}

/// How long a load is meant to take, where that is known.
fn planned_time(load: &ApiLoad) -> Option<Duration> {
    match load {
        ApiLoad::Users { stages, ramp_down, .. } => {
            Some(stages.iter().map(|stage| stage.duration.0).sum::<Duration>() + ramp_down.0)
        }
        ApiLoad::Rate { stages, .. } => Some(stages.iter().map(|stage| stage.duration.0).sum()),
        ApiLoad::Iterations { .. } | ApiLoad::Sweep { .. } => None,
        ApiLoad::Replay { duration, .. } => duration.map(|Span(time)| time),
    }
}
