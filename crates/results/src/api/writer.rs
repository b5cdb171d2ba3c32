//! Takes the samples of an API run to disk.

use super::fold::{ApiFold, ApiFoldOptions};
use super::record::{ApiSampleRecord, Line};
use crate::lines::{self, LineWriter};
use crate::{ResultsError, RunDir};
use plimsoll_model::Sample;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const SAMPLES: &str = "samples.jsonl";

/// Writes the samples of one level to `samples.jsonl`. Stamps are since the run's start, whose wall clock `run.json`
/// has.
#[derive(Debug)]
pub struct ApiWriter {
    lines: LineWriter,
    chunks: Vec<u64>,
}

impl ApiWriter {
    /// Makes `samples.jsonl` in `dir`, see [`level_dir`].
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn create(dir: &Path) -> Result<Self, ResultsError> {
        Ok(Self { lines: LineWriter::open(dir.join(SAMPLES))?, chunks: Vec::new() })
    }

    /// Writes these samples; when it returns, whole lines are with the system, so that a killed run keeps them.
    /// Samples of requests that were given up because the run was stopped are written too.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`]; the samples of this call may then be lost, those of
    /// earlier calls are not.
    pub fn write(&mut self, samples: &[Sample]) -> Result<(), ResultsError> {
        for sample in samples {
            self.lines.push(&Line::of(sample, &mut self.chunks))?;
        }
        self.lines.flush()
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// As [`ApiWriter::write`].
    pub fn finish(mut self) -> Result<(), ResultsError> {
        self.lines.flush()
    }
}

/// Where the files of level `number` (from 1) of `of` go: the run directory itself when there is one level, else
/// `level_<number>` in it, which is made if it is not there.
///
/// # Errors
/// [`ResultsError::NotWritable`] or [`ResultsError::DiskFull`].
pub fn level_dir(run: &RunDir, number: usize, of: usize) -> Result<PathBuf, ResultsError> {
    if of <= 1 {
        return Ok(run.path().to_owned());
    }
    let path = run.path().join(format!("level_{number}"));
    fs::create_dir_all(&path).map_err(|reason| ResultsError::not_writable(&path, reason))?;
    Ok(path)
}

/// Folds the samples that were written to `dir`: the same fold that the run made as it went. A cut-off last line is left
/// out and counted.
///
/// # Errors
/// [`ResultsError::Io`] or [`ResultsError::BadLine`].
pub fn fold_samples(dir: &Path, options: ApiFoldOptions) -> Result<ApiFold, ResultsError> {
    fold_each(dir, options, |_| {})
}

/// The same; `each` sees every sample.
pub(crate) fn fold_each(
    dir: &Path,
    options: ApiFoldOptions,
    mut each: impl FnMut(&ApiSampleRecord),
) -> Result<ApiFold, ResultsError> {
    let mut fold = ApiFold::new(options);
    let cut_off = lines::read(&dir.join(SAMPLES), |record: ApiSampleRecord| {
        fold.add_record(&record);
        each(&record);
        Ok(())
    })?;
    fold.note_cut_off_lines(cut_off);
    Ok(fold)
}

/// When the first request of the samples in `dir` was meant to start, since the run's start: about when its level began,
/// for a run that was killed before it could say so. `None` without samples.
///
/// # Errors
/// As [`fold_samples`].
pub fn first_intended(dir: &Path) -> Result<Option<Duration>, ResultsError> {
    #[derive(Deserialize)]
    struct Intended {
        intended: u64,
    }
    let mut first: Option<u64> = None;
    lines::read(&dir.join(SAMPLES), |Intended { intended }| {
        first = Some(first.map_or(intended, |first| first.min(intended)));
        Ok(())
    })?;
    Ok(first.map(Duration::from_micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testdata::{mixed, options};
    use std::fs;

    #[test]
    fn the_file_folds_as_the_run_did() {
        let folder = tempfile::tempdir().unwrap();
        let samples = mixed();
        let mut writer = ApiWriter::create(folder.path()).unwrap();
        let mut fold = ApiFold::new(options());
        for batch in samples.chunks(3) {
            writer.write(batch).unwrap();
            batch.iter().for_each(|sample| fold.add(sample));
        }
        writer.finish().unwrap();
        assert_eq!(fold_samples(folder.path(), options()).unwrap(), fold);
        assert_eq!(first_intended(folder.path()).unwrap(), Some(Duration::from_millis(10_100)));

        let path = folder.path().join(SAMPLES);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), samples.len());
        fs::write(&path, &text[..text.len() - 20]).unwrap();
        let cut = fold_samples(folder.path(), options()).unwrap();
        assert_eq!(cut.cut_off_lines(), 1);
        fs::write(&path, &text[20..]).unwrap();
        assert!(matches!(fold_samples(folder.path(), options()), Err(ResultsError::BadLine { line: 1, .. })));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join(SAMPLES)).unwrap();
        let mut writer = ApiWriter::create(folder.path()).unwrap();
        assert!(matches!(writer.write(&mixed()), Err(ResultsError::DiskFull { .. })));
    }

    #[test]
    fn several_levels_have_a_folder_each() {
        let output = tempfile::tempdir().unwrap();
        let run = RunDir::create(output.path()).unwrap();
        assert_eq!(level_dir(&run, 1, 1).unwrap(), run.path());
        assert_eq!(level_dir(&run, 2, 3).unwrap(), run.path().join("level_2"));
        assert!(run.path().join("level_2").is_dir() && level_dir(&run, 2, 3).is_ok());
    }
}
