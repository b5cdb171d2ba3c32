//! Percentiles that rest on too few requests.

use super::view::View;
use super::words::number;
use super::{Diagnosis, DiagnosisKind, Severity};
use crate::{P99_REQUESTS, text};

/// Most names that are listed.
const MOST_NAMED: usize = 4;

/// Every name and step whose p99 is shown and rests on fewer than 1,000 successes, in one sentence.
pub(super) fn few(view: &View) -> Vec<Diagnosis> {
    let several = view.steps.len() > 1;
    let mut thin: Vec<(usize, String)> = Vec::new();
    for step in &view.steps {
        for (name, times) in step.names.iter().filter(|(_, times)| times.count < P99_REQUESTS) {
            let words = match (several, step.names.len() > 1) {
                (true, true) => format!("of {name} {}", step.at),
                (true, false) => step.at.clone(),
                (false, true) => format!("of {name}"),
                (false, false) => String::new(),
            };
            thin.push((times.count, words));
        }
    }
    let Some(fewest) = thin.iter().map(|(count, _)| *count).min() else { return Vec::new() };
    let listed: Vec<String> =
        thin.iter().map(|(count, words)| format!("{words} ({})", number(*count as f64))).collect();
    let needed = text::thousands(P99_REQUESTS as u64);
    let which = match listed.len() {
        1 if thin[0].1.is_empty() => {
            format!("The p99 rests on {}, and a stable one needs {needed}", text::requests(fewest as u64))
        }
        1..=MOST_NAMED => format!("Too few requests for a stable p99 ({needed} are needed) {}", listed.join(", ")),
        more => format!(
            "Too few requests for a stable p99 ({needed} are needed) {} ({} at the fewest)",
            if view.steps.iter().any(|step| step.names.len() > 1) {
                format!("for {more} names and loads")
            } else {
                format!("at {more} loads")
            },
            number(fewest as f64)
        ),
    };
    // Of so few, p90 is the slowest request or the one before it.
    let read = if fewest < 20 {
        "; where there are fewer than 20, even p90 is little more than the slowest one; measure longer"
    } else {
        "; read p50 and p90 there, or measure longer"
    };
    let evidence = thin.iter().map(|(count, words)| format!("p99 {words}: {}", text::requests(*count as u64)));
    let evidence = evidence.map(|text| text.replace("p99 :", "p99:")).collect();
    vec![Diagnosis::new(DiagnosisKind::FewRequests, Severity::Info, format!("{which}{read}."), evidence)]
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{closed, sentences};
    use super::*;

    #[test]
    fn thin_percentiles_are_told_once() {
        assert_eq!(
            sentences(few, vec![closed(1.0, 0.1, 9.0), closed(10.0, 1.0, 9.0), closed(100.0, 10.0, 9.0)]),
            [
                "Too few requests for a stable p99 (1,000 are needed) at 1 user (10), at 10 users (100); where there are fewer \
              than 20, even p90 is little more than the slowest one; measure longer."
            ]
        );
        assert_eq!(
            sentences(few, vec![closed(1.0, 1.2, 9.0)]),
            ["The p99 rests on 120 requests, and a stable one needs 1,000; read p50 and p90 there, or measure longer."]
        );
        assert!(sentences(few, vec![closed(10.0, 10.0, 9.0)]).is_empty());
        assert!(sentences(few, vec![closed(10.0, 1.0, 9.0); 9])[0].contains("at 9 loads (100 at the fewest)"));
    }
}
