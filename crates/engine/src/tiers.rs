//! The closed executor: so many users, each waiting for its answer before it goes on. One file, read top to bottom:
//! this is the hot loop.

use crate::health::Ticker;
use crate::{EventSink, Recorder, RunEvent, StopReason, StopSignal};
use plimsoll_model::{Arrival, Clock, Repeat};
use plimsoll_targets::{Behaviour, Iteration, VirtualUser};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};

/// A wave's starts are spread over this time.
const WAVE: Duration = Duration::from_millis(500);

/// How late the runtime's timer may be by its nature (it ticks each millisecond). A wave's start is random anyway: a
/// user who wakes within this time starts when it wakes. Beyond it the generator is late, and that is counted.
const TIMER: Duration = Duration::from_millis(2);

/// After a lost connection a user waits this long, so that a dead server is not hammered.
const BACK_OFF: Duration = Duration::from_millis(200);

/// One tier.
#[derive(Debug, Clone, Copy)]
pub struct Tier {
    /// Virtual users.
    pub users: u32,
    /// Rounds or duration.
    pub repeat: Repeat,
    /// All together, or spread.
    pub arrival: Arrival,
    /// Limit for one request.
    pub timeout: Duration,
    /// Seed of the wave's starts.
    pub seed: u64,
}

impl Tier {
    fn iteration(&self, vu: u32, number: u32, intended: Duration) -> Iteration {
        let sequence = u64::from(number) * u64::from(self.users) + u64::from(vu);
        Iteration { number, sequence, intended, timeout: self.timeout, trace: None }
    }
}

/// How a tier went.
#[derive(Debug, Clone, Copy)]
pub struct TierEnd {
    /// Wall time of the tier's load.
    pub elapsed: Duration,
    /// Requests given up because the run was stopped.
    pub cancelled: u64,
}

/// What a tier runs with.
pub struct Context<'a> {
    /// The run's time line.
    pub clock: Clock,
    /// Takes the samples.
    pub recorder: &'a Rc<Recorder>,
    /// Ends the tier early.
    pub stop: &'a StopSignal,
    /// Told of rounds and progress.
    pub events: &'a EventSink,
}

/// Runs a tier to its end, or until the run is stopped.
pub async fn run_tier<B: Behaviour>(tier: Tier, behaviour: &B, context: &Context<'_>) -> TierEnd {
    let started = context.clock.now();
    let ticker = Ticker::start(context.recorder.clone(), context.events.clone());
    let users = (0..tier.users).map(|vu| (vu, behaviour.user(vu))).collect();
    let cancelled = match tier.repeat {
        Repeat::Rounds(rounds) => run_rounds(tier, rounds, users, behaviour, context).await,
        Repeat::For(duration) => run_for(tier, duration, users, behaviour, context).await,
    };
    drop(ticker);
    TierEnd { elapsed: context.clock.now() - started, cancelled }
}

type Users<B> = Vec<(u32, <B as Behaviour>::User)>;

/// Rounds with a barrier between them. The users of a round start on connections that are open already.
async fn run_rounds<B: Behaviour>(
    tier: Tier,
    rounds: u32,
    mut users: Users<B>,
    behaviour: &B,
    context: &Context<'_>,
) -> u64 {
    let clock = context.clock;
    let mut rng = StdRng::seed_from_u64(tier.seed);
    for round in 0..rounds {
        users = match finish_all(prepare_all(users), context.stop).await {
            Ok(users) => users,
            Err(_) => return 0,
        };
        users.sort_unstable_by_key(|(vu, _)| *vu);
        let (ok_before, failed_before, _) = context.recorder.progress();
        let base = clock.now();
        let mut running = JoinSet::new();
        for (vu, mut user) in users.drain(..) {
            let wait = start_offset(tier.arrival, &mut rng);
            let recorder = context.recorder.clone();
            running.spawn_local(async move {
                let intended = wait_until(base + wait, tier.arrival, clock).await;
                user.iterate(tier.iteration(vu, round, intended), &*recorder).await;
                (vu, user)
            });
        }
        users = match finish_all(running, context.stop).await {
            Ok(users) => users,
            Err(cancelled) => return cancelled,
        };
        let (ok, failed, p50_ms) = context.recorder.progress();
        let (ok, failed) = (ok - ok_before, failed - failed_before);
        // Nobody listens any more: nothing to tell.
        let _ = context.events.send(RunEvent::RoundFinished { round: round + 1, rounds, ok, failed, p50_ms });
        if give_up(tier, context) {
            return 0;
        }
        behaviour.after_round(round).await;
    }
    0
}

/// Each user on its own, without rounds, until the time is over; requests under way are finished.
async fn run_for<B: Behaviour>(
    tier: Tier,
    duration: Duration,
    users: Users<B>,
    behaviour: &B,
    context: &Context<'_>,
) -> u64 {
    let clock = context.clock;
    let mut rng = StdRng::seed_from_u64(tier.seed);
    let users = match finish_all(prepare_all(users), context.stop).await {
        Ok(users) => users,
        Err(_) => return 0,
    };
    let base = clock.now();
    let end = base + duration;
    let mut running = JoinSet::new();
    for (vu, mut user) in users {
        let wait = start_offset(tier.arrival, &mut rng);
        let recorder = context.recorder.clone();
        let stop = context.stop.clone();
        running.spawn_local(async move {
            // The first start is the profile's, the others are the user's own: it goes on when it has its answer.
            let mut intended = wait_until(base + wait, tier.arrival, clock).await;
            for number in 0.. {
                user.iterate(tier.iteration(vu, number, intended), &*recorder).await;
                let in_a_row = recorder.connect_failures_in_a_row();
                if in_a_row > 0 {
                    if in_a_row >= lost_after(tier.users) {
                        stop.stop(StopReason::TargetGone(format!(
                            "{in_a_row} connections in a row were refused or lost"
                        )));
                    }
                    tokio::time::sleep(BACK_OFF).await;
                }
                if clock.now() >= end {
                    break;
                }
                user.prepare().await;
                intended = clock.now();
            }
            (vu, user)
        });
    }
    let cancelled = finish_all(running, context.stop).await.err().unwrap_or(0);
    behaviour.after_round(0).await;
    cancelled
}

fn start_offset(arrival: Arrival, rng: &mut StdRng) -> Duration {
    match arrival {
        Arrival::Burst => Duration::ZERO,
        Arrival::Wave => rng.random_range(Duration::ZERO..WAVE),
    }
}

/// Waits for a start; the moment that counts as intended.
async fn wait_until(due: Duration, arrival: Arrival, clock: Clock) -> Duration {
    if arrival == Arrival::Burst {
        return due;
    }
    tokio::time::sleep_until(clock.instant(due).into()).await;
    let woke = clock.now();
    if woke < due + TIMER { woke } else { due }
}

fn prepare_all<U: VirtualUser + 'static>(users: Vec<(u32, U)>) -> JoinSet<(u32, U)> {
    let mut running = JoinSet::new();
    for (vu, mut user) in users {
        running.spawn_local(async move {
            user.prepare().await;
            (vu, user)
        });
    }
    running
}

/// Waits for all tasks; when the run is stopped, gives the rest up and says how many they were.
async fn finish_all<T: 'static>(mut running: JoinSet<T>, stop: &StopSignal) -> Result<Vec<T>, u64> {
    let mut done = Vec::with_capacity(running.len());
    let stopped = stop.stopped();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            biased;
            next = running.join_next() => match next {
                Some(result) => done.push(result.unwrap_or_else(|error| rethrow(error))),
                None => return Ok(done),
            },
            () = &mut stopped => return Err(running.len() as u64),
        }
    }
}

/// A panic in a user is a bug of ours; it must not pass for a missing sample.
fn rethrow(error: JoinError) -> ! {
    std::panic::resume_unwind(error.into_panic())
}

/// After so many lost connections in a row the target is gone: three times its users, at least three.
fn lost_after(users: u32) -> u32 {
    users.saturating_mul(3).max(3)
}

fn give_up(tier: Tier, context: &Context<'_>) -> bool {
    let in_a_row = context.recorder.connect_failures_in_a_row();
    if in_a_row >= lost_after(tier.users) {
        context.stop.stop(StopReason::TargetGone(format!("{in_a_row} connections in a row were refused or lost")));
    }
    context.stop.is_stopped()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Done, Fake, Log};
    use plimsoll_model::{FailureClass, Outcome};

    struct Ran {
        log: Vec<Done>,
        end: TierEnd,
        tally: crate::Tally,
        stop: StopSignal,
    }

    fn run(users: u32, repeat: Repeat, arrival: Arrival, outcome: Outcome, stop_after: Option<Duration>) -> Ran {
        let thread = shard(users, repeat, arrival, outcome, stop_after);
        thread.join().unwrap()
    }

    fn shard(
        users: u32,
        repeat: Repeat,
        arrival: Arrival,
        outcome: Outcome,
        stop_after: Option<Duration>,
    ) -> std::thread::JoinHandle<Ran> {
        crate::shard::spawn(move || async move {
            let clock = Clock::start();
            let log = Log::default();
            let fake = Fake { clock, takes: Duration::from_millis(20), outcome, log: Rc::clone(&log) };
            let (events, _listen) = tokio::sync::mpsc::unbounded_channel();
            let stop = StopSignal::default();
            if let Some(after) = stop_after {
                let stop = stop.clone();
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(after).await;
                    stop.stop(StopReason::Signal(2, "SIGINT"));
                });
            }
            let recorder = Rc::new(Recorder::new(None));
            let context = Context { clock, recorder: &recorder, stop: &stop, events: &events };
            let tier = Tier { users, repeat, arrival, timeout: Duration::from_secs(5), seed: 7 };
            let end = run_tier(tier, &fake, &context).await;
            let (tally, ..) = recorder.finish();
            Ran { log: log.take(), end, tally, stop }
        })
        .unwrap()
    }

    #[test]
    fn a_round_begins_when_the_last_user_of_the_one_before_is_done() {
        let ran = run(5, Repeat::Rounds(4), Arrival::Burst, Outcome::Ok, None);
        assert_eq!((ran.tally.ok, ran.end.cancelled), (20, 0));
        for round in 0..3 {
            let of = |number| ran.log.iter().filter(move |done| done.number == number).map(|done| done.sent);
            let (last, next) = (of(round).max().unwrap(), of(round + 1).min().unwrap());
            assert!(next >= last + Duration::from_millis(20), "round {round}: {last:?} {next:?}");
        }
    }

    #[test]
    fn a_wave_is_spread_over_half_a_second() {
        let ran = run(40, Repeat::Rounds(1), Arrival::Wave, Outcome::Ok, None);
        let starts: Vec<Duration> = ran.log.iter().map(|done| done.sent).collect();
        let spread = *starts.iter().max().unwrap() - *starts.iter().min().unwrap();
        assert!(spread > Duration::from_millis(350), "{spread:?}");
    }

    #[test]
    fn a_tier_that_lasts_has_no_barrier_and_ends() {
        let ran = run(3, Repeat::For(Duration::from_millis(300)), Arrival::Burst, Outcome::Ok, None);
        assert!(ran.tally.ok >= 15, "{}", ran.tally.ok);
        assert!(ran.end.elapsed >= Duration::from_millis(300) && ran.end.cancelled == 0);
    }

    #[test]
    fn a_stopped_tier_counts_what_it_gave_up() {
        let ran = run(4, Repeat::Rounds(1000), Arrival::Burst, Outcome::Ok, Some(Duration::from_millis(110)));
        assert!(ran.tally.ok >= 8 && ran.end.cancelled > 0, "{:?} {:?}", ran.tally.ok, ran.end);
    }

    #[test]
    fn a_dead_target_ends_the_tier() {
        let dead = Outcome::Failed(FailureClass::Connect);
        for repeat in [Repeat::Rounds(1000), Repeat::For(Duration::from_secs(60))] {
            let ran = run(2, repeat, Arrival::Burst, dead, None);
            assert!(matches!(ran.stop.reason(), Some(StopReason::TargetGone(_))));
            assert!(ran.tally.failed <= 8, "{}", ran.tally.failed);
        }
    }
}
