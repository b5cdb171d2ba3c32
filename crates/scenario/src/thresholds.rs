//! `[[threshold]]` tables to rules.

use crate::near::did_you_mean;
use crate::resolve::names;
use plimsoll_model::scenario::{Problem, Scenario};
use plimsoll_model::{Figure, Threshold};

/// The rules of a scenario.
///
/// # Errors
/// A rule cannot be read, or is about a request that there is not.
pub fn thresholds(scenario: &Scenario) -> Result<Vec<Threshold>, Problem> {
    let names = names(scenario);
    let read = |(index, spec): (usize, &plimsoll_model::scenario::ThresholdSpec)| {
        let at = |key: &str| format!("threshold.{index}.{key}");
        let mut threshold = Threshold::parse(&spec.rule).map_err(|error| {
            let message = error.to_string();
            // The example that ends the message is advice.
            Problem::new(at("rule"), message.replacen(". Write for example: ", "\nwrite for example: ", 1))
        })?;
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
        threshold.abort = spec.abort;
        Ok(threshold)
    };
    scenario.thresholds.iter().enumerate().map(read).collect()
}
