//! One request of a scenario, compiled: how it is made.

use super::check::{Checks, Extraction};
use super::failure::Failure;
use super::hf_task::Task;
use super::openai::{Dialect, ModelCall, Turn};
use super::template::{Json, Renderer, Text};
use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use plimsoll_model::scenario::HfRoute;
use plimsoll_wire::{HeaderMap, HeaderName, HeaderValue, Method, Prepared, Request};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// A request of its own, or a step of a journey.
#[derive(Debug)]
pub(super) struct Step {
    pub name: Arc<str>,
    pub call: Call,
    /// In place of the usual path of a task or an API; always there for other requests.
    pub path: Option<Text>,
    pub headers: Vec<(HeaderName, Text)>,
    /// What is accepted, where the scenario does not say.
    pub accept: Option<&'static str>,
    pub timeout: Option<Duration>,
    pub retry: Option<Retry>,
    pub turn_think: Duration,
    pub checks: Checks,
    pub extractions: Vec<Extraction>,
    /// Put together once, if every request is the same.
    pub fixed: Option<Prepared>,
}

/// What is asked for.
#[derive(Debug)]
pub(super) enum Call {
    Task(Box<TaskCall>),
    Model(Box<ModelCall>),
    Plain(PlainCall),
}

/// A Hugging Face task.
#[derive(Debug)]
pub(super) struct TaskCall {
    pub task: Task,
    pub route: HfRoute,
    pub model: Option<Text>,
    pub inputs: Option<Json>,
    pub parameters: Option<Json>,
    pub options: Option<Json>,
    /// The data source whose bytes are sent.
    pub binary: Option<String>,
    pub stream: bool,
}

/// Any HTTP request.
#[derive(Debug)]
pub(super) struct PlainCall {
    pub method: Method,
    pub body: PlainBody,
}

/// Its body.
#[derive(Debug)]
pub(super) enum PlainBody {
    None,
    Json(Json),
    Text(Text),
    Form(Vec<(String, Text)>),
}

/// When a failed request is sent again.
#[derive(Debug)]
pub(super) struct Retry {
    pub times: u32,
    pub on: Vec<u16>,
    pub backoff: Duration,
    pub max_wait: Duration,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// What a path cannot hold; a template may bring it in.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'#');

impl Step {
    /// The API whose text is read, and whether it streams.
    pub(super) fn dialect(&self) -> Option<(Dialect, bool)> {
        match &self.call {
            Call::Task(call) if call.task.name() == "text-generation" => Some((Dialect::Generate, call.stream)),
            Call::Model(call) => call.dialect().map(|dialect| (dialect, call.stream)),
            Call::Task(_) | Call::Plain(_) => None,
        }
    }

    /// What is accepted: a stream, what the task answers with, or anything.
    pub(super) fn usual_accept(&self) -> &'static str {
        match (&self.call, self.dialect()) {
            (_, Some((_, true))) => "text/event-stream",
            (Call::Task(call), _) => call.task.accept().unwrap_or("*/*"),
            _ => "*/*",
        }
    }

    /// Whether anybody looks into the body of the answer.
    pub(super) fn looks_into_body(&self) -> bool {
        !matches!(self.call, Call::Plain(_)) || self.checks.look_at_text() || !self.extractions.is_empty()
    }

    /// Whether the text of the answer is wanted beyond its being there.
    pub(super) fn keeps_text(&self) -> bool {
        let turns = matches!(&self.call, Call::Model(call) if call.turns.is_some());
        turns || self.checks.look_at_text() || !self.extractions.is_empty()
    }

    /// Whether every request is the same.
    pub(super) fn is_constant(&self) -> bool {
        let constant = |text: &Text| text.constant().is_some();
        let call = match &self.call {
            Call::Task(call) => {
                let values = [&call.inputs, &call.parameters, &call.options];
                call.binary.is_none()
                    && call.model.as_ref().is_none_or(constant)
                    && values.into_iter().flatten().all(Json::is_constant)
            }
            Call::Model(call) => call.is_constant(),
            Call::Plain(call) => match &call.body {
                PlainBody::None => true,
                PlainBody::Json(json) => json.is_constant(),
                PlainBody::Text(text) => constant(text),
                PlainBody::Form(members) => members.iter().all(|(_, text)| constant(text)),
            },
        };
        call && self.path.as_ref().is_none_or(constant) && self.headers.iter().all(|(_, text)| constant(text))
    }

    /// Whether anything of it, its checks included, depends on the iteration.
    pub(super) fn needs_scope(&self) -> bool {
        self.fixed.is_none() || !self.extractions.is_empty() || !self.checks.is_constant()
    }

    /// The request for this iteration, after these turns of a conversation.
    pub(super) fn request(
        &self,
        renderer: &Renderer<'_>,
        query: Option<&str>,
        before: &[Turn],
        said: Option<&Value>,
    ) -> Result<Request, Failure> {
        let usual = |usual: Cow<'static, str>| match &self.path {
            Some(path) => renderer.text(path),
            None => Ok(usual),
        };
        let json = |value: &Value| (Bytes::from(value.to_string()), JSON);
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 1);
        if let Some(accept) = self.accept {
            headers.insert("accept", HeaderValue::from_static(accept));
        }
        let (method, path, body) = match &self.call {
            Call::Task(call) => {
                let path = match &self.path {
                    Some(path) => renderer.text(path)?,
                    None => call.path(renderer)?.into(),
                };
                (Method::POST, path, Some(call.body(renderer)?))
            }
            Call::Model(call) => {
                let body = call.body(renderer, before, said)?;
                (Method::POST, usual(call.path().into())?, Some(json(&body)))
            }
            Call::Plain(call) => (call.method.clone(), usual("/".into())?, call.body(renderer)?),
        };
        for (name, value) in &self.headers {
            let value = HeaderValue::from_str(&renderer.text(value)?).map_err(|_| {
                Failure::unmade(format!("the value of the header `{name}` holds what no header can hold"))
            })?;
            headers.insert(name.clone(), value);
        }
        if !path.starts_with('/') {
            return Err(Failure::unmade(format!("the path `{path}` does not start with a slash")));
        }
        let mut path = utf8_percent_encode(&path, NOT_IN_PATHS).to_string();
        if let Some(query) = query {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(query);
        }
        Ok(Request { method, path, body, headers })
    }
}

impl TaskCall {
    fn path(&self, renderer: &Renderer<'_>) -> Result<String, Failure> {
        let model = self.model.as_ref().map(|model| renderer.text(model)).transpose()?;
        self.task.path(self.route, model.as_deref()).map_err(Failure::unmade)
    }

    fn body(&self, renderer: &Renderer<'_>) -> Result<(Bytes, HeaderValue), Failure> {
        let object = |json: &Option<Json>| -> Result<Option<Map<String, Value>>, Failure> {
            match json.as_ref().map(|json| renderer.json(json)).transpose()? {
                Some(Value::Object(map)) => Ok(Some(map)),
                _ => Ok(None),
            }
        };
        let (parameters, options) = (object(&self.parameters)?, object(&self.options)?);
        let inputs = match &self.binary {
            None => self.inputs.as_ref().map(|inputs| renderer.json(inputs)).transpose()?.unwrap_or_default(),
            Some(source) => {
                let row = renderer.scope().and_then(|scope| scope.row(source));
                let Some(binary) = row.and_then(|row| row.binary.as_ref()) else {
                    return Err(Failure::unmade(format!("`{source}` has rows without bytes")));
                };
                if parameters.is_none() && options.is_none() {
                    let mime = HeaderValue::from_str(&binary.mime);
                    let mime = mime.unwrap_or(const { HeaderValue::from_static("application/octet-stream") });
                    return Ok((binary.bytes.clone(), mime));
                }
                use base64::Engine;
                Value::String(base64::engine::general_purpose::STANDARD.encode(&binary.bytes))
            }
        };
        let mut body = self.task.body(inputs, parameters.as_ref(), options.as_ref());
        if let (true, Value::Object(body)) = (self.stream, &mut body) {
            body.insert("stream".to_owned(), Value::Bool(true));
        }
        Ok((body.to_string().into(), JSON))
    }
}

impl PlainCall {
    fn body(&self, renderer: &Renderer<'_>) -> Result<Option<(Bytes, HeaderValue)>, Failure> {
        Ok(Some(match &self.body {
            PlainBody::None => return Ok(None),
            PlainBody::Json(json) => (renderer.json(json)?.to_string().into(), JSON),
            PlainBody::Text(text) => (renderer.text(text)?.into_owned().into(), TEXT),
            PlainBody::Form(members) => {
                let mut form = String::new();
                for (name, value) in members {
                    if !form.is_empty() {
                        form.push('&');
                    }
                    form.extend(utf8_percent_encode(name, NON_ALPHANUMERIC));
                    form.push('=');
                    form.extend(utf8_percent_encode(&renderer.text(value)?, NON_ALPHANUMERIC));
                }
                (form.into(), FORM)
            }
        }))
    }
}
