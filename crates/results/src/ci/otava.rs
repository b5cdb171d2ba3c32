//! A line of a CSV file that Apache Otava finds change points in.

use super::{CiReport, slug};
use thiserror::Error;

/// Why a run is not put into a history.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OtavaError {
    /// The file holds other columns.
    #[error(
        "its columns are not this run's: it has `{found}`, and this run `{wanted}`. A history holds runs of one plan: \
         write this one to another file"
    )]
    OtherColumns {
        /// What the file begins with.
        found: String,
        /// What it would have to begin with.
        wanted: String,
    },
}

/// Why this run must not become a part of a history, if it must not: its figures are not those of a whole run of the
/// target, and one false line would be a change point.
pub fn otava_refusal(report: &CiReport) -> Option<String> {
    if let Some(why) = &report.partial {
        return Some(format!("the run is partial ({why})"));
    }
    if !report.limited.is_empty() {
        return Some("the load generator was the limit".to_owned());
    }
    let empty = report.parts.iter().find(|part| part.all.times.is_none() || part.all.rps.is_none());
    match empty {
        Some(part) => Some(format!("{}: no request succeeded", part.title)),
        None if report.parts.is_empty() => Some("nothing was run".to_owned()),
        None => None,
    }
}

/// What is to be put behind the text that the file has, of which `first_line` is the beginning (`None` for a new or empty
/// file) and `ends_whole` says whether its last line is whole. `time` is RFC 3339, `commit` may be empty.
///
/// # Errors
/// [`OtavaError::OtherColumns`].
pub fn otava_lines(
    report: &CiReport,
    (time, commit): (&str, &str),
    first_line: Option<&str>,
    ends_whole: bool,
) -> Result<String, OtavaError> {
    let mut columns = vec!["time".to_owned(), "commit".to_owned()];
    let mut values = vec![time.to_owned(), field(commit)];
    for part in &report.parts {
        let title = slug(&part.title);
        let row = &part.all;
        let times = row.quantiles().map(|(name, time)| (format!("{name}_ms"), time));
        let others = [("rps".to_owned(), row.rps), ("failed_share".to_owned(), row.failed_share())];
        for (name, value) in times.into_iter().chain(others) {
            columns.push(format!("{title}_{name}"));
            values.push(value.map(|value| format!("{value:.6}")).unwrap_or_default());
        }
    }
    let (header, line) = (columns.join(","), values.join(","));
    match first_line.map(|line| line.trim_end_matches('\r')) {
        None => Ok(format!("{header}\n{line}\n")),
        Some(found) if found == header => Ok(format!("{}{line}\n", if ends_whole { "" } else { "\n" })),
        Some(found) => Err(OtavaError::OtherColumns { found: found.to_owned(), wanted: header }),
    }
}

/// Without what would be read as another field.
fn field(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::testdata::report;

    #[test]
    fn lines_of_one_plan() {
        let mut report = report();
        assert_eq!(otava_refusal(&report).as_deref(), Some("tier 100: no request succeeded"));
        report.parts.pop();
        assert_eq!(otava_refusal(&report), None);
        let facts = ("2026-03-30T14:25:00Z", "abc,1\n");
        let header = "time,commit,tier_10_p50_ms,tier_10_p95_ms,tier_10_p99_ms,tier_10_rps,tier_10_failed_share";
        let line = "2026-03-30T14:25:00Z,abc1,55.000000,98.500000,120.000000,96.000000,0.010000\n";
        let lines = |first: Option<&str>, whole| otava_lines(&report, facts, first, whole);
        assert_eq!(lines(None, true).unwrap(), format!("{header}\n{line}"));
        assert_eq!(lines(Some(header), true).unwrap(), line);
        let windows = format!("{header}\r");
        assert_eq!(lines(Some(&windows), false).unwrap(), format!("\n{line}"));
        let error = lines(Some("time,commit,tier_1_rps"), true).unwrap_err().to_string();
        assert!(error.contains("it has `time,commit,tier_1_rps`"), "{error}");
        report.partial = Some("interrupted".to_owned());
        assert_eq!(otava_refusal(&report).as_deref(), Some("the run is partial (interrupted)"));
    }
}
