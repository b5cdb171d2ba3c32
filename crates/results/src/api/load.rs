//! What a level's load asked for, as far as its figures can be held against it.

use plimsoll_model::scenario::{RequestSpec, Scenario};
use plimsoll_model::{ApiLoad, Stage};
use serde::{Deserialize, Serialize};

/// A ramp this short, as a share of the time, does not matter.
const SHORT: f64 = 0.05;

/// What was asked for once the warm-up was over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelLoad {
    /// Users, when their number stayed the same; else `null`.
    pub users: Option<f64>,
    /// Arrivals a second, when the rate stayed the same; else `null`.
    pub rate: Option<f64>,
    /// Whether users do anything but wait for answers: think, or pause between steps or turns.
    pub pauses: bool,
}

impl LevelLoad {
    /// Of this load of a scenario.
    pub fn of(load: &ApiLoad, scenario: &Scenario) -> Self {
        let turns = |request: &RequestSpec| request.turn_think.is_some();
        let steps = scenario.journeys.iter();
        let inside = scenario.requests.iter().any(turns)
            || steps.clone().any(|journey| journey.step_think.is_some() || journey.steps.iter().any(turns));
        let warmup = load.warmup().0.as_secs_f64();
        match load {
            ApiLoad::Users { stages, ramp_down, think, .. } => Self {
                users: constant(stages, 0.0, warmup).filter(|_| ramp_down.0.is_zero()),
                rate: None,
                pauses: inside || think.is_some(),
            },
            ApiLoad::Rate { stages, .. } => {
                let first = stages.first().map_or(0.0, |stage| stage.to);
                Self { users: None, rate: constant(stages, first, warmup), pauses: inside }
            }
            ApiLoad::Iterations { users, think, .. } => {
                Self { users: Some(f64::from(*users)), rate: None, pauses: inside || think.is_some() }
            }
            ApiLoad::Replay { .. } | ApiLoad::Sweep { .. } => Self { pauses: inside, ..Self::default() },
        }
    }
}

/// The value that the stages keep from then on, but for at most 5 % of the time: a short ramp does not matter.
fn constant(stages: &[Stage], start: f64, from: f64) -> Option<f64> {
    let (mut at, mut seconds, mut all, mut flat) = (start, 0.0_f64, 0.0, Vec::new());
    for stage in stages {
        let begun = seconds.max(from);
        seconds += stage.duration.0.as_secs_f64();
        let length = (seconds - begun).max(0.0);
        all += length;
        if at == stage.to {
            flat.push((stage.to, length));
        }
        at = stage.to;
    }
    let kept = |value: f64| flat.iter().filter(|(other, _)| *other == value).map(|(_, length)| length).sum::<f64>();
    let (value, _) = flat.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (all > 0.0 && kept(*value) >= (1.0 - SHORT) * all).then_some(*value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Span;
    use std::time::Duration;

    #[test]
    fn only_what_stays_the_same_after_the_warm_up_counts() {
        let stage = |seconds: u64, to: f64| Stage { duration: Span(Duration::from_secs(seconds)), to };
        assert_eq!(constant(&[stage(0, 8.0), stage(10, 8.0)], 0.0, 0.0), Some(8.0));
        assert_eq!(constant(&[stage(5, 8.0), stage(10, 8.0)], 0.0, 5.0), Some(8.0));
        assert_eq!(constant(&[stage(5, 8.0), stage(10, 8.0)], 0.0, 4.0), None, "still growing");
        assert_eq!(constant(&[stage(10, 8.0), stage(10, 9.0)], 8.0, 0.0), None);
        assert_eq!(constant(&[stage(1, 8.0), stage(30, 8.0)], 0.0, 0.0), Some(8.0), "a short ramp");
        assert_eq!(constant(&[], 8.0, 0.0), None);
    }
}
