//! The parts of a report in GitHub's Markdown, the most important first. Texts of servers and users are put so that
//! they neither turn into markup nor call anybody by name.

use super::{CiPart, CiReport, CiRow, CiRule, verdict_word};
use crate::ThresholdState;
use crate::text::{one_line, percent, rate, thousands, time};
use std::fmt::Write as _;

/// Longest name and longest message, in characters.
const LONGEST_NAME: usize = 80;
const LONGEST_MESSAGE: usize = 200;
/// Rows of a table of names.
const MOST_NAMES: usize = 200;

/// What is shown of a report.
pub(super) struct Shown {
    /// Rows of the table of errors.
    pub errors: usize,
    /// Whether to show a row for each name.
    pub names: bool,
}

/// All of it, at most so many bytes; what does not fit is cut off at the end of a line, and a sentence says so.
pub(super) fn body(report: &CiReport, shown: &Shown, budget: usize) -> String {
    let sections = [
        head(report),
        rules(report),
        parts(report, shown.names),
        errors(report, shown.errors),
        list("What to keep in mind", &report.diagnosis),
        facts(report),
    ];
    let text = sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n");
    fit(text, budget)
}

/// At most so many bytes of a text; what does not fit is cut off at the end of a line, and a sentence says so.
pub(super) fn fit(text: String, budget: usize) -> String {
    const SENTENCE: &str = "\n_Cut off here: there is no room for more. The run's directory has everything._\n";
    if text.len() <= budget {
        return text;
    }
    let mut end = budget.saturating_sub(SENTENCE.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let end = text[..end].rfind('\n').map_or(0, |at| at + 1);
    format!("{}{SENTENCE}", &text[..end])
}

fn head(report: &CiReport) -> String {
    let mut text = format!("### Plimsoll: {} — {}\n", verdict_word(report.verdict.result), plain(&report.name));
    if let Some(why) = &report.partial {
        let _ = writeln!(text, "\n**Partial:** {}", plain(why));
    }
    if !report.limited.is_empty() {
        let _ = writeln!(
            text,
            "\n**The load generator was the limit:** these figures may show it, not the target. {}",
            plain(&report.limited.join("; "))
        );
    }
    if let Some(found) = &report.headline {
        let _ = writeln!(text, "\n**Load line:** {}", plain(found));
    }
    let told = |reason: &&String| !reason.contains("generator-limited") && !reason.contains("the run ended early");
    let reasons: Vec<&String> = report.verdict.reasons.iter().filter(told).collect();
    if !reasons.is_empty() {
        text.push('\n');
        reasons.iter().take(20).for_each(|reason| text += &format!("- {}\n", plain(reason)));
        if reasons.len() > 20 {
            let _ = writeln!(text, "- and {} more", reasons.len() - 20);
        }
    }
    text
}

fn rules(report: &CiReport) -> String {
    if !report.has_rules() {
        return String::new();
    }
    let mut text = "| | rule | of | value | 95 % interval | values |\n|---|---|---|---|---|---|\n".to_owned();
    // What is wrong comes first.
    for state in [ThresholdState::Broken, ThresholdState::Unsure, ThresholdState::Met] {
        report.rules(state).for_each(|(part, rule)| text += &rule_row(state, part, rule));
    }
    text
}

fn rule_row(state: ThresholdState, part: &CiPart, rule: &CiRule) -> String {
    let mark = match state {
        ThresholdState::Met => "✅",
        ThresholdState::Broken => "❌",
        ThresholdState::Unsure => "❔",
    };
    let result = &rule.result;
    let of = match &result.request {
        Some(request) => format!("{}, {}", plain(&part.title), code(request)),
        None => plain(&part.title),
    };
    let few = if result.enough || result.value.is_none() { "" } else { " (too few)" };
    format!(
        "| {mark} | {} | {of} | {} | {} | {}{few} |\n",
        code(&result.rule),
        result.value_in_words(),
        result.interval_in_words().unwrap_or_default(),
        thousands(result.samples)
    )
}

fn parts(report: &CiReport, names: bool) -> String {
    if report.parts.is_empty() {
        return String::new();
    }
    let mut text =
        "| | requests | failed | ok/s | p50 | p90 | p95 | p99 |\n|---|--:|--:|--:|--:|--:|--:|--:|\n".to_owned();
    for part in &report.parts {
        text += &row(&plain(&part.title), &part.all);
        let shown = if names { part.names.len().min(MOST_NAMES) } else { 0 };
        part.names[..shown]
            .iter()
            .for_each(|of| text += &row(&format!("{}, {}", plain(&part.title), code(&of.name)), of));
    }
    text
}

fn row(title: &str, of: &CiRow) -> String {
    let times = of.times.as_ref();
    let [p50, p90, p95, p99] =
        [times.map(|t| t.p50), times.map(|t| t.p90), times.map(|t| t.p95), times.map(|t| t.p99)].map(time);
    format!(
        "| {title} | {} | {} | {} | {p50} | {p90} | {p95} | {p99} |\n",
        thousands(of.requests),
        of.failed_share().map_or_else(|| "-".to_owned(), percent),
        rate(of.rps)
    )
}

fn errors(report: &CiReport, most: usize) -> String {
    let all = report.parts.iter().flat_map(|part| part.errors.iter().map(move |error| (part, error)));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(_, error)| std::cmp::Reverse(error.count));
    if all.is_empty() {
        return String::new();
    }
    let mut text = "| errors | class | of | first message |\n|--:|---|---|---|\n".to_owned();
    for (part, error) in all.iter().take(most) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            thousands(error.count),
            error.class,
            plain(&part.title),
            code_of(&error.example, LONGEST_MESSAGE)
        );
    }
    if all.len() > most {
        let _ = writeln!(text, "\n_and {} kinds more_", all.len() - most);
    }
    text
}

fn list(heading: &str, sentences: &[String]) -> String {
    if sentences.is_empty() {
        return String::new();
    }
    let lines: String = sentences.iter().map(|sentence| format!("- {}\n", plain(sentence))).collect();
    format!("<details><summary>{heading}</summary>\n\n{lines}\n</details>\n")
}

fn facts(report: &CiReport) -> String {
    let facts = report.facts.iter().map(|(name, value)| format!("{name}: {}", plain(value)));
    let facts: Vec<String> = facts.chain([format!("run: {}", plain(&report.timestamp))]).collect();
    format!("<sub>{}</sub>\n", facts.join(" · "))
}

/// As code: nothing in it is markup, and nobody is called by name.
fn code(text: &str) -> String {
    code_of(text, LONGEST_NAME)
}

fn code_of(text: &str, longest: usize) -> String {
    let text = one_line(text, longest).replace('`', "'").replace('|', "\\|");
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// As plain text.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text, 2 * LONGEST_MESSAGE).chars() {
        match c {
            // A backslash would not keep these from being tags, names or tables.
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '@' => out += "&#64;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}
