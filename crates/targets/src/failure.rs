//! What a failure on the wire is to those who read results.

use plimsoll_model::FailureClass;
use plimsoll_wire::{ErrorKind, WireError};

/// The class of a request that got no complete answer.
pub(crate) fn class_of(error: &WireError) -> FailureClass {
    match error.kind {
        ErrorKind::Connect | ErrorKind::Lost => FailureClass::Connect,
        ErrorKind::Protocol => FailureClass::Protocol,
    }
}
