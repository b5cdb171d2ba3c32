//! Those who listen to samples as they come: the live page, the terminal, exporters. They are called on the writer's
//! thread, never on a measuring one, so what they do can delay no request.

use plimsoll_model::{Sample, Threshold};
use plimsoll_results::{ApiFold, LevelLoad, LevelSummary, TierSummary};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A part of a run with one load: a tier of a Gradio run, a level of an API run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stage {
    /// From 0.
    pub index: usize,
    /// Which of the two.
    pub kind: StageKind,
    /// Its load in words.
    pub label: String,
    /// Users of a tier.
    pub users: Option<u32>,
    /// What it asks for.
    pub load: LevelLoad,
    /// Warm-up at its beginning.
    pub warmup: Duration,
    /// Rules that it must meet.
    pub thresholds: Vec<Threshold>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StageKind {
    Tier,
    Level,
}

/// A look at a stage that goes on; about once a second, and a last time when its load is over.
pub(crate) struct Tick<'a> {
    /// Since the run's start.
    pub at: Duration,
    /// When the stage began, on the same clock.
    pub began: Duration,
    /// Users at work or arrivals under way, where that is known.
    pub active: Option<u32>,
    /// Iterations started and dropped so far; 0 where they are not counted.
    pub iterations: u64,
    pub dropped: u64,
    /// Everything measured in this stage so far.
    pub fold: &'a ApiFold,
}

/// A stage is over, and this is what it came to.
pub(crate) enum StageEnd<'a> {
    Level { summary: &'a LevelSummary, at: Duration },
    Tier { summary: &'a TierSummary, began: Duration, at: Duration },
}

impl StageEnd<'_> {
    /// When its load was over, since the run's start.
    pub(crate) fn at(&self) -> Duration {
        match self {
            Self::Level { at, .. } | Self::Tier { at, .. } => *at,
        }
    }
}

/// One listener. Its methods return soon: a full disk queue loses samples.
pub(crate) trait Tap: Send {
    /// A stage begins.
    fn stage(&mut self, _stage: &Stage) {}
    /// Samples, in the order in which they ended. Background traffic is not among them.
    fn samples(&mut self, _samples: &[Sample]) {}
    /// About once a second.
    fn tick(&mut self, _tick: &Tick<'_>) {}
    /// After the last tick of a stage, on another thread.
    fn ended(&mut self, _end: &StageEnd<'_>) {}
}

/// All listeners of a run. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Taps(Arc<Mutex<Vec<Box<dyn Tap>>>>);

impl Taps {
    pub(crate) fn add(&self, tap: Box<dyn Tap>) {
        self.each().push(tap);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.each().is_empty()
    }

    pub(crate) fn stage(&self, stage: &Stage) {
        self.each().iter_mut().for_each(|tap| tap.stage(stage));
    }

    pub(crate) fn samples(&self, samples: &[Sample]) {
        self.each().iter_mut().for_each(|tap| tap.samples(samples));
    }

    pub(crate) fn tick(&self, tick: &Tick<'_>) {
        self.each().iter_mut().for_each(|tap| tap.tick(tick));
    }

    pub(crate) fn ended(&self, end: &StageEnd<'_>) {
        self.each().iter_mut().for_each(|tap| tap.ended(end));
    }

    fn each(&self) -> std::sync::MutexGuard<'_, Vec<Box<dyn Tap>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
