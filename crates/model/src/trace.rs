//! One request of a recorded trace.

use std::time::Duration;

/// A request as a trace recorded it. What the trace does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceRequest {
    /// When, from the start of the replay.
    pub at: Duration,
    /// Tokens of the input.
    pub input_tokens: Option<u32>,
    /// Tokens of the output.
    pub output_tokens: Option<u32>,
    /// Names of the blocks that make up the input: requests that share leading blocks share that much of their prompts.
    pub blocks: Vec<u64>,
    /// Tokens of one block; 0 without blocks.
    pub block_tokens: u32,
    /// The conversation it belongs to.
    pub session: Option<Box<str>>,
    /// Name of the scenario's request to send; drawn by weight when absent.
    pub request: Option<Box<str>>,
}
