//! Closed: so many iterations in all, shared by so many users, as fast as they go.

use super::crew::Crew;
use super::think::{intended, next_due};
use super::{LoadContext, LoadEnd};
use plimsoll_model::scenario::Think;
use plimsoll_targets::{Behaviour, Iteration};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

pub(super) async fn run<B: Behaviour + 'static>(
    (iterations, users): (u64, u32),
    limit: Duration,
    think: Option<Think>,
    grace: Duration,
    behaviour: Rc<B>,
    context: &Rc<LoadContext>,
) -> LoadEnd {
    let crew = Crew::new(context);
    let ours = (0..users).filter(|user| context.share.has(u64::from(*user)));
    let ready = crew.prepare(&behaviour, ours).await;
    let began = crew.start().await;
    let end = began.saturating_add(limit);
    let mut tasks = JoinSet::new();
    for (vu, user) in ready {
        tasks.spawn_local(work(user, (vu, iterations), think, (began, end), crew.clone()));
    }
    crew.finish(tasks, end, grace, (began, 0)).await
}

async fn work<U: plimsoll_targets::VirtualUser>(
    mut user: U,
    (vu, iterations): (u32, u64),
    think: Option<Think>,
    (began, end): (Duration, Duration),
    crew: Rc<Crew>,
) {
    let context = crew.context.clone();
    let clock = context.clock;
    let mut rng = StdRng::seed_from_u64(context.seed ^ (u64::from(vu) << 20));
    let mut due = began;
    context.shared.enter();
    for number in 0.. {
        if clock.now() >= end {
            break;
        }
        let sequence = context.shared.taken.fetch_add(1, Ordering::Relaxed);
        if sequence >= iterations {
            break;
        }
        let intended = intended(due, clock.now());
        let iteration = Iteration { number, sequence, intended, timeout: context.timeout, trace: None };
        crew.iterate(&mut user, iteration).await;
        crew.back_off().await;
        let now = clock.now();
        due = next_due(think, intended, now, &mut rng);
        if due > now {
            tokio::time::sleep_until(clock.instant(due.min(end)).into()).await;
        }
    }
    context.shared.leave();
}
