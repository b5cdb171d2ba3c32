//! Executors: how virtual users are driven through a load, one file for each load model. They know nothing of
//! protocols. When things are due, the schedules say; what a user does, its behaviour.

mod arrivals;
mod crew;
mod iterations;
mod think;
mod users;

use crate::health::Ticker;
use crate::schedule::{RateSchedule, Share, UserSchedule};
use crate::{EventSink, Recorder, StopSignal};
use plimsoll_model::{ApiLoad, Clock, TraceRequest};
use plimsoll_targets::Behaviour;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Barrier;

/// What one shard runs a load with.
pub struct LoadContext {
    /// The run's time line.
    pub clock: Clock,
    /// Takes the samples.
    pub recorder: Rc<Recorder>,
    /// Ends the load early.
    pub stop: StopSignal,
    /// Told once a second of what was recorded here.
    pub events: EventSink,
    /// What all shards of a load share.
    pub shared: Arc<Shared>,
    /// The part of the load that this shard does.
    pub share: Share,
    /// Seed of what the executor draws.
    pub seed: u64,
    /// Limit for a request, where the scenario has none.
    pub timeout: Duration,
}

/// What all shards of a load share: that they begin together, and what is counted over all of them.
pub struct Shared {
    /// Users that are at work, or arrivals under way.
    pub active: AtomicU32,
    /// Arrivals that found no free user.
    pub dropped: AtomicU64,
    /// Iterations that were begun.
    pub started: AtomicU64,
    /// Iterations that were taken, where they are shared.
    taken: AtomicU64,
    start: Barrier,
    began: OnceLock<Duration>,
}

impl Shared {
    /// For so many shards.
    pub fn new(shards: u32) -> Arc<Self> {
        Arc::new(Self {
            active: AtomicU32::new(0),
            dropped: AtomicU64::new(0),
            started: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            start: Barrier::new(shards as usize),
            began: OnceLock::new(),
        })
    }

    /// Waits until every shard has called this: then the load begins. A shard that cannot take part must call it too.
    pub async fn ready(&self) {
        self.start.wait().await;
    }

    /// When the load began, on the run's clock; `None` while users are being made ready.
    pub fn began(&self) -> Option<Duration> {
        self.began.get().copied()
    }

    fn enter(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    fn leave(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a load went on one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadEnd {
    /// When it began, on the run's clock: connections were open by then.
    pub began: Duration,
    /// When its last iteration was over.
    pub ended: Duration,
    /// Iterations given up at the end, or because the run was stopped.
    pub cancelled: u64,
    /// Arrivals of this shard that found no free user.
    pub dropped: u64,
}

/// Runs this shard's part of a load to its end, or until the run is stopped. `trace` is what a replay replays. A sweep
/// is several loads: its levels are run one by one.
///
/// # Errors
/// When the system gives no timer.
pub async fn run_load<B: Behaviour + 'static>(
    load: &ApiLoad,
    trace: &[Arc<TraceRequest>],
    behaviour: Rc<B>,
    context: LoadContext,
) -> std::io::Result<LoadEnd> {
    let ticker = Ticker::start(context.recorder.clone(), context.events.clone());
    let context = Rc::new(context);
    let end = match load {
        ApiLoad::Users { stages, ramp_down, think, graceful_stop, .. } => {
            let schedule = UserSchedule::new(stages, ramp_down.0);
            users::run(&schedule, *think, graceful_stop.0, behaviour, &context).await
        }
        ApiLoad::Iterations { iterations, users, duration, think, graceful_stop, .. } => {
            let limit = duration.map_or(Duration::MAX, |limit| limit.0);
            iterations::run((*iterations, *users), limit, *think, graceful_stop.0, behaviour, &context).await
        }
        ApiLoad::Rate { arrivals, stages, max_users, graceful_stop, .. } => {
            let rate = stages.iter().map(|stage| stage.to).fold(0.0, f64::max);
            let due = RateSchedule::new(stages, *arrivals, context.seed).map(|due| (due, None));
            arrivals::run(due, rate, *max_users, graceful_stop.0, behaviour, &context).await?
        }
        ApiLoad::Replay { max_users, duration, graceful_stop, .. } => {
            let limit = duration.map_or(Duration::MAX, |limit| limit.0);
            let due = trace.iter().take_while(|row| row.at < limit).map(|row| (row.at, Some(row.clone())));
            let seconds = trace.last().map_or(1.0, |row| row.at.as_secs_f64().max(1.0));
            let rate = trace.len() as f64 / seconds;
            arrivals::run(due, rate, *max_users, graceful_stop.0, behaviour, &context).await?
        }
        ApiLoad::Sweep { .. } => {
            let now = context.clock.now();
            LoadEnd { began: now, ended: now, cancelled: 0, dropped: 0 }
        }
    };
    drop(ticker);
    Ok(end)
}

#[cfg(test)]
mod tests;
