//! Scenarios from their text to what goes over the wire.

mod compiling;
mod drawing;
mod sockets;
mod support;
