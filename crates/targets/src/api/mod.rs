//! HTTP APIs: Hugging Face's tasks, OpenAI-compatible servers, and any other.

pub mod data;
pub mod hf_task;
pub mod trace;

mod check;
mod compile;
mod deadline;
mod exchange;
mod failure;
mod limits;
mod openai;
mod planned;
mod probe;
mod scope;
mod step;
mod template;
#[cfg(test)]
mod tests;
mod user;
mod vectors;

pub use openai::{Dialect, read_cut};
pub use planned::ApiPlanned;
pub use probe::Probed;
pub use user::{ApiBehaviour, ApiUser};
