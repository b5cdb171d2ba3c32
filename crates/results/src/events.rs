//! `events.jsonl`: what happened around the requests.

use crate::lines::LineWriter;
use crate::{ResultsError, RunDir, time};
use plimsoll_model::Clock;
use serde::Serialize;
use serde_json::{Map, Value};

/// Keys that every line has; a field of the same name would hide them.
const OWN_KEYS: [&str; 3] = ["t", "at", "kind"];

/// The run's log of warnings, phase changes and annotations, one JSON object a line.
#[derive(Debug)]
pub struct EventLog {
    lines: LineWriter,
    clock: Clock,
}

#[derive(Serialize)]
struct Line<'a> {
    t: f64,
    at: String,
    kind: &'a str,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl EventLog {
    /// Makes `events.jsonl`. Its times are those of `clock`, the same as in the samples.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn create(run: &RunDir, clock: Clock) -> Result<Self, ResultsError> {
        Ok(Self { lines: LineWriter::open(run.path().join("events.jsonl"))?, clock })
    }

    /// Writes one event, at once: `t` (seconds since the run's start), `at` (RFC 3339, UTC), `kind`, and the members
    /// of `fields`. A member called `t`, `at` or `kind` is left out. Anything but an object is written as the member
    /// `value`, `null` as nothing. Secrets must have been removed already.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn append(&mut self, kind: &str, fields: Value) -> Result<(), ResultsError> {
        let mut fields = match fields {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            value => Map::from_iter([("value".to_owned(), value)]),
        };
        fields.retain(|key, _| !OWN_KEYS.contains(&key.as_str()));
        let now = self.clock.now();
        let at = time::rfc3339(self.clock.wall_start() + now);
        self.lines.push(&Line { t: time::round_unix(now.as_secs_f64()), at, kind, fields })?;
        self.lines.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    #[test]
    fn each_event_is_on_disk_at_once() {
        let output = tempfile::tempdir().unwrap();
        let run = RunDir::create(output.path()).unwrap();
        let mut log = EventLog::create(&run, Clock::start()).unwrap();
        log.append("tier_started", json!({"users": 10, "kind": "other"})).unwrap();
        log.append("warning", json!("port range is small")).unwrap();
        log.append("end", Value::Null).unwrap();
        let text = fs::read_to_string(run.path().join("events.jsonl")).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(text.starts_with("{\"t\":"));
        assert_eq!((&lines[0]["kind"], &lines[0]["users"]), (&json!("tier_started"), &json!(10)));
        assert_eq!(lines[1]["value"], "port range is small");
        assert_eq!(lines[2].as_object().unwrap().len(), 3);
        assert!(lines[0]["t"].is_f64() && lines[0]["at"].as_str().unwrap().ends_with('Z'));
    }
}
