//! Statistics as pure functions: quantiles with their intervals, means, proportions. No I/O, no clock, no state.

mod distribution;
mod interval;
mod normal;
mod proportion;
mod quantile;
mod search;
mod sketch;

pub use distribution::{Distribution, mean};
pub use interval::{quantile_interval, quantile_ranks};
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

    pub(crate) fn sorted_sample() -> Vec<f64> {
        let mut values = sample();
        values.sort_by(f64::total_cmp);
        values
    }
}
