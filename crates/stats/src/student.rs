//! Student's t distribution, central and noncentral.

use crate::normal::normal_cdf;
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::beta::beta_reg;
use statrs::function::gamma::ln_gamma;

/// P(|T| ≥ |t|) with `df` degrees of freedom: I(df/2, 1/2; df / (df + t²)). Stays exact far out in the tail. 1 when `t`
/// is not a number (no difference over no spread).
pub(crate) fn t_two_sided_p(t: f64, df: f64) -> f64 {
    if t.is_nan() {
        return 1.0;
    }
    beta_reg(0.5 * df, 0.5, df / (df + t * t))
}

/// P(T ≥ t).
pub(crate) fn t_upper_p(t: f64, df: f64) -> f64 {
    let tail = 0.5 * t_two_sided_p(t, df);
    if t < 0.0 { 1.0 - tail } else { tail }
}

/// The `t` within ±which T lies with this probability; `None` when `confidence` is not inside 0 to 1 or `df` is not
/// positive.
pub(crate) fn two_sided_t(confidence: f64, df: f64) -> Option<f64> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    Some(StudentsT::new(0.0, 1.0, df).ok()?.inverse_cdf(0.5 + 0.5 * confidence))
}

/// Power of the two-sided t test that rejects beyond ±`critical` when the true effect is `delta` standard errors:
/// P(|T'| > critical) for the noncentral t with `df` degrees of freedom.
///
/// T' = (Z + δ) / S with S² = χ²(df) / df, so the probability is that of the normal distribution given S, averaged over
/// S (Simpson's rule; S has the scaled chi density): N. L. Johnson, S. Kotz, N. Balakrishnan, "Continuous Univariate
/// Distributions", volume 2, 2nd edition (1995), chapter 31.
pub(crate) fn t_power(delta: f64, critical: f64, df: f64) -> f64 {
    const STEPS: u32 = 400;
    // S has mean near 1 and a standard deviation of at most 1/√(2 df): beyond 10 of them nothing is left.
    let reach = 10.0 / (2.0 * df).sqrt();
    let low = (1.0 - reach).max(0.0);
    let width = (1.0 + reach - low) / f64::from(STEPS);
    let log_scale = std::f64::consts::LN_2 + 0.5 * df * (0.5 * df).ln() - ln_gamma(0.5 * df);
    let height = |s: f64| {
        let log_density = log_scale - 0.5 * df * s * s;
        // At S = 0 only one degree of freedom has any density; 0 × ln 0 would not be a number.
        let log_density = if df == 1.0 { log_density } else { log_density + (df - 1.0) * s.ln() };
        let rejected = normal_cdf(delta - critical * s) + normal_cdf(-delta - critical * s);
        log_density.exp() * rejected
    };
    let inner: f64 =
        (1..STEPS).map(|step| if step % 2 == 1 { 4.0 } else { 2.0 } * height(low + f64::from(step) * width)).sum();
    (width / 3.0 * (height(low) + inner + height(low + f64::from(STEPS) * width))).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance * expected.abs(), "{got} instead of {expected}");
    }

    #[test]
    fn agrees_with_scipy() {
        // scipy 1.16.3: `2 * t.sf(t, df)`, `t.ppf(0.975, df)`.
        for (t, df, p) in T_P {
            close(t_two_sided_p(t, df), p, 1e-10);
            close(t_upper_p(t, df), p / 2.0, 1e-10);
            close(t_upper_p(-t, df), 1.0 - p / 2.0, 1e-10);
        }
        for (df, t) in T_PPF {
            close(two_sided_t(0.95, df).unwrap(), t, 1e-10);
        }
        // `nct.sf(c, df, delta) + nct.cdf(-c, df, delta)`.
        for (delta, critical, df, power) in NCT {
            close(t_power(delta, critical, df), power, 1e-7);
        }
    }

    #[test]
    fn wrong_inputs() {
        assert_eq!(two_sided_t(1.0, 3.0), None);
        assert_eq!(two_sided_t(0.95, 0.0), None);
        assert_eq!(t_two_sided_p(f64::NAN, 3.0), 1.0);
        assert_eq!(t_two_sided_p(f64::INFINITY, 3.0), 0.0);
    }

    const T_P: [(f64, f64, f64); 6] = [
        (0.5, 1.0, 0.7048327646991336),
        (2.0, 3.0, 0.1393259685588431),
        (2.5, 7.0, 0.040992218585752874),
        (6.0, 7.0, 0.0005422583420028096),
        (12.0, 29.0, 9.060708333137178e-13),
        (1.7, 250.5, 0.09037213930833253),
    ];
    const T_PPF: [(f64, f64); 6] = [
        (1.0, 12.706204736432095),
        (2.0, 4.302652729696142),
        (7.0, 2.3646242515927844),
        (11.3, 2.1938768963324247),
        (29.0, 2.045229642132703),
        (1000.0, 1.9623390808264074),
    ];
    const NCT: [(f64, f64, f64, f64); 7] = [
        (0.0, 2.3646242515927844, 7.0, 0.050000000000000065),
        (1.0, 12.706204736432095, 1.0, 0.07298889446820225),
        (5.0, 12.706204736432095, 1.0, 0.30516010272932104),
        (3.2, 4.302652729696142, 2.0, 0.42333472554425305),
        (3.2, 2.3646242515927844, 7.0, 0.783190260684955),
        (2.8, 2.0422724563012373, 30.0, 0.7732048539232573),
        (3.0, 1.965912343229391, 400.0, 0.8491576054235425),
    ];
}
