//! How sure a quantile is.

use crate::normal::two_sided_z;

/// Above this many values the normal approximation stands in for the exact binomial: it is then off by about one
/// rank of a hundred thousand, and the exact sum would take longer than the answer is worth.
const EXACT_UP_TO: usize = 100_000;

/// An interval that holds the true `q` quantile with at least this `confidence` (for example 0.95), whatever the
/// distribution of the values, which must be sorted in ascending order and independent. In the values' own unit.
///
/// Its ends are two order statistics. The number of values below the true quantile is binomial with n and q, so the
/// ends are the ranks at which each tail of that binomial is at most `(1 − confidence) / 2`: W. J. Conover,
/// "Practical Nonparametric Statistics", 3rd edition (1999), section 3.2. Up to 100,000 values the binomial is summed
/// exactly, beyond that it is approximated by the normal distribution.
///
/// `None` when there are too few values to bound the quantile on both sides (a p99 at 95 % needs 368), or when `q` or
/// `confidence` is not inside 0 to 1.
pub fn quantile_interval(sorted: &[f64], q: f64, confidence: f64) -> Option<(f64, f64)> {
    debug_assert!(sorted.is_sorted(), "quantile_interval needs sorted values");
    let (lower, upper) = quantile_ranks(sorted.len(), q, confidence)?;
    Some((*sorted.get(lower - 1)?, *sorted.get(upper - 1)?))
}

/// The ranks (from 1) of the two ends of [`quantile_interval`] among `n` sorted values, for values that are kept in a
/// histogram. `None` where that has none.
pub fn quantile_ranks(n: usize, q: f64, confidence: f64) -> Option<(usize, usize)> {
    if n == 0 || !(q > 0.0 && q < 1.0) || !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    if n <= EXACT_UP_TO { exact_ranks(n, q, confidence) } else { normal_ranks(n, q, confidence) }
}

/// With F the binomial distribution function: the largest lower rank with F(lower − 1) ≤ tail and the smallest upper
/// rank with F(upper − 1) ≥ 1 − tail.
fn exact_ranks(n: usize, q: f64, confidence: f64) -> Option<(usize, usize)> {
    let tail = (1.0 - confidence) / 2.0;
    let size = n as f64;
    // In logarithms, because (1 − q)^n is far below the smallest f64 for a p99 of a few thousand values.
    let odds = q.ln() - (1.0 - q).ln();
    let mut log_probability = size * (1.0 - q).ln();
    let mut cumulative = 0.0;
    let mut lower = None;
    for k in 0..n {
        cumulative += log_probability.exp();
        if cumulative <= tail {
            lower = Some(k + 1);
        }
        if cumulative >= 1.0 - tail {
            return lower.map(|lower| (lower, k + 1));
        }
        log_probability += odds + ((size - k as f64) / (k as f64 + 1.0)).ln();
    }
    None
}

/// The same ranks from the normal approximation, rounded outwards.
fn normal_ranks(n: usize, q: f64, confidence: f64) -> Option<(usize, usize)> {
    let size = n as f64;
    let half_width = two_sided_z(confidence)? * (size * q * (1.0 - q)).sqrt();
    let lower = (size * q - half_width).floor();
    let upper = (size * q + half_width).ceil() + 1.0;
    (lower >= 1.0 && upper <= size).then_some((lower as usize, upper as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranks_agree_with_exact_fractions() {
        // Computed in Python with `fractions.Fraction`, so without any rounding.
        for (n, q, confidence, expected) in [
            (5, 0.5, 0.95, None),
            (6, 0.5, 0.95, Some((1, 6))),
            (10, 0.5, 0.95, Some((2, 9))),
            (10, 0.9, 0.95, None),
            (35, 0.9, 0.95, None),
            (36, 0.9, 0.95, Some((29, 36))),
            (100, 0.5, 0.95, Some((40, 61))),
            (100, 0.9, 0.95, Some((84, 96))),
            (367, 0.99, 0.95, None),
            (368, 0.99, 0.95, Some((360, 368))),
            (500, 0.99, 0.95, Some((490, 500))),
            (1000, 0.99, 0.95, Some((983, 997))),
            (20, 0.5, 0.9, Some((6, 15))),
        ] {
            assert_eq!(quantile_ranks(n, q, confidence), expected, "n={n} q={q}");
        }
    }

    #[test]
    fn the_normal_ranks_meet_the_exact_ones_where_they_take_over() {
        for q in [0.5, 0.9, 0.99] {
            let exact = exact_ranks(EXACT_UP_TO, q, 0.95).unwrap();
            let normal = normal_ranks(EXACT_UP_TO, q, 0.95).unwrap();
            assert!(exact.0.abs_diff(normal.0) <= 2 && exact.1.abs_diff(normal.1) <= 2, "{exact:?} {normal:?}");
        }
    }

    #[test]
    fn wrong_inputs_have_no_interval() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(quantile_interval(&[], 0.5, 0.95), None);
        assert_eq!(quantile_interval(&values, 0.0, 0.95), None);
        assert_eq!(quantile_interval(&values, 1.0, 0.95), None);
        assert_eq!(quantile_interval(&values, 0.5, 95.0), None);
        assert_eq!(quantile_interval(&values, f64::NAN, 0.95), None);
        assert_eq!(quantile_interval(&values, 0.99, 0.95), Some((982.0, 996.0)));
    }

    proptest! {
        #[test]
        fn holds_the_sample_quantile(n in 1usize..3000, q in 0.01f64..0.99) {
            let values: Vec<f64> = (0..n).map(|i| (i as f64).sqrt()).collect();
            if let Some((low, high)) = quantile_interval(&values, q, 0.95) {
                let middle = crate::quantile(&values, q).unwrap();
                prop_assert!(low <= middle && middle <= high);
            }
        }

        #[test]
        fn more_confidence_is_never_narrower(n in 10usize..2000, q in 0.05f64..0.95) {
            if let (Some(narrow), Some(wide)) = (quantile_ranks(n, q, 0.8), quantile_ranks(n, q, 0.99)) {
                prop_assert!(wide.0 <= narrow.0 && narrow.1 <= wide.1);
            }
        }
    }
}
