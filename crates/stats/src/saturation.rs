//! The point from which more load only means longer waiting.

use serde::{Deserialize, Serialize};

/// Throughput that grows by less than this part of what the load grows by has stopped growing.
const FLAT: f64 = 0.1;
/// Latency that grows by at least this part of what the load grows by shows a queue. In a closed system at its limit it
/// grows by all of it (J. D. C. Little's law, L = λ W, with λ at its limit); think time takes some of that away.
const QUEUE: f64 = 0.5;
/// The load must have grown by this factor beyond the knee: over less, noise looks like a limit.
const REACH: f64 = 1.25;

/// One level of load, held for a while.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Users, or offered requests per second.
    pub load: f64,
    /// Completed requests per second.
    pub throughput: f64,
    /// Typical latency, in any unit; the median is a good choice.
    pub latency: f64,
}

/// Where a system saturates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Saturation {
    /// Index of the knee: the last level whose load was worth its while.
    pub index: usize,
    /// Load at the knee.
    pub load: f64,
    /// Throughput of the plateau: the median of the levels from the knee on, per second.
    pub throughput: f64,
    /// Throughput of the last level as a share of the plateau's: below 1 the system does less the more is asked of it.
    pub retained: f64,
}

/// The knee of a curve of at least 2 levels with rising loads: the first level from which, up to every later level,
/// throughput grows by less than a tenth of what the load grows by (in shares: load +100 %, throughput less than +10 %),
/// while up to the last level, at least 25 % more load, latency grows by half of it or more. `None` when the curve never
/// gets there, loads do not rise, or a figure is negative or not finite.
///
/// Both are needed. Throughput alone also stops growing when clients cannot send more; latency alone grows long before
/// the limit. The first half is the definition of a system's capacity in R. Jain, "The Art of Computer Systems
/// Performance Analysis" (1991), section 3.3 (knee and usable capacity), with numbers put to it.
pub fn saturation(levels: &[Level]) -> Option<Saturation> {
    let fine = |level: &Level| {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        positive(level.load) && level.throughput >= 0.0 && level.throughput.is_finite() && positive(level.latency)
    };
    if !levels.iter().all(fine) || !levels.is_sorted_by(|a, b| a.load < b.load) {
        return None;
    }
    let last = levels.last()?;
    let index = levels.iter().enumerate().position(|(i, level)| {
        let flat = levels[i + 1..].iter().all(|later| {
            let growth = later.load / level.load - 1.0;
            later.throughput - level.throughput < FLAT * growth * level.throughput
        });
        let growth = last.load / level.load - 1.0;
        let queue = last.latency / level.latency - 1.0 >= QUEUE * growth;
        flat && queue && growth >= REACH - 1.0 - 1e-9
    })?;
    let knee = levels.get(index)?;
    let mut plateau: Vec<f64> = levels[index..].iter().map(|level| level.throughput).collect();
    plateau.sort_unstable_by(f64::total_cmp);
    let throughput = crate::quantile(&plateau, 0.5)?;
    Some(Saturation { index, load: knee.load, throughput, retained: last.throughput / throughput })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A closed system without think time: `limit` servers of `service` seconds, fairly shared.
    fn closed(loads: &[f64], limit: f64, service: f64) -> Vec<Level> {
        loads
            .iter()
            .map(|load| {
                let throughput = load.min(limit) / service;
                Level { load: *load, throughput, latency: load / throughput }
            })
            .collect()
    }

    const LOADS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

    #[test]
    fn finds_the_servers() {
        let got = saturation(&closed(&LOADS, 16.0, 0.5)).unwrap();
        assert_eq!(got, Saturation { index: 4, load: 16.0, throughput: 32.0, retained: 1.0 });
        // Between two levels: the one that reaches the plateau is the first at which nothing more comes.
        assert_eq!(saturation(&closed(&LOADS, 20.0, 0.5)).unwrap().load, 32.0);
        // One server is saturated by the first user.
        assert_eq!(saturation(&closed(&LOADS, 1.0, 0.5)).unwrap().index, 0);
    }

    #[test]
    fn not_reached() {
        assert_eq!(saturation(&closed(&LOADS, 1000.0, 0.5)), None);
        // The last level alone shows nothing.
        assert_eq!(saturation(&closed(&LOADS, 128.0, 0.5)), None);
        // Throughput is flat and latency too: the clients are the limit.
        let clients: Vec<Level> =
            LOADS.iter().map(|load| Level { load: *load, throughput: 50.0, latency: 0.1 }).collect();
        assert_eq!(saturation(&clients), None);
        // Latency grows, throughput too: not there yet.
        let sharing: Vec<Level> =
            LOADS.iter().map(|load| Level { load: *load, throughput: load.sqrt(), latency: load.sqrt() }).collect();
        assert_eq!(saturation(&sharing), None);
    }

    #[test]
    fn falls_beyond_the_knee() {
        let mut levels = closed(&LOADS, 8.0, 1.0);
        for level in &mut levels[4..] {
            level.throughput *= (8.0 / level.load).powf(0.2);
            level.latency = level.load / level.throughput;
        }
        let got = saturation(&levels).unwrap();
        assert_eq!(got.index, 3);
        assert!(got.retained < 0.8, "{got:?}");
    }

    #[test]
    fn an_open_system_queues() {
        let offered = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
        let levels: Vec<Level> = offered
            .iter()
            .map(|load| Level {
                load: *load,
                throughput: load.min(38.0),
                latency: if *load <= 38.0 { 0.1 } else { load - 38.0 },
            })
            .collect();
        assert_eq!(saturation(&levels).map(|got| (got.index, got.throughput)), Some((3, 38.0)));
    }

    #[test]
    fn wrong_inputs() {
        assert_eq!(saturation(&[]), None);
        assert_eq!(saturation(&closed(&[1.0], 1.0, 1.0)), None);
        assert_eq!(saturation(&closed(&[2.0, 1.0], 1.0, 1.0)), None);
        let mut levels = closed(&LOADS, 4.0, 1.0);
        levels[2].latency = f64::NAN;
        assert_eq!(saturation(&levels), None);
    }

    proptest! {
        #[test]
        fn noise_moves_the_knee_by_a_level_at_most(limit in 3usize..6, noise in prop::collection::vec(0.97f64..1.03, 8)) {
            let mut levels = closed(&LOADS, LOADS[limit], 0.2);
            for (level, noise) in levels.iter_mut().zip(noise) {
                level.throughput *= noise;
                level.latency /= noise;
            }
            let got = saturation(&levels).unwrap();
            prop_assert!(got.index.abs_diff(limit) <= 1, "{got:?}");
            prop_assert!((got.throughput / (LOADS[limit] / 0.2) - 1.0).abs() < 0.05, "{got:?}");
        }
    }
}
