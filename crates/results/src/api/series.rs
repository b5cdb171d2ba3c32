//! What happened when: a row for every second.

use crate::steps::{Merge, Steps};
use plimsoll_model::{FailureClass, Outcome};
use plimsoll_stats::Sketch;

/// Rows of equal length, by the time at which requests ended.
pub(crate) type Series = Steps<Row>;

/// One row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) ok: u64,
    /// Failures by class, those that there are, sorted.
    pub(crate) failed: Vec<(FailureClass, u64)>,
    /// Of the successes.
    pub(crate) output_tokens: u64,
    /// Response times of the successes, in microseconds.
    pub(crate) times: Sketch,
}

impl Series {
    /// Adds a request that ended so many microseconds after the series begins.
    pub(crate) fn add(&mut self, end: u64, outcome: Outcome, response_time: u64, output_tokens: u32) {
        self.row(end / 1_000_000).add(outcome, response_time, output_tokens);
    }

    /// All rows that begin before this second as one, and all others as one; and where the second one begins.
    pub(crate) fn split(&self, second: u64) -> (Row, Row, u64) {
        let at = usize::try_from(second.div_ceil(self.step_seconds())).unwrap_or(usize::MAX).min(self.rows().len());
        let sum = |rows: &[Row]| {
            rows.iter().fold(Row::default(), |mut sum, row| {
                sum.merge(row);
                sum
            })
        };
        (sum(&self.rows()[..at]), sum(&self.rows()[at..]), at as u64 * self.step_seconds())
    }
}

impl Row {
    /// Adds a request.
    pub(crate) fn add(&mut self, outcome: Outcome, time: u64, output_tokens: u32) {
        match outcome {
            Outcome::Ok => {
                self.ok += 1;
                self.output_tokens += u64::from(output_tokens);
                self.times.add(time);
            }
            Outcome::Failed(class) => self.fail(class, 1),
        }
    }

    /// Failures of a class.
    pub(crate) fn failed_with(&self, class: FailureClass) -> u64 {
        self.failed.iter().find(|(other, _)| *other == class).map_or(0, |(_, count)| *count)
    }

    /// A quantile of the response times, in milliseconds.
    pub(crate) fn quantile_ms(&self, q: f64) -> Option<f64> {
        self.times.quantile(q).map(|micros| micros as f64 / 1e3)
    }

    /// Failures of every class.
    pub(crate) fn failures(&self) -> u64 {
        self.failed.iter().map(|(_, count)| count).sum()
    }

    fn fail(&mut self, class: FailureClass, count: u64) {
        match self.failed.binary_search_by_key(&class, |(class, _)| *class) {
            Ok(at) => self.failed[at].1 += count,
            Err(at) => self.failed.insert(at, (class, count)),
        }
    }
}

impl Merge for Row {
    fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.output_tokens += other.output_tokens;
        self.times.merge(&other.times);
        for (class, count) in &other.failed {
            self.fail(*class, *count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_day_takes_no_more_rows_than_an_hour() {
        let mut series = Series::default();
        for second in 0..86_400 {
            series.add(second * SECOND, Outcome::Ok, 5_000, 2);
        }
        assert_eq!((series.step_seconds(), series.rows().len()), (32, 2700));
        assert!(series.rows().iter().all(|row| (row.ok, row.output_tokens) == (32, 64)));
    }

    #[test]
    fn splits_at_a_row() {
        let mut series = Series::default();
        for second in 0..10 {
            series.add(second * SECOND, Outcome::Ok, second, 0);
        }
        series.add(3 * SECOND, Outcome::Failed(FailureClass::Timeout), 0, 0);
        let (early, rest, at) = series.split(4);
        assert_eq!((early.ok, &early.failed, rest.ok, at), (4, &vec![(FailureClass::Timeout, 1)], 6, 4));
        assert_eq!(rest.failed, []);
        assert_eq!(series.split(100).0.ok, 10);
    }

    proptest! {
        #[test]
        fn merging_loses_nothing(
            requests in prop::collection::vec((0u64..20_000, any::<bool>(), 0u64..1000), 0..60), cut in 0usize..60,
        ) {
            let of = |requests: &[(u64, bool, u64)]| {
                let mut series = Series::default();
                for (second, ok, time) in requests {
                    let outcome = if *ok { Outcome::Ok } else { Outcome::Failed(FailureClass::Timeout) };
                    series.add(second * SECOND, outcome, *time, 3);
                }
                series
            };
            let (left, right) = requests.split_at(cut.min(requests.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(merged, of(&requests));
        }
    }
}
