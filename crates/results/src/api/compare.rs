//! Whether a level was the same from its beginning to its end.

use super::series::{Row, Series};
use serde::{Deserialize, Serialize};

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
    [p50_ratio, p95_ratio, rps_ratio].iter().all(|ratio| ratio.is_finite()).then_some(EarlySummary {
        seconds: at,
        early,
        rest,
        p50_ratio,
        p95_ratio,
        rps_ratio,
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
    fn a_slow_first_minute() {
        let summary = early_and_rest(&level(300, |second| if second < 60 { 200_000 } else { 100_000 }), 300.0).unwrap();
        assert_eq!((summary.seconds, summary.early.ok, summary.rest.ok), (60.0, 1200, 4800));
        assert!((summary.p50_ratio - 2.0).abs() < 0.05 && summary.rps_ratio == 1.0);
    }

    #[test]
    fn a_short_level_has_a_tenth_or_nothing() {
        assert_eq!(early_and_rest(&level(100, |_| 50_000), 100.0).map(|summary| summary.seconds), Some(10.0));
        assert_eq!(early_and_rest(&level(9, |_| 1), 9.0), None);
        assert_eq!(early_and_rest(&Series::default(), 100.0), None);
    }
}
