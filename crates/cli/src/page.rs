//! `report`: the page of runs that are over. And the page that every run leaves.

use crate::args::PageArgs;
use crate::console::Console;
use crate::exit::{CliError, Exit};
use plimsoll_results::page::{PageComparison, PageData, PageOverlay};
use plimsoll_results::{AbFile, CompareOptions, LoadedRun, Refolded, ResultsError, RunDir, compare, find_runs, refold};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The page of a run, in its directory.
const FILE: &str = "report.html";

/// Most runs that are named when a folder holds several.
const MOST_NAMED: usize = 10;

pub(crate) fn run(args: &PageArgs, console: &Console) -> Result<Exit, CliError> {
    let Some((subject, others)) = args.runs.split_first() else {
        return Err(CliError::usage("report: give the directory of a run"));
    };
    let mut data = match AbFile::read(subject).map_err(CliError::usage)? {
        Some(file) => of_experiment(subject, &file)?,
        None => PageData::of_run(&read(subject)?),
    };
    for other in others {
        data.overlay.push(PageOverlay::of_run(&name_of(other), &read(other)?));
    }
    let text = serde_json::to_string(&data).map_err(CliError::internal)?;
    if args.json {
        console.json(&text);
    }
    if args.json && args.output.is_none() {
        return Ok(Exit::Ok);
    }
    let path = args.output.clone().unwrap_or_else(|| subject.join(FILE));
    write(&path, &text)?;
    console.result(&format!("Report: {}", path.display()));
    if args.open
        && let Err(why) = open(&path)
    {
        console.warning(&format!("no browser could be opened ({why}); open {} yourself", path.display()));
    }
    Ok(Exit::Ok)
}

/// The page that a run leaves at its end, also when it was cut short. What goes wrong with it spoils no run: its samples
/// are there, and `report` can make it again. A run in which no request ended leaves none.
/// Gives what is on it.
pub(crate) fn leave(run_dir: &RunDir, console: &Console) -> Option<PageData> {
    let made = refold(run_dir.path()).map_err(CliError::internal).and_then(|run| {
        if run.is_empty() {
            return Ok(None);
        }
        let data = PageData::of_run(&run);
        let text = serde_json::to_string(&data).map_err(CliError::internal)?;
        let path = run_dir.path().join(FILE);
        write(&path, &text).map(|()| Some((path, data)))
    });
    match made {
        Ok(made) => made.map(|(path, data)| {
            console.result(&format!("Report: {}", path.display()));
            data
        }),
        Err(error) => {
            console.warning(&format!("there is no report of this run: {}", error.message));
            None
        }
    }
}

/// A run with something to show.
fn read(dir: &Path) -> Result<Refolded, CliError> {
    let run = refold(dir).map_err(|error| match error {
        ResultsError::NotARun { .. } => several(dir).unwrap_or_else(|| CliError::usage(error)),
        error => CliError::usage(error),
    })?;
    if run.is_empty() {
        let why = run.run.manifest.as_ref().and_then(|manifest| manifest.partial_reason.as_deref());
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        return Err(CliError::usage(format!(
            "{}: nothing was measured in this run{why}: no request had ended",
            dir.display()
        )));
    }
    Ok(run)
}

/// A folder of runs is none: which of them?
fn several(dir: &Path) -> Option<CliError> {
    let runs = find_runs(dir).ok().filter(|runs| !runs.is_empty())?;
    let mut named: Vec<String> = runs.iter().take(MOST_NAMED).map(|run| format!("  {}", run.display())).collect();
    if runs.len() > MOST_NAMED {
        named.push(format!("  and {} more", runs.len() - MOST_NAMED));
    }
    Some(CliError::usage(format!(
        "{} is not the directory of a run; it holds {} of them. Give one, or several to see them in one page:\n{}",
        dir.display(),
        runs.len(),
        named.join("\n")
    )))
}

/// The page of an A/B experiment: the branch's runs in front, those of the base behind them, and the comparison.
fn of_experiment(dir: &Path, file: &AbFile) -> Result<PageData, CliError> {
    let (base, branch) = file.runs(dir).map_err(CliError::usage)?;
    let options = CompareOptions { threshold: file.threshold, ..CompareOptions::default() };
    let mut comparison = compare(&base, &branch, true, &options)
        .map_err(|error| CliError::usage(format!("{}: {error}", dir.display())))?;
    // The arms' own names: both may be the same app.
    comparison.base.label.clone_from(&file.base.label);
    comparison.branch.label.clone_from(&file.branch.label);
    let again = |runs: &[LoadedRun]| runs.iter().map(|run| read(&run.dir)).collect::<Result<Vec<_>, _>>();
    let (base, branch) = (again(&base)?, again(&branch)?);
    let Some(first) = branch.first() else {
        return Err(CliError::usage(format!("{}: no pair of this experiment is complete", dir.display())));
    };
    let mut data = PageData::of_run(first);
    data.run.title = format!("{} against {}", file.branch.label, file.base.label);
    data.run.directory = name_of(dir);
    data.comparison = Some(PageComparison::from(&comparison));
    let arms = [(&file.base.label, &base), (&file.branch.label, &branch)];
    data.overlay = arms.into_iter().map(|(label, runs)| PageOverlay::of_arm(label, runs)).collect();
    Ok(data)
}

/// The folder's own name, also of `.`.
fn name_of(dir: &Path) -> String {
    let full = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    full.file_name().unwrap_or(full.as_os_str()).to_string_lossy().into_owned()
}

fn write(path: &Path, data: &str) -> Result<(), CliError> {
    let failed = |error: &dyn std::fmt::Display| {
        CliError::usage(format!("the report cannot be written: {error}. Choose another place with --output FILE"))
    };
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().and_then(OsStr::to_str);
    let name = name.ok_or_else(|| failed(&format!("{} names no file", path.display())))?;
    if path.is_dir() {
        return Err(failed(&format!("{} is a folder", path.display())));
    }
    let dir = RunDir::open(parent).map_err(|error| failed(&error))?;
    dir.write_atomic(name, plimsoll_web::report(data).as_bytes()).map_err(|error| failed(&error))
}

/// Opens a file with the system's program for it.
fn open(path: &Path) -> Result<(), String> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().map_err(|error| format!("{opener}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{opener} failed: {status}")) }
}
