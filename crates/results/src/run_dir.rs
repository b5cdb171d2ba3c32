//! The directory of one run.

use crate::{ResultsError, atomic, time};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The directory of one run.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
    timestamp: String,
}

/// Room kept for the last words of a run that fills the disk.
const RESERVE: &str = ".reserve";
const RESERVE_BYTES: usize = 64 << 10;

/// The directory of one tier within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierDir {
    /// Its users.
    pub users: u32,
    /// 1, or which time this tier ran when it was asked for several times.
    pub turn: u32,
    /// Where it is.
    pub path: PathBuf,
}

impl RunDir {
    /// Makes `<output_dir>/<YYYYMMDD_HHMMSS>` (local time; `_2`, `_3`… if another run started in the same second) and
    /// proves that files can be written there, so that a run does not find out at its end. `output_dir` is made if
    /// it is not there. A little room is taken at once, for [`RunDir::free_reserve`].
    ///
    /// # Errors
    /// [`ResultsError::NotWritable`] or [`ResultsError::DiskFull`].
    pub fn create(output_dir: &Path) -> Result<Self, ResultsError> {
        let timestamp = time::local_stamp();
        Self::make(output_dir, &timestamp.clone(), timestamp)
    }

    /// The same for an experiment, which holds run directories: `<output_dir>/<YYYYMMDD_HHMMSS>_ab`.
    ///
    /// # Errors
    /// [`ResultsError::NotWritable`] or [`ResultsError::DiskFull`].
    pub fn create_experiment(output_dir: &Path) -> Result<Self, ResultsError> {
        let timestamp = time::local_stamp();
        Self::make(output_dir, &format!("{timestamp}_ab"), timestamp)
    }

    /// The same for a run of an experiment, with a name of its own.
    ///
    /// # Errors
    /// [`ResultsError::NotWritable`] or [`ResultsError::DiskFull`].
    pub fn create_named(experiment: &Path, name: &str) -> Result<Self, ResultsError> {
        Self::make(experiment, name, time::local_stamp())
    }

    fn make(output_dir: &Path, name: &str, timestamp: String) -> Result<Self, ResultsError> {
        fs::create_dir_all(output_dir).map_err(|reason| ResultsError::not_writable(output_dir, reason))?;
        let path = make_new(output_dir, name).map_err(|reason| ResultsError::not_writable(output_dir, reason))?;
        fs::write(path.join(RESERVE), [b' '; RESERVE_BYTES])
            .map_err(|reason| ResultsError::not_writable(&path, reason))?;
        Ok(Self { path, timestamp })
    }

    /// A run directory that is there already, to report on it again.
    ///
    /// # Errors
    /// [`ResultsError::Io`] when there is no such directory.
    pub fn open(path: &Path) -> Result<Self, ResultsError> {
        fs::read_dir(path).map_err(|reason| ResultsError::io("read", path, reason))?;
        // `canonicalize` gives `.` its name.
        let full = fs::canonicalize(path).map_err(|reason| ResultsError::io("read", path, reason))?;
        let name = full.file_name().unwrap_or_default().to_string_lossy();
        // Without the `_2` of a second run in the same second.
        let stamp = name.splitn(3, '_').take(2).collect::<Vec<_>>().join("_");
        let named = stamp.len() == 15 && stamp.chars().all(|c| c.is_ascii_digit() || c == '_');
        let run = Self { path: path.to_owned(), timestamp: stamp };
        // A run of an experiment has another name, and its time in its manifest.
        let began =
            || crate::RunManifest::read(&run).ok().and_then(|manifest| time::local_stamp_of(&manifest.started_at));
        let timestamp = if named { None } else { began() };
        Ok(Self { timestamp: timestamp.unwrap_or_else(|| run.timestamp.clone()), ..run })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the directory: `YYYYMMDD_HHMMSS`, with `_2` and so on for a second run in the same second.
    pub fn name(&self) -> String {
        // `canonicalize` gives `.` its name.
        let full = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        full.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// When the run began, local time as `YYYYMMDD_HHMMSS`: usually the directory's name, without the `_2` of a second
    /// run in the same second.
    pub fn timestamp(&self) -> &str {
        &self.timestamp
    }

    /// Gives back the room that was taken at the start. Called before the last files are written, so that a full disk
    /// does not keep a run from saying what it measured. Harmless the second time.
    pub fn free_reserve(&self) {
        // If it is not there, there is nothing to give back.
        let _ = fs::remove_file(self.path.join(RESERVE));
    }

    /// Makes the directory of the next tier: `tier_<users>`, `tier_<users>_2` when the same tier comes again, …
    ///
    /// # Errors
    /// [`ResultsError::NotWritable`] or [`ResultsError::DiskFull`].
    pub fn tier_dir(&self, users: u32) -> Result<PathBuf, ResultsError> {
        make_new(&self.path, &format!("tier_{users}")).map_err(|reason| ResultsError::not_writable(&self.path, reason))
    }

    /// The tiers that are there, by users and turn. The order in which they ran is in `run.json` and `summary.json`.
    ///
    /// # Errors
    /// [`ResultsError::Io`].
    pub fn tier_dirs(&self) -> Result<Vec<TierDir>, ResultsError> {
        let failed = |reason| ResultsError::io("list", &self.path, reason);
        let mut tiers = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Some((users, turn)) = tier_of_name(&entry.file_name().to_string_lossy()) {
                tiers.push(TierDir { users, turn, path: entry.path() });
            }
        }
        tiers.sort_by_key(|tier| (tier.users, tier.turn));
        Ok(tiers)
    }

    /// Writes a file of the run directory so that a reader sees the old one or the new one, never half of it.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`]; an older file of this name is then still there.
    pub fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<(), ResultsError> {
        atomic::write(&self.path.join(name), bytes)
    }
}

/// Makes `<parent>/<name>`, or `<name>_2`, `<name>_3`… `create_dir` itself says whether it is new, so two runs that
/// start together cannot get the same one.
fn make_new(parent: &Path, name: &str) -> io::Result<PathBuf> {
    let mut turn = 1_u32;
    loop {
        let path = parent.join(if turn == 1 { name.to_owned() } else { format!("{name}_{turn}") });
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => turn += 1,
            Err(error) => return Err(error),
        }
    }
}

fn tier_of_name(name: &str) -> Option<(u32, u32)> {
    let rest = name.strip_prefix("tier_")?;
    match rest.split_once('_') {
        Some((users, turn)) => Some((users.parse().ok()?, turn.parse().ok()?)),
        None => Some((rest.parse().ok()?, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_second_do_not_meet() {
        let output = tempfile::tempdir().unwrap();
        let runs: Vec<RunDir> = (0..3).map(|_| RunDir::create(&output.path().join("deep/er")).unwrap()).collect();
        assert!(runs[0].path() != runs[1].path() && runs[1].path() != runs[2].path());
        for run in &runs {
            run.free_reserve();
            assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
            assert_eq!(RunDir::open(run.path()).unwrap().timestamp(), run.timestamp());
        }
    }

    #[test]
    fn a_tier_may_come_twice() {
        let output = tempfile::tempdir().unwrap();
        let run = RunDir::create(output.path()).unwrap();
        for expected in ["tier_10", "tier_1", "tier_10_2", "tier_10_3"] {
            let users = if expected == "tier_1" { 1 } else { 10 };
            assert_eq!(run.tier_dir(users).unwrap().file_name().unwrap(), expected);
        }
        fs::create_dir(run.path().join("tier_notes")).unwrap();
        let tiers: Vec<_> = run.tier_dirs().unwrap().into_iter().map(|tier| (tier.users, tier.turn)).collect();
        assert_eq!(tiers, [(1, 1), (10, 1), (10, 2), (10, 3)]);
    }

    #[test]
    fn says_what_to_do_when_it_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = RunDir::create(&file.join("results")).unwrap_err();
        assert!(matches!(error, ResultsError::NotWritable { .. }));
        let text = error.to_string();
        assert!(text.contains("file/results") && text.contains("--output-dir"), "{text}");
    }

    #[test]
    fn opening_nothing_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = RunDir::open(&folder.path().join("no")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read "), "{error}");
    }
}
