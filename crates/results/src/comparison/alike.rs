//! Whether runs may be compared at all, and in what they differ.

use super::data::RunDesign;
use crate::{LoadedRun, RunState};
use serde_json::Value;
use std::collections::BTreeSet;

/// Keys of a plan that say where, not what.
const PLACES: [&str; 5] = ["output_dir", "seed", "target.port", "target.keep", "scenario.path"];

/// What differs between the sides, and what should not.
#[derive(Debug, Default)]
pub(super) struct Alike {
    /// In what the two sides differ: what is tested, if all is well.
    pub(super) differences: Vec<String>,
    /// What makes the comparison doubtful.
    pub(super) warnings: Vec<String>,
}

impl Alike {
    pub(super) fn of(base: &[LoadedRun], branch: &[LoadedRun], design: RunDesign) -> Self {
        let mut alike = Self::default();
        let runs = || base.iter().chain(branch);
        for run in runs() {
            if run.state() != RunState::Complete {
                alike.warn(format!("{} is partial: its percentiles tend to be too low", run.dir.display()));
            }
            if run.generator_limited() {
                alike.warn(format!(
                    "{} is generator-limited: its figures may be the load generator's, not the target's",
                    run.dir.display()
                ));
            }
        }
        let theirs = runs().filter(|run| run.manifest.is_none()).count();
        if theirs > 0 {
            let all = if theirs == base.len() + branch.len() { "the runs have" } else { "some runs have" };
            alike.warn(format!(
                "{all} no run.json (hf-perftest writes none): host, versions and load cannot be compared"
            ));
        }
        alike.must_be_one("made on different machines", runs().filter_map(host));
        alike.must_be_one(
            "made by different versions of the tool",
            runs().filter_map(|run| run.tool().map(|tool| format!("{} {}", tool.name, tool.version))),
        );
        alike.must_be_one(
            "of different endpoints",
            runs().filter_map(|run| Some(run.manifest.as_ref()?.target.as_ref()?.endpoint.clone())),
        );
        alike.seeds(base, branch, design);
        alike.versions(base, branch);
        if let (Some(base), Some(branch)) = (base.first(), branch.first()) {
            alike.plans(base, branch);
        }
        for (side, runs) in [("base", base), ("branch", branch)] {
            alike.within(side, runs);
        }
        alike
    }

    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn must_be_one(&mut self, what: &str, values: impl Iterator<Item = String>) {
        let values: BTreeSet<String> = values.collect();
        if values.len() > 1 {
            let list = values.into_iter().collect::<Vec<_>>().join("; ");
            self.warn(format!("the runs were {what}: {list}").replace("were of", "are of"));
        }
    }

    fn seeds(&mut self, base: &[LoadedRun], branch: &[LoadedRun], design: RunDesign) {
        let seed = |run: &LoadedRun| run.manifest.as_ref().map(|manifest| manifest.seed);
        if design == RunDesign::Paired {
            let unlike = base.iter().zip(branch).any(|(base, branch)| seed(base) != seed(branch));
            if unlike {
                self.warn("the two runs of a pair have different seeds, so they sent different inputs".to_owned());
            }
            return;
        }
        let of = |runs: &[LoadedRun]| runs.iter().filter_map(seed).collect::<BTreeSet<u64>>();
        if of(base) != of(branch) {
            self.warn(
                "the two sides have different seeds, so they sent different inputs; --seed makes them the same"
                    .to_owned(),
            );
        }
    }

    fn versions(&mut self, base: &[LoadedRun], branch: &[LoadedRun]) {
        let of = |runs: &[LoadedRun]| {
            let versions: BTreeSet<&str> = runs.iter().filter_map(LoadedRun::target_version).collect();
            versions.into_iter().collect::<Vec<_>>().join(", ")
        };
        let (base, branch) = (of(base), of(branch));
        if base != branch && !base.is_empty() && !branch.is_empty() {
            self.differences.push(format!("version of the target: {base} and {branch}"));
        }
    }

    /// A different target is what one compares; a different load is a mistake.
    fn plans(&mut self, base: &LoadedRun, branch: &LoadedRun) {
        match (&base.manifest, &branch.manifest) {
            (Some(left), Some(right)) => {
                for (path, left, right) in unlike(&left.plan, &right.plan) {
                    let text = format!("{path}: {left} and {right}");
                    if path.starts_with("target") || path.starts_with("scenario.target") {
                        self.differences.push(text);
                    } else {
                        self.warn(format!("the two sides were run differently, {text}"));
                    }
                }
            }
            _ if base.subject() != branch.subject() => {
                self.differences.push(format!("app: {} and {}", base.subject(), branch.subject()));
            }
            _ => {}
        }
    }

    fn within(&mut self, side: &str, runs: &[LoadedRun]) {
        let Some((first, rest)) = runs.split_first() else { return };
        for run in rest {
            if let (Some(left), Some(right)) = (&first.manifest, &run.manifest) {
                for (path, left, right) in unlike(&left.plan, &right.plan) {
                    self.warn(format!("the runs of the {side} are not all alike, {path}: {left} and {right}"));
                }
            }
        }
    }
}

fn host(run: &LoadedRun) -> Option<String> {
    let host = &run.manifest.as_ref()?.host;
    Some(format!("{}, {} cores", host.cpu_model.as_deref().unwrap_or("unknown processor"), host.cores))
}

/// The places at which two plans differ, with both values; objects are looked into, lists are not.
pub fn unlike(base: &Value, branch: &Value) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    walk("", base, branch, &mut found);
    found.retain(|(path, ..)| !PLACES.contains(&path.as_str()));
    found
}

fn walk(path: &str, base: &Value, branch: &Value, found: &mut Vec<(String, String, String)>) {
    if base == branch {
        return;
    }
    let (Value::Object(left), Value::Object(right)) = (base, branch) else {
        found.push((path.to_owned(), show(base), show(branch)));
        return;
    };
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for key in keys {
        let deeper = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        walk(&deeper, left.get(key).unwrap_or(&Value::Null), right.get(key).unwrap_or(&Value::Null), found);
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    }
}
