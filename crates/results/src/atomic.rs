//! Files that are either the old one or the new one, never half of one.

use crate::ResultsError;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Puts `bytes` in the place of `path`.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ResultsError> {
    replace(path, |out| out.write_all(bytes).map_err(|reason| ResultsError::io("write", path, reason)))
}

/// Puts what `fill` writes in the place of `path`, or leaves `path` as it was if anything fails. No fsync: a run
/// directory must survive a killed process, not a power cut.
pub(crate) fn replace(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), ResultsError>,
) -> Result<(), ResultsError> {
    let temporary = temporary_beside(path);
    let result = fill_file(&temporary, path, fill);
    if result.is_err() {
        // The first error is the one to report; a temporary file that stays behind does no harm.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn fill_file(
    temporary: &Path,
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), ResultsError>,
) -> Result<(), ResultsError> {
    let file = File::create(temporary).map_err(|reason| ResultsError::io("write", path, reason))?;
    let mut out = BufWriter::new(file);
    fill(&mut out)?;
    out.flush().map_err(|reason| ResultsError::io("write", path, reason))?;
    fs::rename(temporary, path).map_err(|reason| ResultsError::io("rename", path, reason))
}

/// In the same folder, because a rename is atomic only within one file system.
fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn keeps_the_old_file_when_writing_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        write(&path, b"old").unwrap();
        let full = std::io::Error::from_raw_os_error(28);
        replace(&path, |_| Err(ResultsError::io("write", &path, full))).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
