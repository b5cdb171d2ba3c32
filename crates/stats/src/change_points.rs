//! Where a series of results changes its level.

use crate::student::t_two_sided_p;
use serde::{Deserialize, Serialize};

/// How [`change_points`] looks. The defaults are those of Apache Otava 0.8.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePointOptions {
    /// The series is looked at through windows of so many values (at least 2), each half a window further, so that
    /// old values do not change what is said of new ones.
    pub window: usize,
    /// A change must have a smaller p value.
    pub max_p: f64,
    /// A change must be larger, as a share of the lower mean.
    pub min_magnitude: f64,
}

impl Default for ChangePointOptions {
    fn default() -> Self {
        Self { window: 50, max_p: 0.001, min_magnitude: 0.0 }
    }
}

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// Index of the first value of the new level.
    pub index: usize,
    /// Mean since the change before, in the values' own unit.
    pub mean_before: f64,
    /// Mean until the change after.
    pub mean_after: f64,
    /// `mean_after / mean_before − 1`; 0 when the mean before is 0.
    pub change: f64,
    /// p value of the t test between both sides. Small by construction, as the place was chosen for it.
    pub p: f64,
}

/// The changes of level in a series of results (one per commit or night, in order of time), by index. Empty when there are
/// none. `None` when a value is not finite or the window is shorter than 2.
///
/// The procedure of Hunter, now Apache Otava, which answers the same on the same series. Where the energy statistic of
/// two neighbouring stretches is largest a window is cut, again and again while a t test finds both sides different at
/// ten times `max_p`; then the weakest cut is taken back, again and again, until all have p below `max_p` and a change
/// above `min_magnitude`. The t test there takes variances over n, not n − 1, and so does this one.
///
/// In one thing the figures are not Otava's: they are those of the stretches that remain at the end. Otava keeps those of
/// a change as they were when the one after it is taken back, and decides by them; so a `p` here can be a little
/// above `max_p`.
///
/// D. S. Matteson, N. A. James, "A nonparametric approach for multiple change point analysis of multivariate data",
/// Journal of the American Statistical Association 109 (2014); M. Fleming et al., "Hunter: using change point detection
/// to hunt for performance regressions", ICPE 2023.
pub fn change_points(series: &[f64], options: &ChangePointOptions) -> Option<Vec<ChangePoint>> {
    if options.window < 2 || !series.iter().all(|value| value.is_finite()) {
        return None;
    }
    let mut cuts = weak_cuts(series, options);
    let mut points: Vec<ChangePoint> = (0..cuts.len()).map(|i| point(series, &cuts, i)).collect();
    while let Some(weakest) = weakest(&points, options) {
        cuts.remove(weakest);
        points.remove(weakest);
        // As Otava does: the two changes after it are looked at again, though it is the one before and the one after
        // that reach further now. Looking at those would keep other changes than Otava does.
        for (i, later) in points.iter_mut().enumerate().skip(weakest).take(2) {
            *later = point(series, &cuts, i);
        }
    }
    Some((0..cuts.len()).map(|i| point(series, &cuts, i)).collect())
}

/// The cuts of all windows, in order.
fn weak_cuts(series: &[f64], options: &ChangePointOptions) -> Vec<usize> {
    let max_p = match options.max_p {
        p if p < 0.05 => p * 10.0,
        p if p < 0.5 => p * 2.0,
        p => p,
    };
    let mut cuts = Vec::new();
    let mut start = 0;
    while start < series.len() {
        let end = (start + options.window).min(series.len());
        let found = divide(&series[start..end], max_p);
        cuts.extend(found.iter().map(|cut| start + cut));
        // The next window begins at the last cut when that lies further than half a window.
        start = found.last().map_or(0, |cut| start + cut).max(start + options.window / 2);
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// Cuts a window at the most likely place of all its stretches, as long as that cut is significant.
fn divide(window: &[f64], max_p: f64) -> Vec<usize> {
    let mut cuts: Vec<usize> = Vec::new();
    loop {
        let ends = || cuts.iter().copied().chain([window.len()]);
        let stretches = std::iter::once(0).chain(cuts.iter().copied()).zip(ends());
        let mut best: Option<(f64, usize, usize, usize)> = None;
        for (start, end) in stretches.filter(|(start, end)| end - start > 1) {
            let (statistic, cut) = likeliest_cut(&window[start..end]);
            if best.is_none_or(|(most, ..)| statistic > most) {
                best = Some((statistic, start, start + cut, end));
            }
        }
        let Some((_, start, cut, end)) = best else { return cuts };
        let p = Sides::of(&window[start..cut], &window[cut..end]).p;
        if p.is_nan() || p > max_p {
            return cuts;
        }
        cuts.push(cut);
        cuts.sort_unstable();
    }
}

/// The cut τ of a stretch, and the statistic there, for which the energy statistic between the values before τ and those
/// from τ to some κ is largest (Matteson & James with α = 1): `n m / (n + m)` times twice the mean
/// distance between the two sides less the mean distance within each.
fn likeliest_cut(values: &[f64]) -> (f64, usize) {
    let n = values.len();
    let distance = |i: usize, j: usize| (values[i] - values[j]).abs();
    // Sum of the distances between value j and the first i values.
    let mut to_first = vec![vec![0.0; n + 1]; n];
    for (j, sums) in to_first.iter_mut().enumerate() {
        for i in 0..n {
            sums[i + 1] = sums[i] + distance(i, j);
        }
    }
    let mut best = (f64::NEG_INFINITY, 1);
    let mut within_left = 0.0;
    for cut in 1..n {
        within_left += to_first[cut - 1][cut - 1];
        let (mut between, mut within_right) = (0.0, 0.0);
        for (last, to_first) in to_first.iter().enumerate().skip(cut) {
            between += to_first[cut];
            within_right += to_first[last] - to_first[cut];
            let (left, right) = (cut as f64, (last + 1 - cut) as f64);
            let mean_left = if cut > 1 { within_left * right / (left - 1.0) } else { 0.0 };
            let mean_right = if last > cut { within_right * left / (right - 1.0) } else { 0.0 };
            let statistic = 2.0 / (left + right) * (between - mean_left - mean_right);
            if statistic > best.0 {
                best = (statistic, cut);
            }
        }
    }
    best
}

/// The change that must go: the one with the largest p value if that is too large, else the smallest one if that is too
/// small.
fn weakest(points: &[ChangePoint], options: &ChangePointOptions) -> Option<usize> {
    let (unlikely, point) = points.iter().enumerate().rev().max_by(|(_, a), (_, b)| a.p.total_cmp(&b.p))?;
    if point.p >= options.max_p {
        return Some(unlikely);
    }
    let (small, point) = points.iter().enumerate().min_by(|(_, a), (_, b)| magnitude(a).total_cmp(&magnitude(b)))?;
    (magnitude(point) <= options.min_magnitude).then_some(small)
}

/// The larger of the changes seen from both sides, so that double and half count the same.
fn magnitude(point: &ChangePoint) -> f64 {
    let back = relative(point.mean_after, point.mean_before);
    point.change.abs().max(back.abs())
}

fn relative(from: f64, to: f64) -> f64 {
    if from == 0.0 { 0.0 } else { to / from - 1.0 }
}

fn point(series: &[f64], cuts: &[usize], at: usize) -> ChangePoint {
    let start = if at == 0 { 0 } else { cuts[at - 1] };
    let end = cuts.get(at + 1).copied().unwrap_or(series.len());
    let sides = Sides::of(&series[start..cuts[at]], &series[cuts[at]..end]);
    ChangePoint {
        index: cuts[at],
        mean_before: sides.before,
        mean_after: sides.after,
        change: relative(sides.before, sides.after),
        p: sides.p,
    }
}

/// Two neighbouring stretches, neither empty.
struct Sides {
    before: f64,
    after: f64,
    p: f64,
}

impl Sides {
    fn of(left: &[f64], right: &[f64]) -> Self {
        let (n, m) = (left.len() as f64, right.len() as f64);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let squares = |values: &[f64], mean: f64| values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let (before, after) = (mean(left), mean(right));
        let degrees = n + m - 2.0;
        let p = if degrees > 0.0 {
            let over_n = (n - 1.0) / n * squares(left, before) + (m - 1.0) / m * squares(right, after);
            t_two_sided_p((after - before) / (over_n / degrees * (1.0 / n + 1.0 / m)).sqrt(), degrees)
        } else {
            1.0
        };
        Self { before, after, p }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_and_nonsense() {
        let defaults = ChangePointOptions::default();
        assert_eq!(change_points(&[], &defaults), Some(vec![]));
        assert_eq!(change_points(&[1.0], &defaults), Some(vec![]));
        assert_eq!(change_points(&[1.0, 100.0], &defaults), Some(vec![]));
        assert_eq!(change_points(&[1.0, f64::NAN], &defaults), None);
        assert_eq!(change_points(&[1.0], &ChangePointOptions { window: 1, ..defaults }), None);
    }

    proptest! {
        #[test]
        fn points_are_in_order_in_any_unit(
            levels in prop::collection::vec(1.0f64..10.0, 1..6),
            noise in prop::collection::vec(0.0f64..1.0, 120),
        ) {
            let series: Vec<f64> = noise.iter().enumerate().map(|(i, e)| levels[i * levels.len() / 120] + e).collect();
            let options = ChangePointOptions { min_magnitude: 0.05, ..ChangePointOptions::default() };
            let found = change_points(&series, &options).unwrap();
            prop_assert!(found.windows(2).all(|two| two[0].index < two[1].index && two[0].mean_after == two[1].mean_before));
            prop_assert!(found.iter().all(|point| point.index > 0 && point.p <= 1.0));
            // The unit does not matter.
            let scaled: Vec<f64> = series.iter().map(|value| value * 1024.0).collect();
            let indices = |points: &[ChangePoint]| points.iter().map(|point| point.index).collect::<Vec<_>>();
            prop_assert_eq!(indices(&change_points(&scaled, &options).unwrap()), indices(&found));
        }
    }
}
