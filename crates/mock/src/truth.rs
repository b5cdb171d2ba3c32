//! The truth file: one JSON line per request, saying what the server did and when.
//!
//! The first line says which clock the times are of: `{"mock_truth":1,"clock":"CLOCK_MONOTONIC","monotonic_ns":…,
//! "unix_ns":…}`, the two being the same moment. Every other line is a request: `id`, `path`, `class`, `fault`,
//! `status`, `stream`, `received_ns` (the request was complete), `start_ns` (service began; null if it never did),
//! `queue_ns`, `head_ns` (the response head was written), `first_token_ns`, `end_ns` (last write, or the moment the
//! request was given up), `tokens`, `prompt_tokens`, `blocked` (whether a write found the socket full, so that bytes
//! left later than stamped) and `writes_ns`: each token write of a stream, each piece of a dripped body. A stamp is
//! taken just before its write. A request that was closed or went silent on purpose is recorded at that moment.

use crate::clock;
use crate::outcome::Class;
use crate::words::{push_json_string, push_number};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the writer looks for records. Waking it for each would cost more than writing.
const PERIOD: Duration = Duration::from_millis(50);

/// What is kept of a request.
#[derive(Debug)]
pub(crate) struct Record {
    pub id: Box<str>,
    pub path: Box<str>,
    pub class: Class,
    pub fault: Option<usize>,
    pub status: u16,
    pub stream: bool,
    pub received: u64,
    pub started: Option<u64>,
    pub head: Option<u64>,
    pub first_token: Option<u64>,
    pub end: u64,
    pub tokens: u32,
    pub prompt_tokens: u32,
    pub blocked: bool,
    pub writes: Vec<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    records: Vec<Record>,
    bytes: usize,
    lost: u64,
    stop: bool,
    failed: bool,
}

/// Where records wait for the writer.
#[derive(Debug)]
pub(crate) struct Truth {
    waiting: Mutex<Waiting>,
    bell: Condvar,
    memory: usize,
}

impl Truth {
    pub(crate) fn new(memory: usize) -> Self {
        Self { waiting: Mutex::default(), bell: Condvar::new(), memory }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a record for the writer, or counts it as lost where memory is used up.
    pub(crate) fn keep(&self, record: Record) {
        let bytes = mem::size_of::<Record>() + record.id.len() + record.path.len() + 8 * record.writes.capacity();
        let mut waiting = self.lock();
        if waiting.bytes + bytes > self.memory || waiting.failed {
            waiting.lost += 1;
        } else {
            waiting.bytes += bytes;
            waiting.records.push(record);
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Lets the writer finish.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.bell.notify_all();
    }

    /// Writes records until [`stop`](Self::stop); then those that are left.
    pub(crate) fn write_all(&self, file: File, fault_labels: &[String]) {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        let mut line = Vec::with_capacity(4_096);
        loop {
            let (records, stop) = {
                let (mut waiting, _) = self
                    .bell
                    .wait_timeout_while(self.lock(), PERIOD, |waiting| !waiting.stop)
                    .unwrap_or_else(PoisonError::into_inner);
                waiting.bytes = 0;
                (mem::take(&mut waiting.records), waiting.stop)
            };
            let count = records.len() as u64;
            let mut write = || {
                for record in &records {
                    line.clear();
                    record.push_line(&mut line, fault_labels);
                    file.write_all(&line)?;
                }
                file.flush()
            };
            if write().is_err() {
                // A full disk must not stop the server; that records are missing is counted.
                let mut waiting = self.lock();
                waiting.failed = true;
                waiting.lost += count;
            }
            if stop {
                return;
            }
        }
    }
}

/// The file's first line.
pub(crate) fn header() -> String {
    let (monotonic, unix) = (clock::now(), clock::unix_now());
    format!("{{\"mock_truth\":1,\"clock\":\"CLOCK_MONOTONIC\",\"monotonic_ns\":{monotonic},\"unix_ns\":{unix}}}\n")
}

impl Record {
    fn push_line(&self, out: &mut Vec<u8>, fault_labels: &[String]) {
        fn optional(out: &mut Vec<u8>, name: &str, value: Option<u64>) {
            out.extend_from_slice(name.as_bytes());
            match value {
                Some(value) => push_number(out, value),
                None => out.extend_from_slice(b"null"),
            }
        }
        let flag = |value: bool| if value { &b"true"[..] } else { b"false" };
        out.extend_from_slice(b"{\"id\":");
        push_json_string(out, &self.id);
        out.extend_from_slice(b",\"path\":");
        push_json_string(out, &self.path);
        out.extend_from_slice(b",\"class\":\"");
        out.extend_from_slice(self.class.as_str().as_bytes());
        out.extend_from_slice(b"\",\"fault\":");
        match self.fault.and_then(|fault| fault_labels.get(fault)) {
            Some(label) => push_json_string(out, label),
            None => out.extend_from_slice(b"null"),
        }
        optional(out, ",\"status\":", Some(u64::from(self.status)));
        out.extend_from_slice(b",\"stream\":");
        out.extend_from_slice(flag(self.stream));
        optional(out, ",\"received_ns\":", Some(self.received));
        optional(out, ",\"start_ns\":", self.started);
        optional(out, ",\"queue_ns\":", self.started.map(|started| started.saturating_sub(self.received)));
        optional(out, ",\"head_ns\":", self.head);
        optional(out, ",\"first_token_ns\":", self.first_token);
        optional(out, ",\"end_ns\":", Some(self.end));
        optional(out, ",\"tokens\":", Some(u64::from(self.tokens)));
        optional(out, ",\"prompt_tokens\":", Some(u64::from(self.prompt_tokens)));
        out.extend_from_slice(b",\"blocked\":");
        out.extend_from_slice(flag(self.blocked));
        out.extend_from_slice(b",\"writes_ns\":[");
        for (index, stamp) in self.writes.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            push_number(out, *stamp);
        }
        out.extend_from_slice(b"]}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(writes: Vec<u64>) -> Record {
        Record {
            id: "a\"b".into(),
            path: "/v1".into(),
            class: Class::Connect,
            fault: Some(0),
            status: 200,
            stream: true,
            received: 10,
            started: Some(15),
            head: Some(16),
            first_token: None,
            end: 20,
            tokens: 1,
            prompt_tokens: 2,
            blocked: false,
            writes,
        }
    }

    #[test]
    fn lines_are_json() {
        let mut out = Vec::new();
        record(vec![17, 20]).push_line(&mut out, &["cut".to_owned()]);
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&line["id"], &line["fault"], &line["queue_ns"]), (&"a\"b".into(), &"cut".into(), &5.into()));
        assert_eq!((&line["writes_ns"][1], &line["first_token_ns"]), (&20.into(), &serde_json::Value::Null));
        let first: serde_json::Value = serde_json::from_str(&header()).unwrap();
        assert!(first["unix_ns"].as_u64().unwrap() > first["monotonic_ns"].as_u64().unwrap());
    }

    #[test]
    fn memory_is_bounded() {
        let truth = Truth::new(1_000);
        for _ in 0..100 {
            truth.keep(record(vec![0; 8]));
        }
        assert!(truth.lost() > 90 && truth.lock().records.len() < 10);
    }
}
