//! Is a branch faster or slower than its base? Comparison of whole runs, never of requests.

use crate::effect::LogEffect;
use crate::power;
use crate::resample::{bca, sign_flip_p, two_sample_p};
use serde::{Deserialize, Serialize};

/// How the runs were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// So many pairs, each of one base run and one branch run next to each other.
    Paired {
        /// Number of pairs.
        pairs: usize,
    },
    /// So many runs of each, not made in pairs.
    Unpaired {
        /// Runs of the base.
        base: usize,
        /// Runs of the branch.
        branch: usize,
    },
}

/// How a figure of the branch compares with the base's. Ratios are branch / base: 1.05 is 5 % more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many runs, and whether in pairs.
    pub design: Design,
    /// The estimate that everything else comes from.
    pub effect: LogEffect,
    /// Geometric mean of branch / base.
    pub ratio: f64,
    /// Lower end of the 95 % t interval of `ratio`.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// p value of the t test on the logarithms: paired, or Welch's.
    pub p_t: f64,
    /// p value of the permutation test: signs of the pairs, or labels of the runs.
    pub p_permutation: f64,
    /// 95 % BCa bootstrap interval of `ratio` over pairs or runs. To look at beside the t interval, not to decide by: with
    /// fewer than about 20 it is too narrow. `None` below 5 pairs (or runs of each), or when nothing varies.
    pub bootstrap: Option<(f64, f64)>,
    /// Standard deviation of the log ratio between pairs; of the log values within the arms (pooled) without pairs.
    pub sd_log: f64,
    /// The smallest true effect that so many runs with this spread see four times of five: 0.06 is ±6 %. See
    /// [`smallest_detectable`](crate::smallest_detectable). Infinite when beyond what an `f64` can say.
    pub smallest_detectable: f64,
}

/// Why runs cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ComparisonError {
    /// Not enough pairs, or runs of an arm, to know the spread.
    #[error("needs at least 2, got {0}")]
    TooFew(usize),
    /// A value that has no logarithm: zero, negative, infinite or not a number.
    #[error("{0} is not a positive number")]
    NotPositive(f64),
}

/// Compares pairs of `(base, branch)`, one figure (a quantile, a throughput) of each run. Seed for the random parts only:
/// bootstrap and, beyond 14 pairs, the permutation test.
///
/// A paired t test on ln(branch / base); sign-flip permutation (Fisher 1935); BCa bootstrap (Efron 1987).
pub fn compare_pairs(pairs: &[(f64, f64)], seed: u64) -> Result<Comparison, ComparisonError> {
    let logs = pairs.iter().map(|(base, branch)| Ok(log(*branch)? - log(*base)?)).collect::<Result<Vec<_>, _>>()?;
    if logs.len() < 2 {
        return Err(ComparisonError::TooFew(logs.len()));
    }
    let Moments { size, mean, variance } = Moments::of(&logs);
    let effect = LogEffect { mean, standard_error: (variance / size).sqrt(), degrees: size - 1.0 };
    Ok(Comparison::new(
        Design::Paired { pairs: logs.len() },
        effect,
        variance.sqrt(),
        sign_flip_p(&logs, seed),
        bca(&[(1.0, &logs)], 0.95, seed),
    ))
}

/// Compares runs that were not made in pairs, for instance of two result directories; the numbers of runs may differ.
/// Whatever changed between the two times of measuring counts as an effect, so prefer pairs.
///
/// Welch's t test on the logarithms: B. L. Welch, "The generalization of 'Student's' problem when several different
/// population variances are involved", Biometrika 34 (1947).
pub fn compare_runs(base: &[f64], branch: &[f64], seed: u64) -> Result<Comparison, ComparisonError> {
    let logs = |values: &[f64]| values.iter().map(|value| log(*value)).collect::<Result<Vec<_>, _>>();
    let (base, branch) = (logs(base)?, logs(branch)?);
    let fewest = base.len().min(branch.len());
    if fewest < 2 {
        return Err(ComparisonError::TooFew(fewest));
    }
    let (a, b) = (Moments::of(&base), Moments::of(&branch));
    let (error_a, error_b) = (a.variance / a.size, b.variance / b.size);
    let pooled = ((a.size - 1.0) * a.variance + (b.size - 1.0) * b.variance) / (a.size + b.size - 2.0);
    let degrees = (error_a + error_b).powi(2) / (error_a.powi(2) / (a.size - 1.0) + error_b.powi(2) / (b.size - 1.0));
    let effect = LogEffect {
        mean: b.mean - a.mean,
        standard_error: (error_a + error_b).sqrt(),
        degrees: if degrees.is_nan() { a.size + b.size - 2.0 } else { degrees },
    };
    Ok(Comparison::new(
        Design::Unpaired { base: base.len(), branch: branch.len() },
        effect,
        pooled.sqrt(),
        two_sample_p(&base, &branch, seed),
        bca(&[(-1.0, &base), (1.0, &branch)], 0.95, seed),
    ))
}

impl Comparison {
    fn new(design: Design, effect: LogEffect, sd_log: f64, p_permutation: f64, bootstrap: Option<(f64, f64)>) -> Self {
        let (low, high) = effect.interval(0.95).unwrap_or((0.0, f64::INFINITY));
        Self {
            design,
            effect,
            ratio: effect.ratio(),
            low,
            high,
            p_t: effect.p(),
            p_permutation,
            bootstrap: bootstrap.map(|(low, high)| (low.exp(), high.exp())),
            sd_log,
            smallest_detectable: power::detectable(&effect, 0.05, 0.8).unwrap_or(f64::INFINITY),
        }
    }
}

fn log(value: f64) -> Result<f64, ComparisonError> {
    if value > 0.0 && value.is_finite() { Ok(value.ln()) } else { Err(ComparisonError::NotPositive(value)) }
}

/// Size, mean and variance (over n − 1) of some values.
pub(crate) struct Moments {
    pub(crate) size: f64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Moments {
    pub(crate) fn of(values: &[f64]) -> Self {
        let size = values.len() as f64;
        let mean = values.iter().sum::<f64>() / size;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (size - 1.0);
        Self { size, mean, variance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::pairs;
    use proptest::prelude::*;

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} instead of {expected}");
    }

    #[test]
    fn pairs_agree_with_scipy() {
        // `ttest_1samp(log ratios, 0)`, `permutation_test(.., permutation_type="samples")`, `bootstrap(.., method="BCa")`
        // of 400,000 resamples.
        let got = compare_pairs(&pairs(), 1).unwrap();
        assert_eq!(got.design, Design::Paired { pairs: 8 });
        close(got.ratio, 1.032297167040322, 1e-12);
        close(got.low, 1.0113700694695242, 1e-9);
        close(got.high, 1.0536572845569916, 1e-9);
        close(got.p_t, 0.007964612704699283, 1e-10);
        close(got.p_permutation, 0.015625, 0.0);
        close(got.sd_log, 0.024497786574545, 1e-12);
        close(got.smallest_detectable, 0.028725137836644196, 1e-7);
        let (low, high) = got.bootstrap.unwrap();
        close(low, 1.01611704, 0.002);
        close(high, 1.04900501, 0.002);
    }

    #[test]
    fn runs_agree_with_scipy() {
        // `ttest_ind(.., equal_var=False)` on logarithms, `permutation_test` with its statistic.
        let base = [100.0, 98.0, 103.0, 99.5, 101.0];
        let branch = [104.0, 101.5, 102.0, 110.0, 108.5, 99.0, 104.5];
        let got = compare_runs(&base, &branch, 1).unwrap();
        assert_eq!(got.design, Design::Unpaired { base: 5, branch: 7 });
        close(got.ratio, 1.038546834651046, 1e-12);
        close(got.low, 1.0009854136049672, 1e-9);
        close(got.high, 1.0775177271357943, 1e-9);
        close(got.p_t, 0.04526777642937441, 1e-10);
        close(got.p_permutation, 0.04671717171717172, 1e-12);
        close(got.effect.degrees, 9.201573350804704, 1e-9);
        close(got.sd_log, 0.031161355776409005, 1e-12);
        let (low, high) = got.bootstrap.unwrap();
        close(low, 1.00978836, 0.002);
        close(high, 1.07068243, 0.002);
    }

    #[test]
    fn random_permutations_stand_in_for_all_of_them() {
        let twice: Vec<f64> = (0..14).map(|i| f64::from(i * 37 % 19) / 10.0 - 0.7).collect();
        let exact = sign_flip_p(&twice, 1);
        let mut longer = twice.clone();
        longer.extend([0.0, 0.0]);
        close(sign_flip_p(&longer, 1), exact, 0.01);
        assert!(exact > 0.01 && exact < 0.9, "{exact}");
        let (base, branch) = (&twice[..9], &twice[5..]);
        assert!((0.0..=1.0).contains(&two_sample_p(base, branch, 1)));
        let many: Vec<f64> = (0..30).map(|i| 100.0 + f64::from(i * 37 % 19)).collect();
        let more: Vec<f64> = (0..30).map(|i| 102.5 + f64::from(i * 31 % 23)).collect();
        let got = compare_runs(&many, &more, 7).unwrap();
        close(got.p_permutation, got.p_t, 0.01);
        assert_eq!(compare_runs(&many, &more, 7), Ok(got));
    }

    #[test]
    fn too_few_and_nonsense() {
        assert_eq!(compare_pairs(&[], 1), Err(ComparisonError::TooFew(0)));
        assert_eq!(compare_pairs(&[(1.0, 2.0)], 1), Err(ComparisonError::TooFew(1)));
        assert_eq!(compare_runs(&[1.0, 2.0], &[1.0], 1), Err(ComparisonError::TooFew(1)));
        assert_eq!(compare_pairs(&[(1.0, 2.0), (0.0, 1.0)], 1), Err(ComparisonError::NotPositive(0.0)));
        assert!(matches!(compare_pairs(&[(1.0, f64::NAN); 3], 1), Err(ComparisonError::NotPositive(_))));
        let two = compare_pairs(&[(1.0, 1.1), (1.0, 1.2)], 1).unwrap();
        assert_eq!((two.bootstrap, two.p_permutation), (None, 0.5));
    }

    #[test]
    fn nothing_varies() {
        let same = compare_pairs(&[(2.0, 2.0); 6], 1).unwrap();
        assert_eq!((same.ratio, same.low, same.high, same.p_t, same.p_permutation), (1.0, 1.0, 1.0, 1.0, 1.0));
        assert_eq!((same.bootstrap, same.smallest_detectable), (None, 0.0));
        let same = compare_runs(&[2.0; 3], &[2.0; 6], 1).unwrap();
        assert_eq!((same.ratio, same.p_t, same.p_permutation), (1.0, 1.0, 1.0));
        let apart = compare_runs(&[2.0; 3], &[4.0; 6], 1).unwrap();
        assert_eq!((apart.p_t, apart.low, apart.high), (0.0, 2.0, 2.0));
        close(apart.p_permutation, 1.0 / 84.0, 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn swapping_arms_inverts_the_ratio(pairs in prop::collection::vec((1.0f64..100.0, 1.0f64..100.0), 2..12)) {
            let there = compare_pairs(&pairs, 3).unwrap();
            let swapped: Vec<_> = pairs.iter().map(|(base, branch)| (*branch, *base)).collect();
            let back = compare_pairs(&swapped, 3).unwrap();
            prop_assert!((there.ratio * back.ratio - 1.0).abs() < 1e-9);
            prop_assert!((there.low * back.high - 1.0).abs() < 1e-9);
            prop_assert!((there.p_t - back.p_t).abs() < 1e-9);
            prop_assert_eq!(there.p_permutation, back.p_permutation);
            prop_assert!((there.smallest_detectable - back.smallest_detectable).abs() < 1e-9 * there.smallest_detectable);
        }

        /// Seconds or milliseconds, and a unit of its own for every pair: only ratios count.
        #[test]
        fn units_do_not_matter(
            pairs in prop::collection::vec((1.0f64..100.0, 1.0f64..100.0, 0.001f64..1000.0), 2..12),
        ) {
            let plain: Vec<_> = pairs.iter().map(|(base, branch, _)| (*base, *branch)).collect();
            let scaled: Vec<_> = pairs.iter().map(|(base, branch, unit)| (base * unit, branch * unit)).collect();
            let (plain, scaled) = (compare_pairs(&plain, 3).unwrap(), compare_pairs(&scaled, 3).unwrap());
            prop_assert!((plain.ratio / scaled.ratio - 1.0).abs() < 1e-9);
            prop_assert!((plain.p_t - scaled.p_t).abs() < 1e-6);
        }

        #[test]
        fn the_interval_and_p_agree(base in prop::collection::vec(50.0f64..100.0, 2..8),
                                    branch in prop::collection::vec(50.0f64..100.0, 2..8)) {
            let got = compare_runs(&base, &branch, 3).unwrap();
            prop_assert!(got.low <= got.ratio && got.ratio <= got.high);
            let excludes = got.low > 1.0 || got.high < 1.0;
            prop_assert_eq!(got.p_t < 0.05, excludes);
            prop_assert!(got.p_permutation > 0.0 && got.p_permutation <= 1.0);
        }
    }
}
