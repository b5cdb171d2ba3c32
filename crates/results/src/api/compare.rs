//! Whether a level was the same from its beginning to its end.

use super::series::{Row, Series};
use serde::{Deserialize, Serialize};

/// Least requests on each side for a sentence.
const LEAST: u64 = 100;

/// Differences up to this share are not worth a sentence.
const WORTH: f64 = 0.2;

/// The beginning of a level against the rest of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlySummary {
    /// Length of the beginning, in seconds.
    pub seconds: f64,
    /// Requests that ended in it.
    pub early: PartSummary,
    /// Requests that ended later.
    pub rest: PartSummary,
    /// Median response time of the beginning over that of the rest.
    pub p50_ratio: f64,
    /// The same of the 95th percentile.
    pub p95_ratio: f64,
    /// Successes a second of the beginning over those of the rest.
    pub rps_ratio: f64,
    /// What that means; only when the times differ by more than 20 % and both sides have more than 100 requests.
    pub note: Option<String>,
}

/// A part of a level. Times in milliseconds, to within 2 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PartSummary {
    /// Successes.
    pub ok: u64,
    /// Successes a second.
    pub rps: f64,
    /// Median response time.
    pub p50: f64,
    /// Its 95th percentile.
    pub p95: f64,
}

/// The first minute against the rest; of less than two minutes the first tenth, in whole seconds. `None` below 10 s, and
/// when one of the two has no success.
pub(crate) fn early_and_rest(series: &Series, seconds: f64) -> Option<EarlySummary> {
    if seconds < 10.0 {
        return None;
    }
    let first = if seconds < 120.0 { (seconds / 10.0) as u64 } else { 60 };
    let (early, rest, at) = series.split(first);
    let at = at as f64;
    let (early, rest) = (part(&early, at)?, part(&rest, seconds - at)?);
    let (p50_ratio, p95_ratio) = (early.p50 / rest.p50, early.p95 / rest.p95);
    let rps_ratio = early.rps / rest.rps;
    let note = note(at, &early, &rest);
    [p50_ratio, p95_ratio, rps_ratio].iter().all(|ratio| ratio.is_finite()).then_some(EarlySummary {
        seconds: at,
        early,
        rest,
        p50_ratio,
        p95_ratio,
        rps_ratio,
        note,
    })
}

fn part(row: &Row, seconds: f64) -> Option<PartSummary> {
    (seconds > 0.0).then_some(())?;
    Some(PartSummary {
        ok: row.ok,
        rps: row.ok as f64 / seconds,
        p50: row.quantile_ms(0.50)?,
        p95: row.quantile_ms(0.95)?,
    })
}

fn note(at: f64, early: &PartSummary, rest: &PartSummary) -> Option<String> {
    let (p50, p95) = (early.p50 / rest.p50, early.p95 / rest.p95);
    let differs = |ratio: f64| (ratio - 1.0).abs() > WORTH;
    if early.ok <= LEAST || rest.ok <= LEAST || !(differs(p50) || differs(p95)) {
        return None;
    }
    let figures = format!(
        "in its first {at:.0} s the level had {p50:.2} times the p50 and {p95:.2} times the p95 of the rest, at {:.2} \
         times the rate",
        early.rps / rest.rps
    );
    let slower = if differs(p50) { p50 > 1.0 } else { p95 > 1.0 };
    Some(if slower {
        format!("{figures}: the target was still warming up. A `warmup` in the load keeps that out of the figures")
    } else {
        format!("{figures}: the answers became slower. The figures of the whole level describe neither part")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Outcome;

    /// 20 requests a second.
    fn level(seconds: u64, time_at: impl Fn(u64) -> u64) -> Series {
        let mut series = Series::default();
        for second in 0..seconds {
            (0..20).for_each(|_| series.add(second * 1_000_000, Outcome::Ok, time_at(second), 0));
        }
        series
    }

    #[test]
    fn a_slow_first_minute_is_told() {
        let summary = early_and_rest(&level(300, |second| if second < 60 { 200_000 } else { 100_000 }), 300.0).unwrap();
        assert_eq!((summary.seconds, summary.early.ok, summary.rest.ok), (60.0, 1200, 4800));
        assert!((summary.p50_ratio - 2.0).abs() < 0.05 && summary.rps_ratio == 1.0);
        let note = summary.note.unwrap();
        assert!(note.starts_with("in its first 60 s the level had 2.0") && note.contains("warming up"), "{note}");
    }

    #[test]
    fn answers_that_become_slower_are_told() {
        let summary = early_and_rest(&level(100, |second| 50_000 + second * 5_000), 100.0).unwrap();
        assert_eq!(summary.seconds, 10.0);
        assert!(summary.note.unwrap().contains("became slower"));
    }

    #[test]
    fn small_differences_and_few_requests_are_not() {
        let steady = early_and_rest(&level(100, |second| 100_000 + second * 100), 100.0).unwrap();
        assert_eq!(steady.note, None);
        let few = early_and_rest(&level(20, |second| if second < 2 { 200_000 } else { 1_000 }), 20.0).unwrap();
        assert_eq!((few.early.ok, few.note), (40, None));
        assert_eq!(early_and_rest(&level(9, |_| 1), 9.0), None);
        assert_eq!(early_and_rest(&Series::default(), 100.0), None);
    }
}
