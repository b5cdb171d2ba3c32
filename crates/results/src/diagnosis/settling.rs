//! Times that still changed at the end.

use super::view::View;
use super::words::{and_others, capital, span};
use super::{Diagnosis, DiagnosisKind, Severity};

/// The step whose times changed the most, in one direction all along.
pub(super) fn settling(view: &View) -> Vec<Diagnosis> {
    let found: Vec<_> = view
        .steps
        .iter()
        .filter_map(|step| {
            let settling = step.signs.settling?;
            Some((step, settling, settling.trend()?))
        })
        .collect();
    let Some((step, settling, ratio)) = found.iter().max_by(|a, b| a.2.ln().abs().total_cmp(&b.2.ln().abs())) else {
        return Vec::new();
    };
    let meaning = match (*ratio > 1.0, step.closed) {
        (true, false) => {
            "requests come faster than they are answered, so the figures depend on how long you measure: ask for less"
        }
        (true, true) => {
            "something fills up or slows down as the run goes on, so the figures depend on how long you measure"
        }
        (false, _) => "it had not warmed up; a longer run with a `warmup` would show the steady state",
    };
    let [a, b, c, d] = settling.p50.map(span);
    let sentence = format!(
        "{} the times never settled{}: p50 in the four quarters of the time was {a}, {b}, {c}, {d}: {meaning}.",
        capital(&step.at),
        and_others(found.len() - 1)
    );
    let evidence = vec![step.figures(), format!("{}: {:?} successes in the quarters", step.load(), settling.ok)];
    vec![Diagnosis::new(DiagnosisKind::Settling, Severity::Warning, sentence, evidence)]
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{closed, open, sentences};
    use super::*;
    use crate::Settling;

    #[test]
    fn a_trend_is_told_by_what_it_means() {
        let with = |mut step: super::super::view::Step, p50| {
            step.signs.settling = Some(Settling { ok: [100; 4], p50, ..Settling::default() });
            sentences(settling, vec![closed(1.0, 1.0, 1.0), step])
        };
        let growing = [200.0, 900.0, 1_700.0, 2_400.0];
        let queue = with(open(400.0, 200.0, 900.0), growing);
        assert!(
            queue[0].starts_with("At 400/s the times never settled: p50 in the four quarters of the time was 200 ms, 900 ms, 1.70 s, 2.40 s: requests come faster"),
            "{queue:?}"
        );
        assert!(with(closed(4.0, 20.0, 900.0), growing)[0].contains("something fills up"));
        assert!(with(closed(4.0, 20.0, 900.0), [900.0, 500.0, 200.0, 100.0])[0].contains("had not warmed up"));
        assert!(with(closed(4.0, 20.0, 900.0), [100.0, 105.0, 100.0, 103.0]).is_empty());
    }
}
