//! Lengths: checked once, then drawn.

use plimsoll_model::scenario::Length;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Normal};

/// No model reads more, and nobody speaks more often.
const LARGEST: u32 = 10_000_000;
/// A normal distribution cut far from its mean is drawn again this often before the cut itself is taken.
const TRIES: u32 = 100;

/// A length that can be drawn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Draw {
    Fixed(u32),
    Uniform(u32, u32),
    Normal { normal: Normal<f64>, least: u32, most: u32 },
}

impl Draw {
    /// Reads a length; the message tells what is wrong with it.
    pub(super) fn new(length: &Length) -> Result<Self, String> {
        let whole = |value: f64| {
            if value.is_finite() && (1.0..=f64::from(LARGEST)).contains(&value) {
                Ok(value.round() as u32)
            } else {
                Err(format!("must be between 1 and {LARGEST}, not {value}"))
            }
        };
        for bound in [length.min, length.max].into_iter().flatten() {
            whole(f64::from(bound))?;
        }
        if let (Some(least), Some(most)) = (length.min, length.max)
            && least > most
        {
            return Err(format!("has a `min` ({least}) above its `max` ({most})"));
        }
        let (least, most) = (length.min.unwrap_or(1), length.max.unwrap_or(LARGEST));
        match (length.mean, length.stddev) {
            (None, Some(_)) => Err("has a `stddev` without a `mean`".to_owned()),
            (None, None) => match (length.min, length.max) {
                (Some(least), Some(most)) => Ok(Self::Uniform(least, most)),
                (None, None) => Err("is empty: give a number, `mean` and `stddev`, or `min` and `max`".to_owned()),
                _ => Err("needs both `min` and `max`, or a `mean`".to_owned()),
            },
            (Some(mean), stddev) => {
                let fixed = whole(mean)?;
                if !(least..=most).contains(&fixed) {
                    return Err(format!("has a `mean` ({mean}) outside of `min` and `max`"));
                }
                match stddev {
                    None if length.min.or(length.max).is_some() => {
                        Err("has bounds around a `mean` without a `stddev`".to_owned())
                    }
                    None | Some(0.0) => Ok(Self::Fixed(fixed)),
                    Some(stddev) if stddev > 0.0 && stddev <= f64::from(LARGEST) => {
                        let normal = Normal::new(mean, stddev).map_err(|error| error.to_string())?;
                        Ok(Self::Normal { normal, least, most })
                    }
                    Some(stddev) => Err(format!("has a `stddev` of {stddev}")),
                }
            }
        }
    }

    /// One length.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> u32 {
        match *self {
            Self::Fixed(length) => length,
            Self::Uniform(least, most) => rng.random_range(least..=most),
            Self::Normal { normal, least, most } => {
                let drawn = (0..TRIES)
                    .map(|_| normal.sample(rng).round())
                    .find(|length| (f64::from(least)..=f64::from(most)).contains(length));
                drawn.map_or_else(|| (normal.mean() as u32).clamp(least, most), |length| length as u32)
            }
        }
    }

    /// About what a length is at most, to know what many of them take.
    pub(super) fn large(&self) -> u32 {
        match *self {
            Self::Fixed(length) | Self::Uniform(_, length) => length,
            Self::Normal { normal, most, .. } => (normal.mean() + 3.0 * normal.std_dev()).min(f64::from(most)) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn length(mean: Option<f64>, stddev: Option<f64>, min: Option<u32>, max: Option<u32>) -> Length {
        Length { mean, stddev, min, max }
    }

    #[test]
    fn wrong_lengths_are_told() {
        for (wrong, what) in [
            (length(None, None, None, None), "is empty"),
            (length(None, None, Some(9), Some(3)), "above its `max`"),
            (length(None, None, Some(9), None), "needs both"),
            (length(None, Some(3.0), Some(1), Some(9)), "without a `mean`"),
            (length(Some(5.0), None, Some(1), None), "without a `stddev`"),
            (length(Some(50.0), Some(1.0), Some(1), Some(9)), "outside"),
            (length(Some(5.0), Some(-1.0), None, None), "`stddev` of -1"),
            (length(Some(5.0), Some(f64::NAN), None, None), "`stddev` of NaN"),
            (length(Some(0.0), None, None, None), "between 1 and"),
            (length(Some(f64::INFINITY), None, None, None), "between 1 and"),
            (length(None, None, Some(0), Some(9)), "between 1 and"),
        ] {
            let error = Draw::new(&wrong).unwrap_err();
            assert!(error.contains(what), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn a_mean_is_met() {
        let draw = Draw::new(&length(Some(200.0), Some(40.0), Some(1), Some(399))).unwrap();
        let mut rng = StdRng::seed_from_u64(7);
        let mean = (0..10_000).map(|_| f64::from(draw.draw(&mut rng))).sum::<f64>() / 10_000.0;
        assert!((mean - 200.0).abs() < 2.0, "{mean}");
    }

    proptest! {
        #[test]
        fn lengths_stay_within_bounds(
            mean in 1.0..5e3_f64, stddev in 0.0..5e3_f64, least in 1..2_000_u32, more in 0..4_000_u32, seed: u64
        ) {
            let most = least + more;
            let mut rng = StdRng::seed_from_u64(seed);
            let uniform = Draw::new(&length(None, None, Some(least), Some(most))).unwrap();
            let lengths = [Some(uniform), Draw::new(&length(Some(mean), Some(stddev), Some(least), Some(most))).ok()];
            for draw in lengths.into_iter().flatten() {
                for _ in 0..50 {
                    let drawn = draw.draw(&mut rng);
                    prop_assert!(matches!(draw, Draw::Fixed(_)) || (least..=most).contains(&drawn));
                }
            }
        }
    }
}
