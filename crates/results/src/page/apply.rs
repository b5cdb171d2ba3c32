//! What a page does with a change, done here: for those who join a run late, and for the terminal.

use super::column::{Column, Named};
use super::model::{PageData, PageNameSeries, PageSeries, PageTick};

/// What a count was before the first of its kind.
const NONE_OF_THEM: Option<f64> = Some(0.0);

impl PageData {
    /// Takes a change in.
    pub fn apply(&mut self, tick: &PageTick) {
        fn take<T: Clone>(here: &mut T, new: &Option<T>) {
            if let Some(new) = new {
                here.clone_from(new);
            }
        }
        if let Some(run) = &tick.run {
            self.run.state = run.state;
            self.run.ended_at.clone_from(&run.ended_at);
        }
        take(&mut self.tiles, &tick.tiles);
        take(&mut self.thresholds, &tick.thresholds);
        take(&mut self.stages, &tick.stages);
        take(&mut self.requests, &tick.requests);
        take(&mut self.streams, &tick.streams);
        take(&mut self.errors, &tick.errors);
        take(&mut self.health, &tick.health);
        take(&mut self.warnings, &tick.warnings);
        take(&mut self.annotations, &tick.annotations);
        if tick.banner.is_some() {
            self.banner.clone_from(&tick.banner);
        }
        if let Some(rows) = &tick.append {
            self.series.append(rows);
        }
    }
}

impl PageSeries {
    /// Puts rows in the place of all rows from their first `t` on.
    fn append(&mut self, new: &Self) {
        let Some(first) = new.t.0.first().copied().flatten() else { return };
        if new.step_s != self.step_s {
            self.clone_from(new);
            return;
        }
        let kept = self.t.0.partition_point(|t| t.is_some_and(|t| t < first));
        self.t.0.truncate(kept);
        self.t.0.extend(&new.t.0);
        self.stage.truncate(kept);
        self.stage.extend(&new.stage);
        self.warmup.truncate(kept);
        self.warmup.extend(&new.warmup);
        let all = self.t.0.len();
        for (ours, theirs, absent) in [
            (&mut self.columns, &new.columns, None),
            (&mut self.errors, &new.errors, NONE_OF_THEM),
            (&mut self.phases, &new.phases, None),
            (&mut self.server, &new.server, None),
        ] {
            append_all(ours, theirs, (kept, all), absent);
        }
        for (name, _) in &new.names.0 {
            if self.names.get(name).is_none() {
                self.names.0.push((name.clone(), PageNameSeries::default()));
            }
        }
        let none = PageNameSeries::default();
        for (name, ours) in &mut self.names.0 {
            let theirs = new.names.get(name).unwrap_or(&none);
            for (ours, theirs, absent) in [
                (&mut ours.ok, &theirs.ok, NONE_OF_THEM),
                (&mut ours.failed, &theirs.failed, NONE_OF_THEM),
                (&mut ours.p50, &theirs.p50, None),
                (&mut ours.p95, &theirs.p95, None),
            ] {
                extend(ours, theirs, (kept, all), absent);
            }
        }
        self.heat.rows.resize_with(kept, Vec::new);
        self.heat.rows.extend(new.heat.rows.iter().cloned());
        self.heat.rows.resize_with(all, Vec::new);
        if !new.heat.edges_ms.is_empty() {
            self.heat.edges_ms.clone_from(&new.heat.edges_ms);
        }
    }
}

/// Keeps so many rows, and puts the new ones behind them. Where a column was not there, it is as if it were `absent`.
fn extend(ours: &mut Column, new: &Column, (kept, all): (usize, usize), absent: Option<f64>) {
    ours.0.resize(kept, absent);
    ours.0.extend(&new.0);
    ours.0.resize(all, absent);
}

fn append_all(ours: &mut Named<Column>, new: &Named<Column>, rows: (usize, usize), absent: Option<f64>) {
    for (name, _) in &new.0 {
        if ours.get(name).is_none() {
            ours.0.push((name.clone(), Column::default()));
        }
    }
    let none = Column::default();
    for (name, column) in &mut ours.0 {
        extend(column, new.get(name).unwrap_or(&none), rows, absent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testdata::any_sample;
    use crate::page::{Rows, TimeBasis};
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn changes_one_after_the_other_come_to_the_whole(
            parts in prop::collection::vec(prop::collection::vec(any_sample(), 0..5), 1..8), told in 0..4000u64,
            untils in prop::collection::vec(0..30u64, 1..4),
        ) {
            let mut rows = Rows::new(TimeBasis::Response);
            let mut page = PageData::default();
            rows.begin(0, Duration::from_secs(10), Duration::from_secs(5));
            for (index, part) in parts.iter().enumerate() {
                part.iter().for_each(|sample| rows.add(sample));
                if index == 2 {
                    rows.set(Duration::from_secs(told), "active", 3.0);
                    rows.set_server(Duration::from_secs(told), "queue", 3.0);
                }
                let until = Duration::from_secs(untils[index % untils.len()]);
                page.apply(&PageTick { append: rows.take_new(until), ..PageTick::default() });
            }
            page.apply(&PageTick { append: rows.take_new(Duration::MAX), ..PageTick::default() });
            let mut whole = rows.series();
            let sort = |series: &mut PageSeries| {
                series.columns.0.sort_by(|a, b| a.0.cmp(&b.0));
                series.errors.0.sort_by(|a, b| a.0.cmp(&b.0));
            };
            sort(&mut whole);
            sort(&mut page.series);
            prop_assert_eq!(page.series, whole);
        }
    }
}
