//! What is said while pairs go on.

use plimsoll_results::{AbFile, Figures, Kind, LoadedRun, RunComparison, signed_percent};

/// `Pair 3 of 8  tier 1: 12.0 | 12.5 ms  tier 10: …`: the medians of base and branch.
pub(super) fn pair_line(number: u32, file: &AbFile, (base, branch): (&LoadedRun, &LoadedRun)) -> String {
    let of = match file.max_pairs {
        Some(most) => format!("{} to {most}", file.pairs_asked),
        None => file.pairs_asked.to_string(),
    };
    let (base, branch) = (Figures::of(base), Figures::of(branch));
    let p50 = |figures: &Figures, scope: &str| {
        figures.get(scope, Kind::P50).map_or_else(|| "-".to_owned(), |point| format!("{:.1}", point.value))
    };
    let scopes: Vec<String> = base
        .points
        .iter()
        .filter(|point| point.whole && point.kind == Kind::SuccessRate)
        .map(|point| format!("{}: p50 {} | {} ms", point.scope, p50(&base, &point.scope), p50(&branch, &point.scope)))
        .collect();
    format!("Pair {number} of {of}  {}", scopes.join("  "))
}

/// The estimate over all pairs so far.
pub(super) fn so_far(comparison: &RunComparison) -> String {
    let rows = comparison.gate().filter(|row| row.metric == Kind::P50).filter_map(|row| {
        let (low, high) = row.interval?;
        let effect = signed_percent(row.ratio?);
        Some(format!("{}: {effect} [{}, {}]", row.scope, signed_percent(low), signed_percent(high)))
    });
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        "  so far one pair: nothing to estimate from".to_owned()
    } else {
        format!("  so far p50  {}", rows.join("  "))
    }
}
