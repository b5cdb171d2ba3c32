//! Users beside the tier: request, pause, request, until the tier is over.

use crate::{Recorder, StopSignal};
use plimsoll_model::Clock;
use plimsoll_targets::{Behaviour, Iteration, VirtualUser};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Background users of one or more kinds, running until [`BackgroundLoad::finish`].
pub struct BackgroundLoad {
    over: watch::Sender<bool>,
    users: JoinSet<()>,
}

impl Default for BackgroundLoad {
    fn default() -> Self {
        Self { over: watch::Sender::new(false), users: JoinSet::new() }
    }
}

impl BackgroundLoad {
    /// Adds `count` users that wait between requests for a time drawn from `pause`.
    pub fn add<B: Behaviour>(
        &mut self,
        behaviour: &B,
        count: u32,
        pause: (Duration, Duration),
        timeout: Duration,
        (clock, recorder, seed): (Clock, &Rc<Recorder>, u64),
    ) {
        for vu in 0..count {
            let mut user = behaviour.user(vu);
            let mut over = self.over.subscribe();
            let recorder = recorder.clone();
            let mut rng = StdRng::seed_from_u64(seed ^ (u64::from(vu) << 17));
            self.users.spawn_local(async move {
                for number in 0.. {
                    if *over.borrow() {
                        return;
                    }
                    user.prepare().await;
                    let sequence = u64::from(number) * u64::from(count) + u64::from(vu);
                    let iteration = Iteration { number, sequence, intended: clock.now(), timeout, trace: None };
                    user.iterate(iteration, &*recorder).await;
                    let pause = rng.random_range(pause.0..=pause.1);
                    // Either the pause is over, or the tier is.
                    let _ = tokio::time::timeout(pause, over.wait_for(|over| *over)).await;
                }
            });
        }
    }

    /// Lets each user finish its request, then ends; at once when the run is stopped.
    pub async fn finish(mut self, stop: &StopSignal) {
        // Without receivers all users are done already.
        let _ = self.over.send(true);
        tokio::select! {
            () = async { while self.users.join_next().await.is_some() {} } => {}
            () = stop.stopped() => {}
        }
    }
}
