//! Stopping a run early, from any thread. The first reason counts.

use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// Why a run was stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// The user's signal: its number and name.
    Signal(i32, &'static str),
    /// Somebody asked for it, at this place: `on the live page`.
    Asked(&'static str),
    /// The app that we started ended by itself.
    AppDied(String),
    /// Every request is refused: the credentials are wrong, or an allowance is used up.
    Refused(String),
    /// A threshold that ends the run was broken.
    Threshold(String),
    /// Nothing answers any more.
    TargetGone(String),
    /// The results cannot be written.
    CannotWrite(String),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(_, name) => write!(f, "interrupted by {name}"),
            Self::Asked(place) => write!(f, "asked for {place}"),
            Self::AppDied(how) => write!(f, "the app ended in the middle of the run: {how}"),
            Self::Refused(how) => write!(f, "the target refuses every request: {how}"),
            Self::Threshold(rule) => write!(f, "the threshold `{rule}` is broken"),
            Self::TargetGone(how) => write!(f, "the target no longer answers: {how}"),
            Self::CannotWrite(why) => write!(f, "the results cannot be written: {why}"),
        }
    }
}

/// A flag that everybody in a run watches.
#[derive(Debug, Clone)]
pub struct StopSignal {
    state: Arc<watch::Sender<Option<StopReason>>>,
}

impl Default for StopSignal {
    fn default() -> Self {
        Self { state: Arc::new(watch::Sender::new(None)) }
    }
}

impl StopSignal {
    /// Stops the run, unless it was stopped before.
    pub fn stop(&self, reason: StopReason) {
        self.state.send_if_modified(|state| {
            let first = state.is_none();
            if first {
                *state = Some(reason);
            }
            first
        });
    }

    /// Why the run was stopped, if it was.
    pub fn reason(&self) -> Option<StopReason> {
        self.state.borrow().clone()
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.state.borrow().is_some()
    }

    /// Waits until it is stopped.
    pub async fn stopped(&self) {
        let mut watcher = self.state.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = watcher.wait_for(Option::is_some).await;
    }
}
