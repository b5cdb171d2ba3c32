//! Finding a Python, and asking one about itself.

use crate::LabError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest Python that the pinned Gradio runs on.
const OLDEST: (u32, u32) = (3, 10);
/// What uv is asked to fetch when the machine has no Python.
const FETCHED: &str = "3.12";

/// The Python that an environment is made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    /// Its real file (not a shim), or a version for uv to fetch.
    pub(crate) python: String,
    /// `3.12.1`.
    pub(crate) version: String,
    /// `linux-x86_64`.
    pub(crate) platform: String,
}

/// What makes environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tool {
    /// uv, at this path.
    Uv(PathBuf),
    /// Python's own `venv` and pip.
    Pip,
}

/// uv if it is on the PATH.
pub(crate) fn find_tool() -> Tool {
    find_program("uv", &[]).map_or(Tool::Pip, Tool::Uv)
}

/// The Python to make environments with.
pub(crate) fn find_base(tool: &Tool) -> Result<Base, LabError> {
    if let Some(own) = std::env::var_os("PLIMSOLL_BASE_PYTHON").filter(|value| !value.is_empty()) {
        let base = describe(Path::new(&own))?;
        if !new_enough(&base) {
            let found = format!(" (PLIMSOLL_BASE_PYTHON is Python {})", base.version);
            return Err(LabError::NoPython { found });
        }
        return Ok(base);
    }
    let found: Vec<Base> = ["python3", "python"].iter().filter_map(|name| describe(Path::new(name)).ok()).collect();
    if let Some(base) = found.iter().find(|base| new_enough(base)) {
        return Ok(base.clone());
    }
    if matches!(tool, Tool::Uv(_)) {
        let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        return Ok(Base { python: FETCHED.to_owned(), version: FETCHED.to_owned(), platform });
    }
    let found = found.first().map(|base| format!(" (only Python {})", base.version)).unwrap_or_default();
    Err(LabError::NoPython { found })
}

/// A program on the PATH, or in one of the folders besides.
pub(crate) fn find_program(name: &str, besides: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(besides.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn describe(python: &Path) -> Result<Base, LabError> {
    let text = ask(
        python,
        "import json, sys, sysconfig\n\
         print(json.dumps({'python': sys.executable, 'version': '%d.%d.%d' % sys.version_info[:3],\
         'platform': sysconfig.get_platform()}))",
    )?;
    serde_json::from_str(&text)
        .map_err(|error| LabError::BadPython { python: python.to_owned(), reason: error.to_string() })
}

fn new_enough(base: &Base) -> bool {
    let mut parts = base.version.split('.').map_while(|part| part.parse::<u32>().ok());
    parts.next().zip(parts.next()).is_some_and(|version| version >= OLDEST)
}

/// Runs a few lines of Python and gives what they print.
pub(crate) fn ask(python: &Path, code: &str) -> Result<String, LabError> {
    let bad = |reason: String| LabError::BadPython { python: python.to_owned(), reason };
    // Isolated: neither the user's site folder nor PYTHONPATH may stand in for what is installed there.
    let output = Command::new(python)
        .args(["-I", "-c", code])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| bad(error.to_string()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let last = text.trim().lines().last().unwrap_or("no output").to_owned();
        return Err(bad(format!("{} ({last})", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_the_system_python() {
        let base = describe(Path::new("python3")).unwrap();
        assert!(Path::new(&base.python).is_absolute());
        assert!(base.version.starts_with("3."));
    }

    #[test]
    fn compares_versions_as_numbers() {
        let base = |version: &str| Base { python: String::new(), version: version.to_owned(), platform: String::new() };
        assert!(new_enough(&base("3.10.0")) && new_enough(&base("3.14.1")) && new_enough(&base("4.0.0")));
        assert!(!new_enough(&base("3.9.18")) && !new_enough(&base("2.7.18")) && !new_enough(&base("")));
    }

    #[test]
    fn a_missing_python_is_named() {
        let error = ask(Path::new("/nowhere/python"), "").unwrap_err().to_string();
        assert!(error.contains("/nowhere/python"), "{error}");
    }
}
