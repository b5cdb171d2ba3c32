//! Cold servers, and first requests unlike the others.

use super::view::{Step, View};
use super::words::{and_others, capital, span, times};
use super::{Diagnosis, DiagnosisKind, Severity};
use crate::{ColdSummary, EarlySummary, text};

/// How many times the others the first requests must take, and how many milliseconds more.
const SLOWER: f64 = 2.0;
const SLOWER_MS: f64 = 50.0;
/// The same of a single first request, which may be slow by chance.
const ONE_SLOWER: f64 = 5.0;
const ONE_SLOWER_MS: f64 = 200.0;
/// Fewest requests that "the others" can be.
const LEAST: usize = 4;
/// Cold failures from this share of the requests on are more than a nuisance.
const MANY: f64 = 0.01;
/// Fewest successes on either side of the beginning of a level, and how much they must differ.
const LEAST_EARLY: u64 = 100;
const DIFFERS: f64 = 0.2;

/// A server that said that it was cold.
pub(super) fn cold(view: &View) -> Vec<Diagnosis> {
    let with: Vec<(&Step, &ColdSummary)> =
        view.steps.iter().filter_map(|step| Some((step, step.cold.as_ref()?))).collect();
    let Some((step, cold)) = with.iter().max_by(|a, b| a.1.longest_seconds.total_cmp(&b.1.longest_seconds)) else {
        return Vec::new();
    };
    let ready = cold.ready_at.map_or_else(
        || format!("the longest of them took {}", text::seconds(cold.longest_seconds)),
        |ready| {
            format!("the first answer came {} after the first of them was sent", text::seconds(ready - cold.first_at))
        },
    );
    let failed = match cold.failed {
        0 => String::new(),
        failed if failed == cold.requests => ", all of them failed".to_owned(),
        failed => format!(", {} of them failed", text::thousands(failed)),
    };
    let sentence = format!(
        "{} {} met a cold server{failed}{}: {ready}; keep that out of the other figures with a warm-up, or keep a replica warm.",
        capital(&step.at),
        text::requests(cold.requests),
        and_others(with.len() - 1),
    );
    let mut evidence = vec![format!(
        "{}: {} cold, longest {}, together {}",
        step.load(),
        cold.requests,
        text::seconds(cold.longest_seconds),
        text::seconds(cold.total_seconds)
    )];
    evidence.extend(cold.longest_told_seconds.map(|told| format!("the server's own guess: {}", text::seconds(told))));
    let many = cold.failed as f64 >= MANY * step.count.max(1) as f64 && cold.failed > 0;
    let severity = if many { Severity::Warning } else { Severity::Notice };
    vec![Diagnosis::new(DiagnosisKind::ColdStart, severity, sentence, evidence)]
}

/// The first requests against the others: in the warm-up, in a tier, at the beginning of a level. A trend over the whole
/// level is not a beginning, see [`super::settling`].
pub(super) fn first(view: &View) -> Vec<Diagnosis> {
    let level = view.steps.iter().filter(|step| step.signs.settling.and_then(|settling| settling.trend()).is_none());
    warmup(view)
        .or_else(|| view.steps.first().and_then(first_requests))
        .or_else(|| level.filter_map(early).max_by_key(|found| found.severity))
        .into_iter()
        .collect()
}

fn warmup(view: &View) -> Option<Diagnosis> {
    let warmup = view.warmup.filter(|warmup| warmup.ok > LEAST)?;
    let (first, rest) = (warmup.first_ms?, warmup.p50?);
    (first > ONE_SLOWER * rest && first - rest > ONE_SLOWER_MS).then(|| {
        let sentence = format!(
            "The first request took {}, and the median of the warm-up {}: a cold start, which the warm-up kept out of the \
             other figures; whoever comes first after a restart waits that long.",
            span(first),
            span(rest)
        );
        let evidence = vec![format!("warm-up: {} ok, first {}, p50 {}", warmup.ok, span(first), span(rest))];
        Diagnosis::new(DiagnosisKind::ColdStart, Severity::Info, sentence, evidence)
    })
}

/// Of a tier: each user's first request against its later ones.
fn first_requests(step: &Step) -> Option<Diagnosis> {
    let found = step.signs.first.filter(|found| found.later >= LEAST && found.first > 0)?;
    let (ratio, more) = (found.first_p50 / found.later_p50, found.first_p50 - found.later_p50);
    let (least, least_ms) = if found.first < LEAST { (ONE_SLOWER, ONE_SLOWER_MS) } else { (SLOWER, SLOWER_MS) };
    (ratio > least && more > least_ms).then(|| {
        let who = if found.first == 1 { "the first request" } else { "the users' first requests" };
        let sentence = format!(
            "{} {who} took {}, {} the p50 of the later ones: the app was still warming up, and this is in the tier's figures; \
             a warm-up (`--warmup`) keeps it out.",
            capital(&step.at),
            span(found.first_p50),
            times(ratio)
        );
        let evidence = vec![format!(
            "{}: {} first requests p50 {}, {} later ones p50 {}",
            step.load(),
            found.first,
            span(found.first_p50),
            found.later,
            span(found.later_p50)
        )];
        Diagnosis::new(DiagnosisKind::ColdStart, Severity::Notice, sentence, evidence)
    })
}

fn early(step: &Step) -> Option<Diagnosis> {
    let early = step.early.as_ref().filter(|early| early.early.ok > LEAST_EARLY && early.rest.ok > LEAST_EARLY)?;
    let differs = |ratio: f64| (ratio - 1.0).abs() > DIFFERS;
    if !(differs(early.p50_ratio) || differs(early.p95_ratio)) {
        return None;
    }
    let slower = if differs(early.p50_ratio) { early.p50_ratio > 1.0 } else { early.p95_ratio > 1.0 };
    let figures = format!(
        "{} the first {:.0} s had {:.2} times the p50 and {:.2} times the p95 of the rest, at {:.2} times the rate",
        capital(&step.at),
        early.seconds,
        early.p50_ratio,
        early.p95_ratio,
        early.rps_ratio
    );
    let (kind, meaning) = if slower {
        let cut = step.signs.settling.and_then(|settling| settling.warm_up_seconds).filter(|cut| *cut > 0.0);
        let long =
            cut.map_or_else(String::new, |cut| format!(" of about {}", text::seconds(cut + step.warmup_seconds)));
        let meaning =
            format!("the target was still warming up; a `warmup`{long} in the load keeps that out of the figures");
        (DiagnosisKind::ColdStart, meaning)
    } else {
        let meaning = "the answers became slower; the figures of the whole level describe neither part".to_owned();
        (DiagnosisKind::Settling, meaning)
    };
    Some(Diagnosis::new(kind, Severity::Notice, format!("{figures}: {meaning}."), parts(step, early)))
}

fn parts(step: &Step, early: &EarlySummary) -> Vec<String> {
    [("first", &early.early), ("rest", &early.rest)]
        .map(|(part, figures)| {
            format!("{}: {part} {} ok, p50 {}, p95 {}", step.load(), figures.ok, span(figures.p50), span(figures.p95))
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{closed, run, sentences};
    use super::*;
    use crate::{FirstRequests, PartSummary, Settling, WarmupSummary};

    #[test]
    fn a_cold_server() {
        let mut summary = ColdSummary {
            requests: 8,
            failed: 3,
            longest_seconds: 19.5,
            total_seconds: 90.0,
            first_at: 1.0,
            ..ColdSummary::default()
        };
        summary.ready_at = Some(21.0);
        let step = Step { cold: Some(summary), ..closed(8.0, 10.0, 50.0) };
        assert!(sentences(cold, vec![step, closed(9.0, 1.0, 1.0)])[0].starts_with(
            "At 8 users 8 requests met a cold server, 3 of them failed: the first answer came 20.0 s after"
        ),);
        assert!(sentences(cold, vec![closed(9.0, 1.0, 1.0)]).is_empty());
    }

    #[test]
    fn first_requests_of_a_gradio_app() {
        let warm = |first_ms| {
            let warmup = WarmupSummary { requests: 6, ok: 6, p50: Some(40.0), first_ms: Some(first_ms) };
            first(&super::View { warmup: Some(warmup), ..run(vec![closed(1.0, 1.0, 1.0)]) })
        };
        assert!(
            warm(3_200.0)[0].sentence.starts_with("The first request took 3.20 s, and the median of the warm-up 40 ms")
        );
        assert!(warm(150.0).is_empty(), "chance");
        let tier = |first, first_p50| {
            let mut step = closed(10.0, 10.0, 50.0);
            step.signs.first = Some(FirstRequests { first, first_p50, later: 90, later_p50: 50.0 });
            sentences(super::first, vec![step])
        };
        assert!(tier(10, 180.0)[0].starts_with("At 10 users the users' first requests took 180 ms, 3.6 times the p50"));
        assert_eq!((tier(10, 90.0).len(), tier(1, 180.0).len(), tier(1, 999.0).len()), (0, 0, 1));
    }

    fn level(early: f64, ok: u64) -> Step {
        let part = |p50: f64| PartSummary { ok, rps: 20.0, p50, p95: 2.0 * p50 };
        let summary = EarlySummary {
            seconds: 60.0,
            early: part(early),
            rest: part(100.0),
            p50_ratio: early / 100.0,
            p95_ratio: early / 100.0,
            rps_ratio: 1.0,
        };
        Step { early: Some(summary), ..closed(10.0, 10.0, 50.0) }
    }

    #[test]
    fn the_beginning_of_a_level() {
        let slow = first(&run(vec![level(200.0, 1_000)]));
        assert!(
            slow[0].sentence.starts_with("At 10 users the first 60 s had 2.00 times the p50")
                && slow[0].kind == DiagnosisKind::ColdStart
        );
        assert_eq!(first(&run(vec![level(60.0, 1_000)]))[0].kind, DiagnosisKind::Settling);
        let mut trend = level(60.0, 1_000);
        trend.signs.settling = Some(Settling { ok: [99; 4], p50: [10.0, 20.0, 30.0, 40.0], ..Settling::default() });
        for silent in [level(110.0, 1_000), level(200.0, 100), trend] {
            assert!(sentences(first, vec![silent]).is_empty());
        }
    }
}
