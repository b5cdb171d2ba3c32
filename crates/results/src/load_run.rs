//! Reading the directory of a run that was made earlier, ours or hf-perftest's.

use crate::api::API_KIND;
use crate::{ApiSummary, ResultsError, RunDir, RunManifest, RunState, Summary, Tool};
use plimsoll_model::SCHEMA_VERSION;
use serde::Deserialize;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const SUMMARY: &str = "summary.json";
const MANIFEST: &str = "run.json";

/// How deep below a folder run directories are looked for: `results/<experiment>/<run>` and one more.
const DEEPEST: usize = 4;

/// A run as its directory tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedRun {
    /// Where it lies.
    pub dir: PathBuf,
    /// Its `run.json`; `None` for a run of hf-perftest, which writes none.
    pub manifest: Option<RunManifest>,
    /// Its figures.
    pub figures: RunFigures,
}

/// The figures of a run: its `summary.json`.
#[derive(Debug, Clone, PartialEq)]
pub enum RunFigures {
    /// Of a Gradio app, written by us or by hf-perftest.
    Gradio(Box<Summary>),
    /// Of an inference API.
    Api(Box<ApiSummary>),
}

impl LoadedRun {
    /// When it began, local time as `YYYYMMDD_HHMMSS`, as its figures have it.
    pub fn timestamp(&self) -> &str {
        match &self.figures {
            RunFigures::Gradio(summary) => &summary.timestamp,
            RunFigures::Api(summary) => &summary.timestamp,
        }
    }

    /// When it began; for a run without a manifest its folder's time stamp, taken as local time. `None` when neither
    /// can be read.
    pub fn began(&self) -> Option<jiff::Timestamp> {
        if let Some(manifest) = &self.manifest
            && let Ok(time) = manifest.started_at.parse()
        {
            return Some(time);
        }
        let local = jiff::civil::DateTime::strptime("%Y%m%d_%H%M%S", self.timestamp()).ok()?;
        jiff::tz::TimeZone::system().to_timestamp(local).ok()
    }

    /// How far it got. A `run.json` that still says "running" belongs to a run that was killed.
    pub fn state(&self) -> RunState {
        match (&self.figures, &self.manifest) {
            (_, Some(manifest)) if manifest.state != RunState::Complete => RunState::Partial,
            (RunFigures::Gradio(summary), _) => summary.state,
            (RunFigures::Api(summary), _) => summary.state,
        }
    }

    /// Whether the load generator, not the target, may have set figures of it.
    pub fn generator_limited(&self) -> bool {
        match &self.figures {
            RunFigures::Gradio(summary) => summary.generator_limited(),
            RunFigures::Api(summary) => summary.generator_limited(),
        }
    }

    /// What was under load: an app's name, file or address, or a scenario's name.
    pub fn subject(&self) -> &str {
        match &self.figures {
            RunFigures::Gradio(summary) => &summary.app,
            RunFigures::Api(summary) => &summary.name,
        }
    }

    /// The framework's version as the target told it; `None` where it is not known.
    pub fn target_version(&self) -> Option<&str> {
        let target = self.manifest.as_ref()?.target.as_ref()?;
        Some(target.version.as_str()).filter(|version| !version.is_empty())
    }

    /// What wrote it; `None` for hf-perftest, which does not say.
    pub fn tool(&self) -> Option<&Tool> {
        self.manifest.as_ref().map(|manifest| &manifest.tool)
    }
}

/// Reads a run directory: ours (of a Gradio app or of an API), or hf-perftest's, which holds a `summary.json` with its
/// own keys and no `run.json`.
///
/// # Errors
/// [`ResultsError::NotADirectory`], [`ResultsError::NoSummary`], [`ResultsError::NotARun`],
/// [`ResultsError::BadFile`] with the line, [`ResultsError::Newer`] when it was written by a later release in a form
/// that this one would misread, [`ResultsError::Io`].
pub fn load_run(dir: &Path) -> Result<LoadedRun, ResultsError> {
    if !dir.is_dir() {
        let path = dir.to_owned();
        return Err(ResultsError::NotADirectory { there: path.exists(), path });
    }
    let manifest = manifest(dir)?;
    let path = dir.join(SUMMARY);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(reason) if reason.kind() == ErrorKind::NotFound => {
            let dir = dir.to_owned();
            return Err(match manifest {
                Some(_) => ResultsError::NoSummary { dir },
                None => ResultsError::NotARun { dir },
            });
        }
        Err(reason) => return Err(ResultsError::io("read", &path, reason)),
    };
    let damaged = |reason| ResultsError::BadFile { path: path.clone(), reason };
    let head: Head = serde_json::from_slice(&bytes).map_err(damaged)?;
    not_newer(head.schema_version, &path)?;
    let figures = if head.kind.as_deref() == Some(API_KIND) {
        RunFigures::Api(serde_json::from_slice(&bytes).map_err(damaged)?)
    } else {
        RunFigures::Gradio(serde_json::from_slice(&bytes).map_err(damaged)?)
    };
    Ok(LoadedRun { dir: dir.to_owned(), manifest, figures })
}

/// The run directories at or below `dir`, by path: `dir` itself when it is one, else those in it. Links are not
/// followed, and what lies inside a run directory is not looked at.
///
/// # Errors
/// [`ResultsError::NotADirectory`] and [`ResultsError::Io`]. No run at all is no error but an empty list.
pub fn find_runs(dir: &Path) -> Result<Vec<PathBuf>, ResultsError> {
    if !dir.is_dir() {
        let path = dir.to_owned();
        return Err(ResultsError::NotADirectory { there: path.exists(), path });
    }
    let mut found = Vec::new();
    look(dir, DEEPEST, &mut found)?;
    found.sort();
    Ok(found)
}

fn look(dir: &Path, deeper: usize, found: &mut Vec<PathBuf>) -> Result<(), ResultsError> {
    if dir.join(SUMMARY).is_file() || dir.join(MANIFEST).is_file() {
        found.push(dir.to_owned());
        return Ok(());
    }
    let failed = |reason| ResultsError::io("list", dir, reason);
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if deeper > 0 && !hidden && entry.file_type().map_err(failed)?.is_dir() {
            look(&entry.path(), deeper - 1, found)?;
        }
    }
    Ok(())
}

/// `run.json`; `None` where there is none.
pub(crate) fn manifest(dir: &Path) -> Result<Option<RunManifest>, ResultsError> {
    let path = dir.join(MANIFEST);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(reason) if reason.kind() == ErrorKind::NotFound => return Ok(None),
        Err(reason) => return Err(ResultsError::io("read", &path, reason)),
    };
    let damaged = |reason| ResultsError::BadFile { path: path.clone(), reason };
    let head: Head = serde_json::from_slice(&bytes).map_err(damaged)?;
    not_newer(head.schema_version, &path)?;
    RunManifest::read(&RunDir::open(dir)?).map(Some)
}

fn not_newer(version: u32, path: &Path) -> Result<(), ResultsError> {
    if version > SCHEMA_VERSION {
        return Err(ResultsError::Newer { path: path.to_owned(), version, known: SCHEMA_VERSION });
    }
    Ok(())
}

/// Just enough of a file to tell what it is.
#[derive(Deserialize)]
struct Head {
    kind: Option<String>,
    /// hf-perftest's files have none.
    #[serde(default)]
    schema_version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testdata::{level, mixed, run_of};
    use crate::testdata::{plan, run_with, sample};
    use plimsoll_model::Clock;

    #[test]
    fn reads_what_each_kind_of_run_leaves() {
        let (folder, run, summary) = run_with(&[sample(0, 0)], false);
        summary.write(&run).unwrap();
        let theirs = load_run(run.path()).unwrap();
        assert_eq!((theirs.manifest.as_ref(), theirs.state()), (None, RunState::Complete));
        assert_eq!(theirs.figures, RunFigures::Gradio(Box::new(summary)));
        assert!(theirs.began().is_some(), "{}", theirs.timestamp());

        let mut manifest = RunManifest::start("plimsoll", &plan(), 7, &Clock::start()).unwrap();
        manifest.write(&run).unwrap();
        assert_eq!(load_run(run.path()).unwrap().state(), RunState::Partial, "it was killed");
        manifest.end(None);
        manifest.write(&run).unwrap();
        let ours = load_run(run.path()).unwrap();
        assert_eq!((ours.state(), ours.manifest), (RunState::Complete, Some(manifest)));

        let (api_folder, api) = run_of(vec![level("5 users", &mixed(), &[])], None);
        let api_run = RunDir::create(api_folder.path()).unwrap();
        api.write(&api_run).unwrap();
        assert!(matches!(load_run(api_run.path()).unwrap().figures, RunFigures::Api(_)));

        assert_eq!(find_runs(folder.path()).unwrap(), [run.path()]);
        assert_eq!(find_runs(run.path()).unwrap(), [run.path()]);
    }

    #[test]
    fn says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let text = |dir: &Path| load_run(dir).unwrap_err().to_string();
        let dir = folder.path().join("run");
        assert!(text(&dir).contains("there is no such folder"), "{}", text(&dir));
        fs::create_dir(&dir).unwrap();
        assert!(text(&dir).contains("holds no run"), "{}", text(&dir));
        assert_eq!(find_runs(&dir).unwrap(), Vec::<PathBuf>::new());
        fs::write(dir.join(SUMMARY), "{\n  \"app\": \"a\",\n  \"tiers\": [}\n").unwrap();
        let damaged = text(&dir);
        assert!(damaged.contains("summary.json") && damaged.contains("line 3"), "{damaged}");
        assert!(text(&dir.join(SUMMARY)).contains("is a file"), "{}", text(&dir.join(SUMMARY)));
        fs::write(dir.join(SUMMARY), r#"{"schema_version": 4000000, "anything": 1}"#).unwrap();
        assert!(text(&dir).contains("newer"), "{}", text(&dir));
        fs::remove_file(dir.join(SUMMARY)).unwrap();
        let manifest = RunManifest::start("plimsoll", &plan(), 7, &Clock::start()).unwrap();
        manifest.write(&RunDir::open(&dir).unwrap()).unwrap();
        let killed = text(&dir);
        assert!(killed.contains("killed") && killed.contains("plimsoll report"), "{killed}");
    }
}
