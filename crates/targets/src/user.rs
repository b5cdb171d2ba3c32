//! The one interface between executors and protocols.

use plimsoll_model::Sample;
use std::time::Duration;

/// One pass of a virtual user through its scenario, as an executor orders it.
#[derive(Debug, Clone, Copy)]
pub struct Iteration {
    /// Number of this iteration for this user, from 0.
    pub number: u32,
    /// When the load profile meant it to start, on the run's clock.
    pub intended: Duration,
    /// How long one request may take.
    pub timeout: Duration,
}

/// A virtual user: own connections, cookies and session.
#[expect(async_fn_in_trait, reason = "users live on one thread; no Send bound is wanted")]
pub trait VirtualUser {
    /// Opens what must be open before the measured window. Failures show in the next iteration.
    async fn prepare(&mut self);

    /// Does one pass and tells how it went. A failure is an outcome, never an error.
    async fn iterate(&mut self, iteration: Iteration) -> Sample;
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
