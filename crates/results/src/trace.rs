//! The server's own traces of its requests.

use crate::{ResultsError, atomic, lines};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

const FILE: &str = "traces.jsonl";

/// Writes `traces.jsonl`, one trace a line, exactly as the server gave them.
///
/// # Errors
/// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
pub fn write_traces(tier_dir: &Path, traces: &[Value]) -> Result<(), ResultsError> {
    let mut bytes = Vec::new();
    for trace in traces {
        serde_json::to_writer(&mut bytes, trace).map_err(|reason| ResultsError::Encode { what: "a trace", reason })?;
        bytes.push(b'\n');
    }
    atomic::write(&tier_dir.join(FILE), &bytes)
}

/// Reads `traces.jsonl`; none when there is no such file.
///
/// # Errors
/// [`ResultsError::Io`] or [`ResultsError::BadLine`].
pub fn read_traces(tier_dir: &Path) -> Result<Vec<Value>, ResultsError> {
    let path = tier_dir.join(FILE);
    let mut traces = Vec::new();
    if path.exists() {
        lines::read(&path, |trace| {
            traces.push(trace);
            Ok(())
        })?;
    }
    Ok(traces)
}

/// What a trace says of where the server's time went. All times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ServerTimes {
    /// The server's clock between the queue wait and the call, in seconds since the Unix epoch.
    pub(crate) timestamp: Option<f64>,
    /// From the event's creation, inside the join request, to just before the call.
    pub(crate) queue_wait: f64,
    pub(crate) preprocess: f64,
    pub(crate) function: f64,
    pub(crate) postprocess: f64,
    pub(crate) streaming_diff: f64,
    /// All of the call, summed over a generator's iterations; the pauses between these are not in it.
    pub(crate) total: f64,
    /// 1 for a plain function, yields + 1 for a generator.
    pub(crate) iterations: u64,
}

impl ServerTimes {
    /// Reads gradio's fields (`gradio/profiling.py`). `None` when a time is missing or makes no sense, and when the
    /// trace was never filled in: of a batch only the first request has a trace, with all its phases zero.
    pub(crate) fn of(trace: &Value) -> Option<Self> {
        /// Longer than any request: what is beyond is damage, and would drown every other digit.
        const LONGEST_MS: f64 = 1e9;
        let time =
            |key: &str| trace.get(key).and_then(Value::as_f64).filter(|value| (0.0..=LONGEST_MS).contains(value));
        let iterations = trace.get("n_iterations").and_then(Value::as_u64).filter(|count| *count > 0)?;
        Some(Self {
            timestamp: trace.get("timestamp").and_then(Value::as_f64),
            queue_wait: time("queue_wait_ms")?,
            preprocess: time("preprocess_ms")?,
            function: time("fn_call_ms")?,
            postprocess: time("postprocess_ms")?,
            // Younger than the others.
            streaming_diff: time("streaming_diff_ms").unwrap_or(0.0),
            total: time("total_ms")?,
            iterations,
        })
    }
}

/// Traces by the event id of their request.
pub(crate) struct TraceIndex<'a>(HashMap<&'a str, &'a Value>);

impl<'a> TraceIndex<'a> {
    pub(crate) fn new(traces: &'a [Value]) -> Self {
        Self(traces.iter().filter_map(|trace| Some((trace.get("event_id")?.as_str()?, trace))).collect())
    }

    pub(crate) fn get(&self, event_id: &str) -> Option<&'a Value> {
        self.0.get(event_id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::trace;
    use serde_json::json;

    #[test]
    fn traces_go_out_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_traces(folder.path()).unwrap().is_empty());
        let traces = [trace("a", 1.5), trace("b", 2.5)];
        write_traces(folder.path(), &traces).unwrap();
        assert_eq!(read_traces(folder.path()).unwrap(), traces);
    }

    #[test]
    fn unusable_traces_have_no_times() {
        let good = trace("a", 1.5);
        assert_eq!(ServerTimes::of(&good).unwrap().function, 25.0);
        for (key, value) in [
            ("n_iterations", json!(0)),
            ("total_ms", json!(-1.0)),
            ("fn_call_ms", json!(null)),
            ("queue_wait_ms", json!(1e300)),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert_eq!(ServerTimes::of(&bad), None, "{key}");
        }
        assert_eq!(ServerTimes::of(&json!("text")), None);
    }
}
