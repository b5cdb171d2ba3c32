//! Waiting for the moments at which arrivals are due.
//!
//! Never by the runtime's own timer: it ticks each millisecond, so at 30,000 arrivals a second it releases 30 at a time,
//! and the target is measured under bursts that its users do not make.

use plimsoll_model::Clock;
use std::io;
use std::time::Duration;

/// Wakes closer together than this are one wake: each costs the shard some microseconds.
const NEAR: Duration = Duration::from_micros(50);
/// The same for high rates, where wakes would take a core of their own.
const NEAR_WHEN_FAST: Duration = Duration::from_micros(120);
/// What a high rate is, in arrivals a second on this shard.
const FAST: f64 = 5_000.0;

/// Waits for due times, one after another. Lives on a shard.
pub struct Pacer {
    clock: Clock,
    timer: timer::Timer,
    window: Duration,
    last_wake: Duration,
}

impl Pacer {
    /// A pacer for about so many arrivals a second.
    ///
    /// # Errors
    /// When the system gives no timer.
    pub fn new(clock: Clock, rate: f64) -> io::Result<Self> {
        let window = if rate > FAST { NEAR_WHEN_FAST } else { NEAR };
        Ok(Self { clock, timer: timer::Timer::new()?, window, last_wake: Duration::ZERO })
    }

    /// Waits until this moment of the run's clock; not at all if it is over. It may come late by the time within which
    /// wakes are taken together.
    pub async fn until(&mut self, due: Duration) {
        loop {
            let now = self.clock.now();
            if now >= due {
                return;
            }
            let wake = due.max(self.last_wake + self.window);
            self.timer.wait(wake.saturating_sub(now)).await;
            self.last_wake = self.clock.now();
        }
    }
}

#[cfg(target_os = "linux")]
mod timer {
    //! `timerfd_create(2)`: as exact as the kernel's high-resolution timers, and one more descriptor in the loop.

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    };
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that may give up their descriptor; an OwnedFd does not"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            AsyncFd::with_interest(timer, Interest::READABLE).map(Self)
        }

        pub(super) async fn wait(&self, time: Duration) {
            // Zero would switch the timer off.
            let time = time.max(Duration::from_nanos(1));
            let value = Timespec {
                tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(time.subsec_nanos()),
            };
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
            if timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once).is_err() {
                // Cannot happen with these arguments; a late arrival is measured and reported.
                return tokio::time::sleep(time).await;
            }
            if let Ok(mut ready) = self.0.readable().await {
                let _ = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0u8; 8])?));
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    //! A thread that sleeps: the operating system's sleep is finer than the runtime's.

    use std::io;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::sync::oneshot;

    pub(super) struct Timer(mpsc::Sender<(Duration, oneshot::Sender<()>)>);

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            let (sender, orders) = mpsc::channel::<(Duration, oneshot::Sender<()>)>();
            std::thread::Builder::new().name("pacer".to_owned()).spawn(move || {
                for (time, done) in orders {
                    std::thread::sleep(time);
                    // Nobody waits any more: nothing to tell.
                    let _ = done.send(());
                }
            })?;
            Ok(Self(sender))
        }

        pub(super) async fn wait(&self, time: Duration) {
            let (done, woken) = oneshot::channel();
            if self.0.send((time, done)).is_ok() {
                let _ = woken.await;
            } else {
                tokio::time::sleep(time).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakes_in_order_and_never_early() {
        let thread = crate::shard::spawn(|| async {
            let clock = Clock::start();
            let mut pacer = Pacer::new(clock, 1000.0).unwrap();
            for step in 1..=50u32 {
                let due = Duration::from_micros(700) * step;
                pacer.until(due).await;
                assert!(clock.now() >= due);
            }
            // Long over: no wait at all.
            pacer.until(Duration::ZERO).await;
            clock.now()
        });
        let took = thread.unwrap().join().unwrap();
        // 35 ms of waits; with the runtime's timer, rounded up each time, it would be at least 50.
        assert!(took >= Duration::from_millis(35), "{took:?}");
    }
}
