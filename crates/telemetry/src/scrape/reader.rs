//! Asks for the page again and again, on a thread of its own and over a connection of its own.

use super::known::is_kept;
use super::parse::{MetricKind, parse};
use crate::endpoint::{Caller, Endpoint, refusal};
use crate::thread::{Told, step_back};
use plimsoll_model::Clock;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest page that is read.
const LARGEST: usize = 8 << 20;
/// Most series that are kept of a page: names with labels of many values would fill the disk.
const MOST_SERIES: usize = 200;
/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ScrapeOptions {
    /// The page.
    pub endpoint: Endpoint,
    /// How often.
    pub every: Duration,
    /// Names to keep besides the known ones.
    pub more: Vec<String>,
}

/// One value of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// When the page came, since the run's start.
    pub at: Duration,
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// What it is.
    pub kind: MetricKind,
    /// Value; never infinite, never no number.
    pub value: f64,
}

/// A thread that reads pages. Dropping it ends it.
pub struct Scraper {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scraper {
    /// Starts reading; each page's values are handed to `keep`.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(
        options: ScrapeOptions,
        clock: Clock,
        mut keep: impl FnMut(&[Reading]) -> Result<(), String> + Send + 'static,
        told: Told,
    ) -> std::io::Result<Self> {
        let (over, ended) = channel::<()>();
        let thread = std::thread::Builder::new().name("scrape".to_owned()).spawn(move || {
            step_back();
            let shown = options.endpoint.to_string();
            let mut warned = false;
            let mut warn = |why: &str| {
                if !std::mem::replace(&mut warned, true) {
                    told.warn(format!("--scrape {shown}: {why}"));
                }
            };
            let mut caller = match Caller::new(options.endpoint.clone()) {
                Ok(caller) => caller,
                Err(error) => return warn(&error.to_string()),
            };
            let mut series = HashSet::new();
            let mut next = Instant::now();
            loop {
                match read(&mut caller, &options, clock, &mut series) {
                    Ok(readings) if readings.is_empty() => {
                        warn("the page has none of the metrics we know; name one with --scrape-metric");
                    }
                    Ok(readings) => {
                        if let Err(why) = keep(&readings) {
                            warn(&why);
                        }
                    }
                    Err(why) => warn(&format!("no metrics: {why}. The run goes on without them")),
                }
                if series.len() >= MOST_SERIES {
                    warn(&format!("the page has more series than {MOST_SERIES}; the others are left out"));
                }
                next = (next + options.every).max(Instant::now());
                let wait = next.saturating_duration_since(Instant::now());
                if !matches!(ended.recv_timeout(wait), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        })?;
        Ok(Self { over: Some(over), thread: Some(thread) })
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            // There is nothing to tell of a panic that the hook has not.
            let _ = thread.join();
        }
    }
}

fn read(
    caller: &mut Caller,
    options: &ScrapeOptions,
    clock: Clock,
    series: &mut HashSet<u64>,
) -> Result<Vec<Reading>, String> {
    let answer = caller.get("text/plain; version=0.0.4, */*;q=0.1", PATIENCE, LARGEST)?;
    let at = clock.now();
    if answer.status != 200 {
        return Err(refusal(&answer));
    }
    let page = String::from_utf8_lossy(&answer.body);
    let mut readings = Vec::new();
    parse(&page, |line| {
        if !line.value.is_finite() || !is_kept(line.name, &options.more) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        (line.name, &line.labels).hash(&mut hasher);
        let id = hasher.finish();
        if series.contains(&id) || series.len() < MOST_SERIES {
            series.insert(id);
            readings.push(Reading {
                at,
                name: line.name.to_owned(),
                labels: line.labels.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect(),
                kind: line.kind,
                value: line.value,
            });
        }
    });
    Ok(readings)
}
