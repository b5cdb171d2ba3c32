//! The view of an API run.

use super::{CiError, CiPart, CiReport, CiRow, CiRule, sentences};
use crate::api::{QuantileInterval, RequestSummary};
use crate::{ApiSummary, LevelSummary};
use plimsoll_model::Metric;

impl From<&ApiSummary> for CiReport {
    fn from(summary: &ApiSummary) -> Self {
        let several = summary.levels.len() > 1;
        let at = |level: &LevelSummary| if several { format!("{}: ", level.label) } else { String::new() };
        let limits = |level: &LevelSummary| {
            let limits = level.health.iter().flat_map(|health| &health.limits_passed);
            limits.map(|limit| format!("{}{}", at(level), limit.message)).collect::<Vec<_>>()
        };
        Self {
            name: summary.name.clone(),
            timestamp: summary.timestamp.clone(),
            partial: summary.partial_reason.clone(),
            verdict: summary.verdict.clone(),
            headline: None,
            limited: summary.levels.iter().flat_map(limits).collect(),
            parts: summary.levels.iter().enumerate().map(|(index, level)| part(level, index, summary)).collect(),
            diagnosis: sentences(&summary.diagnosis).into_iter().chain(summary.warnings.iter().cloned()).collect(),
            facts: vec![("address", crate::without_credentials(&summary.target))],
        }
    }
}

impl CiReport {
    /// The view of a search for the load line. Its windows may break the rules: that is how the line is found.
    pub fn of_search(summary: &ApiSummary) -> Self {
        let mut report = Self::from(summary);
        report.parts.iter_mut().for_each(|part| part.rules.clear());
        report.headline = summary.load_line.clone();
        report
    }
}

fn part(level: &LevelSummary, index: usize, summary: &ApiSummary) -> CiPart {
    let mut errors: Vec<CiError> = Vec::new();
    for (name, row) in &level.requests {
        let of = if level.requests.len() > 1 { format!("{name}: ") } else { String::new() };
        errors.extend(row.errors.iter().map(|(class, errors)| CiError {
            class: class.clone(),
            count: errors.count,
            example: format!("{of}{}", errors.example),
        }));
    }
    errors.sort_by_key(|error| std::cmp::Reverse(error.count));
    // Two windows of a search may have the same load.
    let before = summary.levels[..index].iter().filter(|other| other.label == level.label).count();
    let title = if before > 0 { format!("{} ({})", level.label, before + 1) } else { level.label.clone() };
    let several = level.requests.len() > 1;
    CiPart {
        title,
        seconds: level.seconds,
        all: row(if several { "all" } else { level.requests.keys().next().map_or("all", String::as_str) }, &level.all),
        names: if several { level.requests.iter().map(|(name, of)| row(name, of)).collect() } else { Vec::new() },
        rules: level.thresholds.iter().map(|result| CiRule { result: result.clone(), place: None }).collect(),
        errors,
    }
}

fn row(name: &str, of: &RequestSummary) -> CiRow {
    let interval = |interval: Option<QuantileInterval>| interval.map(|interval| (interval.low, interval.high));
    CiRow {
        name: name.to_owned(),
        requests: of.count,
        failed: of.failed,
        rps: Some(of.throughput_rps),
        times: of.metrics.get(&Metric::ResponseTime).copied(),
        intervals: [of.intervals.p50, of.intervals.p95, of.intervals.p99].map(interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testdata::{level, mixed, plain, run_of};
    use crate::ci::{PlacedRule, RulePlace};
    use plimsoll_model::Threshold;

    #[test]
    fn levels_names_and_places() {
        let rules = [Threshold::parse("p(50) < 1ms").unwrap()];
        let levels = vec![level("5/s", &mixed(), &rules), level("5/s", &[plain("a", 20_000, 50)], &rules)];
        let (_folder, summary) = run_of(levels, None);
        let place = RulePlace { file: "a.toml".to_owned(), line: 3 };
        let placed = PlacedRule { rule: "p(50) < 1ms".to_owned(), request: None, place: place.clone() };
        let report = CiReport::from(&summary).with_places(&[placed]);
        let titles: Vec<&str> = report.parts.iter().map(|part| part.title.as_str()).collect();
        assert_eq!(titles, ["5/s", "5/s (2)"]);
        assert_eq!(report.parts[0].names.len(), summary.levels[0].requests.len());
        assert_eq!((report.parts[1].names.len(), report.parts[1].all.name.as_str()), (0, "a"));
        assert!(report.parts.iter().all(|part| part.rules[0].place.as_ref() == Some(&place)));
        assert!(!report.facts[0].1.contains("pass"), "{:?}", report.facts);
        assert!(CiReport::of_search(&summary).parts.iter().all(|part| part.rules.is_empty()));
    }
}
