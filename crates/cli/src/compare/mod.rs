//! `compare` and `history`: what runs that were made earlier say together.

pub(crate) mod args;
mod history;

pub(crate) use history::history;

use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::reports::publish_comparison;
use args::CompareArgs;
use plimsoll_results::{
    AbFile, CompareOptions, ComparisonOutcome, LoadedRun, ResultsError, RunComparison, RunState, comparison_table,
    find_runs, load_run, pair_of,
};
use std::path::{Path, PathBuf};

/// The directories of the base's runs, and of the branch's.
type Paths = (Vec<PathBuf>, Vec<PathBuf>);

/// Two sides, and whether run `i` of one belongs to run `i` of the other.
struct Sides {
    base: Vec<LoadedRun>,
    branch: Vec<LoadedRun>,
    paired: bool,
    warnings: Vec<String>,
    /// The experiment that they are of.
    experiment: Option<AbFile>,
}

pub(crate) fn compare(args: &CompareArgs, console: &Console) -> Result<Exit, CliError> {
    args.reports.check()?;
    let sides = sides(args)?;
    let options = CompareOptions { threshold: args.threshold, metrics: args.metric.clone() };
    let mut comparison =
        plimsoll_results::compare(&sides.base, &sides.branch, sides.paired, &options).map_err(CliError::usage)?;
    comparison.warnings.splice(0..0, sides.warnings);
    if let Some(file) = &sides.experiment {
        name_arms(&mut comparison, file);
    }
    if args.json {
        console.json(&serde_json::to_string_pretty(&comparison).map_err(CliError::internal)?);
    } else {
        console.result(comparison_table(&comparison).trim_end());
    }
    Ok(publish_comparison(&comparison, &args.reports, exit_of(&comparison, args.exit_zero), console))
}

/// The arms and their difference as their experiment calls them.
pub(crate) fn name_arms(comparison: &mut RunComparison, file: &AbFile) {
    comparison.base.label.clone_from(&file.base.label);
    comparison.branch.label.clone_from(&file.branch.label);
    comparison.differences = match file.differences.as_slice() {
        [] => vec!["nothing: an A/A test".to_owned()],
        differences => differences.to_vec(),
    };
}

/// How a comparison ends.
pub(crate) fn exit_of(comparison: &RunComparison, exit_zero: bool) -> Exit {
    match comparison.outcome {
        _ if exit_zero => Exit::Ok,
        ComparisonOutcome::Regression => Exit::Regression,
        ComparisonOutcome::TooFewRuns => Exit::Inconclusive,
        ComparisonOutcome::Improvement | ComparisonOutcome::NoRegression => Exit::Ok,
    }
}

fn sides(args: &CompareArgs) -> Result<Sides, CliError> {
    // Without `--`, two folders are one of each, and one can be an experiment.
    let (base, branch) = match (args.base.as_slice(), args.branch.as_slice()) {
        ([one], []) => return experiment(one, args),
        ([base, branch], []) => (std::slice::from_ref(base), std::slice::from_ref(branch)),
        (_, []) => {
            return Err(CliError::usage(
                "which of these runs are the branch's? Put `--` before them: plimsoll compare BASE… -- BRANCH…",
            ));
        }
        (base, branch) => (base, branch),
    };
    let (mut base, mut branch) = (dirs(base)?, dirs(branch)?);
    let mut paired = args.paired;
    if !paired && let Some(pairs) = pairs(&base, &branch)? {
        (base, branch) = pairs;
        paired = true;
    }
    let load = |dirs: &[PathBuf]| -> Result<Vec<_>, _> {
        dirs.iter().map(|dir| load_run(dir).map_err(CliError::usage)).collect()
    };
    Ok(Sides { base: load(&base)?, branch: load(&branch)?, paired, warnings: Vec::new(), experiment: None })
}

fn experiment(dir: &Path, args: &CompareArgs) -> Result<Sides, CliError> {
    let Some(file) = AbFile::read(dir).map_err(CliError::usage)? else {
        let known = if dir.is_dir() { "holds no ab.json" } else { "is no folder" };
        return Err(CliError::usage(format!(
            "{} {known}; give the two sides: plimsoll compare BASE… -- BRANCH…",
            dir.display()
        )));
    };
    if args.paired && file.pairs.is_empty() {
        return Err(CliError::usage(format!("{}: no pair was begun", dir.display())));
    }
    let (base, branch) = file.runs(dir).map_err(CliError::usage)?;
    if base.is_empty() {
        return Err(CliError::usage(format!("{}: the experiment ended before its first pair was done", dir.display())));
    }
    let mut warnings = Vec::new();
    if file.state != RunState::Complete {
        let why = file.partial_reason.as_deref().unwrap_or("it still goes on, or was killed");
        warnings.push(format!("the experiment is partial: {why}"));
    }
    Ok(Sides { base, branch, paired: true, warnings, experiment: Some(file) })
}

/// Every run at or below these folders.
fn dirs(given: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut all = Vec::new();
    for dir in given {
        if AbFile::read(dir).map_err(CliError::usage)?.is_some() {
            return Err(CliError::usage(format!(
                "{} is an experiment with both sides in it; compare it alone, or name its runs",
                dir.display()
            )));
        }
        let found = find_runs(dir).map_err(CliError::usage)?;
        if found.is_empty() {
            return Err(CliError::usage(ResultsError::NotARun { dir: dir.clone() }));
        }
        all.extend(found);
    }
    Ok(all)
}

/// The sides in order of their pairs, when all runs are pairs of one experiment.
fn pairs(base: &[PathBuf], branch: &[PathBuf]) -> Result<Option<Paths>, CliError> {
    let numbered = |dirs: &[PathBuf]| -> Result<Option<Vec<_>>, CliError> {
        let pairs: Result<Vec<_>, _> = dirs.iter().map(|dir| pair_of(dir)).collect();
        let pairs: Option<Vec<_>> = pairs.map_err(CliError::usage)?.into_iter().collect();
        Ok(pairs.map(|pairs| {
            let mut sorted: Vec<_> = pairs.into_iter().zip(dirs.iter().cloned()).collect();
            sorted.sort();
            sorted
        }))
    };
    let (Some(base), Some(branch)) = (numbered(base)?, numbered(branch)?) else { return Ok(None) };
    let same = base.iter().map(|(pair, _)| pair).eq(branch.iter().map(|(pair, _)| pair));
    let paths = |side: Vec<(_, PathBuf)>| side.into_iter().map(|(_, dir)| dir).collect();
    Ok(same.then(|| (paths(base), paths(branch))))
}
