//! Load tests and benchmarks of what AI teams serve.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll::main("plimsoll")
}
