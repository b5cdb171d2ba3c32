//! Trackio: what was measured second by second, and the summary, logged at the end by the real package in a process
//! beside ours.

use crate::args_export::TrackioTarget;
use crate::tap::Tick;
use plimsoll_lab::PythonEnvironment;
use plimsoll_model::Metric;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The Trackio that this release was tested with.
const VERSION: &str = "0.43.0";
const SCRIPT: &str = include_str!("trackio.py");
/// How long logging may take: a Space may have to be made.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows that are kept. Of a longer run every second one, then every fourth, and so on.
const MOST_ROWS: usize = 7200;

/// One row for about each second.
#[derive(Clone, Default)]
pub(super) struct Rows(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    rows: Vec<Value>,
    /// Every so many ticks are kept; 0 as good as 1.
    every: usize,
    ticks: usize,
    /// Stage, requests and failures before, and when that was.
    before: (usize, u64, u64, Duration),
}

impl Rows {
    pub(super) fn add(&self, stage: usize, tick: &Tick<'_>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.ticks += 1;
        let (count, failed) = (tick.fold.count(), tick.fold.failed());
        let before = if kept.before.0 == stage { kept.before } else { (stage, 0, 0, tick.began) };
        let every = kept.every.max(1);
        if !kept.ticks.is_multiple_of(every) {
            return;
        }
        let seconds = (tick.at.saturating_sub(before.3)).as_secs_f64().max(1e-3);
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let mut row = Map::new();
        row.insert("stage".to_owned(), stage.into());
        row.insert("rps".to_owned(), rate(count, before.1).into());
        row.insert("failed_per_second".to_owned(), rate(failed, before.2).into());
        if let Some(users) = tick.active {
            row.insert("users".to_owned(), users.into());
        }
        for (metric, word) in [(Metric::ResponseTime, "response"), (Metric::Ttft, "ttft"), (Metric::Itl, "itl")] {
            for (q, name) in [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")] {
                if let Some(value) = tick.fold.quantile(None, metric, q) {
                    row.insert(format!("{word}_{name}_ms"), value.into());
                }
            }
        }
        kept.before = (stage, count, failed, tick.at);
        kept.rows.push(json!({ "t": tick.at.as_secs_f64(), "values": row }));
        if kept.rows.len() >= MOST_ROWS {
            let mut place = 0;
            kept.rows.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            kept.every = every * 2;
        }
    }

    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).rows)
    }
}

/// Logs through an environment that has Trackio.
pub(crate) struct Logger {
    target: TrackioTarget,
    environment: PythonEnvironment,
}

impl Logger {
    /// Makes the environment if it is not there.
    pub(super) fn prepare(target: TrackioTarget, progress: &mut dyn FnMut(&str)) -> Result<Self, String> {
        let environment =
            plimsoll_lab::ensure_package("trackio", VERSION, progress).map_err(|error| error.to_string())?;
        Ok(Self { target, environment })
    }

    /// Logs; what to tell the user. An error is a sentence.
    pub(super) fn log(&self, rows: &Rows, summary: &Value) -> Result<String, String> {
        let TrackioTarget { project, space } = &self.target;
        let input = json!({
            "project": project,
            "space": space,
            "run": summary["timestamp"],
            "rows": rows.take(),
            "summary": scalars(summary),
            "config": config(summary),
        });
        let mut child = Command::new(&self.environment.python)
            .args(["-I", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start Python: {error}"))?;
        let mut stdin = child.stdin.take();
        let text = input.to_string();
        // It reads everything before it writes anything. If it ended before, its status says so.
        if let Some(stdin) = &mut stdin {
            let _ = stdin.write_all(text.as_bytes());
        }
        drop(stdin);
        wait(child)?;
        Ok(match space {
            Some(space) => format!("Logged to the Trackio project {project} in the Space {space}"),
            None => {
                let program = self.environment.python.with_file_name("trackio");
                let program = program.display();
                format!("Logged to the Trackio project {project}; show it with: {program} show --project \"{project}\"")
            }
        })
    }
}

fn wait(mut child: Child) -> Result<(), String> {
    let mut stderr = child.stderr.take();
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(stderr) = &mut stderr {
            // What can be read is enough.
            let _ = std::io::Read::read_to_string(stderr, &mut text);
        }
        text
    });
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
            _ => {
                // It is ours, and not reaped yet.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it did not end within {} s", PATIENCE.as_secs()));
            }
        }
    };
    let said = said.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    Err(said.trim().lines().last().unwrap_or("it failed without a word").to_owned())
}

/// The figures of each tier or level that are worth a place in a table of runs.
fn scalars(summary: &Value) -> Vec<Value> {
    const WANTED: [&str; 5] = ["throughput_rps", "goodput_rps", "output_tokens_per_second", "iterations", "failed"];
    let stages = summary["levels"].as_array().or_else(|| summary["tiers"].as_array());
    let of = |stage: &Value| {
        let mut out = Map::new();
        for key in WANTED {
            out.extend(stage[key].is_number().then(|| (format!("summary/{key}"), stage[key].clone())));
        }
        let mut times = |word: &str, figures: &Value| {
            for key in ["p50", "p90", "p95", "p99", "mean"] {
                out.extend(
                    figures[key].is_number().then(|| (format!("summary/{word}_{key}_ms"), figures[key].clone())),
                );
            }
        };
        times("response", &stage["response_summary"]);
        times("ttft", &stage["ttft"]);
        for (metric, word) in [("response_time", "response"), ("ttft", "ttft"), ("tpot", "tpot"), ("itl", "itl")] {
            times(word, &stage["all"]["metrics"][metric]);
        }
        for key in ["count", "ok", "failed"] {
            let value = &stage["all"][key];
            out.extend(value.is_number().then(|| (format!("summary/{key}"), value.clone())));
        }
        Value::Object(out)
    };
    stages.into_iter().flatten().map(of).collect()
}

fn config(summary: &Value) -> Value {
    let mut config = Map::new();
    for key in ["name", "app", "target", "timestamp", "state", "load_line"] {
        config.extend(summary[key].is_string().then(|| (key.to_owned(), summary[key].clone())));
    }
    config.insert("verdict".to_owned(), summary["verdict"]["result"].clone());
    config.insert("plimsoll".to_owned(), env!("CARGO_PKG_VERSION").into());
    let stages = summary["levels"].as_array().or_else(|| summary["tiers"].as_array());
    let label = |stage: &Value| stage["label"].as_str().map_or_else(|| stage["tier"].to_string(), str::to_owned);
    let labels: Vec<String> = stages.into_iter().flatten().map(label).collect();
    config.insert("stages".to_owned(), labels.join(", ").into());
    Value::Object(config)
}
