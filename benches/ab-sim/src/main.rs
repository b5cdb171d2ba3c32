//! How often do ways of comparing two versions cry wolf, and how often do they see what is there?
//!
//! Simulates experiments whose truth is known and puts `plimsoll ab`'s own functions beside other ways. Prints the tables
//! of the page "Comparing two versions" in the docs. `ab-sim [EXPERIMENTS]`, 4,000 when not told.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod mann_whitney;
mod world;

use plimsoll_stats::{
    Comparison, Effect, LogEffect, Rule, compare_pairs, compare_runs, mean, proportion_interval, verdicts,
};
use std::process::ExitCode;
use world::{DRIFT, Experiment, FIGURES, MEMORY, REQUESTS, RUN, WITHIN};

/// Pairs of an experiment.
const PAIRS: [usize; 4] = [4, 6, 8, 12];
/// Those of the table of false alarms.
const USUAL: usize = 8;
/// True effects, as shares.
const EFFECTS: [f64; 4] = [0.0, 0.05, 0.10, 0.20];
const ALPHA: f64 = 0.05;

fn main() -> ExitCode {
    let experiments = std::env::args().nth(1).map_or(Ok(4_000), |argument| argument.parse());
    let tally = match experiments.map_err(|error: std::num::ParseIntError| error.to_string()).and_then(simulate) {
        Ok(tally) => tally,
        Err(message) => {
            eprintln!("ab-sim: {message}");
            return ExitCode::FAILURE;
        }
    };
    tally.print();
    ExitCode::SUCCESS
}

/// How often something happened to p50, to p99, and to either of them.
#[derive(Debug, Clone, Copy, Default)]
struct Alarms([u64; 3]);

impl Alarms {
    fn add(&mut self, alarms: [bool; 2]) {
        let [p50, p99] = alarms;
        for (count, happened) in self.0.iter_mut().zip([p50, p99, p50 || p99]) {
            *count += u64::from(happened);
        }
    }
}

/// What all experiments came to.
#[derive(Debug, Default)]
struct Tally {
    experiments: u64,
    requests: Alarms,
    blocks_mann_whitney: Alarms,
    blocks_welch: Alarms,
    paired_t: Alarms,
    sign_flip: Alarms,
    corrected_t: Alarms,
    /// By effect and number of pairs.
    t_power: [[Alarms; 4]; 4],
    gate: [[Alarms; 4]; 4],
    /// Verdicts by effect, figure and [`WORDS`], for [`USUAL`] pairs.
    words: [[[u64; 5]; 2]; 4],
    /// Spread of the log ratio and smallest detectable effect, by figure, for each number of pairs.
    spreads: [[Vec<f64>; 2]; 4],
    detectable: [[Vec<f64>; 2]; 4],
}

const WORDS: [(Effect, &str); 5] = [
    (Effect::Lower, "lower"),
    (Effect::Higher, "higher"),
    (Effect::NoDifference, "no difference"),
    (Effect::Equivalent, "equivalent"),
    (Effect::Inconclusive, "inconclusive"),
];

fn simulate(experiments: u64) -> Result<Tally, String> {
    let mut tally = Tally { experiments, ..Tally::default() };
    for number in 0..experiments {
        tally.add(&Experiment::new(number), number).map_err(|error| format!("experiment {number}: {error}"))?;
    }
    Ok(tally)
}

impl Tally {
    fn add(&mut self, experiment: &Experiment, seed: u64) -> Result<(), String> {
        let [base, branch] = experiment.single_runs();
        // One test of all requests, whichever figure is then reported.
        self.requests.add([mann_whitney::z(&base, &branch) > 1.96; 2]);
        let blocks = [0, 1].map(|figure| experiment.blocks(figure, USUAL));
        self.blocks_mann_whitney.add(blocks.clone().map(|(mut base, mut branch)| {
            base.sort_unstable_by(f64::total_cmp);
            branch.sort_unstable_by(f64::total_cmp);
            mann_whitney::z(&base, &branch) > 1.96
        }));
        let welch = both(blocks.map(|(base, branch)| compare_runs(&base, &branch, seed)))?;
        self.blocks_welch.add(welch.map(|comparison| comparison.p_t < ALPHA));
        for (at, pairs) in PAIRS.into_iter().enumerate() {
            let null = both([0, 1].map(|figure| compare_pairs(&experiment.interleaved(figure, pairs), seed)))?;
            for (figure, comparison) in null.iter().enumerate() {
                self.spreads[at][figure].push(comparison.sd_log);
                self.detectable[at][figure].push(comparison.smallest_detectable);
            }
            if pairs == USUAL {
                self.paired_t.add(null.map(|comparison| comparison.p_t < ALPHA));
                self.sign_flip.add(null.map(|comparison| comparison.p_permutation <= ALPHA));
            }
            for (row, effect) in EFFECTS.into_iter().enumerate() {
                self.judge(row, at, &null.map(|comparison| with_effect(comparison, effect)))?;
            }
        }
        Ok(())
    }

    fn judge(&mut self, row: usize, at: usize, comparisons: &[Comparison; 2]) -> Result<(), String> {
        let words = verdicts(comparisons, &Rule::default()).ok_or("no verdict")?;
        self.t_power[row][at].add(comparisons.map(|comparison| comparison.p_t < ALPHA));
        let differs = |figure: usize| matches!(words[figure].effect, Effect::Lower | Effect::Higher);
        self.gate[row][at].add([differs(0), differs(1)]);
        if PAIRS[at] == USUAL {
            if row == 0 {
                self.corrected_t.add([0, 1].map(|figure| words[figure].p_adjusted < ALPHA));
            }
            for (figure, verdict) in words.iter().enumerate() {
                let word = WORDS.iter().position(|(effect, _)| *effect == verdict.effect).ok_or("a new verdict")?;
                self.words[row][figure][word] += 1;
            }
        }
        Ok(())
    }

    fn rate(&self, count: u64) -> String {
        let (low, high) = proportion_interval(count, self.experiments, 0.95).unwrap_or((0.0, 1.0));
        let percent = 100.0 * count as f64 / self.experiments as f64;
        format!("{percent:.1} % ({:.1}–{:.1})", 100.0 * low, 100.0 * high)
    }

    fn share(&self, count: u64) -> String {
        format!("{:.0} %", 100.0 * count as f64 / self.experiments as f64)
    }

    fn print(&self) {
        println!(
            "{} experiments. {REQUESTS} requests a run, log latency AR(1) with {MEMORY} and spread {WITHIN}; run effect {:.0} %, \
             drift {:.0} % a slot.",
            self.experiments,
            100.0 * RUN,
            100.0 * DRIFT
        );
        let usual = PAIRS.iter().position(|pairs| *pairs == USUAL).unwrap_or(0);
        for (figure, (name, _)) in FIGURES.iter().enumerate() {
            let spread = mean(&self.spreads[usual][figure]).unwrap_or(f64::NAN);
            println!("Spread of the log ratio of a pair, {name}: {:.1} %.", 100.0 * spread);
        }
        println!("\n| method, no true difference | p50 | p99 | either |\n|---|---|---|---|");
        for (name, alarms) in [
            ("1 + 1 runs, Mann–Whitney over requests", self.requests),
            ("8 + 8 runs in blocks, Mann–Whitney over runs", self.blocks_mann_whitney),
            ("8 + 8 runs in blocks, Welch t over runs", self.blocks_welch),
            ("8 pairs, paired t", self.paired_t),
            ("8 pairs, sign flips", self.sign_flip),
            ("8 pairs, paired t, Holm over both figures", self.corrected_t),
            ("**8 pairs, `ab` verdict** (Holm, 5 % threshold)", self.gate[0][usual]),
        ] {
            let [p50, p99, either] = alarms.0.map(|count| self.rate(count));
            println!("| {name} | {p50} | {p99} | {either} |");
        }
        self.print_power(&self.t_power, "paired t alone");
        self.print_power(&self.gate, "`ab` verdict lower or higher");
        println!("\n| smallest detectable effect (mean) | 4 pairs | 6 | 8 | 12 |\n|---|---|---|---|---|");
        for (figure, (name, _)) in FIGURES.iter().enumerate() {
            let cells = [0, 1, 2, 3]
                .map(|at| format!("±{:.1} %", 100.0 * mean(&self.detectable[at][figure]).unwrap_or(f64::NAN)));
            println!("| {name} | {} |", cells.join(" | "));
        }
        println!("\n| verdict, 8 pairs | {} |\n|---|---|---|---|---|---|", WORDS.map(|(_, word)| word).join(" | "));
        for (row, effect) in EFFECTS.iter().enumerate() {
            for (figure, (name, _)) in FIGURES.iter().enumerate() {
                let cells = self.words[row][figure].map(|count| self.share(count));
                println!("| {name}, true effect {:+.0} % | {} |", 100.0 * effect, cells.join(" | "));
            }
        }
    }

    fn print_power(&self, power: &[[Alarms; 4]; 4], how: &str) {
        println!("\n| found by {how} | 4 pairs | 6 | 8 | 12 |\n|---|---|---|---|---|");
        for (row, effect) in EFFECTS.iter().enumerate().skip(1) {
            for (figure, (name, _)) in FIGURES.iter().enumerate() {
                let cells = power[row].map(|alarms| self.share(alarms.0[figure]));
                println!("| {name}, {:+.0} % | {} |", 100.0 * effect, cells.join(" | "));
            }
        }
    }
}

/// The comparison as it had been if the branch were slower by this: all of its runs are, so only the mean moves.
fn with_effect(comparison: Comparison, effect: f64) -> Comparison {
    let moved = LogEffect { mean: comparison.effect.mean + effect.ln_1p(), ..comparison.effect };
    Comparison { effect: moved, ratio: moved.ratio(), p_t: moved.p(), ..comparison }
}

fn both<E: std::fmt::Display>(results: [Result<Comparison, E>; 2]) -> Result<[Comparison; 2], String> {
    let [p50, p99] = results;
    Ok([p50.map_err(|error| error.to_string())?, p99.map_err(|error| error.to_string())?])
}
