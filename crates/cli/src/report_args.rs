//! The files for CI systems that a command line asks for, and whether they can be written.

use crate::exit::CliError;
use clap::Args;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What CI systems are to read of a run.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "For CI")]
pub(crate) struct ReportArgs {
    /// Write JUnit XML: a test case for each rule of each tier or level
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Write Markdown for a comment on a pull request, with a hidden mark by which the next run finds it
    #[arg(long, value_name = "FILE")]
    pub comment: Option<PathBuf>,

    /// Write GitHub's step summary, annotations and outputs (by itself where GITHUB_ACTIONS is set)
    #[arg(long)]
    pub github: bool,

    /// Write JSON for github-action-benchmark: times to FILE, throughput to FILE with `-throughput` in its name
    #[arg(long, value_name = "FILE")]
    pub github_benchmark: Option<PathBuf>,

    /// Append a line to a CSV file for Apache Otava
    #[arg(long, value_name = "FILE")]
    pub otava_csv: Option<PathBuf>,

    /// Write OpenMetrics text, for GitLab's metrics reports
    #[arg(long, value_name = "FILE")]
    pub metrics_txt: Option<PathBuf>,
}

/// What CI systems are to read of a comparison.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "For CI")]
pub(crate) struct ComparisonReportArgs {
    /// Write it as Markdown, for a comment on a pull request
    #[arg(long, visible_alias = "comment", value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Write JUnit XML: a test case for each figure that decides
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Write GitHub's step summary, annotations and outputs (by itself where GITHUB_ACTIONS is set)
    #[arg(long)]
    pub github: bool,
}

impl ComparisonReportArgs {
    /// As [`ReportArgs::on_github`].
    pub(crate) fn on_github(&self) -> bool {
        self.github || in_actions()
    }

    /// As [`ReportArgs::check`].
    pub(crate) fn check(&self) -> Result<(), CliError> {
        check_files(&[("--markdown", &self.markdown), ("--junit", &self.junit)])
    }
}

fn in_actions() -> bool {
    std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
}

impl ReportArgs {
    /// Whether GitHub is to be told. Called as hf-perftest, the program keeps to what that prints.
    pub(crate) fn on_github(&self, command: &str) -> bool {
        self.github || (in_actions() && command == "plimsoll")
    }

    /// The throughput's file beside that of the times.
    pub(crate) fn throughput_file(&self) -> Option<PathBuf> {
        let file = self.github_benchmark.as_ref()?;
        let mut name = file.file_stem().unwrap_or_default().to_owned();
        name.push("-throughput");
        if let Some(extension) = file.extension() {
            name.push(".");
            name.push(extension);
        }
        Some(file.with_file_name(name))
    }

    /// Looks, before any load, whether every file can be written.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        let throughput = self.throughput_file();
        check_files(&[
            ("--junit", &self.junit),
            ("--comment", &self.comment),
            ("--github-benchmark", &self.github_benchmark),
            ("--github-benchmark", &throughput),
            ("--otava-csv", &self.otava_csv),
            ("--metrics-txt", &self.metrics_txt),
        ])?;
        match &self.otava_csv {
            Some(path) => check_history(path),
            None => Ok(()),
        }
    }
}

fn check_files(files: &[(&str, &Option<PathBuf>)]) -> Result<(), CliError> {
    let mut seen: Vec<(&str, &Path)> = Vec::new();
    for (flag, path) in files.iter().filter_map(|(flag, path)| Some((*flag, path.as_deref()?))) {
        if let Some((other, _)) = seen.iter().find(|(_, other)| *other == path) {
            return Err(CliError::usage(format!("{flag} {}: {other} writes the same file", path.display())));
        }
        seen.push((flag, path));
        writable(path).map_err(|why| CliError::usage(format!("{flag} {}: {why}", path.display())))?;
    }
    Ok(())
}

fn writable(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Err("this is a folder; name a file in it".to_owned());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(format!("there is no folder {}; make it first", folder.display()));
    }
    if path.exists() {
        return OpenOptions::new().append(true).open(path).map(drop).map_err(|error| error.to_string());
    }
    File::create_new(path).and_then(|_| fs::remove_file(path)).map_err(|error| error.to_string())
}

/// A file that is no history of ours is not written into.
fn check_history(path: &Path) -> Result<(), CliError> {
    match first_line(path) {
        Ok(Some(line)) if !line.starts_with("time,commit,") => Err(CliError::usage(format!(
            "--otava-csv {}: this is another file: it begins with `{}`, and a history begins with `time,commit,`",
            path.display(),
            line.chars().take(80).filter(|c| !c.is_control()).collect::<String>()
        ))),
        _ => Ok(()),
    }
}

/// The first line of a file, without its end; `None` for a file that is empty or not there.
pub(crate) fn first_line(path: &Path) -> std::io::Result<Option<String>> {
    if !path.exists() {
        return Ok(None);
    }
    let mut line = Vec::new();
    BufReader::new(File::open(path)?).read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
    Ok((!line.is_empty()).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_found_before() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Some(folder.path().join(name));
        let why = |args: ReportArgs| args.check().unwrap_err().message;
        assert!(why(ReportArgs { junit: at("no/j.xml"), ..ReportArgs::default() }).contains("make it first"));
        assert!(why(ReportArgs { comment: at(""), ..ReportArgs::default() }).contains("this is a folder"));
        let twice = ReportArgs { junit: at("x"), metrics_txt: at("x"), ..ReportArgs::default() };
        assert!(why(twice).contains("--junit writes the same file"));
        fs::write(folder.path().join("h.csv"), "a,b\n1,2\n").unwrap();
        assert!(why(ReportArgs { otava_csv: at("h.csv"), ..ReportArgs::default() }).contains("begins with `a,b`"));
        let good = ReportArgs { junit: at("j.xml"), github_benchmark: at("b.json"), ..ReportArgs::default() };
        good.check().unwrap();
        assert_eq!(good.throughput_file(), at("b-throughput.json"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
