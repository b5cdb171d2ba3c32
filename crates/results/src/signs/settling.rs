//! Whether the times still changed at the end.

use crate::api::series::{Row, Series};
use crate::steps::Merge;
use serde::{Deserialize, Serialize};

/// Fewest rows of the series (seconds, mostly) and fewest successes in each quarter.
const LEAST_ROWS: usize = 20;
const LEAST_OK: u64 = 25;
/// How much each quarter must differ from the one before, as a factor, for a trend.
const STEP: f64 = 1.1;
/// The most that chance may explain.
const CHANCE: f64 = 0.01;
/// How much the last quarter must differ from the first.
const IN_ALL: f64 = 1.5;

/// The quarters of the measured time one after another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Settling {
    /// Successes that ended in each.
    pub ok: [u64; 4],
    /// Their median response time in milliseconds, to within 2 %.
    pub p50: [f64; 4],
    /// Where the warm-up ends, in seconds since the series begins, by the MSER rule on the medians of its rows; `null`
    /// when they never became steady. Of steady times it is a small number that means nothing.
    pub warm_up_seconds: Option<f64>,
    /// p value of "the medians of the rows have no trend" (Mann and Kendall's test).
    pub trend_p: f64,
}

impl Settling {
    /// `None` with fewer than 20 rows with a success, or fewer than 25 successes in some quarter.
    pub(crate) fn of(series: &Series) -> Option<Self> {
        let rows = series.rows();
        if rows.len() < LEAST_ROWS {
            return None;
        }
        let medians: Vec<f64> = rows.iter().filter_map(|row| row.quantile_ms(0.5)).collect();
        let cut = plimsoll_stats::warm_up(&medians)?;
        let mut found = Self {
            warm_up_seconds: cut.steady.then_some(cut.cut as f64 * series.step_seconds() as f64),
            trend_p: plimsoll_stats::trend(&medians)?.p,
            ..Self::default()
        };
        for quarter in 0..4 {
            let mut sum = Row::default();
            rows[quarter * rows.len() / 4..(quarter + 1) * rows.len() / 4].iter().for_each(|row| sum.merge(row));
            (found.ok[quarter], found.p50[quarter]) = (sum.ok, sum.quantile_ms(0.5)?);
        }
        found.ok.iter().all(|ok| *ok >= LEAST_OK).then_some(found)
    }

    /// The last quarter's median over the first one's, when the times went the same way all along, by at least 10 % from
    /// each quarter to the next and by half in all, more than chance explains: then no part of the measured time stands for the others.
    pub fn trend(&self) -> Option<f64> {
        let steps = |up: bool| {
            self.p50.windows(2).all(|pair| if up { pair[1] >= STEP * pair[0] } else { pair[0] >= STEP * pair[1] })
        };
        let ratio = self.p50[3] / self.p50[0];
        let far = ratio >= IN_ALL || ratio <= 1.0 / IN_ALL;
        (self.trend_p < CHANCE && ratio.is_finite() && ratio > 0.0 && far && (steps(true) || steps(false)))
            .then_some(ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Outcome;

    fn of(seconds: u64, time_at: impl Fn(u64) -> u64) -> Option<Settling> {
        let mut series = Series::default();
        for second in 0..seconds {
            (0..10).for_each(|_| series.add(second * 1_000_000, Outcome::Ok, time_at(second), 0));
        }
        Settling::of(&series)
    }

    #[test]
    fn only_what_goes_one_way_all_along_is_a_trend() {
        let growing = of(40, |second| 10_000 + second * 5_000).unwrap();
        assert_eq!(growing.ok, [100; 4]);
        assert!((growing.trend().unwrap() - 5.9).abs() < 0.3, "{growing:?}");
        assert!(of(40, |second| 200_000 - second * 4_000).unwrap().trend().unwrap() < 0.4);
        assert_eq!(of(40, |second| if second < 10 { 90_000 } else { 10_000 }).unwrap().trend(), None, "a warm-up");
        let warming = of(60, |second| if second < 10 { 90_000 - second * 5_000 } else { 10_000 + second % 3 * 100 });
        assert!((9.0..=11.0).contains(&warming.unwrap().warm_up_seconds.unwrap()), "{warming:?}");
        assert_eq!(of(40, |second| 10_000 + second % 7 * 5_000).unwrap().trend(), None);
        assert_eq!((of(19, |second| second), of(0, |_| 0)), (None, None));
    }
}
