//! A comment on a pull request that is found and written anew by each run.

use super::markdown::{Shown, body};
use super::{CiReport, slug};

/// GitHub takes 65,536 characters; this leaves room for what an action adds.
const BUDGET: usize = 60_000;

/// The comment. Its first line is a mark, invisible to readers, by which an action finds the comment of the run before;
/// `name` tells apart the comments of several runs in one pull request.
pub fn comment(report: &CiReport, name: &str) -> String {
    // Two dashes would end the mark.
    let mark = format!("<!-- plimsoll:{} -->\n", slug(name));
    let shown = Shown { errors: 5, names: true };
    let body = body(report, &shown, BUDGET - mark.len());
    mark + &body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::testdata::report;

    #[test]
    fn whole() {
        insta::assert_snapshot!(comment(&report(), "shop --> <b>"));
    }

    #[test]
    fn it_stays_below_what_github_takes() {
        let mut report = report();
        let mut part = report.parts[0].clone();
        part.names = vec![part.names[0].clone(); 500];
        part.errors = vec![part.errors[0].clone(); 500];
        report.parts = vec![part; 100];
        let text = comment(&report, "shop");
        assert!(text.len() <= BUDGET && text.chars().count() < 65_536, "{}", text.len());
        assert!(text.starts_with("<!-- plimsoll:shop -->\n### Plimsoll: ❌ fail") && text.contains("_Cut off here"));
        assert!(text.lines().filter(|line| line.starts_with("| ")).all(|line| line.ends_with('|')));
    }
}
