//! Python environments, made on first use and kept in the cache.

use crate::LabError;
use crate::cache::{cache_dir, create_dir, write_whole};
use crate::interpreter::{Base, Tool, ask, find_base, find_tool};
use crate::requirements::{Requirements, short_hex};
use plimsoll_model::GradioSpec;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Raised when environments made by older releases of Plimsoll must not be used any more.
const GENERATION: u32 = 1;
/// Written last: an environment without it is not whole.
const MARKER: &str = "plimsoll.json";
/// How many lines of an installer's output an error shows.
const SHOWN_LINES: usize = 15;

/// Which environment is needed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Which Gradio.
    pub gradio: &'a GradioSpec,
    /// The app's own requirements file.
    pub requirements: Option<&'a Path>,
}

/// An environment that is whole and runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonEnvironment {
    /// Its Python.
    pub python: PathBuf,
    /// For people: `gradio 6.31.0 (environment 3f2a…)`.
    pub description: String,
}

/// What is written into an environment when it is whole.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    description: String,
    requirements: String,
    base: Base,
    plimsoll: String,
    seconds: f64,
}

/// The environment for this request; made now if there is none. `progress` gets short lines for the user, and nothing
/// when the environment is there.
pub fn ensure(request: &Request<'_>, progress: &mut dyn FnMut(&str)) -> Result<PythonEnvironment, LabError> {
    ensure_requirements(Requirements::new(request.gradio, request.requirements)?, progress)
}

/// The environment with this version of one package, whose module has its name; made now if there is none. `progress` as
/// for [`ensure`].
pub fn ensure_package(
    name: &'static str,
    version: &str,
    progress: &mut dyn FnMut(&str),
) -> Result<PythonEnvironment, LabError> {
    ensure_requirements(Requirements::package(name, version), progress)
}

fn ensure_requirements(
    requirements: Requirements,
    progress: &mut dyn FnMut(&str),
) -> Result<PythonEnvironment, LabError> {
    let tool = find_tool();
    let base = find_base(&tool)?;
    let maker = Maker { cache: cache_dir()?, tool, base, requirements };
    maker.ensure(progress)
}

/// The version of the Gradio that a Python would import; `None` if it has none.
pub fn gradio_version_of(python: &Path) -> Result<Option<String>, LabError> {
    let code = "import importlib.metadata as metadata\n\
                try: print(metadata.version('gradio'))\n\
                except metadata.PackageNotFoundError: pass";
    let version = ask(python, code)?;
    Ok((!version.is_empty()).then_some(version))
}

struct Maker {
    cache: PathBuf,
    tool: Tool,
    base: Base,
    requirements: Requirements,
}

impl Maker {
    fn ensure(&self, progress: &mut dyn FnMut(&str)) -> Result<PythonEnvironment, LabError> {
        let parent = self.cache.join("environments");
        create_dir(&parent)?;
        let key = self.key();
        let folder = parent.join(&key);
        // Looking before locking keeps the usual case fast and lets it work while another run holds the lock. A
        // folder is removed only after its Python failed to run, so this cannot see one that is about to go.
        if let Some(environment) = self.whole(&folder, &key) {
            return Ok(environment);
        }
        let _lock = lock(&parent.join(format!("{key}.lock")), progress)?;
        if let Some(environment) = self.whole(&folder, &key) {
            return Ok(environment);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(LabError::file("remove", &folder))?;
        }
        progress(&format!("making a Python environment with {} (once; about a minute)", self.requirements.what));
        let start = Instant::now();
        self.make(&folder, progress).inspect_err(|_| {
            // Without its marker it would not be taken for whole; this only saves the room.
            let _ = fs::remove_dir_all(&folder);
        })?;
        let marker = Marker {
            description: self.describe(&folder),
            requirements: self.requirements.identity(),
            base: self.base.clone(),
            plimsoll: env!("CARGO_PKG_VERSION").to_owned(),
            seconds: start.elapsed().as_secs_f64(),
        };
        let text = serde_json::to_vec_pretty(&marker).unwrap_or_default();
        write_whole(&folder.join(MARKER), &text)?;
        self.whole(&folder, &key).ok_or_else(|| LabError::BadPython {
            python: python_of(&folder),
            reason: "the environment was made but does not run".to_owned(),
        })
    }

    fn key(&self) -> String {
        let Base { python, version, platform } = &self.base;
        let text = format!("{GENERATION}\n{python}\n{version}\n{platform}\n{}", self.requirements.identity());
        short_hex(&Sha256::digest(text))
    }

    /// The environment if it has its marker and its Python runs (that of the system may have been removed).
    fn whole(&self, folder: &Path, key: &str) -> Option<PythonEnvironment> {
        let marker: Marker = serde_json::from_slice(&fs::read(folder.join(MARKER)).ok()?).ok()?;
        let python = python_of(folder);
        ask(&python, "").ok()?;
        Some(PythonEnvironment { python, description: format!("{} (environment {key})", marker.description) })
    }

    fn describe(&self, folder: &Path) -> String {
        let what = &self.requirements.what;
        match gradio_version_of(&python_of(folder)) {
            Ok(Some(version)) if !what.contains(&version) => format!("gradio {version}, {what}"),
            _ => what.clone(),
        }
    }

    fn make(&self, folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), LabError> {
        let requirements = &self.requirements;
        let nothing_to_install =
            requirements.packages.is_empty() && requirements.editable.is_empty() && requirements.file.is_none();
        let mut command = match &self.tool {
            Tool::Uv(uv) => {
                let mut command = Command::new(uv);
                command.args(["venv", "--quiet", "--python", &self.base.python]);
                command
            }
            Tool::Pip => {
                let mut command = Command::new(&self.base.python);
                command.args(["-m", "venv"]);
                if nothing_to_install {
                    command.arg("--without-pip");
                }
                command
            }
        };
        self.run(command.arg(folder), "making the environment")?;
        if nothing_to_install {
            return Ok(());
        }
        let with = self.install(folder, &requirements.constraints);
        match with {
            Err(LabError::Install { output, .. }) if requirements.constraints_optional && is_conflict(&output) => {
                progress("its packages do not fit the versions Plimsoll was tested with; taking newer or older ones");
                self.install(folder, "")?;
            }
            other => other?,
        }
        // Installed is not yet usable: packages may not fit together, and better said now than by every run.
        let mut import = Command::new(python_of(folder));
        import.arg("-c").arg(format!("import {}", requirements.module)).env("GRADIO_ANALYTICS_ENABLED", "False");
        self.run(&mut import, "importing what was installed")
    }

    fn install(&self, folder: &Path, constraints: &str) -> Result<(), LabError> {
        let mut command = match &self.tool {
            Tool::Uv(uv) => {
                let mut command = Command::new(uv);
                command.args(["pip", "install", "--quiet", "--no-progress", "--python"]).arg(python_of(folder));
                command
            }
            Tool::Pip => {
                let mut command = Command::new(python_of(folder));
                command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
                command.args(["--progress-bar", "off"]);
                command
            }
        };
        if !constraints.is_empty() {
            let file = folder.join("constraints.txt");
            write_whole(&file, constraints.as_bytes())?;
            command.arg("-c").arg(file);
        }
        for tree in &self.requirements.editable {
            command.arg("-e").arg(tree);
        }
        if let Some(file) = &self.requirements.file {
            command.arg("-r").arg(file);
        }
        command.args(&self.requirements.packages);
        self.run(&mut command, "installing the packages")
    }

    fn run(&self, command: &mut Command, step: &'static str) -> Result<(), LabError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = command.stdin(Stdio::null()).output().map_err(|source| LabError::Start { program, source })?;
        if output.status.success() {
            return Ok(());
        }
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(LabError::Install {
            what: self.requirements.what.clone(),
            step,
            hint: hint(&text),
            output: last_lines(&text),
        })
    }
}

fn python_of(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

/// An exclusive lock that ends with the returned file, or with us.
fn lock(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<File, LabError> {
    let failed = |source| LabError::File { action: "lock", path: path.to_owned(), source };
    let file = File::options().create(true).append(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => progress("waiting for another run that is making it"),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Whether packages could not be had in versions that fit together.
fn is_conflict(output: &str) -> bool {
    let signs = ["ResolutionImpossible", "conflicting dependencies", "No solution found", "No matching distribution"];
    signs.iter().any(|sign| output.contains(sign)) && !is_unknown_gradio(output)
}

/// Whether the installer says that there is no such Gradio. Constraints are not the reason then.
fn is_unknown_gradio(output: &str) -> bool {
    ["No matching distribution found for gradio==", "there is no version of gradio=="]
        .iter()
        .any(|sign| output.contains(sign))
}

/// What the user can do about the commonest failures.
fn hint(output: &str) -> String {
    if is_unknown_gradio(output) {
        "; the package index has no such Gradio for this Python".to_owned()
    } else if output.contains("ensurepip") {
        "; this Python has no venv module: install python3-venv, or uv".to_owned()
    } else if ["Connection", "connect", "Temporary failure", "dns error"].iter().any(|sign| output.contains(sign)) {
        "; is the package index reachable?".to_owned()
    } else {
        String::new()
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(SHOWN_LINES);
    lines[from..].iter().map(|line| format!("  {}", shortened(line))).collect::<Vec<_>>().join("\n")
}

/// A line with its middle left out if it is very long: pip lists every version there is.
fn shortened(line: &str) -> String {
    const SIDE: usize = 120;
    let count = line.chars().count();
    if count <= 2 * SIDE {
        return line.to_owned();
    }
    let start: String = line.chars().take(SIDE).collect();
    let end: String = line.chars().skip(count - SIDE).collect();
    format!("{start} … {end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// An environment with nothing in it needs no network.
    fn maker(cache: &Path) -> Maker {
        let requirements = Requirements { what: "nothing".to_owned(), ..Requirements::default() };
        Maker { cache: cache.to_owned(), tool: Tool::Pip, base: find_base(&Tool::Pip).unwrap(), requirements }
    }

    #[test]
    fn the_key_follows_requirements_and_python() {
        let cache = tempfile::tempdir().unwrap();
        let mut maker = maker(cache.path());
        let key = maker.key();
        assert_eq!(maker.key(), key);
        maker.requirements.packages.push("gradio==5.0.0".to_owned());
        assert_ne!(maker.key(), key);
        maker.requirements.packages.clear();
        maker.base.version.push('1');
        assert_ne!(maker.key(), key);
    }

    #[test]
    fn a_half_made_environment_is_made_again_and_a_whole_one_kept() {
        let cache = tempfile::tempdir().unwrap();
        let maker = maker(cache.path());
        let folder = cache.path().join("environments").join(maker.key());
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("half"), "").unwrap();
        let made = maker.ensure(&mut |_| {}).unwrap();
        assert!(!folder.join("half").exists());
        assert_eq!(ask(&made.python, "print(1)").unwrap(), "1");
        assert_eq!(gradio_version_of(&made.python).unwrap(), None);
        assert_eq!(maker.ensure(&mut |line| panic!("{line}")).unwrap(), made);
        // The Python it was made with is gone.
        fs::remove_file(&made.python).unwrap();
        std::os::unix::fs::symlink("/nowhere/python", &made.python).unwrap();
        let mut lines = Vec::new();
        assert_eq!(maker.ensure(&mut |line| lines.push(line.to_owned())).unwrap(), made);
        assert!(lines.iter().any(|line| line.starts_with("making a Python environment")));
    }

    #[test]
    fn two_at_once_make_it_once() {
        let cache = tempfile::tempdir().unwrap();
        let maker = maker(cache.path());
        let made = AtomicUsize::new(0);
        let ensure = || {
            let mut progress = |line: &str| {
                made.fetch_add(usize::from(line.starts_with("making")), Ordering::Relaxed);
            };
            maker.ensure(&mut progress).unwrap()
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(ensure);
            assert_eq!(ensure(), other.join().unwrap());
        });
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_failed_install_shows_why_and_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let mut maker = maker(cache.path());
        maker.requirements.packages.push("/nowhere/gradio-1.0-py3-none-any.whl".to_owned());
        let error = maker.ensure(&mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("/nowhere/gradio-1.0"), "{error}");
        assert!(!cache.path().join("environments").join(maker.key()).exists());
    }

    #[test]
    fn an_installers_output_is_cut_to_what_can_be_read() {
        let text = format!("first\n{}\n\n{}", "line\n".repeat(30), "x".repeat(5000));
        let shown = last_lines(&text);
        assert_eq!(shown.lines().count(), SHOWN_LINES);
        assert!(shown.lines().all(|line| line.chars().count() < 250) && !shown.contains("first"));
    }

    #[test]
    fn a_gradio_that_does_not_exist_is_no_conflict() {
        assert!(is_conflict("ERROR: ResolutionImpossible: for help visit"));
        assert!(is_conflict("ERROR: No matching distribution found for orjson==9"));
        assert!(!is_conflict("ERROR: No matching distribution found for gradio==99.0.0"));
        assert!(!is_conflict("error: Failed to fetch"));
    }
}
