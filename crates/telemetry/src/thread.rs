//! What the threads of this crate share.

use crate::Snapshot;
use plimsoll_model::Redactor;
use std::sync::{Arc, Mutex, PoisonError};

/// Lets measuring threads go before the calling one where there is no core for each.
pub(crate) fn step_back() {
    // On other systems niceness belongs to the whole process. A refusal changes nothing.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(10);
}

/// The newest snapshot. Who makes it never waits for who reads it.
#[derive(Debug, Default)]
pub struct Latest(Mutex<Option<Arc<Snapshot>>>);

impl Latest {
    /// Replaces it.
    pub fn set(&self, snapshot: Snapshot) {
        let snapshot = Some(Arc::new(snapshot));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// The newest one, once there is one.
    pub fn get(&self) -> Option<Arc<Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Takes warnings from a thread. Secrets are taken out of them.
#[derive(Clone)]
pub struct Told {
    to: Arc<dyn Fn(String) + Send + Sync>,
    redactor: Redactor,
}

impl Told {
    /// Hands each warning to `to`.
    pub fn new(to: impl Fn(String) + Send + Sync + 'static, redactor: Redactor) -> Self {
        Self { to: Arc::new(to), redactor }
    }

    pub(crate) fn warn(&self, message: String) {
        (self.to)(self.redactor.clean(&message));
    }
}
