//! Open: iterations start when they are due, whatever became of the ones before. A free user takes each; one that finds
//! none is dropped, and counted.

use super::crew::Crew;
use super::{LoadContext, LoadEnd};
use crate::pacer::Pacer;
use plimsoll_model::TraceRequest;
use plimsoll_targets::{Behaviour, Iteration, VirtualUser};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

/// Users that wait with an open connection: at the start so many as arrive in a tenth of a second, within these
/// bounds. While the load goes, a quarter of it is kept free.
const LEAST_READY: u32 = 4;
const MOST_READY: u32 = 512;
/// Arrivals started without a pause before the shard looks at its sockets again.
const AT_ONCE: u32 = 64;

pub(super) async fn run<B: Behaviour + 'static>(
    due: impl Iterator<Item = (Duration, Option<Arc<TraceRequest>>)>,
    rate: f64,
    max_users: u32,
    grace: Duration,
    behaviour: Rc<B>,
    context: &Rc<LoadContext>,
) -> std::io::Result<LoadEnd> {
    let share = context.share;
    let rate = rate / f64::from(share.of);
    let mut pacer = match Pacer::new(context.clock, rate) {
        Ok(pacer) => pacer,
        Err(error) => {
            context.shared.ready().await;
            return Err(error);
        }
    };
    let most = share.part(max_users);
    let ready = ((rate / 10.0) as u32).clamp(LEAST_READY, MOST_READY).min(most);
    let pool = Pool::new(behaviour, context, most, ready);
    pool.fill(ready).await;
    let began = pool.crew.start().await;
    let mut tasks = JoinSet::new();
    let (mut dropped, mut at_once, mut last) = (0, 0, Duration::ZERO);
    for (sequence, (due, trace)) in (0u64..).zip(due).filter(|(sequence, _)| share.has(*sequence)) {
        let intended = began + due;
        if context.clock.now() < intended || at_once >= AT_ONCE {
            at_once = 0;
            tokio::select! {
                biased;
                () = context.stop.stopped(), if context.stop.is_stopped() => {}
                () = wait(&mut pacer, intended) => {}
            }
            while tasks.try_join_next().is_some() {}
        }
        if context.stop.is_stopped() {
            break;
        }
        at_once += 1;
        last = due;
        let Some(user) = pool.take() else {
            dropped += 1;
            context.shared.dropped.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        // A user does many of these iterations; its own count of them does not matter to it.
        let number = u32::try_from(sequence).unwrap_or(u32::MAX);
        let iteration = Iteration { number, sequence, intended, timeout: context.timeout, trace };
        tasks.spawn_local(pool.clone().serve(user, iteration));
    }
    Ok(pool.crew.finish(tasks, began + last, grace, (began, dropped)).await)
}

/// Waits for an arrival; one that is overdue still lets the shard look at its sockets.
async fn wait(pacer: &mut Pacer, intended: Duration) {
    pacer.until(intended).await;
    tokio::task::yield_now().await;
}

/// Users that are free. The one that was free last is taken first: its connection is the least likely to have been
/// closed meanwhile.
struct Pool<B: Behaviour> {
    behaviour: Rc<B>,
    crew: Rc<Crew>,
    free: RefCell<Vec<B::User>>,
    made: Cell<u32>,
    most: u32,
    spare: usize,
}

impl<B: Behaviour + 'static> Pool<B> {
    fn new(behaviour: Rc<B>, context: &Rc<LoadContext>, most: u32, ready: u32) -> Rc<Self> {
        let crew = Crew::new(context);
        let spare = (ready / 4).max(1) as usize;
        Rc::new(Self { behaviour, crew, free: RefCell::default(), made: Cell::new(0), most, spare })
    }

    /// The next number of a user, if there may be another. Numbers of different shards do not meet.
    fn number(&self) -> Option<u32> {
        let made = self.made.get();
        let share = self.crew.context.share;
        (made < self.most).then(|| {
            self.made.set(made + 1);
            made * share.of + share.index
        })
    }

    async fn fill(&self, count: u32) {
        let numbers: Vec<u32> = (0..count).map_while(|_| self.number()).collect();
        let users = self.crew.prepare(&self.behaviour, numbers).await;
        self.free.borrow_mut().extend(users.into_iter().map(|(_, user)| user));
    }

    /// A free user, or a new one. When few are left free, another is made ready beside the load.
    fn take(self: &Rc<Self>) -> Option<B::User> {
        let user = self.free.borrow_mut().pop();
        if user.is_some() {
            if self.free.borrow().len() < self.spare {
                self.make_ready();
            }
            return user;
        }
        self.number().map(|number| self.behaviour.user(number))
    }

    fn make_ready(self: &Rc<Self>) {
        let Some(number) = self.number() else { return };
        let pool = self.clone();
        tokio::task::spawn_local(async move {
            let mut user = pool.behaviour.user(number);
            user.prepare().await;
            pool.free.borrow_mut().push(user);
        });
    }

    async fn serve(self: Rc<Self>, mut user: B::User, iteration: Iteration) {
        let shared = &self.crew.context.shared;
        shared.enter();
        self.crew.iterate(&mut user, iteration).await;
        shared.leave();
        self.free.borrow_mut().push(user);
    }
}
