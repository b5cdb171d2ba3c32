//! One line of `client_latencies.jsonl`.

use crate::Phases;
use crate::time::{ms, ms_between, round_unix};
use plimsoll_model::{Clock, FailureClass, Outcome, Sample};
use serde::{Deserialize, Serialize};

/// One measured prediction. The first six keys are hf-perftest's, with its meaning; the rest is ours. All times are in
/// milliseconds unless the name says otherwise; what did not happen has no key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyRecord {
    /// Virtual user, from 0.
    pub user_id: u32,
    /// The user's iteration in this tier (the round), from 0.
    pub request_id: u32,
    /// From the send to the complete answer, uploads included. Of a failure: until it was known.
    pub latency_ms: f64,
    /// Whether the request succeeded.
    pub success: bool,
    /// What went wrong; on failures only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Time spent uploading input files; `null` when none were.
    pub upload_ms: Option<f64>,
    /// The endpoint.
    pub name: String,
    /// `ok` or the failure class.
    pub outcome: String,
    /// The HTTP status that decided the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// When it was sent, since the run's start.
    pub sent_ms: f64,
    /// From the intended start to the complete answer.
    pub response_ms: f64,
    /// From the intended start to the actual send: the generator's own delay.
    pub send_lag_ms: f64,
    /// Time spent opening connections, wherever it fell; it may lie inside other times.
    pub connect_ms: f64,
    /// When the request to join the queue was sent, since the run's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_sent_ms: Option<f64>,
    /// From that moment until it was accepted: the round trip as the client saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_ms: Option<f64>,
    /// From the acceptance to the message that the server picked it up, as the client saw them; slightly negative
    /// when that message overtook the acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_wait_client_ms: Option<f64>,
    /// From the send to the first partial output of a generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<f64>,
    /// The times between its partial outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunk_gaps_ms: Vec<f64>,
    /// From the message that the server picked it up to the complete answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_client_ms: Option<f64>,
    /// Whether the server answered from its cache.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cached: bool,
    /// Connections that had to be opened because the server had closed the idle one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reconnects: u32,
    /// Body bytes sent, uploads included.
    pub bytes_sent: u64,
    /// Body bytes received.
    pub bytes_received: u64,
    /// The server's name for this request, by which its trace is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// This machine's clock when the join was sent, in seconds since the Unix epoch, to set beside the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_sent_unix: Option<f64>,
    /// This machine's clock when the answer was complete, in seconds since the Unix epoch.
    pub end_unix: f64,
    /// Where the time went; added to successes when the tier is folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases: Option<Phases>,
}

impl LatencyRecord {
    /// The line of a sample; `clock` must be the one that its stamps come from.
    pub fn new(sample: &Sample, clock: &Clock) -> Self {
        let steps = &sample.timeline;
        let span = |from: Option<_>, to: Option<_>| Some(ms_between(from?, to?));
        Self {
            user_id: sample.vu,
            request_id: sample.iteration,
            latency_ms: ms(sample.service_time()),
            success: sample.outcome.is_ok(),
            error: error_text(sample),
            upload_ms: steps.upload.map(ms),
            name: sample.name.as_ref().to_owned(),
            outcome: sample.outcome.as_str().to_owned(),
            http_status: sample.status,
            sent_ms: ms(sample.sent),
            response_ms: ms(sample.response_time()),
            send_lag_ms: ms(sample.send_lag()),
            connect_ms: ms(steps.connect),
            join_sent_ms: steps.join_sent.map(ms),
            join_ms: span(steps.join_sent, steps.joined),
            queue_wait_client_ms: span(steps.joined, steps.started),
            ttft_ms: sample.time_to_first_chunk().map(ms),
            chunk_gaps_ms: steps.chunks.windows(2).map(|pair| ms_between(pair[0], pair[1])).collect(),
            run_client_ms: span(steps.started, Some(sample.end)),
            cached: steps.cached,
            reconnects: steps.reconnects,
            bytes_sent: sample.bytes_sent,
            bytes_received: sample.bytes_received,
            event_id: sample.event_id.as_deref().map(str::to_owned),
            join_sent_unix: steps.join_sent.map(|stamp| round_unix(clock.unix_seconds(stamp))),
            end_unix: round_unix(clock.unix_seconds(sample.end)),
            phases: None,
        }
    }

    /// Whether the request was given up because the run was stopped: it is in no statistic and no rate.
    pub fn is_cancelled(&self) -> bool {
        self.outcome == FailureClass::Cancelled.as_str()
    }
}

/// What a failure's `error` key holds: hf-perftest always gives one.
pub(crate) fn error_text(sample: &Sample) -> Option<String> {
    match sample.outcome {
        Outcome::Ok => None,
        Outcome::Failed(class) => Some(sample.error.as_deref().unwrap_or(class.as_str()).to_owned()),
    }
}

/// Whether a key is left out because it holds nothing worth a word.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{failed, generator, sample};
    use std::time::Duration;

    #[test]
    fn hf_perftests_keys_come_first() {
        let line = serde_json::to_string(&LatencyRecord::new(&sample(3, 2), &Clock::start())).unwrap();
        assert!(line.starts_with(
            r#"{"user_id":3,"request_id":2,"latency_ms":64.25,"success":true,"upload_ms":null,"name":"/predict","outcome":"ok""#
        ));
        for absent in ["error", "ttft_ms", "chunk_gaps_ms", "cached", "reconnects", "phases"] {
            assert!(!line.contains(&format!("\"{absent}\"")), "{absent} in {line}");
        }
    }

    #[test]
    fn times_are_those_of_the_sample() {
        let clock = Clock::start();
        let record = LatencyRecord::new(&generator(0, 0), &clock);
        assert_eq!(record.sent_ms, 1000.0);
        assert_eq!((record.response_ms, record.send_lag_ms), (64.75, 0.5));
        assert_eq!(
            (record.join_ms, record.queue_wait_client_ms, record.run_client_ms),
            (Some(9.0), Some(20.0), Some(34.25))
        );
        assert_eq!((record.ttft_ms, record.chunk_gaps_ms.as_slice()), (Some(40.0), [5.0, 7.0].as_slice()));
        let apart = record.end_unix - record.join_sent_unix.unwrap();
        assert!((apart - 0.06325).abs() < 2e-6, "{apart}");
        assert!((record.end_unix - clock.unix_seconds(Duration::from_micros(1_064_250))).abs() < 1e-6);
    }

    #[test]
    fn a_failure_always_says_something() {
        let mut sample = failed(0, 0, FailureClass::Timeout, "no answer within 120 s");
        assert_eq!(LatencyRecord::new(&sample, &Clock::start()).error.as_deref(), Some("no answer within 120 s"));
        sample.error = None;
        let record = LatencyRecord::new(&sample, &Clock::start());
        assert_eq!((record.error.as_deref(), record.success), (Some("timeout"), false));
    }

    #[test]
    fn a_line_comes_back_as_it_was() {
        for sample in [sample(1, 2), generator(0, 0), failed(1, 1, FailureClass::AppError, "boom")] {
            let record = LatencyRecord::new(&sample, &Clock::start());
            let line = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<LatencyRecord>(&line).unwrap(), record);
        }
    }
}
