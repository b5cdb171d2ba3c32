//! Statistics as pure functions: quantiles with their intervals, means, proportions. No I/O, no clock, no state.

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
mod search;
mod sketch;
mod student;

pub use change_points::{ChangePoint, ChangePointOptions, change_points};
pub use distribution::{Distribution, mean};
pub use effect::LogEffect;
pub use equivalence::{Correction, Effect, Rule, Verdict, verdict, verdicts};
pub use interval::{quantile_interval, quantile_ranks};
pub use multiple::{benjamini_hochberg, holm};
pub use paired::{Comparison, ComparisonError, Design, compare_pairs, compare_runs};
pub use power::{pairs_needed, power_of_pairs, smallest_detectable};
pub use proportion::proportion_interval;
pub use quantile::{quantile, quantile_rank};
pub use search::{LoadLine, LoadLineSearch, Look, SearchOptions};
pub use sketch::Sketch;

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
