//! `capacity`: the load line, the highest load at which every threshold holds, by a search with windows of load.

use super::level::{LevelResult, LoadSetup};
use super::prepare::{Prepared, Source};
use super::run::{Level, rest};
use super::session::Session;
use crate::args::{CapacityArgs, Raise};
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::telemetry::Telemetry;
use plimsoll_engine::{RunEvent, StopReason};
use plimsoll_model::scenario::{ArrivalProcess, Think};
use plimsoll_model::{ApiLoad, Arrivals, Metric, Rate, Span, Stage};
use plimsoll_results::{LevelSummary, RunDir, Verdict, VerdictResult};
use plimsoll_scenario::Overrides;
use plimsoll_stats::{LoadLine, LoadLineSearch, SearchOptions};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A load that starts more iterations than there can be users for is too much, whatever the thresholds say.
const MOST_DROPPED: f64 = 0.001;
/// The same for iterations that do not end: the target does not keep up.
const MOST_UNFINISHED: f64 = 0.02;
/// After a window that was too much the target may work off its queue: as long as its slowest answer took, at most this.
const LONGEST_RECOVERY: Duration = Duration::from_secs(60);
/// What starts of a window are kept out of its figures, as a share of it.
const SETTLING: f64 = 0.2;
/// Windows in a row that the generator limited, after which the search ends.
const MOST_LIMITED: u32 = 3;
/// Below this part of the first load nobody wants to know the line.
const LEAST: f64 = 0.01;

/// Finds the load line of a scenario.
pub(crate) fn run(args: &CapacityArgs, command: &str, console: &Console) -> Result<Exit, CliError> {
    let source = Source::read(&args.scenario)?;
    let overrides = Overrides {
        url: args.url.clone(),
        seed: args.seed,
        thresholds: args.threshold.clone(),
        ..Overrides::default()
    };
    let plan = source.plan(&overrides, &args.output)?;
    if matches!(plan.load, ApiLoad::Replay { .. }) {
        return Err(CliError::usage(
            "capacity: a replay has its own times and cannot be raised; give another executor",
        ));
    }
    let telemetry = Telemetry::prepare(&args.output.telemetry, args.output.dry_run, console)?;
    let prepared = Arc::new(source.prepare(plan)?);
    if prepared.thresholds.is_empty() {
        return Err(CliError::usage(
            "capacity: the load line is the highest load at which every threshold holds, and the scenario has none; \
             give one, for example --threshold 'p(95) < 800ms'",
        ));
    }
    if prepared.thresholds.iter().any(|threshold| threshold.scope.is_some()) {
        return Err(CliError::usage(
            "capacity: a rule for one level of a sweep has no meaning here: every window is judged by every rule",
        ));
    }
    let shape = Shape::of(args, &prepared.plan.load);
    if args.output.dry_run {
        let first = shape.load(args.start);
        console.json(
            &serde_json::to_string_pretty(&json!({ "plan": prepared.plan, "first_window": first }))
                .map_err(CliError::internal)?,
        );
        return Ok(Exit::Ok);
    }
    args.output.reports.check()?;
    let mut session = Session::start(command, &prepared, &args.output, telemetry, console)?;
    let search = Search {
        prepared: prepared.clone(),
        run_dir: session.run_dir.clone(),
        options: SearchOptions {
            start: args.start.min(args.max),
            least: if shape.by == Raise::Users { 1.0 } else { args.start.min(args.max) * LEAST },
            most: args.max,
            precision: args.precision / 100.0,
            whole: shape.by == Raise::Users,
        },
        cool_down: args.cool_down,
        shape,
    };
    match session.run(move |setup| search.run(&setup)) {
        Ok(found) => conclude(session, found, args),
        Err(error) => Err(session.fail(error)),
    }
}

/// What a search came to.
struct Found {
    levels: Vec<LevelSummary>,
    line: Option<LoadLine>,
    by: Raise,
    /// Why the generator could not go further, if it could not.
    limited: Option<String>,
}

struct Search {
    prepared: Arc<Prepared>,
    run_dir: RunDir,
    options: SearchOptions,
    cool_down: Duration,
    shape: Shape,
}

impl Search {
    fn run(&self, setup: &LoadSetup) -> Result<Found, CliError> {
        let mut search = LoadLineSearch::new(self.options);
        let mut levels = Vec::new();
        let mut limited = None;
        let mut limited_in_a_row = 0;
        while let Some(load) = search.next() {
            if setup.stop.is_stopped() {
                break;
            }
            let level = Level {
                number: levels.len() + 1,
                of: None,
                load: &self.shape.load(load),
                prepared: &self.prepared,
                run_dir: &self.run_dir,
                thresholds: &self.prepared.thresholds,
            };
            let (summary, result) = level.run(setup)?;
            if setup.stop.is_stopped() {
                levels.push(summary);
                break;
            }
            let broken = broken(&summary, &result);
            let message = match &broken {
                _ if summary.generator_limited() => "  the load generator was late; nothing is learnt".to_owned(),
                None => "  held".to_owned(),
                Some(why) => format!("  too much: {why}"),
            };
            // Nobody listens any more: nothing to tell.
            let _ = setup.events.send(RunEvent::Note { message });
            // A limited generator may itself have broken the rules: nothing is learnt of the target. The machine may have
            // been busy with something else for a moment, so the window is tried again.
            if let Some(limit) = summary.health.iter().flat_map(|health| &health.limits_passed).next() {
                let message = format!("at {}: {}", summary.label, limit.message);
                levels.push(summary);
                limited_in_a_row += 1;
                if limited_in_a_row >= MOST_LIMITED {
                    limited = Some(message);
                    break;
                }
                rest(self.cool_down, setup);
                continue;
            }
            limited_in_a_row = 0;
            let slowest = summary.all.metrics.get(&Metric::ResponseTime).map_or(0.0, |times| times.max);
            levels.push(summary);
            search.tell(load, broken.is_none());
            let recovery = Duration::from_secs_f64(slowest / 1e3).min(LONGEST_RECOVERY);
            rest(self.cool_down + if broken.is_some() { recovery } else { Duration::ZERO }, setup);
        }
        Ok(Found { levels, line: search.line(), by: self.shape.by, limited })
    }
}

/// Why a window did not hold, if it did not.
fn broken(summary: &LevelSummary, result: &LevelResult) -> Option<String> {
    if let Some(rule) = summary.thresholds.iter().find(|rule| rule.ok != Some(true)) {
        return Some(format!("{} ({})", rule.title(), rule.value_in_words()));
    }
    let share = |count: u64| count as f64 / (result.started + result.dropped).max(1) as f64;
    if share(result.dropped) > MOST_DROPPED {
        return Some(format!("{} arrivals found no free user", result.dropped));
    }
    (share(result.cancelled) > MOST_UNFINISHED).then(|| format!("{} iterations did not end in time", result.cancelled))
}

/// What a window is, but for its load.
struct Shape {
    by: Raise,
    window: Duration,
    arrivals: Arrivals,
    max_users: u32,
    think: Option<Think>,
}

impl Shape {
    fn of(args: &CapacityArgs, load: &ApiLoad) -> Self {
        let poisson = Arrivals { process: ArrivalProcess::Poisson, burstiness: 1.0 };
        let (arrivals, max_users) = match load {
            ApiLoad::Rate { arrivals, max_users, .. } => (*arrivals, *max_users),
            _ => (poisson, 1000),
        };
        let think = match load {
            ApiLoad::Users { think, .. } | ApiLoad::Iterations { think, .. } => *think,
            _ => None,
        };
        Self { by: args.by, window: args.window, arrivals, max_users, think }
    }

    fn load(&self, to: f64) -> ApiLoad {
        let warmup = Span(self.window.mul_f64(SETTLING));
        let graceful_stop = Span(self.window);
        let level = Stage { duration: Span(self.window), to };
        match self.by {
            Raise::Rate => ApiLoad::Rate {
                arrivals: self.arrivals,
                stages: vec![level],
                max_users: self.max_users,
                warmup,
                graceful_stop,
            },
            Raise::Users => ApiLoad::Users {
                stages: vec![Stage { duration: Span::default(), to }, level],
                ramp_down: Span::default(),
                warmup,
                graceful_stop,
                think: self.think,
            },
        }
    }
}

fn in_words(by: Raise, load: f64) -> String {
    match by {
        Raise::Rate => Rate((load * 100.0).round() / 100.0).to_string(),
        Raise::Users => format!("{load} users"),
    }
}

fn conclude(session: Session<'_>, found: Found, args: &CapacityArgs) -> Result<Exit, CliError> {
    let windows = found.levels.len();
    let window = Span(args.window);
    let words = |load| in_words(found.by, load);
    let sentence = match found.line {
        Some(LoadLine::Between(low, high)) => {
            format!("{} held, {} did not ({windows} windows of {window})", words(low), words(high))
        }
        Some(LoadLine::AtLeast(low)) => format!("at least {} ({windows} windows of {window})", words(low)),
        Some(LoadLine::Below(high)) => {
            format!("below {}: even that did not hold ({windows} windows of {window})", words(high))
        }
        None => "not found".to_owned(),
    };
    let (low, high) = match found.line {
        Some(LoadLine::Between(low, high)) => (Some(low), Some(high)),
        Some(LoadLine::AtLeast(low)) => (Some(low), None),
        Some(LoadLine::Below(high)) => (None, Some(high)),
        None => (None, None),
    };
    let mut reasons = Vec::new();
    if let Some(why) = &found.limited {
        reasons.push(format!("the load generator was the limit {why}"));
    }
    if let Some(reason) = session.stop.reason() {
        reasons.push(format!("the run ended early: {reason}"));
    }
    if found.line.is_none() {
        reasons.push("no window ended".to_owned());
    }
    let exit = match (session.stop.reason(), found.line) {
        // A rule with `abort` ends a window's run; here it is the search's business.
        (Some(reason @ (StopReason::Signal(..) | StopReason::Asked(_) | StopReason::CannotWrite(_))), _) => {
            Exit::of_stop(&reason)
        }
        (Some(_), _) => Exit::Inconclusive,
        _ if !reasons.is_empty() => Exit::Inconclusive,
        (None, Some(LoadLine::Below(_))) => Exit::Thresholds,
        (None, _) => Exit::Ok,
    };
    let verdict = Verdict {
        result: match exit {
            Exit::Ok => VerdictResult::Pass,
            Exit::Thresholds => VerdictResult::Fail,
            _ => VerdictResult::Inconclusive,
        },
        reasons,
    };
    let by = if found.by == Raise::Users { "users" } else { "rate" };
    let line = json!({ "by": by, "held": low, "did_not_hold": high, "windows": windows, "window_seconds": args.window.as_secs_f64(), "precision": args.precision / 100.0 });
    session.conclude_search(found.levels, (&sentence, line), (verdict, exit), &args.output)
}
