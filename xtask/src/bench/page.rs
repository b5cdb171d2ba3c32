//! The benchmark page: each result stands between two marks of its own.

use crate::{Result, root};
use std::path::{Path, PathBuf};

/// The page that a result will be written into. Looked at before anything is measured: a page that cannot take the
/// result shall not cost a whole run.
pub(super) struct Page {
    path: PathBuf,
    mark: &'static str,
    text: String,
}

impl Page {
    /// The page in the repository, if it is to be written.
    pub(super) fn open(write: bool, mark: &'static str) -> Result<Option<Self>> {
        if write { Self::read(&root().join("docs/src/benchmarks.md"), mark).map(Some) } else { Ok(None) }
    }

    fn read(path: &Path, mark: &'static str) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        with(&text, mark, "").map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), mark, text })
    }

    pub(super) fn write(self, result: &str) -> Result<()> {
        let text = with(&self.text, self.mark, result)?;
        std::fs::write(&self.path, text).map_err(|error| format!("{}: {error}", self.path.display()))?;
        eprintln!("written to {}", self.path.display());
        Ok(())
    }
}

/// The page with what stands between the marks replaced.
fn with(page: &str, mark: &str, result: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- result: {mark} -->\n"), format!("<!-- end: {mark} -->"));
    let missing = |what: &str| format!("the page has no {:?}", what.trim());
    let from = page.find(&begin).ok_or_else(|| missing(&begin))? + begin.len();
    let to = page[from..].find(&end).ok_or_else(|| missing(&end))? + from;
    Ok(format!("{}\n{}\n\n{}", &page[..from], result.trim(), &page[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_own_text() {
        let page = "# Title\n\n<!-- result: http -->\n\nold\n\n<!-- end: http -->\n\nWords.\n";
        let new = with(page, "http", "new\n\n").unwrap();
        assert_eq!(new, "# Title\n\n<!-- result: http -->\n\nnew\n\n<!-- end: http -->\n\nWords.\n");
        assert_eq!(with(&new, "http", "new").unwrap(), new);
        assert!(with(page, "open", "new").is_err());
    }

    #[test]
    fn the_page_of_this_repository_has_room_for_all() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/benchmarks.md");
        for mark in ["gradio", "http", "open", "llm", "live"] {
            Page::read(&page, mark).unwrap();
        }
    }
}
