//! What somebody who looks at a run may do to it.

use plimsoll_engine::{EventSink, RunEvent, StopReason, StopSignal};
use plimsoll_model::Redactor;
use plimsoll_web::Actions;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::sync::mpsc::WeakUnboundedSender;

/// Notes that one run takes: a page with more can be read by nobody, and a script that went wild must not fill a disk.
const MOST_NOTES: u32 = 1000;

/// Stopping and writing beside. Clones do the same.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Inner>);

struct Inner {
    stop: StopSignal,
    redactor: Redactor,
    /// Where events go while there is load; who watches must not be kept waiting by us.
    events: Mutex<Option<WeakUnboundedSender<RunEvent>>>,
    notes: Mutex<u32>,
    over: AtomicBool,
    leave: Notify,
}

impl Hands {
    pub(super) fn new(stop: StopSignal, redactor: Redactor) -> Self {
        Self(Arc::new(Inner {
            stop,
            redactor,
            events: Mutex::default(),
            notes: Mutex::default(),
            over: AtomicBool::new(false),
            leave: Notify::new(),
        }))
    }

    /// Load begins, and these are its events.
    pub(super) fn listen(&self, events: &EventSink) {
        *self.0.events.lock().unwrap_or_else(PoisonError::into_inner) = Some(events.downgrade());
    }

    /// The run is over.
    pub(super) fn over(&self) {
        self.0.over.store(true, Ordering::Relaxed);
    }

    /// Waits until somebody who looks at a run that is over wants its page gone.
    pub(super) async fn left(&self) {
        self.0.leave.notified().await;
    }
}

impl Actions for Hands {
    fn stop(&self) {
        if self.0.over.load(Ordering::Relaxed) {
            self.0.leave.notify_one();
        } else {
            self.0.stop.stop(StopReason::Asked("on the live page"));
        }
    }

    fn annotate(&self, text: &str) -> bool {
        let events = self.0.events.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(events) = events.as_ref().and_then(WeakUnboundedSender::upgrade) else { return false };
        let mut notes = self.0.notes.lock().unwrap_or_else(PoisonError::into_inner);
        *notes += 1;
        *notes <= MOST_NOTES && events.send(RunEvent::Annotation { text: self.0.redactor.clean(text) }).is_ok()
    }
}
