//! Permutation tests and the bootstrap: p values and intervals from the data alone. Same seed, same answer.

use crate::normal::{normal_cdf, normal_quantile, two_sided_z};
use crate::quantile;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Up to this many arrangements a permutation test looks at all of them; beyond, at this many random ones. Twice the
/// 8 + 8 runs of an unpaired comparison (12,870), and all signs of 14 pairs (16,384).
const ARRANGEMENTS: usize = 20_000;
/// Bootstrap resamples. B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), ask for 2,000 for BCa.
const RESAMPLES: usize = 4_999;
/// With fewer values hardly any resample differs from the others.
const BOOTSTRAP_FROM: usize = 5;

pub(crate) fn rng(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// Two-sided p value of the sign-flip test of "the values lie symmetrically about 0", by their sum. All 2ⁿ signs up to
/// n = 14, and beyond that (b + 1) / (m + 1) of m random ones: R. A. Fisher, "The Design of Experiments" (1935), section 21;
/// B. Phipson, G. K. Smyth, "Permutation p-values should never be zero", Statistical Applications in Genetics and
/// Molecular Biology 9 (2010).
pub(crate) fn sign_flip_p(values: &[f64], seed: u64) -> f64 {
    let observed = values.iter().sum::<f64>().abs();
    let least = observed - 1e-12 * values.iter().map(|value| value.abs()).sum::<f64>();
    let as_extreme = |signs: &mut dyn FnMut(usize) -> bool| {
        let sum: f64 = values.iter().enumerate().map(|(i, value)| if signs(i) { -value } else { *value }).sum();
        sum.abs() >= least
    };
    match 1_usize.checked_shl(values.len() as u32).filter(|all| *all <= ARRANGEMENTS) {
        Some(all) => share((0..all).filter(|mask| as_extreme(&mut |i| mask >> i & 1 == 1)).count(), all),
        None => {
            let mut rng = rng(seed);
            let extreme = (0..ARRANGEMENTS).filter(|_| as_extreme(&mut |_| rng.random())).count();
            share(extreme + 1, ARRANGEMENTS + 1)
        }
    }
}

/// Two-sided p value of the permutation test of "both samples come from one distribution", by Welch's t: with it the
/// test holds its level for the means even when the spreads differ (A. Janssen, "Studentized permutation tests for
/// non-i.i.d. hypotheses and the generalized Behrens-Fisher problem", Statistics & Probability Letters 36, 1997). All
/// choices up to 20,000, random ones beyond. Both samples need two values.
pub(crate) fn two_sample_p(base: &[f64], branch: &[f64], seed: u64) -> f64 {
    let mut pool: Vec<f64> = base.iter().chain(branch).copied().collect();
    let observed = welch_t(base, branch);
    let least = observed - 1e-9 * observed.abs().min(1e9);
    if least.is_nan() || observed == 0.0 {
        return 1.0;
    }
    let (n, k) = (pool.len(), base.len());
    if let Some(all) = choices(n, k).filter(|all| *all <= ARRANGEMENTS) {
        let mut chosen: Vec<usize> = (0..k).collect();
        let mut extreme = 0;
        for _ in 0..all {
            let (mut left, mut right) = (Vec::with_capacity(k), Vec::with_capacity(n - k));
            for (i, value) in pool.iter().enumerate() {
                if chosen.contains(&i) { left.push(*value) } else { right.push(*value) }
            }
            extreme += usize::from(welch_t(&left, &right) >= least);
            next_choice(&mut chosen, n);
        }
        return share(extreme, all);
    }
    let mut rng = rng(seed);
    let mut extreme = 0;
    for _ in 0..ARRANGEMENTS {
        for i in 0..k {
            pool.swap(i, rng.random_range(i..n));
        }
        extreme += usize::from(welch_t(&pool[..k], &pool[k..]) >= least);
    }
    share(extreme + 1, ARRANGEMENTS + 1)
}

/// The BCa bootstrap interval of the sum of `sign × mean` over the samples, which are resampled each by itself: one
/// sample for pairs, two for runs that are not paired. `None` when a sample has fewer than 5 values or nothing varies.
///
/// B. Efron, "Better bootstrap confidence intervals", Journal of the American Statistical Association 82 (1987); the
/// acceleration of a mean is a sixth of its skewness.
pub(crate) fn bca(samples: &[(f64, &[f64])], confidence: f64, seed: u64) -> Option<(f64, f64)> {
    if samples.iter().any(|(_, values)| values.len() < BOOTSTRAP_FROM) {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let estimate: f64 = samples.iter().map(|(sign, values)| sign * mean(values)).sum();
    let moment = |power: i32| -> f64 {
        let of = |(sign, values): &(f64, &[f64])| {
            let (mean, size) = (mean(values), values.len() as f64);
            values.iter().map(|value| (sign * (value - mean) / size).powi(power)).sum::<f64>()
        };
        samples.iter().map(of).sum()
    };
    let spread = moment(2);
    if spread <= (estimate.abs() * 1e-12).powi(2) {
        return None;
    }
    let acceleration = moment(3) / (6.0 * spread.powf(1.5));
    let mut rng = rng(seed);
    let mut resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut drawn = |values: &[f64]| -> f64 {
                (0..values.len()).map(|_| values[rng.random_range(0..values.len())]).sum::<f64>() / values.len() as f64
            };
            samples.iter().map(|(sign, values)| sign * drawn(values)).sum()
        })
        .collect();
    resampled.sort_unstable_by(f64::total_cmp);
    let below = resampled.partition_point(|value| *value < estimate);
    let up_to = resampled.partition_point(|value| *value <= estimate);
    let bias = normal_quantile((below + up_to) as f64 / (2 * RESAMPLES) as f64);
    let z = two_sided_z(confidence)?;
    let end = |z: f64| {
        let shifted = bias + z;
        quantile(&resampled, normal_cdf(bias + shifted / (1.0 - acceleration * shifted)))
    };
    Some((end(-z)?, end(z)?))
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// |t| of Welch's test; not a number when nothing varies and nothing differs.
fn welch_t(left: &[f64], right: &[f64]) -> f64 {
    let (a, b) = (crate::paired::Moments::of(left), crate::paired::Moments::of(right));
    (b.mean - a.mean).abs() / (a.variance / a.size + b.variance / b.size).sqrt()
}

/// How many ways there are to choose `k` of `n`; `None` when that is more than 2^64.
fn choices(n: usize, k: usize) -> Option<usize> {
    (0..k).try_fold(1_usize, |ways, i| Some(ways.checked_mul(n - i)? / (i + 1)))
}

/// The next choice in order, as rising indices below `n`.
fn next_choice(chosen: &mut [usize], n: usize) {
    let k = chosen.len();
    if let Some(i) = (0..k).rev().find(|i| chosen[*i] < n - k + i) {
        chosen[i] += 1;
        for j in i + 1..k {
            chosen[j] = chosen[j - 1] + 1;
        }
    }
}
