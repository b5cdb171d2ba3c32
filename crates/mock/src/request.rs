//! The body of an inference request, read no further than is needed: unknown fields are skipped, nested values stay
//! text until somebody asks for them.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The fields of a JSON body, of all protocols together.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Body<'a> {
    #[serde(borrow)]
    pub model: Option<Cow<'a, str>>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,
    pub max_tokens: Option<u32>,
    pub max_completion_tokens: Option<u32>,
    pub max_output_tokens: Option<u32>,
    pub min_tokens: Option<u32>,
    pub ignore_eos: Option<bool>,
    #[serde(borrow)]
    pub inputs: Option<&'a RawValue>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    pub messages: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tools: Option<&'a RawValue>,
    #[serde(borrow)]
    pub parameters: Option<&'a RawValue>,
    pub options: Option<Options>,
    #[serde(borrow)]
    pub encoding_format: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub query: Option<&'a RawValue>,
    #[serde(borrow)]
    pub texts: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub documents: Option<Vec<&'a RawValue>>,
    pub return_text: Option<bool>,
}

/// OpenAI's `stream_options`.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(crate) struct StreamOptions {
    pub include_usage: Option<bool>,
    pub continuous_usage_stats: Option<bool>,
}

/// The legacy API's `options`.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    pub wait_for_model: Option<bool>,
}

/// The fields of `parameters` that change an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parameters<'a> {
    pub max_new_tokens: Option<u32>,
    pub top_k: Option<u32>,
    pub details: Option<bool>,
    #[serde(borrow)]
    pub candidate_labels: Option<Labels<'a>>,
    #[serde(borrow)]
    pub aggregation_strategy: Option<Cow<'a, str>>,
    pub return_timestamps: Option<bool>,
}

/// Labels as a list, or as older clients send them, separated by commas.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Labels<'a> {
    List(#[serde(borrow)] Vec<Cow<'a, str>>),
    Text(Cow<'a, str>),
}

impl Labels<'_> {
    pub(crate) fn list(&self) -> Vec<&str> {
        match self {
            Self::List(labels) => labels.iter().map(AsRef::as_ref).collect(),
            Self::Text(text) => text.split(',').map(str::trim).collect(),
        }
    }
}

impl<'a> Body<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    pub(crate) fn parameters(&self) -> Result<Parameters<'a>, String> {
        match self.parameters {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|error| error.to_string()),
            None => Ok(Parameters::default()),
        }
    }

    /// Bytes of what the model would read.
    pub(crate) fn prompt_bytes(&self) -> usize {
        [self.inputs, self.input, self.prompt, self.messages].into_iter().flatten().map(|raw| raw.get().len()).sum()
    }
}

/// What a body looks like, for guessing the task.
#[derive(Debug)]
pub(crate) enum Shape<'a> {
    /// JSON with these fields; `inputs` is its JSON text.
    Json { inputs: &'a str, messages: bool, candidate_labels: bool },
    /// Anything else: an image, a recording.
    Binary { content_type: &'a str },
}

/// The items of `inputs` or `input`: a list's elements, or the one value.
pub(crate) fn items(raw: &RawValue) -> Vec<&RawValue> {
    if raw.get().starts_with('[') {
        serde_json::from_str::<Vec<&RawValue>>(raw.get()).unwrap_or_default()
    } else {
        vec![raw]
    }
}

/// A JSON string's text; other values as they are written.
pub(crate) fn text_of(raw: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<Cow<'_, str>>(raw.get())
        .map_or(Cow::Borrowed(raw.get()), |text| Cow::Owned(text.into_owned()))
}

/// The text of one field of a JSON object.
pub(crate) fn field(raw: Option<&RawValue>, name: &str) -> Option<String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(raw?.get()).ok()?;
    object.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let body = Body::parse(
            br#"{"model":"a\"b","stream":true,"max_tokens":7,"stream_options":{"include_usage":true},"x":[1],"parameters":{"candidate_labels":"a, b"}}"#,
        )
        .unwrap();
        assert_eq!(body.model.as_deref(), Some("a\"b"));
        assert_eq!((body.stream, body.max_tokens), (Some(true), Some(7)));
        assert_eq!(body.parameters().unwrap().candidate_labels.unwrap().list(), ["a", "b"]);
        assert!(Body::parse(b"{\"max_tokens\":\"many\"}").is_err());
        assert!(Body::parse(b"[1]").is_err() || Body::parse(b"[1]").unwrap().model.is_none());
        assert!(Body::parse(b"{\"model\":null,\"inputs\":null}").unwrap().inputs.is_none());
        assert!(Body::parse(b"\xff\xfe").is_err());
    }
}
