//! What shows a run while it goes on: a page in browsers (`--web`), the whole terminal (`--tui`). Both are told the same
//! changes of the same data, on threads of their own.

mod actions;
mod args;
mod busy;
mod tap;
mod tui;
mod viewers;

pub(crate) use args::LiveArgs;
pub(crate) use tui::Shown;

use crate::console::Console;
use crate::exit::CliError;
use crate::signals::Signals;
use crate::tap::Taps;
use actions::Hands;
use plimsoll_engine::{EventSink, RunEvent, StopReason, StopSignal};
use plimsoll_model::{Clock, Redactor};
use plimsoll_results::page::{PageAnnotation, PageData, PageKind, PageRun, PageTick, PageTickRun, TimeBasis};
use plimsoll_results::{RunDir, RunManifest, RunState, refold};
use plimsoll_web::{Listener, LiveServer};
use serde_json::Value;
use std::sync::Arc;
use tap::LiveTap;
use tui::Terminal;
use viewers::Viewers;

/// What is asked for, with the address taken, before there is a run.
pub(crate) struct Asked {
    page: Option<Listener>,
    wait: bool,
    terminal: bool,
}

impl Asked {
    /// Takes the address, and looks whether there is a terminal.
    pub(crate) fn ready(args: &LiveArgs) -> Result<Self, CliError> {
        if args.tui {
            tui::check().map_err(CliError::usage)?;
        }
        let listen = |address| Listener::bind(address, &args.web_host).map_err(CliError::usage);
        Ok(Self { page: args.web.map(listen).transpose()?, wait: args.web_wait, terminal: args.tui })
    }
}

/// What a run is, to those who look at it.
pub(crate) struct About<'a> {
    pub title: String,
    pub kind: PageKind,
    pub target: String,
    pub manifest: &'a RunManifest,
    pub run_dir: &'a RunDir,
    pub clock: Clock,
    pub stop: StopSignal,
    pub redactor: Redactor,
    /// What was warned of before.
    pub warnings: Vec<String>,
    /// Whether it has more than one tier or level.
    pub several: bool,
    pub taps: &'a Taps,
}

/// What shows a run. Without anything asked for it does nothing.
#[derive(Default)]
pub(crate) struct Live {
    console: Option<Console>,
    viewers: Viewers,
    page: Option<LiveServer>,
    terminal: Option<Terminal>,
    hands: Option<Hands>,
    wait: Option<String>,
    clock: Option<Clock>,
    annotations: Vec<PageAnnotation>,
    warnings: Vec<String>,
    hurried: bool,
}

impl Live {
    /// Begins to show a run. To be called when signals are listened to, and before its load.
    pub(crate) fn start(asked: Asked, about: About<'_>, console: &Console) -> Result<Self, CliError> {
        if asked.page.is_none() && !asked.terminal {
            return Ok(Self::default());
        }
        let hands = Hands::new(about.stop.clone(), about.redactor.clone());
        let data = first(&about);
        let mut live = Self::default();
        live.console = Some(console.clone());
        live.clock = Some(about.clock);
        live.hands = Some(hands.clone());
        live.annotations.clone_from(&data.annotations);
        live.warnings.clone_from(&data.warnings);
        if let Some(listener) = asked.page {
            let url = listener.url();
            console.address(&format!("Live page: {url}"));
            if listener.is_exposed() {
                console.warning(
                    "others can reach the live page; who has the address above can read it, stop the run and set notes \
                     beside it, and so can who listens on the network: it is plain HTTP",
                );
            }
            let page = listener.serve(data.clone(), Arc::new(hands.clone())).map_err(CliError::internal)?;
            live.viewers.page = Some(page.feed());
            live.page = Some(page);
            live.wait = asked.wait.then_some(url);
        }
        if asked.terminal {
            let terminal = Terminal::start(data, Arc::new(hands)).map_err(CliError::internal)?;
            live.viewers.terminal = Some(terminal.shows());
            console.take_over(terminal.shows());
            live.terminal = Some(terminal);
        }
        let basis = if about.kind == PageKind::Gradio { TimeBasis::Latency } else { TimeBasis::Response };
        about.taps.add(Box::new(LiveTap::new(live.viewers.clone(), basis, about.several)));
        Ok(live)
    }

    /// Load begins, and these are its events.
    pub(crate) fn listen(&self, events: &EventSink) {
        if let Some(hands) = &self.hands {
            hands.listen(events);
        }
    }

    /// Something has happened; with the fields that it has in `events.jsonl`.
    pub(crate) fn event(&mut self, event: &RunEvent, kind: &str, fields: &Value) {
        let Some(clock) = self.clock.filter(|_| !self.viewers.is_empty()) else { return };
        let annotation = PageAnnotation::of_event(clock.now().as_secs_f64(), kind, fields);
        let mut tick = PageTick::default();
        if let Some(annotation) = annotation {
            self.annotations.push(annotation);
            tick.annotations = Some(self.annotations.clone());
        }
        if let RunEvent::Warning { message } = event {
            self.warnings.push(message.clone());
            tick.warnings = Some(self.warnings.clone());
        }
        if tick != PageTick::default() {
            self.viewers.tick(tick);
        }
    }

    /// The load is over: gives the terminal back, so that the results can be printed.
    pub(crate) fn give_back(&mut self) {
        self.viewers.terminal = None;
        if let Some(terminal) = self.terminal.take() {
            terminal.end();
        }
        if let Some(console) = &self.console {
            console.give_back();
        }
    }

    /// The run ends at once: browsers are told nothing more.
    pub(crate) fn hurry(&mut self) {
        self.give_back();
        self.hurried = true;
    }

    /// The run is over and written. Browsers get everything as the report has it. When the page is to stay, waits until
    /// it may go.
    pub(crate) fn finish(mut self, run_dir: &RunDir, report: Option<PageData>, stopped: Option<&StopReason>) {
        self.give_back();
        if let Some(hands) = &self.hands {
            hands.over();
        }
        let wanted = |page: &LiveServer| page.is_looked_at() || self.wait.is_some();
        if self.hurried || !self.page.as_ref().is_some_and(wanted) {
            return;
        }
        // The report has what the page needs; a run without one is folded for the page alone.
        match report.map_or_else(|| refold(run_dir.path()).map(|run| PageData::of_run(&run)), Ok) {
            Ok(data) => self.viewers.data(PageData { live: true, ..data }),
            // The page keeps what it had; that the run is over can still be told.
            Err(_) => self.viewers.tick(over()),
        }
        // Who ends a run by a signal wants it to end.
        let stays = !matches!(stopped, Some(StopReason::Signal(..)));
        if let (Some(url), Some(page), true) = (&self.wait, &self.page, stays) {
            page.feed().over();
            if let Some(console) = &self.console {
                console.address(&format!("The live page stays at {url} until Ctrl-C"));
            }
            self.wait_for_leave();
        }
    }

    fn wait_for_leave(&self) {
        // Without a runtime there is nothing to wait with: the page goes, the results are there.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let (Ok(mut signals), Some(hands)) = (Signals::listen(), &self.hands) else { return };
            tokio::select! {
                _ = signals.next() => {}
                () = hands.left() => {}
            }
        });
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.give_back();
        if let Some(page) = self.page.take().filter(|_| !self.hurried)
            && let Err(error) = page.close()
            && let Some(console) = &self.console
        {
            console.warning(&error.to_string());
        }
    }
}

fn first(about: &About<'_>) -> PageData {
    let manifest = about.manifest;
    let name = about.run_dir.path().file_name().unwrap_or_default();
    let run = PageRun {
        title: about.title.clone(),
        kind: about.kind,
        target: about.target.clone(),
        started_at: Some(manifest.started_at.clone()),
        ended_at: None,
        state: RunState::Running,
        partial_reason: None,
        seed: Some(manifest.seed),
        command: Some(manifest.command.clone()),
        directory: name.to_string_lossy().into_owned(),
    };
    let warned = |text: &String| PageAnnotation { t_s: 0.0, kind: "warning".to_owned(), text: text.clone() };
    PageData {
        live: true,
        annotations: about.warnings.iter().map(warned).collect(),
        warnings: about.warnings.clone(),
        ..PageData::empty(run)
    }
}

fn over() -> PageTick {
    let run = PageTickRun { state: RunState::Complete, ended_at: None };
    PageTick { run: Some(run), ..PageTick::default() }
}
