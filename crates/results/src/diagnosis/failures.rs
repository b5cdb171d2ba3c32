//! Which failures there were, and whether they came all at once.

use super::view::{Step, View};
use super::words::{and_others, capital, share, span};
use super::{Diagnosis, DiagnosisKind, Severity};
use crate::signs::FailureSpan;
use crate::text;

/// Classes that have a rule of their own.
const ELSEWHERE: [&str; 3] = ["rate_limited", "cold_start", "timeout"];
/// Fewest failures for a word on when they came.
const LEAST: u64 = 8;
/// A burst: most failures within this part of the measured time.
const BURST: f64 = 0.1;
/// Spread: most failures took at least this part of the measured time.
const SPREAD: f64 = 0.5;
/// Shortest measured time in which a burst can be told from the rest, in seconds.
const SHORTEST: f64 = 20.0;
/// From this share of the requests on the figures of a level are those of a broken target.
const MANY: f64 = 0.01;

/// For each class of failure the step with the largest share of them.
pub(super) fn failures(view: &View) -> Vec<Diagnosis> {
    let mut classes: Vec<&str> = view.steps.iter().flat_map(|step| step.errors.keys()).map(String::as_str).collect();
    classes.sort_unstable();
    classes.dedup();
    classes.retain(|class| !ELSEWHERE.contains(class));
    let mut found: Vec<(f64, Diagnosis)> = classes.into_iter().filter_map(|class| failures_of(view, class)).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, diagnosis)| diagnosis).collect()
}

fn failures_of(view: &View, class: &str) -> Option<(f64, Diagnosis)> {
    let with: Vec<&Step> = view.steps.iter().filter(|step| step.failed_share(class) > 0.0).collect();
    let worst = *with.iter().max_by(|a, b| a.failed_share(class).total_cmp(&b.failed_share(class)))?;
    let (count, failed) = (worst.errors[class], worst.failed_share(class));
    let when = worst.signs.failures.get(class).map_or_else(String::new, |span| when(worst, span));
    let meaning = meaning(class, view.gradio).map_or_else(String::new, |meaning| format!(": {meaning}"));
    let sentence = format!(
        "{} {} of {} ({}) failed with `{class}`{when}{}{meaning}.",
        capital(&worst.at),
        text::thousands(count),
        text::requests(worst.count),
        share(failed),
        and_others(with.len() - 1),
    );
    let evidence =
        with.iter().map(|step| format!("{}: {} of {}", step.load(), step.errors[class], step.count)).collect();
    let severity = if failed >= MANY { Severity::Warning } else { Severity::Notice };
    Some((failed, Diagnosis::new(DiagnosisKind::Failures, severity, sentence, evidence)))
}

/// Whether they came all at once or all the time.
fn when(step: &Step, span: &FailureSpan) -> String {
    if span.count < LEAST || step.seconds < SHORTEST {
        return String::new();
    }
    let part = span.seconds / step.seconds;
    if part <= BURST {
        let which = if span.within == span.count { "all".to_owned() } else { text::thousands(span.within) };
        let [from, to] = [span.from_seconds, span.from_seconds + span.seconds].map(text::seconds);
        format!(", {which} of them between {from} and {to} into the run")
    } else if part >= SPREAD {
        ", spread over the whole time".to_owned()
    } else {
        String::new()
    }
}

/// What such failures usually are; `None` where the class says it all, or nothing more.
fn meaning(class: &str, gradio: bool) -> Option<&'static str> {
    Some(match class {
        "auth" => "the login or the token is missing, wrong or no longer valid",
        "quota" => "an allowance of the account is used up, which says nothing about the target's capacity",
        "overloaded" => "the target, or what stands before it, turns requests away",
        "queue_full" => "more requests wait than the app's queue takes (`max_size`)",
        "session_lost" => {
            "the server no longer knew the sessions: a restart, a load balancer that is not sticky, or more than 2,000 at once"
        }
        "connect" => "connections were refused or broke off; look whether the target crashed or restarted",
        "app_error" if gradio => "the app's own function raised; look into app.log",
        "client_error" => {
            "the requests themselves are wrong, so the rest of the figures may not be what you meant to measure"
        }
        "invalid_response" => "answers came that fail their check",
        _ => return None,
    })
}

/// Requests that were given up are in no percentile: the shown tail ends where the timeout is.
pub(super) fn timeouts(view: &View) -> Vec<Diagnosis> {
    let with: Vec<&Step> = view.steps.iter().filter(|step| step.failed_share("timeout") > 0.0).collect();
    let share_of = |step: &Step| step.failed_share("timeout");
    let Some(step) = with.iter().max_by(|a, b| share_of(a).total_cmp(&share_of(b))) else { return Vec::new() };
    let (count, lost) = (step.errors["timeout"], share_of(step));
    let span_of = step.signs.failures.get("timeout");
    let after = span_of.map_or_else(|| "at the timeout".to_owned(), |found| format!("after {}", span(found.took_ms)));
    let when = span_of.map_or_else(String::new, |found| when(step, found));
    // With this share given up, that percentile of all requests lies at the timeout or beyond it.
    let beyond = [(0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99")].into_iter().find(|(q, _)| lost > 1.0 - q);
    let tail = match (beyond, step.times) {
        (_, None) => "nothing else was answered".to_owned(),
        (Some((_, name)), Some(times)) if span_of.is_some_and(|found| found.took_ms > shown(&times, name)) => {
            let shown = span(shown(&times, name));
            format!("they are in no percentile; counted in, {name} would be at least that, not {shown}")
        }
        (_, Some(_)) => "they are in no percentile, so the true tail is longer than the one shown".to_owned(),
    };
    let sentence = format!(
        "{} {} of {} ({}) were given up {after}{when}{}: {tail}.",
        capital(&step.at),
        text::thousands(count),
        text::requests(step.count),
        share(lost),
        and_others(with.len() - 1)
    );
    let severity = if beyond.is_some() { Severity::Warning } else { Severity::Notice };
    let evidence =
        with.iter().map(|step| format!("{}: {} of {} timed out", step.load(), step.errors["timeout"], step.count));
    vec![Diagnosis::new(DiagnosisKind::Timeout, severity, sentence, evidence.collect())]
}

fn shown(times: &plimsoll_stats::Distribution, name: &str) -> f64 {
    match name {
        "p50" => times.p50,
        "p90" => times.p90,
        "p95" => times.p95,
        _ => times.p99,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{closed, run, sentences};
    use super::*;

    fn failing(class: &str, count: u64, from_seconds: f64, seconds: f64) -> Step {
        let mut step = closed(10.0, 10.0, 80.0);
        let span = FailureSpan { count, within: count, from_seconds, seconds, took_ms: 5_000.0 };
        step.errors.insert(class.to_owned(), count);
        step.signs.failures.insert(class.to_owned(), span);
        step.count += count;
        step
    }

    #[test]
    fn a_burst_is_told_from_a_steady_share() {
        assert_eq!(
            sentences(failures, vec![failing("overloaded", 40, 33.0, 3.0)]),
            ["At 10 users 40 of 1,040 requests (3.8 %) failed with `overloaded`, all of them between 33.0 s \
              and 36.0 s into the run: the target, or what stands before it, turns requests away."]
        );
        assert!(
            sentences(failures, vec![failing("server_error", 40, 5.0, 77.0)])[0]
                .ends_with("spread over the whole time.")
        );
        // Neither, or too few to say.
        assert!(sentences(failures, vec![failing("server_error", 40, 5.0, 30.0)])[0].ends_with("with `server_error`."));
        assert!(sentences(failures, vec![failing("server_error", 7, 5.0, 1.0)])[0].ends_with("with `server_error`."));
        assert!(sentences(failures, vec![closed(1.0, 1.0, 1.0), failing("rate_limited", 40, 5.0, 1.0)]).is_empty());
    }

    #[test]
    fn the_worst_class_and_step_come_first() {
        let found = failures(&run(vec![
            failing("connect", 1, 5.0, 1.0),
            failing("connect", 3, 5.0, 1.0),
            failing("overloaded", 400, 5.0, 60.0),
        ]));
        assert_eq!(found.iter().map(|one| one.severity).collect::<Vec<_>>(), [Severity::Warning, Severity::Notice]);
        assert!(
            found[1].sentence.starts_with("At 10 users 3 of 1,003 requests (0.3 %) failed with `connect` (and at one")
        );
        assert_eq!(found[1].evidence.len(), 2);
    }

    #[test]
    fn timeouts_lengthen_the_tail() {
        assert_eq!(
            sentences(timeouts, vec![failing("timeout", 20, 5.0, 60.0)]),
            [
                "At 10 users 20 of 1,020 requests (2.0 %) were given up after 5.00 s, spread over the whole time: they are in no \
              percentile; counted in, p99 would be at least that, not 112 ms."
            ]
        );
        let one = sentences(timeouts, vec![failing("timeout", 1, 5.0, 60.0)]);
        assert!(one[0].ends_with("so the true tail is longer than the one shown."), "{one:?}");
        let nothing = Step { times: None, ..failing("timeout", 20, 5.0, 60.0) };
        assert!(sentences(timeouts, vec![nothing])[0].ends_with("nothing else was answered."));
        assert!(sentences(failures, vec![failing("timeout", 20, 5.0, 60.0)]).is_empty(), "said already");
        assert!(sentences(timeouts, vec![failing("connect", 20, 5.0, 60.0)]).is_empty());
    }
}
