//! From a scenario to what users do: everything that can be wrong is found here.

use super::check::{Checks, Extraction, JsonRule, Kind, Source};
use super::data::DataSet;
use super::failure::Failure;
use super::hf_task::Task;
use super::openai::ModelCall;
use super::planned::{ApiPlanned, Way};
use super::scope::{NAMES, Sources};
use super::step::{Call, PlainBody, PlainCall, Retry, Step, TaskCall};
use super::template::{Compiler, Json, Renderer, Text};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use plimsoll_model::Secret;
use plimsoll_model::scenario::{
    ApiTarget, AuthSpec, Check, DEFAULT_MAX_RESPONSE, Executor, Extract, JsonCheck, OpenAiApi, Problem, RequestSpec,
    RetrySpec, Scenario,
};
use plimsoll_wire::{HeaderMap, HeaderName, HeaderValue, Method, Origin, Prepared, Trust};
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
            headers,
            secret_header: auth.header.map(|(name, _)| name),
            query: auth.query,
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
                    let request = step.request(&renderer, self.query.as_deref(), &[], None).map_err(wrong)?;
                    let fixed = Prepared::new(&self.origin, &self.headers, &request);
                    step.fixed = Some(fixed.map_err(|error| Problem::new(&at, error.to_string()))?);
                } else if !journey && scenario.load.executor != Executor::Replay {
                    let renderer = Renderer::new(&self.templates, Some(&self.scope(0, 0, None)));
                    let turns = match &step.call {
                        Call::Model(call) => call.turns(&renderer).map_err(wrong)?,
                        _ => None,
                    };
                    let said = turns.as_ref().and_then(|turns| turns.first());
                    let request = step.request(&renderer, self.query.as_deref(), &[], said).map_err(wrong)?;
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

fn common_headers(target: &ApiTarget) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", const { HeaderValue::from_static(concat!("plimsoll/", env!("CARGO_PKG_VERSION"))) });
    headers.insert("accept", const { HeaderValue::from_static("*/*") });
    for (name, value) in &target.headers {
        let at = format!("target.headers.{name}");
        let value = HeaderValue::from_str(value)
            .map_err(|_| Problem::new(&at, "the value holds characters that a header cannot hold"))?;
        headers.insert(header_name(&at, name)?, value);
    }
    Ok(headers)
}

fn header_name(at: &str, name: &str) -> Result<HeaderName, Problem> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Problem::new(at, format!("`{name}` cannot be the name of a header")))?;
    if matches!(parsed.as_str(), "content-length" | "transfer-encoding") {
        return Err(Problem::new(at, format!("`{name}` follows from the body and cannot be given")));
    }
    Ok(parsed)
}

/// How requests prove who they are.
#[derive(Default)]
struct Auth {
    header: Option<(HeaderName, HeaderValue)>,
    query: Option<String>,
    secrets: Vec<Secret>,
}

fn auth_of(auth: &AuthSpec, environment: &impl Fn(&str) -> Option<String>) -> Result<Auth, Problem> {
    const WAYS: &str = "give exactly one of `bearer_env`, `header` and `query`";
    let read = |at: &str, variable: &str| {
        let value = environment(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        value.ok_or_else(|| Problem::new(at, format!("the environment variable {variable} is not set")))
    };
    let header = |at: &str, name: HeaderName, value: &str| {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Problem::new(at, "the environment variable's value holds what no header can hold"))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    match (&auth.bearer_env, &auth.header, &auth.query) {
        (Some(variable), None, None) => {
            if auth.value_env.is_some() {
                return Err(Problem::new(
                    "target.auth.value_env",
                    "it belongs to `header` and `query`, not to `bearer_env`",
                ));
            }
            let at = "target.auth.bearer_env";
            let token = read(at, variable)?;
            let header = header(at, HeaderName::from_static("authorization"), &format!("Bearer {token}"))?;
            Ok(Auth { header: Some(header), query: None, secrets: vec![Secret::new(token)] })
        }
        (None, header_name_, query) if header_name_.is_some() != query.is_some() => {
            let at = "target.auth.value_env";
            let Some(variable) = &auth.value_env else {
                return Err(Problem::new(at, "name the environment variable that holds the value"));
            };
            let value = read(at, variable)?;
            let mut secrets = vec![Secret::new(&value)];
            if let Some(name) = header_name_ {
                let header = header(at, header_name("target.auth.header", name)?, &value)?;
                return Ok(Auth { header: Some(header), query: None, secrets });
            }
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let encoded = encode(&value);
            let query = query.as_deref().map(|name| format!("{}={encoded}", encode(name)));
            if encoded != value {
                secrets.push(Secret::new(encoded));
            }
            Ok(Auth { header: None, query, secrets })
        }
        _ => Err(Problem::new("target.auth", WAYS)),
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
        Ok(Step {
            name: name.into(),
            call,
            path,
            headers,
            timeout: spec.timeout.map(|timeout| timeout.0),
            retry: spec.retry.as_ref().map(|retry| retry_of(&format!("{at}.retry"), retry)).transpose()?,
            turn_think: spec.turn_think.map_or(Duration::ZERO, |think| think.0),
            checks,
            extractions,
            fixed: None,
        })
    }

    fn task(&mut self, at: &str, name: &str, spec: &RequestSpec) -> Result<TaskCall, Problem> {
        let task = Task::find(name).map_err(|error| Problem::new(format!("{at}.task"), error))?;
        let mut known = vec!["path", "model", "route", "inputs", "parameters", "options", "binary"];
        if task.name() == "text-generation" {
            known.push("stream");
        }
        refuse_others(at, spec, &known, &format!("the task {}", task.name()))?;
        let model = self.texts.optional(&format!("{at}.model"), spec.model.as_deref())?;
        let constant = model.as_ref().and_then(Text::constant);
        let route =
            spec.route.unwrap_or_else(|| Task::guess_route(self.origin.host(), model.as_ref().map(|_| "model")));
        if spec.path.is_none() && (model.is_none() || constant.is_some()) {
            task.path(route, constant).map_err(|error| Problem::new(format!("{at}.model"), error))?;
        }
        match (&spec.inputs, &spec.binary) {
            (Some(_), Some(_)) => {
                return Err(Problem::new(format!("{at}.binary"), "give either `inputs` or `binary`, not both"));
            }
            (None, None) => {
                return Err(Problem::new(at, format!("the task {} needs `inputs`, or `binary`", task.name())));
            }
            (None, Some(source)) => {
                let at = format!("{at}.binary");
                let Some(data) = self.sources.get(source) else {
                    let text = format!("`{source}` is not one of the data sources; define it as [data.{source}]");
                    return Err(Problem::new(at, text));
                };
                if (0..data.len()).any(|index| data.row(index).binary.is_none()) {
                    let text =
                        format!("`{source}` has rows without bytes; use a folder, or the generators images and audio");
                    return Err(Problem::new(at, text));
                }
                if spec.parameters.is_none() && spec.options.is_none() && !task.takes_binary() {
                    let text = format!("the task {} does not take raw bytes; give `inputs`", task.name());
                    return Err(Problem::new(at, text));
                }
            }
            (Some(_), None) => {}
        }
        let inputs = self.optional_json(at, "inputs", spec.inputs.as_ref())?;
        if let Some(Json::Constant(inputs)) = &inputs
            && let Err(doubt) = task.check_inputs(inputs)
        {
            self.warnings.push(format!("{at}.inputs: {doubt}"));
        }
        if let Some(parameters) = &spec.parameters {
            let doubts = task.check_parameters(parameters);
            self.warnings.extend(doubts.into_iter().map(|doubt| format!("{at}.parameters: {doubt}")));
        }
        Ok(TaskCall {
            task,
            route,
            model,
            inputs,
            parameters: self.optional_object(at, "parameters", spec.parameters.as_ref())?,
            options: self.optional_object(at, "options", spec.options.as_ref())?,
            binary: spec.binary.clone(),
            stream: spec.stream.unwrap_or(false),
        })
    }

    fn model(&mut self, at: &str, api: OpenAiApi, spec: &RequestSpec) -> Result<ModelCall, Problem> {
        let (name, known): (&str, &[&str]) = match api {
            OpenAiApi::Chat => (
                "chat",
                &["prompt", "system", "messages", "turns", "turn_think", "images", "audio", "max_tokens", "stream"],
            ),
            OpenAiApi::Completions => ("completions", &["prompt", "max_tokens", "stream"]),
            OpenAiApi::Responses => ("responses", &["prompt", "system", "max_tokens", "stream"]),
            OpenAiApi::Embeddings => ("embeddings", &["inputs"]),
            OpenAiApi::Rerank => ("rerank", &["prompt", "inputs"]),
        };
        let known: Vec<&str> = known.iter().chain(&["path", "model", "parameters"]).copied().collect();
        refuse_others(at, spec, &known, &format!("the API {name}"))?;
        let said = [spec.prompt.is_some(), spec.messages.is_some(), spec.turns.is_some()];
        let said = said.into_iter().filter(|there| *there).count();
        let problem = |key: &str, text: &str| Err(Problem::new(format!("{at}{key}"), text));
        match api {
            OpenAiApi::Chat if said > 1 => return problem("", "give exactly one of `prompt`, `messages` and `turns`"),
            OpenAiApi::Chat if said == 0 && !self.replay => return problem("", "give `prompt`, `messages` or `turns`"),
            OpenAiApi::Completions | OpenAiApi::Responses if said == 0 && !self.replay => {
                return problem("", "give `prompt`");
            }
            OpenAiApi::Embeddings if spec.inputs.is_none() => return problem("", "give `inputs`"),
            OpenAiApi::Rerank if spec.inputs.is_none() || said == 0 => {
                return problem("", "give the query as `prompt` and the texts as `inputs`");
            }
            _ => {}
        }
        if spec.messages.is_some() {
            for (key, there) in
                [("system", spec.system.is_some()), ("images", spec.images.is_some()), ("audio", spec.audio.is_some())]
            {
                if there {
                    return problem(
                        &format!(".{key}"),
                        "it belongs to `prompt` and `turns`; `messages` hold all there is",
                    );
                }
            }
        }
        if spec.turn_think.is_some() && spec.turns.is_none() {
            return problem(".turn_think", "it belongs to `turns`");
        }
        if let Some(messages) = spec.messages.as_ref().filter(|messages| !messages.is_array() && !messages.is_string())
        {
            return problem(
                ".messages",
                &format!("messages are a list of objects with `role` and `content`, not {messages}"),
            );
        }
        let mut stream = spec.stream.unwrap_or(true);
        // Whoever writes it as a parameter means it.
        if let Some(Value::Bool(asked)) = spec.parameters.as_ref().and_then(|parameters| parameters.get("stream")) {
            stream = *asked;
        }
        Ok(ModelCall {
            api,
            model: self.texts.optional(&format!("{at}.model"), spec.model.as_deref())?,
            prompt: self.texts.optional(&format!("{at}.prompt"), spec.prompt.as_deref())?,
            system: self.texts.optional(&format!("{at}.system"), spec.system.as_deref())?,
            messages: self.optional_json(at, "messages", spec.messages.as_ref())?,
            turns: self.optional_json(at, "turns", spec.turns.as_ref())?,
            images: self.optional_json(at, "images", spec.images.as_ref())?,
            audio: self.optional_json(at, "audio", spec.audio.as_ref())?,
            inputs: self.optional_json(at, "inputs", spec.inputs.as_ref())?,
            max_tokens: self.optional_json(at, "max_tokens", spec.max_tokens.as_ref())?,
            parameters: self.optional_object(at, "parameters", spec.parameters.as_ref())?,
            stream,
            replay: self.replay && said == 0,
        })
    }

    fn plain(&mut self, at: &str, spec: &RequestSpec) -> Result<PlainCall, Problem> {
        refuse_others(at, spec, &["method", "path", "json", "body", "form"], "a request with a `path` alone")?;
        let bodies = [spec.json.is_some(), spec.body.is_some(), !spec.form.is_empty()];
        if bodies.into_iter().filter(|there| *there).count() > 1 {
            return Err(Problem::new(at, "give at most one of `json`, `body` and `form`"));
        }
        let body = if let Some(json) = &spec.json {
            PlainBody::Json(self.texts.json(&format!("{at}.json"), json)?)
        } else if let Some(text) = &spec.body {
            PlainBody::Text(self.texts.text(&format!("{at}.body"), text)?)
        } else if !spec.form.is_empty() {
            let mut members = Vec::new();
            for (name, value) in &spec.form {
                members.push((name.clone(), self.texts.text(&format!("{at}.form.{name}"), value)?));
            }
            PlainBody::Form(members)
        } else {
            PlainBody::None
        };
        let method = match &spec.method {
            None if matches!(body, PlainBody::None) => Method::GET,
            None => Method::POST,
            Some(method) => Method::from_bytes(method.to_ascii_uppercase().as_bytes())
                .ok()
                .filter(|method| *method != Method::CONNECT)
                .ok_or_else(|| Problem::new(format!("{at}.method"), format!("`{method}` is not an HTTP method")))?,
        };
        Ok(PlainCall { method, body })
    }

    fn checks(&mut self, at: &str, check: Option<&Check>, call: &Call) -> Result<Checks, Problem> {
        let Some(check) = check else { return Ok(Checks { schema: true, ..Checks::default() }) };
        let problem = |key: &str, text: &str| Problem::new(format!("{at}.{key}"), text);
        if let Some(status) = check.status.iter().find(|status| !(200..600).contains(*status)) {
            return Err(problem("status", &format!("{status} is no status of an answer")));
        }
        if check.norm.is_some_and(|norm| !(norm.is_finite() && norm >= 0.0)) {
            return Err(problem("norm", "a norm is a number of at least 0"));
        }
        let vectors = match call {
            Call::Task(call) => call.task.name() == "feature-extraction",
            Call::Model(call) => call.api == OpenAiApi::Embeddings,
            Call::Plain(_) => false,
        };
        let text = match call {
            Call::Task(call) => call.task.name() == "text-generation",
            Call::Model(call) => call.dialect().is_some(),
            Call::Plain(_) => false,
        };
        for (key, there, fits) in [
            ("dimension", check.dimension.is_some(), vectors),
            ("norm", check.norm.is_some(), vectors),
            ("min_tokens", check.min_tokens.is_some(), text),
        ] {
            if there && !fits {
                let whose = if key == "min_tokens" { "requests that generate text" } else { "embeddings" };
                return Err(problem(key, &format!("it belongs to {whose}")));
            }
        }
        let mut json = Vec::new();
        for (index, rule) in check.json.iter().enumerate() {
            json.push(self.rule(&format!("{at}.json.{index}"), rule)?);
        }
        Ok(Checks {
            status: check.status.clone(),
            schema: check.schema.unwrap_or(true),
            contains: self.texts.optional(&format!("{at}.contains"), check.contains.as_deref())?,
            matches: check.matches.as_deref().map(|text| regex(&format!("{at}.matches"), text)).transpose()?,
            json,
            min_bytes: check.min_bytes,
            min_tokens: check.min_tokens,
            dimension: check.dimension,
            norm: check.norm,
        })
    }

    fn rule(&mut self, at: &str, rule: &JsonCheck) -> Result<JsonRule, Problem> {
        let kind = match &rule.kind {
            None => None,
            Some(word) => Some(Kind::parse(word).ok_or_else(|| {
                let text = format!("`{word}` is no JSON type: string, number, boolean, array, object or null");
                Problem::new(format!("{at}.type"), text)
            })?),
        };
        Ok(JsonRule {
            at: pointer(&format!("{at}.at"), &rule.at)?,
            equals: self.optional_json(at, "equals", rule.equals.as_ref())?,
            min: rule.min,
            max: rule.max,
            min_length: rule.min_length,
            kind,
        })
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

/// Refuses keys that belong to other kinds of requests.
fn refuse_others(at: &str, spec: &RequestSpec, known: &[&str], kind: &str) -> Result<(), Problem> {
    let there = [
        ("method", spec.method.is_some()),
        ("path", spec.path.is_some()),
        ("model", spec.model.is_some()),
        ("route", spec.route.is_some()),
        ("inputs", spec.inputs.is_some()),
        ("parameters", spec.parameters.is_some()),
        ("options", spec.options.is_some()),
        ("binary", spec.binary.is_some()),
        ("prompt", spec.prompt.is_some()),
        ("system", spec.system.is_some()),
        ("messages", spec.messages.is_some()),
        ("turns", spec.turns.is_some()),
        ("turn_think", spec.turn_think.is_some()),
        ("images", spec.images.is_some()),
        ("audio", spec.audio.is_some()),
        ("max_tokens", spec.max_tokens.is_some()),
        ("stream", spec.stream.is_some()),
        ("json", spec.json.is_some()),
        ("body", spec.body.is_some()),
        ("form", !spec.form.is_empty()),
    ];
    match there.iter().find(|(key, there)| *there && !known.contains(key)) {
        Some((key, _)) => {
            let text = format!("it does not belong to {kind}, which takes {}", known.join(", "));
            Err(Problem::new(format!("{at}.{key}"), text))
        }
        None => Ok(()),
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

fn source_of(at: &str, extract: &Extract) -> Result<Source, Problem> {
    match (&extract.json, &extract.header, &extract.regex) {
        (Some(at_json), None, None) => Ok(Source::Json(pointer(&format!("{at}.json"), at_json)?)),
        (None, Some(name), None) => Ok(Source::Header(header_name(&format!("{at}.header"), name)?.as_str().to_owned())),
        (None, None, Some(text)) => Ok(Source::Regex(regex(&format!("{at}.regex"), text)?)),
        _ => Err(Problem::new(at, "give exactly one of `json`, `header` and `regex`")),
    }
}

fn regex(at: &str, text: &str) -> Result<regex::bytes::Regex, Problem> {
    regex::bytes::Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Problem::new(at, format!("`{text}` is not a regular expression: {last}"))
    })
}

fn pointer(at: &str, text: &str) -> Result<String, Problem> {
    if text.is_empty() || text.starts_with('/') {
        return Ok(text.to_owned());
    }
    let text =
        format!("`{text}` is not a JSON pointer: it starts with a slash, for example /{}", text.replace('.', "/"));
    Err(Problem::new(at, text))
}
