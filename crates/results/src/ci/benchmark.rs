//! The JSON that github-action-benchmark keeps a history of. Of one file it knows only one direction, so times and
//! throughput are two.

use super::{CiReport, CiRow};
use serde::Serialize;

#[derive(Serialize)]
struct Entry {
    name: String,
    unit: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

/// For `tool: customSmallerIsBetter`: p50, p95, p99 and the share of failures of each tier or level, and of each name in
/// it. What was not measured is left out.
pub fn smaller_is_better(report: &CiReport) -> String {
    entries(report, |of, row| {
        let times = row.quantiles().into_iter().zip(row.intervals).filter_map(|((name, time), interval)| {
            let range = interval.map(|(low, high)| format!("{low:.1} to {high:.1}"));
            Some(Entry { name: format!("{of}: {name}"), unit: "ms", value: time?, range, extra: extra(report, row) })
        });
        let failed = row.failed_share().map(|share| Entry {
            name: format!("{of}: failed"),
            unit: "%",
            value: share * 100.0,
            range: None,
            extra: extra(report, row),
        });
        times.chain(failed).collect()
    })
}

/// For `tool: customBiggerIsBetter`: successes a second.
pub fn bigger_is_better(report: &CiReport) -> String {
    entries(report, |of, row| {
        let rps = row.rps.filter(|_| row.requests > 0);
        let entry = |value| Entry {
            name: format!("{of}: throughput"),
            unit: "ok/s",
            value,
            range: None,
            extra: extra(report, row),
        };
        rps.map(entry).into_iter().collect()
    })
}

fn entries(report: &CiReport, of: impl Fn(&str, &CiRow) -> Vec<Entry>) -> String {
    let mut entries = Vec::new();
    for part in &report.parts {
        let title = format!("{} {}", report.name, part.title);
        entries.extend(of(&title, &part.all));
        part.names.iter().for_each(|row| entries.extend(of(&format!("{title} {}", row.name), row)));
    }
    // Strings and finite numbers: there is nothing that could fail.
    serde_json::to_string_pretty(&entries).unwrap_or_default() + "\n"
}

fn extra(report: &CiReport, row: &CiRow) -> String {
    let state = match (&report.partial, report.limited.is_empty()) {
        (Some(why), _) => format!("; partial: {why}"),
        (None, false) => "; the load generator was the limit".to_owned(),
        (None, true) => String::new(),
    };
    format!("{} requests; run {}{state}", row.requests, report.timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::testdata::report;
    use serde_json::{Value, json};

    #[test]
    fn one_direction_a_file() {
        let mut report = report();
        report.partial = Some("interrupted".to_owned());
        let read = |text: String| serde_json::from_str::<Vec<Value>>(&text).unwrap();
        let times = read(smaller_is_better(&report));
        assert_eq!(
            times[1],
            json!({"name": "shop | <b> tier 10: p95", "unit": "ms", "value": 98.5, "range": "95.0 to 101.0",
                "extra": "1200 requests; run 20260330_142500; partial: interrupted"})
        );
        let names: Vec<&str> = times.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), 13, "{names:#?}");
        assert_eq!(names[12], "shop | <b> tier 100: failed");
        let rates = read(bigger_is_better(&report));
        assert_eq!(rates.len(), 3, "nothing for a tier without a rate");
        assert_eq!(
            (&rates[1]["name"], &rates[1]["value"]),
            (&json!("shop | <b> tier 10 Search: throughput"), &json!(96.0))
        );
    }
}
