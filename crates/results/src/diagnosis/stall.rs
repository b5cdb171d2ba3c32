//! Coordinated omission: while a closed load waits for an answer, it sends nothing, and so leaves out the very requests
//! that would have waited.

use super::view::{Step, View};
use super::words::{capital, per_second, span};
use super::{Diagnosis, DiagnosisKind, Severity};
use crate::text;

/// A stall: a longest answer of at least a second, and of this many medians.
const LONG_MS: f64 = 1000.0;
const MEDIANS: f64 = 10.0;

/// The longest stall. Looked at by name, because a slow kind of request is no stall. Users of rounds wait for each other
/// anyway, so there it is no surprise.
pub(super) fn stall(view: &View) -> Vec<Diagnosis> {
    let worst = |step: &Step| {
        let stalled = step.names.iter().filter(|(_, times)| times.max >= LONG_MS && times.max > MEDIANS * times.p50);
        stalled.map(|(_, times)| times.max).max_by(f64::total_cmp)
    };
    let closed = view.steps.iter().filter(|step| step.closed && !step.rounds && step.seconds > 0.0);
    let found = closed.filter_map(|step| Some((worst(step)?, step))).max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((longest, step)) = found else { return Vec::new() };
    let rate = step.count as f64 / step.seconds;
    let missing = ((rate * longest / 1e3).round() as u64).max(1);
    let sentence = format!(
        "{} the longest answer took {}; in that time about {} would have come at the measured {}, but a closed load sends \
         nothing while it waits, so their waiting is in no percentile: measure with arrivals at a rate to see it.",
        capital(&step.at),
        span(longest),
        text::requests(missing),
        per_second(rate)
    );
    let evidence = vec![step.figures(), format!("{}: max {}", step.load(), span(longest))];
    vec![Diagnosis::new(DiagnosisKind::Stall, Severity::Notice, sentence, evidence)]
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{closed, sentences};
    use super::*;

    #[test]
    fn only_a_long_answer_of_a_closed_load_is_a_stall() {
        let mut step = closed(1.0, 7.0, 90.0);
        assert!(sentences(stall, vec![step.clone()]).is_empty());
        step.names[0].1.max = 5_000.0;
        let found = sentences(stall, vec![closed(1.0, 9.0, 9.0), step.clone()]);
        assert!(
            found[0].starts_with("At 1 user the longest answer took 5.00 s; in that time about 35 requests would have")
        );
        for other in [Step { closed: false, ..step.clone() }, Step { rounds: true, ..step.clone() }] {
            assert!(sentences(stall, vec![other]).is_empty());
        }
        // A name that is always slow is no stall of the others.
        step.names[0].1.max = 100.0;
        step.names.push(("slow".to_owned(), super::super::testdata::around(1_500.0, 9)));
        assert!(sentences(stall, vec![step]).is_empty());
    }
}
