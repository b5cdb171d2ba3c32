//! The pairs, one after another.

use super::args::{AbArgs, Restart};
use super::arms::{Arm, Arms};
use super::{order, report};
use crate::compare::name_arms;
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::run::target::{Ready, Setup};
use crate::run::{redactor, run_ready};
use crate::signals::Signals;
use plimsoll_model::Clock;
use plimsoll_results::{
    AbFile, AbPair, CompareOptions, LoadedRun, RunComparison, RunDir, RunManifest, RunState, compare,
    comparison_markdown, comparison_table, load_run,
};
use std::time::Duration;
use tokio::runtime::Runtime;

/// An experiment under way.
pub(super) struct Experiment<'a> {
    pub args: &'a AbArgs,
    pub arms: &'a Arms,
    pub command: &'a str,
    pub console: &'a Console,
    pub dir: RunDir,
    pub file: AbFile,
    pub runtime: Runtime,
    pub signals: Signals,
    /// Of the pairs so far; `None` before the first is done.
    pub comparison: Option<RunComparison>,
}

/// The two targets, both up.
struct Servers {
    base: Ready,
    branch: Ready,
}

impl Experiment<'_> {
    /// Runs pairs until there are enough. What is done is written after each.
    pub(super) fn run(&mut self) -> Result<(), CliError> {
        // One for all runs, so that what the target always says is said once.
        let quiet = Console::terse(self.args.json);
        let mut servers = None;
        let mut runs = (Vec::new(), Vec::new());
        let result = self.pairs(&quiet, &mut servers, &mut runs);
        if let Some(Servers { base, branch }) = servers {
            base.end(&quiet);
            branch.end(&quiet);
        }
        result
    }

    fn pairs(
        &mut self,
        quiet: &Console,
        servers: &mut Option<Servers>,
        runs: &mut (Vec<LoadedRun>, Vec<LoadedRun>),
    ) -> Result<(), CliError> {
        let mut number = 0;
        while !self.enough(number) {
            number += 1;
            if self.args.restart == Restart::Pair
                && let Some(Servers { base, branch }) = servers.take()
            {
                base.end(quiet);
                branch.end(quiet);
            }
            if servers.is_none() {
                *servers = Some(self.start(quiet)?);
            }
            let Some(up) = servers.as_mut() else { continue };
            let (base, branch) = self.pair(number, up, quiet)?;
            self.console.note(&report::pair_line(number, &self.file, (&base, &branch)));
            runs.0.push(base);
            runs.1.push(branch);
            self.compare(&runs.0, &runs.1)?;
            if let Some(comparison) = &self.comparison {
                self.console.note(&report::so_far(comparison));
            }
            self.write()?;
        }
        Ok(())
    }

    /// Whether there are enough pairs. With a target, what decides is the spread between pairs and never the effect: who
    /// stops once the effect looks large enough finds one too often.
    fn enough(&self, done: u32) -> bool {
        let Some(target) = self.args.target_mde else { return done >= self.args.pairs };
        let seen = self.comparison.as_ref().and_then(RunComparison::smallest_detectable);
        done >= self.args.max_pairs || (done >= self.args.pairs && seen.is_some_and(|effect| effect <= target))
    }

    fn start(&self, quiet: &Console) -> Result<Servers, CliError> {
        let servers =
            Servers { base: self.ready(&self.arms.base, quiet)?, branch: self.ready(&self.arms.branch, quiet)? };
        // One of them is paused next, which would disturb a start that is not over.
        servers.base.settle();
        servers.branch.settle();
        Ok(servers)
    }

    /// Starts an arm's app if it is ours to start, and waits until it answers. Its log goes on over all pairs.
    fn ready(&self, arm: &Arm, quiet: &Console) -> Result<Ready, CliError> {
        let folder = self.dir.path().join(format!("app_{}", arm.name));
        std::fs::create_dir_all(&folder).map_err(CliError::internal)?;
        let setup = Setup {
            plan: &arm.plan,
            run_dir: &folder,
            redactor: &redactor(&arm.plan),
            console: quiet,
            clock: Clock::start(),
            runtime: &self.runtime,
        };
        let in_arm = |error: CliError| CliError { message: format!("{}: {}", arm.name, error.message), ..error };
        // Signals between two runs are heard by ours.
        setup.make_ready().map(|(ready, _)| ready).map_err(in_arm)
    }

    fn pair(
        &mut self,
        number: u32,
        servers: &mut Servers,
        quiet: &Console,
    ) -> Result<(LoadedRun, LoadedRun), CliError> {
        let seed = order::seed_of_pair(self.file.seed, number);
        let base_first = order::base_first(self.file.seed, number);
        let names = ["base", "branch"].map(|arm| format!("pair_{number}_{arm}"));
        let [base, branch] = names.clone();
        let first = if base_first { "base" } else { "branch" }.to_owned();
        self.file.pairs.push(AbPair { number, seed, first, base, branch, complete: false });
        self.write()?;
        let arms = self.arms;
        let Servers { base, branch } = servers;
        let [base_name, branch_name] = names;
        let runs = if base_first {
            let left = self.measure(&arms.base, &base_name, seed, (base, branch), quiet)?;
            (left, self.measure(&arms.branch, &branch_name, seed, (branch, base), quiet)?)
        } else {
            let right = self.measure(&arms.branch, &branch_name, seed, (branch, base), quiet)?;
            (self.measure(&arms.base, &base_name, seed, (base, branch), quiet)?, right)
        };
        if let Some(pair) = self.file.pairs.last_mut() {
            pair.complete = true;
        }
        Ok(runs)
    }

    /// One whole run of an arm, while the other rests.
    fn measure(
        &mut self,
        arm: &Arm,
        name: &str,
        seed: u64,
        (ready, idle): (&mut Ready, &Ready),
        quiet: &Console,
    ) -> Result<LoadedRun, CliError> {
        let _rest = idle.rest();
        self.pause(self.args.pause.0)?;
        let mut plan = arm.plan.clone();
        plan.seed = seed;
        let dir = RunDir::create_named(self.dir.path(), name).map_err(CliError::usage)?;
        let path = dir.path().to_owned();
        let exit = run_ready(plan, dir, self.command, quiet, &self.runtime, (&mut *ready, &mut self.signals)).map_err(
            |error| CliError { message: format!("{name}: {}", ready.ended().unwrap_or(error.message)), ..error },
        )?;
        let run = load_run(&path).map_err(CliError::internal)?;
        match (run.state(), exit) {
            (RunState::Complete, _) => Ok(run),
            // What was said of the run is why the experiment ends.
            (_, exit) => Err(CliError { exit, message: format!("{name}: {}", reason(run.manifest.as_ref())) }),
        }
    }

    /// Waits; ends at once on a signal, also on one that came before.
    fn pause(&mut self, time: Duration) -> Result<(), CliError> {
        let signals = &mut self.signals;
        let signalled = self.runtime.block_on(async {
            tokio::select! {
                signal = signals.next() => Some(signal),
                () = tokio::time::sleep(time.max(Duration::from_millis(1))) => None,
            }
        });
        match signalled {
            Some((number, name)) => {
                Err(CliError { exit: Exit::Signal(number), message: format!("interrupted by {name}") })
            }
            None => Ok(()),
        }
    }

    fn compare(&mut self, base: &[LoadedRun], branch: &[LoadedRun]) -> Result<(), CliError> {
        let options = CompareOptions { threshold: self.args.threshold, ..CompareOptions::default() };
        let mut comparison = compare(base, branch, true, &options).map_err(CliError::internal)?;
        name_arms(&mut comparison, &self.file);
        self.comparison = Some(comparison);
        Ok(())
    }

    /// Marks the experiment as ended now: complete, or partial for this reason.
    pub(super) fn end(&mut self, partial: Option<&str>) {
        // The clock of manifests, without a run.
        let now = jiff::Timestamp::now();
        self.file.ended_at = Some(format!("{now:.3}"));
        self.file.state = if partial.is_some() { RunState::Partial } else { RunState::Complete };
        self.file.partial_reason = partial.map(str::to_owned);
        if let (Some(reason), Some(comparison)) = (partial, &mut self.comparison) {
            comparison.warnings.insert(0, format!("the experiment is partial: {reason}"));
        }
    }

    /// Writes what there is: `ab.json`, and the comparison so far.
    pub(super) fn write(&self) -> Result<(), CliError> {
        self.file.write(&self.dir).map_err(CliError::internal)?;
        let Some(comparison) = &self.comparison else { return Ok(()) };
        let json = serde_json::to_vec_pretty(comparison).map_err(CliError::internal)?;
        for (name, bytes) in [
            ("comparison.json", json),
            ("comparison.txt", comparison_table(comparison).into_bytes()),
            ("comment.md", comparison_markdown(comparison).into_bytes()),
        ] {
            self.dir.write_atomic(name, &bytes).map_err(CliError::internal)?;
        }
        Ok(())
    }
}

fn reason(manifest: Option<&RunManifest>) -> String {
    manifest.and_then(|manifest| manifest.partial_reason.clone()).unwrap_or_else(|| "the run ended early".to_owned())
}
