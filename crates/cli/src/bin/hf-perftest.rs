//! The same program under the name of the tool whose command lines it takes unchanged.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll::main("hf-perftest")
}
