//! Flags for figures that go elsewhere: while a run goes, and afterwards.

use clap::{Args, ValueEnum};
use plimsoll_model::{Secret, Span};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where a run's figures go while it goes, and what is read from the target beside the load.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Figures to and from elsewhere")]
pub(crate) struct TelemetryArgs {
    /// Let Prometheus scrape this run: serve /metrics at this address (9464: for this machine alone)
    #[arg(long, value_name = "ADDR", value_parser = plimsoll_telemetry::parse_listen)]
    pub prometheus: Option<SocketAddr>,

    /// Send the figures every 5 s to a receiver of Prometheus' remote write; credentials as USER:PASS@ in it, or a token
    /// in PLIMSOLL_REMOTE_WRITE_TOKEN
    #[arg(long, value_name = "URL", value_parser = parse_secret)]
    pub prometheus_remote_write: Option<Secret>,

    /// Names of the metrics for Prometheus (default: otel)
    #[arg(long, value_enum, value_name = "otel|k6")]
    pub prometheus_names: Option<Names>,

    /// Send the figures every 5 s to an OpenTelemetry collector (OTLP over HTTP); headers in OTEL_EXPORTER_OTLP_HEADERS
    #[arg(long, value_name = "URL", value_parser = parse_secret)]
    pub otlp: Option<Secret>,

    /// Read the target's own metrics during the run: the address of its page, or `auto` for /metrics of the target; may
    /// be repeated
    #[arg(long, value_name = "URL|auto", value_parser = parse_secret)]
    pub scrape: Vec<Secret>,

    /// How often (default: 1s)
    #[arg(long, value_name = "TIME", requires = "scrape")]
    pub scrape_interval: Option<Span>,

    /// Keep this metric too, besides those known of vLLM, SGLang, TGI, TEI and llama.cpp; may be repeated
    #[arg(long, value_name = "NAME", requires = "scrape")]
    pub scrape_metric: Vec<String>,

    /// At the end, log the run to this Trackio project: on this machine, or in a Space
    #[arg(long, value_name = "PROJECT[@SPACE]", value_parser = parse_trackio)]
    pub trackio: Option<TrackioTarget>,
}

/// Whose names metrics have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Names {
    /// OpenTelemetry's
    Otel,
    /// k6's, for boards made for it
    K6,
}

/// Where Trackio logs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrackioTarget {
    pub project: String,
    /// `owner/name`; `None` for this machine.
    pub space: Option<String>,
}

impl TelemetryArgs {
    /// How often the target's own metrics are read.
    pub(crate) fn every(&self) -> Duration {
        self.scrape_interval.map_or(Duration::from_secs(1), |every| every.0)
    }
}

/// `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Folder of a run
    pub run: PathBuf,

    /// Form of the table
    #[arg(long, value_enum)]
    pub format: Format,

    /// File to write; `-` for standard output (the default, but for parquet)
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A form of the table of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Csv,
    /// One array of objects
    Json,
    /// One object a line
    Jsonl,
    /// Only in a build with the feature `parquet`
    Parquet,
}

fn parse_trackio(text: &str) -> Result<TrackioTarget, String> {
    let (project, space) = match text.split_once('@') {
        Some((project, space)) => (project, Some(space)),
        None => (text, None),
    };
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.' | ' '))
    };
    let is_space = |space: &str| match space.split_once('/') {
        Some((owner, name)) => is_name(owner) && is_name(name),
        None => is_name(space),
    };
    if is_name(project.trim()) && space.is_none_or(is_space) {
        return Ok(TrackioTarget { project: project.trim().to_owned(), space: space.map(str::to_owned) });
    }
    Err("write PROJECT, or PROJECT@OWNER/SPACE".to_owned())
}

/// Addresses may hold a password: they are read later, since clap would print one that it cannot parse.
fn parse_secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trackio_projects() {
        let space = |text: &str| parse_trackio(text).map(|target| (target.project, target.space));
        assert_eq!(space("loads"), Ok(("loads".to_owned(), None)));
        assert_eq!(space("loads@me/board"), Ok(("loads".to_owned(), Some("me/board".to_owned()))));
        for text in ["", "@me/board", "a@", "a@b/c/d", "../x/y", "a/b"] {
            assert!(space(text).is_err(), "{text}");
        }
    }
}
