//! Rate limits: what we are allowed is not what the target can carry.

use super::view::{Step, View};
use super::words::{and_others, capital, number, per_second, share, span};
use super::{Diagnosis, DiagnosisKind, Severity};
use crate::{RateLimitSummary, text};

/// From this share of refusals on the figures are those of the limit.
const MANY: f64 = 0.01;
/// From this one on what is let through tells the limit.
const SHAPING: f64 = 0.1;

/// The step with the largest share of refusals; without refusals, what the server told.
pub(super) fn limits(view: &View) -> Vec<Diagnosis> {
    let limited: Vec<(&Step, &RateLimitSummary)> =
        view.steps.iter().filter_map(|step| Some((step, step.rate_limit.as_ref()?))).collect();
    let refused: Vec<_> = limited.iter().copied().filter(|(_, limit)| limit.refused > 0).collect();
    let share = |step: &Step| step.failed_share("rate_limited");
    if let Some((step, limit)) = refused.iter().max_by(|a, b| share(a.0).total_cmp(&share(b.0))) {
        return vec![refusals(step, limit, refused.len() - 1)];
    }
    limited
        .iter()
        .min_by_key(|(_, limit)| limit.least_remaining.unwrap_or(u64::MAX))
        .and_then(told)
        .into_iter()
        .collect()
}

fn refusals(step: &Step, limit: &RateLimitSummary, others: usize) -> Diagnosis {
    let count = step.errors.get("rate_limited").copied().unwrap_or(0);
    let refused = step.failed_share("rate_limited");
    let (at, others) = (capital(&step.at), and_others(others));
    let first = if count > 0 {
        format!(
            "{at} {} of {} ({}) were refused by a rate limit{others}",
            text::thousands(count),
            text::requests(step.count),
            share(refused)
        )
    } else {
        format!("{at} {} of the warm-up met a rate limit{others}", text::requests(limit.refused))
    };
    let asked = step.count as f64 / step.seconds.max(f64::MIN_POSITIVE);
    let stay = match allowed(limit) {
        Some((rate, words)) if count > 0 && asked <= rate => format!(
            "{words} are allowed, and this load asked for {} on average: it came in bursts, or others share the limit",
            per_second(asked)
        ),
        Some((rate, words)) if count > 0 => {
            format!(
                "this load asked for {}, and {words} are allowed: stay below {} or get a higher quota",
                per_second(asked),
                per_second(rate)
            )
        }
        Some((rate, words)) => format!("{words} are allowed: stay below {} or get a higher quota", per_second(rate)),
        // Only when nothing else stood in the way.
        None if refused >= SHAPING && count + step.ok == step.count && step.ok > 0 => format!(
            "{} were let through, so about that is allowed: stay below it or get a higher quota",
            per_second(step.throughput)
        ),
        None => "ask for less, or get a higher quota".to_owned(),
    };
    let retry = match (limit.shortest_retry_after_seconds, limit.longest_retry_after_seconds) {
        (Some(shortest), Some(longest)) if (longest - shortest).abs() < 0.05 => {
            format!(" (`Retry-After`: {})", text::seconds(longest))
        }
        (Some(shortest), Some(longest)) => {
            format!(" (`Retry-After`: {} to {})", text::seconds(shortest), text::seconds(longest))
        }
        _ => String::new(),
    };
    let sentence = format!("{first}{retry}; {stay}. That is what you are allowed, not what the target can carry.");
    let severity = if refused >= MANY { Severity::Warning } else { Severity::Notice };
    let mut evidence = vec![step.figures(), format!("{}: {} refused, warm-up included", step.load(), limit.refused)];
    if let Some(first) = limit.first_at {
        evidence.push(format!("first refusal {} into the run", text::seconds(first)));
    }
    Diagnosis::new(DiagnosisKind::RateLimit, severity, sentence, evidence)
}

/// What the server allows: a second, and in its own words.
fn allowed(limit: &RateLimitSummary) -> Option<(f64, String)> {
    let (requests, window) = (limit.limit?, limit.window_seconds.filter(|window| *window > 0.0)?);
    let rate = requests as f64 / window;
    // A window of a second is best said as a rate.
    let words = if (window - 1.0).abs() < 1e-9 {
        per_second(rate)
    } else {
        format!("{} in {} s ({})", text::thousands(requests), number(window), per_second(rate))
    };
    Some((rate, words))
}

/// Nothing was refused, but the server told of a limit.
fn told((step, limit): &(&Step, &RateLimitSummary)) -> Option<Diagnosis> {
    let allowed = match (allowed(limit), limit.limit) {
        (Some((_, words)), _) => words,
        (None, Some(requests)) => text::requests(requests),
        (None, None) => return None,
    };
    let left = limit.least_remaining.map_or_else(String::new, |left| {
        format!(
            ", of which {} {} at the fewest",
            text::thousands(left),
            if left == 1 { "was left" } else { "were left" }
        )
    });
    let sentence = format!("The server tells of a rate limit of {allowed}{left}; nothing was refused {}.", step.at);
    let until =
        limit.longest_reset_seconds.map(|reset| format!("at most {} until its window was over", span(reset * 1e3)));
    Some(Diagnosis::new(DiagnosisKind::RateLimit, Severity::Info, sentence, until.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{closed, run, sentences};
    use super::*;

    fn refused(count: u64, limit: RateLimitSummary) -> Step {
        let mut step = closed(10.0, 10.0, 80.0);
        step.rate_limit = Some(RateLimitSummary { refused: count + 2, ..limit });
        if count > 0 {
            step.errors.insert("rate_limited".to_owned(), count);
        }
        step.count += count;
        step
    }

    #[test]
    fn what_to_stay_below() {
        let told = RateLimitSummary {
            limit: Some(100),
            window_seconds: Some(10.0),
            retry_after: 5,
            shortest_retry_after_seconds: Some(1.0),
            longest_retry_after_seconds: Some(9.0),
            ..RateLimitSummary::default()
        };
        assert_eq!(
            sentences(limits, vec![refused(3_000, told)]),
            [
                "At 10 users 3,000 of 4,000 requests (75 %) were refused by a rate limit (`Retry-After`: 1.0 s to 9.0 s); this \
              load asked for 40/s, and 100 in 10 s (10/s) are allowed: stay below 10/s or get a higher quota. That is \
              what you are allowed, not what the target can carry."
            ]
        );
        let untold = sentences(limits, vec![refused(3_000, RateLimitSummary::default())]);
        assert!(untold[0].contains("; 10/s were let through, so about that is allowed: stay below it"), "{untold:?}");
        let early = sentences(limits, vec![refused(0, told)]);
        assert!(early[0].starts_with("At 10 users 2 requests of the warm-up met a rate limit"), "{early:?}");
    }

    #[test]
    fn a_limit_that_was_not_met() {
        let limit = RateLimitSummary {
            limit: Some(60),
            window_seconds: Some(60.0),
            least_remaining: Some(1),
            ..RateLimitSummary::default()
        };
        let step = Step { rate_limit: Some(limit), ..closed(1.0, 0.5, 20.0) };
        let found = limits(&run(vec![step, closed(2.0, 0.5, 20.0)]));
        assert_eq!(
            found[0].sentence,
            "The server tells of a rate limit of 60 in 60 s (1/s), of which 1 was left at the fewest; nothing was refused at 1 user."
        );
        assert_eq!(found[0].severity, Severity::Info);
        assert!(limits(&run(vec![closed(2.0, 0.5, 20.0)])).is_empty());
    }
}
