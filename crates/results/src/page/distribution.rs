//! How the times of a stage are spread.

use super::edges;
use super::model::PageDistribution;
use super::rows::TimeBasis;
use crate::ApiFold;

/// Most names with a distribution of their own.
const MOST_NAMES: usize = 20;

/// All requests of a stage, and of several names each, the commonest ones. Empty where nothing succeeded.
pub(super) fn of(stage: usize, fold: &ApiFold, basis: TimeBasis) -> Vec<PageDistribution> {
    let metric = basis.metric();
    let one = |name: Option<&str>| {
        let times = fold.metric(name, metric)?;
        let (edges_ms, counts) = edges::counts(times.counts());
        Some(PageDistribution { stage, name: name.map(str::to_owned), edges_ms, counts })
    };
    let mut names: Vec<(&str, u64)> = fold.names().iter().map(|(name, all)| (name.as_ref(), all.ok)).collect();
    names.sort_by_key(|(_, ok)| std::cmp::Reverse(*ok));
    let several = names.len() > 1;
    let names = names.iter().filter(|_| several).take(MOST_NAMES).map(|(name, _)| Some(*name));
    [None].into_iter().chain(names).filter_map(one).collect()
}
