//! End-to-end tests: the programs as a user calls them, against real Gradio apps, the stand-in inference server and
//! real model servers.
//!
//! The first test that needs Gradio makes its environment in the target folder's cache; the others wait for it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers are test code too; clippy sees that only in tests"
)]

mod ab;
mod api;
mod apps;
mod ci_examples;
mod cli;
mod compare;
mod compat;
mod faults;
mod nginx;
mod report;
mod rules;
mod secrets;
mod support;
mod versions;
