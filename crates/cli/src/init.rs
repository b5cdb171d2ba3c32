//! STAND-IN until the real file is written.
use crate::console::Console;
use crate::exit::{CliError, Exit};
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {}
pub(crate) fn run(_: &InitArgs, _: &Console) -> Result<Exit, CliError> { Err(CliError::usage("no")) }
