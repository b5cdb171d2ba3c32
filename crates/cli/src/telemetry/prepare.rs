//! From flags and environment to addresses and headers; every mistake in them is found before any load.

use super::trackio::Logger;
use crate::args_export::{Names, TelemetryArgs};
use crate::console::Console;
use crate::exit::CliError;
use plimsoll_model::Secret;
use plimsoll_telemetry::Endpoint;
use std::net::TcpListener;
use std::time::Duration;

const REMOTE_WRITE_TOKEN: &str = "PLIMSOLL_REMOTE_WRITE_TOKEN";
const SCRAPE_TOKEN: &str = "PLIMSOLL_SCRAPE_TOKEN";
/// A page takes time to make; asking more often would be load.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

/// A page of the target's own metrics.
#[derive(Debug, Clone)]
pub(super) enum Page {
    /// `/metrics` of the target.
    OfTarget(Option<Secret>),
    /// This one.
    At(Endpoint),
}

/// What was asked for, checked.
pub(crate) struct Telemetry {
    pub(super) listener: Option<TcpListener>,
    pub(super) remote_write: Option<Endpoint>,
    pub(super) names: Names,
    /// The collector, and attributes of who sends.
    pub(super) otlp: Option<(Endpoint, Vec<(String, String)>)>,
    pub(super) scrape: Scrape,
    pub(super) trackio: Option<Logger>,
}

/// The pages to read.
pub(super) struct Scrape {
    pub(super) pages: Vec<Page>,
    pub(super) every: Duration,
    pub(super) more: Vec<String>,
}

impl Scrape {
    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

impl Telemetry {
    /// Checks the flags; and unless nothing is to be done, takes the address to listen at and makes the environment for
    /// Trackio, which may take a minute the first time.
    ///
    /// # Errors
    /// What the user must change, as one sentence.
    pub(crate) fn prepare(args: &TelemetryArgs, dry_run: bool, console: &Console) -> Result<Self, CliError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut telemetry = Self::check(args, &variable)?;
        if dry_run {
            return Ok(telemetry);
        }
        if let Some(address) = args.prometheus {
            let listener = TcpListener::bind(address)
                .map_err(|error| CliError::usage(format!("--prometheus: cannot listen at {address}: {error}")))?;
            telemetry.listener = Some(listener);
        }
        if let Some(target) = &args.trackio {
            match Logger::prepare(target.clone(), &mut |line| console.note(line)) {
                Ok(logger) => telemetry.trackio = Some(logger),
                Err(why) => console.warning(&format!("--trackio: {why}. The run goes on without it")),
            }
        }
        Ok(telemetry)
    }

    fn check(args: &TelemetryArgs, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, CliError> {
        let sends = args.prometheus.is_some() || args.prometheus_remote_write.is_some();
        if args.prometheus_names.is_some() && !sends {
            let message = "--prometheus-names: it belongs to --prometheus or --prometheus-remote-write";
            return Err(CliError::usage(message));
        }
        let every = args.every();
        if every < LEAST_INTERVAL {
            return Err(CliError::usage("--scrape-interval: at least 100ms; asking more often would itself be load"));
        }
        let remote_write = args
            .prometheus_remote_write
            .as_ref()
            .map(|url| endpoint("--prometheus-remote-write", url, variable(REMOTE_WRITE_TOKEN), REMOTE_WRITE_TOKEN))
            .transpose()?;
        let otlp = args.otlp.as_ref().map(|url| otlp(url, variable)).transpose()?;
        let token = variable(SCRAPE_TOKEN);
        let pages = args.scrape.iter().map(|page| match page.expose() {
            "auto" => Ok(Page::OfTarget(token.clone().map(Secret::new))),
            _ => endpoint("--scrape", page, token.clone(), SCRAPE_TOKEN).map(Page::At),
        });
        Ok(Self {
            listener: None,
            remote_write,
            names: args.prometheus_names.unwrap_or(Names::Otel),
            otlp,
            scrape: Scrape { pages: pages.collect::<Result<_, _>>()?, every, more: args.scrape_metric.clone() },
            trackio: None,
        })
    }

    /// What no warning may show.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        let pages = self.scrape.pages.iter().filter_map(|page| match page {
            Page::At(endpoint) => Some(endpoint),
            Page::OfTarget(_) => None,
        });
        let endpoints = self.remote_write.iter().chain(self.otlp.iter().map(|(endpoint, _)| endpoint)).chain(pages);
        endpoints.flat_map(Endpoint::secrets).collect()
    }
}

/// An endpoint, with the token of the environment where there is one.
fn endpoint(flag: &str, url: &Secret, token: Option<String>, variable: &str) -> Result<Endpoint, CliError> {
    let mut endpoint = Endpoint::parse(url.expose()).map_err(|error| CliError::usage(format!("{flag}: {error}")))?;
    if let Some(token) = token {
        if endpoint.has_credentials() {
            return Err(CliError::usage(format!("{flag}: the address has credentials and {variable} too; give one")));
        }
        with_token(&mut endpoint, &token, variable)?;
    }
    Ok(endpoint)
}

pub(super) fn with_token(endpoint: &mut Endpoint, token: &str, variable: &str) -> Result<(), CliError> {
    let value = Secret::new(format!("Bearer {}", token.trim()));
    endpoint.add_header("authorization", value).map_err(|error| CliError::usage(format!("{variable}: {error}")))
}

/// The collector, as OpenTelemetry's variables describe it.
fn otlp(
    url: &Secret,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(Endpoint, Vec<(String, String)>), CliError> {
    let mut endpoint = endpoint("--otlp", url, None, "")?.below("/v1/metrics");
    for name in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"] {
        for (key, value) in pairs(name, variable(name))? {
            let added = endpoint.add_header(&key, Secret::new(value));
            added.map_err(|error| CliError::usage(format!("{name}: {error}")))?;
        }
    }
    let mut resource = vec![
        ("service.name".to_owned(), variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "plimsoll".to_owned())),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let name = "OTEL_RESOURCE_ATTRIBUTES";
    for (key, value) in pairs(name, variable(name))? {
        if !resource.iter().any(|(own, _)| *own == key) {
            resource.push((key, value));
        }
    }
    Ok((endpoint, resource))
}

/// `key=value,key=value`, values percent-encoded. A mistake is told without the values.
fn pairs(name: &str, text: Option<String>) -> Result<Vec<(String, String)>, CliError> {
    let text = text.unwrap_or_default();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok((key.trim().to_owned(), plimsoll_telemetry::percent_decode(value.trim())))
            }
            _ => Err(CliError::usage(format!("{name}: write it as key=value,key=value"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: TelemetryArgs, set: &[(&str, &str)]) -> Result<Telemetry, String> {
        let variable = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Telemetry::check(&args, &variable).map_err(|error| error.message)
    }

    #[test]
    fn mistakes_are_told_without_secrets() {
        let url = |text: &str| Some(Secret::new(text));
        let both =
            TelemetryArgs { prometheus_remote_write: url("http://me:hunter2@host/w"), ..TelemetryArgs::default() };
        let error = check(both, &[(REMOTE_WRITE_TOKEN, "t0ken")]).err().unwrap();
        assert!(
            error.contains(REMOTE_WRITE_TOKEN) && !error.contains("hunter2") && !error.contains("t0ken"),
            "{error}"
        );
        let headers = TelemetryArgs { otlp: url("http://host"), ..TelemetryArgs::default() };
        let error = check(headers.clone(), &[("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")]).err().unwrap();
        assert!(error.contains("key=value") && !error.contains("hunter2"), "{error}");
        for (args, what) in [
            (TelemetryArgs { otlp: url("host:4318"), ..TelemetryArgs::default() }, "--otlp"),
            (TelemetryArgs { scrape: vec![Secret::new("metrics")], ..TelemetryArgs::default() }, "--scrape"),
            (TelemetryArgs { prometheus_names: Some(Names::K6), ..TelemetryArgs::default() }, "--prometheus-names"),
            (TelemetryArgs { scrape_interval: Some("1ms".parse().unwrap()), ..TelemetryArgs::default() }, "100ms"),
        ] {
            let error = check(args, &[]).err().unwrap();
            assert!(error.contains(what), "{error}");
        }
        let (endpoint, resource) = check(
            headers,
            &[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x=y"), ("OTEL_RESOURCE_ATTRIBUTES", "team=ml")],
        )
        .ok()
        .unwrap()
        .otlp
        .unwrap();
        assert_eq!(endpoint.to_string(), "http://host/v1/metrics");
        assert_eq!(endpoint.secrets().map(Secret::expose).collect::<Vec<_>>(), ["b", "a b", "y"]);
        assert!(resource.contains(&("team".to_owned(), "ml".to_owned())));
    }
}
