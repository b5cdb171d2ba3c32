//! Arrivals at a rate that moves along straight lines.

use super::seconds;
use plimsoll_model::scenario::ArrivalProcess;
use plimsoll_model::{Arrivals, Stage};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Exp1, Gamma};
use std::time::Duration;

/// Intended starts of the arrivals, from the start of the load; ends with the last stage.
///
/// Gaps are drawn with mean 1 in expected arrivals, and carried to the time at which the area under the rate reaches
/// them. For exponential gaps that is exactly the Poisson process with this rate (D. J. Daley and D. Vere-Jones, "An
/// Introduction to the Theory of Point Processes", 2nd edition, section 7.4: random time change). The same seed gives
/// the same arrivals.
#[derive(Debug)]
pub struct RateSchedule {
    curve: Curve,
    gaps: Gaps,
    rng: StdRng,
    /// Expected arrivals up to the last one.
    area: f64,
    begun: bool,
}

#[derive(Debug)]
enum Gaps {
    Constant,
    Exponential,
    Gamma(Gamma<f64>),
}

impl RateSchedule {
    /// Arrivals along these stages. The first stage begins at its own rate, each other one at that of the one before.
    pub fn new(stages: &[Stage], arrivals: Arrivals, seed: u64) -> Self {
        let gaps = match arrivals.process {
            ArrivalProcess::Constant => Gaps::Constant,
            ArrivalProcess::Poisson => Gaps::Exponential,
            // Shape k and scale 1/k: mean 1, variance 1/k.
            ArrivalProcess::Gamma => {
                Gamma::new(arrivals.burstiness, 1.0 / arrivals.burstiness).map_or(Gaps::Exponential, Gaps::Gamma)
            }
        };
        let rng = StdRng::seed_from_u64(seed ^ 0xA881_7A15);
        Self { curve: Curve::new(stages), gaps, rng, area: 0.0, begun: false }
    }
}

impl Iterator for RateSchedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let gap = match &self.gaps {
            Gaps::Constant => f64::from(u8::from(self.begun)),
            Gaps::Exponential => Exp1.sample(&mut self.rng),
            Gaps::Gamma(gamma) => gamma.sample(&mut self.rng),
        };
        self.begun = true;
        self.area += gap;
        self.curve.time_of(self.area).map(seconds)
    }
}

/// The rate over time, and the area under it.
#[derive(Debug)]
struct Curve {
    pieces: Vec<Piece>,
    /// The piece that the last question fell into: questions come in order.
    at: usize,
}

#[derive(Debug)]
struct Piece {
    start: f64,
    duration: f64,
    from: f64,
    to: f64,
    area_before: f64,
}

impl Curve {
    fn new(stages: &[Stage]) -> Self {
        let mut pieces = Vec::with_capacity(stages.len());
        let (mut start, mut area_before) = (0.0, 0.0);
        let mut from = stages.first().map_or(0.0, |stage| stage.to);
        for stage in stages {
            let (duration, to) = (stage.duration.0.as_secs_f64(), stage.to);
            if duration > 0.0 {
                pieces.push(Piece { start, duration, from, to, area_before });
                start += duration;
                area_before += duration * (from + to) / 2.0;
            }
            from = to;
        }
        Self { pieces, at: 0 }
    }

    /// When the area reaches this much; `None` if it never does.
    fn time_of(&mut self, area: f64) -> Option<f64> {
        loop {
            let piece = self.pieces.get(self.at)?;
            let inside = area - piece.area_before;
            // An arrival at the very end of the last piece is after the load.
            if inside < piece.duration * (piece.from + piece.to) / 2.0 {
                return Some(piece.start + piece.time_of(inside));
            }
            self.at += 1;
        }
    }
}

impl Piece {
    /// Solves from·t + slope·t²/2 = area for t, in the form that loses no digits when the slope is small.
    fn time_of(&self, area: f64) -> f64 {
        let slope = (self.to - self.from) / self.duration;
        let root = (self.from * self.from + 2.0 * slope * area).max(0.0).sqrt();
        let divisor = self.from + root;
        if divisor > 0.0 { (2.0 * area / divisor).min(self.duration) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Span;
    use proptest::prelude::*;

    fn stage(seconds: f64, to: f64) -> Stage {
        Stage { duration: Span(Duration::from_secs_f64(seconds)), to }
    }

    fn starts(stages: &[Stage], process: ArrivalProcess, burstiness: f64, seed: u64) -> Vec<f64> {
        RateSchedule::new(stages, Arrivals { process, burstiness }, seed).map(|at| at.as_secs_f64()).collect()
    }

    #[test]
    fn constant_arrivals_are_even() {
        let got = starts(&[stage(1.0, 4.0)], ArrivalProcess::Constant, 1.0, 1);
        assert_eq!(got, [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn a_ramp_has_the_area_of_its_triangle() {
        // 10/s for 2 s, then up to 30/s over 4 s: 20 + 80 arrivals.
        let got = starts(&[stage(2.0, 10.0), stage(4.0, 30.0)], ArrivalProcess::Constant, 1.0, 1);
        assert_eq!(got.len(), 100);
        // The 60th is at area 60: 40 into the ramp, 10 t + 2.5 t² = 40.
        let t = (-10.0 + f64::sqrt(100.0 + 4.0 * 2.5 * 40.0)) / 5.0;
        assert!((got[60] - (2.0 + t)).abs() < 1e-9, "{}", got[60]);
    }

    #[test]
    fn a_pause_and_a_ramp_from_zero() {
        let got = starts(
            &[stage(1.0, 2.0), stage(0.0, 0.0), stage(5.0, 0.0), stage(2.0, 2.0)],
            ArrivalProcess::Constant,
            1.0,
            1,
        );
        assert_eq!(got.len(), 4);
        assert!(got[1] == 0.5 && got[2] >= 6.0 && got[3] > 7.0, "{got:?}");
    }

    /// Coefficient of variation of the gaps: 1 for Poisson, 1/√k for gamma with shape k.
    fn variation(starts: &[f64]) -> f64 {
        let gaps: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        variance.sqrt() / mean
    }

    #[test]
    fn random_arrivals_have_the_rate_and_the_burstiness() {
        for (process, burstiness, expected) in [
            (ArrivalProcess::Poisson, 1.0, 1.0),
            (ArrivalProcess::Gamma, 1.0, 1.0),
            (ArrivalProcess::Gamma, 0.25, 2.0),
            (ArrivalProcess::Gamma, 16.0, 0.25),
        ] {
            let got = starts(&[stage(200.0, 200.0)], process, burstiness, 3);
            // 40,000 expected; the standard deviation of the count is 200 × the variation.
            assert!((got.len() as f64 - 40_000.0).abs() < 1000.0 * expected, "{}", got.len());
            let variation = variation(&got);
            assert!((variation - expected).abs() < 0.05 * expected, "{process:?} {burstiness}: {variation}");
        }
    }

    #[test]
    fn the_seed_decides() {
        let poisson = |seed| starts(&[stage(2.0, 50.0)], ArrivalProcess::Poisson, 1.0, seed);
        assert_eq!(poisson(7), poisson(7));
        assert_ne!(poisson(7), poisson(8));
    }

    proptest! {
        /// Constant arrivals up to any moment are the area under the rate up to it, and never go back.
        #[test]
        fn counts_are_the_area(
            stages in proptest::collection::vec((0.0f64..5.0, 0.0f64..200.0), 1..6),
        ) {
            let stages: Vec<Stage> = stages.into_iter().map(|(time, to)| stage(time, to)).collect();
            let got = starts(&stages, ArrivalProcess::Constant, 1.0, 0);
            prop_assert!(got.windows(2).all(|pair| pair[0] <= pair[1]));
            let (mut area, mut from) = (0.0, stages[0].to);
            for stage in &stages {
                area += stage.duration.0.as_secs_f64() * (from + stage.to) / 2.0;
                from = stage.to;
            }
            prop_assert!((got.len() as f64 - area).abs() <= 1.0 + 1e-6, "{} {area}", got.len());
        }
    }
}
