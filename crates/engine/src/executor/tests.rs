//! The executors with users that only wait.

use super::*;
use crate::testkit::{Done, Fake, Log};
use plimsoll_model::scenario::{ArrivalProcess, ReplaySpec, Think};
use plimsoll_model::{Arrivals, FailureClass, Outcome, Span, Stage};

struct Ran {
    log: Vec<Done>,
    end: LoadEnd,
    tally: crate::Tally,
    stop: StopSignal,
}

fn run(load: &ApiLoad, takes_ms: u64, outcome: Outcome, shards: u32) -> Vec<Ran> {
    let shared = Shared::new(shards);
    let threads: Vec<_> = (0..shards)
        .map(|index| {
            let (load, shared) = (load.clone(), shared.clone());
            let takes = Duration::from_millis(takes_ms);
            crate::shard::spawn(move || async move {
                let clock = Clock::start();
                let log = Log::default();
                let behaviour = Rc::new(Fake { clock, takes, outcome, log: Rc::clone(&log) });
                let (events, _listen) = tokio::sync::mpsc::unbounded_channel();
                let recorder = Rc::new(Recorder::new(None));
                let stop = StopSignal::default();
                let context = LoadContext {
                    clock,
                    recorder: recorder.clone(),
                    stop: stop.clone(),
                    events,
                    shared,
                    share: Share { index, of: shards },
                    seed: 7,
                    timeout: Duration::from_secs(5),
                };
                let row = |ms| Arc::new(TraceRequest { at: Duration::from_millis(ms), ..TraceRequest::default() });
                let trace: Vec<_> = [0, 50, 50, 200].into_iter().map(row).collect();
                let end = run_load(&load, &trace, behaviour, context).await.unwrap();
                let (tally, ..) = recorder.finish();
                Ran { log: log.take(), end, tally, stop }
            })
            .unwrap()
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn span(ms: u64) -> Span {
    Span(Duration::from_millis(ms))
}

fn users(stages: &[(u64, f64)], think: Option<Think>, grace_ms: u64) -> ApiLoad {
    let stages = stages.iter().map(|(ms, to)| Stage { duration: span(*ms), to: *to }).collect();
    ApiLoad::Users { stages, ramp_down: span(0), warmup: span(0), graceful_stop: span(grace_ms), think }
}

fn rate(per_second: f64, ms: u64, max_users: u32) -> ApiLoad {
    ApiLoad::Rate {
        arrivals: Arrivals { process: ArrivalProcess::Constant, burstiness: 1.0 },
        stages: vec![Stage { duration: span(ms), to: per_second }],
        max_users,
        warmup: span(0),
        graceful_stop: span(1000),
    }
}

#[test]
fn users_come_at_their_time_and_all_finish() {
    let ran = run(&users(&[(200, 4.0), (200, 4.0)], None, 1000), 20, Outcome::Ok, 1).remove(0);
    let first = |vu| ran.log.iter().find(|done| done.vu == vu).unwrap().intended - ran.end.began;
    for vu in 0..4u32 {
        let late = first(vu).checked_sub(Duration::from_millis(50) * vu).unwrap();
        assert!(late < Duration::from_millis(45), "{vu}: {late:?}");
    }
    assert_eq!((ran.end.cancelled, ran.tally.ok as usize), (0, ran.log.len()));
    assert!(ran.log.len() > 30, "{}", ran.log.len());
}

#[test]
fn pacing_starts_users_on_their_beat() {
    let pacing = Think { constant: None, between: None, pacing: Some(span(100)) };
    let ran = run(&users(&[(0, 1.0), (450, 1.0)], Some(pacing), 1000), 10, Outcome::Ok, 1).remove(0);
    assert_eq!(ran.log.len(), 5, "{:?}", ran.log);
}

#[test]
fn grace_ends_and_the_rest_is_counted() {
    let ran = run(&users(&[(0, 3.0), (50, 3.0)], None, 50), 400, Outcome::Ok, 1).remove(0);
    assert_eq!((ran.tally.ok, ran.end.cancelled), (0, 3));
}

#[test]
fn arrivals_do_not_wait_for_answers() {
    // 100 a second for 300 ms, each taking 250 ms: a closed user would have sent two.
    let ran = run(&rate(100.0, 300, 50), 250, Outcome::Ok, 1).remove(0);
    assert_eq!((ran.log.len(), ran.end.dropped, ran.end.cancelled), (30, 0, 0));
    for (place, done) in ran.log.iter().enumerate() {
        let due = ran.end.began + Duration::from_millis(10) * u32::try_from(place).unwrap();
        assert_eq!((done.sequence, done.intended), (place as u64, due));
    }
}

#[test]
fn arrivals_without_a_free_user_are_dropped_and_counted() {
    let ran = run(&rate(100.0, 300, 5), 1000, Outcome::Ok, 1).remove(0);
    assert_eq!((ran.tally.ok, ran.end.dropped), (5, 25));
}

#[test]
fn shards_share_the_arrivals() {
    let ran = run(&rate(100.0, 300, 50), 5, Outcome::Ok, 2);
    let mut sequences: Vec<u64> = ran.iter().flat_map(|ran| ran.log.iter().map(|done| done.sequence)).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (0..30).collect::<Vec<_>>());
}

#[test]
fn iterations_are_done_once_each() {
    let load = ApiLoad::Iterations {
        iterations: 57,
        users: 5,
        duration: None,
        warmup: span(0),
        graceful_stop: span(1000),
        think: None,
    };
    let ran = run(&load, 2, Outcome::Ok, 2);
    let mut sequences: Vec<u64> = ran.iter().flat_map(|ran| ran.log.iter().map(|done| done.sequence)).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (0..57).collect::<Vec<_>>());
}

#[test]
fn a_replay_follows_its_trace() {
    let replay = ReplaySpec {
        file: String::new(),
        format: None,
        speed: None,
        start: None,
        end: None,
        spread: false,
        limit: None,
        max_input_tokens: None,
        max_output_tokens: None,
    };
    let load = ApiLoad::Replay {
        replay,
        max_users: 10,
        duration: Some(span(100)),
        warmup: span(0),
        graceful_stop: span(1000),
    };
    let ran = run(&load, 1, Outcome::Ok, 1).remove(0);
    let at: Vec<_> = ran.log.iter().map(|done| (done.intended - ran.end.began).as_millis()).collect();
    assert_eq!(at, [0, 50, 50], "the fourth is beyond the limit");
}

#[test]
fn a_target_that_refuses_or_is_gone_ends_the_load() {
    for (class, refused) in [(FailureClass::Auth, true), (FailureClass::Quota, true), (FailureClass::Connect, false)] {
        let started = std::time::Instant::now();
        let ran = run(&users(&[(0, 4.0), (60_000, 4.0)], None, 1000), 5, Outcome::Failed(class), 1).remove(0);
        assert!(started.elapsed() < Duration::from_secs(10));
        match ran.stop.reason() {
            Some(crate::StopReason::Refused(why)) => assert!(refused && why == "no"),
            Some(crate::StopReason::TargetGone(_)) => assert!(!refused),
            other => panic!("{other:?}"),
        }
        assert!(ran.tally.failed < 30, "{}", ran.tally.failed);
    }
}
