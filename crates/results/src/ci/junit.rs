//! JUnit XML, which GitHub's report actions, GitLab, Jenkins and others read.

use super::{CiPart, CiReport, CiRow, CiRule};
use crate::{ResultsError, ThresholdState, VerdictResult};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The run as one test suite: a case for each rule of each tier or level, one for the load generator and one for the
/// run's end. Without rules, each tier or level is a case, which fails when nothing succeeded. A rule without an answer
/// is a skipped case; so is every rule when the load generator may have set the figures.
///
/// # Errors
/// [`ResultsError::Junit`] when it cannot be written as XML.
pub fn junit(report: &CiReport) -> Result<String, ResultsError> {
    let mut suite = TestSuite::new(format!("plimsoll {}", report.name));
    suite.set_time(time(report.parts.iter().map(|part| part.seconds).sum()));
    for (name, value) in properties(report) {
        suite.add_property(Property::new(name, value));
    }
    for part in &report.parts {
        if part.rules.is_empty() && report.headline.is_none() {
            suite.add_test_case(answered(report, part));
        }
        suite.add_test_cases(part.rules.iter().map(|rule| case(report, part, rule)));
    }
    if let Some(found) = &report.headline {
        suite.add_test_case(load_line(report, found));
    }
    suite.add_test_case(generator(report));
    suite.add_test_case(ended(report));
    whole(suite)
}

/// A file with one suite.
pub(super) fn whole(suite: TestSuite) -> Result<String, ResultsError> {
    let mut whole = Report::new("plimsoll");
    whole.add_test_suite(suite);
    whole.to_string().map_err(|reason| ResultsError::Junit { reason: reason.to_string() })
}

fn properties(report: &CiReport) -> Vec<(String, String)> {
    let mut properties = vec![
        ("verdict".to_owned(), report.verdict.result.as_str().to_owned()),
        ("state".to_owned(), if report.partial.is_some() { "partial" } else { "complete" }.to_owned()),
        ("timestamp".to_owned(), report.timestamp.clone()),
    ];
    properties.extend(report.partial.iter().map(|why| ("partial_reason".to_owned(), why.clone())));
    properties.extend(report.facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    for part in &report.parts {
        for row in std::iter::once(&part.all).chain(&part.names) {
            let name = if part.names.is_empty() { String::new() } else { format!(" {}", row.name) };
            let figures = figures(row);
            properties
                .extend(figures.into_iter().map(|(figure, value)| (format!("{}{name} {figure}", part.title), value)));
        }
    }
    properties
}

fn figures(row: &CiRow) -> Vec<(String, String)> {
    let mut figures =
        vec![("requests".to_owned(), row.requests.to_string()), ("failed".to_owned(), row.failed.to_string())];
    figures.extend(row.rps.map(|rps| ("rps".to_owned(), format!("{rps:.3}"))));
    let times = row.quantiles().into_iter().filter_map(|(name, time)| Some((name, time?)));
    figures.extend(times.map(|(name, time)| (format!("{name}_ms"), format!("{time:.3}"))));
    figures
}

fn case(report: &CiReport, part: &CiPart, rule: &CiRule) -> TestCase {
    let result = &rule.result;
    let sentence = format!("{}: {}", result.rule, rule.sentence());
    let mut status = match result.state() {
        _ if !report.limited.is_empty() => skipped(format!("the load generator may have set the figures; {sentence}")),
        ThresholdState::Met => TestCaseStatus::success(),
        ThresholdState::Unsure => skipped(sentence),
        ThresholdState::Broken => failure("threshold", sentence),
    };
    if let (ThresholdState::Broken, Some(place)) = (result.state(), &rule.place) {
        status.set_description(format!("{}:{}", place.file, place.line));
    }
    let mut class = format!("{}.{}", report.name, part.title);
    if let Some(request) = &result.request {
        class += &format!(".{request}");
    }
    let mut case = TestCase::new(result.rule.clone(), status);
    case.set_classname(class).set_time(time(part.seconds));
    case
}

fn answered(report: &CiReport, part: &CiPart) -> TestCase {
    let ok = part.all.requests.saturating_sub(part.all.failed);
    let status = if ok > 0 {
        TestCaseStatus::success()
    } else {
        let error = part.errors.first().map(|error| format!(", for example {}: {}", error.class, error.example));
        failure("no-success", format!("none of {} requests succeeded{}", part.all.requests, error.unwrap_or_default()))
    };
    let mut case = TestCase::new("requests succeed", status);
    case.set_classname(format!("{}.{}", report.name, part.title)).set_time(time(part.seconds));
    case
}

fn load_line(report: &CiReport, found: &str) -> TestCase {
    let status = match report.verdict.result {
        VerdictResult::Pass => TestCaseStatus::success(),
        VerdictResult::Fail => failure("load-line", found.to_owned()),
        VerdictResult::Inconclusive => skipped(report.verdict.reasons.join("; ")),
    };
    let mut case = TestCase::new("load line", status);
    case.set_classname(report.name.clone()).set_system_out(found.to_owned());
    case
}

fn generator(report: &CiReport) -> TestCase {
    let status = if report.limited.is_empty() {
        TestCaseStatus::success()
    } else {
        failure("generator-limited", report.limited.join("; "))
    };
    let mut case = TestCase::new("the load generator was not the limit", status);
    case.set_classname(report.name.clone());
    case
}

fn ended(report: &CiReport) -> TestCase {
    let status = match &report.partial {
        None => TestCaseStatus::success(),
        Some(why) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(format!("partial: {why}")).set_type("partial");
            status
        }
    };
    let mut case = TestCase::new("the run came to its end", status);
    case.set_classname(report.name.clone());
    case
}

pub(super) fn skipped(message: String) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

pub(super) fn failure(kind: &str, message: String) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(message).set_type(kind);
    status
}

fn time(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::testdata::report;

    #[test]
    fn rules_are_cases() {
        insta::assert_snapshot!(junit(&report()).unwrap());
    }

    #[test]
    fn a_limited_or_partial_run_says_so() {
        let mut report = report();
        report.limited = vec!["tier 10: the thread was 93 % busy".to_owned()];
        report.partial = Some("interrupted by SIGINT".to_owned());
        let xml = junit(&report).unwrap();
        assert!(xml.contains(r#"<error message="partial: interrupted by SIGINT" type="partial"/>"#), "{xml}");
        assert!(xml.contains(r#"type="generator-limited""#), "{xml}");
        assert!(!xml.contains(r#"type="threshold""#) && xml.contains("the load generator may have set"), "{xml}");
        report.parts.clear();
        report.headline = Some("at least 40/s".to_owned());
        assert!(junit(&report).unwrap().contains("load line"));
    }
}
