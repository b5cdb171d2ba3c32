//! How rules fared, and what a run comes to, as text.

use crate::text::one_line;
use crate::{Summary, ThresholdResult, Verdict};
use std::fmt::Write as _;

/// Longest rule in a table, in characters.
const LONGEST: usize = 80;

/// The rules under a heading, one line each. Empty without any.
pub(crate) fn rules_table(heading: &str, rules: &[ThresholdResult]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let titles: Vec<String> = rules.iter().map(|rule| one_line(&rule.title(), LONGEST)).collect();
    let width = titles.iter().map(|title| title.chars().count()).chain([5]).max().unwrap_or(0);
    let mut table = format!("{heading}\n");
    for (rule, title) in rules.iter().zip(titles) {
        let row = format!("  {} {title:<width$} {:>11}{}", mark(rule.ok), rule.value_in_words(), thin(rule));
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{}", row.trim_end());
    }
    table
}

/// How the rules fared in each tier of a Gradio app. Empty without any.
pub fn tier_rules_table(summary: &Summary) -> String {
    summary.tiers.iter().map(|tier| rules_table(&format!("Rules, tier {}", tier.tier), &tier.thresholds)).collect()
}

/// What the run comes to, and why.
pub fn verdict_text(verdict: &Verdict) -> String {
    let reasons: String =
        verdict.reasons.iter().map(|reason| format!("  {}\n", one_line(reason, usize::MAX))).collect();
    format!("Verdict: {}\n{reasons}", verdict.result.as_str())
}

pub(crate) fn mark(ok: Option<bool>) -> &'static str {
    match ok {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "?",
    }
}

/// Of several marks the one that decides.
pub(crate) fn worst(marks: impl Iterator<Item = &'static str>) -> &'static str {
    marks.max_by_key(|mark| ["✓", "?", "✗"].iter().position(|other| other == mark)).unwrap_or("-")
}

fn thin(rule: &ThresholdResult) -> String {
    if rule.enough || rule.ok.is_none() { String::new() } else { format!("  (of only {})", rule.samples_in_words()) }
}
