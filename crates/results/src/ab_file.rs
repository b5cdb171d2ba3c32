//! `ab.json`: what an A/B experiment is, and how far it got.

use crate::manifest::pretty;
use crate::{HostFacts, LoadedRun, ResultsError, RunDir, RunState, Tool, load_run};
use plimsoll_model::SCHEMA_VERSION;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FILE: &str = "ab.json";

/// An experiment of two arms, run next to each other in pairs. Written at its start and after every pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AbFile {
    /// Version of the files in this directory.
    pub schema_version: u32,
    /// What wrote them.
    pub tool: Tool,
    /// The name it was called by.
    pub command: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; `null` while it goes on, and for ever when it was killed.
    pub ended_at: Option<String>,
    /// How far it got.
    pub state: RunState,
    /// Why it is partial.
    pub partial_reason: Option<String>,
    /// The machine that made the load.
    pub host: HostFacts,
    /// What the order of the arms and the seeds of the pairs follow from.
    pub seed: u64,
    /// One arm.
    pub base: AbArm,
    /// The other.
    pub branch: AbArm,
    /// In what they differ, one phrase each; empty for an A/A test.
    pub differences: Vec<String>,
    /// Pairs that were asked for; with a target, the fewest.
    pub pairs_asked: u32,
    /// Go on until an effect of this share would be seen; `null` for a fixed number of pairs.
    pub target_mde: Option<f64>,
    /// Most pairs, with a target.
    pub max_pairs: Option<u32>,
    /// Whether the servers are started anew for every pair.
    pub restart: bool,
    /// Rest between two runs, in seconds.
    pub pause_seconds: f64,
    /// Smaller effects do not matter.
    pub threshold: f64,
    /// The pairs that were begun, in order.
    pub pairs: Vec<AbPair>,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AbArm {
    /// What it is, in words.
    pub label: String,
    /// The plan of its runs, secrets as `***`; the seed is that of each pair.
    pub plan: Value,
}

/// Two runs next to each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AbPair {
    /// Its number, from 1.
    pub number: u32,
    /// Seed of both runs.
    pub seed: u64,
    /// Which arm was measured first: `base` or `branch`.
    pub first: String,
    /// Name of the base's run directory.
    pub base: String,
    /// Name of the branch's.
    pub branch: String,
    /// Whether both runs came to their end; other pairs are in no figure.
    pub complete: bool,
}

impl AbFile {
    /// The version of files that this release writes.
    pub const VERSION: u32 = SCHEMA_VERSION;

    /// Writes `ab.json`, by atomic rename.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::DiskFull`].
    pub fn write(&self, dir: &RunDir) -> Result<(), ResultsError> {
        dir.write_atomic(FILE, &pretty(self, "the experiment")?)
    }

    /// Reads the `ab.json` of this directory; `None` where there is none.
    ///
    /// # Errors
    /// [`ResultsError::Io`], [`ResultsError::BadFile`] or [`ResultsError::Newer`].
    pub fn read(dir: &Path) -> Result<Option<Self>, ResultsError> {
        let path = dir.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(reason) if matches!(reason.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(reason) => return Err(ResultsError::io("read", &path, reason)),
        };
        let file: Self =
            serde_json::from_slice(&bytes).map_err(|reason| ResultsError::BadFile { path: path.clone(), reason })?;
        if file.schema_version > Self::VERSION {
            return Err(ResultsError::Newer { path, version: file.schema_version, known: Self::VERSION });
        }
        Ok(Some(file))
    }

    /// The runs of the complete pairs in this directory: run `i` of the first belongs to run `i` of the second.
    ///
    /// # Errors
    /// Those of [`load_run`].
    pub fn runs(&self, dir: &Path) -> Result<(Vec<LoadedRun>, Vec<LoadedRun>), ResultsError> {
        let mut runs = (Vec::new(), Vec::new());
        for pair in self.pairs.iter().filter(|pair| pair.complete) {
            runs.0.push(load_run(&dir.join(&pair.base))?);
            runs.1.push(load_run(&dir.join(&pair.branch))?);
        }
        Ok(runs)
    }
}

/// Which experiment and pair a run directory belongs to; `None` for a run of its own.
///
/// # Errors
/// Those of [`AbFile::read`].
pub fn pair_of(run: &Path) -> Result<Option<(PathBuf, u32)>, ResultsError> {
    let Ok(full) = fs::canonicalize(run) else { return Ok(None) };
    let (Some(parent), Some(name)) = (full.parent(), full.file_name()) else { return Ok(None) };
    let name = name.to_string_lossy();
    let Some(file) = AbFile::read(parent)? else { return Ok(None) };
    let pair = file.pairs.iter().find(|pair| pair.base == *name || pair.branch == *name);
    Ok(pair.map(|pair| (parent.to_owned(), pair.number)))
}
