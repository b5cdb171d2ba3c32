//! How many pairs a question needs.

use crate::effect::{LogEffect, log_margin};
use crate::student::{t_power, two_sided_t};

/// More pairs than anyone will run.
const MOST_PAIRS: usize = 100_000;

/// The smallest true effect that a paired t test over `pairs` pairs finds with probability `power` (0.8 is usual) at
/// level `alpha` (0.05), when the log ratio varies by `sd_log` between pairs. As a share: 0.06 is a ratio of 1.06 or of
/// 1 / 1.06. `None` for fewer than 2 pairs, a negative spread, or probabilities not inside 0 to 1 (`alpha` below `power`).
///
/// Exact, from the noncentral t distribution: J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd
/// edition (1988), chapter 2; G*Power's and statsmodels' `TTestPower` give the same figures.
pub fn smallest_detectable(pairs: usize, sd_log: f64, alpha: f64, power: f64) -> Option<f64> {
    detectable(&of_pairs(pairs, sd_log)?, alpha, power)
}

/// The probability that a paired t test at level `alpha` finds a true effect of `effect` (0.1 is +10 %; −0.1 is a ratio of
/// 1 / 1.1). `None` as for [`smallest_detectable`].
pub fn power_of_pairs(pairs: usize, sd_log: f64, effect: f64, alpha: f64) -> Option<f64> {
    let estimate = of_pairs(pairs, sd_log)?;
    let critical = two_sided_t(1.0 - alpha, estimate.degrees)?;
    if effect == 0.0 {
        return Some(alpha);
    }
    let delta = log_margin(effect.abs())? / estimate.standard_error;
    Some(if delta.is_finite() { t_power(delta, critical, estimate.degrees) } else { 1.0 })
}

/// The fewest pairs with which a true effect of `target` (0.05 is ±5 %) is found with probability `power` at level
/// `alpha`, when the log ratio varies by `sd_log` between pairs. `None` for a `target` that is not positive, for wrong
/// inputs as in [`smallest_detectable`], and when it would take more than 100,000.
pub fn pairs_needed(target: f64, sd_log: f64, alpha: f64, power: f64) -> Option<usize> {
    log_margin(target)?;
    let enough = |pairs: usize| Some(smallest_detectable(pairs, sd_log, alpha, power)? <= target);
    let (mut low, mut high) = (1, 2);
    while !enough(high)? {
        (low, high) = (high, high * 2);
        if low > MOST_PAIRS {
            return None;
        }
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        if enough(middle)? { high = middle } else { low = middle }
    }
    Some(high)
}

/// [`smallest_detectable`] for any design, from the standard error and its degrees of freedom.
pub(crate) fn detectable(effect: &LogEffect, alpha: f64, power: f64) -> Option<f64> {
    let critical = two_sided_t(1.0 - alpha, effect.degrees)?;
    if !(alpha < power && power < 1.0) {
        return None;
    }
    let standard_errors = needed(|delta| t_power(delta, critical, effect.degrees) - power)?;
    Some((standard_errors * effect.standard_error).exp_m1())
}

/// Where a rising function that is negative at 0 becomes 0, by false position with the weight of an end that stays halved
/// each time ("Illinois": M. Dowell, P. Jarratt, BIT 11, 1971). `None` when it stays negative.
fn needed(miss: impl Fn(f64) -> f64) -> Option<f64> {
    let (mut low, mut high) = (0.0, 4.0);
    let (mut at_low, mut at_high) = (miss(low), miss(high));
    while at_high < 0.0 {
        (low, at_low, high) = (high, at_high, high * 2.0);
        at_high = miss(high);
        if high > 1e9 {
            return None;
        }
    }
    let mut raised = None;
    for _ in 0..100 {
        let next = (low * at_high - high * at_low) / (at_high - at_low);
        let at = miss(next);
        if at.abs() < 1e-10 {
            return Some(next);
        }
        if at < 0.0 {
            (low, at_low) = (next, at);
            at_high *= if raised == Some(true) { 0.5 } else { 1.0 };
        } else {
            (high, at_high) = (next, at);
            at_low *= if raised == Some(false) { 0.5 } else { 1.0 };
        }
        raised = Some(at < 0.0);
    }
    Some(0.5 * (low + high))
}

fn of_pairs(pairs: usize, sd_log: f64) -> Option<LogEffect> {
    let size = pairs as f64;
    (pairs >= 2 && sd_log >= 0.0 && sd_log.is_finite()).then(|| LogEffect {
        mean: 0.0,
        standard_error: sd_log / size.sqrt(),
        degrees: size - 1.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_statsmodels() {
        // `expm1(TTestPower().solve_power(nobs=pairs, alpha=0.05, power=0.8) * sd)`, statsmodels 0.15.0.
        for (pairs, sd, expected) in
            [(3, 0.05, 0.17727468424529258), (8, 0.05, 0.059504942443180144), (20, 0.03, 0.020010834841245682)]
        {
            let got = smallest_detectable(pairs, sd, 0.05, 0.8).unwrap();
            assert!((got - expected).abs() < 1e-6, "{got} instead of {expected}");
        }
        // The first n with `TTestPower().power(log1p(target) / sd, n, 0.05) >= 0.8`.
        for (target, sd, expected) in [(0.05, 0.05, 11), (0.1, 0.05, 5), (0.02, 0.05, 52), (0.5, 0.05, 3)] {
            assert_eq!(pairs_needed(target, sd, 0.05, 0.8), Some(expected), "{target}");
        }
        let power = power_of_pairs(8, 0.06, 0.1, 0.05).unwrap();
        assert!((power - 0.9686854866403843).abs() < 1e-6, "{power}");
        assert_eq!(power_of_pairs(8, 0.06, -0.1, 0.05), Some(power));
    }

    #[test]
    fn wrong_inputs_and_edges() {
        assert_eq!(smallest_detectable(1, 0.05, 0.05, 0.8), None);
        assert_eq!(smallest_detectable(8, -0.05, 0.05, 0.8), None);
        assert_eq!(smallest_detectable(8, 0.05, 0.05, 1.0), None);
        assert_eq!(smallest_detectable(8, 0.05, 0.9, 0.8), None);
        assert_eq!(smallest_detectable(8, 0.0, 0.05, 0.8), Some(0.0));
        assert_eq!(pairs_needed(0.0, 0.05, 0.05, 0.8), None);
        assert_eq!(pairs_needed(0.0001, 0.5, 0.05, 0.8), None);
        assert_eq!(pairs_needed(0.05, 0.0, 0.05, 0.8), Some(2));
        assert_eq!(power_of_pairs(8, 0.05, 0.0, 0.05), Some(0.05));
        assert_eq!(power_of_pairs(8, 0.0, 0.1, 0.05), Some(1.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_three_agree(target in 0.01f64..0.5, sd in 0.01f64..0.2) {
            let pairs = pairs_needed(target, sd, 0.05, 0.8).unwrap();
            prop_assert!(power_of_pairs(pairs, sd, target, 0.05).unwrap() > 0.8 - 1e-6);
            prop_assert!(pairs == 2 || power_of_pairs(pairs - 1, sd, target, 0.05).unwrap() < 0.8);
        }
    }
}
