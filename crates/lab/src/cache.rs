//! Where environments and unpacked apps are kept between runs.

use crate::LabError;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The cache folder: `PLIMSOLL_CACHE_DIR`, else the system's place for caches. It may not exist yet.
pub fn cache_dir() -> Result<PathBuf, LabError> {
    cache_dir_from(|name| std::env::var_os(name), cfg!(target_os = "macos"))
}

fn cache_dir_from(variable: impl Fn(&str) -> Option<OsString>, macos: bool) -> Result<PathBuf, LabError> {
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(own) = folder("PLIMSOLL_CACHE_DIR") {
        // Children run in other folders, so a relative path must be fixed now.
        return std::path::absolute(&own).map_err(LabError::file("find", own));
    }
    // The XDG specification says to ignore relative paths.
    if let Some(xdg) = folder("XDG_CACHE_HOME").filter(|path| path.is_absolute()) {
        return Ok(xdg.join("plimsoll"));
    }
    let home = folder("HOME").ok_or(LabError::NoCacheDir)?;
    Ok(home.join(if macos { "Library/Caches/plimsoll" } else { ".cache/plimsoll" }))
}

/// Makes a folder and those above it.
pub(crate) fn create_dir(path: &Path) -> Result<(), LabError> {
    fs::create_dir_all(path).map_err(LabError::file("create", path))
}

/// Writes a file so that nobody ever sees half of it; leaves one with the same content alone.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), LabError> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(LabError::file("write", path))?;
    file.write_all(content).map_err(LabError::file("write", path))?;
    file.persist(path).map_err(|error| LabError::file("write", path)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)], macos: bool) -> Option<PathBuf> {
        let variable = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        cache_dir_from(variable, macos).ok()
    }

    #[test]
    fn follows_the_variables_in_order() {
        let all = [("PLIMSOLL_CACHE_DIR", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(from(&all, false), Some("/a".into()));
        assert_eq!(from(&all[1..], false), Some("/b/plimsoll".into()));
        assert_eq!(from(&all[2..], false), Some("/c/.cache/plimsoll".into()));
        assert_eq!(from(&all[2..], true), Some("/c/Library/Caches/plimsoll".into()));
        assert_eq!(from(&[("XDG_CACHE_HOME", "relative")], false), None);
    }
}
