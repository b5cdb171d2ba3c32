//! One monotonic time line for a run, tied once to the wall clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The run's time line. Every stamp in a run is a [`Duration`] since [`Clock::start`] was called, so stamps of
/// different connections and threads can be subtracted from each other.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: Instant,
    wall_epoch: SystemTime,
}

impl Clock {
    /// Starts the time line now.
    pub fn start() -> Self {
        Self { epoch: Instant::now(), wall_epoch: SystemTime::now() }
    }

    /// Time since the start of the run.
    #[inline]
    pub fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// The instant at which a stamp lies, for timers.
    pub fn instant(&self, stamp: Duration) -> Instant {
        self.epoch + stamp
    }

    /// Seconds since the Unix epoch of a stamp, to set it beside a server's `time.time()` on the same machine.
    pub fn unix_seconds(&self, stamp: Duration) -> f64 {
        let wall = self.wall_epoch + stamp;
        wall.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }

    /// The wall clock at the start of the run.
    pub fn wall_start(&self) -> SystemTime {
        self.wall_epoch
    }
}
