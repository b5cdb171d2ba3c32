//! The target's own metrics: from its page into `server_metrics.jsonl` and the summary.

use super::Begin;
use super::prepare::{Page, Scrape, with_token};
use crate::exit::CliError;
use plimsoll_results::{
    ServerMetricKind, ServerMetricRecord, ServerMetricSummary, ServerMetricsFold, ServerMetricsWriter,
};
use plimsoll_telemetry::{Endpoint, MetricKind, Reading, ScrapeOptions, Scraper, Told};
use std::sync::{Arc, Mutex, PoisonError};

/// Threads that read, and what they have read.
pub(super) struct Scraped {
    scrapers: Vec<Scraper>,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    writer: ServerMetricsWriter,
    fold: ServerMetricsFold,
}

impl Scraped {
    pub(super) fn start(scrape: Scrape, begin: &Begin<'_>, told: &Told) -> Result<Self, CliError> {
        let writer = ServerMetricsWriter::create(begin.run_dir).map_err(CliError::internal)?;
        let kept = Arc::new(Mutex::new(Kept { writer, fold: ServerMetricsFold::default() }));
        let several = scrape.pages.len() > 1;
        let mut scrapers = Vec::new();
        for page in scrape.pages {
            let endpoint = match page {
                Page::At(endpoint) => endpoint,
                Page::OfTarget(token) => {
                    let mut endpoint = of_target(begin)?;
                    if let Some(token) = token {
                        with_token(&mut endpoint, token.expose(), "PLIMSOLL_SCRAPE_TOKEN")?;
                    }
                    endpoint
                }
            };
            let source = several.then(|| endpoint.to_string());
            let options = ScrapeOptions { endpoint, every: scrape.every, more: scrape.more.clone() };
            let kept = kept.clone();
            let keep = move |readings: &[Reading]| {
                let records: Vec<_> = readings.iter().map(|reading| record(reading, source.as_deref())).collect();
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.fold.add(&records);
                kept.writer.write(&records).map_err(|error| error.to_string())
            };
            scrapers.push(Scraper::start(options, begin.clock, keep, told.clone()).map_err(CliError::internal)?);
        }
        Ok(Self { scrapers, kept })
    }

    /// Ends reading.
    pub(super) fn finish(self) -> Vec<ServerMetricSummary> {
        drop(self.scrapers);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).fold.summary()
    }
}

/// `/metrics` at the root of the target: servers have it there, also where their API lies below `/v1`.
fn of_target(begin: &Begin<'_>) -> Result<Endpoint, CliError> {
    let scheme = if begin.origin.is_https() { "https" } else { "http" };
    let url = format!("{scheme}://{}/metrics", begin.origin.authority());
    Endpoint::parse(&url).map_err(CliError::internal)
}

fn record(reading: &Reading, source: Option<&str>) -> ServerMetricRecord {
    let mut labels: std::collections::BTreeMap<String, String> = reading.labels.iter().cloned().collect();
    if let Some(source) = source {
        labels.insert("source".to_owned(), source.to_owned());
    }
    ServerMetricRecord {
        t: (reading.at.as_secs_f64() * 1e6).round() / 1e6,
        name: reading.name.clone(),
        labels,
        kind: match reading.kind {
            MetricKind::Counter => ServerMetricKind::Counter,
            MetricKind::Gauge => ServerMetricKind::Gauge,
        },
        value: reading.value,
    }
}
