//! JSON Lines files: one record a line.

use crate::ResultsError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// A file that only ever holds whole lines.
#[derive(Debug)]
pub(crate) struct LineWriter {
    path: PathBuf,
    file: File,
    /// Lines not yet handed to the system.
    pending: Vec<u8>,
    /// Length of the file up to its last whole line.
    whole: u64,
}

impl LineWriter {
    /// Opens `path` for adding lines, and makes it if it is not there.
    pub(crate) fn open(path: PathBuf) -> Result<Self, ResultsError> {
        let failed = |reason| ResultsError::io("write", &path, reason);
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
        let whole = file.metadata().map_err(failed)?.len();
        Ok(Self { path, file, pending: Vec::new(), whole })
    }

    /// Adds one line, which reaches the file with the next [`LineWriter::flush`].
    pub(crate) fn push(&mut self, record: &impl Serialize) -> Result<(), ResultsError> {
        let start = self.pending.len();
        if let Err(reason) = serde_json::to_writer(&mut self.pending, record) {
            self.pending.truncate(start);
            return Err(ResultsError::Encode { what: "a record", reason });
        }
        self.pending.push(b'\n');
        Ok(())
    }

    /// Hands all lines to the system at once. After an error the lines are lost, and the part of them that had
    /// already been written is taken out again: a later line must not be glued to half of an earlier one.
    pub(crate) fn flush(&mut self) -> Result<(), ResultsError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.pending);
        let length = self.pending.len() as u64;
        self.pending.clear();
        if let Err(reason) = written {
            // If this fails too, a reader meets a damaged line and says so.
            let _ = self.file.set_len(self.whole);
            return Err(ResultsError::io("write", &self.path, reason));
        }
        self.whole += length;
        Ok(())
    }
}

/// Hands every record of a file to `each`, one at a time, and says how many lines were cut off (0 or 1): the last
/// line of a killed run may be incomplete, which is no error. A damaged line before it is one.
pub(crate) fn read<T: DeserializeOwned>(
    path: &Path,
    mut each: impl FnMut(T) -> Result<(), ResultsError>,
) -> Result<usize, ResultsError> {
    let failed = |reason| ResultsError::io("read", path, reason);
    let mut input = BufReader::new(File::open(path).map_err(failed)?);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
            break;
        }
        let ended = bytes.ends_with(b"\n");
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&bytes) {
            Ok(record) => each(record)?,
            Err(_) if !ended => return Ok(1),
            Err(reason) => return Err(ResultsError::BadLine { path: path.to_owned(), line, reason }),
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;

    fn read_all(path: &Path) -> Result<(Vec<Value>, usize), ResultsError> {
        let mut records = Vec::new();
        let cut_off = read(path, |record| {
            records.push(record);
            Ok(())
        })?;
        Ok((records, cut_off))
    }

    #[test]
    fn lines_reach_the_file_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut lines = LineWriter::open(path.clone()).unwrap();
        lines.push(&json!({"a": 1})).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        lines.flush().unwrap();
        lines.push(&json!({"a": 2})).unwrap();
        lines.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"{\"a\":1}\n{\"a\":2}\n");
        assert_eq!(read_all(&path).unwrap(), (vec![json!({"a": 1}), json!({"a": 2})], 0));
    }

    #[test]
    fn a_cut_off_last_line_is_counted_and_a_damaged_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        fs::write(&path, "{\"a\":1}\n{\"a\":").unwrap();
        assert_eq!(read_all(&path).unwrap(), (vec![json!({"a": 1})], 1));
        fs::write(&path, "{\"a\":1}\n{\"a\":2}").unwrap();
        assert_eq!(read_all(&path).unwrap().1, 0);
        fs::write(&path, "{\"a\":1}\n{\"a\":\n{\"a\":3}\n").unwrap();
        assert!(matches!(read_all(&path).unwrap_err(), ResultsError::BadLine { line: 2, .. }));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_named() {
        let mut lines = LineWriter::open(PathBuf::from("/dev/full")).unwrap();
        lines.push(&json!({"a": 1})).unwrap();
        assert!(matches!(lines.flush().unwrap_err(), ResultsError::DiskFull { .. }));
    }
}
