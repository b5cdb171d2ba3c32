//! The command line: what was typed becomes a plan, the plan becomes a run, and what came of it is printed.
//! Both programs, `plimsoll` and `hf-perftest`, are [`main`].

mod args;
mod console;
mod exit;
mod plan;
mod run;
mod schema;
mod signals;
mod skill;
mod watch;

use args::{Cli, Command};
use clap::{CommandFactory, FromArgMatches};
use console::Console;
use exit::{CliError, Exit};
use std::path::Path;
use std::process::ExitCode;

/// Runs the program under this name and says how it ended.
pub fn main(name: &'static str) -> ExitCode {
    let matches = Cli::command().name(name).bin_name(name).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let console = match &cli.command {
        Command::Run(args) => Console::new(args.quiet, args.json),
        _ => Console::new(false, false),
    };
    let result = match &cli.command {
        Command::Run(args) => run::run(args, name, &console),
        Command::ListApps => Ok(list_apps(name, &console)),
        Command::ResultSchema => {
            console.result(schema::RESULT_SCHEMA.trim_end());
            Ok(Exit::Ok)
        }
        Command::InstallSkill { targets } => install_skill(targets, &console),
    };
    match result {
        Ok(exit) => exit.code(),
        Err(error) => {
            console.error(&error.message);
            error.exit.code()
        }
    }
}

fn list_apps(name: &str, console: &Console) -> Exit {
    console.result("Built-in benchmark apps:\n");
    for app in plimsoll_lab::names() {
        console.result(&format!("  {app:<22} {}", plimsoll_lab::description(app).unwrap_or_default()));
    }
    console.result(&format!("\nUse with: {name} run --app <name>"));
    Exit::Ok
}

fn install_skill(targets: &[skill::SkillTarget], console: &Console) -> Result<Exit, CliError> {
    for installed in skill::install(Path::new("."), targets).map_err(CliError::usage)? {
        console.result(&format!("  {installed}"));
    }
    Ok(Exit::Ok)
}
