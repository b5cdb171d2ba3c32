//! What a run tells others while it goes, and what it reads from its target beside the load. None of it can delay a
//! request, and none of it that fails ends a run.

mod facts;
mod prepare;
mod scrape;
mod tap;
mod trackio;

pub(crate) use facts::request_facts;
pub(crate) use prepare::Telemetry;

use crate::console::Console;
use crate::exit::CliError;
use crate::tap::Taps;
use plimsoll_engine::{EventSink, RunEvent};
use plimsoll_model::{Clock, Redactor, Threshold};
use plimsoll_results::{RunDir, ServerMetricSummary, server_metrics_table};
use plimsoll_telemetry::{Latest, Protocol, Pusher, RunFacts, ScrapeServer, Told};
use plimsoll_wire::Origin;
use scrape::Scraped;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tap::Feed;
use tokio::sync::mpsc::WeakUnboundedSender;
use trackio::Rows;

/// How often figures are sent.
const EVERY: Duration = Duration::from_secs(5);

/// What the exporters of a run must know.
pub(crate) struct Begin<'a> {
    pub facts: RunFacts,
    pub origin: &'a Origin,
    pub thresholds: Vec<Threshold>,
    pub run_dir: &'a RunDir,
    pub clock: Clock,
    pub taps: &'a Taps,
    pub redactor: Redactor,
}

/// Everything that was started.
#[derive(Default)]
pub(crate) struct Exporters {
    warnings: Warnings,
    pushers: Vec<Pusher>,
    server: Option<ScrapeServer>,
    scraped: Option<Scraped>,
    trackio: Option<(trackio::Logger, Rows)>,
}

/// Warnings of threads: shown at once while the run goes, else at its end.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// Weak: who only warns does not keep a run from ending.
    events: Option<WeakUnboundedSender<RunEvent>>,
    messages: Vec<String>,
}

impl Warnings {
    fn warn(&self, message: String) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let event = RunEvent::Warning { message: message.clone() };
        let shown = waiting
            .events
            .as_ref()
            .and_then(WeakUnboundedSender::upgrade)
            .is_some_and(|events| events.send(event).is_ok());
        if !shown {
            waiting.messages.push(message);
        }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).messages)
    }
}

/// The tables of a run, and that of the target's own metrics after them, where there are some.
pub(crate) fn with_server_metrics(tables: &str, metrics: &[ServerMetricSummary]) -> String {
    let more = server_metrics_table(metrics);
    if more.is_empty() { tables.to_owned() } else { format!("{}\n\n{more}", tables.trim_end()) }
}

impl Telemetry {
    /// Starts what was asked for. Nothing is sent before the first stage begins.
    pub(crate) fn begin(self, begin: Begin<'_>, console: &Console) -> Result<Exporters, CliError> {
        let warnings = Warnings::default();
        let redactor = begin.redactor.and(self.secrets().iter().map(|secret| secret.expose()));
        let told = {
            let warnings = warnings.clone();
            Told::new(move |message| warnings.warn(message), redactor)
        };
        let (prometheus, otlp) = (Arc::new(Latest::default()), Arc::new(Latest::default()));
        let mut exporters = Exporters { warnings, ..Exporters::default() };
        if let Some(listener) = self.listener {
            let server = ScrapeServer::start(listener, prometheus.clone()).map_err(CliError::internal)?;
            console.note(&format!("Prometheus can scrape http://{}/metrics", server.address()));
            exporters.server = Some(server);
        }
        let to_prometheus = exporters.server.is_some() || self.remote_write.is_some();
        let to_otlp = self.otlp.is_some();
        if let Some(endpoint) = self.remote_write {
            let labels = vec![("job", "plimsoll".to_owned()), ("instance", begin.facts.run.clone())];
            let protocol = Protocol::RemoteWrite(labels);
            let flag = "--prometheus-remote-write";
            let pusher = Pusher::start(flag, endpoint, protocol, EVERY, prometheus.clone(), told.clone());
            exporters.pushers.push(pusher.map_err(CliError::internal)?);
        }
        if let Some((endpoint, mut resource)) = self.otlp {
            resource.push(("service.instance.id".to_owned(), begin.facts.run.clone()));
            let pusher = Pusher::start("--otlp", endpoint, Protocol::Otlp(resource), EVERY, otlp.clone(), told.clone());
            exporters.pushers.push(pusher.map_err(CliError::internal)?);
        }
        if !self.scrape.is_empty() {
            exporters.scraped = Some(Scraped::start(self.scrape, &begin, &told)?);
        }
        let rows = self.trackio.map(|logger| {
            let rows = Rows::default();
            exporters.trackio = Some((logger, rows.clone()));
            rows
        });
        if to_prometheus || to_otlp || rows.is_some() {
            let prometheus = to_prometheus.then_some((prometheus, self.names));
            let otlp = to_otlp.then_some(otlp);
            begin.taps.add(Box::new(Feed::new(begin.facts, begin.thresholds, begin.clock, prometheus, otlp, rows)));
        }
        Ok(exporters)
    }
}

impl Exporters {
    /// Shows warnings among the run's events from now on.
    pub(crate) fn listen(&self, events: &EventSink) {
        self.warnings.0.lock().unwrap_or_else(PoisonError::into_inner).events = Some(events.downgrade());
    }

    /// The load is over: what the target told of itself meanwhile.
    pub(crate) fn end_load(&mut self) -> Vec<ServerMetricSummary> {
        self.scraped.take().map(Scraped::finish).unwrap_or_default()
    }

    /// Leaves everything as it is: the process ends at once.
    pub(crate) fn abandon(self) {
        std::mem::forget(self);
    }

    /// Sends the last figures and ends everything. `summary` is what Trackio is given of the whole run; who interrupted
    /// the run (`patient` is false) does not wait for the last scrape.
    pub(crate) fn finish(mut self, summary: Option<&serde_json::Value>, patient: bool, console: &Console) {
        drop(self.scraped.take());
        self.pushers.drain(..).for_each(Pusher::finish);
        if let Some(server) = self.server.take().filter(|_| patient) {
            server.wait_for_last_scrape();
        }
        if let (Some((logger, rows)), Some(summary)) = (self.trackio.take(), summary) {
            match logger.log(&rows, summary) {
                Ok(note) => console.note(&note),
                Err(why) => self.warnings.warn(format!("--trackio: {why}")),
            }
        }
        self.warnings.take().iter().for_each(|message| console.warning(message));
    }
}
