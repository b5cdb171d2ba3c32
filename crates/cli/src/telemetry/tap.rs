//! Listens to the run and makes snapshots of it. On the writer's thread: it only counts.

use super::trackio::Rows;
use crate::args_export::Names;
use crate::tap::{Stage, Tap, Tick};
use plimsoll_model::{Clock, Sample, Threshold};
use plimsoll_results::{LevelFacts, evaluate};
use plimsoll_telemetry::{Collector, Latest, Progress, RunFacts};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Feed {
    collector: Collector,
    thresholds: Vec<Threshold>,
    clock: Clock,
    prometheus: Option<(Arc<Latest>, Names)>,
    otlp: Option<Arc<Latest>>,
    rows: Option<Rows>,
    began: Option<Duration>,
    stage: usize,
}

impl Feed {
    pub(super) fn new(
        facts: RunFacts,
        thresholds: Vec<Threshold>,
        clock: Clock,
        prometheus: Option<(Arc<Latest>, Names)>,
        otlp: Option<Arc<Latest>>,
        rows: Option<Rows>,
    ) -> Self {
        let collector = Collector::new(facts);
        Self { collector, thresholds, clock, prometheus, otlp, rows, began: None, stage: 0 }
    }

    fn publish(&self) {
        let at = Duration::from_secs_f64(self.clock.unix_seconds(self.clock.now()));
        if let Some((latest, names)) = &self.prometheus {
            latest.set(match names {
                Names::Otel => self.collector.otel(at),
                Names::K6 => self.collector.k6(at),
            });
        }
        if let Some(latest) = &self.otlp {
            latest.set(self.collector.otel(at));
        }
    }
}

impl Tap for Feed {
    fn stage(&mut self, stage: &Stage) {
        self.began = None;
        self.stage = stage.index + 1;
        self.collector.stage(stage.warmup, stage.users);
        self.publish();
    }

    fn samples(&mut self, samples: &[Sample]) {
        self.collector.add(samples, self.began);
    }

    fn tick(&mut self, tick: &Tick<'_>) {
        self.began = Some(tick.began);
        let (users, iterations, dropped) = (tick.active, tick.iterations, tick.dropped);
        self.collector.progress(Progress { users, iterations, dropped });
        let facts = LevelFacts { until: Some(tick.at), iterations, dropped };
        let rules = evaluate(&self.thresholds, tick.fold, &facts).into_iter();
        self.collector.rules(rules.filter_map(|rule| Some((rule.title(), rule.ok?))).collect());
        self.publish();
        if let Some(rows) = &self.rows {
            rows.add(self.stage, tick);
        }
    }
}
