//! What is installed for which Gradio.

use crate::LabError;
use plimsoll_model::GradioSpec;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// The Gradio that this release of Plimsoll was tested with.
pub const PINNED_GRADIO: &str = "6.31.0";

/// The server stack around it, fixed.
const PINNED_STACK: &str = include_str!("../../../apps/requirements/gradio-6.31.0.txt");

/// Old Gradio releases set no upper bounds for packages that later broke them. Each row holds for releases before its
/// version; all rows that fit are taken.
const LIMITS_BEFORE: &[((u32, u32), &[&str])] = &[
    // Its templates are called in a way that newer Starlette (behind FastAPI) no longer takes.
    ((5, 0), &["fastapi<0.113"]),
    // The description of the API trips over the schemas of newer Pydantic.
    ((5, 24), &["pydantic<2.11", "audioop-lts; python_version >= \"3.13\""]),
    // Its login page imports a class that is gone.
    ((5, 50), &["huggingface_hub<1"]),
];

/// What an installer is told to install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Requirements {
    /// For people: `gradio 6.31.0`.
    pub(crate) what: String,
    /// Requirement specifiers and paths.
    pub(crate) packages: Vec<String>,
    /// Source trees, installed in place.
    pub(crate) editable: Vec<PathBuf>,
    /// The app's own requirements file.
    pub(crate) file: Option<PathBuf>,
    /// Text of a constraints file.
    pub(crate) constraints: String,
    /// Whether to try again without the constraints when they cannot be met.
    pub(crate) constraints_optional: bool,
    /// Content that the above stands for: files' hashes.
    pub(crate) content: Vec<String>,
    /// Module whose import shows that everything fits together.
    pub(crate) module: &'static str,
}

impl Requirements {
    pub(crate) fn new(gradio: &GradioSpec, file: Option<&Path>) -> Result<Self, LabError> {
        let mut all = Self { module: "gradio", ..Self::default() };
        match gradio {
            GradioSpec::Pinned => all.version(PINNED_GRADIO)?,
            GradioSpec::Version(version) => all.version(version.trim())?,
            GradioSpec::Wheel(path) => all.wheel(path)?,
            GradioSpec::Source(path) => all.source(path)?,
        }
        if let Some(path) = file {
            // An app that says what it needs may need it in other versions than ours.
            all.constraints_optional = true;
            all.content.push(hash_of(path)?);
            all.file = Some(absolute(path)?);
            all.what = format!("{} and {}", all.what, path.display());
        }
        Ok(all)
    }

    /// One package of this version, as it comes.
    pub(crate) fn package(name: &'static str, version: &str) -> Self {
        let packages = vec![format!("{name}=={version}")];
        Self { what: format!("{name} {version}"), packages, module: name, ..Self::default() }
    }

    /// The text whose hash names the environment.
    pub(crate) fn identity(&self) -> String {
        // The requirements file stands here with its content, not its place: two apps with equal ones share.
        format!("{:?}\n{:?}\n{}\n{:?}", self.packages, self.editable, self.constraints, self.content)
    }

    fn version(&mut self, version: &str) -> Result<(), LabError> {
        let Some(release) = release_of(version) else {
            return Err(LabError::BadGradio(format!(
                "{version:?} is not a Gradio version such as {PINNED_GRADIO}; for a wheel or a source tree give its \
                 path"
            )));
        };
        self.what = format!("gradio {version}");
        self.packages.push(format!("gradio=={version}"));
        for (before, limits) in LIMITS_BEFORE {
            if release < *before {
                self.packages.extend(limits.iter().map(|&limit| limit.to_owned()));
            }
        }
        if version == PINNED_GRADIO {
            self.constraints = PINNED_STACK.to_owned();
        } else if release >= (6, 0) {
            self.near_stack();
        }
        Ok(())
    }

    fn wheel(&mut self, path: &Path) -> Result<(), LabError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !path.is_file() || !name.ends_with(".whl") {
            return Err(LabError::BadGradio(format!("{} is not a wheel file (gradio-….whl)", path.display())));
        }
        self.what = format!("the wheel {name}");
        self.content.push(hash_of(path)?);
        self.packages.push(absolute(path)?.display().to_string());
        self.near_stack();
        Ok(())
    }

    fn source(&mut self, path: &Path) -> Result<(), LabError> {
        if !path.join("pyproject.toml").is_file() && !path.join("setup.py").is_file() {
            return Err(LabError::BadGradio(format!(
                "{} is not a source tree: it has neither pyproject.toml nor setup.py",
                path.display()
            )));
        }
        let path = absolute(path)?;
        self.what = format!("gradio from {}", path.display());
        // The client first: the tree's Gradio may need a version of it that was never released.
        let client = path.join("client/python");
        if client.join("pyproject.toml").is_file() {
            self.editable.push(client);
        }
        self.editable.push(path);
        // The code is read in place, but what it depends on is installed once.
        for folder in &self.editable {
            for name in ["pyproject.toml", "setup.py", "requirements.txt"] {
                let file = folder.join(name);
                if file.is_file() {
                    self.content.push(hash_of(&file)?);
                }
            }
        }
        self.near_stack();
        Ok(())
    }

    /// The pinned stack without Gradio's own packages: so that a comparison with the pinned release compares Gradio,
    /// not its dependencies.
    fn near_stack(&mut self) {
        let lines = PINNED_STACK.lines().filter(|line| !line.starts_with("gradio") && !line.starts_with("hf-gradio"));
        self.constraints = lines.map(|line| format!("{line}\n")).collect();
        self.constraints_optional = true;
    }
}

/// Major and minor version, or nothing for what cannot be a version.
fn release_of(version: &str) -> Option<(u32, u32)> {
    let plain = version.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '+' | '!' | '*'));
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    // `5.0b1` is a release before 5.0 only for pip; for the table it is 5.0.
    let digits: String = parts.next().unwrap_or("0").chars().take_while(char::is_ascii_digit).collect();
    plain.then_some((major, digits.parse().unwrap_or(0)))
}

fn absolute(path: &Path) -> Result<PathBuf, LabError> {
    fs::canonicalize(path).map_err(LabError::file("read", path))
}

fn hash_of(path: &Path) -> Result<String, LabError> {
    let content = fs::read(path).map_err(LabError::file("read", path))?;
    Ok(short_hex(&Sha256::digest(content)))
}

/// The first 16 hexadecimal digits: enough to tell a user's environments apart, and short enough to read.
pub(crate) fn short_hex(hash: &[u8]) -> String {
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: &str) -> Requirements {
        Requirements::new(&GradioSpec::Version(version.to_owned()), None).unwrap()
    }

    #[test]
    fn the_pinned_version_by_number_is_the_pinned_one() {
        assert_eq!(Requirements::new(&GradioSpec::Pinned, None).unwrap(), of(PINNED_GRADIO));
        assert!(of(PINNED_GRADIO).constraints.contains("starlette=="));
        assert!(PINNED_STACK.contains(&format!("gradio=={PINNED_GRADIO}\n")));
    }

    #[test]
    fn old_versions_get_the_limits_they_need() {
        let limited = |version: &str, package: &str| of(version).packages.iter().any(|line| line.starts_with(package));
        assert!(["fastapi<", "pydantic<", "huggingface_hub<"].iter().all(|package| limited("4.44.1", package)));
        assert!(!limited("5.9.1", "fastapi<") && limited("5.9.1", "pydantic<"));
        assert!(!limited("5.49.1", "pydantic<") && limited("5.49.1", "huggingface_hub<"));
        assert_eq!(of("5.50.0").packages, ["gradio==5.50.0"]);
        assert_eq!(of("6.0.0").packages, ["gradio==6.0.0"]);
    }

    #[test]
    fn a_neighbour_gets_the_same_stack_but_its_own_gradio() {
        let neighbour = of("6.30.0");
        assert!(neighbour.constraints.contains("starlette==") && neighbour.constraints_optional);
        assert!(!neighbour.constraints.contains("gradio_client") && !neighbour.constraints.contains("\ngradio=="));
        assert_eq!(of("5.50.0").constraints, "");
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in ["", "main", "6.0 --pre", "6.0;x", "./gradio"] {
            assert!(Requirements::new(&GradioSpec::Version(text.to_owned()), None).is_err(), "{text}");
        }
    }

    #[test]
    fn identity_follows_the_content_of_an_apps_requirements() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("requirements.txt");
        let identity = |text: &str| {
            fs::write(&file, text).unwrap();
            Requirements::new(&GradioSpec::Pinned, Some(&file)).unwrap().identity()
        };
        let first = identity("torch\n");
        assert_ne!(first, identity("torch<3\n"));
        assert_eq!(first, identity("torch\n"));
        assert_ne!(first, of(PINNED_GRADIO).identity());
    }

    #[test]
    fn a_source_tree_brings_its_client() {
        let tree = tempfile::tempdir().unwrap();
        assert!(Requirements::new(&GradioSpec::Source(tree.path().to_owned()), None).is_err());
        fs::create_dir_all(tree.path().join("client/python")).unwrap();
        fs::write(tree.path().join("pyproject.toml"), "").unwrap();
        fs::write(tree.path().join("client/python/pyproject.toml"), "").unwrap();
        let all = Requirements::new(&GradioSpec::Source(tree.path().to_owned()), None).unwrap();
        assert_eq!(all.editable.len(), 2);
        assert!(all.editable[0].ends_with("client/python"));
    }
}
