//! What can go wrong between us and the server.

use std::fmt;
use std::io;

/// A request that got no complete answer.
#[derive(Debug)]
pub struct WireError {
    /// What kind of trouble.
    pub kind: ErrorKind,
    message: String,
}

/// Kinds of trouble on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection could be made (DNS, refused, TLS).
    Connect,
    /// The connection ended before the answer was complete.
    Lost,
    /// What came was not HTTP, or more than we take.
    Protocol,
}

impl WireError {
    pub(crate) fn connect(host: &str, error: &io::Error) -> Self {
        Self { kind: ErrorKind::Connect, message: format!("cannot connect to {host}: {}", plain(error)) }
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Protocol, message: message.into() }
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::protocol(format!("the answer is larger than {limit} bytes"))
    }

    pub(crate) fn lost(error: &io::Error) -> Self {
        let message = format!("connection lost before the answer was complete: {}", plain(error));
        Self { kind: ErrorKind::Lost, message }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for WireError {}

/// An I/O error without the operating system's number: `Connection refused`, not `Connection refused (os error 111)`.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
