//! Puts load on a target and measures: executors, recorder, writer thread, generator health, and the stream of
//! [`RunEvent`]s that reporters listen to.
//!
//! A run's load lives on one measuring thread (a shard, [`shard::spawn`]): one `current_thread` runtime with a
//! `LocalSet`, so nothing on the way of a request is locked or shared.

mod background;
mod event;
mod executor;
mod health;
mod pacer;
mod recorder;
pub mod schedule;
pub mod shard;
mod stop;
#[cfg(test)]
mod testkit;
mod tiers;
mod writer;

pub use background::BackgroundLoad;
pub use event::{EventSink, RunEvent};
pub use executor::{LoadContext, LoadEnd, Shared, run_load};
pub use health::HealthProbe;
pub use pacer::Pacer;
pub use recorder::{Recorder, Tally};
pub use stop::{StopReason, StopSignal};
pub use tiers::{Context, Tier, TierEnd, run_tier};
pub use writer::{SampleQueue, SampleSink, Writer};
