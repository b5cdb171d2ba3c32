//! The standard normal distribution.

/// The `z` for which a standard normal variable lies within ±z with this probability: 1.96 for 0.95.
/// `None` when `confidence` is not inside 0 to 1.
pub(crate) fn two_sided_z(confidence: f64) -> Option<f64> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    // The probability rises with z, so halving the bracket finds it. Beyond ±10 an f64 cannot tell it from 1.
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if central_probability(middle) < confidence {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(0.5 * (low + high))
}

/// P(−z ≤ Z ≤ z) by the series 2 φ(z) (z + z³/3 + z⁵/(3·5) + …), all of whose terms are positive, so that nothing
/// cancels: G. Marsaglia, "Evaluating the normal distribution", Journal of Statistical Software 11 (2004).
fn central_probability(z: f64) -> f64 {
    let square = z * z;
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term > sum * f64::EPSILON {
        odd += 2.0;
        term *= square / odd;
        sum += term;
    }
    let density = (-0.5 * square).exp() / std::f64::consts::TAU.sqrt();
    2.0 * density * sum
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
        }
    }

    #[test]
    fn wrong_confidences_have_none() {
        for confidence in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            assert_eq!(two_sided_z(confidence), None);
        }
    }
}
