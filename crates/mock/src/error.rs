//! What can stop the server from starting.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The configuration contradicts itself or cannot be read.
    #[error("configuration of the mock server: {0}")]
    Config(String),
    /// The address cannot be listened on, most often because another program has the port.
    #[error("cannot listen on {address}: {}", listen_reason(.source))]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The truth file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Truth {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused something that an event loop needs.
    #[error("cannot start an event loop: {0}")]
    System(#[from] io::Error),
}

fn listen_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program uses this port".to_owned(),
        _ => error.to_string(),
    }
}
