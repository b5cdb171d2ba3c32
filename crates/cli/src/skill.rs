//! `plimsoll install-skill`: puts a short guide to Plimsoll where AI coding tools look for one.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The guide, with the front matter that Claude reads.
const SKILL: &str = include_str!("skill.md");

/// Our part of a file that is shared with the user lies between these two lines.
const BEGIN: &str = "<!-- plimsoll:begin -->";
const END: &str = "<!-- plimsoll:end -->";

/// A tool that the guide can be installed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SkillTarget {
    /// Claude: `.claude/skills/plimsoll/SKILL.md`.
    Claude,
    /// Cursor: `.cursor/rules/plimsoll.mdc`.
    Cursor,
    /// Codex, and others that read `AGENTS.md`.
    Codex,
}

impl SkillTarget {
    const ALL: [Self; 3] = [Self::Claude, Self::Cursor, Self::Codex];
}

/// One file that holds the guide now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    /// The tool that reads it.
    pub target: SkillTarget,
    /// Where it is.
    pub path: PathBuf,
    /// What was done to it.
    pub action: Action,
}

impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = match self.target {
            SkillTarget::Claude => "claude",
            SkillTarget::Cursor => "cursor",
            SkillTarget::Codex => "codex",
        };
        let action = match self.action {
            Action::Wrote => "wrote",
            Action::Appended => "appended to",
            Action::Updated => "updated",
            Action::Unchanged => "already up to date in",
        };
        write!(f, "{tool}: {action} {}", self.path.display())
    }
}

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The file is new.
    Wrote,
    /// Our part was added at the end of the user's file.
    Appended,
    /// An older text of ours was replaced.
    Updated,
    /// The file held this text already.
    Unchanged,
}

/// Why the guide could not be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SkillError {
    /// A folder could not be made.
    #[error("cannot make the folder {}: {source}. Make its parent writable, or run the command in another folder.",
        path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that exists could not be read.
    #[error("cannot read {}: {source}. Check its permissions, and that it is a file of UTF-8 text.", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}. Check its permissions and the free space on the disk.", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The lines around our part are not a pair.
    #[error("{} does not have the lines {BEGIN} and {END} once each, in this order. \
        Remove what is left of them and run the command again.", path.display())]
    Markers {
        /// The file.
        path: PathBuf,
    },
}

/// Installs the guide below `dir` for each of `targets`, or for all of them when none is named.
///
/// Files that belong to Plimsoll alone are replaced when they differ. In `AGENTS.md` only the part between our own
/// two marker lines is ever changed.
pub(crate) fn install(dir: &Path, targets: &[SkillTarget]) -> Result<Vec<Installed>, SkillError> {
    let targets = if targets.is_empty() { &SkillTarget::ALL[..] } else { targets };
    targets
        .iter()
        .map(|&target| {
            let (path, action) = match target {
                SkillTarget::Claude => {
                    let path = dir.join(".claude/skills/plimsoll/SKILL.md");
                    let action = install_own(&path, SKILL)?;
                    (path, action)
                }
                SkillTarget::Cursor => {
                    let path = dir.join(".cursor/rules/plimsoll.mdc");
                    let action = install_own(&path, &cursor_rule(SKILL))?;
                    (path, action)
                }
                SkillTarget::Codex => {
                    let path = dir.join("AGENTS.md");
                    let action = install_shared(&path, split_front_matter(SKILL).1)?;
                    (path, action)
                }
            };
            Ok(Installed { target, path, action })
        })
        .collect()
}

/// Writes a file that is ours alone.
fn install_own(path: &Path, text: &str) -> Result<Action, SkillError> {
    let action = match read(path)? {
        Some(old) if old == text => return Ok(Action::Unchanged),
        Some(_) => Action::Updated,
        None => Action::Wrote,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| SkillError::Folder { path: folder.to_owned(), source })?;
    }
    replace(path, text)?;
    Ok(action)
}

/// Puts our part into a file that the user may have written in.
fn install_shared(path: &Path, text: &str) -> Result<Action, SkillError> {
    let block = format!("{BEGIN}\n{}\n{END}\n", text.trim());
    let Some(old) = read(path)? else {
        replace(path, &block)?;
        return Ok(Action::Wrote);
    };
    let markers = || SkillError::Markers { path: path.to_owned() };
    match (only(&old, BEGIN), only(&old, END)) {
        (Occurs::Never, Occurs::Never) => {
            let gap = match &old {
                old if old.is_empty() => "",
                old if old.ends_with("\n\n") => "",
                old if old.ends_with('\n') => "\n",
                _ => "\n\n",
            };
            append(path, &format!("{gap}{block}"))?;
            Ok(Action::Appended)
        }
        (Occurs::Once(begin), Occurs::Once(end)) if begin < end => {
            let end = end + END.len();
            let block = block.trim_end();
            // An editor may have changed the line ends of the whole file.
            if old[begin..end].replace("\r\n", "\n") == block {
                return Ok(Action::Unchanged);
            }
            replace(path, &format!("{}{block}{}", &old[..begin], &old[end..]))?;
            Ok(Action::Updated)
        }
        _ => Err(markers()),
    }
}

enum Occurs {
    Never,
    Once(usize),
    Often,
}

fn only(text: &str, word: &str) -> Occurs {
    let mut places = text.match_indices(word).map(|(at, _)| at);
    match (places.next(), places.next()) {
        (None, _) => Occurs::Never,
        (Some(at), None) => Occurs::Once(at),
        (Some(_), Some(_)) => Occurs::Often,
    }
}

/// The guide as a Cursor rule: its front matter has other keys.
fn cursor_rule(skill: &str) -> String {
    let (front, body) = split_front_matter(skill);
    let description = front.lines().find_map(|line| line.strip_prefix("description: ")).unwrap_or_default();
    format!("---\ndescription: {description}\nalwaysApply: false\n---\n\n{}\n", body.trim())
}

/// The lines between the two `---` at the start, and what follows them.
fn split_front_matter(text: &str) -> (&str, &str) {
    text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).unwrap_or(("", text))
}

/// The file's text; `None` when there is no such file.
fn read(path: &Path) -> Result<Option<String>, SkillError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SkillError::Read { path: path.to_owned(), source }),
    }
}

fn append(path: &Path, text: &str) -> Result<(), SkillError> {
    let written = fs::OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| SkillError::Write { path: path.to_owned(), source })
}

/// Writes the whole file by way of a second one, so that a full disk never costs the user the old text. A link stays
/// a link: the file that it points to is replaced.
fn replace(path: &Path, text: &str) -> Result<(), SkillError> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = real.file_name().unwrap_or_default().to_owned();
    name.push(".plimsoll-new");
    let new = real.with_file_name(name);
    let written = fs::write(&new, text)
        .and_then(|()| match fs::metadata(&real) {
            Ok(old) => fs::set_permissions(&new, old.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&new, &real));
    written.map_err(|source| {
        // What was half written is ours; that it may stay behind changes nothing for the user.
        let _ = fs::remove_file(&new);
        SkillError::Write { path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn install_codex(dir: &TempDir) -> Result<Action, SkillError> {
        install(dir.path(), &[SkillTarget::Codex]).map(|installed| installed[0].action)
    }

    #[test]
    fn installs_all_when_none_is_named_and_then_changes_nothing() {
        let dir = TempDir::new().unwrap();
        let first = install(dir.path(), &[]).unwrap();
        let paths: Vec<_> = first.iter().map(|one| one.path.strip_prefix(dir.path()).unwrap().to_owned()).collect();
        let expected = [".claude/skills/plimsoll/SKILL.md", ".cursor/rules/plimsoll.mdc", "AGENTS.md"];
        assert_eq!(paths, expected.map(PathBuf::from));
        assert!(first.iter().all(|one| one.action == Action::Wrote), "{first:?}");
        let texts: Vec<_> = first.iter().map(|one| fs::read_to_string(&one.path).unwrap()).collect();

        let second = install(dir.path(), &[]).unwrap();
        assert!(second.iter().all(|one| one.action == Action::Unchanged), "{second:?}");
        let same: Vec<_> = second.iter().map(|one| fs::read_to_string(&one.path).unwrap()).collect();
        assert_eq!(texts, same);
    }

    #[test]
    fn says_what_it_did() {
        let one = Installed { target: SkillTarget::Codex, path: "AGENTS.md".into(), action: Action::Appended };
        assert_eq!(one.to_string(), "codex: appended to AGENTS.md");
    }

    #[test]
    fn installs_only_what_is_named() {
        let dir = TempDir::new().unwrap();
        install(dir.path(), &[SkillTarget::Cursor]).unwrap();
        let entries: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(entries, [".cursor"]);
    }

    #[test]
    fn each_tool_gets_the_front_matter_it_reads() {
        let (front, body) = split_front_matter(SKILL);
        assert!(front.contains("name: plimsoll"));
        let description = front.lines().find_map(|line| line.strip_prefix("description: ")).unwrap();
        assert!(!description.contains(": ") && !description.contains(" #"), "not plain YAML: {description}");
        let rule = cursor_rule(SKILL);
        assert!(rule.starts_with(&format!("---\ndescription: {description}\nalwaysApply: false\n---\n\n# ")));
        assert!(rule.ends_with(&format!("{}\n", body.trim())));

        let dir = TempDir::new().unwrap();
        install_codex(&dir).unwrap();
        let agents = fs::read_to_string(dir.path().join("AGENTS.md")).unwrap();
        assert!(agents.starts_with(&format!("{BEGIN}\n# ")), "{agents}");
    }

    #[test]
    fn appends_once_to_what_the_user_wrote() {
        for theirs in ["", "# Mine", "# Mine\n", "# Mine\n\n", "# plimsoll\r\nI use plimsoll.\r\n"] {
            let dir = TempDir::new().unwrap();
            let path = dir.path().join("AGENTS.md");
            fs::write(&path, theirs).unwrap();
            assert_eq!(install_codex(&dir).unwrap(), Action::Appended);
            assert_eq!(install_codex(&dir).unwrap(), Action::Unchanged);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with(theirs), "{text}");
            assert_eq!(text.matches(BEGIN).count(), 1, "{text}");
        }
    }

    #[test]
    fn replaces_only_its_own_older_text() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("AGENTS.md");
        fs::write(&path, format!("before\n{BEGIN}\nold\n{END}\nafter\n")).unwrap();
        assert_eq!(install_codex(&dir).unwrap(), Action::Updated);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("before\n{BEGIN}\n# ")), "{text}");
        assert!(text.ends_with(&format!("\n{END}\nafter\n")), "{text}");
        assert!(!text.contains("old\n"));
        assert_eq!(install_codex(&dir).unwrap(), Action::Unchanged);

        let own = dir.path().join(".claude/skills/plimsoll/SKILL.md");
        fs::create_dir_all(own.parent().unwrap()).unwrap();
        fs::write(&own, "old").unwrap();
        assert_eq!(install(dir.path(), &[SkillTarget::Claude]).unwrap()[0].action, Action::Updated);
        assert_eq!(fs::read_to_string(&own).unwrap(), SKILL);
    }

    #[test]
    fn other_line_ends_are_no_change() {
        let dir = TempDir::new().unwrap();
        install_codex(&dir).unwrap();
        let path = dir.path().join("AGENTS.md");
        let text = fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
        fs::write(&path, text).unwrap();
        assert_eq!(install_codex(&dir).unwrap(), Action::Unchanged);
    }

    #[test]
    fn refuses_markers_that_are_no_pair() {
        for broken in [BEGIN.to_owned(), END.to_owned(), format!("{END}{BEGIN}"), format!("{BEGIN}{BEGIN}{END}")] {
            let dir = TempDir::new().unwrap();
            let path = dir.path().join("AGENTS.md");
            fs::write(&path, &broken).unwrap();
            let message = install_codex(&dir).unwrap_err().to_string();
            assert!(message.contains("AGENTS.md") && message.contains("Remove"), "{message}");
            assert_eq!(fs::read_to_string(&path).unwrap(), broken);
        }
    }

    #[test]
    fn errors_name_the_file() {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("AGENTS.md"), [0xff, 0xfe]).unwrap();
        let message = install_codex(&dir).unwrap_err().to_string();
        assert!(message.contains("AGENTS.md") && message.contains("UTF-8"), "{message}");

        fs::write(dir.path().join(".cursor"), "a file where a folder should be").unwrap();
        let message = install(dir.path(), &[SkillTarget::Cursor]).unwrap_err().to_string();
        assert!(message.contains(".cursor"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let dir = TempDir::new().unwrap();
        let (real, link) = (dir.path().join("CLAUDE.md"), dir.path().join("AGENTS.md"));
        fs::write(&real, format!("{BEGIN}\nold\n{END}\n")).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(install_codex(&dir).unwrap(), Action::Updated);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(!fs::read_to_string(&real).unwrap().contains("old\n"));
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 2);
    }
}
