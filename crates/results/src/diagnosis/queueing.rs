//! Whether requests wait or are worked on.

use super::view::{Step, View};
use super::words::{capital, number, per_second, share, span, times};
use super::{Diagnosis, DiagnosisKind, Severity};
use crate::{PhaseSource, PhaseStat, PhaseSummary};

/// Fewest requests on each side.
const LEAST: usize = 20;
/// From this share of the mean latency on a phase is where the time goes.
const MAIN: f64 = 0.5;
/// What grew by this much grew; what grew by less than that did not.
const GREW: f64 = 1.5;
const SAME: f64 = 1.25;
/// Calls shorter than this, in milliseconds, are too short to be compared.
const LEAST_MS: f64 = 2.0;
/// Calls that run at a time, on average, if one can run: rounds and the server's own work leave gaps.
const ONE_CALL: std::ops::Range<f64> = 0.5..1.25;
/// How much more users or arrivals a comparison needs.
const MORE_LOAD: f64 = 1.5;

/// Where the time of a Gradio app's requests goes at the highest tier, against the lowest one.
pub(super) fn phases(view: &View) -> Vec<Diagnosis> {
    let with: Vec<(&Step, &PhaseSummary)> = view
        .steps
        .iter()
        .filter_map(|step| Some((step, step.phases.as_ref().filter(|phases| phases.requests >= LEAST)?)))
        .collect();
    let by_users = |a: &&(&Step, &PhaseSummary), b: &&(&Step, &PhaseSummary)| {
        a.0.users.unwrap_or(0.0).total_cmp(&b.0.users.unwrap_or(0.0))
    };
    let Some(&(top, phases)) = with.iter().max_by(by_users) else { return Vec::new() };
    // A tier of one user has few requests; a mean of ten is enough to compare with.
    let base = view.steps.iter().filter_map(|step| Some((step, step.phases.as_ref().filter(|p| p.requests >= 5)?)));
    let base = base
        .min_by(|a, b| a.0.users.unwrap_or(0.0).total_cmp(&b.0.users.unwrap_or(0.0)))
        .filter(|(step, base)| more_load(step, top) && base.source == phases.source);
    let Some((name, main)) = phases.iter().max_by(|a, b| a.1.mean.total_cmp(&b.1.mean)) else { return Vec::new() };
    let growth = base.and_then(|(step, base)| Some((step, function(base)?, function(phases)?)));
    let mut sentence = match name {
        _ if main.share < MAIN => format!(
            "{} no single phase takes most of the time; the largest is {} with {} of the mean {}",
            capital(&top.at),
            words(name),
            share(main.share),
            span(phases.mean_latency_ms)
        ),
        "queue_wait" => waiting(top, phases, main),
        "function" => format!("{} {} of the time is the function itself", capital(&top.at), share(main.share)),
        _ => format!(
            "{} {} of the time is {}, not the function: {}",
            capital(&top.at),
            share(main.share),
            words(name),
            meaning(name)
        ),
    };
    let ratio = growth.filter(|(_, before, _)| *before > 0.0).map(|(_, before, now)| now / before);
    if let Some((step, _, now)) = growth.filter(|_| ratio.is_some_and(|ratio| ratio < SAME && ratio > 1.0 / SAME)) {
        sentence += &format!("; a call takes as long as {} ({})", step.at, span(now));
    }
    let severity = if main.share >= MAIN && name != "function" { Severity::Notice } else { Severity::Info };
    let mut evidence: Vec<String> = phases
        .iter()
        .filter(|(_, stat)| stat.share >= 0.05)
        .map(|(name, stat)| format!("{}: {} mean {}, {}", top.load(), words(name), span(stat.mean), share(stat.share)))
        .collect();
    evidence.extend(growth.map(|(step, before, _)| format!("{}: a call mean {}", step.load(), span(before))));
    let mut found = vec![Diagnosis::new(DiagnosisKind::Queueing, severity, sentence + ".", evidence)];
    if let Some((step, before, now)) = growth.filter(|(_, _, now)| *now >= LEAST_MS && ratio.is_some_and(|r| r >= GREW))
    {
        found.push(slower_calls(top, step, before, now));
    }
    found
}

/// Calls take longer under load.
fn slower_calls(top: &Step, base: &Step, before: f64, now: f64) -> Diagnosis {
    let running = top.throughput * now / 1e3;
    let why = if running < ONE_CALL.end {
        "as about one runs at a time, it is hardly other calls that slow it down, but the server's work for the waiting requests, \
         or the load generator on the same machine"
    } else {
        "calls compete for the processor or another resource, so a higher concurrency limit would only make each one slower"
    };
    let sentence = format!(
        "{} a call takes {} as long as {} ({} and {}): {why}.",
        capital(&top.at),
        times(now / before),
        base.at,
        span(now),
        span(before)
    );
    let evidence = vec![
        format!("{}: {} × {} = {running:.2} calls at a time", top.load(), per_second(top.throughput), span(now)),
        format!("{}: a call mean {}", base.load(), span(before)),
    ];
    Diagnosis::new(DiagnosisKind::Queueing, Severity::Notice, sentence, evidence)
}

/// The queue has most of the time. By Little's law, calls that run at a time are calls a second times how long one runs.
fn waiting(top: &Step, phases: &PhaseSummary, main: &PhaseStat) -> String {
    let begin = format!("{} {} of the time is queue wait", capital(&top.at), share(main.share));
    let Some(busy) = function(phases).filter(|busy| *busy > 0.0) else { return begin };
    let running = top.throughput * busy / 1e3;
    if ONE_CALL.contains(&running) {
        format!(
            "{begin}: requests wait for the one call that runs at a time (Gradio's default is a concurrency limit of 1; if \
             the machine has room, a higher one shortens the queue)"
        )
    } else if running < ONE_CALL.start {
        format!(
            "{begin}, though calls take {} and on average only {running:.2} of them run at a time: the server's own work \
             for each request, not the function, holds the queue up",
            span(busy)
        )
    } else {
        format!(
            "{begin}: about {} calls run at a time, and the others wait for one of them to end",
            number(running.round())
        )
    }
}

/// What a call takes while it has its place in the queue's limit: all of what the server does for it.
fn function(phases: &PhaseSummary) -> Option<f64> {
    let parts = [&phases.preprocess, &phases.function, &phases.postprocess, &phases.streaming_diff];
    phases.function?;
    // Of the client's messages, "function" holds the delivery too.
    let _: PhaseSource = phases.source;
    Some(parts.into_iter().flatten().map(|stat| stat.mean).sum())
}

fn words(phase: &str) -> String {
    match phase {
        "other" => "time that no phase names".to_owned(),
        "function" => "the function".to_owned(),
        phase => phase.replace('_', " "),
    }
}

fn meaning(phase: &str) -> &'static str {
    match phase {
        "upload" => "input files travel and are stored",
        "connect" => "connections are opened; a server that closes them, or a far one, costs that each time",
        "join" => "the server is slow to take requests in, because its event loop is busy",
        "preprocess" | "postprocess" => {
            "Gradio turns inputs or outputs into what the other side takes, which large media make slow"
        }
        "streaming_diff" => "Gradio works out what changed between outputs; fewer or smaller outputs cost less",
        "delivery" => "finished results wait for the server's event loop or for the network",
        _ => "a generator's pauses between outputs, or work that the server's traces do not cover",
    }
}

/// Streams of an API: the time to the first token against the gaps between tokens, at the highest load and the lowest.
pub(super) fn tokens(view: &View) -> Vec<Diagnosis> {
    if view.gradio {
        return Vec::new();
    }
    let load = |step: &Step| step.users.or(step.rate).unwrap_or(0.0);
    let enough = |step: &&Step| {
        let many = |times: Option<plimsoll_stats::Distribution>| times.is_some_and(|times| times.count >= LEAST);
        many(step.first) && many(step.gaps) && !step.tainted() && load(step) > 0.0
    };
    let steps = || view.steps.iter().filter(enough);
    let by_load = |a: &&Step, b: &&Step| load(a).total_cmp(&load(b));
    let (Some(low), Some(high)) = (steps().min_by(by_load), steps().max_by(by_load)) else { return Vec::new() };
    let (Some(first), Some(gaps)) = (Option::zip(low.first, high.first), Option::zip(low.gaps, high.gaps)) else {
        return Vec::new();
    };
    if !more_load(low, high) || low.closed != high.closed {
        return Vec::new();
    }
    // The mean of the gaps: a server that sends several tokens at once has a p50 of nothing.
    let (wait, pace) = (first.1.p50 / first.0.p50, gaps.1.mean / gaps.0.mean);
    let between = format!("From {} to {}", low.load(), high.load());
    let waits = wait >= GREW && first.1.p50 - first.0.p50 >= 5.0;
    let sentence = if waits && pace < SAME {
        format!(
            "{between} the first token takes {} as long (p50 {} to {}) while the pace of the tokens stays the same ({} apart): \
             requests wait for their turn, and once begun they run at full speed; more replicas or a larger batch would help.",
            times(wait),
            span(first.0.p50),
            span(first.1.p50),
            span(gaps.1.mean)
        )
    } else if pace >= GREW {
        let also = if waits { format!(", and the first token takes {} as long", times(wait)) } else { String::new() };
        format!(
            "{between} the tokens of one answer come {} as far apart ({} to {}){also}: answers that are made together slow each \
             other down; a smaller batch or more replicas would keep the pace.",
            times(pace),
            span(gaps.0.mean),
            span(gaps.1.mean)
        )
    } else {
        return Vec::new();
    };
    let of = |step: &Step, first: f64, gap: f64| {
        format!("{}: TTFT p50 {}, mean gap {}", step.load(), span(first), span(gap))
    };
    let evidence = vec![of(low, first.0.p50, gaps.0.mean), of(high, first.1.p50, gaps.1.mean)];
    vec![Diagnosis::new(DiagnosisKind::Queueing, Severity::Notice, sentence, evidence)]
}

fn more_load(low: &Step, high: &Step) -> bool {
    let pair = Option::zip(low.users, high.users).or_else(|| Option::zip(low.rate, high.rate));
    pair.is_some_and(|(low, high)| high >= MORE_LOAD * low)
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{around, closed, sentences};
    use super::*;

    fn stat(mean: f64, of: f64) -> Option<PhaseStat> {
        Some(PhaseStat { p50: mean, p90: mean, p99: mean, mean, share: mean / of })
    }

    /// A tier with these means, from the server's traces.
    fn tier(users: f64, throughput: f64, [join, queue, function]: [f64; 3]) -> Step {
        let mean = join + queue + function;
        let phases = PhaseSummary {
            source: PhaseSource::Trace,
            requests: 100,
            left_out: 0,
            clocks_disagree: 0,
            mean_latency_ms: mean,
            upload: None,
            connect: None,
            join: stat(join, mean),
            queue_wait: stat(queue, mean),
            preprocess: None,
            function: stat(function, mean),
            postprocess: None,
            streaming_diff: None,
            delivery: None,
            other: None,
        };
        Step { phases: Some(phases), ..closed(users, throughput, mean) }
    }

    #[test]
    fn a_queue_behind_one_call() {
        let found = sentences(phases, vec![tier(1.0, 20.0, [2.0, 1.0, 38.0]), tier(100.0, 25.0, [5.0, 1_900.0, 39.0])]);
        assert_eq!(
            found,
            [
                "At 100 users 98 % of the time is queue wait: requests wait for the one call that runs at a time (Gradio's \
              default is a concurrency limit of 1; if the machine has room, a higher one shortens the queue); a call takes as \
              long as at 1 user (39 ms)."
            ]
        );
        let four = sentences(phases, vec![tier(100.0, 103.0, [5.0, 900.0, 39.0])]);
        assert!(four[0].contains("about 4 calls run at a time"), "{four:?}");
        let idle = sentences(phases, vec![tier(100.0, 200.0, [5.0, 300.0, 0.5])]);
        assert!(idle[0].contains("on average only 0.10 of them run at a time"), "{idle:?}");
    }

    #[test]
    fn calls_that_compete_and_other_phases() {
        let compete = sentences(phases, vec![tier(1.0, 20.0, [2.0, 1.0, 38.0]), tier(10.0, 25.0, [5.0, 2.0, 380.0])]);
        assert_eq!(compete[0], "At 10 users 98 % of the time is the function itself.");
        assert!(
            compete[1].starts_with(
                "At 10 users a call takes 10 times as long as at 1 user (380 ms and 38 ms): calls compete"
            )
        );
        let alone = sentences(phases, vec![tier(1.0, 20.0, [2.0, 1.0, 2.0]), tier(10.0, 140.0, [5.0, 60.0, 5.0])]);
        assert!(alone[1].contains("as about one runs at a time, it is hardly other calls"), "{alone:?}");
        let join = sentences(phases, vec![tier(100.0, 200.0, [300.0, 20.0, 1.0])]);
        assert!(join[0].contains("93 % of the time is join, not the function: the server is slow to take"), "{join:?}");
        let none = sentences(phases, vec![tier(100.0, 200.0, [30.0, 30.0, 31.0])]);
        assert!(none[0].starts_with("At 100 users no single phase takes most"), "{none:?}");
        assert!(sentences(phases, vec![closed(1.0, 1.0, 1.0)]).is_empty());
    }

    fn stream(users: f64, first: f64, gap: f64) -> Step {
        let step = closed(users, 10.0, 500.0);
        Step { first: Some(around(first, 1000)), gaps: Some(around(gap, 9000)), ..step }
    }

    #[test]
    fn first_tokens_wait_and_batches_slow_down() {
        let queue = sentences(tokens, vec![stream(1.0, 50.0, 10.0), stream(16.0, 800.0, 10.4)]);
        assert!(
            queue[0].starts_with(
                "From 1 user to 16 users the first token takes 16 times as long (p50 50 ms to 800 ms) while"
            ),
            "{queue:?}"
        );
        let batch = sentences(tokens, vec![stream(16.0, 90.0, 40.0), stream(1.0, 50.0, 10.0)]);
        assert!(batch[0].contains("come 4.0 times as far apart (10 ms to 40 ms), and the first token takes 1.8 times"));
        for silent in [
            vec![stream(1.0, 50.0, 10.0)],
            vec![stream(1.0, 50.0, 10.0), stream(16.0, 55.0, 10.5)],
            vec![stream(15.0, 50.0, 10.0), stream(16.0, 500.0, 10.0)],
            vec![closed(1.0, 1.0, 50.0), closed(10.0, 1.0, 500.0)],
        ] {
            assert_eq!(sentences(tokens, silent), Vec::<String>::new());
        }
    }
}
