//! Writes what CI systems read of a run that has ended, whole or not.

use crate::args::OutputArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::report_args::{ComparisonReportArgs, first_line};
use plimsoll_results::ci::{
    CiPaths, CiReport, annotations, bigger_is_better, comment, comparison_annotations, comparison_junit,
    comparison_outputs, comparison_step_summary, junit, openmetrics, otava_lines, otava_refusal, outputs,
    smaller_is_better, step_summary,
};
use plimsoll_results::{RunComparison, RunDir, RunManifest, comparison_markdown};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A run that has ended, as this module needs it.
pub(crate) struct Ended<'a> {
    pub report: CiReport,
    pub manifest: &'a RunManifest,
    pub run_dir: &'a RunDir,
    pub exit: Exit,
}

/// Writes every file that was asked for. One that cannot be written is told and makes of a good end exit code 1; what
/// GitHub reads is only warned of.
pub(crate) fn publish(ended: Ended<'_>, output: &OutputArgs, console: &Console) -> Exit {
    let args = &output.reports;
    let report = &ended.report;
    let throughput = args.throughput_file();
    let mut files: Vec<(&str, &Path, Result<String, String>)> = Vec::new();
    if let Some(path) = &args.junit {
        files.push(("--junit", path, junit(report).map_err(|error| error.to_string())));
    }
    if let Some(path) = &args.comment {
        files.push(("--comment", path, Ok(comment(report, &report.name))));
    }
    if let Some((path, throughput)) = args.github_benchmark.as_ref().zip(throughput.as_ref()) {
        files.push(("--github-benchmark", path, Ok(smaller_is_better(report))));
        files.push(("--github-benchmark", throughput, Ok(bigger_is_better(report))));
    }
    if let Some(path) = &args.metrics_txt {
        files.push(("--metrics-txt", path, Ok(openmetrics(report))));
    }
    let mut failed = false;
    let mut tell = |flag: &str, path: &Path, why: &str| {
        console.error(&format!("{flag} {}: {why}", path.display()));
        failed = true;
    };
    for (flag, path, text) in files {
        if let Err(why) = text.and_then(|text| fs::write(path, text).map_err(|error| error.to_string())) {
            tell(flag, path, &why);
        }
    }
    if let Some(path) = &args.otava_csv {
        match otava_refusal(report) {
            Some(why) => console.warning(&format!("{}: this run is not added: {why}", path.display())),
            None => {
                if let Err(why) = append_history(report, ended.manifest, path) {
                    tell("--otava-csv", path, &why);
                }
            }
        }
    }
    let exit = if failed && ended.exit == Exit::Ok { Exit::Internal } else { ended.exit };
    if args.on_github(&ended.manifest.command) {
        github(&ended, exit, output, console);
    }
    exit
}

fn append_history(report: &CiReport, manifest: &RunManifest, path: &Path) -> Result<(), String> {
    let say = |error: std::io::Error| error.to_string();
    let commit = ["GITHUB_SHA", "CI_COMMIT_SHA"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let first = first_line(path).map_err(say)?;
    let whole = first.is_none() || ends_whole(path).map_err(say)?;
    let lines = otava_lines(report, (&manifest.started_at, &commit), first.as_deref(), whole)
        .map_err(|error| error.to_string())?;
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(say)?;
    file.write_all(lines.as_bytes()).map_err(say)
}

/// Whether the last line of a file that is not empty has its end.
fn ends_whole(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Nothing that GitHub reads makes a run fail: its files may be gone, or full.
fn github(ended: &Ended<'_>, exit: Exit, output: &OutputArgs, console: &Console) {
    for line in annotations(&ended.report) {
        console.result(&line);
    }
    append("GITHUB_STEP_SUMMARY", console, |already| step_summary(&ended.report, already));
    let page = ended.run_dir.path().join("report.html");
    let paths = CiPaths {
        run_dir: ended.run_dir.path().to_owned(),
        report: page.is_file().then_some(page),
        comment: output.reports.comment.clone(),
    };
    let code = if output.exit_zero { exit.forgiven() } else { exit }.number();
    append("GITHUB_OUTPUT", console, |_| outputs(&ended.report, code, &paths));
}

/// Puts a text behind what is in the file that a variable names.
fn append(variable: &str, console: &Console, text: impl FnOnce(u64) -> String) {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) else { return };
    let already = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let text = text(already);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
        console.warning(&format!("{variable} cannot be written ({}): {error}", path.display()));
    }
}

/// The same for a comparison.
pub(crate) fn publish_comparison(
    comparison: &RunComparison,
    args: &ComparisonReportArgs,
    exit: Exit,
    console: &Console,
) -> Exit {
    let mut failed = false;
    let mut write = |flag: &str, path: &Path, text: Result<String, String>| {
        if let Err(why) = text.and_then(|text| fs::write(path, text).map_err(|error| error.to_string())) {
            console.error(&format!("{flag} {}: {why}", path.display()));
            failed = true;
        }
    };
    if let Some(path) = &args.markdown {
        write("--markdown", path, Ok(comparison_markdown(comparison)));
    }
    if let Some(path) = &args.junit {
        write("--junit", path, comparison_junit(comparison).map_err(|error| error.to_string()));
    }
    let exit = if failed && exit == Exit::Ok { Exit::Internal } else { exit };
    if args.on_github() {
        comparison_annotations(comparison).iter().for_each(|line| console.result(line));
        append("GITHUB_STEP_SUMMARY", console, |already| comparison_step_summary(comparison, already));
        append("GITHUB_OUTPUT", console, |_| comparison_outputs(comparison, exit.number(), args.markdown.as_deref()));
    }
    exit
}
