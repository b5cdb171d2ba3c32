//! What CI systems read, each form in a file of its own. All of them are pure functions of one small view of a run,
//! [`CiReport`], which a Gradio run and an API run both become.

mod benchmark;
mod comment;
mod github;
mod junit;
mod markdown;
mod of_comparison;
mod of_levels;
mod of_tiers;
mod openmetrics;
mod otava;
#[cfg(test)]
mod testdata;

pub use benchmark::{bigger_is_better, smaller_is_better};
pub use comment::comment;
pub use github::{CiPaths, STEP_SUMMARY_BUDGET, annotations, outputs, step_summary};
pub use junit::junit;
pub use of_comparison::{comparison_annotations, comparison_junit, comparison_outputs, comparison_step_summary};
pub use openmetrics::openmetrics;
pub use otava::{OtavaError, otava_lines, otava_refusal};

use crate::{Diagnosis, DiagnosisKind, RunManifest, ThresholdResult, ThresholdState, Verdict, VerdictResult};
use plimsoll_stats::Distribution;

/// A run, as far as CI systems want to know it.
#[derive(Debug, Clone, PartialEq)]
pub struct CiReport {
    /// What was run: the app or the scenario.
    pub name: String,
    /// When it began, local time as `YYYYMMDD_HHMMSS`.
    pub timestamp: String,
    /// Why it is partial, if it is.
    pub partial: Option<String>,
    /// What it comes to.
    pub verdict: Verdict,
    /// What it found, when it was a search: the load line.
    pub headline: Option<String>,
    /// Why the load generator may have set the figures, one sentence each; empty when it did not.
    pub limited: Vec<String>,
    /// Its tiers or levels, in the order in which they ran.
    pub parts: Vec<CiPart>,
    /// What the figures mean and what to keep in mind, one sentence each.
    pub diagnosis: Vec<String>,
    /// Versions, machine, seed: what somebody needs who compares runs.
    pub facts: Vec<(&'static str, String)>,
}

/// A tier or a level.
#[derive(Debug, Clone, PartialEq)]
pub struct CiPart {
    /// `tier 10`, `50 users`.
    pub title: String,
    /// Its measured time, in seconds.
    pub seconds: f64,
    /// All requests together.
    pub all: CiRow,
    /// The requests of each name; empty when there is but one.
    pub names: Vec<CiRow>,
    /// How its rules fared.
    pub rules: Vec<CiRule>,
    /// What failed, the most frequent first.
    pub errors: Vec<CiError>,
}

/// The requests of one name, or of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CiRow {
    /// Their name.
    pub name: String,
    /// Requests that ended by themselves.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Successes a second; `None` where that is not known.
    pub rps: Option<f64>,
    /// Times of the successes, in milliseconds; `None` without any.
    pub times: Option<Distribution>,
    /// 95 % intervals of p50, p95 and p99.
    pub intervals: [Option<(f64, f64)>; 3],
}

/// How a rule fared, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct CiRule {
    /// How it fared.
    pub result: ThresholdResult,
    /// Where it stands in a file; `None` for one of the command line.
    pub place: Option<RulePlace>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePlace {
    /// The file, as the CI system knows it.
    pub file: String,
    /// From 1.
    pub line: usize,
}

/// A rule of a scenario file, by which its place is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedRule {
    /// The rule, as it was written.
    pub rule: String,
    /// The name of the requests that it is about.
    pub request: Option<String>,
    /// Where it stands.
    pub place: RulePlace,
}

/// Failures of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiError {
    /// The class.
    pub class: String,
    /// How many.
    pub count: u64,
    /// The message of the first; a text of the server's.
    pub example: String,
}

impl CiReport {
    /// The same with what the run's manifest knows.
    pub fn with_manifest(mut self, manifest: &RunManifest) -> Self {
        let host = &manifest.host;
        let cpu = host.cpu_model.as_deref().unwrap_or("unknown processor");
        self.facts.push(("plimsoll", manifest.tool.version.clone()));
        if let Some(target) = &manifest.target {
            let version = if target.version.is_empty() { String::new() } else { format!(" {}", target.version) };
            self.facts.push(("target", format!("{}{version}", target.framework)));
        }
        self.facts.push(("host", format!("{cpu}, {} cores, {}", host.cores, host.os)));
        self.facts.push(("seed", manifest.seed.to_string()));
        self.facts.push(("started", manifest.started_at.clone()));
        self
    }

    /// The same with the places of the rules that stand in a file.
    pub fn with_places(mut self, placed: &[PlacedRule]) -> Self {
        for rule in self.parts.iter_mut().flat_map(|part| &mut part.rules) {
            let is_it = |placed: &&PlacedRule| placed.rule == rule.result.rule && placed.request == rule.result.request;
            rule.place = placed.iter().find(is_it).map(|placed| placed.place.clone());
        }
        self
    }

    /// The part whose figures stand for the run: the last one, which has the highest load.
    pub fn last(&self) -> Option<&CiPart> {
        self.parts.last()
    }

    fn has_rules(&self) -> bool {
        self.parts.iter().any(|part| !part.rules.is_empty())
    }

    /// Rules in this state, each with its part.
    fn rules(&self, state: ThresholdState) -> impl Iterator<Item = (&CiPart, &CiRule)> {
        let all = self.parts.iter().flat_map(|part| part.rules.iter().map(move |rule| (part, rule)));
        all.filter(move |(_, rule)| rule.result.state() == state)
    }
}

impl CiRow {
    /// Share of the requests that failed, 0 to 1; `None` without any.
    pub fn failed_share(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.failed as f64 / self.requests as f64)
    }

    /// p50, p95 and p99, in milliseconds.
    fn quantiles(&self) -> [(&'static str, Option<f64>); 3] {
        let of = |figure: fn(&Distribution) -> f64| self.times.as_ref().map(figure);
        [("p50", of(|times| times.p50)), ("p95", of(|times| times.p95)), ("p99", of(|times| times.p99))]
    }
}

impl CiRule {
    /// What was measured, how sure that is, and of how many values; one sentence without a full stop.
    fn sentence(&self) -> String {
        let result = &self.result;
        if result.value.is_none() {
            return "nothing was measured that it is about".to_owned();
        }
        let interval = result.interval_in_words().map(|interval| format!("95 % interval {interval}, "));
        let (value, samples) = (result.value_in_words(), result.samples_in_words());
        let thin = if result.enough { "" } else { ": too few to tell" };
        format!("{value} against {} ({}{samples}{thin})", result.limit_in_words(), interval.unwrap_or_default())
    }
}

/// A verdict as a word with a mark.
fn verdict_word(result: VerdictResult) -> &'static str {
    match result {
        VerdictResult::Pass => "✅ pass",
        VerdictResult::Fail => "❌ fail",
        VerdictResult::Inconclusive => "❔ inconclusive",
    }
}

/// What the figures mean, the most severe first. What is in the verdict already is left out.
fn sentences(diagnosis: &[Diagnosis]) -> Vec<String> {
    let told = |one: &&Diagnosis| one.kind != DiagnosisKind::Generator;
    diagnosis.iter().filter(told).map(|one| one.sentence.clone()).collect()
}

/// A name made of letters, digits and underscores only.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('_') {
            slug.push('_');
        }
    }
    slug.trim_matches('_').to_owned()
}
