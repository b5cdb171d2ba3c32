//! A comparison as a comment for a pull request.

use super::data::{ComparisonOutcome, ComparisonRow, RunComparison};
use super::table::{p_text, signed_percent, value_in_words};
use std::fmt::Write;

/// The marker by which a comment is found again, to replace it.
const MARKER: &str = "<!-- plimsoll comparison -->";

/// The comparison in Markdown: the conclusion, what decides, and the rest folded away.
pub fn comparison_markdown(comparison: &RunComparison) -> String {
    let mut text = format!("{MARKER}\n### {} Performance: {}\n\n", sign(comparison.outcome), title(comparison.outcome));
    push(&mut text, format_args!("{}\n", comparison.conclusion));
    let sides = [("Base", &comparison.base), ("Branch", &comparison.branch)];
    for (side, arm) in sides {
        let count = arm.runs.len();
        push(
            &mut text,
            format_args!("- {side}: {}, {count} run{}", clean(&arm.label), if count == 1 { "" } else { "s" }),
        );
    }
    for difference in &comparison.differences {
        push(&mut text, format_args!("- Differs: {}", clean(difference)));
    }
    text.push('\n');
    table(&mut text, comparison.gate());
    if comparison.rows.iter().any(|row| !row.gate) {
        text.push_str("\n<details><summary>All other figures</summary>\n\n");
        table(&mut text, comparison.rows.iter().filter(|row| !row.gate));
        text.push_str("\n</details>\n");
    }
    if !comparison.warnings.is_empty() {
        text.push('\n');
        for warning in &comparison.warnings {
            push(&mut text, format_args!("> **Warning:** {}.", clean(warning)));
            push(&mut text, format_args!(">"));
        }
    }
    text
}

fn table<'a>(text: &mut String, rows: impl Iterator<Item = &'a ComparisonRow>) {
    text.push_str("| | metric | base | branch | effect | 95 % interval | p | could see | verdict |\n");
    text.push_str("|---|---|---:|---:|---:|---|---:|---:|---|\n");
    for row in rows {
        let verdict = row.verdict.as_str();
        let strong = row.verdict.is_worse() || row.verdict.is_better();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        push(
            text,
            format_args!(
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                clean(&row.scope),
                row.metric.as_str(),
                value_in_words(row.base, row.unit),
                value_in_words(row.branch, row.unit),
                or_dash(row.ratio.map(signed_percent)),
                or_dash(row.interval.map(|(low, high)| format!("{} to {}", signed_percent(low), signed_percent(high)))),
                or_dash(row.p_adjusted.map(|p| p_text(Some(p)))),
                or_dash(row.smallest_detectable.map(|effect| format!("±{:.1}%", effect * 100.0))),
                if strong { format!("**{verdict}**") } else { verdict.to_owned() },
            ),
        );
    }
}

/// Labels of others must not become markup: no table cell ends early, no tag, no line ends.
fn clean(text: &str) -> String {
    let text = crate::text::one_line(text, 300);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace('`', "'").replace('@', "@\u{200b}")
}

fn sign(outcome: ComparisonOutcome) -> &'static str {
    match outcome {
        ComparisonOutcome::Regression => "❌",
        ComparisonOutcome::TooFewRuns => "⚠️",
        ComparisonOutcome::Improvement | ComparisonOutcome::NoRegression => "✅",
    }
}

fn title(outcome: ComparisonOutcome) -> &'static str {
    match outcome {
        ComparisonOutcome::Regression => "regression",
        ComparisonOutcome::TooFewRuns => "inconclusive",
        ComparisonOutcome::Improvement => "improvement",
        ComparisonOutcome::NoRegression => "no regression",
    }
}

fn push(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}
