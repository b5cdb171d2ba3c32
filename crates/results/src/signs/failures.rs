//! When failures came.

use crate::api::series::{Row, Series};
use plimsoll_model::FailureClass;
use serde::{Deserialize, Serialize};

/// The share of a class's failures that the window must hold.
const MOST: f64 = 0.8;

/// The shortest time, in whole rows of the series, in which at least 80 % of the failures of a class came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FailureSpan {
    /// Failures of the class.
    pub count: u64,
    /// Those in the window.
    pub within: u64,
    /// When the window begins, in seconds since the run's start.
    pub from_seconds: f64,
    /// How long it is.
    pub seconds: f64,
    /// Median time from the send until a failure was known, in milliseconds.
    pub took_ms: f64,
}

impl FailureSpan {
    /// `start_seconds` is when the series begins, since the run's start. `None` without a failure of the class.
    pub(crate) fn of(series: &Series, class: FailureClass, start_seconds: f64, took_ms: f64) -> Option<Self> {
        let in_row = |row: &Row| row.failed.iter().find(|(other, _)| *other == class).map_or(0, |(_, count)| *count);
        let counts: Vec<u64> = series.rows().iter().map(in_row).collect();
        let count: u64 = counts.iter().sum();
        let (first, rows) = shortest(&counts, (count as f64 * MOST).ceil() as u64)?;
        let step = series.step_seconds() as f64;
        Some(Self {
            count,
            within: counts[first..first + rows].iter().sum(),
            from_seconds: start_seconds + first as f64 * step,
            seconds: rows as f64 * step,
            took_ms,
        })
    }
}

/// The first of the shortest runs of rows that hold at least so many: where it begins, and how long it is.
fn shortest(counts: &[u64], least: u64) -> Option<(usize, usize)> {
    let (mut first, mut held) = (0, 0);
    let mut best: Option<(usize, usize)> = None;
    for (last, count) in counts.iter().enumerate() {
        held += count;
        while least > 0 && held >= least {
            if best.is_none_or(|(_, rows)| last + 1 - first < rows) {
                best = Some((first, last + 1 - first));
            }
            held -= counts[first];
            first += 1;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Outcome;
    use proptest::prelude::*;

    #[test]
    fn a_burst_has_its_time() {
        let mut series = Series::default();
        let failed = Outcome::Failed(FailureClass::Overloaded);
        for (second, times) in [(3, 1), (20, 6), (21, 5), (40, 1)] {
            (0..times).for_each(|_| series.add(second * 1_000_000, failed, 0, 0));
        }
        let span = FailureSpan::of(&series, FailureClass::Overloaded, 10.0, 5.0).unwrap();
        assert_eq!((span.count, span.within, span.from_seconds, span.seconds), (13, 11, 30.0, 2.0));
        assert_eq!(FailureSpan::of(&series, FailureClass::Timeout, 10.0, 5.0), None);
    }

    proptest! {
        #[test]
        fn the_window_is_the_shortest(counts in prop::collection::vec(0u64..5, 0..30), least in 1u64..20) {
            let by_trying = (1..=counts.len())
                .find_map(|rows| counts.windows(rows).position(|window| window.iter().sum::<u64>() >= least)
                    .map(|first| (first, rows)));
            prop_assert_eq!(shortest(&counts, least), by_trying);
        }
    }
}
