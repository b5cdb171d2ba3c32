//! Views for the tests of the rules.

use super::view::{Step, View};
use super::words::{per_second, users};
use plimsoll_stats::Distribution;

/// Times whose upper percentiles are a little above their median.
pub(super) fn around(p50: f64, count: usize) -> Distribution {
    Distribution {
        count,
        mean: p50,
        min: 0.5 * p50,
        max: 1.5 * p50,
        p50,
        p90: 1.2 * p50,
        p95: 1.3 * p50,
        p99: 1.4 * p50,
    }
}

/// A closed level of 100 s.
pub(super) fn closed(number: f64, throughput: f64, p50: f64) -> Step {
    let ok = (throughput * 100.0) as u64;
    let times = around(p50, ok as usize);
    Step {
        at: format!("at {}", users(number)),
        users: Some(number),
        closed: true,
        seconds: 100.0,
        count: ok,
        ok,
        throughput,
        times: Some(times),
        service: Some(times),
        names: vec![("chat".to_owned(), times)],
        iterations: ok,
        ..Step::default()
    }
}

/// An open level of 100 s.
pub(super) fn open(rate: f64, throughput: f64, p50: f64) -> Step {
    Step {
        at: format!("at {}", per_second(rate)),
        users: None,
        rate: Some(rate),
        closed: false,
        ..closed(1.0, throughput, p50)
    }
}

pub(super) fn run(steps: Vec<Step>) -> View {
    View { steps, ..View::default() }
}

/// The sentences of a rule.
pub(super) fn sentences(rule: fn(&View) -> Vec<super::Diagnosis>, steps: Vec<Step>) -> Vec<String> {
    rule(&run(steps)).into_iter().map(|diagnosis| diagnosis.sentence).collect()
}
