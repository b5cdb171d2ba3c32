//! What the page shows of a run that goes on, made from its samples as they come: on the writer's thread, once a second.

use super::busy::{Busy, open_files_limit};
use super::viewers::Viewers;
use crate::tap::{Stage, StageEnd, StageKind, Tap, Tick};
use plimsoll_model::Sample;
use plimsoll_results::page::{PageHealth, PageStage, PageTick, Rows, StageParts, TimeBasis, tiles};
use plimsoll_results::{LevelFacts, LevelInput, LevelSummary};
use plimsoll_stats::Sketch;
use std::time::Duration;

/// Samples come in batches, so late at most: a row is shown when all of it is there.
const BATCH: Duration = Duration::from_secs(1);

/// Feeds the page's rows, and tells its figures.
pub(crate) struct LiveTap {
    viewers: Viewers,
    basis: TimeBasis,
    /// Whether rules must say whose they are.
    several: bool,
    rows: Rows,
    /// Stages so far; the last one may go on.
    parts: Vec<StageParts>,
    under_way: Option<Stage>,
    began: bool,
    /// How late the requests of this stage were sent, in microseconds.
    lag: Sketch,
    busy: Busy,
}

impl LiveTap {
    pub(super) fn new(viewers: Viewers, basis: TimeBasis, several: bool) -> Self {
        Self {
            viewers,
            basis,
            several,
            rows: Rows::new(basis),
            parts: Vec::new(),
            under_way: None,
            began: false,
            lag: Sketch::default(),
            busy: Busy::default(),
        }
    }

    fn tell(&mut self, until: Duration) {
        fn all<T: Clone>(parts: &[StageParts], of: impl Fn(&StageParts) -> &[T]) -> Option<Vec<T>> {
            Some(parts.iter().flat_map(|part| of(part).iter().cloned()).collect())
        }
        let parts = &self.parts;
        self.viewers.tick(PageTick {
            tiles: Some(tiles(parts, None)),
            stages: Some(parts.iter().map(|part| part.stage.clone()).collect()),
            requests: all(parts, |part| &part.requests),
            streams: all(parts, |part| &part.streams),
            errors: all(parts, |part| &part.errors),
            thresholds: all(parts, |part| &part.thresholds),
            health: all(parts, |part| part.health.as_slice()),
            append: self.rows.take_new(until),
            ..PageTick::default()
        });
    }

    fn put(&mut self, parts: StageParts) {
        match self.parts.iter_mut().find(|other| other.stage.index == parts.stage.index) {
            Some(other) => *other = parts,
            None => self.parts.push(parts),
        }
    }

    /// What can be told of the generator before the stage's end; its limits are judged then.
    fn health(&self, stage: usize, requests: u64) -> Option<PageHealth> {
        let lag = |q| Some(self.lag.quantile(q)? as f64 / 1e3);
        Some(PageHealth {
            stage,
            send_lag_p50: lag(0.5)?,
            send_lag_p99: lag(0.99)?,
            send_lag_max: lag(1.0)?,
            busy: self.busy.mean(),
            open_files: self.busy.open_files(),
            open_files_limit: open_files_limit(),
            cpu_ms_per_request: self.busy.process_ms().filter(|_| requests > 0).map(|ms| ms / requests as f64),
            ..PageHealth::default()
        })
    }
}

impl Tap for LiveTap {
    fn stage(&mut self, stage: &Stage) {
        self.under_way = Some(stage.clone());
        self.began = false;
        self.lag = Sketch::default();
        self.busy = Busy::default();
    }

    fn samples(&mut self, samples: &[Sample]) {
        for sample in samples {
            self.rows.add(sample);
            let lag = sample.sent.saturating_sub(sample.intended);
            self.lag.add(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX));
        }
    }

    fn tick(&mut self, tick: &Tick<'_>) {
        let Some(stage) = self.under_way.clone() else { return };
        if !std::mem::replace(&mut self.began, true) {
            self.rows.begin(stage.index, tick.began, stage.warmup);
        }
        if let Some(active) = tick.active {
            self.rows.set(tick.at, "active", f64::from(active));
        }
        if let Some(share) = self.busy.look() {
            self.rows.set(tick.at, "busy", share);
        }
        let facts = LevelFacts { until: Some(tick.at), iterations: tick.iterations, dropped: tick.dropped };
        let input = LevelInput { label: stage.label.clone(), load: stage.load, facts, ..LevelInput::default() };
        let level = LevelSummary::new(input, tick.fold, &stage.thresholds);
        let parts = StageParts::of_level(stage.index, &level, self.basis, self.several);
        let health = self.health(stage.index, tick.fold.count());
        let stage = PageStage { users: stage.users.or(parts.stage.users), end_s: None, ..parts.stage };
        self.put(StageParts { stage, health, ..parts });
        self.tell(tick.at.saturating_sub(BATCH));
    }

    fn ended(&mut self, end: &StageEnd<'_>) {
        let Some(Stage { index, kind, .. }) = self.under_way.take() else { return };
        self.rows.end(end.at());
        let parts = match end {
            StageEnd::Level { summary, .. } => {
                debug_assert_eq!(kind, StageKind::Level);
                StageParts::of_level(index, summary, self.basis, self.several)
            }
            StageEnd::Tier { summary, began, at } => {
                let seconds = (began.as_secs_f64(), at.as_secs_f64());
                StageParts::of_tier(index, summary, Some(seconds.0), Some(seconds.1))
            }
        };
        self.put(parts);
        self.tell(Duration::MAX);
    }
}
