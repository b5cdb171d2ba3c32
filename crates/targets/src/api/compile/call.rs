//! Tasks, calls of an API, and other requests: which keys belong to which, and which must be there.

use super::Steps;
use crate::api::hf_task::Task;
use crate::api::openai::ModelCall;
use crate::api::step::{PlainBody, PlainCall, TaskCall};
use crate::api::template::{Json, Text};
use plimsoll_model::scenario::{OpenAiApi, Problem, RequestSpec};
use plimsoll_wire::Method;
use serde_json::Value;

impl Steps<'_> {
    pub(super) fn task(&mut self, at: &str, name: &str, spec: &RequestSpec) -> Result<TaskCall, Problem> {
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

    pub(super) fn model(&mut self, at: &str, api: OpenAiApi, spec: &RequestSpec) -> Result<ModelCall, Problem> {
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

    pub(super) fn plain(&mut self, at: &str, spec: &RequestSpec) -> Result<PlainCall, Problem> {
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
