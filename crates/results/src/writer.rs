//! Takes a tier's samples to disk.

use crate::background::{KINDS, file_name};
use crate::fold::CLIENT_LATENCIES;
use crate::lines::LineWriter;
use crate::{BackgroundRecord, LatencyRecord, ResultsError};
use plimsoll_model::{Clock, Sample, Traffic};
use std::path::{Path, PathBuf};

/// Writes the samples of one tier: predictions to `client_latencies.jsonl`, background traffic to its own files.
#[derive(Debug)]
pub struct TierWriter {
    tier_dir: PathBuf,
    clock: Clock,
    predictions: LineWriter,
    /// In the order of [`KINDS`]; made with their first record.
    background: [Option<LineWriter>; KINDS.len()],
}

impl TierWriter {
    /// Makes `client_latencies.jsonl` in `tier_dir`. `clock` must be the one that the samples' stamps come from.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn create(tier_dir: &Path, clock: Clock) -> Result<Self, ResultsError> {
        let predictions = LineWriter::open(tier_dir.join(CLIENT_LATENCIES))?;
        Ok(Self { tier_dir: tier_dir.to_owned(), clock, predictions, background: Default::default() })
    }

    /// Writes these samples; when it returns, whole lines are with the system, so that a killed run keeps them.
    /// Samples of requests that were given up because the run was stopped are written too, and counted nowhere.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`]; the samples of this call may then be lost, those of
    /// earlier calls are not.
    pub fn write(&mut self, samples: &[Sample]) -> Result<(), ResultsError> {
        for sample in samples {
            match sample.traffic {
                Traffic::Prediction => self.predictions.push(&LatencyRecord::new(sample, &self.clock))?,
                _ => self.background(sample.traffic)?.push(&BackgroundRecord::from(sample))?,
            }
        }
        self.flush()
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// As [`TierWriter::write`].
    pub fn finish(mut self) -> Result<(), ResultsError> {
        self.flush()
    }

    fn background(&mut self, traffic: Traffic) -> Result<&mut LineWriter, ResultsError> {
        let index = KINDS.iter().position(|(kind, _)| *kind == traffic).unwrap_or_default();
        match &mut self.background[index] {
            Some(lines) => Ok(lines),
            none => Ok(none.insert(LineWriter::open(self.tier_dir.join(file_name(KINDS[index].1)))?)),
        }
    }

    fn flush(&mut self) -> Result<(), ResultsError> {
        self.predictions.flush()?;
        self.background.iter_mut().flatten().try_for_each(LineWriter::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{background, sample};
    use std::fs;

    fn assert_send<T: Send>(_: &T) {}

    #[test]
    fn each_kind_has_its_file_made_when_needed() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let mut writer = TierWriter::create(folder.path(), Clock::start()).unwrap();
        assert_send(&writer);
        assert_eq!(names(), ["client_latencies.jsonl"]);
        writer.write(&[sample(0, 0), background(Traffic::Upload, "/upload"), sample(1, 0)]).unwrap();
        assert_eq!(names(), ["background_uploads.jsonl", "client_latencies.jsonl"]);
        writer.write(&[background(Traffic::PageLoad, "/"), background(Traffic::Download, "/f")]).unwrap();
        // Before `finish`: what was written is there.
        let count = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap().lines().count();
        assert_eq!(count("client_latencies.jsonl"), 2);
        for kind in ["page_loads", "uploads", "downloads"] {
            assert_eq!(count(&file_name(kind)), 1);
        }
        writer.finish().unwrap();
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(TierWriter::create(&folder.path().join("no"), Clock::start()).is_err());
    }
}
