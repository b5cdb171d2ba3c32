//! A report with everything that a report can have, hostile texts included.

use super::{CiError, CiPart, CiReport, CiRow, CiRule, RulePlace};
use crate::{ThresholdResult, ThresholdUnit, Verdict, VerdictResult};
use plimsoll_stats::Distribution;

pub(super) fn report() -> CiReport {
    let place = RulePlace { file: "load/a,b.toml".to_owned(), line: 12 };
    CiReport {
        name: "shop | <b>".to_owned(),
        timestamp: "20260330_142500".to_owned(),
        partial: None,
        verdict: Verdict { result: VerdictResult::Fail, reasons: vec!["p(95) < 80ms is broken: 98.5ms".to_owned()] },
        headline: None,
        limited: Vec::new(),
        parts: vec![
            CiPart {
                title: "tier 10".to_owned(),
                seconds: 12.5,
                all: row("all", 1200, 12),
                names: vec![row("Search", 1000, 0), row("Buy \"now\"", 200, 12)],
                rules: vec![
                    rule("p(95) < 80ms", None, Some(98.5), 1188, Some(place)),
                    rule("rate(failed) < 5%", Some("Search"), Some(0.01), 1000, None),
                    rule("p(99) < 1s", None, Some(130.0), 40, None),
                    rule("ttft p(95) < 1s", None, None, 0, None),
                ],
                errors: vec![CiError {
                    class: "app_error".to_owned(),
                    count: 12,
                    example: "100% `bad` | @team <script>\n::error::x \u{1b}[31m".to_owned(),
                }],
            },
            CiPart {
                title: "tier 100".to_owned(),
                seconds: 3.0,
                all: CiRow { name: "all".to_owned(), requests: 3, failed: 3, ..CiRow::default() },
                names: Vec::new(),
                rules: Vec::new(),
                errors: Vec::new(),
            },
        ],
        diagnosis: vec!["Saturated from 10 users on: throughput stays, latency rises".to_owned()],
        facts: vec![("host", "some_cpu, 2 cores".to_owned())],
    }
}

fn row(name: &str, requests: u64, failed: u64) -> CiRow {
    let times = Distribution {
        count: usize::try_from(requests - failed).unwrap(),
        mean: 60.0,
        min: 40.0,
        max: 130.0,
        p50: 55.0,
        p90: 90.0,
        p95: 98.5,
        p99: 120.0,
    };
    CiRow {
        name: name.to_owned(),
        requests,
        failed,
        rps: Some(96.0),
        times: Some(times),
        intervals: [Some((54.0, 56.0)), Some((95.0, 101.0)), None],
    }
}

fn rule(rule: &str, request: Option<&str>, value: Option<f64>, samples: u64, place: Option<RulePlace>) -> CiRule {
    let threshold = plimsoll_model::Threshold::parse(rule).unwrap();
    let unit = if rule.starts_with("rate") { ThresholdUnit::Share } else { ThresholdUnit::Ms };
    let result = ThresholdResult {
        rule: rule.to_owned(),
        request: request.map(str::to_owned),
        value,
        limit: threshold.limit,
        unit,
        ok: value.map(|value| threshold.comparison.holds(value, threshold.limit)),
        samples,
        interval: value.filter(|value| *value < 100.0).map(|value| (value * 0.9, value * 1.1)),
        enough: samples >= 1000,
        abort: false,
    };
    CiRule { result, place }
}
