//! Whether the figures are the target's or those of the machine that made the load.

use super::view::{Step, View};
use super::words::{and_others, capital, share, span};
use super::{Diagnosis, DiagnosisKind, Severity};
use crate::text;
use plimsoll_model::Health;

/// From this share of stolen CPU time on the host is noisy, and from this one on very much so.
const STOLEN: f64 = 0.02;
const MUCH_STOLEN: f64 = 0.1;
/// A measuring thread this busy is close to its limit of 80 %.
const BUSY: f64 = 0.6;

/// Levels that passed a limit of the generator. The banner and the verdict say which limit; this says what to do.
pub(super) fn limited(view: &View) -> Vec<Diagnosis> {
    let limits = |step: &Step| -> Vec<String> {
        let limits = step.health.iter().flat_map(|health| &health.limits_passed);
        limits.map(|limit| format!("{}: {}", step.load(), limit.message)).collect()
    };
    let tainted: Vec<&Step> = view.steps.iter().filter(|step| step.tainted()).collect();
    let Some(first) = tainted.first() else { return Vec::new() };
    let less = if tainted.iter().all(|step| step.closed) { "fewer users" } else { "a lower rate" };
    let mode = if tainted.iter().any(|step| step.rounds) { "`--mode wave`, " } else { "" };
    let sentence = format!(
        "The times and the throughput {}{} may be the load generator's own: conclude nothing about the target from them; \
         use {less}, {mode}or a machine with more free processors.",
        first.at,
        and_others(tainted.len() - 1)
    );
    let evidence = tainted.iter().flat_map(|step| limits(step)).collect();
    vec![Diagnosis::new(DiagnosisKind::Generator, Severity::Warning, sentence, evidence)]
}

/// Stolen CPU time, and a measuring thread near its limit.
pub(super) fn noisy_host(view: &View) -> Vec<Diagnosis> {
    let most = |figure: fn(&Health) -> f64| {
        let steps = view.steps.iter().filter(|step| !step.tainted());
        let worst = |step: &Step| step.health.iter().map(figure).fold(0.0, f64::max);
        steps.map(|step| (worst(step), step)).max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let mut found = Vec::new();
    if let Some((stolen, step)) = most(|health| health.steal.unwrap_or(0.0)).filter(|(stolen, _)| *stolen > STOLEN) {
        let lag = step.health.iter().map(|health| health.send_lag.p99_ms).fold(0.0, f64::max);
        let sentence = format!(
            "{} the hypervisor gave {} of this machine's CPU time to others: p95, p99 and max, and the times of a target on \
             this machine, may be longer for it; repeat the run on a quiet machine before you compare them.",
            capital(&step.at),
            share(stolen)
        );
        let severity = if stolen > MUCH_STOLEN { Severity::Warning } else { Severity::Notice };
        let evidence = vec![format!("{}: steal {}, send lag p99 {}", step.load(), share(stolen), span(lag))];
        found.push(Diagnosis::new(DiagnosisKind::NoisyHost, severity, sentence, evidence));
    }
    if let Some((busy, step)) = most(|health| health.shard_busy).filter(|(busy, _)| *busy > BUSY) {
        let sentence = format!(
            "{} the measuring thread was {} busy, not far from its limit of 80 %: a higher load from this machine would \
             measure the generator.",
            capital(&step.at),
            share(busy)
        );
        let cpu = step.health.iter().map(|health| health.cpu_ms_per_request).fold(0.0, f64::max);
        let evidence =
            vec![format!("{}: {} of CPU a request, {} requests", step.load(), span(cpu), text::thousands(step.count))];
        found.push(Diagnosis::new(DiagnosisKind::Generator, Severity::Notice, sentence, evidence));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{closed, run, sentences};
    use super::*;
    use crate::testdata::health;

    fn with(health: Health) -> Step {
        Step { health: vec![health], ..closed(10.0, 50.0, 200.0) }
    }

    #[test]
    fn a_limited_level_is_named_with_what_helps() {
        let limited = Step { rounds: true, ..with(health(true)) };
        let found = super::limited(&run(vec![with(health(false)), limited.clone(), limited]));
        assert!(
            found[0].sentence.starts_with("The times and the throughput at 10 users (and at one other load) may be")
        );
        assert!(found[0].sentence.contains("--mode wave"));
        assert_eq!(found[0].evidence[0], "10 users: the measuring thread was 93 % busy (limit 80 %)");
        assert!(super::limited(&run(vec![with(health(false))])).is_empty());
    }

    #[test]
    fn steal_and_a_busy_thread() {
        let found = noisy_host(&run(vec![with(health(false))]));
        assert_eq!((found.len(), found[0].severity), (1, Severity::Warning));
        assert!(found[0].sentence.contains("gave 25 % of this machine's CPU time"));
        let busy = Health { shard_busy: 0.7, steal: Some(0.03), ..Health::default() };
        let found = noisy_host(&run(vec![with(busy)]));
        assert_eq!((found.len(), found[0].severity), (2, Severity::Notice));
        let quiet = Health { shard_busy: 0.3, steal: Some(0.01), ..Health::default() };
        assert!(sentences(noisy_host, vec![with(quiet), with(Health { steal: None, ..Health::default() })]).is_empty());
        assert!(noisy_host(&run(vec![with(health(true))])).is_empty(), "the graver sentence says enough");
    }
}
