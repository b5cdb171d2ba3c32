//! How sure a proportion is.

use crate::normal::two_sided_z;

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

    proptest! {
        #[test]
        fn holds_the_observed_rate(n in 1u64..100_000, part in 0.0f64..=1.0) {
            let successes = (n as f64 * part) as u64;
            let (low, high) = proportion_interval(successes, n, 0.95).unwrap();
            let rate = successes as f64 / n as f64;
            prop_assert!(0.0 <= low && low <= rate + 1e-12 && rate <= high + 1e-12 && high <= 1.0);
        }
    }
}
