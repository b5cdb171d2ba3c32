//! One level of load: from the plan of it to what its samples say.

use super::sink::{Sink, SinkOptions};
use super::tokens::TokenCounter;
use crate::exit::CliError;
use crate::tap::Taps;
use plimsoll_engine::schedule::Share;
use plimsoll_engine::{
    EventSink, HealthProbe, LoadContext, LoadEnd, Recorder, SampleQueue, Shared, StopReason, StopSignal, Writer,
    run_load, shard,
};
use plimsoll_model::{ApiLoad, Clock, Health, Redactor, TraceRequest};
use plimsoll_results::ApiFold;
use plimsoll_targets::api::{ApiBehaviour, ApiPlanned};
use plimsoll_wire::Connector;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What every level of a run shares.
#[derive(Clone)]
pub(crate) struct LoadSetup {
    pub planned: Arc<ApiPlanned>,
    pub redactor: Redactor,
    pub clock: Clock,
    pub stop: StopSignal,
    pub events: EventSink,
    pub shards: u32,
    pub seed: u64,
    pub timeout: Duration,
    pub trace: Arc<[Arc<TraceRequest>]>,
    pub counter: Option<Arc<TokenCounter>>,
    pub taps: Taps,
}

/// What a level came to.
pub(crate) struct LevelResult {
    pub fold: ApiFold,
    pub health: Vec<Health>,
    pub began: Duration,
    pub elapsed: Duration,
    pub started: u64,
    pub cancelled: u64,
    pub dropped: u64,
}

/// What one shard did.
struct ShardEnd {
    load: LoadEnd,
    health: Health,
}

/// Runs a level on all shards and waits for its end. Called on a thread of its own: the main thread watches.
pub(crate) fn run_level(setup: &LoadSetup, load: &ApiLoad, options: SinkOptions) -> Result<LevelResult, CliError> {
    let shared = Shared::new(setup.shards);
    let (sink, fold) = Sink::new(options, setup, shared.clone())?;
    let writer = Writer::start(sink, setup.stop.clone());
    let shards: Vec<_> = (0..setup.shards)
        .map(|index| {
            let share = Share { index, of: setup.shards };
            let (setup, load, shared, queue) = (setup.clone(), load.clone(), shared.clone(), writer.queue());
            shard::spawn(move || run_shard(setup, load, shared, queue, share)).map_err(CliError::internal)
        })
        .collect::<Result<_, _>>()?;
    let ends: Vec<Result<ShardEnd, String>> =
        shards.into_iter().map(|shard| shard.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect();
    // A failure has stopped the run already, with its reason; what was taken before can still be told.
    let _ = writer.finish();
    let mut health = Vec::new();
    let mut loads = Vec::new();
    for end in ends {
        match end {
            Ok(end) => {
                health.push(end.health);
                loads.push(end.load);
            }
            Err(why) => setup.stop.stop(StopReason::TargetGone(why)),
        }
    }
    let fold = fold.take().ok_or_else(|| CliError::internal("the writer thread failed"))?;
    let began = loads.iter().map(|load| load.began).min().unwrap_or_default();
    let ended = loads.iter().map(|load| load.ended).max().unwrap_or_default();
    Ok(LevelResult {
        fold,
        health,
        began,
        elapsed: ended.saturating_sub(began),
        started: shared.started.load(Ordering::Relaxed),
        cancelled: loads.iter().map(|load| load.cancelled).sum(),
        dropped: loads.iter().map(|load| load.dropped).sum(),
    })
}

async fn run_shard(
    setup: LoadSetup,
    load: ApiLoad,
    shared: Arc<Shared>,
    queue: SampleQueue,
    share: Share,
) -> Result<ShardEnd, String> {
    let connector =
        match Connector::with_trust(setup.planned.origin().clone(), setup.clock, setup.planned.trust()).await {
            Ok(connector) => Rc::new(connector),
            Err(error) => {
                // The others wait for this shard.
                shared.ready().await;
                return Err(error.to_string());
            }
        };
    let behaviour = Rc::new(ApiBehaviour::new(setup.planned.clone(), connector, setup.redactor.clone()));
    let recorder = Rc::new(Recorder::with_queue(Some(queue)));
    let probe = HealthProbe::start();
    // Progress of all shards together comes from the writer's thread.
    let (quiet, _) = tokio::sync::mpsc::unbounded_channel();
    let context = LoadContext {
        clock: setup.clock,
        recorder: recorder.clone(),
        stop: setup.stop.clone(),
        events: quiet,
        shared,
        share,
        seed: setup.seed,
        timeout: setup.timeout,
    };
    let load = run_load(&load, &setup.trace, behaviour, context).await.map_err(|error| error.to_string())?;
    let (tally, lag, p50_ms) = recorder.finish();
    Ok(ShardEnd { load, health: probe.finish(&tally, lag, p50_ms) })
}
