//! Answers of two kinds: from a cache or not, or fast and slow for a reason that the figures do not tell.

use super::view::{Step, View};
use super::words::{capital, share, span, times};
use super::{Diagnosis, DiagnosisKind, Severity};
use crate::text;

/// From this share on the answers of the cache are what the figures show.
const MANY: f64 = 0.1;
/// How much the p50 of the beginning may differ from that of the rest.
const CHANGED: f64 = 2.0;

/// Answers from the app's cache.
pub(super) fn cache(view: &View) -> Vec<Diagnosis> {
    let share_of = |cached: u64, ok: u64| if ok == 0 { 0.0 } else { cached as f64 / ok as f64 };
    let cached = view.steps.iter().filter(|step| step.cached > 0);
    let Some(step) = cached.max_by(|a, b| share_of(a.cached, a.ok).total_cmp(&share_of(b.cached, b.ok))) else {
        return Vec::new();
    };
    let part = share_of(step.cached, step.ok);
    let (severity, meaning) = if part >= MANY {
        (Severity::Notice, "the figures show the cache more than the function: vary the inputs, or turn the cache off")
    } else {
        (Severity::Info, "they took no work")
    };
    let sentence = format!(
        "{} {} of the answers came from the app's cache, without running the function; {meaning}.",
        capital(&step.at),
        share(part)
    );
    let evidence =
        vec![format!("{}: {} of {} cached", step.load(), text::thousands(step.cached), text::thousands(step.ok))];
    vec![Diagnosis::new(DiagnosisKind::Cache, severity, sentence, evidence)]
}

/// The name and step whose two groups lie the furthest apart.
pub(super) fn groups(view: &View) -> Vec<Diagnosis> {
    // Where the beginning was much slower or faster than the rest, that is what makes two kinds, and it is said elsewhere.
    let even =
        |step: &&Step| step.early.as_ref().is_none_or(|early| (1.0 / CHANGED..CHANGED).contains(&early.p50_ratio));
    let all = view
        .steps
        .iter()
        .filter(even)
        .flat_map(|step| step.signs.groups.iter().map(move |(name, groups)| (step, name, groups)));
    let apart = |groups: &crate::Groups| groups.slow_ms / groups.fast_ms;
    let Some((step, name, groups)) = all.max_by(|a, b| apart(a.2).total_cmp(&apart(b.2))) else { return Vec::new() };
    let named = if step.names.len() > 1 { format!(" of {}", text::one_line(name, 40)) } else { String::new() };
    let causes = if step.cached > 0 {
        "a cache answers some of them"
    } else {
        "look for two paths, such as a cache, a cold replica, or short and long inputs"
    };
    let sentence = format!(
        "{} the requests{named} are of two kinds with little between them: {} take about {} and {} about {}, {} as long; a mean \
         or a single percentile describes neither ({causes}).",
        capital(&step.at),
        share(1.0 - groups.slow_share),
        span(groups.fast_ms),
        share(groups.slow_share),
        span(groups.slow_ms),
        times(apart(groups)),
    );
    let evidence = vec![step.figures(), format!("{} requests", text::thousands(groups.requests as u64))];
    vec![Diagnosis::new(DiagnosisKind::Groups, Severity::Notice, sentence, evidence)]
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{closed, run, sentences};
    use super::*;

    #[test]
    fn a_cache_is_told_by_its_share() {
        let step = closed(10.0, 10.0, 9.0);
        assert!(cache(&run(vec![step.clone()])).is_empty());
        let few = cache(&run(vec![Step { cached: 10, ..step.clone() }]));
        assert_eq!(
            (few[0].severity, few[0].sentence.as_str()),
            (
                Severity::Info,
                "At 10 users 1.0 % of the answers came from the app's cache, without running the function; they took no work."
            )
        );
        let many = cache(&run(vec![Step { cached: 500, ..step }]));
        assert!(many[0].sentence.contains("50 % of the answers") && many[0].severity == Severity::Notice);
    }

    #[test]
    fn two_groups_are_told_with_their_share() {
        let mut step = closed(10.0, 10.0, 20.0);
        assert!(sentences(groups, vec![step.clone()]).is_empty());
        let found = crate::Groups { requests: 1000, slow_share: 0.25, fast_ms: 20.0, slow_ms: 201.0 };
        step.signs.groups.insert("chat".to_owned(), found);
        assert!(
            sentences(groups, vec![step])[0].starts_with(
                "At 10 users the requests are of two kinds with little between them: 75 % take about 20 ms and 25 % about 201 ms, 10 times as long"
            )
        );
    }
}
