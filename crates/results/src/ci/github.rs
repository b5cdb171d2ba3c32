//! What GitHub Actions reads: the step summary, annotations at the lines of broken rules, outputs of the step.

use super::markdown::{Shown, body};
use super::{CiReport, CiRule};
use crate::ThresholdState;
use crate::text::one_line;
use std::path::PathBuf;

/// Bytes that a step's summary may have: GitHub takes 1 MiB of a step, and shows none of a longer one.
pub const STEP_SUMMARY_BUDGET: usize = 900_000;

/// GitHub shows this many annotations of a kind in one step.
pub(super) const MOST: usize = 10;

/// Where things are, for a step's outputs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CiPaths {
    /// The run's directory.
    pub run_dir: PathBuf,
    /// Its report, where there is one.
    pub report: Option<PathBuf>,
    /// The comment, where one was asked for.
    pub comment: Option<PathBuf>,
}

/// Markdown for the step summary, to be put behind the `already` bytes that are in it. Empty when there is no room.
pub fn step_summary(report: &CiReport, already: u64) -> String {
    let text = |room| body(report, &Shown { errors: 50, names: true }, room) + "\n";
    room(already).map(text).unwrap_or_default()
}

/// Bytes that are left of a step's summary, less one for a line end; `None` when they are too few for anything.
pub(super) fn room(already: u64) -> Option<usize> {
    let left = STEP_SUMMARY_BUDGET.saturating_sub(usize::try_from(already).unwrap_or(usize::MAX));
    (left >= 1_000).then(|| left - 1)
}

/// Workflow commands: an error for each broken rule, at its line where it stands in a file; a warning for what makes the
/// run inconclusive. At most ten of each.
pub fn annotations(report: &CiReport) -> Vec<String> {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let limited = !report.limited.is_empty();
    for (part, rule) in report.rules(ThresholdState::Broken) {
        let message = format!("{}: {}: {}", part.title, rule.result.title(), rule.sentence());
        if limited {
            warnings.push(command("warning", Some(rule), "threshold, but the load generator was the limit", &message));
        } else {
            errors.push(command("error", Some(rule), "threshold is broken", &message));
        }
    }
    if limited {
        warnings.insert(0, command("warning", None, "the load generator was the limit", &report.limited.join("\n")));
    }
    if let Some(why) = &report.partial {
        warnings.insert(0, command("warning", None, "the run is partial", why));
    }
    for (part, rule) in report.rules(ThresholdState::Unsure) {
        let message = format!("{}: {}: {}", part.title, rule.result.title(), rule.sentence());
        warnings.push(command("warning", Some(rule), "threshold cannot be judged", &message));
    }
    for part in report.parts.iter().filter(|part| part.all.requests == part.all.failed) {
        warnings.push(command("warning", None, "no request succeeded", &part.title));
    }
    errors.truncate(MOST);
    warnings.truncate(MOST);
    [errors, warnings].concat()
}

pub(super) fn command(kind: &str, rule: Option<&CiRule>, title: &str, message: &str) -> String {
    let place = match rule.and_then(|rule| rule.place.as_ref()) {
        Some(place) => format!("file={},line={},", property(&place.file), place.line),
        None => String::new(),
    };
    format!("::{kind} {place}title={}::{}", property(&format!("Plimsoll: {title}")), data(message))
}

/// As the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// `name=value` lines for the step's outputs. The figures are those of the last tier or level; one that was not measured
/// is empty.
pub fn outputs(report: &CiReport, exit_code: u8, paths: &CiPaths) -> String {
    let all = report.last().map(|part| &part.all);
    let number = |value: Option<f64>| value.map(|value| format!("{value:.3}")).unwrap_or_default();
    let path = |path: Option<&PathBuf>| path.map(|path| path.display().to_string()).unwrap_or_default();
    let [p50, p95, p99] = all.map_or([None; 3], |row| row.quantiles().map(|(_, time)| time));
    output_lines(&[
        ("verdict", report.verdict.result.as_str().to_owned()),
        ("exit-code", exit_code.to_string()),
        ("state", if report.partial.is_some() { "partial" } else { "complete" }.to_owned()),
        ("p50-ms", number(p50)),
        ("p95-ms", number(p95)),
        ("p99-ms", number(p99)),
        ("rps", number(all.and_then(|row| row.rps))),
        ("failed", all.map(|row| row.failed.to_string()).unwrap_or_default()),
        ("failed-share", all.and_then(super::CiRow::failed_share).map(|share| share.to_string()).unwrap_or_default()),
        ("run-dir", paths.run_dir.display().to_string()),
        ("report", path(paths.report.as_ref())),
        ("comment", path(paths.comment.as_ref())),
    ])
}

/// A line end would begin an output of another name.
pub(super) fn output_lines(outputs: &[(&str, String)]) -> String {
    outputs.iter().map(|(name, value)| format!("{name}={}\n", one_line(value, usize::MAX))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::testdata::report;

    #[test]
    fn broken_rules_are_errors_at_their_line() {
        insta::assert_snapshot!(annotations(&report()).join("\n"));
        let mut many = report();
        let rule = many.parts[0].rules[0].clone();
        many.parts[0].rules = vec![rule; 30];
        assert_eq!(annotations(&many).iter().filter(|line| line.starts_with("::error ")).count(), 10);
        many.limited = vec!["50 % busy\nreally".to_owned()];
        let lines = annotations(&many);
        assert!(lines.iter().all(|line| line.starts_with("::warning ")), "{lines:#?}");
        assert!(lines[0].ends_with("::50 %25 busy%0Areally") && lines.len() == 10, "{lines:#?}");
    }

    #[test]
    fn outputs_are_one_line_each() {
        let mut report = report();
        report.parts.pop();
        let paths = CiPaths { run_dir: "a\nrps=7".into(), report: None, comment: Some("comment.md".into()) };
        insta::assert_snapshot!(outputs(&report, 99, &paths), @r"
        verdict=fail
        exit-code=99
        state=complete
        p50-ms=55.000
        p95-ms=98.500
        p99-ms=120.000
        rps=96.000
        failed=12
        failed-share=0.01
        run-dir=a rps=7
        report=
        comment=comment.md
        ");
        report.parts.clear();
        assert!(outputs(&report, 3, &CiPaths::default()).contains("\nrps=\n"));
    }

    #[test]
    fn the_summary_has_room_in_its_step() {
        let mut report = report();
        report.diagnosis = vec!["x".repeat(300); 5_000];
        for already in [0, 500_000, 899_500, u64::MAX] {
            let text = step_summary(&report, already);
            assert!(text.is_empty() || already + text.len() as u64 <= STEP_SUMMARY_BUDGET as u64, "{}", text.len());
            assert_eq!(text.contains("_Cut off here"), already < 899_000, "{already}");
        }
    }
}
