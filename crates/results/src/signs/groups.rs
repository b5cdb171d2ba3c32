//! Whether times fall into two groups.

use serde::{Deserialize, Serialize};

/// How many quantiles of the times are looked at.
pub(crate) const POINTS: usize = 200;
/// Fewest requests for a split to be worth a word.
const LEAST: usize = 100;
/// Least part of the requests on either side.
const LEAST_SHARE: usize = POINTS / 20;
/// How many times the other the slower group must take.
const APART: f64 = 3.0;
/// Between the two medians lies an empty valley: at most this part of the smaller group is in its middle.
const VALLEY: f64 = 0.1;

/// Two groups of requests with little between them. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// Requests of both.
    pub requests: usize,
    /// Share of the slower group, 0 to 1, to the nearest half percent.
    pub slow_share: f64,
    /// Median of the faster one.
    pub fast_ms: f64,
    /// Median of the slower one.
    pub slow_ms: f64,
}

impl Groups {
    /// Of [`POINTS`] quantiles in ascending order (the first at 1/400, each next one 1/200 further), which stand for so
    /// many requests. `None` when there are fewer than 100, or the times are one group.
    ///
    /// The split is the one with the largest variance between the two sides, of the logarithms (Otsu, "A threshold
    /// selection method from gray-level histograms", 1979). Any set of times has such a split. So it only counts when
    /// each side has 5 % of the requests, their medians are 3 times apart, and the middle half of the way from one to the
    /// other (in logarithms) is nearly empty: a long tail or an even spread has its times just there.
    pub(crate) fn of(points: &[f64], requests: usize) -> Option<Self> {
        if requests < LEAST || points.len() != POINTS || points[0] <= 0.0 {
            return None;
        }
        let logs: Vec<f64> = points.iter().map(|point| point.ln()).collect();
        let split = split(&logs)?;
        let (fast, slow) = (logs[split / 2], logs[usize::midpoint(split, POINTS)]);
        let smaller = split.min(POINTS - split);
        let middle = (fast + (slow - fast) / 4.0)..(slow - (slow - fast) / 4.0);
        let between = logs.iter().filter(|log| middle.contains(log)).count();
        (smaller >= LEAST_SHARE && slow - fast >= APART.ln() && between as f64 <= VALLEY * smaller as f64).then(|| {
            Self {
                requests,
                slow_share: (POINTS - split) as f64 / POINTS as f64,
                fast_ms: fast.exp(),
                slow_ms: slow.exp(),
            }
        })
    }

    /// The same of values in ascending order.
    pub(crate) fn of_sorted(values: &[f64]) -> Option<Self> {
        let at = |point: usize| plimsoll_stats::quantile(values, (point as f64 + 0.5) / POINTS as f64);
        Self::of(&(0..POINTS).map_while(at).collect::<Vec<_>>(), values.len())
    }
}

/// How many values lie before the best split.
fn split(sorted: &[f64]) -> Option<usize> {
    let (count, total) = (sorted.len() as f64, sorted.iter().sum::<f64>());
    let mut before = 0.0;
    let variances = sorted.iter().enumerate().take(sorted.len().saturating_sub(1)).map(|(index, value)| {
        before += value;
        let (left, right) = ((index + 1) as f64, count - (index + 1) as f64);
        let apart = before / left - (total - before) / right;
        (index + 1, left * right * apart * apart)
    });
    variances.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(split, _)| split)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mut values: Vec<f64>) -> Option<Groups> {
        values.sort_by(f64::total_cmp);
        Groups::of_sorted(&values)
    }

    #[test]
    fn two_groups_are_found() {
        let values = (0..400).map(|i| if i % 4 == 0 { 200.0 + f64::from(i % 37) } else { 20.0 + f64::from(i % 5) });
        let groups = of(values.collect()).unwrap();
        assert!((groups.slow_share - 0.25).abs() < 0.006 && groups.requests == 400, "{groups:?}");
        assert!((groups.fast_ms - 22.0).abs() < 0.5 && (groups.slow_ms - 218.0).abs() < 2.0, "{groups:?}");
    }

    #[test]
    fn what_is_one_group_is_not_split() {
        let part = |i: u32| (f64::from(i) + 0.5) / 1000.0;
        let exponential = (0..1000).map(|i| -20.0 * (1.0 - part(i)).ln()).collect();
        // A burst: users are served one after the other.
        let queue = (0..1000).map(|i| f64::from(i % 100 + 1) * 20.0).collect();
        let heavy_tail = (0..1000).map(|i| (1.0 - part(i)).powf(-1.0)).collect();
        let close = (0..1000).map(|i| if i % 2 == 0 { 20.0 } else { 50.0 }).collect();
        let few = (0..99).map(|i| if i % 2 == 0 { 20.0 } else { 500.0 }).collect();
        let rare = (0..1000).map(|i| if i % 50 == 0 { 500.0 } else { 20.0 }).collect();
        for values in [exponential, queue, heavy_tail, close, few, rare, vec![7.0; 500], vec![], vec![0.0; 200]] {
            assert_eq!(of(values), None);
        }
    }
}
