//! The users of a shard at work: opening their connections, sending them through iterations, ending them.

use super::{LoadContext, LoadEnd};
use crate::StopReason;
use plimsoll_targets::{Behaviour, Iteration, VirtualUser};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

/// Connections opened at a time before the load: more would overflow a server's queue of new ones.
const OPENING: usize = 64;
/// After a lost connection a user waits this long, so that a dead server is not hammered.
const BACK_OFF: Duration = Duration::from_millis(200);
/// Refusals in a row after which nobody believes any more that the next request is let in.
const REFUSED: u32 = 5;
/// So many lost connections in a row, without any answer between them, may be bad luck.
const LOST: u32 = 10;
/// A server that was well may be away this long, for example to be restarted.
const AWAY: Duration = Duration::from_secs(10);

/// Counts what is under way on a shard, and looks after each iteration whether it makes sense to go on.
pub(super) struct Crew {
    pub(super) context: Rc<LoadContext>,
    under_way: Cell<u64>,
    lost_since: Cell<Option<Duration>>,
}

impl Crew {
    pub(super) fn new(context: &Rc<LoadContext>) -> Rc<Self> {
        Rc::new(Self { context: context.clone(), under_way: Cell::new(0), lost_since: Cell::new(None) })
    }

    /// Makes and prepares these users, some at a time.
    pub(super) async fn prepare<B: Behaviour>(
        &self,
        behaviour: &Rc<B>,
        numbers: impl IntoIterator<Item = u32>,
    ) -> Vec<(u32, B::User)> {
        let mut ready = Vec::new();
        let mut opening = JoinSet::new();
        for number in numbers {
            let mut user = behaviour.user(number);
            opening.spawn_local(async move {
                user.prepare().await;
                (number, user)
            });
            if opening.len() >= OPENING {
                ready.extend(opening.join_next().await.and_then(Result::ok));
            }
            if self.context.stop.is_stopped() {
                return ready;
            }
        }
        while let Some(user) = opening.join_next().await {
            ready.extend(user.ok());
        }
        ready.sort_unstable_by_key(|(number, _)| *number);
        ready
    }

    /// Waits until all shards are ready: the start of the load.
    pub(super) async fn start(&self) -> Duration {
        self.context.shared.ready().await;
        *self.context.shared.began.get_or_init(|| self.context.clock.now())
    }

    /// One iteration of a user.
    pub(super) async fn iterate<U: VirtualUser>(&self, user: &mut U, iteration: Iteration) {
        self.under_way.set(self.under_way.get() + 1);
        self.context.shared.started.fetch_add(1, Ordering::Relaxed);
        user.iterate(iteration, &*self.context.recorder).await;
        self.under_way.set(self.under_way.get() - 1);
        self.look();
    }

    /// For a closed user: waits a little when connections are being lost.
    pub(super) async fn back_off(&self) {
        if self.context.recorder.connect_failures_in_a_row() > 0 {
            tokio::time::sleep(BACK_OFF).await;
        }
    }

    /// Stops the run when the target is gone, or refuses everything.
    fn look(&self) {
        let (recorder, stop) = (&self.context.recorder, &self.context.stop);
        if let Some(refusal) = recorder.refused_in_a_row(REFUSED) {
            stop.stop(StopReason::Refused(refusal));
        }
        let lost = recorder.connect_failures_in_a_row();
        if lost == 0 {
            self.lost_since.set(None);
            return;
        }
        let now = self.context.clock.now();
        let since = self.lost_since.get().unwrap_or(now);
        self.lost_since.set(Some(since));
        if lost >= LOST && (now - since >= AWAY || !recorder.has_answers()) {
            stop.stop(StopReason::TargetGone(format!("{lost} connections in a row were refused or lost")));
        }
    }

    /// Waits for the tasks of a load that ends at `end` of the run's clock: what is under way then has `grace` to
    /// finish, and nothing when the run is stopped. What is left is given up, and counted.
    pub(super) async fn finish(
        &self,
        mut tasks: JoinSet<()>,
        end: Duration,
        grace: Duration,
        (began, dropped): (Duration, u64),
    ) -> LoadEnd {
        let clock = self.context.clock;
        let last = end.saturating_add(grace).saturating_sub(clock.now());
        let too_late = tokio::time::sleep(last.min(Duration::from_secs(366 * 86_400)));
        let stopped = self.context.stop.stopped();
        tokio::pin!(too_late, stopped);
        let mut cancelled = 0;
        loop {
            tokio::select! {
                biased;
                next = tasks.join_next() => match next {
                    Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    Some(_) => {}
                    None => break,
                },
                () = &mut too_late => { cancelled = self.under_way.get(); break }
                () = &mut stopped => { cancelled = self.under_way.get(); break }
            }
        }
        tasks.shutdown().await;
        LoadEnd { began, ended: clock.now(), cancelled, dropped }
    }
}
