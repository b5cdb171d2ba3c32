//! The table for people.

use super::{ServerMetricSummary, title};
use std::fmt::Write;

/// Rows shown; the file has all.
const MOST_ROWS: usize = 20;

/// The target's own metrics: gauges with least, mean and greatest value, counters by their growth a second, histograms
/// by the mean of what came. Series that never moved from 0 are left out. Empty when there is nothing to show.
pub fn server_metrics_table(all: &[ServerMetricSummary]) -> String {
    let moved =
        |one: &&ServerMetricSummary| [one.max, one.min, one.increase].iter().flatten().any(|value| *value != 0.0);
    let shown: Vec<&ServerMetricSummary> = all.iter().filter(moved).collect();
    if shown.is_empty() {
        return String::new();
    }
    let alone = |name: &str| shown.iter().filter(|other| other.name == name).count() == 1;
    let rows: Vec<[String; 5]> = shown
        .iter()
        .take(MOST_ROWS)
        .map(|one| {
            let name = if alone(&one.name) { one.name.clone() } else { title(&one.name, &one.labels) };
            [name, number(one.min), number(one.mean), number(one.max), number(one.per_second)]
        })
        .collect();
    let head = ["Server's own metrics", "min", "mean", "max", "per second"].map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    for row in [&head].into_iter().chain(&rows) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(out, "  {cell:>width$}");
        }
        out = out.trim_end().to_owned();
        out.push('\n');
    }
    if shown.len() > rows.len() {
        let _ = writeln!(out, "… and {} more in summary.json", shown.len() - rows.len());
    }
    out
}

/// Three or four digits are enough to see what happened.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value != 0.0 && value.abs() < 0.001 => format!("{value:.1e}"),
        Some(value) if value.abs() < 10.0 => trimmed(&format!("{value:.3}")),
        Some(value) if value.abs() < 1000.0 => trimmed(&format!("{value:.1}")),
        Some(value) => format!("{value:.0}"),
    }
}

fn trimmed(text: &str) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn shows_what_moved() {
        let one = |name: &str, kind: &str| ServerMetricSummary {
            name: name.to_owned(),
            labels: BTreeMap::new(),
            kind: kind.to_owned(),
            readings: 3,
            min: None,
            mean: None,
            max: None,
            increase: None,
            per_second: None,
        };
        let all = [
            ServerMetricSummary { min: Some(0.0), mean: Some(2.25), max: Some(12.0), ..one("running", "gauge") },
            ServerMetricSummary { min: Some(0.0), mean: Some(0.0), max: Some(0.0), ..one("still", "gauge") },
            ServerMetricSummary { increase: Some(4000.0), per_second: Some(1333.4), ..one("tokens_total", "counter") },
        ];
        let expected = "\
Server's own metrics  min  mean  max  per second
running                 0  2.25   12           -
tokens_total            -     -    -        1333
";
        assert_eq!(server_metrics_table(&all), expected);
        assert_eq!(server_metrics_table(&all[1..2]), "");
    }
}
