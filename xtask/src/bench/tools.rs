//! The tools that are measured, each driven as its user would.

use super::app::{App, free_port, plain_environment};
use crate::Result;
use crate::child::{Interrupt, Running};
use clap::ValueEnum;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Far above what any of them needs: only a tool that hangs comes here.
const RUN_LIMIT: Duration = Duration::from_secs(1800);
/// Plimsoll's exit code for a run whose figures it does not vouch for.
pub(super) const INCONCLUSIVE: i32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Tool {
    Bare,
    HfPerftest,
    Plimsoll,
    /// The bare client a second time: what differs from the first is noise.
    BareAgain,
}

impl Tool {
    pub(super) const ALL: [Self; 4] = [Self::Bare, Self::HfPerftest, Self::Plimsoll, Self::BareAgain];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::HfPerftest => "hf-perftest",
            Self::Plimsoll => "plimsoll",
            Self::BareAgain => "bare again",
        }
    }
}

/// One run of one tool at one number of users.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    pub(super) cpu_ms_per_request: f64,
    pub(super) p50_ms: f64,
    pub(super) p90_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) rps: f64,
}

/// What all runs have in common.
pub(super) struct Setup {
    pub(super) python: PathBuf,
    pub(super) app: PathBuf,
    pub(super) hf_perftest_client: PathBuf,
    /// Where cargo puts release binaries.
    pub(super) release: PathBuf,
    pub(super) rounds: u32,
    pub(super) interrupt: Interrupt,
}

impl Setup {
    /// Runs the tool against an app of its own.
    pub(super) fn measure(&self, tool: Tool, users: u32) -> Result<Measured> {
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        match tool {
            Tool::Bare | Tool::BareAgain => self.bare(tool, users, folder.path()),
            Tool::HfPerftest => self.hf_perftest(users, folder.path()),
            Tool::Plimsoll => self.plimsoll(users, folder.path()),
        }
    }

    fn bare(&self, tool: Tool, users: u32, folder: &Path) -> Result<Measured> {
        let app = App::start(&self.python, &self.app, folder, &self.interrupt)?;
        let mut command = Command::new(self.release.join("bare-client"));
        command.args(["--url", &app.url, "--users", &users.to_string(), "--rounds", &self.rounds.to_string()]).args([
            "--fn-index",
            &app.fn_index.to_string(),
            "--inputs",
            "1",
        ]);
        let done = self.finish(tool, &mut command, folder, &[0])?;
        let output = done.output();
        let line = output.lines().find(|line| line.starts_with('{'));
        line.ok_or_else(|| "printed no result".to_owned()).and_then(of_line).map_err(|what| done.failure(&what))
    }

    /// It starts its app itself, on the same Python and with the same settings.
    fn hf_perftest(&self, users: u32, folder: &Path) -> Result<Measured> {
        let results = folder.join("results.jsonl");
        let mut command = Command::new(&self.python);
        plain_environment(&mut command);
        command
            .arg(&self.hf_perftest_client)
            .arg(&results)
            .args(["run", "--tiers", &users.to_string(), "--requests-per-user", &self.rounds.to_string()])
            .args(["--port", &free_port()?.to_string(), "--concurrency-limit", "1", "--max-threads", "40"])
            .arg("--app")
            .arg(&self.app)
            .current_dir(folder);
        let done = self.finish(Tool::HfPerftest, &mut command, folder, &[0])?;
        // It ends with status 0 even when its app did not start.
        let text = std::fs::read_to_string(&results).map_err(|_| done.failure("measured nothing"))?;
        text.lines()
            .next()
            .ok_or_else(|| "measured nothing".to_owned())
            .and_then(of_line)
            .map_err(|what| done.failure(&what))
    }

    fn plimsoll(&self, users: u32, folder: &Path) -> Result<Measured> {
        let app = App::start(&self.python, &self.app, folder, &self.interrupt)?;
        let output = folder.join("results");
        let mut command = Command::new(self.release.join("plimsoll"));
        command
            .args(["run", "--url", &app.url, "--tiers", &users.to_string()])
            .args(["--requests-per-user", &self.rounds.to_string(), "--quiet", "--json", "--output-dir"])
            .arg(&output)
            .current_dir(folder);
        let done = self.finish(Tool::Plimsoll, &mut command, folder, &[0, INCONCLUSIVE])?;
        read_summary(&output).and_then(|summary| of_summary(&summary)).map_err(|what| done.failure(&what))
    }

    fn finish(&self, tool: Tool, command: &mut Command, folder: &Path, accepted: &[i32]) -> Result<Running> {
        let mut running = Running::start(tool.name(), command, &folder.join("tool.log"))?;
        let status = running.wait(&self.interrupt, RUN_LIMIT)?;
        if !status.code().is_some_and(|code| accepted.contains(&code)) {
            return Err(running.failure(&format!("failed ({status})")));
        }
        if status.code() == Some(INCONCLUSIVE) {
            eprintln!("{} calls its own run inconclusive:\n{}", tool.name(), running.output());
        }
        Ok(running)
    }
}

pub(super) fn field(value: &Value, pointer: &str) -> Result<f64> {
    value.pointer(pointer).and_then(Value::as_f64).ok_or_else(|| format!("gave no number at {pointer}"))
}

/// The line of the bare client and of the wrapper around hf-perftest.
fn of_line(line: &str) -> Result<Measured> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("gave no JSON ({error})"))?;
    let failed = field(&value, "/failed")?;
    if failed > 0.0 {
        return Err(format!("had {failed} failed requests"));
    }
    Ok(Measured {
        cpu_ms_per_request: field(&value, "/cpu_ms_per_request")?,
        p50_ms: field(&value, "/p50_ms")?,
        p90_ms: field(&value, "/p90_ms")?,
        p99_ms: field(&value, "/p99_ms")?,
        rps: field(&value, "/rps")?,
    })
}

/// Plimsoll's summary of a run with one tier.
fn of_summary(summary: &Value) -> Result<Measured> {
    let rate = field(summary, "/tiers/0/client_summary/success_rate")?;
    if rate < 1.0 {
        return Err(format!("had failed requests (success rate {rate})"));
    }
    Ok(Measured {
        cpu_ms_per_request: field(summary, "/tiers/0/health/cpu_ms_per_request")?,
        p50_ms: field(summary, "/tiers/0/client_summary/p50")?,
        p90_ms: field(summary, "/tiers/0/client_summary/p90")?,
        p99_ms: field(summary, "/tiers/0/client_summary/p99")?,
        rps: field(summary, "/tiers/0/throughput_rps")?,
    })
}

/// The summary in the one run directory below `output`.
pub(super) fn read_summary(output: &Path) -> Result<Value> {
    let entries = std::fs::read_dir(output).map_err(|error| format!("left no results ({error})"))?;
    let mut summaries = entries.flatten().map(|entry| entry.path().join("summary.json")).filter(|path| path.exists());
    let path = summaries.next().ok_or("left no summary.json")?;
    if summaries.next().is_some() {
        return Err("left more than one run directory".to_owned());
    }
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("left a summary.json that is not text ({error})"))?;
    serde_json::from_str(&text).map_err(|error| format!("left a summary.json that is not JSON ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const EXPECTED: Measured = Measured { cpu_ms_per_request: 1.5, p50_ms: 5.0, p90_ms: 9.0, p99_ms: 9.9, rps: 50.0 };

    #[test]
    fn a_line_is_read_and_failures_are_refused() {
        let line = |failed: u32| {
            json!({"failed": failed, "cpu_ms_per_request": 1.5, "p50_ms": 5, "p90_ms": 9, "p99_ms": 9.9, "rps": 50})
                .to_string()
        };
        assert_eq!(of_line(&line(0)), Ok(EXPECTED));
        assert!(of_line(&line(1)).unwrap_err().contains("1 failed"));
        assert!(of_line("{\"failed\":0,\"p50_ms\":null}").is_err());
    }

    #[test]
    fn a_summary_is_found_and_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_summary(folder.path()).unwrap_err().contains("no summary.json"));
        let run = folder.path().join("20260101_000000");
        std::fs::create_dir(&run).unwrap();
        let mut summary = json!({"tiers": [{
            "client_summary": {"success_rate": 1.0, "p50": 5.0, "p90": 9.0, "p99": 9.9},
            "throughput_rps": 50.0,
            "health": {"cpu_ms_per_request": 1.5},
        }]});
        std::fs::write(run.join("summary.json"), summary.to_string()).unwrap();
        assert_eq!(of_summary(&read_summary(folder.path()).unwrap()), Ok(EXPECTED));
        summary["tiers"][0]["client_summary"]["success_rate"] = json!(0.99);
        assert!(of_summary(&summary).is_err());
    }
}
