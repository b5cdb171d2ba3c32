//! The series of a history as the CSV file that Apache Otava reads.

use super::History;
use std::collections::BTreeSet;

/// One row for each run: `time`, `target_version`, `run`, then a column for each series, named by its subject (where
/// there are several), scope and figure. A run without a figure has an empty cell. In Otava's configuration `time` is
/// the time column, `target_version` and `run` are attributes.
pub fn otava_csv(history: &History) -> String {
    let subjects: BTreeSet<&str> = history.series.iter().map(|series| series.subject.as_str()).collect();
    let mut header: Vec<String> = ["time", "target_version", "run"].map(str::to_owned).to_vec();
    for series in &history.series {
        let subject = if subjects.len() > 1 { format!("{} ", series.subject) } else { String::new() };
        header.push(column(&format!("{subject}{} {}", series.scope, series.metric.as_str())));
    }
    let mut text = header.join(",") + "\n";
    for (index, run) in history.runs.iter().enumerate() {
        let name = run.dir.file_name().unwrap_or_default().to_string_lossy();
        let mut row = vec![cell(&run.time), cell(&run.target_version), cell(&name)];
        for series in &history.series {
            let at = series.runs.binary_search(&index).ok();
            row.push(at.map_or_else(String::new, |at| series.values[at].to_string()));
        }
        text += &(row.join(",") + "\n");
    }
    text
}

/// A name without what a configuration file would have to quote.
fn column(name: &str) -> String {
    let mut column = String::new();
    for c in name.chars() {
        let c = if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
        if c != '_' || !column.ends_with('_') {
            column.push(c);
        }
    }
    column.trim_matches('_').to_owned()
}

/// As RFC 4180 has it.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
