//! OpenAI-compatible servers: bodies of requests, and how their answers are read.

mod body;
mod message;
mod reading;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use body::{ModelCall, Turn};
pub(super) use message::Usage;
pub(super) use reading::Reading;
pub(super) use stream::StreamReader;

pub use stream::read_cut;

/// What a generating server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
    /// `/v1/responses`
    Responses,
    /// The text generation of Hugging Face, which is TGI's.
    Generate,
}
