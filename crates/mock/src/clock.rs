//! The clock that everything is stamped with, and the wake-up that sleeps on it.

use std::time::{SystemTime, UNIX_EPOCH};

/// The raw value of `CLOCK_MONOTONIC` in nanoseconds: every process of the machine reads the same clock, so a client
/// can put its own stamps beside ours.
#[cfg(unix)]
pub(crate) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Elsewhere, nanoseconds since the first look: no other process can share that.
#[cfg(not(unix))]
pub(crate) fn now() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let age = START.get_or_init(std::time::Instant::now).elapsed();
    u64::try_from(age.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX))
}

/// Seconds since the Unix epoch, for the `created` field of answers.
pub(crate) fn unix_seconds() -> u64 {
    unix_now() / 1_000_000_000
}

/// Wakes an event loop at a time of [`now`]. A poll timeout counts in whole milliseconds; this does not.
#[cfg(target_os = "linux")]
pub(crate) struct Alarm {
    descriptor: rustix::fd::OwnedFd,
    armed: u64,
}

#[cfg(target_os = "linux")]
impl Alarm {
    /// An alarm that wakes `registry`'s loop with an event of `token`.
    pub(crate) fn new(registry: &mio::Registry, token: mio::Token) -> std::io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // Edge-triggered, as all of mio is: every expiry is an edge, so the descriptor never has to be read.
        let raw = descriptor.as_raw_fd();
        registry.register(&mut mio::unix::SourceFd(&raw), token, mio::Interest::READABLE)?;
        Ok(Self { descriptor, armed: u64::MAX })
    }

    /// Sets the alarm to `at` and says how long the poll may wait: for ever, the alarm ends it.
    pub(crate) fn arm(&mut self, at: Option<u64>) -> Option<std::time::Duration> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        if let Some(at) = at
            && at != self.armed
        {
            let nanos = at.max(1);
            let value = Timespec { tv_sec: (nanos / 1_000_000_000) as _, tv_nsec: (nanos % 1_000_000_000) as _ };
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let setting = Itimerspec { it_interval: zero, it_value: value };
            if timerfd_settime(&self.descriptor, TimerfdTimerFlags::ABSTIME, &setting).is_err() {
                return Some(std::time::Duration::from_millis(1));
            }
            self.armed = at;
        }
        None
    }
}

/// Elsewhere the poll's own timeout must do, in whole milliseconds.
#[cfg(not(target_os = "linux"))]
pub(crate) struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    /// Nothing to register.
    pub(crate) fn new(_: &mio::Registry, _: mio::Token) -> std::io::Result<Self> {
        Ok(Self)
    }

    /// How long the poll may wait.
    pub(crate) fn arm(&mut self, at: Option<u64>) -> Option<std::time::Duration> {
        at.map(|at| std::time::Duration::from_nanos(at.saturating_sub(now())))
    }
}
