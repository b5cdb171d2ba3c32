//! The command line: what was typed becomes a plan, the plan becomes a run, and what came of it is printed.
//! Both programs, `plimsoll` and `hf-perftest`, are [`main`].

mod ab;
mod api;
mod args;
mod args_export;
mod compare;
mod console;
mod exit;
mod export;
mod init;
mod live;
mod mock;
mod oneliner;
mod page;
mod plan;
mod report_args;
mod reports;
mod run;
mod schema;
mod signals;
mod skill;
mod tap;
mod telemetry;
mod watch;

use api::prepare::Source;
use args::{Cli, Command, OneLiner, RunArgs, Warmup};
use clap::{CommandFactory, FromArgMatches};
use console::Console;
use exit::{CliError, Exit};
use oneliner::AsScenario;
use plimsoll_model::Span;
use plimsoll_scenario::Overrides;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Runs the program under this name and says how it ended.
pub fn main(name: &'static str) -> ExitCode {
    let matches = Cli::command().name(name).bin_name(name).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let output = match &cli.command {
        Command::Run(args) => Some(&args.output),
        Command::Task(args) => Some(&args.output),
        Command::Chat(args) => Some(&args.output),
        Command::Http(args) => Some(&args.output),
        Command::Capacity(args) => Some(&args.output),
        _ => None,
    };
    let (quiet, json) = match &cli.command {
        Command::Doctor(args) => (false, args.json),
        Command::Ab(args) => (args.quiet, args.json),
        Command::Compare(args) => (false, args.json),
        Command::History(args) => (false, args.json),
        Command::Report(args) => (false, args.json),
        // Standard output may be the table itself.
        Command::Export(_) => (false, true),
        _ => output.map_or((false, false), |output| (output.quiet, output.json)),
    };
    let console = Console::new(quiet, json);
    let result = match &cli.command {
        Command::Run(args) => match &args.scenario {
            Some(path) => run_scenario(path, args, name, &console),
            None => run::run(args, name, &console),
        },
        Command::Task(args) => one_liner(args, name, &console),
        Command::Chat(args) => one_liner(args, name, &console),
        Command::Http(args) => one_liner(args, name, &console),
        Command::Capacity(args) => api::capacity::run(args, name, &console),
        Command::Report(args) => page::run(args, &console),
        Command::Export(args) => export::run(args, &console),
        Command::Ab(args) => ab::run(args, name, &console),
        Command::Compare(args) => compare::compare(args, &console),
        Command::History(args) => compare::history(args, &console),
        Command::Init(args) => init::run(args, &console),
        Command::Check(args) => api::check::run(args, &console),
        Command::ScenarioSchema => {
            console.result(plimsoll_scenario::schema().trim_end());
            Ok(Exit::Ok)
        }
        Command::Mock(args) => mock::run(args, &console),
        Command::Doctor(args) => api::doctor::run(args, &console),
        Command::ListApps => Ok(list_apps(name, &console)),
        Command::ResultSchema => {
            console.result(schema::RESULT_SCHEMA.trim_end());
            Ok(Exit::Ok)
        }
        Command::InstallSkill { targets } => install_skill(targets, &console),
    };
    match result {
        Ok(exit) if output.is_some_and(|output| output.exit_zero) => exit.forgiven().code(),
        Ok(exit) => exit.code(),
        Err(error) => {
            console.error(&error.message);
            error.exit.code()
        }
    }
}

fn run_scenario(path: &Path, args: &RunArgs, name: &str, console: &Console) -> Result<Exit, CliError> {
    let warmup = match args.warmup {
        None => None,
        Some(Warmup::Time(time)) => Some(Span(time)),
        Some(Warmup::Rounds(_)) => {
            return Err(CliError::usage("--warmup: for a scenario give a time, for example 10s"));
        }
    };
    let overrides = Overrides {
        url: args.url.clone(),
        users: args.users,
        spawn_rate: args.spawn_rate,
        run_time: args.run_time,
        rate: args.rate,
        iterations: args.iterations,
        warmup,
        seed: args.seed,
        thresholds: args.threshold.clone(),
        aborting: args.threshold_abort.clone(),
        max_users: args.max_users,
        timeout: args.request_timeout.map(Span),
    };
    api::run::run(&Source::read(path)?, &overrides, &args.output, name, console)
}

fn one_liner<T: AsScenario>(args: &OneLiner<T>, name: &str, console: &Console) -> Result<Exit, CliError> {
    let source = Source::of_command_line(args.what.scenario()?);
    match args.what.save() {
        Some(path) => {
            // What somebody has worked on since is not written over.
            std::fs::File::create_new(path)
                .and_then(|mut file| file.write_all(source.text().as_bytes()))
                .map_err(|error| CliError::usage(format!("--save {}: {error}", path.display())))?;
            console.note(&format!("The scenario is saved as {}", path.display()));
        }
        None => console.note(&format!("This command line stands for the scenario:\n\n{}", source.text().trim_end())),
    }
    api::run::run(&source, &Overrides::default(), &args.output, name, console)
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
