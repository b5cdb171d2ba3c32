//! Has a series settled, and since when?

use crate::mean;
use crate::quantile;
use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc;

/// From so many values on MSER looks at means of five, below at single values.
const BATCHED_FROM: usize = 100;
/// With fewer values there is nothing to be said.
const LEAST: usize = 20;
/// The trend test sees at most so many block means.
const BLOCKS: usize = 20;

/// Where a series' warm-up ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    /// So many values from the start belong to the warm-up.
    pub cut: usize,
    /// Whether the rest is steady. Not so when the cut that would be best lies in the second half: the series is then too
    /// short, or never settles.
    pub steady: bool,
}

/// Where the warm-up of a series (a latency or throughput for every second, say) ends. `None` for fewer than 20 values, or
/// when one is not finite.
///
/// The cut is the one that leaves the mean of the rest with the smallest squared standard error, as if values were
/// independent: Σ(x − mean)² / m² over the m values left. Few values left are never best, however even they are, so
/// the last five are not looked at. The rule is MSER-5, on means of five values: K. P. White, M. J. Cobb, S. C. Spratt, "A
/// comparison of five steady-state truncation heuristics for simulation", Winter Simulation Conference 2000; a series of
/// fewer than 100 is taken value by value (MSER: K. P. White, "An effective truncation heuristic for bias reduction in
/// simulation output", Simulation 69, 1997).
pub fn warm_up(series: &[f64]) -> Option<WarmUp> {
    if series.len() < LEAST || !series.iter().all(|value| value.is_finite()) {
        return None;
    }
    let size = if series.len() >= BATCHED_FROM { 5 } else { 1 };
    let batches: Vec<f64> = series.chunks_exact(size).filter_map(mean).collect();
    let (mut best, mut least) = (0, f64::INFINITY);
    // From the end, with the mean and the squares of the rest brought up to date (Welford 1962).
    let (mut middle, mut squares) = (0.0, 0.0);
    for (cut, value) in batches.iter().enumerate().rev() {
        let left = (batches.len() - cut) as f64;
        let away = value - middle;
        middle += away / left;
        squares += away * (value - middle);
        let error = squares / (left * left);
        // Of equal cuts the first: a series without any noise is steady from its start.
        if left > 5.0 && error <= least {
            (best, least) = (cut, error);
        }
    }
    Some(WarmUp { cut: best * size, steady: best * 2 <= batches.len() })
}

/// Whether a series still drifts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Change for each value of the series, in the values' own unit: the median slope between any two block means.
    pub slope: f64,
    /// Change from one end to the other, as a share of the median: 0.1 is +10 %. 0 when the median is 0.
    pub change: f64,
    /// p value of "there is no trend".
    pub p: f64,
}

/// Whether a series still drifts up or down, in any shape that keeps its direction. `None` for fewer than 20 values, or when
/// one is not finite.
///
/// Neighbouring values are alike, which would make any test find trends everywhere; so the series is cut into 10 to 20 blocks
/// of equal length, whose means are tested. Where values stay alike for longer than a block, that is still not enough.
///
/// H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945), with the variance for ties of M. G. Kendall,
/// "Rank Correlation Methods" (1975); slope of P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau",
/// Journal of the American Statistical Association 63 (1968).
pub fn trend(series: &[f64]) -> Option<Trend> {
    if series.len() < LEAST || !series.iter().all(|value| value.is_finite()) {
        return None;
    }
    let size = series.len().div_ceil(BLOCKS);
    // What does not fill a block is left out at the start, where the warm-up is.
    let blocks: Vec<f64> = series.rchunks_exact(size).rev().filter_map(mean).collect();
    let mut slopes = Vec::with_capacity(blocks.len() * blocks.len() / 2);
    for (j, later) in blocks.iter().enumerate() {
        slopes.extend(blocks[..j].iter().enumerate().map(|(i, earlier)| (later - earlier) / ((j - i) * size) as f64));
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let slope = quantile(&slopes, 0.5)?;
    let rises = slopes.iter().filter(|slope| **slope > 0.0).count() as f64;
    let falls = slopes.iter().filter(|slope| **slope < 0.0).count() as f64;
    let score = rises - falls;
    let z = score.signum() * (score.abs() - 1.0).max(0.0) / score_variance(&blocks).sqrt();
    let mut sorted = blocks;
    sorted.sort_unstable_by(f64::total_cmp);
    let median = quantile(&sorted, 0.5)?;
    Some(Trend {
        slope,
        change: if median == 0.0 { 0.0 } else { slope * (series.len() - 1) as f64 / median.abs() },
        p: if score == 0.0 { 1.0 } else { erfc(z.abs() / std::f64::consts::SQRT_2) },
    })
}

/// Variance of Mann and Kendall's score without a trend.
fn score_variance(values: &[f64]) -> f64 {
    let of = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let ties: f64 = sorted.chunk_by(|a, b| a == b).map(|same| of(same.len() as f64)).sum();
    (of(values.len() as f64) - ties) / 18.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::rng;
    use proptest::prelude::*;
    use rand::RngExt;

    /// Starts half as high again, comes down with a time constant of `fade` values.
    fn warming(length: usize, fade: f64) -> Vec<f64> {
        (0..length).map(|i| 100.0 + 50.0 * (-(i as f64) / fade).exp() + (i * 7919 % 1009) as f64 / 200.0).collect()
    }

    /// Values that remember `memory` of the one before.
    fn alike(length: usize, memory: f64, seed: u64) -> Vec<f64> {
        let mut rng = rng(seed);
        let mut value = 0.0;
        let mut next = || {
            let noise: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
            value = memory * value + noise;
            50.0 + value
        };
        (0..20).for_each(|_| {
            next();
        });
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn cuts_agree_with_the_formula_in_numpy() {
        // The cut with the smallest `((z[d:] - z[d:].mean()) ** 2).sum() / (n - d) ** 2`.
        for (length, fade, cut) in [(200, 5.0, 25), (200, 20.0, 90), (60, 4.0, 11)] {
            assert_eq!(warm_up(&warming(length, fade)), Some(WarmUp { cut, steady: true }), "{length} {fade}");
        }
    }

    #[test]
    fn what_never_settles() {
        let rising: Vec<f64> = (0..200).map(f64::from).collect();
        assert!(!warm_up(&rising).unwrap().steady);
        let late: Vec<f64> =
            (0..200).map(|i| if i < 150 { 50.0 + f64::from(i % 3) } else { 10.0 + f64::from(i % 3) }).collect();
        assert_eq!(warm_up(&late), Some(WarmUp { cut: 150, steady: false }));
    }

    #[test]
    fn trends_agree_with_the_formula_in_numpy() {
        // p from the score and its variance, `theilslopes(x, arange(20))`.
        let plain: Vec<f64> = (0..20_i32).map(|i| f64::from(i * 7919 % 1009 + 30 * i)).collect();
        let ties: Vec<f64> = (0..20_i32).map(|i| f64::from(i * 37 % 7 + i / 5)).collect();
        for (series, p, slope) in
            [(plain, 0.18344722817247316, 21.142857142857142), (ties, 0.02206513349987406, 0.2361111111111111)]
        {
            let got = trend(&series).unwrap();
            assert!((got.p - p).abs() < 1e-9 && (got.slope - slope).abs() < 1e-12, "{got:?}");
        }
        let rising: Vec<f64> = (0..205).map(|i| 100.0 + f64::from(i)).collect();
        let got = trend(&rising).unwrap();
        assert!((got.slope - 1.0).abs() < 1e-12 && got.p < 1e-6 && (got.change - 1.0).abs() < 0.03, "{got:?}");
    }

    #[test]
    fn rarely_sees_what_is_not_there() {
        let series = || (0..400).map(|seed| alike(300, 0.5, seed));
        let drifting = series().filter(|series| trend(series).unwrap().p < 0.05).count();
        assert!(drifting <= 34, "{drifting} of 400 are more than 5 %, and two standard errors");
        let unsettled = series().filter(|series| !warm_up(series).unwrap().steady).count();
        assert!(unsettled <= 12, "{unsettled} of 400");
        let mut seen = 0;
        for series in series() {
            let drift: Vec<f64> = series.iter().enumerate().map(|(i, value)| value + i as f64 / 100.0).collect();
            seen += usize::from(trend(&drift).unwrap().p < 0.05);
        }
        assert!(seen > 380, "{seen} of 400");
    }

    #[test]
    fn too_short_and_nonsense() {
        assert_eq!((warm_up(&[1.0; 19]), trend(&[1.0; 19])), (None, None));
        let mut series = vec![1.0; 30];
        assert_eq!(warm_up(&series), Some(WarmUp { cut: 0, steady: true }));
        assert_eq!(trend(&series), Some(Trend { slope: 0.0, change: 0.0, p: 1.0 }));
        series[3] = f64::NAN;
        assert_eq!((warm_up(&series), trend(&series)), (None, None));
    }

    proptest! {
        #[test]
        fn turning_a_series_turns_its_trend(series in prop::collection::vec(1.0f64..100.0, 20..200)) {
            let there = trend(&series).unwrap();
            let turned: Vec<f64> = series.iter().map(|value| -value).collect();
            let back = trend(&turned).unwrap();
            prop_assert_eq!(there.p, back.p);
            prop_assert!((there.slope + back.slope).abs() < 1e-9 && (0.0..=1.0).contains(&there.p));
        }

        #[test]
        fn the_unit_moves_no_cut(series in prop::collection::vec(1.0f64..100.0, 20..200)) {
            let scaled: Vec<f64> = series.iter().map(|value| value * 1024.0).collect();
            prop_assert_eq!(warm_up(&series), warm_up(&scaled));
        }
    }
}
