//! How sure a proportion is, and a difference of two.

use crate::normal::two_sided_z;
use crate::paired::Moments;
use crate::student::{t_two_sided_p, two_sided_t};
use serde::{Deserialize, Serialize};

/// How much higher a rate is in the branch than in the base, as a difference: 0.02 is two percentage points more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateDifference {
    /// Branch less base, from −1 to 1.
    pub difference: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// p value of the paired t test; `None` for two counts, where the interval decides.
    pub p: Option<f64>,
}

/// An interval for the true proportion behind `successes` out of `n`, both ends from 0 to 1. `None` when `n` is zero,
/// `successes` is more than `n`, or `confidence` is not inside 0 to 1.
///
/// The score interval of E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
/// Journal of the American Statistical Association 22 (1927). Unlike the textbook interval it stays honest for few
/// requests and for rates of exactly 0 or 1.
pub fn proportion_interval(successes: u64, n: u64, confidence: f64) -> Option<(f64, f64)> {
    if n == 0 || successes > n {
        return None;
    }
    let z = two_sided_z(confidence)?;
    let size = n as f64;
    let rate = successes as f64 / size;
    let shrink = 1.0 + z * z / size;
    let centre = (rate + z * z / (2.0 * size)) / shrink;
    let half_width = z / shrink * (rate * (1.0 - rate) / size + z * z / (4.0 * size * size)).sqrt();
    Some(((centre - half_width).max(0.0), (centre + half_width).min(1.0)))
}

/// The difference of two rates, each given as `(failures, requests)`: branch less base. `None` when either has no requests
/// or more failures than requests, or `confidence` is not inside 0 to 1.
///
/// Holds only when requests fail independently of each other, so for one run of each at best: in practice an outage or a
/// full queue makes failures of a run come together, and this interval is then too narrow. From two pairs on compare
/// with [`paired_rate_difference`].
///
/// Method 10 (hybrid score) of R. G. Newcombe, "Interval estimation for the difference between independent proportions:
/// comparison of eleven methods", Statistics in Medicine 17 (1998), which combines the two Wilson intervals.
pub fn rate_difference(base: (u64, u64), branch: (u64, u64), confidence: f64) -> Option<RateDifference> {
    let (base_low, base_high) = proportion_interval(base.0, base.1, confidence)?;
    let (branch_low, branch_high) = proportion_interval(branch.0, branch.1, confidence)?;
    let rate = |(part, whole): (u64, u64)| part as f64 / whole as f64;
    let (p, q) = (rate(base), rate(branch));
    let difference = q - p;
    Some(RateDifference {
        difference,
        low: difference - (q - branch_low).hypot(base_high - p),
        high: difference + (branch_high - q).hypot(p - base_low),
        p: None,
    })
}

/// The difference of the rates of pairs of runs, each pair as `(base, branch)` with rates from 0 to 1: mean of branch less
/// base, with its t interval and the paired t test. The run is the unit, so that it does not matter how failures cluster
/// within one. Plain differences, not logarithms: rates are often 0. `None` for fewer than 2 pairs, rates outside 0 to 1,
/// or `confidence` not inside 0 to 1.
///
/// The interval has no width, and p is 0 or 1, when all pairs differ by the same amount; mostly when nothing failed.
pub fn paired_rate_difference(pairs: &[(f64, f64)], confidence: f64) -> Option<RateDifference> {
    let is_rate = |rate: &f64| (0.0..=1.0).contains(rate);
    if pairs.len() < 2 || !pairs.iter().all(|(base, branch)| is_rate(base) && is_rate(branch)) {
        return None;
    }
    let differences: Vec<f64> = pairs.iter().map(|(base, branch)| branch - base).collect();
    let Moments { size, mean, variance } = Moments::of(&differences);
    let error = (variance / size).sqrt();
    let half_width = two_sided_t(confidence, size - 1.0)? * error;
    Some(RateDifference {
        difference: mean,
        low: (mean - half_width).max(-1.0),
        high: (mean + half_width).min(1.0),
        p: Some(t_two_sided_p(mean / error, size - 1.0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_the_formula_in_python() {
        for (successes, n, low, high) in [
            (0, 10, 0.0, 0.27753279986288915),
            (10, 10, 0.7224672001371109, 1.0),
            (8, 10, 0.49016247153664183, 0.9433178485456247),
            (81, 263, 0.2552885198782743, 0.3662095769828001),
            (15, 148, 0.06238639953073629, 0.160487241723308),
        ] {
            let got = proportion_interval(successes, n, 0.95).unwrap();
            assert!((got.0 - low).abs() < 1e-11 && (got.1 - high).abs() < 1e-11, "{successes}/{n}: {got:?}");
        }
    }

    #[test]
    fn wrong_inputs_have_none() {
        assert_eq!(proportion_interval(0, 0, 0.95), None);
        assert_eq!(proportion_interval(3, 2, 0.95), None);
        assert_eq!(proportion_interval(1, 2, 1.0), None);
    }

    #[test]
    fn differences_agree_with_statsmodels() {
        // `confint_proportions_2indep(.., compare="diff", method="newcomb")`, statsmodels 0.15.0.
        for (base, branch, low, high) in [
            ((5, 100), (12, 100), -0.009458882754380615, 0.15314235948872298),
            ((0, 200), (3, 250), -0.008438326404532476, 0.034680780427019615),
            ((48, 80), (56, 70), 0.05243147240236498, 0.33387265403690614),
            ((0, 10), (10, 10), 0.6075093504305241, 1.0),
        ] {
            let got = rate_difference(base, branch, 0.95).unwrap();
            assert!((got.low - low).abs() < 1e-9 && (got.high - high).abs() < 1e-9, "{got:?} {low} {high}");
        }
        // `ttest_1samp(branch - base, 0)`, scipy 1.16.3.
        let pairs = [(0.01, 0.03), (0.0, 0.02), (0.02, 0.02), (0.005, 0.06)];
        let got = paired_rate_difference(&pairs, 0.95).unwrap();
        let expected = [0.02375, -0.012637090530662892, 0.06013709053066289, 0.1293487980064813];
        for (got, expected) in [got.difference, got.low, got.high, got.p.unwrap()].iter().zip(expected) {
            assert!((got - expected).abs() < 1e-9, "{got} {expected}");
        }
    }

    #[test]
    fn wrong_inputs_have_no_difference() {
        assert_eq!(rate_difference((0, 0), (1, 2), 0.95), None);
        assert_eq!(rate_difference((1, 2), (3, 2), 0.95), None);
        assert_eq!(rate_difference((1, 2), (1, 2), 1.0), None);
        assert_eq!(paired_rate_difference(&[(0.1, 0.2)], 0.95), None);
        assert_eq!(paired_rate_difference(&[(0.1, 0.2), (0.1, 1.2)], 0.95), None);
        assert_eq!(paired_rate_difference(&[(0.1, 0.2), (0.1, f64::NAN)], 0.95), None);
        let none = RateDifference { difference: 0.0, low: 0.0, high: 0.0, p: Some(1.0) };
        assert_eq!(paired_rate_difference(&[(0.0, 0.0); 4], 0.95), Some(none));
    }

    proptest! {
        #[test]
        fn swapping_arms_turns_the_difference(a in 0u64..500, b in 0u64..500, n in 500u64..1000, m in 500u64..1000) {
            let there = rate_difference((a, n), (b, m), 0.95).unwrap();
            let back = rate_difference((b, m), (a, n), 0.95).unwrap();
            prop_assert!((there.low + back.high).abs() < 1e-12 && (there.high + back.low).abs() < 1e-12);
            prop_assert!(-1.0 <= there.low && there.low <= there.difference && there.difference <= there.high);
        }

        #[test]
        fn holds_the_observed_rate(n in 1u64..100_000, part in 0.0f64..=1.0) {
            let successes = (n as f64 * part) as u64;
            let (low, high) = proportion_interval(successes, n, 0.95).unwrap();
            let rate = successes as f64 / n as f64;
            prop_assert!(0.0 <= low && low <= rate + 1e-12 && rate <= high + 1e-12 && high <= 1.0);
        }
    }
}
