//! Sample quantiles.

/// The `q` quantile (0 to 1) of values sorted in ascending order, in the values' own unit; `None` when there are no
/// values or `q` lies outside 0 to 1.
///
/// Linear interpolation between the two order statistics around rank `(n − 1) q`: type 7 of Hyndman & Fan, "Sample
/// quantiles in statistical packages", The American Statistician 50 (1996), which is what numpy's `percentile` does
/// when told nothing else.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    debug_assert!(sorted.is_sorted(), "quantile needs sorted values");
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let last = sorted.len().checked_sub(1)?;
    let rank = last as f64 * q;
    let below = (rank.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let weight = rank - below as f64;
    let (low, high) = (sorted[below], sorted[above]);
    let step = high - low;
    // Start from the nearer neighbour: the rounding error is then smallest, and the result never passes either one.
    Some(if weight < 0.5 { low + step * weight } else { high - step * (1.0 - weight) })
}

/// The rank (from 1) of the `q` quantile (0 to 1) among `n` sorted values, for values that are kept in a histogram: the
/// smallest rank of which at least the share `q` lies at or below, ⌈q n⌉ (type 1 of Hyndman & Fan). `None` when there
/// are no values or `q` lies outside 0 to 1.
pub fn quantile_rank(n: u64, q: f64) -> Option<u64> {
    if n == 0 || !(0.0..=1.0).contains(&q) {
        return None;
    }
    // 0.95 × 20 is a little more than 19 in binary; that is not a reason to take the twentieth.
    let rank = (q * n as f64 - 1e-9 * n as f64).ceil();
    Some((rank as u64).clamp(1, n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::sorted_sample;
    use proptest::prelude::*;

    /// `numpy.percentile(values, 100 q)`, numpy 2.4.6.
    const NUMPY: [(f64, f64); 8] = [
        (0.0, 3.25),
        (0.01, 4.741428571428571),
        (0.25, 42.25),
        (0.5, 81.25),
        (0.9, 131.3357142857143),
        (0.95, 139.3642857142857),
        (0.99, 145.33),
        (1.0, 146.82142857142858),
    ];

    #[test]
    fn agrees_with_numpy() {
        let values = sorted_sample();
        for (q, expected) in NUMPY {
            let got = quantile(&values, q).unwrap();
            assert!((got - expected).abs() < 1e-12 * expected, "q={q}: {got} instead of {expected}");
        }
    }

    #[test]
    fn small_and_wrong_inputs() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[1.0, 2.0], 1.5), None);
        assert_eq!(quantile(&[1.0, 2.0], f64::NAN), None);
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
    }

    #[test]
    fn ranks_of_quantiles() {
        for (n, q, rank) in [(20, 0.95, 19), (20, 0.5, 10), (21, 0.5, 11), (1, 0.99, 1), (1000, 0.99, 990), (5, 0.0, 1)]
        {
            assert_eq!(quantile_rank(n, q), Some(rank), "{n} {q}");
        }
        assert_eq!((quantile_rank(0, 0.5), quantile_rank(3, 1.5)), (None, None));
    }

    proptest! {
        #[test]
        fn lies_between_the_extremes_and_rises_with_q(
            mut values in prop::collection::vec(0.0f64..1e6, 1..200),
            a in 0.0f64..=1.0,
            b in 0.0f64..=1.0,
        ) {
            values.sort_by(f64::total_cmp);
            let low = quantile(&values, a.min(b)).unwrap();
            let high = quantile(&values, a.max(b)).unwrap();
            prop_assert!(values[0] <= low);
            prop_assert!(low <= high + 1e-9);
            prop_assert!(high <= values[values.len() - 1]);
        }
    }
}
