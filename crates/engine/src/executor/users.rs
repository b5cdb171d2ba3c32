//! Closed: a number of users that comes and goes along a schedule, each waiting for its answer and thinking before it
//! goes on.

use super::crew::Crew;
use super::think::{intended, next_due};
use super::{LoadContext, LoadEnd};
use crate::schedule::UserSchedule;
use plimsoll_model::scenario::Think;
use plimsoll_targets::{Behaviour, Iteration, VirtualUser};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;

pub(super) async fn run<B: Behaviour + 'static>(
    schedule: &UserSchedule,
    think: Option<Think>,
    grace: Duration,
    behaviour: Rc<B>,
    context: &Rc<LoadContext>,
) -> LoadEnd {
    let crew = Crew::new(context);
    let ours = (0..schedule.most()).filter(|user| context.share.has(u64::from(*user)));
    let stays: Vec<(u32, Vec<(Duration, Duration)>)> = ours.map(|user| (user, schedule.stays(user))).collect();
    let at_once = |stays: &[(Duration, Duration)]| stays.first().is_some_and(|(start, _)| start.is_zero());
    let first = stays.iter().filter(|(_, stays)| at_once(stays)).map(|(user, _)| *user);
    let mut ready = crew.prepare(&behaviour, first).await.into_iter();
    let began = crew.start().await;
    let mut tasks = JoinSet::new();
    for (number, stays) in stays {
        let prepared = if at_once(&stays) { ready.next().map(|(_, user)| user) } else { None };
        let user = User { number, of: schedule.most(), think, crew: crew.clone(), behaviour: behaviour.clone() };
        tasks.spawn_local(user.live(prepared, stays, began));
    }
    crew.finish(tasks, began + schedule.end(), grace, (began, 0)).await
}

struct User<B> {
    number: u32,
    of: u32,
    think: Option<Think>,
    crew: Rc<Crew>,
    behaviour: Rc<B>,
}

impl<B: Behaviour> User<B> {
    async fn live(self, mut prepared: Option<B::User>, stays: Vec<(Duration, Duration)>, began: Duration) {
        let context = self.crew.context.clone();
        let clock = context.clock;
        let mut rng = StdRng::seed_from_u64(context.seed ^ (u64::from(self.number) << 20));
        let mut number = 0;
        for (start, end) in stays {
            let (mut due, end) = (began + start, began + end);
            let mut user = match prepared.take() {
                Some(user) => user,
                None => {
                    tokio::time::sleep_until(clock.instant(due).into()).await;
                    let mut user = self.behaviour.user(self.number);
                    user.prepare().await;
                    // Its connection is open now: from here on it is measured.
                    due = clock.now();
                    user
                }
            };
            context.shared.enter();
            while clock.now() < end {
                let sequence = u64::from(number) * u64::from(self.of) + u64::from(self.number);
                let intended = intended(due, clock.now());
                let iteration = Iteration { number, sequence, intended, timeout: context.timeout, trace: None };
                self.crew.iterate(&mut user, iteration).await;
                number += 1;
                self.crew.back_off().await;
                let now = clock.now();
                due = next_due(self.think, intended, now, &mut rng);
                if due > now {
                    tokio::time::sleep_until(clock.instant(due.min(end)).into()).await;
                }
            }
            context.shared.leave();
        }
    }
}
