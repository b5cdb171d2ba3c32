//! From what a file and the command line say to what will be done.

use crate::load::load;
use crate::overrides::Overrides;
use crate::secrets::{is_secret_name, is_variable_name};
use crate::thresholds::{check_levels, thresholds};
use plimsoll_model::ApiLoad;
use plimsoll_model::scenario::{AuthSpec, OpenAiApi, Problem, RequestSpec, Scenario};
use std::collections::{BTreeMap, BTreeSet};

/// Puts the command line's values into a scenario, sets its seed and the names of its requests, checks it as far as
/// that needs no files, and says what its load is.
///
/// # Errors
/// Something does not fit; the problem says where, and after a line break what to do.
pub fn resolve(scenario: &Scenario, overrides: &Overrides) -> Result<(Scenario, ApiLoad), Problem> {
    let in_file = scenario.thresholds.len();
    let mut scenario = scenario.clone();
    overrides.apply(&mut scenario)?;
    check(&mut scenario).map_err(|problem| overrides.name_flag(problem, in_file)).map(|load| (scenario, load))
}

fn check(scenario: &mut Scenario) -> Result<ApiLoad, Problem> {
    check_target(scenario)?;
    check_requests(scenario)?;
    let load = load(&scenario.load, scenario.think)?;
    check_objectives(scenario)?;
    thresholds(scenario)?;
    check_levels(scenario, &load)?;
    match scenario.seed {
        // TOML's and many JSON readers' integers end there.
        Some(seed) if i64::try_from(seed).is_err() => {
            return Err(Problem::new("seed", format!("it must be at most {}", i64::MAX)));
        }
        Some(_) => {}
        // Within 32 bits: every JSON reader can hold it.
        None => scenario.seed = Some(u64::from(rand::random::<u32>())),
    }
    Ok(load)
}

/// A name for a request that has none: its task, its API, or method and path.
pub fn request_name(request: &RequestSpec) -> Option<String> {
    if request.name.is_some() {
        return request.name.clone();
    }
    if request.task.is_some() {
        return request.task.clone();
    }
    if let Some(api) = request.api {
        let name = match api {
            OpenAiApi::Chat => "chat",
            OpenAiApi::Completions => "completions",
            OpenAiApi::Embeddings => "embeddings",
            OpenAiApi::Responses => "responses",
            OpenAiApi::Rerank => "rerank",
        };
        return Some(name.to_owned());
    }
    let path = request.path.as_ref()?;
    let has_body = request.json.is_some() || request.body.is_some() || !request.form.is_empty();
    let method = request.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" });
    // Queries differ from call to call; what is asked does not.
    Some(format!("{} {}", method.to_uppercase(), path.split('?').next().unwrap_or_default()))
}

/// The names of all requests, those of journeys' steps included.
pub(crate) fn names(scenario: &Scenario) -> Vec<String> {
    let steps = scenario.journeys.iter().flat_map(|journey| &journey.steps);
    scenario.requests.iter().chain(steps).filter_map(request_name).collect()
}

fn check_target(scenario: &Scenario) -> Result<(), Problem> {
    let target = &scenario.target;
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| target.url.strip_prefix(scheme)) else {
        // Without the address itself: it may hold a login.
        return Err(Problem::new("target.url", "the address must begin with http:// or https://"));
    };
    if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        let message = "the address holds a login, and results would show it\n\
                       put it into an environment variable and name that in `auth`";
        return Err(Problem::new("target.url", message));
    }
    if let Some(auth) = &target.auth {
        check_auth(auth)?;
    }
    if target.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
        return Err(Problem::new("target.timeout", "it must be longer than no time"));
    }
    check_headers(&target.headers, "target")
}

fn check_auth(auth: &AuthSpec) -> Result<(), Problem> {
    for (key, name) in [("bearer_env", &auth.bearer_env), ("value_env", &auth.value_env)] {
        if name.as_ref().is_some_and(|name| !is_variable_name(name)) {
            let message = "this is not the name of an environment variable\n\
                           the secret itself stands in no file: write the name of the variable that holds it";
            return Err(Problem::new(format!("target.auth.{key}"), message));
        }
    }
    match auth {
        AuthSpec { bearer_env: Some(_), header: None, query: None, value_env: None }
        | AuthSpec { bearer_env: None, header: Some(_), query: None, value_env: Some(_) }
        | AuthSpec { bearer_env: None, header: None, query: Some(_), value_env: Some(_) } => Ok(()),
        _ => {
            let message = "say in one way who the requests come from\n\
                           write { bearer_env = \"HF_TOKEN\" }, { header = \"x-api-key\", value_env = \"MY_KEY\" } \
                           or { query = \"key\", value_env = \"MY_KEY\" }";
            Err(Problem::new("target.auth", message))
        }
    }
}

/// Secrets stand in no file: results keep the scenario. What a journey has extracted may be sent on.
fn check_headers(headers: &BTreeMap<String, String>, at: &str) -> Result<(), Problem> {
    match headers.iter().find(|(name, value)| is_secret_name(name) && !value.contains("{{")) {
        Some((name, _)) => {
            let message = format!(
                "`{name}` is a secret, and results keep what the scenario says\n\
                 put it into an environment variable and name that in [target]: \
                 auth = {{ bearer_env = \"MY_TOKEN\" }} or auth = {{ header = \"{name}\", value_env = \"MY_SECRET\" }}"
            );
            Err(Problem::new(format!("{at}.headers.{name}"), message))
        }
        None => Ok(()),
    }
}

/// Checks the requests and steps, and gives names to those that have none.
fn check_requests(scenario: &mut Scenario) -> Result<(), Problem> {
    if scenario.requests.is_empty() && scenario.journeys.is_empty() {
        let message = "the scenario has nothing to do\n\
                       add a [[request]] with `task`, `api` or `path`, or a [[journey]] of several";
        return Err(Problem::new("", message));
    }
    let mut taken = BTreeSet::new();
    for (index, request) in scenario.requests.iter_mut().enumerate() {
        check_request(request, &format!("request.{index}"), &mut taken)?;
    }
    let mut journeys = BTreeSet::new();
    for (index, journey) in scenario.journeys.iter_mut().enumerate() {
        let at = format!("journey.{index}");
        if journey.steps.is_empty() {
            return Err(Problem::new(at, "the journey has no steps\nadd a [[journey.step]]"));
        }
        if !journeys.insert(journey.name.clone()) {
            return Err(Problem::new(format!("{at}.name"), format!("two journeys are called `{}`", journey.name)));
        }
        for (step, request) in journey.steps.iter_mut().enumerate() {
            let at = format!("{at}.step.{step}");
            if request.weight.is_some() {
                let message = "a step has no weight: all steps of a journey are done, in order\n\
                               give the weight to the journey";
                return Err(Problem::new(format!("{at}.weight"), message));
            }
            check_request(request, &at, &mut taken)?;
        }
    }
    check_weights(scenario)
}

fn check_request(request: &mut RequestSpec, at: &str, taken: &mut BTreeSet<String>) -> Result<(), Problem> {
    let is_something = request.task.is_some() || request.api.is_some() || request.path.is_some();
    let Some(name) = request_name(request).filter(|_| is_something) else {
        return Err(Problem::new(at, "the request does not say what it is\ngive it `task`, `api` or `path`"));
    };
    if name.trim().is_empty() {
        return Err(Problem::new(format!("{at}.name"), "the name is empty"));
    }
    if !taken.insert(name.clone()) {
        let (key, advice) = match request.name {
            Some(_) => (".name", "results tell requests apart by their names"),
            None => ("", "results tell requests apart by their names: give this one a `name`"),
        };
        return Err(Problem::new(format!("{at}{key}"), format!("two requests are called `{name}`\n{advice}")));
    }
    if request.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
        return Err(Problem::new(format!("{at}.timeout"), "it must be longer than no time"));
    }
    check_headers(&request.headers, at)?;
    request.name = Some(name);
    Ok(())
}

fn check_weights(scenario: &Scenario) -> Result<(), Problem> {
    let requests = scenario.requests.iter().enumerate().map(|(index, one)| ("request", index, one.weight));
    let journeys = scenario.journeys.iter().enumerate().map(|(index, one)| ("journey", index, one.weight));
    let mut sum = 0.0;
    for (table, index, weight) in requests.chain(journeys) {
        let weight = weight.unwrap_or(1.0);
        if !(0.0..=1e9).contains(&weight) {
            return Err(Problem::new(format!("{table}.{index}.weight"), "a weight is a number from 0 to 1000000000"));
        }
        sum += weight;
    }
    if sum > 0.0 { Ok(()) } else { Err(Problem::new("", "all weights are zero: there would be nothing to do")) }
}

fn check_objectives(scenario: &Scenario) -> Result<(), Problem> {
    let objectives = &scenario.objectives;
    let all = [
        ("ttft", objectives.ttft),
        ("tpot", objectives.tpot),
        ("itl", objectives.itl),
        ("response_time", objectives.response_time),
    ];
    match all.iter().find(|(_, limit)| limit.is_some_and(|limit| limit.0.is_zero())) {
        Some((key, _)) => Err(Problem::new(format!("objectives.{key}"), "no request can be that fast")),
        None => Ok(()),
    }
}
