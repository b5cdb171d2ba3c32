//! The project's own chores: `cargo xtask ci`, `cargo xtask bench` and `cargo xtask hf-tasks`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod bench;
mod child;
mod ci;
mod hf_tasks;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// What goes wrong here is told to a developer and ends the program: a sentence is enough.
type Result<T> = std::result::Result<T, String>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Formatting, lints, documentation, tests: stops at the first that fails
    Ci,
    /// Measures Plimsoll beside its peers on this machine
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Takes the shapes of Hugging Face's tasks anew from its npm package; needs npm and tar
    HfTasks,
}

fn main() -> ExitCode {
    let result = match Cli::parse().chore {
        Chore::Ci => ci::run().map(|()| ExitCode::SUCCESS),
        Chore::Bench(bench) => bench::run(&bench),
        Chore::HfTasks => hf_tasks::run().map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The cargo that runs us.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// The repository's root: the folder above this package, or the current one when started without cargo.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .and_then(|folder| folder.parent().map(PathBuf::from))
        .unwrap_or_else(|| ".".into())
}
