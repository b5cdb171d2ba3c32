//! Statistics as pure functions: quantiles with their intervals, comparison of runs with its power and its verdict,
//! change points, steady state, saturation. No I/O, no clock, no state; what is random takes a seed.

mod change_points;
mod distribution;
mod effect;
mod equivalence;
mod interval;
mod multiple;
mod normal;
mod paired;
mod power;
mod proportion;
mod quantile;
mod resample;
mod saturation;
mod search;
mod sketch;
mod steady;
mod student;

pub use change_points::{ChangePoint, ChangePointOptions, change_points};
pub use distribution::{Distribution, mean};
pub use effect::LogEffect;
pub use equivalence::{Correction, Effect, Rule, Verdict, verdict, verdicts};
pub use interval::{quantile_interval, quantile_ranks};
pub use multiple::{benjamini_hochberg, holm};
pub use paired::{Comparison, ComparisonError, Design, compare_pairs, compare_runs};
pub use power::{pairs_needed, power_of_pairs, smallest_detectable};
pub use proportion::{RateDifference, paired_rate_difference, proportion_interval, rate_difference};
pub use quantile::{quantile, quantile_rank};
pub use saturation::{Level, Saturation, saturation};
pub use search::{LoadLine, LoadLineSearch, Look, SearchOptions};
pub use sketch::Sketch;
pub use steady::{Trend, WarmUp, trend, warm_up};

#[cfg(test)]
mod testdata {
    /// 37 values in no order, the same that the numpy figures in the tests were computed from.
    pub(crate) fn sample() -> Vec<f64> {
        (0..37).map(|i| f64::from((i * 7919) % 1009) / 7.0 + 3.25).collect()
    }

    /// 8 pairs, as (base, branch); their figures in the tests come from scipy 1.16.3 and statsmodels 0.15.0.
    pub(crate) fn pairs() -> [(f64, f64); 8] {
        [
            (100.0, 104.0),
            (98.0, 101.5),
            (103.0, 102.0),
            (99.5, 105.0),
            (101.0, 108.5),
            (97.0, 99.0),
            (102.5, 104.5),
            (100.5, 103.0),
        ]
    }

    pub(crate) fn sorted_sample() -> Vec<f64> {
        let mut values = sample();
        values.sort_by(f64::total_cmp);
        values
    }
}
