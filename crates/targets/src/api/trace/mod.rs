//! Recorded traces: reading them, choosing what to replay, and prompts for their requests.

mod mooncake;
mod prompt;
mod select;
mod table;

pub use prompt::prompt_of;

use super::data::text_of;
use plimsoll_model::TraceRequest;
use plimsoll_model::scenario::{Problem, ReplaySpec, TraceFormat};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// A trace is kept in memory.
const MOST_BYTES: u64 = 1 << 30;
/// No model reads or writes more: a larger number is a wrong column.
const MOST_TOKENS: u32 = 10_000_000;

/// What a trace gives for a replay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// The requests, in the order of their times.
    pub requests: Vec<TraceRequest>,
    /// Recorded failures, which are left out: they have no output to compare with.
    pub failures: u64,
}

/// Reads the trace and takes of it what the scenario wants.
pub fn read(spec: &ReplaySpec, base_dir: &Path) -> Result<Vec<TraceRequest>, Problem> {
    load(spec, base_dir).map(|trace| trace.requests)
}

/// As [`read`], with how many requests were left out.
pub fn load(spec: &ReplaySpec, base_dir: &Path) -> Result<Trace, Problem> {
    let path = base_dir.join(&spec.file);
    let problem = |what: String| Problem::new("load.replay.file", format!("{} {what}", path.display()));
    let about = fs::metadata(&path).map_err(|error| problem(cannot_read(&error)))?;
    if about.len() > MOST_BYTES {
        return Err(problem("has more than 1 GiB, and a trace is kept in memory; take a part of it".to_owned()));
    }
    let bytes = fs::read(&path).map_err(|error| problem(cannot_read(&error)))?;
    let trace = recorded(spec.format, &bytes).map_err(problem)?;
    select::select(trace, spec)
}

fn cannot_read(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::NotFound { "is not there".to_owned() } else { format!("cannot be read: {error}") }
}

/// Reads a trace's bytes: its requests by time, the first at zero. The format is guessed when none is given.
pub fn parse(format: Option<TraceFormat>, bytes: &[u8]) -> Result<Vec<TraceRequest>, Problem> {
    let trace = recorded(format, bytes).map_err(|what| Problem::new("load.replay.file", what))?;
    Ok(select::rebased(trace.requests))
}

/// A request at its recorded time, in nanoseconds from wherever the trace counts from.
#[derive(Debug, Clone)]
struct Recorded {
    at: i64,
    request: TraceRequest,
}

/// What a file holds, before anything is chosen.
#[derive(Debug, Default)]
struct Recording {
    requests: Vec<Recorded>,
    failures: u64,
}

fn recorded(format: Option<TraceFormat>, bytes: &[u8]) -> Result<Recording, String> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err("is compressed; unpack it with gunzip first".to_owned());
    }
    let text = text_of(bytes)?;
    let format = format.map_or_else(|| guess(text), Ok)?;
    let mut recording = match format {
        TraceFormat::Mooncake => mooncake::read(text)?,
        format => table::read(format, text)?,
    };
    if recording.requests.is_empty() {
        return Err(match recording.failures {
            0 => "has no requests".to_owned(),
            failures => format!("has no requests but {failures} that failed"),
        });
    }
    // Stable: requests of equal times keep the order of the file.
    recording.requests.sort_by_key(|request| request.at);
    Ok(recording)
}

/// The format, by the first line.
fn guess(text: &str) -> Result<TraceFormat, String> {
    let first = text.trim_start().lines().next().unwrap_or_default();
    if first.trim_start().starts_with('{') {
        return Ok(TraceFormat::Mooncake);
    }
    table::guess(first).ok_or_else(|| {
        let shown: String = first.chars().take(80).collect();
        format!(
            "begins with {shown:?}, as none of the formats burstgpt, azure, mooncake and csv does; name its `format`"
        )
    })
}

/// Seconds as nanoseconds, within what a 64-bit number of them holds (292 years either way).
fn nanoseconds(seconds: f64) -> Option<i64> {
    let nanoseconds = (seconds * 1e9).round();
    (nanoseconds.abs() < 9e18).then_some(nanoseconds as i64)
}

#[cfg(test)]
mod tests;
