//! What a comparison knows of the true effect, on the logarithmic scale.

use crate::student::{t_two_sided_p, t_upper_p, two_sided_t};
use serde::{Deserialize, Serialize};

/// An estimate of ln(branch / base) that follows Student's t around the truth. Ratios are compared as logarithms: half
/// and double are then equally far from 1, and swapping the arms only turns the sign.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogEffect {
    /// Estimated ln(branch / base); 0.05 is about +5 %.
    pub mean: f64,
    /// Standard error of `mean`.
    pub standard_error: f64,
    /// Degrees of freedom of the standard error.
    pub degrees: f64,
}

impl LogEffect {
    /// The effect as a ratio, branch / base: 1.05 is +5 %.
    pub fn ratio(&self) -> f64 {
        self.mean.exp()
    }

    /// The t interval of the ratio; `None` when `confidence` is not inside 0 to 1.
    pub fn interval(&self, confidence: f64) -> Option<(f64, f64)> {
        let half_width = two_sided_t(confidence, self.degrees)? * self.standard_error;
        Some(((self.mean - half_width).exp(), (self.mean + half_width).exp()))
    }

    /// Two-sided p value of the t test of "the ratio is 1". Without any spread it is 1 for no difference, 0 for one.
    pub fn p(&self) -> f64 {
        t_two_sided_p(self.mean / self.standard_error, self.degrees)
    }

    /// p value of the two one-sided t tests (TOST) of "the ratio is at least `margin` away from 1", so that a small one
    /// says that arms are equivalent: below 0.05 exactly when the 90 % interval lies within the margin. `margin` is a
    /// share: with 0.05 the ratio may be from 1 / 1.05 to 1.05, the same whichever arm comes first. `None` unless
    /// `margin` is positive.
    ///
    /// D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
    /// equivalence of average bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
    pub fn equivalence_p(&self, margin: f64) -> Option<f64> {
        let bound = log_margin(margin)?;
        // The test against the nearer bound has the larger p, and both must hold.
        let distance = bound - self.mean.abs();
        Some(if self.standard_error == 0.0 {
            if distance > 0.0 { 0.0 } else { 1.0 }
        } else {
            t_upper_p(distance / self.standard_error, self.degrees)
        })
    }
}

/// A share as a distance from 0 on the logarithmic scale.
pub(crate) fn log_margin(margin: f64) -> Option<f64> {
    (margin > 0.0 && margin.is_finite()).then(|| margin.ln_1p())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_statsmodels() {
        // The log ratios of `testdata::pairs()`; `DescrStatsW(d).ttost_mean(-log(1.05), log(1.05))`, statsmodels 0.15.0.
        let effect = LogEffect { mean: 0.03178657816744164, standard_error: 0.008661275505460765, degrees: 7.0 };
        for (margin, p) in [
            (0.01, 0.9801277372332883),
            (0.03, 0.5977936714953251),
            (0.05, 0.04519801001882922),
            (0.1, 7.90264104106389e-05),
        ] {
            let got = effect.equivalence_p(margin).unwrap();
            assert!((got - p).abs() < 1e-9, "{margin}: {got} instead of {p}");
        }
        assert_eq!(effect.equivalence_p(0.0), None);
        assert_eq!(effect.equivalence_p(f64::NAN), None);
    }

    #[test]
    fn without_spread() {
        let exact = |mean| LogEffect { mean, standard_error: 0.0, degrees: 3.0 };
        assert_eq!((exact(0.0).p(), exact(0.1).p()), (1.0, 0.0));
        assert_eq!(exact(0.0).interval(0.95), Some((1.0, 1.0)));
        assert_eq!((exact(0.01).equivalence_p(0.05), exact(0.1).equivalence_p(0.05)), (Some(0.0), Some(1.0)));
    }

    proptest! {
        #[test]
        fn tost_is_the_90_percent_interval(mean in -0.2f64..0.2, error in 0.001f64..0.1, degrees in 1.0f64..50.0) {
            let effect = LogEffect { mean, standard_error: error, degrees };
            let (low, high) = effect.interval(0.9).unwrap();
            let inside = low > 1.0 / 1.05 && high < 1.05;
            prop_assert_eq!(effect.equivalence_p(0.05).unwrap() < 0.05, inside);
        }

        #[test]
        fn swapping_arms_changes_nothing(mean in -0.2f64..0.2, error in 0.001f64..0.1, degrees in 1.0f64..50.0) {
            let effect = LogEffect { mean, standard_error: error, degrees };
            let swapped = LogEffect { mean: -mean, ..effect };
            prop_assert_eq!((effect.p(), effect.equivalence_p(0.05)), (swapped.p(), swapped.equivalence_p(0.05)));
            let ((low, high), (other_low, other_high)) = (effect.interval(0.95).unwrap(), swapped.interval(0.95).unwrap());
            prop_assert!((low * other_high - 1.0).abs() < 1e-9 && (high * other_low - 1.0).abs() < 1e-9);
        }
    }
}
