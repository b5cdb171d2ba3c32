//! What the figures of a run mean, in sentences.
//!
//! Each rule is a pure function of a [`View`], which tiers of a Gradio app and levels of a scenario have in common. A rule
//! that has too little to go by says nothing.

mod concurrency;
mod failures;
mod few;
mod generator;
mod groups;
mod limits;
mod queueing;
mod saturation;
mod settling;
mod stall;
#[cfg(test)]
mod testdata;
mod view;
mod warmup;
mod words;

use crate::text::one_line;
use crate::{LevelSummary, Summary};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use view::View;

/// Most sentences that are printed.
const MOST_PRINTED: usize = 8;

/// One thing that the figures of a run mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What it is about.
    pub kind: DiagnosisKind,
    /// How much it matters.
    pub severity: Severity,
    /// What it says, as one sentence.
    pub sentence: String,
    /// The figures that it rests on.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// What a diagnosis is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiagnosisKind {
    /// The load generator may have set the figures.
    Generator,
    /// The machine of the load generator had to share its processors.
    NoisyHost,
    /// Which failures there were, and when.
    Failures,
    /// Requests that were given up at the timeout are in no percentile.
    Timeout,
    /// The target limits our rate.
    RateLimit,
    /// Where throughput stops growing with the load.
    Saturation,
    /// Whether requests wait or are worked on.
    Queueing,
    /// The load was not what was asked for.
    Concurrency,
    /// The server was cold, or its first requests were slow.
    ColdStart,
    /// The times still changed.
    Settling,
    /// A closed load made no requests while it waited for a long answer.
    Stall,
    /// Answers came from a cache.
    Cache,
    /// The times fall into two groups.
    Groups,
    /// Too few requests for a percentile.
    FewRequests,
}

/// How much a diagnosis matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// To be kept in mind when the figures are used.
    Notice,
    /// Figures are wrong or something is broken: act before the figures are used.
    Warning,
}

impl Diagnosis {
    fn new(kind: DiagnosisKind, severity: Severity, sentence: String, evidence: Vec<String>) -> Self {
        Self { kind, severity, sentence, evidence }
    }
}

/// What the tiers of a Gradio app mean.
pub(crate) fn of_tiers(summary: &Summary) -> Vec<Diagnosis> {
    diagnose(&View::of_tiers(summary))
}

/// What the levels of a scenario mean.
pub(crate) fn of_levels(levels: &[LevelSummary]) -> Vec<Diagnosis> {
    diagnose(&View::of_levels(levels))
}

/// Every rule, the most severe first; of the same severity in the order of the rules.
fn diagnose(view: &View) -> Vec<Diagnosis> {
    let rules = [
        generator::limited,
        failures::failures,
        failures::timeouts,
        limits::limits,
        saturation::saturation,
        queueing::phases,
        queueing::tokens,
        concurrency::dropped,
        concurrency::idle_users,
        concurrency::waiting,
        generator::noisy_host,
        warmup::cold,
        warmup::first,
        settling::settling,
        stall::stall,
        groups::cache,
        groups::groups,
        few::few,
    ];
    let mut found: Vec<Diagnosis> = rules.iter().flat_map(|rule| rule(view)).collect();
    found.sort_by_key(|diagnosis| std::cmp::Reverse(diagnosis.severity));
    found
}

/// The block that follows the tables; empty when there is nothing to say.
pub fn diagnosis_text(diagnosis: &[Diagnosis]) -> String {
    let mut text = String::new();
    if diagnosis.is_empty() {
        return text;
    }
    text.push_str("What it means\n");
    for diagnosis in diagnosis.iter().take(MOST_PRINTED) {
        let mark = if diagnosis.severity == Severity::Warning { '!' } else { '-' };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{mark} {}", one_line(&diagnosis.sentence, usize::MAX));
    }
    match diagnosis.len().saturating_sub(MOST_PRINTED) {
        0 => {}
        1 => text.push_str("- One more is in summary.json.\n"),
        more => {
            let _ = writeln!(text, "- {more} more are in summary.json.");
        }
    }
    text
}
