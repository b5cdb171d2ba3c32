//! What a virtual user does in one iteration, for each kind of target. One protocol adapter per module; they know
//! their protocol and nothing of load.

pub mod api;
mod failure;
pub mod gradio;
mod user;

pub use user::{Behaviour, Iteration, Record, VirtualUser};
