//! Runs the stand-in server until it is interrupted: `cargo run --release -p plimsoll-mock --example serve -- --help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example's whole interface")]

use clap::Parser;
use plimsoll_mock::{Mock, MockArgs};
use std::process::ExitCode;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: MockArgs,
}

fn main() -> ExitCode {
    let started = Cli::parse().args.config().and_then(|config| Mock::start(config).map_err(|error| error.to_string()));
    match started {
        Ok(mock) => {
            println!("listening on http://{}", mock.address());
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
