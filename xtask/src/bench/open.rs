//! Open arrivals: how late requests are sent, and what that costs, at a constant rate and at random.

use super::machine::{Pins, facts, load_average, tool, version_of};
use super::measure::Meter;
use super::page::Page;
use super::server::Nginx;
use super::spread::{Spread, cell};
use super::tools::{INCONCLUSIVE, field, read_summary};
use crate::Result;
use crate::child::Interrupt;
use clap::Args;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rate that the promise about send lag is made for, and the promise.
const GOAL_RATE: u32 = 10_000;
const SEND_LAG_P99_MS: f64 = 0.25;
/// oha has so many connections: enough for its bursts.
const OHA_CONNECTIONS: &str = "64";

#[derive(Args)]
pub(crate) struct OpenOptions {
    /// Arrivals a second
    #[arg(long, value_delimiter = ',', default_value = "1000,10000", value_parser = clap::value_parser!(u32).range(1..))]
    rates: Vec<u32>,
    /// Seconds of each run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..))]
    seconds: u32,
    /// How often the whole is done
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// oha, if it is not in PATH
    #[arg(long, value_name = "PATH")]
    oha: Option<PathBuf>,
    /// nginx, if it is not in PATH
    #[arg(long, value_name = "PATH")]
    nginx: Option<PathBuf>,
    /// Also write the result into docs/src/benchmarks.md
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tool {
    Constant,
    Poisson,
    Oha,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Constant => "plimsoll, constant",
            Self::Poisson => "plimsoll, Poisson",
            Self::Oha => "oha, constant",
        }
    }
}

/// One run. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    send_lag_p50: Option<f64>,
    send_lag_p99: Option<f64>,
    /// From the actual send.
    service_p50: Option<f64>,
    service_p99: Option<f64>,
    /// From the intended start.
    response_p50: f64,
    response_p99: f64,
    /// Of one core, over the whole process.
    cpu_share: f64,
    rps: f64,
}

type Runs = BTreeMap<(u32, Tool), Vec<Measured>>;

struct Setup<'a> {
    options: &'a OpenOptions,
    pins: Pins,
    interrupt: Interrupt,
    nginx: PathBuf,
    plimsoll: PathBuf,
    oha: Option<PathBuf>,
}

pub(super) fn run(options: &OpenOptions) -> Result<()> {
    let page = Page::open(options.write, "open")?;
    let release = super::build(&["plimsoll"])?;
    let nginx = tool(options.nginx.as_ref(), "nginx")?.ok_or("nothing to measure without nginx")?;
    let oha = tool(options.oha.as_ref(), "oha")?;
    let plimsoll = release.join("plimsoll");
    let setup = Setup { options, pins: Pins::find(), interrupt: Interrupt::install()?, nginx, plimsoll, oha };
    let facts = setup.facts();
    let mut tools = vec![Tool::Constant, Tool::Poisson];
    tools.extend(setup.oha.is_some().then_some(Tool::Oha));
    let mut runs = Runs::new();
    for repeat in 0..options.repeats {
        for &rate in &options.rates {
            let mut order = tools.clone();
            order.rotate_left(repeat as usize % tools.len());
            for tool in order {
                let measured = setup.measure(tool, rate)?;
                eprintln!(
                    "repeat {}/{}, {rate}/s, {}: send lag p99 {} ms, {:.0} % CPU",
                    repeat + 1,
                    options.repeats,
                    tool.name(),
                    measured.send_lag_p99.map_or_else(|| "?".to_owned(), |lag| format!("{lag:.3}")),
                    measured.cpu_share * 100.0
                );
                runs.entry((rate, tool)).or_default().push(measured);
            }
        }
    }
    let text = markdown(&runs, &facts);
    println!("{text}");
    page.map_or(Ok(()), |page| page.write(&text))
}

impl Setup<'_> {
    fn measure(&self, tool: Tool, rate: u32) -> Result<Measured> {
        self.interrupt.check()?;
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let folder = folder.path();
        let nginx = Nginx::start(&self.nginx, &self.pins, folder, &self.interrupt)?;
        let program = if tool == Tool::Oha { self.oha.as_ref() } else { Some(&self.plimsoll) };
        let program = program.ok_or("no oha")?;
        let mut meter = Meter::new(tool.name(), &self.pins.client(program), folder)?;
        let seconds = self.options.seconds;
        let accepted: &[i32] = if tool == Tool::Oha {
            meter
                .command
                .args(["--no-tui", "--output-format", "json", "--latency-correction", "-c", OHA_CONNECTIONS])
                .args(["-q", &rate.to_string(), "-z", &format!("{seconds}s")])
                .arg(nginx.url());
            &[0]
        } else {
            let arrival = if tool == Tool::Constant { "constant" } else { "poisson" };
            let scenario = folder.join("scenario.toml");
            let text = scenario_of(&nginx.url(), arrival, rate, seconds);
            std::fs::write(&scenario, text).map_err(|error| format!("{}: {error}", scenario.display()))?;
            meter.command.arg("run").arg(scenario).args(["--json", "--quiet", "--output-dir"]).arg(folder.join("out"));
            &[0, INCONCLUSIVE]
        };
        let (usage, output) = meter.run(accepted, &self.interrupt)?;
        let cpu_share = usage.cpu_seconds / usage.wall_seconds;
        let measured = match tool {
            Tool::Oha => of_oha(&output, cpu_share),
            _ => of_plimsoll(&folder.join("out"), cpu_share),
        };
        measured.map_err(|what| format!("{} {what}. Its output:\n{output}", tool.name()))
    }

    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = facts(self.pins.words());
        facts.push(("Load average before".to_owned(), load_average()));
        facts.push(("nginx".to_owned(), version_of(Command::new(&self.nginx).arg("-v"))));
        facts.push(("plimsoll".to_owned(), version_of(Command::new(&self.plimsoll).arg("--version"))));
        if let Some(oha) = &self.oha {
            facts.push(("oha".to_owned(), version_of(Command::new(oha).arg("--version"))));
        }
        let runs =
            format!("{} repeats of {} s, a fresh nginx for every run", self.options.repeats, self.options.seconds);
        facts.push(("Runs".to_owned(), runs));
        facts
    }
}

fn scenario_of(url: &str, arrival: &str, rate: u32, seconds: u32) -> String {
    format!(
        "[target]\nurl = \"{url}\"\n[[request]]\npath = \"/\"\n[load]\nexecutor = \"rate\"\nrate = {rate}\n\
         arrival = \"{arrival}\"\nduration = \"{seconds}s\"\nwarmup = \"1s\"\n"
    )
}

fn of_oha(output: &str, cpu_share: f64) -> Result<Measured> {
    let report: Value = serde_json::from_str(output).map_err(|error| format!("gave no JSON ({error})"))?;
    let ms = |pointer: &str| field(&report, pointer).map(|seconds| seconds * 1e3);
    Ok(Measured {
        send_lag_p50: None,
        send_lag_p99: None,
        service_p50: None,
        service_p99: None,
        response_p50: ms("/latencyPercentiles/p50")?,
        response_p99: ms("/latencyPercentiles/p99")?,
        cpu_share,
        rps: field(&report, "/summary/requestsPerSec")?,
    })
}

fn of_plimsoll(output: &Path, cpu_share: f64) -> Result<Measured> {
    let summary = read_summary(output)?;
    let of = |pointer: &str| field(&summary, &format!("/levels/0{pointer}"));
    let failed = of("/all/failed")?;
    if failed > 0.0 {
        return Err(format!("had {failed} failed requests"));
    }
    Ok(Measured {
        send_lag_p50: Some(of("/health/0/send_lag/p50_ms")?),
        send_lag_p99: Some(of("/health/0/send_lag/p99_ms")?),
        service_p50: Some(of("/all/metrics/service_time/p50")?),
        service_p99: Some(of("/all/metrics/service_time/p99")?),
        response_p50: of("/all/metrics/response_time/p50")?,
        response_p99: of("/all/metrics/response_time/p99")?,
        cpu_share,
        rps: of("/throughput_rps")?,
    })
}

fn markdown(runs: &Runs, facts: &[(String, String)]) -> String {
    let mut text = String::from(
        "Figures are medians over the repeats; in brackets the least and the greatest. Send lag is how late a request left \
         against when it was meant to. Service time is from the send, response time from when it was meant to start. oha \
         (`--latency-correction`) counts from when its own timer fired, so how late that was is not in its figures. Times \
         are in milliseconds; CPU is the client's, of one core.\n\n",
    );
    for (name, value) in facts {
        let _ = writeln!(text, "- {name}: {value}");
    }
    text += "\n| arrivals/s | tool | send lag p50 | send lag p99 | service p50 | service p99 | response p50 | response p99 | \
             CPU % | requests/s |\n|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|\n";
    for ((rate, tool), measured) in runs {
        let of = |get: fn(&Measured) -> f64| Spread::of(measured.iter().map(get));
        let some = |get: fn(&Measured) -> Option<f64>| cell(Spread::of_some(measured.iter().map(get)), 3);
        let _ = writeln!(
            text,
            "| {rate} | {} | {} | {} | {} | {} | {:.3} | {:.3} | {:.0} | {:.0} |",
            tool.name(),
            some(|run| run.send_lag_p50),
            some(|run| run.send_lag_p99),
            some(|run| run.service_p50),
            some(|run| run.service_p99),
            of(|run| run.response_p50),
            of(|run| run.response_p99),
            of(|run| run.cpu_share * 100.0),
            of(|run| run.rps).median,
        );
    }
    text.push('\n');
    for tool in [Tool::Constant, Tool::Poisson] {
        let lag = runs.get(&(GOAL_RATE, tool)).map(|runs| Spread::of_some(runs.iter().map(|run| run.send_lag_p99)));
        if let Some(lag) = lag.flatten() {
            let _ = writeln!(
                text,
                "- Send lag p99 below {SEND_LAG_P99_MS} ms at {GOAL_RATE}/s ({}): {lag:.3} ms, **{}**",
                tool.name(),
                super::verdict(lag.median < SEND_LAG_P99_MS)
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_promise() {
        let run = |lag: Option<f64>| Measured {
            send_lag_p50: lag.map(|lag| lag / 2.0),
            send_lag_p99: lag,
            service_p50: lag,
            service_p99: lag,
            response_p50: 0.1,
            response_p99: 0.2,
            cpu_share: 0.25,
            rps: 1e4,
        };
        let runs = Runs::from([
            ((GOAL_RATE, Tool::Constant), vec![run(Some(0.2))]),
            ((GOAL_RATE, Tool::Poisson), vec![run(Some(0.3))]),
            ((GOAL_RATE, Tool::Oha), vec![run(None)]),
        ]);
        let text = markdown(&runs, &[]);
        assert!(text.contains("| 10000 | oha, constant | – | – | – | – | 0.100 (0.100–0.100) |"), "{text}");
        assert!(text.contains("(plimsoll, constant): 0.200 (0.200–0.200) ms, **holds**"), "{text}");
        assert!(text.contains("(plimsoll, Poisson): 0.300 (0.300–0.300) ms, **does not hold**"), "{text}");
    }

    #[test]
    fn oha_reports_in_seconds() {
        let output = r#"{"latencyPercentiles":{"p50":0.0001,"p99":0.002},"summary":{"requestsPerSec":1000}}"#;
        let measured = of_oha(output, 0.5).unwrap();
        assert!((measured.response_p99 - 2.0).abs() < 1e-9 && measured.send_lag_p50.is_none());
    }
}
