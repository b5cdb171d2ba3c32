//! `run`: from the command line to a run directory and a table.

mod load;
mod sink;
pub(crate) mod target;

use crate::args::{OutputArgs, RunArgs};
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::live::{About, Asked, Live};
use crate::page;
use crate::plan;
use crate::reports::{Ended, publish};
use crate::signals::Signals;
use crate::tap::Taps;
use crate::telemetry::{Begin, Exporters, Telemetry, with_server_metrics};
use crate::watch::watch;
use load::{LoadInput, LoadReport};
use plimsoll_engine::{EventSink, RunEvent, StopReason, StopSignal, shard};
use plimsoll_model::{Clock, LoadProfile, Plan, Redactor};
use plimsoll_results::ci::CiReport;
use plimsoll_results::page::PageKind;
use plimsoll_results::{
    EventLog, ResultsError, RunDir, RunManifest, Summary, TargetFacts, VerdictResult, background_table, diagnosis_text,
    error_table, limited_banner, notes, phase_table, server_metrics_table, stream_table, summary_table,
    tier_rules_table, verdict_text,
};
use plimsoll_targets::gradio;
use plimsoll_telemetry::RunFacts;
use std::collections::BTreeMap;
use std::time::Duration;
use target::{Ready, Setup};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;

pub(crate) fn run(args: &RunArgs, command: &str, console: &Console) -> Result<Exit, CliError> {
    let plan = plan::resolve(args)?;
    if args.output.dry_run {
        Telemetry::prepare(&args.output.telemetry, true, console)?;
        console.json(&serde_json::to_string_pretty(&plan).map_err(CliError::internal)?);
        return Ok(Exit::Ok);
    }
    args.output.reports.check()?;
    target::check(&plan)?;
    let telemetry = Telemetry::prepare(&args.output.telemetry, false, console)?;
    let asked = Asked::ready(&args.output.live)?;
    let run_dir = RunDir::create(&plan.output_dir).map_err(CliError::usage)?;
    recorded(plan, run_dir, command, console, Some(&args.output), |session, manifest| {
        session.telemetry = Some(telemetry);
        session.measure(asked, manifest)
    })
}

/// A run of this plan against a target that is ready, in this directory. It stays ready.
pub(crate) fn run_ready(
    plan: Plan,
    run_dir: RunDir,
    command: &str,
    console: &Console,
    runtime: &Runtime,
    (ready, signals): (&mut Ready, &mut Signals),
) -> Result<Exit, CliError> {
    recorded(plan, run_dir, command, console, None, |session, manifest| session.load(runtime, ready, signals, manifest))
}

/// Runs, and writes down what came of it; without `output` nothing of it is shown.
fn recorded(
    plan: Plan,
    run_dir: RunDir,
    command: &str,
    console: &Console,
    output: Option<&OutputArgs>,
    measure: impl FnOnce(&mut Session<'_>, &mut RunManifest) -> Result<Report, CliError>,
) -> Result<Exit, CliError> {
    let clock = Clock::start();
    let mut manifest = RunManifest::start(command, &plan, plan.seed, &clock).map_err(CliError::internal)?;
    manifest.write(&run_dir).map_err(CliError::internal)?;
    let mut session = Session {
        console,
        redactor: redactor(&plan),
        log: EventLog::create(&run_dir, clock).map_err(CliError::internal)?,
        stop: StopSignal::default(),
        clock,
        run_dir,
        plan,
        taps: Taps::default(),
        hurried: false,
        telemetry: None,
        exporters: Exporters::default(),
        summary: None,
        live: Live::default(),
    };
    let result = measure(&mut session, &mut manifest);
    session.live.give_back();
    let (exit, partial) = match &result {
        Ok(report) => session.conclude(report, &manifest, output)?,
        Err(error) => {
            if matches!(error.exit, Exit::Signal(_)) {
                session.live.hurry();
            }
            (error.exit, Some(error.message.clone()))
        }
    };
    manifest.end(partial.map(|reason| session.redactor.clean(&reason)));
    session.run_dir.free_reserve();
    let written = manifest.write(&session.run_dir);
    let exporters = std::mem::take(&mut session.exporters);
    match &result {
        // The second signal: the user does not want to wait.
        Err(CliError { exit: Exit::Signal(_), .. }) => exporters.abandon(),
        _ => exporters.finish(session.summary.as_ref(), !matches!(exit, Exit::Signal(_)), console),
    }
    if let Err(error) = written {
        session.live.finish(&session.run_dir, None, session.stop.reason().as_ref());
        // What went wrong before matters more.
        console.error(&error.to_string());
        return result.map(|_| if exit == Exit::Ok { Exit::Internal } else { exit });
    }
    let report = output.is_some_and(|output| !output.no_report) && session.wants_report();
    let data = if report { page::leave(&session.run_dir, console) } else { None };
    // Last: the page may be kept up until the user has looked at it.
    session.live.finish(&session.run_dir, data, session.stop.reason().as_ref());
    result.map(|_| exit)
}

/// Hides the plan's secrets, also in the forms that a login form gives a password, which a server may send back.
pub(crate) fn redactor(plan: &Plan) -> Redactor {
    let redactor = Redactor::new(&plan.secrets());
    let Some(login) = &plan.auth else { return redactor };
    let percent = gradio::form_encoded(login.password.expose());
    redactor.and([percent.replace("%20", "+").as_str(), percent.as_str()])
}

/// One run, seen from the main thread: it watches, the measuring thread works.
struct Session<'a> {
    console: &'a Console,
    plan: Plan,
    redactor: Redactor,
    run_dir: RunDir,
    log: EventLog,
    stop: StopSignal,
    clock: Clock,
    taps: Taps,
    /// Whether the user wants it to end at once.
    hurried: bool,
    /// What was asked for, until it begins.
    telemetry: Option<Telemetry>,
    exporters: Exporters,
    /// What exporters are told of the whole run.
    summary: Option<serde_json::Value>,
    live: Live,
}

/// What a run came to.
struct Report {
    name: String,
    load: LoadReport,
    stopped: Option<StopReason>,
}

impl Session<'_> {
    fn measure(&mut self, asked: Asked, manifest: &mut RunManifest) -> Result<Report, CliError> {
        // An app that we start inherits it.
        shard::raise_descriptor_limit();
        let runtime = runtime()?;
        let (mut ready, mut signals) = Setup {
            plan: &self.plan,
            run_dir: self.run_dir.path(),
            redactor: &self.redactor,
            console: self.console,
            clock: self.clock,
            runtime: &runtime,
        }
        .make_ready()?;
        self.show_live(asked, &ready, manifest)?;
        let result = self.load(&runtime, &mut ready, &mut signals, manifest);
        ready.end(self.console);
        result
    }

    fn load(
        &mut self,
        runtime: &Runtime,
        ready: &mut Ready,
        signals: &mut Signals,
        manifest: &mut RunManifest,
    ) -> Result<Report, CliError> {
        let descriptors = shard::raise_descriptor_limit();
        let (events, heard) = tokio::sync::mpsc::unbounded_channel();
        self.begin_exporters(ready)?;
        self.exporters.listen(&events);
        self.live.listen(&events);
        let input = self.load_input(ready, events, descriptors);
        let load = shard::spawn(move || load::run(input)).map_err(CliError::internal)?;
        // After a second signal the user does not want to wait. What is on disk stays there.
        let watched = runtime.block_on(self.watch(heard, signals, ready));
        self.hurried = watched.is_err();
        watched?;
        let load = load.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if let Ok(load) = &load {
            manifest.target = Some(target_facts(ready, load));
        }
        let stopped = self.stop.reason();
        if let (Some(StopReason::AppDied(_)), Some(app)) = (&stopped, &ready.app) {
            self.console.warning(&format!("the app's last lines:\n{}", app.last_lines()));
        }
        match (load, &stopped) {
            (Ok(load), _) => Ok(Report { name: ready.name.clone(), load, stopped }),
            // What failed in the end failed for this reason.
            (Err(_), Some(reason)) => Err(CliError { exit: Exit::of_stop(reason), message: reason.to_string() }),
            (Err(error), None) => Err(error),
        }
    }

    fn begin_exporters(&mut self, ready: &Ready) -> Result<(), CliError> {
        let Some(telemetry) = self.telemetry.take() else { return Ok(()) };
        let origin = &ready.origin;
        let facts = RunFacts {
            run: self.run_dir.name(),
            name: ready.name.clone(),
            target: origin.to_string(),
            host: origin.host().to_owned(),
            port: origin.port(),
            requests: BTreeMap::new(),
            start: Duration::from_secs_f64(self.clock.unix_seconds(Duration::ZERO)),
        };
        let begin = Begin {
            facts,
            origin,
            thresholds: Vec::new(),
            run_dir: &self.run_dir,
            clock: self.clock,
            taps: &self.taps,
            redactor: self.redactor.clone(),
        };
        self.exporters = telemetry.begin(begin, self.console)?;
        Ok(())
    }

    fn show_live(&mut self, asked: Asked, ready: &Ready, manifest: &RunManifest) -> Result<(), CliError> {
        let LoadProfile::Tiers { tiers, .. } = &self.plan.load;
        let about = About {
            title: ready.name.clone(),
            kind: PageKind::Gradio,
            target: ready.origin.to_string(),
            manifest,
            run_dir: &self.run_dir,
            clock: self.clock,
            stop: self.stop.clone(),
            redactor: self.redactor.clone(),
            warnings: Vec::new(),
            several: tiers.len() > 1,
            taps: &self.taps,
        };
        self.live = Live::start(asked, about, self.console)?;
        Ok(())
    }

    fn load_input(&self, ready: &Ready, events: EventSink, descriptors: u64) -> LoadInput {
        LoadInput {
            plan: self.plan.clone(),
            origin: ready.origin.clone(),
            name: ready.name.clone(),
            sidecar: ready.sidecar.clone(),
            sample_inputs: ready.sample_inputs.clone(),
            run_dir: self.run_dir.clone(),
            clock: self.clock,
            redactor: self.redactor.clone(),
            stop: self.stop.clone(),
            events,
            descriptors,
            taps: self.taps.clone(),
        }
    }

    /// Shows and logs events until the measuring thread has no more to tell. An error means: end at once.
    async fn watch(
        &mut self,
        mut heard: UnboundedReceiver<RunEvent>,
        signals: &mut Signals,
        ready: &mut Ready,
    ) -> Result<(), CliError> {
        let stop = self.stop.clone();
        let app = &mut ready.app;
        watch(
            &mut heard,
            signals,
            &stop,
            |event| self.show(event),
            || app.as_mut().and_then(|app| app.exited()).map(StopReason::AppDied),
        )
        .await
    }

    fn show(&mut self, event: &RunEvent) {
        self.console.event(event);
        if matches!(event, RunEvent::Progress { .. }) {
            return;
        }
        let mut fields = serde_json::to_value(event).unwrap_or_default();
        let kind = fields["kind"].take();
        let kind = kind.as_str().unwrap_or("event");
        self.live.event(event, kind, &fields);
        let written = self.log.append(kind, fields);
        if let Err(error) = written {
            self.stop.stop(StopReason::CannotWrite(error.to_string()));
        }
    }

    /// Writes the summary and shows it: how the run ends, and why it is partial if it is.
    fn conclude(
        &mut self,
        report: &Report,
        manifest: &RunManifest,
        output: Option<&OutputArgs>,
    ) -> Result<(Exit, Option<String>), CliError> {
        let partial = report.stopped.as_ref().map(ToString::to_string);
        let load = &report.load;
        let mut summary =
            Summary::new(report.name.clone(), &self.run_dir, load.tiers.clone(), load.warmup, partial.clone());
        summary.server_metrics = self.exporters.end_load();
        let table = summary_table(&summary);
        self.run_dir.free_reserve();
        let written = summary.write(&self.run_dir).and_then(|()| {
            let file = with_server_metrics(&table, &summary.server_metrics);
            self.run_dir.write_atomic("summary_table.txt", file.as_bytes())
        });
        self.summary = serde_json::to_value(&summary).ok();
        if let Some(output) = output {
            self.print(&summary, &table, output.json)?;
        }
        let exit = match &report.stopped {
            Some(reason) => Exit::of_stop(reason),
            None => match summary.verdict.as_ref().map(|verdict| verdict.result) {
                Some(VerdictResult::Fail) => Exit::Thresholds,
                Some(VerdictResult::Inconclusive) => Exit::Inconclusive,
                Some(VerdictResult::Pass) | None => Exit::Ok,
            },
        };
        let exit = match output {
            Some(output) => {
                let report = CiReport::from(&summary).with_manifest(manifest);
                publish(Ended { report, manifest, run_dir: &self.run_dir, exit }, output, self.console)
            }
            None => exit,
        };
        if let Err(error) = written {
            return self.unwritten(report, &error);
        }
        Ok((exit, partial))
    }

    /// Whether a tier was begun, and there is time for a page: a run that never came to its load has nothing to report.
    fn wants_report(&self) -> bool {
        !self.hurried && self.run_dir.tier_dirs().is_ok_and(|tiers| !tiers.is_empty())
    }

    fn unwritten(&self, report: &Report, error: &ResultsError) -> Result<(Exit, Option<String>), CliError> {
        self.console.error(&error.to_string());
        let reason = report.stopped.as_ref().map_or_else(|| error.to_string(), ToString::to_string);
        Ok((Exit::Internal, Some(reason)))
    }

    fn print(&self, summary: &Summary, table: &str, json: bool) -> Result<(), CliError> {
        if json {
            self.console.json(&serde_json::to_string_pretty(summary).map_err(CliError::internal)?);
            return Ok(());
        }
        let console = self.console;
        console.result(&format!("\n{}", table.trim_end()));
        for part in
            [phase_table, stream_table, background_table, error_table, tier_rules_table].map(|part| part(summary))
        {
            if !part.is_empty() {
                console.result(&format!("\n{}", part.trim_end()));
            }
        }
        let server = server_metrics_table(&summary.server_metrics);
        if !server.is_empty() {
            console.result(&format!("\n{}", server.trim_end()));
        }
        let meaning = diagnosis_text(&summary.diagnosis);
        if !meaning.is_empty() {
            console.result(&format!("\n{}", meaning.trim_end()));
        }
        let notes = notes(summary);
        if !notes.is_empty() {
            console.result("");
        }
        for note in notes {
            console.result(&format!("Note: {note}"));
        }
        if let Some(banner) = limited_banner(summary) {
            console.result(&format!("\n{}", banner.trim_end()));
        }
        if let Some(reason) = &summary.partial_reason {
            console.result(&format!("\nPARTIAL: {reason}"));
        }
        let has_rules = !self.plan.thresholds.is_empty();
        if let Some(verdict) = summary.verdict.as_ref().filter(|_| has_rules) {
            console.result(&format!("\n{}", verdict_text(verdict).trim_end()));
        }
        console.result(&format!("\nResults saved to {}", self.run_dir.path().display()));
        Ok(())
    }
}

/// The main thread's runtime: it watches and never measures.
pub(crate) fn runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::internal)
}

fn target_facts(ready: &Ready, load: &LoadReport) -> TargetFacts {
    TargetFacts {
        url: ready.origin.to_string(),
        framework: "gradio".to_owned(),
        version: load.app.version.clone(),
        protocol: load.app.protocol.clone(),
        endpoint: load.app.endpoint.name.clone(),
        profiling: load.app.profiling,
        python: ready.python.clone(),
        app: ready.name.clone(),
    }
}
