//! Samples, traces and a plan for tests.

use crate::{RunDir, Summary, TierInput, TierSummary, TierWriter, WarmupSummary, fold_tier};
use plimsoll_model::{
    Arrival, Clock, FailureClass, Health, LagSummary, Limit, LoadProfile, Outcome, Plan, Repeat, Sample, SessionScope,
    Target, Timeline, Traffic,
};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) fn plan() -> Plan {
    Plan {
        target: Target::Url { url: "http://127.0.0.1:7860".to_owned() },
        api_name: None,
        load: LoadProfile::Tiers { tiers: vec![1, 10], repeat: Repeat::Rounds(10), arrival: Arrival::Burst },
        warmup_rounds: 3,
        session: SessionScope::PerUser,
        mixed_traffic: false,
        request_timeout: None,
        seed: 7,
        sidecar: None,
        sample_inputs: None,
        auth: None,
        headers: Vec::new(),
        cookies: Vec::new(),
        thresholds: Vec::new(),
        output_dir: PathBuf::from("benchmark_results"),
    }
}

/// Sent 1 s into the run, half a millisecond late, answered after 64.25 ms: 1 ms before the join, 9 ms joining, 20 ms
/// in the queue, 34.25 ms until the end.
pub(crate) fn sample(vu: u32, iteration: u32) -> Sample {
    let at = |micros: u64| Duration::from_micros(1_000_000 + micros);
    Sample {
        traffic: Traffic::Prediction,
        name: "/predict".into(),
        vu,
        iteration,
        intended: Duration::from_micros(999_500),
        sent: at(0),
        end: at(64_250),
        timeline: Timeline {
            join_sent: Some(at(1_000)),
            joined: Some(at(10_000)),
            started: Some(at(30_000)),
            ..Timeline::default()
        },
        outcome: Outcome::Ok,
        status: Some(200),
        error: None,
        bytes_sent: 100,
        bytes_received: 2_000,
        event_id: Some(event_id(vu, iteration).into()),
        tokens: None,
        told: None,
        uncounted: None,
        retries: 0,
        cold: false,
    }
}

pub(crate) fn event_id(vu: u32, iteration: u32) -> String {
    format!("event-{vu}-{iteration}")
}

pub(crate) fn generator(vu: u32, iteration: u32) -> Sample {
    let mut sample = sample(vu, iteration);
    sample.timeline.chunks = [40, 45, 52].map(|ms| sample.sent + Duration::from_millis(ms)).to_vec();
    sample
}

pub(crate) fn failed(vu: u32, iteration: u32, class: FailureClass, error: &str) -> Sample {
    let mut sample = sample(vu, iteration);
    sample.outcome = Outcome::Failed(class);
    sample.error = Some(error.into());
    sample
}

pub(crate) fn background(traffic: Traffic, name: &str) -> Sample {
    let mut sample = sample(0, 0);
    sample.traffic = traffic;
    sample.name = name.into();
    sample.timeline = Timeline::default();
    sample.event_id = None;
    sample
}

/// A server's trace: 18 ms in the queue, then 30 ms of which 2, 25, 1 and 0.5 are named.
pub(crate) fn trace(event_id: &str, timestamp: f64) -> Value {
    json!({
        "event_id": event_id, "fn_name": "predict", "session_hash": "s", "timestamp": timestamp,
        "queue_wait_ms": 18.0, "preprocess_ms": 2.0, "fn_call_ms": 25.0, "postprocess_ms": 1.0,
        "streaming_diff_ms": 0.5, "total_ms": 30.0, "n_iterations": 1,
    })
}

pub(crate) fn health(limited: bool) -> Health {
    let limit =
        Limit { name: "shard_busy".to_owned(), message: "the measuring thread was 93 % busy (limit 80 %)".to_owned() };
    Health {
        send_lag: LagSummary { p50_ms: 0.125, p99_ms: 0.5, max_ms: 1.5 },
        steal: Some(0.25),
        limits_passed: if limited { vec![limit] } else { Vec::new() },
        ..Health::default()
    }
}

/// A run directory with one tier of these samples, folded without traces, and its summary.
pub(crate) fn run_with(samples: &[Sample], profiling_and_mixed: bool) -> (tempfile::TempDir, RunDir, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path()).unwrap();
    let tier_dir = run.tier_dir(2).unwrap();
    let mut writer = TierWriter::create(&tier_dir, Clock::start()).unwrap();
    writer.write(samples).unwrap();
    writer.finish().unwrap();
    let input = TierInput {
        users: 2,
        repeat: Repeat::Rounds(1),
        arrival: Arrival::Burst,
        session: SessionScope::PerUser,
        api_name: Some("/predict".to_owned()),
        directory: "tier_2".to_owned(),
        elapsed_seconds: Some(0.5),
        server_summary: if profiling_and_mixed {
            json!({"count": 2, "phases": {"total": {"p50": 30.0, "p90": 31.25}}})
        } else {
            Value::Null
        },
        mixed_traffic: profiling_and_mixed,
        health: Some(health(false)),
    };
    let tier = TierSummary::new(input, fold_tier(&tier_dir, &[], true).unwrap(), &[]);
    let summary = Summary::new("echo_text".to_owned(), &run, vec![tier], Some(WarmupSummary::of(samples)), None);
    (folder, run, summary)
}
