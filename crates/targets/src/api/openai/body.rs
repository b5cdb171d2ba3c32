//! Bodies of the calls of an OpenAI-compatible API.

use super::Dialect;
use crate::api::failure::Failure;
use crate::api::template::{Json, Renderer, Text};
use plimsoll_model::scenario::OpenAiApi;
use serde_json::{Map, Value, json};

/// A call, compiled. What its API does not know is `None`.
#[derive(Debug)]
pub(crate) struct ModelCall {
    pub api: OpenAiApi,
    pub model: Option<Text>,
    pub prompt: Option<Text>,
    pub system: Option<Text>,
    pub messages: Option<Json>,
    pub turns: Option<Json>,
    pub images: Option<Json>,
    pub audio: Option<Json>,
    pub inputs: Option<Json>,
    pub max_tokens: Option<Json>,
    pub parameters: Option<Json>,
    pub stream: bool,
    /// Prompt and length come from the trace where the scenario gives none.
    pub replay: bool,
}

/// A turn of a conversation that is over: what the user said, and what the server replied.
#[derive(Debug)]
pub(crate) struct Turn {
    pub said: Value,
    pub reply: String,
}

impl ModelCall {
    /// The usual path of this API.
    pub(crate) fn path(&self) -> &'static str {
        match self.api {
            OpenAiApi::Chat => "/v1/chat/completions",
            OpenAiApi::Completions => "/v1/completions",
            OpenAiApi::Embeddings => "/v1/embeddings",
            OpenAiApi::Responses => "/v1/responses",
            OpenAiApi::Rerank => "/rerank",
        }
    }

    /// What its answers speak, if it generates.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        match self.api {
            OpenAiApi::Chat => Some(Dialect::Chat),
            OpenAiApi::Completions => Some(Dialect::Completions),
            OpenAiApi::Responses => Some(Dialect::Responses),
            OpenAiApi::Embeddings | OpenAiApi::Rerank => None,
        }
    }

    /// Whether the body is the same for every request.
    pub(crate) fn is_constant(&self) -> bool {
        let texts = [&self.model, &self.prompt, &self.system];
        let values =
            [&self.messages, &self.turns, &self.images, &self.audio, &self.inputs, &self.max_tokens, &self.parameters];
        !self.replay
            && self.turns.is_none()
            && texts.into_iter().flatten().all(|text| text.constant().is_some())
            && values.into_iter().flatten().all(Json::is_constant)
    }

    /// What the user says turn by turn in this iteration.
    pub(crate) fn turns(&self, renderer: &Renderer<'_>) -> Result<Option<Vec<Value>>, Failure> {
        let Some(turns) = &self.turns else { return Ok(None) };
        match renderer.json(turns)? {
            Value::Array(turns) if !turns.is_empty() => Ok(Some(turns)),
            Value::Array(_) => Err(Failure::unmade("`turns` is an empty list")),
            other => {
                Err(Failure::unmade(format!("`turns` must be a list of what the user says; it is {}", kind(&other))))
            }
        }
    }

    /// The body, after these turns; `said` is what the user says now, where the call has turns.
    pub(crate) fn body(
        &self,
        renderer: &Renderer<'_>,
        before: &[Turn],
        said: Option<&Value>,
    ) -> Result<Value, Failure> {
        let text = |text: &Option<Text>| match text {
            Some(text) => renderer.text(text).map(|text| Some(Value::String(text.into_owned()))),
            None => Ok(None),
        };
        let json = |json: &Option<Json>| json.as_ref().map(|json| renderer.json(json)).transpose();
        let mut body = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        put("model", text(&self.model)?);
        let prompt = match text(&self.prompt)? {
            None if self.replay => renderer.scope().and_then(|scope| scope.trace_prompt()).map(Value::String),
            prompt => prompt,
        };
        let mut parameters = match json(&self.parameters)? {
            Some(Value::Object(parameters)) => parameters,
            _ => Map::new(),
        };
        match self.api {
            OpenAiApi::Chat => put("messages", Some(self.messages(renderer, prompt, before, said)?)),
            OpenAiApi::Completions => put("prompt", prompt),
            OpenAiApi::Responses => {
                put("instructions", text(&self.system)?);
                put("input", prompt);
            }
            OpenAiApi::Embeddings => put("input", json(&self.inputs)?),
            OpenAiApi::Rerank => {
                put("query", prompt);
                put("texts", json(&self.inputs)?);
            }
        }
        if let Some(dialect) = self.dialect() {
            let key = if dialect == Dialect::Responses { "max_output_tokens" } else { "max_tokens" };
            // Newer OpenAI models know only this one, and refuse both.
            if !parameters.contains_key("max_completion_tokens") {
                let traced = || renderer.scope().and_then(|scope| scope.trace()).and_then(|trace| trace.output_tokens);
                let most = match json(&self.max_tokens)? {
                    None if self.replay => traced().map(Value::from),
                    most => most,
                };
                put(key, most);
            }
            put("stream", self.stream.then_some(Value::Bool(true)));
            if self.stream && dialect != Dialect::Responses {
                put("stream_options", Some(json!({"include_usage": true})));
            }
        }
        body.append(&mut parameters);
        Ok(Value::Object(body))
    }

    fn messages(
        &self,
        renderer: &Renderer<'_>,
        prompt: Option<Value>,
        before: &[Turn],
        said: Option<&Value>,
    ) -> Result<Value, Failure> {
        if let Some(messages) = &self.messages {
            return match renderer.json(messages)? {
                list @ Value::Array(_) => Ok(list),
                other => Err(Failure::unmade(format!("`messages` must be a list; it is {}", kind(&other)))),
            };
        }
        let mut messages = Vec::with_capacity(2 * before.len() + 2);
        if let Some(system) = &self.system {
            messages.push(json!({"role": "system", "content": renderer.text(system)?}));
        }
        // Pictures and sounds belong to the first thing that the user says.
        let mut parts = self.parts(renderer)?;
        let mut user = |content: Value| {
            let parts = std::mem::take(&mut parts);
            let content = match content {
                Value::String(text) if !parts.is_empty() => {
                    let mut list = vec![json!({"type": "text", "text": text})];
                    list.extend(parts);
                    Value::Array(list)
                }
                other => other,
            };
            json!({"role": "user", "content": content})
        };
        for turn in before {
            messages.push(user(turn.said.clone()));
            messages.push(json!({"role": "assistant", "content": turn.reply}));
        }
        let now = said.cloned().or(prompt).unwrap_or_default();
        messages.push(user(now));
        Ok(Value::Array(messages))
    }

    /// The parts of a message that are no text.
    fn parts(&self, renderer: &Renderer<'_>) -> Result<Vec<Value>, Failure> {
        let list = |json: &Option<Json>, what: &str| -> Result<Vec<Value>, Failure> {
            let Some(json) = json else { return Ok(Vec::new()) };
            let items = match renderer.json(json)? {
                Value::Array(items) => items,
                one => vec![one],
            };
            match items.iter().find(|item| !item.is_string() && !item.is_object()) {
                Some(item) => Err(Failure::unmade(format!("`{what}` must be texts; one is {}", kind(item)))),
                None => Ok(items),
            }
        };
        let mut parts = Vec::new();
        for image in list(&self.images, "images")? {
            parts.push(match image {
                Value::String(url) => json!({"type": "image_url", "image_url": {"url": url}}),
                // A row of a folder or of the generator `images`.
                row => json!({"type": "image_url", "image_url": {"url": row.get("data_url").unwrap_or(&row)}}),
            });
        }
        for audio in list(&self.audio, "audio")? {
            let (data, format) = match &audio {
                Value::String(data) => (audio.clone(), audio_format(data)),
                row => {
                    let mime = row.get("mime").and_then(Value::as_str).unwrap_or_default();
                    (row.get("base64").cloned().unwrap_or_default(), format_of(mime))
                }
            };
            parts.push(json!({"type": "input_audio", "input_audio": {"data": data, "format": format}}));
        }
        Ok(parts)
    }
}

/// The format of sound by the first bytes of its base64 form.
fn audio_format(base64: &str) -> &'static str {
    // `ID3`, or the two forms in which a frame of MPEG audio starts; else `RIFF`.
    if ["SUQz", "//", "/+"].iter().any(|start| base64.starts_with(start)) { "mp3" } else { "wav" }
}

fn format_of(mime: &str) -> &str {
    match mime.split('/').next_back().unwrap_or_default() {
        "mpeg" => "mp3",
        "x-wav" | "wave" | "vnd.wave" | "" => "wav",
        other => other,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
