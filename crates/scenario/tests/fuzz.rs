//! No text makes the reader panic, nor the rendering of what it says.

use plimsoll_scenario::{Overrides, Problem, ScenarioError, parse, resolve, to_toml};
use proptest::prelude::*;

fn anything_goes(text: &str) {
    match parse(text, "f.toml") {
        Err(error) => drop((error.to_string(), error.render(true))),
        Ok(scenario) => {
            assert_eq!(parse(&to_toml(&scenario), "f.toml").as_ref(), Ok(&scenario), "{}", to_toml(&scenario));
            if let Err(problem) = resolve(&scenario, &Overrides::default()) {
                drop(ScenarioError::of_problem(text, "f.toml", problem).render(true));
            }
        }
    }
    for at in ["request.0.task", "load.users", "", "data.é.file", "journey.0.step.1.path"] {
        drop(ScenarioError::of_problem(text, "f.toml", Problem::new(at, "é\n\nü")).render(true));
    }
}

const PIECES: [&str; 44] = [
    "[target]",
    "url",
    "=",
    "\"http://x\"",
    "\n",
    "[[request]]",
    "path",
    "\"/é\"",
    "[load]",
    "executor",
    "\"users\"",
    "users",
    "10",
    "duration",
    "\"1m\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ".",
    "'''",
    "\"\"\"",
    "日本",
    "\r\n",
    "\t",
    "# c\n",
    "data",
    "file",
    "[think]",
    "between",
    "[\"1s\", \"2s\"]",
    "1.5",
    "-1",
    "nan",
    "2026-01-01",
    "true",
    "[[journey]]",
    "[[journey.step]]",
    "name",
    "\u{1b}[31m",
    "\u{0}",
    "\\",
    "🚢",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text(text in ".*") {
        anything_goes(&text);
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40), glue in "[ \n]?") {
        anything_goes(&pieces.join(&glue));
    }

    /// A whole file, cut off or with one piece put in somewhere: most such mistakes are near the truth.
    #[test]
    fn nearly_right(cut in 0usize..600, piece in prop::sample::select(&PIECES[..]), rest in any::<bool>()) {
        let text = include_str!("../../../examples/mixed.toml");
        let mut at = cut.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let rest = if rest { &text[at..] } else { "" };
        anything_goes(&format!("{}{piece}{rest}", &text[..at]));
    }
}

#[test]
fn deep_nesting() {
    for text in [
        format!("{}=1", vec!["a"; 50_000].join(".")),
        format!("[{}]", vec!["a"; 50_000].join(".")),
        format!("a={}", "[".repeat(50_000)),
        format!("a={}", "{a=".repeat(50_000)),
    ] {
        anything_goes(&text);
    }
}
