//! What can go wrong with the run directory.

use std::io;
use std::path::{Path, PathBuf};

/// Why results could not be written or read. The message is complete: the reason is part of it.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The run directory cannot be made, or nothing can be written in it.
    #[error(
        "cannot write results to {path}: {reason}. Choose another folder with --output-dir, or make this one writable"
    )]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// No room is left, on the disk or in the user's quota.
    #[error(
        "the disk is full: {path} could not be written. What was written before is kept; make room, or choose a folder on another disk with --output-dir"
    )]
    DiskFull {
        /// The file that did not fit.
        path: PathBuf,
    },
    /// Another input or output error.
    #[error("cannot {doing} {path}: {reason}")]
    Io {
        /// What was attempted: `read`, `write`, `rename`, `list`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A line of a JSON Lines file, and not its cut-off end, cannot be read.
    #[error("line {line} of {path} is damaged: {reason}")]
    BadLine {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What the JSON reader said.
        reason: serde_json::Error,
    },
    /// A JSON file cannot be read.
    #[error("{path} is damaged, or was not written by this tool: {reason}")]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What the JSON reader said.
        reason: serde_json::Error,
    },
    /// A run directory was named that is none.
    #[error("{path}: {}; give the directory of a run", if *there { "this is a file" } else { "there is no such folder" })]
    NotADirectory {
        /// What was named.
        path: PathBuf,
        /// Whether there is a file of that name.
        there: bool,
    },
    /// A run has begun in this directory and left no figures.
    #[error(
        "{dir} holds a run without summary.json: was it killed? `plimsoll report {dir}` makes the file from what was \
         measured"
    )]
    NoSummary {
        /// The run directory.
        dir: PathBuf,
    },
    /// No run is in this directory.
    #[error("{dir} holds no run: there is neither summary.json nor run.json in it")]
    NotARun {
        /// The directory.
        dir: PathBuf,
    },
    /// A file was written by a later release in a form that this one would misread.
    #[error(
        "{path} was written by a newer release of this tool (its files are of version {version}, this release knows \
         {known}): use that release, or a later one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The latest one that we know.
        known: u32,
    },
    /// A report cannot be written as JUnit XML.
    #[error("cannot write the JUnit report: {reason}")]
    Junit {
        /// What the XML writer said.
        reason: String,
    },
    /// A value cannot be written as JSON, for example a path that is not valid Unicode.
    #[error("cannot write {what} as JSON: {reason}")]
    Encode {
        /// What it was.
        what: &'static str,
        /// What the JSON writer said.
        reason: serde_json::Error,
    },
}

impl ResultsError {
    /// An I/O error met while `doing` something with `path`; a full disk becomes its own case.
    pub(crate) fn io(doing: &'static str, path: &Path, reason: io::Error) -> Self {
        let path = path.to_owned();
        if is_full(&reason) { Self::DiskFull { path } } else { Self::Io { doing, path, reason } }
    }

    /// The first sign of trouble with a run directory.
    pub(crate) fn not_writable(path: &Path, reason: io::Error) -> Self {
        let path = path.to_owned();
        if is_full(&reason) { Self::DiskFull { path } } else { Self::NotWritable { path, reason } }
    }
}

fn is_full(reason: &io::Error) -> bool {
    matches!(reason.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_its_own_sentence() {
        let error = ResultsError::io("write", Path::new("/r/tier_1/x.jsonl"), io::Error::from_raw_os_error(28));
        assert!(matches!(error, ResultsError::DiskFull { .. }));
        assert!(error.to_string().starts_with("the disk is full: /r/tier_1/x.jsonl could not be written."));
    }
}
