//! The page of a run: served while the run goes on.

mod live;

pub use live::{Actions, DEFAULT_PORT, Feed, LONGEST_NOTE, Listener, LiveServer, WebAddress, WebError};
