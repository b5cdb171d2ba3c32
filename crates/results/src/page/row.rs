//! One row of the page's series.

use crate::api::SeriesRow;
use crate::steps::Merge;
use crate::{Phases, page::rows::Seen};
use plimsoll_model::Outcome;
use plimsoll_stats::Sketch;

/// What ended in one row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// All requests together.
    pub(crate) all: SeriesRow,
    /// Each name, by its place in the list of names.
    pub(crate) names: Vec<Option<Box<SeriesRow>>>,
    /// Times to the first chunk, in microseconds.
    pub(crate) ttft: Sketch,
    /// Gaps between chunks, in microseconds.
    pub(crate) gaps: Sketch,
    /// How late requests were sent, in microseconds.
    pub(crate) lag: Sketch,
    /// Sum of each phase in milliseconds, in the order of [`Phases::NAMES`], and of how many requests.
    pub(crate) phases: Option<Box<([f64; 10], u64)>>,
    /// How long requests were under way, all together, in microseconds.
    pub(crate) under_way: u64,
    /// Values from outside, by place in the list of these columns.
    pub(crate) told: Vec<Option<f64>>,
}

impl Row {
    pub(crate) fn add(&mut self, name: usize, seen: &Seen<'_>) {
        self.all.add(seen.outcome, seen.time, seen.output_tokens);
        at(&mut self.names, name).get_or_insert_default().add(seen.outcome, seen.time, seen.output_tokens);
        self.lag.add(seen.lag);
        if seen.outcome == Outcome::Ok {
            seen.chunks.first().iter().for_each(|first| self.ttft.add(**first));
            seen.chunks.windows(2).for_each(|pair| self.gaps.add(pair[1].saturating_sub(pair[0])));
        }
    }

    pub(crate) fn add_phases(&mut self, phases: &Phases) {
        let (sums, count) = &mut **self.phases.get_or_insert_default();
        for (sum, phase) in sums.iter_mut().zip(phases.values()) {
            *sum += phase.unwrap_or(0.0);
        }
        *count += 1;
    }

    pub(crate) fn tell(&mut self, column: usize, value: f64) {
        *at(&mut self.told, column) = Some(value);
    }

    /// Mean of a phase.
    pub(crate) fn phase(&self, phase: usize) -> Option<f64> {
        let (sums, count) = &**self.phases.as_ref()?;
        Some(sums[phase] / *count as f64)
    }
}

impl Merge for Row {
    fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        self.ttft.merge(&other.ttft);
        self.gaps.merge(&other.gaps);
        self.lag.merge(&other.lag);
        self.under_way = self.under_way.saturating_add(other.under_way);
        for (index, theirs) in other.names.iter().enumerate() {
            if let Some(theirs) = theirs {
                at(&mut self.names, index).get_or_insert_default().merge(theirs);
            }
        }
        if let Some((theirs, more)) = other.phases.as_deref() {
            let (sums, count) = &mut **self.phases.get_or_insert_default();
            sums.iter_mut().zip(theirs).for_each(|(sum, theirs)| *sum += theirs);
            *count += more;
        }
        // The newest counts, as within a row.
        for (index, theirs) in other.told.iter().enumerate() {
            if let Some(theirs) = theirs {
                *at(&mut self.told, index) = Some(*theirs);
            }
        }
    }
}

/// A place in a list that grows to it.
fn at<T>(list: &mut Vec<Option<T>>, index: usize) -> &mut Option<T> {
    if index >= list.len() {
        list.resize_with(index + 1, || None);
    }
    &mut list[index]
}
