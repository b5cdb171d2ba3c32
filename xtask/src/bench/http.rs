//! Plain HTTP/1.1: Plimsoll beside wrk and oha, as many requests as go over a fixed number of connections.

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

const CPU_AGAINST_OHA: f64 = 1.1;
const CPU_AGAINST_WRK: f64 = 1.4;

#[derive(Args)]
pub(crate) struct HttpOptions {
    /// Connections, each with a request under way at all times
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Seconds of each run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..))]
    seconds: u32,
    /// How often the whole is done
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// oha, if it is not in PATH
    #[arg(long, value_name = "PATH")]
    oha: Option<PathBuf>,
    /// wrk, if it is not in PATH
    #[arg(long, value_name = "PATH")]
    wrk: Option<PathBuf>,
    /// nginx, if it is not in PATH
    #[arg(long, value_name = "PATH")]
    nginx: Option<PathBuf>,
    /// Also write the result into docs/src/benchmarks.md
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tool {
    Wrk,
    Oha,
    Plimsoll,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::Oha => "oha",
            Self::Plimsoll => "plimsoll",
        }
    }
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    /// Of the whole process, start and end included.
    cpu_us_per_request: f64,
    rps: f64,
    peak_mib: f64,
}

type Runs = BTreeMap<Tool, Vec<Measured>>;

struct Setup<'a> {
    options: &'a HttpOptions,
    pins: Pins,
    interrupt: Interrupt,
    nginx: PathBuf,
    programs: BTreeMap<Tool, PathBuf>,
}

pub(super) fn run(options: &HttpOptions) -> Result<()> {
    let page = Page::open(options.write, "http")?;
    let release = super::build(&["plimsoll"])?;
    let nginx = tool(options.nginx.as_ref(), "nginx")?.ok_or("nothing to measure without nginx")?;
    let mut programs = BTreeMap::from([(Tool::Plimsoll, release.join("plimsoll"))]);
    programs.extend(tool(options.wrk.as_ref(), "wrk")?.map(|path| (Tool::Wrk, path)));
    programs.extend(tool(options.oha.as_ref(), "oha")?.map(|path| (Tool::Oha, path)));
    let setup = Setup { options, pins: Pins::find(), interrupt: Interrupt::install()?, nginx, programs };
    let facts = setup.facts();
    let tools: Vec<Tool> = setup.programs.keys().copied().collect();
    let mut runs = Runs::new();
    for repeat in 0..options.repeats {
        let mut order = tools.clone();
        order.rotate_left(repeat as usize % tools.len());
        for tool in order {
            let measured = setup.measure(tool)?;
            eprintln!(
                "repeat {}/{}, {}: {:.2} µs CPU per request, {:.0} requests/s",
                repeat + 1,
                options.repeats,
                tool.name(),
                measured.cpu_us_per_request,
                measured.rps
            );
            runs.entry(tool).or_default().push(measured);
        }
    }
    let text = markdown(&runs, &facts);
    println!("{text}");
    page.map_or(Ok(()), |page| page.write(&text))
}

impl Setup<'_> {
    /// Runs the tool against an nginx of its own.
    fn measure(&self, tool: Tool) -> Result<Measured> {
        self.interrupt.check()?;
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let folder = folder.path();
        let nginx = Nginx::start(&self.nginx, &self.pins, folder, &self.interrupt)?;
        let mut meter = Meter::new(tool.name(), &self.pins.client(&self.programs[&tool]), folder)?;
        let (connections, time) = (self.options.connections.to_string(), format!("{}s", self.options.seconds));
        match tool {
            Tool::Wrk => meter.command.args(["-t1", "-c", &connections, "-d", &time, &nginx.url()]),
            Tool::Oha => meter
                .command
                .args(["--no-tui", "--output-format", "json", "-c", &connections, "-z", &time])
                .arg(nginx.url()),
            Tool::Plimsoll => {
                let scenario = folder.join("scenario.toml");
                let text = scenario_of(&nginx.url(), &connections, &time);
                std::fs::write(&scenario, text).map_err(|error| format!("{}: {error}", scenario.display()))?;
                meter
                    .command
                    .arg("run")
                    .arg(scenario)
                    .args(["--json", "--quiet", "--output-dir"])
                    .arg(folder.join("out"))
            }
        };
        let before = nginx.served()?;
        let accepted: &[i32] = if tool == Tool::Plimsoll { &[0, INCONCLUSIVE] } else { &[0] };
        let (usage, output) = meter.run(accepted, &self.interrupt)?;
        // The question itself is a request too.
        let served = nginx.served()? - before - 1;
        let rps = match tool {
            Tool::Wrk => rps_of_wrk(&output),
            Tool::Oha => rps_of_oha(&output),
            Tool::Plimsoll => rps_of_plimsoll(&folder.join("out")),
        };
        let rps = rps.map_err(|what| format!("{} {what}. Its output:\n{output}", tool.name()))?;
        #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
        let cpu_us_per_request = usage.cpu_seconds * 1e6 / served as f64;
        Ok(Measured { cpu_us_per_request, rps, peak_mib: usage.peak_mib })
    }

    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = facts(self.pins.words());
        facts.push(("Load average before".to_owned(), load_average()));
        facts.push(("nginx".to_owned(), version_of(Command::new(&self.nginx).arg("-v"))));
        for (tool, path) in &self.programs {
            let flag = if *tool == Tool::Wrk { "-v" } else { "--version" };
            facts.push((tool.name().to_owned(), version_of(Command::new(path).arg(flag))));
        }
        let runs = format!(
            "{} repeats of {} s, {} connections, a fresh nginx for every run",
            self.options.repeats, self.options.seconds, self.options.connections
        );
        facts.push(("Runs".to_owned(), runs));
        facts
    }
}

fn scenario_of(url: &str, connections: &str, time: &str) -> String {
    format!(
        "[target]\nurl = \"{url}\"\n[[request]]\npath = \"/\"\n[load]\nexecutor = \"users\"\nusers = {connections}\n\
         spawn_rate = 100000\nduration = \"{time}\"\nwarmup = \"1s\"\n"
    )
}

fn rps_of_wrk(output: &str) -> Result<f64> {
    if output.contains("Non-2xx") || output.contains("Socket errors") {
        return Err("had failed requests".to_owned());
    }
    let line = output.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    line.and_then(|text| text.trim().parse().ok()).ok_or_else(|| "gave no Requests/sec".to_owned())
}

fn rps_of_oha(output: &str) -> Result<f64> {
    let report: Value = serde_json::from_str(output).map_err(|error| format!("gave no JSON ({error})"))?;
    let failed = |status: &&String| !status.starts_with('2');
    if let Some(statuses) = report["statusCodeDistribution"].as_object()
        && statuses.keys().any(|status| failed(&status))
    {
        return Err("had failed requests".to_owned());
    }
    field(&report, "/summary/requestsPerSec")
}

fn rps_of_plimsoll(output: &Path) -> Result<f64> {
    let summary = read_summary(output)?;
    let failed = field(&summary, "/levels/0/all/failed")?;
    if failed > 0.0 {
        return Err(format!("had {failed} failed requests"));
    }
    let lost = field(&summary, "/levels/0/health/0/lost_samples")?;
    if lost > 0.0 {
        return Err(format!("lost {lost} samples: it was not recording fully"));
    }
    field(&summary, "/levels/0/throughput_rps")
}

fn markdown(runs: &Runs, facts: &[(String, String)]) -> String {
    let mut text = String::from(
        "Figures are medians over the repeats; in brackets the least and the greatest. CPU is user and system time of the \
         tool's whole process over the requests that nginx served. Plimsoll records: every sample is on disk.\n\n",
    );
    for (name, value) in facts {
        let _ = writeln!(text, "- {name}: {value}");
    }
    text +=
        "\n| tool | CPU µs/request | Plimsoll's CPU against it | requests/s | peak MiB |\n|---|---:|---:|---:|---:|\n";
    for (&tool, measured) in runs {
        let of = |get: fn(&Measured) -> f64| Spread::of(measured.iter().map(get));
        let ratio = (tool != Tool::Plimsoll).then(|| ratio(runs, tool)).flatten();
        let _ = writeln!(
            text,
            "| {} | {:.2} | {} | {:.0} | {:.0} |",
            tool.name(),
            of(|run| run.cpu_us_per_request),
            cell(ratio, 2),
            of(|run| run.rps),
            of(|run| run.peak_mib),
        );
    }
    text.push('\n');
    for (tool, limit) in [(Tool::Oha, CPU_AGAINST_OHA), (Tool::Wrk, CPU_AGAINST_WRK)] {
        if let Some(ratio) = ratio(runs, tool) {
            let _ = writeln!(
                text,
                "- CPU at most {limit} × {}'s: {ratio:.2} ×, **{}**",
                tool.name(),
                super::verdict(ratio.median <= limit)
            );
        }
    }
    text
}

/// Plimsoll's CPU over another tool's, each pair from the same repeat.
fn ratio(runs: &Runs, against: Tool) -> Option<Spread> {
    let (ours, theirs) = (runs.get(&Tool::Plimsoll)?, runs.get(&against)?);
    Some(Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours.cpu_us_per_request / theirs.cpu_us_per_request)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_the_tools() {
        assert_eq!(rps_of_wrk("Requests/sec:  1234.5\nTransfer/sec: 1MB\n"), Ok(1234.5));
        assert!(rps_of_wrk("  Non-2xx or 3xx responses: 7\nRequests/sec:  1.0\n").is_err());
        let oha = |status: &str| {
            format!("{{\"summary\":{{\"requestsPerSec\":99.5}},\"statusCodeDistribution\":{{\"{status}\":5}}}}")
        };
        assert_eq!(rps_of_oha(&oha("200")), Ok(99.5));
        assert!(rps_of_oha(&oha("502")).is_err());
    }

    #[test]
    fn promises_are_judged_on_paired_ratios() {
        let run = |cpu| Measured { cpu_us_per_request: cpu, rps: 1e4, peak_mib: 9.0 };
        let runs = Runs::from([
            (Tool::Wrk, vec![run(2.0), run(4.0)]),
            (Tool::Oha, vec![run(4.0), run(8.0)]),
            (Tool::Plimsoll, vec![run(3.0), run(6.0)]),
        ]);
        let text = markdown(&runs, &[("Kernel".to_owned(), "6".to_owned())]);
        assert!(
            text.contains("| wrk | 3.00 (2.00–4.00) | 1.50 (1.50–1.50) | 10000 (10000–10000) | 9 (9–9) |"),
            "{text}"
        );
        assert!(text.contains("oha's: 0.75 (0.75–0.75) ×, **holds**"), "{text}");
        assert!(text.contains("wrk's: 1.50 (1.50–1.50) ×, **does not hold**"), "{text}");
        assert!(!markdown(&Runs::from([(Tool::Plimsoll, vec![run(3.0)])]), &[]).contains("hold"));
    }
}
