//! Where samples go: to disk, and into the fold that everything shown is made of. On the writer's thread.

use super::level::LoadSetup;
use super::tokens::TokenCounter;
use crate::exit::CliError;
use crate::tap::{Taps, Tick};
use plimsoll_engine::{EventSink, RunEvent, SampleSink, Shared, StopReason, StopSignal};
use plimsoll_model::scenario::Objectives;
use plimsoll_model::{Clock, Metric, Sample, Threshold};
use plimsoll_results::{ApiFold, ApiFoldOptions, ApiWriter, LevelFacts, evaluate};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a sink does with samples.
pub(crate) struct SinkOptions {
    /// Folder of the level; `None` keeps nothing.
    pub dir: Option<PathBuf>,
    pub warmup: Duration,
    pub objectives: Objectives,
    /// Rules that end the run.
    pub aborting: Vec<Threshold>,
}

/// The fold, when the writer has finished.
#[derive(Clone, Default)]
pub(crate) struct FoldSlot(Arc<Mutex<Option<ApiFold>>>);

impl FoldSlot {
    pub(crate) fn take(&self) -> Option<ApiFold> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(crate) struct Sink {
    writer: Option<ApiWriter>,
    options: ApiFoldOptions,
    fold: Option<ApiFold>,
    slot: FoldSlot,
    aborting: Vec<Threshold>,
    counter: Option<Arc<TokenCounter>>,
    shared: Arc<Shared>,
    clock: Clock,
    stop: StopSignal,
    events: EventSink,
    taps: Taps,
    /// Requests and moment of the last tick.
    last: (u64, Duration),
}

impl Sink {
    pub(crate) fn new(
        options: SinkOptions,
        setup: &LoadSetup,
        shared: Arc<Shared>,
    ) -> Result<(Self, FoldSlot), CliError> {
        let writer = options.dir.as_deref().map(ApiWriter::create).transpose().map_err(CliError::internal)?;
        let slot = FoldSlot::default();
        let sink = Self {
            writer,
            options: ApiFoldOptions { start: Duration::ZERO, warmup: options.warmup, objectives: options.objectives },
            fold: None,
            slot: slot.clone(),
            aborting: options.aborting,
            counter: setup.counter.clone(),
            shared,
            clock: setup.clock,
            stop: setup.stop.clone(),
            events: setup.events.clone(),
            taps: setup.taps.clone(),
            last: (0, Duration::ZERO),
        };
        Ok((sink, slot))
    }

    /// Samples come only after the load began.
    fn fold(&mut self) -> &mut ApiFold {
        let start = self.shared.began().unwrap_or_else(|| self.clock.now());
        let options = ApiFoldOptions { start, ..self.options };
        self.fold.get_or_insert_with(|| ApiFold::new(options))
    }

    fn tell_taps(&self, at: Duration) {
        let Some(fold) = &self.fold else { return };
        let facts = self.facts();
        self.taps.tick(&Tick {
            at,
            began: fold.options().start,
            active: Some(self.shared.active.load(Ordering::Relaxed)),
            iterations: facts.iterations,
            dropped: facts.dropped,
            fold,
        });
    }

    fn facts(&self) -> LevelFacts {
        LevelFacts {
            until: Some(self.clock.now()),
            iterations: self.shared.started.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
        }
    }
}

impl SampleSink for Sink {
    fn write(&mut self, samples: &mut [Sample]) -> Result<(), String> {
        if let Some(counter) = &self.counter {
            samples.iter_mut().for_each(|sample| counter.count(sample));
        }
        let fold = self.fold();
        for sample in &*samples {
            fold.add(sample);
        }
        self.taps.samples(samples);
        match &mut self.writer {
            Some(writer) => writer.write(samples).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    fn tick(&mut self) {
        let Some(began) = self.shared.began() else { return };
        let now = self.clock.now();
        let facts = self.facts();
        let fold = self.fold();
        let (ok, failed) = (fold.ok(), fold.failed());
        let p50_ms = fold.quantile(None, Metric::ResponseTime, 0.5);
        let (before, at) = self.last;
        let seconds = (now - at.max(began)).as_secs_f64().max(1e-3);
        let rps = (ok + failed).saturating_sub(before) as f64 / seconds;
        self.last = (ok + failed, now);
        let progress = RunEvent::LevelProgress {
            elapsed_seconds: (now - began).as_secs_f64(),
            active: self.shared.active.load(Ordering::Relaxed),
            ok,
            failed,
            rps,
            p50_ms,
            dropped: facts.dropped,
        };
        // Nobody listens any more: nothing to tell.
        let _ = self.events.send(progress);
        self.tell_taps(now);
        if let Some(fold) = &self.fold
            && let Some(broken) = evaluate(&self.aborting, fold, &facts).into_iter().find(|result| result.abort)
        {
            self.stop.stop(StopReason::Threshold(broken.rule));
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        self.fold();
        self.tell_taps(self.clock.now());
        *self.slot.0.lock().unwrap_or_else(PoisonError::into_inner) = self.fold.take();
        match self.writer.take() {
            Some(writer) => writer.finish().map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }
}
