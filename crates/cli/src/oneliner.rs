//! STAND-IN until the real file is written.
use crate::exit::CliError;
use plimsoll_model::scenario::Scenario;
use std::path::Path;
#[derive(Debug, clap::Args)]
pub(crate) struct TaskArgs {}
#[derive(Debug, clap::Args)]
pub(crate) struct ChatArgs {}
#[derive(Debug, clap::Args)]
pub(crate) struct HttpArgs {}
pub(crate) trait AsScenario: clap::Args {
    fn scenario(&self) -> Result<Scenario, CliError>;
    fn save(&self) -> Option<&Path>;
}
macro_rules! imp { ($($t:ty),*) => { $(impl AsScenario for $t { fn scenario(&self) -> Result<Scenario, CliError> { Err(CliError::usage("no")) } fn save(&self) -> Option<&Path> { None } })* } }
imp!(TaskArgs, ChatArgs, HttpArgs);
