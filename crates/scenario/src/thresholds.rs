//! `[[threshold]]` tables to rules.

use crate::near::did_you_mean;
use crate::resolve::names;
use crate::tree;
use plimsoll_model::scenario::{Problem, Scenario};
use plimsoll_model::{ApiLoad, Figure, Metric, Scope, Threshold, ThresholdError};
use toml::de::DeTable;

/// The rules of a scenario.
///
/// # Errors
/// A rule cannot be read, or is about a request that there is not.
pub fn thresholds(scenario: &Scenario) -> Result<Vec<Threshold>, Problem> {
    let names = names(scenario);
    let read = |(index, spec): (usize, &plimsoll_model::scenario::ThresholdSpec)| {
        let at = |key: &str| format!("threshold.{index}.{key}");
        let mut threshold =
            Threshold::parse(&spec.rule).map_err(|error| Problem { at: at("rule"), ..rule_problem(&error) })?;
        if let Some(metric) = threshold.figure.metric().filter(|metric| !Metric::OF_SCENARIOS.contains(metric)) {
            let known = Metric::OF_SCENARIOS.map(Metric::as_str).join(", ");
            let message = format!("`{metric}` is measured of Gradio apps only\nthe metrics of a scenario are {known}");
            return Err(Problem::new(at("rule"), message));
        }
        if let Some(name) = spec.request.as_ref().filter(|name| !names.iter().any(|known| known == *name)) {
            let near = did_you_mean(name, names.iter().map(String::as_str));
            let known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let message = format!("there is no request called `{name}`{near}\nthe requests are {known}");
            return Err(Problem::new(at("request"), message));
        }
        if threshold.figure == Figure::Goodput && scenario.objectives.is_empty() {
            let message = "goodput counts the requests that meet the objectives, and there are none\n\
                           add for example [objectives] with response_time = \"1s\"";
            return Err(Problem::new(at("rule"), message));
        }
        threshold.request.clone_from(&spec.request);
        threshold.scope = spec.level.map(Scope::Level);
        threshold.abort = spec.abort;
        Ok(threshold)
    };
    scenario.thresholds.iter().enumerate().map(read).collect()
}

/// A rule that cannot be read, as a problem that points at the character.
pub fn rule_problem(error: &ThresholdError) -> Problem {
    Problem::new("", format!("{}\n{}", error.why(), error.expected())).quoting(error.rule(), error.span())
}

/// Rules for a level must be about one that the load has.
pub(crate) fn check_levels(scenario: &Scenario, load: &ApiLoad) -> Result<(), Problem> {
    let levels = match load {
        ApiLoad::Sweep { levels, .. } => levels.len(),
        _ => 0,
    };
    let wrong = |level: u32| level == 0 || level as usize > levels;
    let index = scenario.thresholds.iter().position(|spec| spec.level.is_some_and(wrong));
    let Some(index) = index else { return Ok(()) };
    let message = if levels == 0 {
        "this load has no levels\na rule for one level needs executor = \"sweep\"".to_owned()
    } else {
        format!("there is no such level\nthe levels of this sweep are 1 to {levels}")
    };
    Err(Problem::new(format!("threshold.{index}.level"), message))
}

/// The lines, from 1, in which the rules of a file stand; `None` where that cannot be told.
pub fn threshold_lines(text: &str, rules: usize) -> Vec<Option<usize>> {
    let root = DeTable::parse(text).ok();
    let line = |index| {
        let place = tree::find(root.as_ref()?.get_ref(), text, &format!("threshold.{index}.rule"))?;
        Some(text.get(..place.start)?.matches('\n').count() + 1)
    };
    (0..rules).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_lines() {
        let text = "a = 1\n[[threshold]]\nabort = true\nrule = 'rps > 1'\n\n[[threshold]]\nrule = 'rps > 2'\n";
        assert_eq!(threshold_lines(text, 2), [Some(4), Some(7)]);
        assert_eq!(threshold_lines("threshold = [{ rule = 'rps > 1' },\n{ rule = 'rps > 2' }]", 2), [Some(1), Some(2)]);
        assert_eq!(threshold_lines("[", 1), [None]);
    }
}
