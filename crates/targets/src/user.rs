//! The one interface between executors and protocols.

use plimsoll_model::{Sample, TraceRequest};
use std::sync::Arc;
use std::time::Duration;

/// One pass of a virtual user through its scenario, as an executor orders it.
#[derive(Debug, Clone)]
pub struct Iteration {
    /// Number of this iteration for this user, from 0.
    pub number: u32,
    /// Number of this iteration among all of the run, from 0: what is drawn for it depends on this and the seed alone,
    /// not on which user happens to be free.
    pub sequence: u64,
    /// When the load profile meant it to start, on the run's clock.
    pub intended: Duration,
    /// How long one request may take, where the scenario does not say.
    pub timeout: Duration,
    /// The recorded request that it stands for, in a replay.
    pub trace: Option<Arc<TraceRequest>>,
}

/// Takes finished samples.
pub trait Record {
    /// Takes one.
    fn record(&self, sample: Sample);
}

/// A virtual user: own connections, cookies and session.
#[expect(async_fn_in_trait, reason = "users live on one thread; no Send bound is wanted")]
pub trait VirtualUser {
    /// Opens what must be open before the measured window. Failures show in the next iteration.
    async fn prepare(&mut self);

    /// Does one pass, of one request or several, and hands over how each went. A failure is an outcome, never an error.
    async fn iterate(&mut self, iteration: Iteration, record: &impl Record);
}

/// Makes the users of a tier, and does what belongs to all of them between rounds.
#[expect(async_fn_in_trait, reason = "users live on one thread; no Send bound is wanted")]
pub trait Behaviour {
    /// The users it makes.
    type User: VirtualUser + 'static;

    /// A new user with this number.
    fn user(&self, vu: u32) -> Self::User;

    /// Called when all users of a round are done, outside the measured time.
    async fn after_round(&self, round: u32);
}
