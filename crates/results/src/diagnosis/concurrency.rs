//! Whether the load was what was asked for.

use super::view::{Step, View};
use super::words::{and_others, capital, number, per_second, share, span, users};
use super::{Diagnosis, DiagnosisKind, Severity};
use crate::text;

/// Fewest successes.
const LEAST: u64 = 20;
/// Below this share of the users under way the difference is worth a word.
const FEWER: f64 = 0.8;
/// With more failures than that, how long requests took is not known well enough.
const FAILED: f64 = 0.05;
/// Dropped arrivals beyond this share change what was measured.
const MANY_DROPPED: f64 = 0.01;
/// How much longer the response time's p95 must be than the service time's, as a factor and in milliseconds.
const WAITED: f64 = 1.1;
const WAITED_MS: f64 = 1.0;

/// Arrivals of an open load that found no free user.
pub(super) fn dropped(view: &View) -> Vec<Diagnosis> {
    let part = |step: &Step| step.dropped as f64 / (step.iterations + step.dropped).max(1) as f64;
    let with: Vec<&Step> = view.steps.iter().filter(|step| step.dropped > 0).collect();
    let Some(worst) = with.iter().max_by(|a, b| part(a).total_cmp(&part(b))) else { return Vec::new() };
    let all = worst.iterations + worst.dropped;
    let made = match worst.rate {
        Some(rate) => {
            format!("{} were asked for and about {} made", per_second(rate), per_second(rate * (1.0 - part(worst))))
        }
        None => format!("{} were asked for and {} made", text::thousands(all), text::thousands(worst.iterations)),
    };
    let sentence = format!(
        "{} {} of {} arrivals were dropped because every user was busy{} ({made}): the load was less than asked for, so the \
         times are better than they would be; allow more users (`max_users`) or ask for less.",
        capital(&worst.at),
        text::thousands(worst.dropped),
        text::thousands(all),
        and_others(with.len() - 1)
    );
    let severity = if part(worst) >= MANY_DROPPED { Severity::Warning } else { Severity::Notice };
    let evidence = with
        .iter()
        .map(|step| format!("{}: {} of {} dropped", step.load(), step.dropped, step.iterations + step.dropped));
    vec![Diagnosis::new(DiagnosisKind::Concurrency, severity, sentence, evidence.collect())]
}

/// Little's law: requests under way on average are requests a second times how long one takes. A closed load without
/// pauses should have every user under way. The highest load that has not is told.
pub(super) fn idle_users(view: &View) -> Vec<Diagnosis> {
    let found = view.steps.iter().filter_map(|step| {
        let users = step.users.filter(|users| step.closed && *users > 1.0)?;
        let failed = 1.0 - step.ok as f64 / step.count.max(1) as f64;
        let under_way = step.throughput * step.service?.mean / 1e3;
        let fits = step.ok >= LEAST && failed <= FAILED && !step.tainted() && under_way > 0.0;
        (fits && under_way < FEWER * users).then_some((step, users, under_way))
    });
    let Some((step, most, under_way)) = found.max_by(|a, b| a.1.total_cmp(&b.1)) else { return Vec::new() };
    let (severity, why) = if step.pauses {
        (Severity::Info, "the others paused between requests, as the scenario has it")
    } else if step.rounds {
        (
            Severity::Info,
            "in rounds everyone waits for the slowest, so the throughput is not the most that the app can do; `--duration` \
             comes closer to that",
        )
    } else {
        (
            Severity::Notice,
            "the others were between requests, so the load on the target was less than the number of users says",
        )
    };
    let sentence = format!(
        "{} only {} had a request under way on average ({}): {why}.",
        capital(&step.at),
        number(if under_way < 10.0 { (under_way * 10.0).round() / 10.0 } else { under_way.round() }),
        share(under_way / most)
    );
    let mean = step.service.map_or(0.0, |times| times.mean);
    let evidence =
        vec![format!("{}: {} × mean {} = {under_way:.1}", users(most), per_second(step.throughput), span(mean))];
    vec![Diagnosis::new(DiagnosisKind::Concurrency, severity, sentence, evidence)]
}

/// Response times count from when a request was meant to start; how much of them went by before the send.
pub(super) fn waiting(view: &View) -> Vec<Diagnosis> {
    let waited = |step: &Step| {
        let (response, service) = (step.times?.p95, step.service?.p95);
        (response > WAITED * service && response - service > WAITED_MS).then_some((response, service))
    };
    let with: Vec<_> = view.steps.iter().filter_map(|step| Some((step, waited(step)?))).collect();
    let Some((step, (response, service))) = with.iter().max_by(|a, b| (a.1.0 - a.1.1).total_cmp(&(b.1.0 - b.1.1)))
    else {
        return Vec::new();
    };
    let sentence = format!(
        "{} the p95 is {} from when requests were meant to start and {} from when they were sent{}: the rest is waiting for a \
         free user or for the generator, as users feel it when the target does not keep up.",
        capital(&step.at),
        span(*response),
        span(*service),
        and_others(with.len() - 1)
    );
    let evidence = with.iter().map(|(step, (response, service))| {
        format!("{}: response time p95 {}, service time p95 {}", step.load(), span(*response), span(*service))
    });
    vec![Diagnosis::new(DiagnosisKind::Concurrency, Severity::Notice, sentence, evidence.collect())]
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{around, closed, open, run, sentences};
    use super::*;

    #[test]
    fn arrivals_that_were_not_made() {
        let step = Step { iterations: 4_300, dropped: 700, ..open(50.0, 43.0, 900.0) };
        let found = dropped(&run(vec![step.clone(), open(10.0, 10.0, 9.0)]));
        assert!(
            found[0].sentence.starts_with(
                "At 50/s 700 of 5,000 arrivals were dropped because every user was busy (50/s were asked for and about 43/s made)"
            ),
            "{found:?}"
        );
        assert_eq!(found[0].severity, Severity::Warning);
        let replay = sentences(dropped, vec![Step { rate: None, ..step }]);
        assert!(replay[0].contains("(5,000 were asked for and 4,300 made)"));
        assert!(sentences(dropped, vec![open(10.0, 10.0, 9.0)]).is_empty());
    }

    #[test]
    fn users_that_are_not_under_way() {
        // 25/s for 2 s each: 50 of 100.
        let rounds = Step { rounds: true, ..closed(100.0, 25.0, 2_000.0) };
        let found = sentences(idle_users, vec![closed(1.0, 2.0, 100.0), rounds.clone()]);
        assert!(found[0].starts_with("At 100 users only 50 had a request under way on average (50 %): in rounds"));
        let pausing = sentences(idle_users, vec![Step { rounds: false, pauses: true, ..rounds.clone() }]);
        assert!(pausing[0].contains("paused between requests"));
        let neither = idle_users(&run(vec![Step { rounds: false, ..rounds.clone() }]));
        assert_eq!(neither[0].severity, Severity::Notice);
        for silent in [closed(100.0, 50.0, 1_990.0), Step { count: 5_000, ..rounds.clone() }, Step { ok: 19, ..rounds }]
        {
            assert!(sentences(idle_users, vec![silent]).is_empty());
        }
    }

    #[test]
    fn waiting_before_the_send() {
        let late =
            Step { times: Some(around(1_050.0, 100)), service: Some(around(50.0, 100)), ..open(10.0, 10.0, 50.0) };
        let found = sentences(waiting, vec![late]);
        assert!(
            found[0]
                .starts_with("At 10/s the p95 is 1.36 s from when requests were meant to start and 65 ms from when")
        );
        assert!(sentences(waiting, vec![open(10.0, 10.0, 50.0)]).is_empty());
    }
}
