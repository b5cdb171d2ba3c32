//! What happened when: a row for every second.

use plimsoll_model::{FailureClass, Outcome};
use plimsoll_stats::Sketch;

/// Most rows; beyond an hour each row becomes two seconds, beyond two hours four, and so on.
const MOST_ROWS: usize = 3600;

/// Rows of equal length, by the time at which requests ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Series {
    /// Length of a row: a power of two.
    step_seconds: u64,
    rows: Vec<Row>,
}

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

impl Default for Series {
    fn default() -> Self {
        Self { step_seconds: 1, rows: Vec::new() }
    }
}

impl Series {
    /// Adds a request that ended so many microseconds after the series begins.
    pub(crate) fn add(&mut self, end: u64, outcome: Outcome, response_time: u64, output_tokens: u32) {
        let row = self.row(end / 1_000_000);
        match outcome {
            Outcome::Ok => {
                row.ok += 1;
                row.output_tokens += u64::from(output_tokens);
                row.times.add(response_time);
            }
            Outcome::Failed(class) => row.fail(class, 1),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        while self.step_seconds < other.step_seconds {
            self.widen();
        }
        for (index, row) in other.rows.iter().enumerate().rev() {
            self.row(index as u64 * other.step_seconds).merge(row);
        }
    }

    pub(crate) fn step_seconds(&self) -> u64 {
        self.step_seconds
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// All rows that begin before this second as one, and all others as one; and where the second one begins.
    pub(crate) fn split(&self, second: u64) -> (Row, Row, u64) {
        let at = usize::try_from(second.div_ceil(self.step_seconds)).unwrap_or(usize::MAX).min(self.rows.len());
        let sum = |rows: &[Row]| {
            rows.iter().fold(Row::default(), |mut sum, row| {
                sum.merge(row);
                sum
            })
        };
        (sum(&self.rows[..at]), sum(&self.rows[at..]), at as u64 * self.step_seconds)
    }

    fn row(&mut self, second: u64) -> &mut Row {
        while second / self.step_seconds >= MOST_ROWS as u64 {
            self.widen();
        }
        // Below MOST_ROWS.
        let index = (second / self.step_seconds) as usize;
        if index >= self.rows.len() {
            self.rows.resize_with(index + 1, Row::default);
        }
        &mut self.rows[index]
    }

    /// Makes each two rows one.
    fn widen(&mut self) {
        self.step_seconds *= 2;
        let rows = std::mem::take(&mut self.rows);
        for (index, row) in rows.into_iter().enumerate() {
            match self.rows.get_mut(index / 2) {
                Some(first) => first.merge(&row),
                None => self.rows.push(row),
            }
        }
    }
}

impl Row {
    /// A quantile of the response times, in milliseconds.
    pub(crate) fn quantile_ms(&self, q: f64) -> Option<f64> {
        self.times.quantile(q).map(|micros| micros as f64 / 1e3)
    }

    fn fail(&mut self, class: FailureClass, count: u64) {
        match self.failed.binary_search_by_key(&class, |(class, _)| *class) {
            Ok(at) => self.failed[at].1 += count,
            Err(at) => self.failed.insert(at, (class, count)),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
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
