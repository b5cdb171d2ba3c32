//! The standard normal distribution.

use statrs::function::erf::{erfc, erfc_inv};
use std::f64::consts::SQRT_2;

/// The `z` for which a standard normal variable lies within ±z with this probability: 1.96 for 0.95.
/// `None` when `confidence` is not inside 0 to 1.
pub(crate) fn two_sided_z(confidence: f64) -> Option<f64> {
    (confidence > 0.0 && confidence < 1.0).then(|| SQRT_2 * erfc_inv(1.0 - confidence))
}

/// P(Z ≤ z).
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// The `z` that a standard normal variable stays below with this probability; infinite at 0 and 1.
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_python() {
        // `statistics.NormalDist().inv_cdf((1 + confidence) / 2)`.
        for (confidence, expected) in [
            (0.2, 0.2533471031357998),
            (0.8, 1.2815515655446008),
            (0.95, 1.9599639845400536),
            (0.99, 2.5758293035489),
            (0.9998, 3.7190164854557084),
        ] {
            let z = two_sided_z(confidence).unwrap();
            assert!((z - expected).abs() < 1e-11, "{confidence}: {z} instead of {expected}");
            assert!((normal_cdf(z) - (1.0 + confidence) / 2.0).abs() < 1e-10);
            assert!((normal_quantile((1.0 + confidence) / 2.0) - z).abs() < 1e-11);
        }
    }

    #[test]
    fn wrong_confidences_have_none() {
        for confidence in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            assert_eq!(two_sided_z(confidence), None);
        }
    }
}
