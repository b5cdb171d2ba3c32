//! A set of measurements in eight numbers.

use crate::quantile;
use serde::{Deserialize, Serialize};

/// What a set of measurements looks like. Every figure but `count` has the unit of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many measurements.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile; of little worth below about 1,000 measurements.
    pub p99: f64,
}

impl Distribution {
    /// Describes these values and leaves them sorted in ascending order, ready for
    /// [`quantile_interval`](crate::quantile_interval). Quantiles are those of [`quantile`]. `None` when there are no
    /// values or one of them is not finite.
    pub fn of(values: &mut [f64]) -> Option<Self> {
        if values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        Some(Self {
            count: values.len(),
            mean: mean(values)?,
            min: *values.first()?,
            max: *values.last()?,
            p50: quantile(values, 0.50)?,
            p90: quantile(values, 0.90)?,
            p95: quantile(values, 0.95)?,
            p99: quantile(values, 0.99)?,
        })
    }
}

/// The arithmetic mean, or `None` of no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::sample;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_numpy() {
        let mut values = sample();
        let got = Distribution::of(&mut values).unwrap();
        assert!(values.is_sorted());
        assert_eq!(got.count, 37);
        for (got, expected) in [
            (got.mean, 77.31177606177604),
            (got.min, 3.25),
            (got.p50, 81.25),
            (got.p90, 131.3357142857143),
            (got.p95, 139.3642857142857),
            (got.p99, 145.33),
            (got.max, 146.82142857142858),
        ] {
            assert!((got - expected).abs() < 1e-12 * expected, "{got} instead of {expected}");
        }
    }

    #[test]
    fn nothing_and_nonsense_have_no_distribution() {
        assert_eq!(Distribution::of(&mut []), None);
        assert_eq!(Distribution::of(&mut [1.0, f64::NAN]), None);
        assert_eq!(Distribution::of(&mut [1.0, f64::INFINITY]), None);
        assert_eq!(mean(&[]), None);
    }

    proptest! {
        #[test]
        fn figures_are_in_order(mut values in prop::collection::vec(-1e6f64..1e6, 1..300)) {
            let d = Distribution::of(&mut values).unwrap();
            let ordered = [d.min, d.p50, d.p90, d.p95, d.p99, d.max];
            prop_assert!(ordered.windows(2).all(|pair| pair[0] <= pair[1] + 1e-6));
            prop_assert!(d.min - 1e-6 <= d.mean && d.mean <= d.max + 1e-6);
        }
    }
}
