//! `ab`: two arms on this machine, run next to each other in pairs, and what their difference means.

pub(crate) mod args;
mod arms;
mod experiment;
mod order;
mod report;

use crate::compare::exit_of;
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::reports::publish_comparison;
use crate::run::{runtime, target};
use crate::signals::Signals;
use args::{AbArgs, Restart};
use arms::Arms;
use experiment::Experiment;
use plimsoll_results::{AbArm, AbFile, HostFacts, RunDir, RunState, Tool, comparison_table};
use serde_json::json;

pub(crate) fn run(args: &AbArgs, command: &str, console: &Console) -> Result<Exit, CliError> {
    let arms = arms::resolve(args)?;
    if args.target_mde.is_some() && args.max_pairs < args.pairs {
        return Err(CliError::usage(format!(
            "--max-pairs {} is less than --pairs {}, the fewest",
            args.max_pairs, args.pairs
        )));
    }
    if args.dry_run {
        return dry_run(args, &arms, console);
    }
    args.reports.check()?;
    for arm in [&arms.base, &arms.branch] {
        target::check(&arm.plan)?;
    }
    // Before signals are listened to: making an environment can take a minute and must be easy to end.
    for arm in [&arms.base, &arms.branch] {
        target::prepare(&arm.plan, console)?;
    }
    let dir = RunDir::create_experiment(&args.output_dir).map_err(CliError::usage)?;
    let file = file(args, &arms, command)?;
    file.write(&dir).map_err(CliError::internal)?;
    let runtime = runtime()?;
    let signals = {
        let _inside = runtime.enter();
        Signals::listen().map_err(CliError::internal)?
    };
    announce(&file, console);
    let mut experiment =
        Experiment { args, arms: &arms, command, console, dir, file, runtime, signals, comparison: None };
    let result = experiment.run();
    conclude(&mut experiment, result)
}

fn dry_run(args: &AbArgs, arms: &Arms, console: &Console) -> Result<Exit, CliError> {
    let seed = arms.base.plan.seed;
    let order: Vec<&str> = (1..=args.pairs)
        .map(|pair| if order::base_first(seed, pair) { "base first" } else { "branch first" })
        .collect();
    let plan = json!({
        "base": {"label": arms.base.label, "plan": arms.base.plan},
        "branch": {"label": arms.branch.label, "plan": arms.branch.plan},
        "differences": arms.differences,
        "pairs": order,
        "target_mde": args.target_mde,
        "max_pairs": args.target_mde.map(|_| args.max_pairs),
        "threshold": args.threshold,
        "restart": args.restart == Restart::Pair,
        "pause_seconds": args.pause.0.as_secs_f64(),
    });
    console.json(&serde_json::to_string_pretty(&plan).map_err(CliError::internal)?);
    Ok(Exit::Ok)
}

fn file(args: &AbArgs, arms: &Arms, command: &str) -> Result<AbFile, CliError> {
    let clock = plimsoll_model::Clock::start();
    // A run's manifest knows how to write a plan without credentials, and what time it is.
    let manifest = |arm: &arms::Arm| {
        plimsoll_results::RunManifest::start(command, &arm.plan, arm.plan.seed, &clock).map_err(CliError::internal)
    };
    let (base, branch) = (manifest(&arms.base)?, manifest(&arms.branch)?);
    Ok(AbFile {
        schema_version: AbFile::VERSION,
        tool: Tool { ..base.tool },
        command: command.to_owned(),
        started_at: base.started_at,
        ended_at: None,
        state: RunState::Running,
        partial_reason: None,
        host: HostFacts::read(),
        seed: base.seed,
        base: AbArm { label: arms.base.label.clone(), plan: base.plan },
        branch: AbArm { label: arms.branch.label.clone(), plan: branch.plan },
        differences: arms.differences.clone(),
        pairs_asked: args.pairs,
        target_mde: args.target_mde,
        max_pairs: args.target_mde.map(|_| args.max_pairs),
        restart: args.restart == Restart::Pair,
        pause_seconds: args.pause.0.as_secs_f64(),
        threshold: args.threshold,
        pairs: Vec::new(),
    })
}

fn announce(file: &AbFile, console: &Console) {
    console.note(&format!("Base:   {}", file.base.label));
    console.note(&format!("Branch: {}", file.branch.label));
    if file.differences.is_empty() {
        console.note("Nothing differs: an A/A test, which shows how much two runs of the same app differ here");
    }
    let pairs = match (file.target_mde, file.max_pairs) {
        (Some(target), Some(most)) => {
            format!("{} to {most} pairs, until effects of ±{:.1}% would be seen", file.pairs_asked, target * 100.0)
        }
        _ => format!("{} pairs", file.pairs_asked),
    };
    console.note(&format!("{pairs}, seed {}", file.seed));
}

/// Writes how it ended, and shows what there is.
fn conclude(experiment: &mut Experiment<'_>, result: Result<(), CliError>) -> Result<Exit, CliError> {
    let reason = result.as_ref().err().map(|error| error.message.clone());
    experiment.end(reason.as_deref());
    experiment.dir.free_reserve();
    let (args, console) = (experiment.args, experiment.console);
    let written = experiment.write();
    if let Some(comparison) = &experiment.comparison {
        if args.json {
            console.json(&serde_json::to_string_pretty(comparison).map_err(CliError::internal)?);
        } else {
            console.result(&format!("\n{}", comparison_table(comparison).trim_end()));
        }
    }
    let exit = experiment.comparison.as_ref().map(|comparison| {
        let exit = result.as_ref().map_or_else(|error| error.exit, |()| exit_of(comparison, args.exit_zero));
        publish_comparison(comparison, &args.reports, exit, console)
    });
    if let Some(reason) = &reason {
        console.note(&format!("\nPARTIAL: {reason}"));
    }
    console.note(&format!("\nResults saved to {}", experiment.dir.path().display()));
    result?;
    written?;
    exit.ok_or_else(|| CliError::internal("no pair was measured"))
}
