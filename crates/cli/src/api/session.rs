//! A run's directory, log and signals: what surrounds the load of a scenario.

use super::doctor::Calibration;
use super::level::LoadSetup;
use super::prepare::Prepared;
use crate::args::OutputArgs;
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::live::{About, Asked, Live};
use crate::page;
use crate::reports::{Ended, publish};
use crate::signals::Signals;
use crate::tap::Taps;
use crate::telemetry::{Begin, Exporters, Telemetry, request_facts, with_server_metrics};
use crate::watch::watch;
use plimsoll_engine::{RunEvent, StopReason, StopSignal, shard};
use plimsoll_model::scenario::Scenario;
use plimsoll_model::{ApiLoad, Clock};
use plimsoll_results::ci::CiReport;
use plimsoll_results::page::PageKind;
use plimsoll_results::{
    ApiSummary, EventLog, LevelSummary, ResultsError, RunDir, RunManifest, TargetFacts, Verdict, VerdictResult,
    api_report, search_report,
};
use plimsoll_telemetry::RunFacts;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// One run of a scenario, seen from the main thread.
pub(crate) struct Session<'a> {
    console: &'a Console,
    prepared: &'a Prepared,
    pub run_dir: RunDir,
    log: EventLog,
    manifest: RunManifest,
    pub stop: StopSignal,
    pub clock: Clock,
    runtime: Runtime,
    warnings: Vec<String>,
    taps: Taps,
    /// Whether to leave a page.
    report: bool,
    /// Whether there can be something to show on it.
    load_began: bool,
    exporters: Exporters,
    asked: Option<Asked>,
    live: Live,
}

impl<'a> Session<'a> {
    /// Looks whether the target can be reached, and makes the run's directory.
    pub(crate) fn start(
        command: &str,
        prepared: &'a Prepared,
        output: &OutputArgs,
        telemetry: Telemetry,
        console: &'a Console,
    ) -> Result<Self, CliError> {
        let asked = Asked::ready(&output.live)?;
        let clock = Clock::start();
        let descriptors = shard::raise_descriptor_limit();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::internal)?;
        tokio::task::LocalSet::new().block_on(&runtime, prepared.reach(clock))?;
        let plan = &prepared.plan;
        let run_dir = RunDir::create(&plan.output_dir).map_err(CliError::usage)?;
        let mut manifest = RunManifest::start(command, plan, prepared.seed, &clock).map_err(CliError::internal)?;
        manifest.target = Some(target_facts(prepared));
        manifest.write(&run_dir).map_err(CliError::internal)?;
        let log = EventLog::create(&run_dir, clock).map_err(CliError::internal)?;
        let taps = Taps::default();
        let begin = Begin {
            facts: run_facts(prepared, &run_dir, &clock),
            origin: prepared.planned.origin(),
            thresholds: prepared.thresholds.clone(),
            run_dir: &run_dir,
            clock,
            taps: &taps,
            redactor: prepared.redactor.clone(),
        };
        let exporters = telemetry.begin(begin, console)?;
        let mut session = Self {
            console,
            prepared,
            run_dir,
            log,
            manifest,
            stop: StopSignal::default(),
            clock,
            runtime,
            warnings: Vec::new(),
            taps,
            exporters,
            report: !output.no_report,
            load_began: false,
            asked: Some(asked),
            live: Live::default(),
        };
        session.warn_beforehand(descriptors);
        Ok(session)
    }

    /// What may spoil the run, told before it.
    fn warn_beforehand(&mut self, descriptors: u64) {
        let mut warnings = self.prepared.planned.warnings().to_vec();
        let sockets = u64::from(most_users(&self.prepared.plan.load)) + 100;
        if sockets > descriptors {
            warnings.push(format!(
                "this load may need {sockets} open files, and the limit is {descriptors}; raise it with: ulimit -n {sockets}"
            ));
        }
        let ports = ephemeral_ports();
        if ports.is_some_and(|ports| sockets > ports) {
            warnings.push(format!(
                "this load may need {sockets} connections, and this machine has {} ports for them to one address; widen net.ipv4.ip_local_port_range",
                ports.unwrap_or_default()
            ));
        }
        for warning in &warnings {
            self.show(&RunEvent::Warning { message: warning.clone() });
        }
        self.warnings = warnings;
    }

    /// Runs `work`, which makes the load, on a thread of its own, and shows what it tells. An error of the run itself
    /// ends with the reason for which the run was stopped, if it was.
    pub(crate) fn run<T, W>(&mut self, work: W) -> Result<T, CliError>
    where
        T: Send + 'static,
        W: FnOnce(LoadSetup) -> Result<T, CliError> + Send + 'static,
    {
        let (events, mut heard) = tokio::sync::mpsc::unbounded_channel();
        self.exporters.listen(&events);
        let prepared = self.prepared;
        let setup = LoadSetup {
            planned: prepared.planned.clone(),
            redactor: prepared.redactor.clone(),
            clock: self.clock,
            stop: self.stop.clone(),
            events,
            shards: prepared.plan.shards,
            seed: prepared.seed,
            timeout: prepared.timeout,
            trace: Arc::clone(&prepared.trace),
            counter: prepared.counter.clone(),
            taps: self.taps.clone(),
        };
        let mut signals = {
            let _inside = self.runtime.enter();
            Signals::listen().map_err(CliError::internal)?
        };
        self.load_began = true;
        self.show_live()?;
        self.live.listen(&setup.events);
        let thread = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || work(setup))
            .map_err(CliError::internal)?;
        let stop = self.stop.clone();
        let (console, log, live) = (self.console, &mut self.log, &mut self.live);
        let watched = self.runtime.block_on(watch(
            &mut heard,
            &mut signals,
            &stop,
            |event| show(console, log, live, &stop, event),
            || None,
        ));
        if let Err(exit) = watched {
            // The second signal: the user does not want to wait.
            self.load_began = false;
            return Err(exit);
        }
        let result = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (result, self.stop.reason()) {
            // What failed in the end failed for this reason.
            (Err(_), Some(reason)) => Err(CliError { exit: Exit::of_stop(&reason), message: reason.to_string() }),
            (result, _) => result,
        }
    }

    fn show(&mut self, event: &RunEvent) {
        show(self.console, &mut self.log, &mut self.live, &self.stop, event);
    }

    fn show_live(&mut self) -> Result<(), CliError> {
        let Some(asked) = self.asked.take() else { return Ok(()) };
        let plan = &self.prepared.plan;
        let about = About {
            title: title(self.prepared),
            kind: PageKind::Api,
            target: self.prepared.planned.origin().to_string(),
            manifest: &self.manifest,
            run_dir: &self.run_dir,
            clock: self.clock,
            stop: self.stop.clone(),
            redactor: self.prepared.redactor.clone(),
            several: matches!(&plan.load, ApiLoad::Sweep { levels, .. } if levels.len() > 1),
            warnings: self.warnings.clone(),
            taps: &self.taps,
        };
        self.live = Live::start(asked, about, self.console)?;
        Ok(())
    }

    /// The summary of these levels, for a run that ends now.
    fn summary(&mut self, levels: Vec<LevelSummary>, partial: Option<String>) -> ApiSummary {
        let mut summary = summarise(self.prepared, &self.run_dir, levels, partial, self.warnings.clone());
        summary.server_metrics = self.exporters.end_load();
        summary.calibration = Calibration::last().map(|calibration| calibration.sentence());
        summary
    }

    /// What a run's parts need to write a summary as it goes.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// Writes the summary and shows it: how the run ends.
    pub(crate) fn conclude(mut self, levels: Vec<LevelSummary>, output: &OutputArgs) -> Result<Exit, CliError> {
        self.live.give_back();
        let stopped = self.stop.reason();
        let partial = self.partial();
        let summary = self.summary(levels, partial.clone());
        let written = self.publish(&summary, &api_report(&summary), output.json)?;
        let exit = match (&stopped, summary.verdict.result) {
            (Some(reason), _) => Exit::of_stop(reason),
            (None, VerdictResult::Pass) => Exit::Ok,
            (None, VerdictResult::Fail) => Exit::Thresholds,
            (None, VerdictResult::Inconclusive) => Exit::Inconclusive,
        };
        let exit = self.tell_ci(CiReport::from(&summary), exit, output);
        let exit = self.end(partial, written, exit)?;
        self.end_exporters(&summary, exit)?;
        Ok(exit)
    }

    /// The same for a search: its levels may break the rules, and what it found is a sentence.
    pub(crate) fn conclude_search(
        mut self,
        levels: Vec<LevelSummary>,
        (sentence, line): (&str, serde_json::Value),
        (verdict, exit): (Verdict, Exit),
        output: &OutputArgs,
    ) -> Result<Exit, CliError> {
        self.live.give_back();
        let partial = self.partial();
        let mut summary = self.summary(levels, partial.clone());
        summary.load_line = Some(sentence.to_owned());
        summary.verdict = verdict;
        let mut written = self.publish(&summary, &search_report(&summary), output.json)?;
        if written.is_ok() {
            let text = serde_json::to_vec_pretty(&line).map_err(CliError::internal)?;
            written = self.run_dir.write_atomic("capacity.json", &text);
        }
        let exit = self.tell_ci(CiReport::of_search(&summary), exit, output);
        let exit = self.end(partial, written, exit)?;
        self.end_exporters(&summary, exit)?;
        Ok(exit)
    }

    /// Sends the last figures, when everything is on disk.
    fn end_exporters(&mut self, summary: &ApiSummary, exit: Exit) -> Result<(), CliError> {
        let summary = serde_json::to_value(summary).map_err(CliError::internal)?;
        let patient = !matches!(exit, Exit::Signal(_));
        std::mem::take(&mut self.exporters).finish(Some(&summary), patient, self.console);
        Ok(())
    }

    fn tell_ci(&self, report: CiReport, exit: Exit, output: &OutputArgs) -> Exit {
        let report = report.with_manifest(&self.manifest).with_places(&self.prepared.placed);
        let ended = Ended { report, manifest: &self.manifest, run_dir: &self.run_dir, exit };
        publish(ended, output, self.console)
    }

    /// Why the run is partial, if it is.
    fn partial(&self) -> Option<String> {
        self.stop.reason().map(|reason| self.prepared.redactor.clean(&reason.to_string()))
    }

    /// Writes a summary and shows it; what could not be written.
    fn publish(&self, summary: &ApiSummary, tables: &str, json: bool) -> Result<Result<(), ResultsError>, CliError> {
        self.run_dir.free_reserve();
        let tables = &with_server_metrics(tables, &summary.server_metrics);
        let written = summary
            .write(&self.run_dir)
            .and_then(|()| self.run_dir.write_atomic("summary_table.txt", tables.as_bytes()));
        if json {
            self.console.json(&serde_json::to_string_pretty(summary).map_err(CliError::internal)?);
        } else {
            self.console.result(&format!("\n{}", tables.trim_end()));
            self.console.result(&format!("\nResults saved to {}", self.run_dir.path().display()));
        }
        Ok(written)
    }

    /// Marks the run as ended.
    fn end(
        &mut self,
        partial: Option<String>,
        written: Result<(), ResultsError>,
        exit: Exit,
    ) -> Result<Exit, CliError> {
        self.manifest.end(partial);
        let mut data = None;
        let ended = match written.and_then(|()| self.manifest.write(&self.run_dir)) {
            Ok(()) => {
                if self.report && self.load_began {
                    data = page::leave(&self.run_dir, self.console);
                }
                Ok(exit)
            }
            Err(error) => {
                self.console.error(&error.to_string());
                Ok(if matches!(exit, Exit::Signal(_)) { exit } else { Exit::Internal })
            }
        };
        std::mem::take(&mut self.live).finish(&self.run_dir, data, self.stop.reason().as_ref());
        ended
    }

    /// Marks the run as ended by this error.
    pub(crate) fn fail(mut self, error: CliError) -> CliError {
        if matches!(error.exit, Exit::Signal(_)) {
            self.live.hurry();
        }
        self.run_dir.free_reserve();
        let message = self.prepared.redactor.clean(&error.message);
        // The error itself matters more than that it could not be written down.
        let _ = self.end(Some(message.clone()), Ok(()), error.exit);
        let exporters = std::mem::take(&mut self.exporters);
        match error.exit {
            // The second signal: the user does not want to wait.
            Exit::Signal(_) => exporters.abandon(),
            _ => exporters.finish(None, false, self.console),
        }
        CliError { message, ..error }
    }
}

/// What a scenario tells exporters.
fn run_facts(prepared: &Prepared, run_dir: &RunDir, clock: &Clock) -> RunFacts {
    let origin = prepared.planned.origin();
    RunFacts {
        run: run_dir.name(),
        name: prepared.plan.scenario.name.clone().unwrap_or_default(),
        target: origin.to_string(),
        host: origin.host().to_owned(),
        port: origin.port(),
        requests: request_facts(&prepared.plan.scenario),
        start: Duration::from_secs_f64(clock.unix_seconds(Duration::ZERO)),
    }
}

/// A summary as far as a run has come.
pub(crate) fn summarise(
    prepared: &Prepared,
    run_dir: &RunDir,
    levels: Vec<LevelSummary>,
    partial: Option<String>,
    warnings: Vec<String>,
) -> ApiSummary {
    ApiSummary::new(title(prepared), prepared.planned.origin().to_string(), run_dir, levels, partial, warnings)
}

fn title(prepared: &Prepared) -> String {
    prepared.plan.scenario.name.clone().unwrap_or_else(|| "scenario".to_owned())
}

fn show(console: &Console, log: &mut EventLog, live: &mut Live, stop: &StopSignal, event: &RunEvent) {
    console.event(event);
    if matches!(event, RunEvent::LevelProgress { .. }) {
        return;
    }
    let mut fields = serde_json::to_value(event).unwrap_or_default();
    let kind = fields["kind"].take();
    let kind = kind.as_str().unwrap_or("event");
    live.event(event, kind, &fields);
    if let Err(error) = log.append(kind, fields) {
        stop.stop(StopReason::CannotWrite(error.to_string()));
    }
}

fn target_facts(prepared: &Prepared) -> TargetFacts {
    let url = prepared.planned.origin().to_string();
    TargetFacts {
        framework: kind_of(&prepared.plan.scenario).to_owned(),
        version: String::new(),
        protocol: String::new(),
        endpoint: String::new(),
        profiling: false,
        python: None,
        app: url.clone(),
        url,
    }
}

/// What the scenario's requests speak, where they all speak the same.
fn kind_of(scenario: &Scenario) -> &'static str {
    let requests = || scenario.requests.iter().chain(scenario.journeys.iter().flat_map(|journey| &journey.steps));
    if requests().all(|request| request.task.is_some()) {
        "hf-inference"
    } else if requests().all(|request| request.api.is_some()) {
        "openai"
    } else {
        "http"
    }
}

/// Most users that a load has at a time.
fn most_users(load: &ApiLoad) -> u32 {
    match load {
        ApiLoad::Users { stages, .. } => stages.iter().map(|stage| stage.to).fold(0.0, f64::max) as u32,
        ApiLoad::Iterations { users, .. } => *users,
        ApiLoad::Rate { max_users, .. } | ApiLoad::Replay { max_users, .. } => *max_users,
        ApiLoad::Sweep { levels, .. } => levels.iter().map(most_users).max().unwrap_or(0),
    }
}

/// Ports that connections to one address can have, where the system tells.
pub(crate) fn ephemeral_ports() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    let (first, last) = (first.trim().parse::<u64>().ok()?, last.trim().parse::<u64>().ok()?);
    Some(last.checked_sub(first)? + 1)
}
