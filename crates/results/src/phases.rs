//! Where one request's time went.

use crate::LatencyRecord;
use crate::record::is_default;
use crate::time::round_ms;
use crate::trace::ServerTimes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How far below zero a time between the two clocks of one machine may lie, in milliseconds, before they are taken
/// to disagree: scheduling and the resolution of `time.time()` explain less than this, a clock that was set more.
const CLOCK_TOLERANCE_MS: f64 = -5.0;

/// The phases of one request, in milliseconds. They add up to its latency (to the nanosecond), because `other_ms` is
/// what the named ones leave over. A phase that is not known is absent; its time is then in `other_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// What the phases between the join and the end were read from.
    pub source: PhaseSource,
    /// The server and the client share a machine, yet their clocks contradict each other (one was set during the
    /// run): `join_ms` is then the client's round trip, and there is no `delivery_ms`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clocks_disagree: bool,
    /// Uploading input files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_ms: Option<f64>,
    /// Opening connections before the join was sent, uploads apart. Connections that were opened later lie inside
    /// the phase that they delayed; the record's own `connect_ms` has them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// From sending the join until the server put it into its queue, where both clocks are the same machine's;
    /// otherwise until the client knew that it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_ms: Option<f64>,
    /// Waiting in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_wait_ms: Option<f64>,
    /// Turning the payload into the function's arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocess_ms: Option<f64>,
    /// The app's function. From `stream`: everything from the start of processing to the end, so pre- and
    /// postprocessing and the delivery too; of a call without a queue, its whole round trip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_ms: Option<f64>,
    /// Turning the function's results into the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postprocess_ms: Option<f64>,
    /// Comparing a generator's outputs, to send only what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming_diff_ms: Option<f64>,
    /// From the end of the call on the server to the complete answer here. Of a generator it cannot be told from the
    /// pauses between its outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_ms: Option<f64>,
    /// What no named phase covers: work of the server and the client between them. Slightly negative where two
    /// measurements overlap.
    pub other_ms: f64,
}

/// What phases were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseSource {
    /// The server's own trace of the request.
    Trace,
    /// The messages that the client saw.
    Stream,
}

impl Phases {
    /// Names of the phases, in the order in which they happen.
    pub const NAMES: [&'static str; 10] = [
        "upload",
        "connect",
        "join",
        "queue_wait",
        "preprocess",
        "function",
        "postprocess",
        "streaming_diff",
        "delivery",
        "other",
    ];

    /// The times, in the order of [`Phases::NAMES`].
    pub fn values(&self) -> [Option<f64>; 10] {
        [
            self.upload_ms,
            self.connect_ms,
            self.join_ms,
            self.queue_wait_ms,
            self.preprocess_ms,
            self.function_ms,
            self.postprocess_ms,
            self.streaming_diff_ms,
            self.delivery_ms,
            Some(self.other_ms),
        ]
    }

    /// Rounds every phase and makes `other_ms` what is left of the latency.
    fn close(mut self, latency_ms: f64) -> Self {
        for phase in [
            &mut self.upload_ms,
            &mut self.connect_ms,
            &mut self.join_ms,
            &mut self.queue_wait_ms,
            &mut self.preprocess_ms,
            &mut self.function_ms,
            &mut self.postprocess_ms,
            &mut self.streaming_diff_ms,
            &mut self.delivery_ms,
        ] {
            *phase = phase.map(round_ms);
        }
        self.other_ms = 0.0;
        let named: f64 = self.values().iter().flatten().sum();
        // Adding zero turns a negative zero, which would print as `-0.0`, into a plain one.
        self.other_ms = round_ms(latency_ms - named) + 0.0;
        self
    }
}

/// Finds out where a request's time went.
///
/// With the server's trace and its clock the same as ours (`same_host`), the server's stamps are set on our time line,
/// so that the part of the join before the queue and the delivery become visible. With a trace from another machine
/// only its durations are used. Without a usable trace, the messages that the client saw must do.
pub fn phases_of(record: &LatencyRecord, trace: Option<&Value>, same_host: bool) -> Phases {
    match trace.and_then(ServerTimes::of) {
        Some(times) => from_trace(record, &times, same_host),
        None => from_stream(record),
    }
}

fn from_trace(record: &LatencyRecord, times: &ServerTimes, same_host: bool) -> Phases {
    let between = if same_host { between_clocks(record, times) } else { None };
    let agreed = between.filter(|(join, delivery)| {
        *join >= CLOCK_TOLERANCE_MS && delivery.is_none_or(|delivery| delivery >= CLOCK_TOLERANCE_MS)
    });
    let (join_ms, delivery_ms) = match agreed {
        Some((join, delivery)) => (Some(join), delivery),
        None => (record.join_ms, None),
    };
    Phases {
        source: PhaseSource::Trace,
        clocks_disagree: between.is_some() && agreed.is_none(),
        join_ms,
        queue_wait_ms: Some(times.queue_wait),
        preprocess_ms: Some(times.preprocess),
        function_ms: Some(times.function),
        postprocess_ms: Some(times.postprocess),
        streaming_diff_ms: Some(times.streaming_diff),
        delivery_ms,
        ..before_the_join(record, PhaseSource::Trace)
    }
    .close(record.latency_ms)
}

/// The join until the queue, and the delivery, by the clocks of client and server on one machine.
fn between_clocks(record: &LatencyRecord, times: &ServerTimes) -> Option<(f64, Option<f64>)> {
    let timestamp = times.timestamp?;
    let enqueued = timestamp - times.queue_wait / 1000.0;
    let join = (enqueued - record.join_sent_unix?) * 1000.0;
    // A generator's total leaves out the pauses between its iterations, so that its end is not known.
    let delivery = (times.iterations == 1).then_some((record.end_unix - timestamp) * 1000.0 - times.total);
    Some((join, delivery))
}

fn from_stream(record: &LatencyRecord) -> Phases {
    let without_queue = || match (record.join_sent_ms, record.join_ms) {
        // Sent, and nothing but the answer came back: a call that does not go through the queue.
        (Some(sent), None) => Some(record.latency_ms - (sent - record.sent_ms)),
        _ => None,
    };
    Phases {
        join_ms: record.join_ms,
        queue_wait_ms: record.queue_wait_client_ms,
        function_ms: record.run_client_ms.or_else(without_queue),
        ..before_the_join(record, PhaseSource::Stream)
    }
    .close(record.latency_ms)
}

/// The phases before the join was sent; all others absent.
fn before_the_join(record: &LatencyRecord, source: PhaseSource) -> Phases {
    // Opening a connection within the join or the upload, or beside the queue wait, is already in their times.
    let room = record.join_sent_ms.map_or(record.latency_ms, |join_sent| join_sent - record.sent_ms)
        - record.upload_ms.unwrap_or(0.0);
    let connect = record.connect_ms.min(room.max(0.0));
    Phases {
        source,
        clocks_disagree: false,
        upload_ms: record.upload_ms,
        connect_ms: (connect > 0.0).then_some(connect),
        join_ms: None,
        queue_wait_ms: None,
        preprocess_ms: None,
        function_ms: None,
        postprocess_ms: None,
        streaming_diff_ms: None,
        delivery_ms: None,
        other_ms: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{sample, trace};
    use plimsoll_model::Clock;
    use proptest::prelude::*;
    use serde_json::json;

    fn record() -> LatencyRecord {
        LatencyRecord::new(&sample(0, 0), &Clock::start())
    }

    fn sum(phases: &Phases) -> f64 {
        phases.values().iter().flatten().sum()
    }

    fn near(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 0.01)
    }

    /// A trace whose queue wait begins this long after the join was sent.
    fn trace_after_join(record: &LatencyRecord, join_ms: f64) -> Value {
        trace("a", record.join_sent_unix.unwrap() + (join_ms + 18.0) / 1000.0)
    }

    #[test]
    fn one_machine_shows_the_join_and_the_delivery() {
        let record = record();
        let phases = phases_of(&record, Some(&trace_after_join(&record, 8.0)), true);
        // 63.25 ms from the join to the end: 8 joining, 18 queueing, 30 in the call, 7.25 on the way.
        assert!(near(phases.join_ms, 8.0) && near(phases.delivery_ms, 7.25), "{phases:?}");
        // 1 ms before the join and 1.5 ms of the call that it does not name.
        assert!(near(Some(phases.other_ms), 2.5), "{phases:?}");
        assert_eq!((phases.source, phases.clocks_disagree), (PhaseSource::Trace, false));
    }

    #[test]
    fn another_machines_clock_is_not_used() {
        let record = record();
        let phases = phases_of(&record, Some(&trace_after_join(&record, 5000.0)), false);
        assert_eq!((phases.join_ms, phases.delivery_ms, phases.clocks_disagree), (Some(9.0), None, false));
        assert!(near(Some(phases.other_ms), 64.25 - 9.0 - 18.0 - 28.5));
    }

    #[test]
    fn clocks_that_contradict_each_other_are_given_up_and_named() {
        let record = record();
        for join_ms in [-6.0, 5000.0] {
            let phases = phases_of(&record, Some(&trace_after_join(&record, join_ms)), true);
            assert_eq!((phases.join_ms, phases.delivery_ms, phases.clocks_disagree), (Some(9.0), None, true));
        }
        let phases = phases_of(&record, Some(&trace_after_join(&record, -4.0)), true);
        assert!(near(phases.join_ms, -4.0) && !phases.clocks_disagree, "the sign is kept: {phases:?}");
    }

    #[test]
    fn a_generators_delivery_is_not_told_from_its_pauses() {
        let record = record();
        let mut trace = trace_after_join(&record, 8.0);
        trace["n_iterations"] = json!(4);
        let phases = phases_of(&record, Some(&trace), true);
        assert!(near(phases.join_ms, 8.0) && phases.delivery_ms.is_none());
        assert!(near(Some(phases.other_ms), 2.5 + 7.25));
    }

    #[test]
    fn without_a_trace_the_messages_must_do() {
        let mut record = record();
        let phases = phases_of(&record, None, true);
        assert_eq!((phases.join_ms, phases.queue_wait_ms, phases.function_ms), (Some(9.0), Some(20.0), Some(34.25)));
        assert_eq!((phases.preprocess_ms, phases.other_ms, phases.source), (None, 1.0, PhaseSource::Stream));
        // Straight to the function, without the queue.
        (record.join_ms, record.queue_wait_client_ms, record.run_client_ms) = (None, None, None);
        assert_eq!(phases_of(&record, None, true).function_ms, Some(63.25));
    }

    #[test]
    fn connections_count_once() {
        let mut record = record();
        record.connect_ms = 0.75;
        assert_eq!(phases_of(&record, None, true).connect_ms, Some(0.75));
        // Only 1 ms passed before the join: the rest was spent inside it.
        record.connect_ms = 4.0;
        assert_eq!(phases_of(&record, None, true).connect_ms, Some(1.0));
        record.upload_ms = Some(1.0);
        assert_eq!(phases_of(&record, None, true).connect_ms, None);
    }

    prop_compose! {
        fn any_record()(
            latency in 0.0f64..1e7, upload in prop::option::of(0.0f64..1e5), connect in 0.0f64..1e4,
            before in 0.0f64..1e5, join in prop::option::of(-10.0f64..1e6), wait in prop::option::of(-10.0f64..1e6),
            run in prop::option::of(0.0f64..1e6), start in 1.6e9f64..2e9,
        ) -> LatencyRecord {
            LatencyRecord {
                latency_ms: latency, upload_ms: upload, connect_ms: connect, join_sent_ms: Some(1000.0 + before),
                join_ms: join, queue_wait_client_ms: wait, run_client_ms: run, join_sent_unix: Some(start),
                end_unix: start + latency / 1000.0, ..record()
            }
        }
    }

    proptest! {
        #[test]
        fn phases_add_up_to_the_latency(
            record in any_record(), times in prop::array::uniform6(0.0f64..1e6), shift in -1e3f64..1e3,
            iterations in 0u64..4, traced: bool, same_host: bool,
        ) {
            let trace = json!({
                "timestamp": record.join_sent_unix.unwrap() + shift, "queue_wait_ms": times[0],
                "preprocess_ms": times[1], "fn_call_ms": times[2], "postprocess_ms": times[3],
                "streaming_diff_ms": times[4], "total_ms": times[5], "n_iterations": iterations,
            });
            let phases = phases_of(&record, traced.then_some(&trace), same_host);
            prop_assert!((sum(&phases) - record.latency_ms).abs() < 1e-6, "{phases:?}");
            prop_assert!(phases.join_ms.is_none_or(|join| join >= -10.0));
            prop_assert!(phases.delivery_ms.is_none_or(|delivery| delivery >= CLOCK_TOLERANCE_MS - 1e-6));
            let line = serde_json::to_string(&phases).unwrap();
            let again: Phases = serde_json::from_str(&line).unwrap();
            prop_assert!((sum(&again) - record.latency_ms).abs() < 1e-6);
        }
    }
}
