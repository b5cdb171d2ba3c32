//! What CI systems read of a comparison of two versions.

use super::github::{MOST, command, output_lines, room};
use super::junit::{failure, skipped, whole};
use super::markdown::fit;
use crate::{ComparisonOutcome, ComparisonRow, ResultsError, RunComparison, comparison_markdown, signed_percent};
use quick_junit::{Property, TestCase, TestCaseStatus, TestSuite};
use std::path::Path;

/// JUnit XML: a case for each figure that decides, its class the tier or level. A worse one is a failure, one that nobody
/// can tell is skipped.
///
/// # Errors
/// [`ResultsError::Junit`] when it cannot be written as XML.
pub fn comparison_junit(comparison: &RunComparison) -> Result<String, ResultsError> {
    let mut suite = TestSuite::new("plimsoll comparison");
    for (name, value) in [
        ("outcome", word(comparison.outcome).to_owned()),
        ("conclusion", comparison.conclusion.clone()),
        ("base", comparison.base.label.clone()),
        ("branch", comparison.branch.label.clone()),
    ] {
        suite.add_property(Property::new(name, value));
    }
    for row in comparison.gate() {
        let status = if row.verdict.is_worse() {
            failure("regression", sentence(row))
        } else if row.verdict.is_open() {
            skipped(sentence(row))
        } else {
            TestCaseStatus::success()
        };
        let mut case = TestCase::new(row.metric.as_str(), status);
        case.set_classname(format!("comparison.{}", row.scope)).set_system_out(sentence(row));
        suite.add_test_case(case);
    }
    whole(suite)
}

/// Workflow commands: an error for each figure that is worse, a warning when there is nothing to conclude. At most ten of
/// each.
pub fn comparison_annotations(comparison: &RunComparison) -> Vec<String> {
    let worse = comparison.gate().filter(|row| row.verdict.is_worse()).take(MOST);
    let worse = worse.map(|row| command("error", None, "slower or worse than the base", &sentence(row)));
    let open = (comparison.outcome == ComparisonOutcome::TooFewRuns)
        .then(|| command("warning", None, "the comparison is inconclusive", &comparison.conclusion));
    let warnings = comparison.warnings.iter().map(|warning| command("warning", None, "comparison", warning));
    worse.chain(open.into_iter().chain(warnings).take(MOST)).collect()
}

/// Markdown for the step summary, to be put behind the `already` bytes that are in it. Empty when there is no room.
pub fn comparison_step_summary(comparison: &RunComparison, already: u64) -> String {
    room(already).map(|room| fit(comparison_markdown(comparison), room) + "\n").unwrap_or_default()
}

/// `name=value` lines for the step's outputs.
pub fn comparison_outputs(comparison: &RunComparison, exit_code: u8, comment: Option<&Path>) -> String {
    output_lines(&[
        ("outcome", word(comparison.outcome).to_owned()),
        ("exit-code", exit_code.to_string()),
        ("conclusion", comparison.conclusion.clone()),
        ("comment", comment.map(|path| path.display().to_string()).unwrap_or_default()),
    ])
}

fn word(outcome: ComparisonOutcome) -> &'static str {
    match outcome {
        ComparisonOutcome::Regression => "regression",
        ComparisonOutcome::Improvement => "improvement",
        ComparisonOutcome::NoRegression => "no_regression",
        ComparisonOutcome::TooFewRuns => "too_few_runs",
    }
}

fn sentence(row: &ComparisonRow) -> String {
    let effect = row.ratio.map_or_else(|| "no ratio".to_owned(), signed_percent);
    let interval = row.interval.map_or_else(String::new, |(low, high)| {
        format!(", 95 % interval {} to {}", signed_percent(low), signed_percent(high))
    });
    let runs = format!("{} and {} runs", row.base_runs, row.branch_runs);
    format!("{} {}: {}, {effect}{interval}; {runs}", row.scope, row.metric.as_str(), row.verdict.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::tests::{branch_of, noisy};
    use crate::{CompareOptions, compare};

    #[test]
    fn a_regression_fails_its_case() {
        let comparison = compare(&noisy(1.0), &branch_of(1.1), true, &CompareOptions::default()).unwrap();
        let xml = comparison_junit(&comparison).unwrap();
        assert!(xml.contains(r#"tests="3" skipped="0" failures="2""#), "{xml}");
        assert!(xml.contains(r#"<failure message="tier 10 p50: slower, +1"#), "{xml}");
        let lines = comparison_annotations(&comparison);
        let errors = lines.iter().filter(|line| line.starts_with("::error title=Plimsoll%3A slower or worse")).count();
        assert_eq!(errors, 2, "{lines:#?}");
        let outputs = comparison_outputs(&comparison, 98, Some(Path::new("ab.md")));
        assert!(outputs.starts_with("outcome=regression\nexit-code=98\nconclusion=Regression: "), "{outputs}");
        assert_eq!(comparison_step_summary(&comparison, u64::MAX), "");
        assert!(comparison_step_summary(&comparison, 0).contains("| tier 10 | p50 |"));
    }

    #[test]
    fn single_runs_are_skipped() {
        let comparison = compare(&noisy(1.0)[..1], &branch_of(1.1)[..1], false, &CompareOptions::default()).unwrap();
        let xml = comparison_junit(&comparison).unwrap();
        assert!(!xml.contains("<failure") && xml.contains("<skipped"), "{xml}");
        assert!(
            comparison_annotations(&comparison)[0].starts_with("::warning title=Plimsoll%3A the comparison is inc")
        );
    }
}
