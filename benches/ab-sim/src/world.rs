//! The noise of load tests: what makes two runs of the same thing differ.

use plimsoll_stats::quantile;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

/// Requests of one run.
pub(crate) const REQUESTS: usize = 3_000;
/// Spread of the log latency within a run.
pub(crate) const WITHIN: f64 = 0.3;
/// How much a request's log latency has in common with the one before (AR(1)).
pub(crate) const MEMORY: f64 = 0.8;
/// Spread between runs: process layout, caches, placement.
pub(crate) const RUN: f64 = 0.03;
/// What the machine drifts from one slot of time to the next (random walk).
pub(crate) const DRIFT: f64 = 0.02;
/// Figures of a run: p50 and p99.
pub(crate) const FIGURES: [(&str, f64); 2] = [("p50", 0.50), ("p99", 0.99)];
/// Pairs of one experiment, at most.
pub(crate) const PAIRS: usize = 12;

/// Two runs for each pair, and the drift of as many slots. All logarithms.
pub(crate) struct Experiment {
    /// Every run's figures, as if the machine stood still.
    runs: Vec<[f64; 2]>,
    drift: Vec<f64>,
    /// Slots of base and branch of each pair.
    slots: Vec<(usize, usize)>,
    /// All requests of the first two runs, in order of size.
    requests: [Vec<f64>; 2],
}

impl Experiment {
    /// The experiment with this number: always the same.
    pub(crate) fn new(number: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(number);
        let mut requests = [Vec::new(), Vec::new()];
        let runs = (0..2 * PAIRS)
            .map(|i| {
                let run = run(&mut rng);
                let figures = FIGURES.map(|(_, q)| quantile(&run, q).unwrap_or(f64::NAN));
                if let Some(kept) = requests.get_mut(i) {
                    *kept = run;
                }
                figures
            })
            .collect();
        let mut level = 0.0;
        let drift = (0..2 * PAIRS)
            .map(|_| {
                level += DRIFT * normal(&mut rng);
                level
            })
            .collect();
        // Two pairs at a time: base, branch, branch, base, or the other way round.
        let slots = (0..PAIRS / 2)
            .flat_map(|two| {
                let first = 4 * two;
                let (abba, baab) =
                    ([(first, first + 1), (first + 3, first + 2)], [(first + 1, first), (first + 2, first + 3)]);
                if rng.random() { abba } else { baab }
            })
            .collect();
        Self { runs, drift, slots, requests }
    }

    /// Base and branch of the first `pairs` pairs, which ran next to each other.
    pub(crate) fn interleaved(&self, figure: usize, pairs: usize) -> Vec<(f64, f64)> {
        self.slots[..pairs].iter().map(|(base, branch)| (self.at(*base, figure), self.at(*branch, figure))).collect()
    }

    /// `runs` runs of the base and then as many of the branch.
    pub(crate) fn blocks(&self, figure: usize, runs: usize) -> (Vec<f64>, Vec<f64>) {
        let of = |slots: std::ops::Range<usize>| slots.map(|slot| self.at(slot, figure)).collect();
        (of(0..runs), of(runs..2 * runs))
    }

    /// The requests of one run of each, one after the other.
    pub(crate) fn single_runs(&self) -> [Vec<f64>; 2] {
        let [base, branch] = &self.requests;
        let moved = |run: &[f64], slot: usize| run.iter().map(|log| log + self.drift[slot]).collect();
        [moved(base, 0), moved(branch, 1)]
    }

    /// A figure of the run in this slot, in milliseconds.
    fn at(&self, slot: usize, figure: usize) -> f64 {
        100.0 * (self.runs[slot][figure] + self.drift[slot]).exp()
    }
}

/// The log latencies of one run, sorted.
fn run(rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let level = RUN * normal(rng);
    let fresh = WITHIN * (1.0 - MEMORY * MEMORY).sqrt();
    let mut state = WITHIN * normal(rng);
    let mut logs: Vec<f64> = (0..REQUESTS)
        .map(|_| {
            state = MEMORY * state + fresh * normal(rng);
            level + state
        })
        .collect();
    logs.sort_unstable_by(f64::total_cmp);
    logs
}

fn normal(rng: &mut Xoshiro256PlusPlus) -> f64 {
    rng.sample(StandardNormal)
}
