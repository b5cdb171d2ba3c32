//! What the main thread does while the measuring threads work: show what they tell, and pass on the user's signals.

use crate::exit::{CliError, Exit};
use crate::signals::Signals;
use plimsoll_engine::{RunEvent, StopReason, StopSignal};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How often we look whether something else has happened.
const LOOK: Duration = Duration::from_millis(100);

/// Shows events until those who send them have no more to tell. `look` is asked now and then for a reason to stop. An
/// error means: end at once.
pub(crate) async fn watch(
    heard: &mut UnboundedReceiver<RunEvent>,
    signals: &mut Signals,
    stop: &StopSignal,
    mut show: impl FnMut(&RunEvent),
    mut look: impl FnMut() -> Option<StopReason>,
) -> Result<(), CliError> {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut interrupted = false;
    let mut told = false;
    loop {
        if let Some(reason) = stop.reason().filter(|_| !told) {
            told = true;
            show(&RunEvent::Stopped { reason: reason.to_string() });
        }
        tokio::select! {
            event = heard.recv() => match event {
                Some(event) => show(&event),
                None => return Ok(()),
            },
            (number, name) = signals.next() => {
                if interrupted {
                    let message = format!("interrupted twice by {name}; the last samples may be missing");
                    return Err(CliError { exit: Exit::Signal(number), message });
                }
                interrupted = true;
                stop.stop(StopReason::Signal(number, name));
            }
            _ = ticks.tick() => {
                if let Some(reason) = look() {
                    stop.stop(reason);
                }
            }
        }
    }
}
