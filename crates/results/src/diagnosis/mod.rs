//! What the figures of a run mean, in sentences.
//!
//! Each rule is a pure function of a [`View`], which tiers of a Gradio app and levels of a scenario have in common. A rule
//! that has too little to go by says nothing.

mod concurrency;
mod failures;
mod few;
mod generator;
mod groups;
mod limits;
mod queueing;
mod saturation;
mod settling;
mod stall;
#[cfg(test)]
mod testdata;
mod view;
mod warmup;
mod words;

use crate::text::one_line;
use crate::{LevelSummary, Summary};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use view::View;

/// Most sentences that are printed.
const MOST_PRINTED: usize = 8;

/// One thing that the figures of a run mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What it is about.
    pub kind: DiagnosisKind,
    /// How much it matters.
    pub severity: Severity,
    /// What it says, as one sentence.
    pub sentence: String,
    /// The figures that it rests on.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// What a diagnosis is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiagnosisKind {
    /// The load generator may have set the figures.
    Generator,
    /// The machine of the load generator had to share its processors.
    NoisyHost,
    /// Which failures there were, and when.
    Failures,
    /// Requests that were given up at the timeout are in no percentile.
    Timeout,
    /// The target limits our rate.
    RateLimit,
    /// Where throughput stops growing with the load.
    Saturation,
    /// Whether requests wait or are worked on.
    Queueing,
    /// The load was not what was asked for.
    Concurrency,
    /// The server was cold, or its first requests were slow.
    ColdStart,
    /// The times still changed.
    Settling,
    /// A closed load made no requests while it waited for a long answer.
    Stall,
    /// Answers came from a cache.
    Cache,
    /// The times fall into two groups.
    Groups,
    /// Too few requests for a percentile.
    FewRequests,
}

/// How much a diagnosis matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// To be kept in mind when the figures are used.
    Notice,
    /// Figures are wrong or something is broken: act before the figures are used.
    Warning,
}

impl Diagnosis {
    fn new(kind: DiagnosisKind, severity: Severity, sentence: String, evidence: Vec<String>) -> Self {
        Self { kind, severity, sentence, evidence }
    }
}

/// What the tiers of a Gradio app mean.
pub(crate) fn of_tiers(summary: &Summary) -> Vec<Diagnosis> {
    diagnose(&View::of_tiers(summary))
}

/// What the levels of a scenario mean.
pub(crate) fn of_levels(levels: &[LevelSummary]) -> Vec<Diagnosis> {
    diagnose(&View::of_levels(levels))
}

/// Every rule, the most severe first; of the same severity in the order of the rules.
fn diagnose(view: &View) -> Vec<Diagnosis> {
    let rules = [
        generator::limited,
        failures::failures,
        failures::timeouts,
        limits::limits,
        saturation::saturation,
        queueing::phases,
        queueing::tokens,
        concurrency::dropped,
        concurrency::idle_users,
        concurrency::waiting,
        generator::noisy_host,
        warmup::cold,
        warmup::first,
        settling::settling,
        stall::stall,
        groups::cache,
        groups::groups,
        few::few,
    ];
    let mut found: Vec<Diagnosis> = rules.iter().flat_map(|rule| rule(view)).collect();
    found.sort_by_key(|diagnosis| std::cmp::Reverse(diagnosis.severity));
    found
}

/// The block that follows the tables; empty when there is nothing to say.
pub fn diagnosis_text(diagnosis: &[Diagnosis]) -> String {
    let mut text = String::new();
    if diagnosis.is_empty() {
        return text;
    }
    text.push_str("What it means\n");
    for diagnosis in diagnosis.iter().take(MOST_PRINTED) {
        let mark = if diagnosis.severity == Severity::Warning { '!' } else { '-' };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{mark} {}", one_line(&diagnosis.sentence, usize::MAX));
    }
    match diagnosis.len().saturating_sub(MOST_PRINTED) {
        0 => {}
        1 => text.push_str("- One more is in summary.json.\n"),
        more => {
            let _ = writeln!(text, "- {more} more are in summary.json.");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::testdata::{around, closed, run};
    use super::view::Step;
    use super::*;
    use crate::testdata::health;
    use crate::{FailureSpan, PhaseSource, PhaseStat, PhaseSummary, RateLimitSummary, WarmupSummary};
    use plimsoll_stats::Distribution;

    fn block(view: &View) -> String {
        diagnosis_text(&diagnose(view))
    }

    /// A tier of ten rounds whose requests wait for a function of 38 ms.
    fn tier(users: f64, throughput: f64, p50: f64, queue: f64) -> Step {
        let mean = queue + 40.0;
        let stat = |time: f64| Some(PhaseStat { p50: time, p90: time, p99: time, mean: time, share: time / mean });
        let phases = PhaseSummary {
            source: PhaseSource::Trace,
            requests: (users * 10.0) as usize,
            left_out: 0,
            clocks_disagree: 0,
            mean_latency_ms: mean,
            upload: None,
            connect: None,
            join: stat(2.0),
            queue_wait: stat(queue),
            preprocess: None,
            function: stat(38.0),
            postprocess: None,
            streaming_diff: None,
            delivery: None,
            other: None,
        };
        let times = around(p50, (users * 10.0) as usize);
        Step {
            rounds: true,
            ok: (users * 10.0) as u64,
            count: (users * 10.0) as u64,
            seconds: users * 10.0 / throughput,
            phases: Some(phases),
            names: vec![("/predict".to_owned(), times)],
            service: Some(Distribution { mean, ..times }),
            ..closed(users, throughput, p50)
        }
    }

    #[test]
    fn a_gradio_run() {
        let view = View {
            gradio: true,
            warmup: Some(WarmupSummary { requests: 6, ok: 6, p50: Some(41.0), first_ms: Some(2_300.0) }),
            ..run(vec![tier(1.0, 23.8, 41.0, 1.0), tier(10.0, 24.6, 230.0, 190.0), tier(100.0, 24.4, 2_300.0, 2_150.0)])
        };
        insta::assert_snapshot!(block(&view), @r#"
        What it means
        - One user alone gets all of the throughput (23.8/s): more users only wait longer; p50 at 100 users is 56 times that at 1 user.
        - At 100 users 98 % of the time is queue wait: requests wait for the one call that runs at a time (Gradio's default is a concurrency limit of 1; if the machine has room, a higher one shortens the queue); a call takes as long as at 1 user (38 ms).
        - At 100 users only 53 had a request under way on average (53 %): in rounds everyone waits for the slowest, so the throughput is not the most that the app can do; `--duration` comes closer to that.
        - The first request took 2.30 s, and the median of the warm-up 41 ms: a cold start, which the warm-up kept out of the other figures; whoever comes first after a restart waits that long.
        - Too few requests for a stable p99 (1,000 are needed) at 1 user (10), at 10 users (100); where there are fewer than 20, even p90 is little more than the slowest one; measure longer.
        "#);
    }

    #[test]
    fn a_run_with_much_to_say() {
        let mut bad = closed(64.0, 30.0, 900.0);
        bad.health = vec![health(false)];
        bad.rate_limit = Some(RateLimitSummary { refused: 40, ..RateLimitSummary::default() });
        for (class, count) in [("rate_limited", 40), ("overloaded", 300), ("timeout", 90), ("connect", 2)] {
            bad.errors.insert(class.to_owned(), count);
            let span = FailureSpan { count, within: count, from_seconds: 40.0, seconds: 4.0, took_ms: 5_000.0 };
            bad.signs.failures.insert(class.to_owned(), span);
            bad.count += count;
        }
        bad.names[0].1.max = 30_000.0;
        bad.signs.settling =
            Some(crate::Settling { ok: [900; 4], p50: [200.0, 500.0, 900.0, 1_400.0], ..crate::Settling::default() });
        bad.cached = 900;
        insta::assert_snapshot!(block(&run(vec![closed(1.0, 10.0, 90.0), closed(8.0, 60.0, 130.0), bad])), @r#"
        What it means
        ! At 64 users 300 of 3,432 requests (8.7 %) failed with `overloaded`, all of them between 40.0 s and 44.0 s into the run: the target, or what stands before it, turns requests away.
        ! At 64 users 90 of 3,432 requests (2.6 %) were given up after 5.00 s, all of them between 40.0 s and 44.0 s into the run: they are in no percentile; counted in, p99 would be at least that, not 1.26 s.
        ! At 64 users 40 of 3,432 requests (1.2 %) were refused by a rate limit; ask for less, or get a higher quota. That is what you are allowed, not what the target can carry.
        ! At 64 users the hypervisor gave 25 % of this machine's CPU time to others: p95, p99 and max, and the times of a target on this machine, may be longer for it; repeat the run on a quiet machine before you compare them.
        ! At 64 users the times never settled: p50 in the four quarters of the time was 200 ms, 500 ms, 900 ms, 1.40 s: something fills up or slows down as the run goes on, so the figures depend on how long you measure.
        - At 64 users 2 of 3,432 requests (less than 0.1 %) failed with `connect`: connections were refused or broke off; look whether the target crashed or restarted.
        - Throughput stops growing at about 8 users (60/s); it falls under more load, to 30/s at 64 users; p50 at 64 users is 6.9 times that at 8 users.
        - At 64 users the longest answer took 30.0 s; in that time about 1,030 requests would have come at the measured 34.3/s, but a closed load sends nothing while it waits, so their waiting is in no percentile: measure with arrivals at a rate to see it.
        - One more is in summary.json.
        "#);
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(block(&View::default()), "");
        assert_eq!(block(&run(vec![Step { at: "at 1 user".to_owned(), ..Step::default() }])), "");
    }
}
