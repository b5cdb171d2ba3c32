//! A history as text for people.

use super::{Change, FEWEST_RUNS, History, Series};
use crate::comparison::{Better, signed_percent, value_in_words};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The changes, oldest first, with what was left out.
pub fn history_table(history: &History) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("{}", span(history)));
    let subjects: BTreeSet<&str> = history.series.iter().map(|series| series.subject.as_str()).collect();
    let mut changes: Vec<(&Series, &Change)> =
        history.series.iter().flat_map(|series| series.changes.iter().map(move |change| (series, change))).collect();
    changes.sort_by_key(|(_, change)| change.run);
    let mut shown = None;
    for (series, change) in &changes {
        if shown != Some(change.run) {
            shown = Some(change.run);
            let run = &history.runs[change.run];
            let version =
                if run.target_version.is_empty() { String::new() } else { format!(", {}", run.target_version) };
            line(&mut text, format_args!("\nfrom {}{version} on ({})", run.time, run.dir.display()));
        }
        let subject = if subjects.len() > 1 { format!("{}, ", series.subject) } else { String::new() };
        line(
            &mut text,
            format_args!(
                "  {:<40} {}",
                format!("{subject}{} {}", series.scope, series.metric.as_str()),
                words(series, change)
            ),
        );
    }
    if changes.is_empty() && !history.runs.is_empty() {
        let why = if history.too_short() {
            format!(
                "Too few runs: a change of level needs at least {FEWEST_RUNS} runs of the same app and tiers to show."
            )
        } else {
            "No change of level was found.".to_owned()
        };
        line(&mut text, format_args!("\n{why}"));
    }
    if !history.left_out.is_empty() {
        text.push('\n');
    }
    for note in &history.left_out {
        line(&mut text, format_args!("Note: {note}."));
    }
    text
}

fn span(history: &History) -> String {
    match (history.runs.first(), history.runs.last()) {
        (Some(first), Some(last)) if history.runs.len() > 1 => {
            format!("{} runs from {} to {}, {} series", history.runs.len(), first.time, last.time, history.series.len())
        }
        (Some(only), _) => format!("1 run, of {}", only.time),
        _ => "No run that can be used.".to_owned(),
    }
}

fn words(series: &Series, change: &Change) -> String {
    let worse = (change.after > change.before) == (series.better == Better::Lower);
    format!(
        "{:>10} -> {:>10}  {:>8}  p {}  {}",
        value_in_words(change.before, series.unit),
        value_in_words(change.after, series.unit),
        signed_percent(1.0 + change.change),
        if change.p < 0.0001 { "<0.0001".to_owned() } else { format!(" {:.4}", change.p) },
        if worse { "worse" } else { "better" },
    )
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}
