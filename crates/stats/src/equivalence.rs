//! From figures to a verdict.

use crate::effect::log_margin;
use crate::multiple::{benjamini_hochberg, holm};
use crate::paired::Comparison;
use serde::{Deserialize, Serialize};

/// What a comparison says. Neutral: whether lower is better depends on the figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The branch's figure is lower, and by more than the threshold.
    Lower,
    /// The branch's figure is higher, and by more than the threshold.
    Higher,
    /// No difference was seen, though one as large as the threshold would likely have been.
    NoDifference,
    /// The figures differ by less than the threshold: shown, not merely unseen.
    Equivalent,
    /// The runs are too few or too noisy to say.
    Inconclusive,
}

/// How p values make up for several figures being judged at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// [`holm`]: for a gate, where one false alarm is one too many.
    #[default]
    Holm,
    /// [`benjamini_hochberg`]: for a table that one browses.
    BenjaminiHochberg,
    /// None: for a single figure.
    None,
}

/// What counts as a difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// A smaller effect does not matter; 0.05 is 5 %. Counted as a ratio of 1.05 or 1 / 1.05.
    pub threshold: f64,
    /// Level of the tests, 0.05.
    pub alpha: f64,
    /// For several figures.
    pub correction: Correction,
}

impl Default for Rule {
    fn default() -> Self {
        Self { threshold: 0.05, alpha: 0.05, correction: Correction::Holm }
    }
}

/// What a comparison says, and from which p values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In a word.
    pub effect: Effect,
    /// p value of the t test, adjusted for the number of figures.
    pub p_adjusted: f64,
    /// p value of the equivalence test with the threshold as its margin; see
    /// [`LogEffect::equivalence_p`](crate::LogEffect::equivalence_p).
    pub p_equivalence: f64,
}

/// Judges the figures of one gate or one table together. `None` unless `threshold` is positive and `alpha` inside 0 to 1.
///
/// With "differs" for *adjusted p < alpha and the 95 % interval excludes 1* (for another alpha, the 1 − alpha interval),
/// the first line that fits decides:
///
/// | differs | estimate beyond the threshold | equivalence p < alpha | smallest detectable ≤ threshold | verdict |
/// |---|---|---|---|---|
/// | yes | yes | (cannot be) | any | `Lower` or `Higher` |
/// | any | no | yes | any | `Equivalent` |
/// | yes | no | no | any | `Inconclusive`: a difference, but nobody knows whether one that matters |
/// | no, and the interval includes 1 | no | no | yes | `NoDifference` |
/// | no | any | any | any | `Inconclusive`: too few runs, or too noisy |
///
/// The equivalence test is below alpha exactly when the 1 − 2 alpha interval (90 %) lies within the threshold.
/// Equivalence is judged for each figure by itself: the correction guards against false alarms only.
pub fn verdicts(comparisons: &[Comparison], rule: &Rule) -> Option<Vec<Verdict>> {
    let p: Vec<f64> = comparisons.iter().map(|comparison| comparison.p_t).collect();
    let adjusted = match rule.correction {
        Correction::Holm => holm(&p)?,
        Correction::BenjaminiHochberg => benjamini_hochberg(&p)?,
        Correction::None => p,
    };
    comparisons.iter().zip(adjusted).map(|(comparison, p)| verdict(comparison, p, rule)).collect()
}

/// Judges one figure whose p value was already adjusted. The rules, and `None`, as in [`verdicts`].
pub fn verdict(comparison: &Comparison, p_adjusted: f64, rule: &Rule) -> Option<Verdict> {
    let effect = &comparison.effect;
    let bound = log_margin(rule.threshold)?;
    let (low, high) = effect.interval(1.0 - rule.alpha)?;
    let p_equivalence = effect.equivalence_p(rule.threshold)?;
    let includes_one = low <= 1.0 && 1.0 <= high;
    let differs = p_adjusted < rule.alpha && !includes_one;
    let large = effect.mean.abs() > bound;
    let sensitive = comparison.smallest_detectable <= rule.threshold;
    let word = match () {
        () if differs && large && effect.mean < 0.0 => Effect::Lower,
        () if differs && large => Effect::Higher,
        () if p_equivalence < rule.alpha => Effect::Equivalent,
        () if includes_one && !large && sensitive => Effect::NoDifference,
        () => Effect::Inconclusive,
    };
    Some(Verdict { effect: word, p_adjusted, p_equivalence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare_pairs;
    use proptest::prelude::*;

    /// 8 pairs with this mean log ratio and this spread.
    fn comparison(mean: f64, sd: f64) -> Comparison {
        let pairs: Vec<_> = (0..8)
            .map(|i| {
                let side = if i % 2 == 0 { 1.0 } else { -1.0 };
                (1.0, (mean + side * sd * (7.0_f64 / 8.0).sqrt()).exp())
            })
            .collect();
        compare_pairs(&pairs, 1).unwrap()
    }

    fn word(mean: f64, sd: f64) -> Effect {
        verdicts(&[comparison(mean, sd)], &Rule::default()).unwrap()[0].effect
    }

    #[test]
    fn every_line_of_the_table() {
        assert_eq!(word(0.10, 0.03), Effect::Higher);
        assert_eq!(word(-0.10, 0.03), Effect::Lower);
        // The same distance from 1, although −5 % is further than 1 / 1.05.
        assert_eq!((word(0.0489, 0.001), word(-0.0489, 0.001)), (Effect::Higher, Effect::Lower));
        assert_eq!((word(0.0, 0.01), word(0.02, 0.01)), (Effect::Equivalent, Effect::Equivalent));
        assert_eq!(word(0.04, 0.03), Effect::Inconclusive);
        assert_eq!(word(0.026, 0.04), Effect::NoDifference);
        assert_eq!((word(0.0, 0.09), word(0.06, 0.09)), (Effect::Inconclusive, Effect::Inconclusive));
    }

    #[test]
    fn several_figures_ask_for_more() {
        // p = 0.0104 alone, 0.052 among five.
        let clear = comparison(0.06, 0.049);
        let rule = Rule::default();
        assert_eq!(verdicts(&[clear], &rule).unwrap()[0].effect, Effect::Higher);
        let five = verdicts(
            &[clear, comparison(0.0, 0.01), comparison(0.0, 0.01), comparison(0.0, 0.01), comparison(0.0, 0.01)],
            &rule,
        )
        .unwrap();
        assert_eq!(five[0].effect, Effect::Inconclusive, "{:?}", five[0]);
        assert!(five[1..].iter().all(|verdict| verdict.effect == Effect::Equivalent));
        let alone = Rule { correction: Correction::None, ..rule };
        assert_eq!(verdicts(&[clear; 5], &alone).unwrap()[0].p_adjusted, clear.p_t);
        let table = Rule { correction: Correction::BenjaminiHochberg, ..rule };
        assert!((verdicts(&[clear; 5], &table).unwrap()[0].p_adjusted - clear.p_t).abs() < 1e-15);
    }

    #[test]
    fn wrong_rules_have_no_verdict() {
        let some = [comparison(0.0, 0.01)];
        assert_eq!(verdicts(&some, &Rule { threshold: 0.0, ..Rule::default() }), None);
        assert_eq!(verdicts(&some, &Rule { alpha: 1.0, ..Rule::default() }), None);
        assert_eq!(verdicts(&[], &Rule::default()), Some(vec![]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn swapping_arms_swaps_lower_and_higher(mean in -0.2f64..0.2, sd in 0.001f64..0.2) {
            let mirrored = match word(mean, sd) {
                Effect::Lower => Effect::Higher,
                Effect::Higher => Effect::Lower,
                other => other,
            };
            prop_assert_eq!(word(-mean, sd), mirrored);
        }

        #[test]
        fn a_difference_is_never_small_or_unsure(mean in -0.2f64..0.2, sd in 0.001f64..0.2) {
            let got = comparison(mean, sd);
            match word(mean, sd) {
                Effect::Lower => prop_assert!(got.high < 1.0 && got.ratio < 1.0 / 1.05),
                Effect::Higher => prop_assert!(got.low > 1.0 && got.ratio > 1.05),
                Effect::NoDifference => prop_assert!(got.low <= 1.0 && got.high >= 1.0),
                Effect::Equivalent => prop_assert!(got.ratio > 1.0 / 1.05 && got.ratio < 1.05),
                Effect::Inconclusive => {}
            }
        }
    }
}
