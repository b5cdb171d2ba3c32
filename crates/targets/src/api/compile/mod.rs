//! From a scenario to what users do: everything that can be wrong is found here.

mod auth;
mod call;
mod checks;

use super::check::Extraction;
use super::data::DataSet;
use super::failure::Failure;
use super::planned::{ApiPlanned, Way};
use super::scope::{NAMES, Sources};
use super::step::{Call, Retry, Step};
use super::template::{Compiler, Json, Renderer, Text};
use auth::{Auth, auth_of, common_headers, header_name};
use checks::source_of;
use plimsoll_model::Secret;
use plimsoll_model::scenario::{DEFAULT_MAX_RESPONSE, Executor, OpenAiApi, Problem, RequestSpec, RetrySpec, Scenario};
use plimsoll_wire::{Origin, Prepared, Trust};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

impl ApiPlanned {
    /// Checks a scenario and makes it ready. Its files are looked for in `base_dir`; `environment` gives the values of
    /// environment variables.
    pub fn compile(
        scenario: &Scenario,
        base_dir: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        let target = &scenario.target;
        let origin = Origin::parse(&target.url).map_err(|error| Problem::new("target.url", error.to_string()))?;
        let mut headers = common_headers(target)?;
        let auth = match &target.auth {
            Some(auth) => auth_of(auth, &environment)?,
            None => Auth::default(),
        };
        if let Some((name, value)) = &auth.header {
            headers.insert(name.clone(), value.clone());
        }
        let seed = scenario.seed.unwrap_or_default();
        let sources = load_sources(scenario, base_dir, seed)?;
        let replay = scenario.load.executor == Executor::Replay;
        let mut planned = Self {
            trust: Trust {
                ca_file: target.ca_file.as_ref().map(|file| base_dir.join(file)),
                insecure: target.insecure,
            },
            origin,
            new_connections: target.new_connections,
            counts: target.tokenizer.is_some(),
            headers,
            secret_header: auth.header.map(|(name, _)| name),
            query: auth.query.map(Secret::new),
            secrets: auth.secrets,
            timeout: target.timeout.map(|timeout| timeout.0),
            most_bytes: usize::try_from(target.max_response_bytes.unwrap_or(DEFAULT_MAX_RESPONSE))
                .unwrap_or(usize::MAX),
            seed,
            templates: super::scope::environment(),
            sources: Arc::new(sources),
            ways: Vec::new(),
            warnings: Vec::new(),
        };
        let mut compiler = Steps {
            texts: Compiler::new(scenario.data.keys().cloned(), replay),
            origin: &planned.origin,
            sources: &planned.sources,
            warnings: Vec::new(),
            replay,
            accept_given: planned.headers.contains_key("accept"),
        };
        let ways = compiler.ways(scenario)?;
        planned.warnings = std::mem::take(&mut compiler.warnings);
        planned.templates = compiler.texts.finish();
        planned.ways = ways;
        planned.try_out(scenario)?;
        Ok(planned)
    }

    /// Puts each request together once: what is the same for all iterations is kept, and what cannot be filled in is
    /// found now and not in the middle of a run.
    fn try_out(&mut self, scenario: &Scenario) -> Result<(), Problem> {
        let mut ways = std::mem::take(&mut self.ways);
        let requests = scenario.requests.len();
        for (index, way) in ways.iter_mut().enumerate() {
            let journey = index >= requests;
            for (number, step) in way.steps.iter_mut().enumerate() {
                let at = match journey {
                    true => format!("journey.{}.step.{number}", index - requests),
                    false => format!("request.{index}"),
                };
                let wrong = |failure: Failure| Problem::new(&at, failure.text);
                if step.is_constant() {
                    let renderer = Renderer::new(&self.templates, None);
                    let request = step.request(&renderer, self.query(), &[], None).map_err(wrong)?;
                    let fixed = Prepared::new(&self.origin, &self.headers, &request);
                    step.fixed = Some(fixed.map_err(|error| Problem::new(&at, error.to_string()))?);
                } else if !journey && scenario.load.executor != Executor::Replay {
                    let renderer = Renderer::new(&self.templates, Some(&self.scope(0, 0, None)));
                    let turns = match &step.call {
                        Call::Model(call) => call.turns(&renderer).map_err(wrong)?,
                        _ => None,
                    };
                    let said = turns.as_ref().and_then(|turns| turns.first());
                    let request = step.request(&renderer, self.query(), &[], said).map_err(wrong)?;
                    Prepared::new(&self.origin, &self.headers, &request)
                        .map_err(|error| Problem::new(&at, error.to_string()))?;
                }
            }
            way.needs_scope = way.steps.iter().any(Step::needs_scope);
        }
        self.ways = ways;
        Ok(())
    }
}

fn load_sources(scenario: &Scenario, base_dir: &Path, seed: u64) -> Result<Sources, Problem> {
    let mut sources = BTreeMap::new();
    for (name, source) in &scenario.data {
        if NAMES.contains(&name.as_str()) {
            return Err(Problem::new(format!("data.{name}"), format!("`{name}` is a name of our own; choose another")));
        }
        let data = DataSet::load(name, source, base_dir, seed)?;
        if data.len() == 0 {
            return Err(Problem::new(format!("data.{name}"), "it has no rows"));
        }
        sources.insert(name.clone(), data);
    }
    Ok(sources)
}

/// Compiles requests and journeys.
struct Steps<'a> {
    texts: Compiler,
    origin: &'a Origin,
    sources: &'a Sources,
    warnings: Vec<String>,
    replay: bool,
    /// The target's headers say what is accepted.
    accept_given: bool,
}

impl Steps<'_> {
    fn ways(&mut self, scenario: &Scenario) -> Result<Vec<Way>, Problem> {
        let mut ways = Vec::new();
        let mut sum = 0.0;
        let mut weigh = |at: &str, weight: Option<f64>| {
            let weight = weight.unwrap_or(1.0);
            if !(weight.is_finite() && weight > 0.0) {
                return Err(Problem::new(format!("{at}.weight"), "a weight is a number above 0"));
            }
            sum += weight;
            Ok(sum)
        };
        for (index, request) in scenario.requests.iter().enumerate() {
            let at = format!("request.{index}");
            if !request.extract.is_empty() {
                let text =
                    "only the later steps of a journey can use what is extracted; make it a step of a [[journey]]";
                return Err(Problem::new(format!("{at}.extract"), text));
            }
            let up_to = weigh(&at, request.weight)?;
            let step = self.step(&at, request)?;
            let name = step.name.clone();
            ways.push(Way { name, up_to, steps: vec![step], think: Duration::ZERO, needs_scope: true });
        }
        for (index, journey) in scenario.journeys.iter().enumerate() {
            let at = format!("journey.{index}");
            let up_to = weigh(&at, journey.weight)?;
            if journey.steps.is_empty() {
                return Err(Problem::new(format!("{at}.step"), "a journey has at least one step"));
            }
            let mut steps = Vec::new();
            for (number, spec) in journey.steps.iter().enumerate() {
                let at = format!("{at}.step.{number}");
                if spec.weight.is_some() {
                    let text = "a step has no weight; give it to the journey";
                    return Err(Problem::new(format!("{at}.weight"), text));
                }
                steps.push(self.step(&at, spec)?);
                for name in spec.extract.keys() {
                    if NAMES.contains(&name.as_str()) || self.sources.contains_key(name) {
                        let text = format!("`{name}` is already the name of something else; choose another");
                        return Err(Problem::new(format!("{at}.extract.{name}"), text));
                    }
                    self.texts.extracted.insert(name.clone());
                }
            }
            self.texts.extracted = BTreeSet::new();
            let think = journey.step_think.map_or(Duration::ZERO, |think| think.0);
            ways.push(Way { name: journey.name.as_str().into(), up_to, steps, think, needs_scope: true });
        }
        if ways.is_empty() {
            return Err(Problem::new("", "the scenario has neither a [[request]] nor a [[journey]]"));
        }
        Ok(ways)
    }

    fn step(&mut self, at: &str, spec: &RequestSpec) -> Result<Step, Problem> {
        let call = match (&spec.task, spec.api, &spec.path) {
            (Some(_), Some(_), _) => {
                return Err(Problem::new(
                    at,
                    "give exactly one of `task`, `api` and `path`; here are `task` and `api`",
                ));
            }
            (Some(task), None, _) => Call::Task(Box::new(self.task(at, task, spec)?)),
            (None, Some(api), _) => Call::Model(Box::new(self.model(at, api, spec)?)),
            (None, None, Some(_)) => Call::Plain(self.plain(at, spec)?),
            (None, None, None) => return Err(Problem::new(at, "give exactly one of `task`, `api` and `path`")),
        };
        let path = self.texts.optional(&format!("{at}.path"), spec.path.as_deref())?;
        if let Some(Text::Constant(path)) = &path
            && !path.starts_with('/')
        {
            let text = "a path starts with a slash; it lies below the target's address";
            return Err(Problem::new(format!("{at}.path"), text));
        }
        let mut headers = Vec::new();
        for (name, value) in &spec.headers {
            let at = format!("{at}.headers.{name}");
            headers.push((header_name(&at, name)?, self.texts.text(&at, value)?));
        }
        let checks = self.checks(&format!("{at}.check"), spec.check.as_ref(), &call)?;
        let mut extractions = Vec::new();
        for (name, extract) in &spec.extract {
            let from = source_of(&format!("{at}.extract.{name}"), extract)?;
            extractions.push(Extraction { name: name.clone(), from });
        }
        let name = spec.name.clone().unwrap_or_else(|| default_name(&call, spec));
        let mut step = Step {
            name: name.into(),
            call,
            path,
            headers,
            accept: None,
            timeout: spec.timeout.map(|timeout| timeout.0),
            retry: spec.retry.as_ref().map(|retry| retry_of(&format!("{at}.retry"), retry)).transpose()?,
            turn_think: spec.turn_think.map_or(Duration::ZERO, |think| think.0),
            checks,
            extractions,
            fixed: None,
        };
        step.accept = (!self.accept_given).then(|| step.usual_accept());
        Ok(step)
    }

    fn optional_json(&mut self, at: &str, key: &str, value: Option<&Value>) -> Result<Option<Json>, Problem> {
        value.map(|value| self.texts.json(&format!("{at}.{key}"), value)).transpose()
    }

    fn optional_object(
        &mut self,
        at: &str,
        key: &str,
        map: Option<&serde_json::Map<String, Value>>,
    ) -> Result<Option<Json>, Problem> {
        map.map(|map| self.texts.object(&format!("{at}.{key}"), map)).transpose()
    }
}

fn default_name(call: &Call, spec: &RequestSpec) -> String {
    match call {
        Call::Task(call) => call.task.name().to_owned(),
        Call::Model(call) => match call.api {
            OpenAiApi::Chat => "chat",
            OpenAiApi::Completions => "completions",
            OpenAiApi::Embeddings => "embeddings",
            OpenAiApi::Responses => "responses",
            OpenAiApi::Rerank => "rerank",
        }
        .to_owned(),
        Call::Plain(call) => format!("{} {}", call.method, spec.path.as_deref().unwrap_or("/")),
    }
}

fn retry_of(at: &str, retry: &RetrySpec) -> Result<Retry, Problem> {
    if let Some(status) = retry.on.iter().find(|status| !(400..600).contains(*status)) {
        return Err(Problem::new(format!("{at}.on"), format!("{status} is no status of a failure")));
    }
    if let Some(status) = retry.on.iter().find(|status| matches!(status, 401 | 403)) {
        return Err(Problem::new(
            format!("{at}.on"),
            format!("{status} is never tried again: it would only lock us out"),
        ));
    }
    Ok(Retry {
        times: retry.times,
        on: if retry.on.is_empty() { vec![429, 503] } else { retry.on.clone() },
        backoff: retry.backoff.map_or(Duration::from_secs(1), |span| span.0),
        max_wait: retry.max_wait.map_or(Duration::from_secs(60), |span| span.0),
    })
}
