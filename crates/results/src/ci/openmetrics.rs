//! OpenMetrics text, of which GitLab's metrics reports show what a merge request changes.

use super::{CiPart, CiReport, CiRow};
use crate::VerdictResult;
use std::fmt::Write as _;

/// The run's figures, times in seconds. What was not measured is left out.
pub fn openmetrics(report: &CiReport) -> String {
    let rows = |each: &mut dyn FnMut(String, &CiRow)| {
        for part in &report.parts {
            each(labels(report, part, None), &part.all);
            part.names.iter().for_each(|row| each(labels(report, part, Some(&row.name)), row));
        }
    };
    // Writing to a String cannot fail.
    let mut text =
        "# TYPE plimsoll_response_time_seconds summary\n# UNIT plimsoll_response_time_seconds seconds\n".to_owned();
    rows(&mut |labels, row| {
        for ((_, time), quantile) in row.quantiles().into_iter().zip(["0.5", "0.95", "0.99"]) {
            if let Some(time) = time {
                let _ = writeln!(
                    text,
                    "plimsoll_response_time_seconds{{{labels},quantile=\"{quantile}\"}} {:.6}",
                    time / 1e3
                );
            }
        }
        if let Some(times) = &row.times {
            let _ = writeln!(text, "plimsoll_response_time_seconds_count{{{labels}}} {}", times.count);
        }
    });
    text += "# TYPE plimsoll_throughput gauge\n";
    rows(&mut |labels, row| {
        row.rps.iter().for_each(|rps| text += &format!("plimsoll_throughput{{{labels}}} {rps:.6}\n"));
    });
    text += "# TYPE plimsoll_failed_ratio gauge\n";
    rows(&mut |labels, row| {
        row.failed_share().iter().for_each(|share| text += &format!("plimsoll_failed_ratio{{{labels}}} {share:.6}\n"));
    });
    text += "# TYPE plimsoll_complete gauge\n";
    let name = escaped(&report.name);
    let _ = writeln!(text, "plimsoll_complete{{name=\"{name}\"}} {}", u8::from(report.partial.is_none()));
    text += "# TYPE plimsoll_verdict stateset\n";
    for result in [VerdictResult::Pass, VerdictResult::Fail, VerdictResult::Inconclusive] {
        let on = u8::from(report.verdict.result == result);
        let _ = writeln!(text, "plimsoll_verdict{{name=\"{name}\",plimsoll_verdict=\"{}\"}} {on}", result.as_str());
    }
    text + "# EOF\n"
}

fn labels(report: &CiReport, part: &CiPart, request: Option<&str>) -> String {
    let request = request.map(|request| format!(",request=\"{}\"", escaped(request))).unwrap_or_default();
    format!("name=\"{}\",part=\"{}\"{request}", escaped(&report.name), escaped(&part.title))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::testdata::report;

    #[test]
    fn whole() {
        let mut report = report();
        report.parts[0].names.remove(0);
        insta::assert_snapshot!(openmetrics(&report));
    }
}
