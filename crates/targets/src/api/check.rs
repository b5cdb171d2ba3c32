//! What an answer must be, and what is taken from it for later steps.

use super::failure::Failure;
use super::openai::{Dialect, Reading};
use super::step::{Call, Step};
use super::template::{Json, Renderer, Text};
use super::vectors;
use bytes::Bytes;
use plimsoll_model::Tokens;
use plimsoll_model::scenario::OpenAiApi;
use plimsoll_wire::{Body, HeaderMap};
use regex::bytes::Regex;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::OnceCell;

/// An answer, read to its end.
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// All of the body; nothing of a stream.
    pub body: Bytes,
    pub bytes: u64,
    /// What a generating server said.
    pub reading: Option<Reading>,
    /// How a stream is seen whole.
    pub streamed: Option<Dialect>,
    pub tokens: Option<Tokens>,
    /// What is still to be read of a stream that said it is done.
    pub rest: Option<Body>,
    json: OnceCell<Option<Value>>,
}

impl Answer {
    pub(super) fn new(status: u16, headers: HeaderMap, bytes: u64) -> Self {
        let json = OnceCell::new();
        Self {
            status,
            headers,
            body: Bytes::new(),
            bytes,
            reading: None,
            streamed: None,
            tokens: None,
            rest: None,
            json,
        }
    }

    /// The body, or what was said in a stream.
    fn text(&self) -> &[u8] {
        match (&self.reading, self.streamed) {
            (Some(reading), Some(_)) => reading.text.as_bytes(),
            _ => &self.body,
        }
    }

    fn json(&self) -> Option<&Value> {
        let read = || match (&self.reading, self.streamed) {
            (Some(reading), Some(dialect)) => Some(reading.as_whole(dialect)),
            _ => serde_json::from_slice(&self.body).ok(),
        };
        self.json.get_or_init(read).as_ref()
    }

    fn content_type(&self) -> Option<&str> {
        self.headers.get("content-type").and_then(|value| value.to_str().ok())
    }
}

/// The checks of a step, compiled.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub status: Vec<u16>,
    /// Whether the answer must have the shape of its task or API.
    pub schema: bool,
    pub contains: Option<Text>,
    pub matches: Option<Regex>,
    pub json: Vec<JsonRule>,
    pub min_bytes: Option<u64>,
    pub min_tokens: Option<u32>,
    pub dimension: Option<u32>,
    pub norm: Option<f64>,
}

/// A condition on one value.
#[derive(Debug)]
pub(super) struct JsonRule {
    pub at: String,
    pub equals: Option<Json>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub min_length: Option<usize>,
    pub kind: Option<Kind>,
}

/// JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Number,
    Boolean,
    Array,
    Object,
    Null,
}

impl Kind {
    const ALL: [(&str, Self); 6] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("array", Self::Array),
        ("object", Self::Object),
        ("null", Self::Null),
    ];

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(name, _)| *name == word).map(|(_, kind)| kind)
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => Self::String,
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Boolean,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
            Value::Null => Self::Null,
        }
    }

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl Checks {
    /// Whether an answer of this status is taken.
    pub(super) fn accepts(&self, status: u16) -> bool {
        if self.status.is_empty() { (200..300).contains(&status) } else { self.status.contains(&status) }
    }

    pub(super) fn look_at_text(&self) -> bool {
        self.contains.is_some() || self.matches.is_some() || !self.json.is_empty()
    }

    pub(super) fn is_constant(&self) -> bool {
        self.contains.as_ref().is_none_or(|text| text.constant().is_some())
            && self.json.iter().all(|rule| rule.equals.as_ref().is_none_or(Json::is_constant))
    }

    /// Whether the answer to this step is what it must be. Sets its tokens on the way.
    pub(super) fn verify(&self, step: &Step, answer: &mut Answer, renderer: &Renderer<'_>) -> Result<(), Failure> {
        // A status that is taken although it is no success has a body of another kind.
        if (200..300).contains(&answer.status) {
            self.verify_shape(step, answer)?;
        }
        let failed = |what: String| Err(Failure::invalid(what));
        if let Some(least) = self.min_bytes.filter(|least| answer.bytes < *least) {
            return failed(format!("check.min_bytes: the answer has {} bytes, fewer than {least}", answer.bytes));
        }
        if let Some(least) = self.min_tokens {
            match answer.tokens {
                Some(tokens) if tokens.output >= least => {}
                Some(tokens) => {
                    return failed(format!(
                        "check.min_tokens: the output has {} tokens, fewer than {least}",
                        tokens.output
                    ));
                }
                None => {
                    return failed("check.min_tokens: the server did not count the tokens of its output".to_owned());
                }
            }
        }
        if let Some(wanted) = &self.contains {
            let wanted = renderer.text(wanted)?;
            if memchr::memmem::find(answer.text(), wanted.as_bytes()).is_none() {
                return failed(format!("check.contains: the answer does not hold `{wanted}`"));
            }
        }
        if let Some(pattern) = self.matches.as_ref().filter(|pattern| !pattern.is_match(answer.text())) {
            return failed(format!("check.matches: nothing in the answer matches `{pattern}`"));
        }
        for rule in &self.json {
            let Some(body) = answer.json() else { return failed("check.json: the answer is not JSON".to_owned()) };
            rule.verify(body, renderer)?;
        }
        Ok(())
    }

    fn verify_shape(&self, step: &Step, answer: &mut Answer) -> Result<(), Failure> {
        if let Some(reading) = &answer.reading
            && self.schema
        {
            reading.check()?;
        }
        let wants_vectors = self.dimension.is_some() || self.norm.is_some();
        match &step.call {
            Call::Task(call) if answer.streamed.is_none() => {
                if self.schema {
                    call.task.check_answer(answer.content_type(), &answer.body).map_err(Failure::invalid)?;
                }
                if wants_vectors {
                    let vectors = vectors::nested(&answer.body).map_err(Failure::invalid)?;
                    vectors::check(&vectors, self.dimension, self.norm).map_err(Failure::invalid)?;
                }
            }
            Call::Model(call) if call.api == OpenAiApi::Embeddings => {
                let read = vectors::openai(&answer.body);
                answer.tokens = read.as_ref().ok().and_then(|(_, tokens)| *tokens);
                if self.schema || wants_vectors {
                    let (vectors, _) = read.map_err(Failure::invalid)?;
                    vectors::check(&vectors, self.dimension, self.norm).map_err(Failure::invalid)?;
                }
            }
            Call::Model(call) if call.api == OpenAiApi::Rerank && self.schema => {
                check_ranks(&answer.body).map_err(Failure::invalid)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The answer of text-embeddings-inference, or of Cohere and vLLM (in `results`, with `relevance_score`).
fn check_ranks(body: &[u8]) -> Result<(), String> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Ranks {
        List(Vec<Rank>),
        Results { results: Vec<Rank> },
    }
    #[derive(serde::Deserialize)]
    struct Rank {
        #[serde(rename = "index")]
        _index: u64,
        #[serde(rename = "score", alias = "relevance_score")]
        _score: f64,
    }
    match serde_json::from_slice(body) {
        Ok(Ranks::List(ranks) | Ranks::Results { results: ranks }) if !ranks.is_empty() => Ok(()),
        Ok(_) => Err("the answer ranks nothing".to_owned()),
        Err(_) => Err("the answer is not a list of `index` and `score`".to_owned()),
    }
}

impl JsonRule {
    fn verify(&self, body: &Value, renderer: &Renderer<'_>) -> Result<(), Failure> {
        let at = if self.at.is_empty() { "the body" } else { &self.at };
        let failed = |what: String| Err(Failure::invalid(format!("check.json: {what}")));
        let Some(value) = body.pointer(&self.at) else { return failed(format!("{at} is not there")) };
        if let Some(kind) = self.kind.filter(|kind| *kind != Kind::of(value)) {
            return failed(format!("{at} is of type {}, not {}", Kind::of(value).word(), kind.word()));
        }
        if let Some(equals) = &self.equals {
            let wanted = renderer.json(equals)?;
            if !same(value, &wanted) {
                return failed(format!("{at} is {}, not {}", brief(value), brief(&wanted)));
            }
        }
        if self.min.is_some() || self.max.is_some() {
            let Some(number) = value.as_f64() else { return failed(format!("{at} is {}, not a number", brief(value))) };
            if let Some(min) = self.min.filter(|min| number < *min) {
                return failed(format!("{at} is {number}, less than {min}"));
            }
            if let Some(max) = self.max.filter(|max| number > *max) {
                return failed(format!("{at} is {number}, more than {max}"));
            }
        }
        if let Some(least) = self.min_length {
            let length = match value {
                Value::String(text) => text.chars().count(),
                Value::Array(items) => items.len(),
                Value::Object(members) => members.len(),
                _ => return failed(format!("{at} is {}, which has no length", brief(value))),
            };
            if length < least {
                return failed(format!("{at} has the length {length}, less than {least}"));
            }
        }
        Ok(())
    }
}

/// Equal, where 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        _ => a == b,
    }
}

fn brief(value: &Value) -> Cow<'static, str> {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// A value that a later step uses.
#[derive(Debug)]
pub(super) struct Extraction {
    pub name: String,
    pub from: Source,
}

/// Where it is found.
#[derive(Debug)]
pub(super) enum Source {
    Json(String),
    Header(String),
    Regex(Regex),
}

impl Extraction {
    /// Takes the value and keeps it for the templates of later steps.
    pub(super) fn take(&self, answer: &Answer, renderer: &Renderer<'_>) -> Result<(), Failure> {
        let found = match &self.from {
            Source::Json(pointer) => {
                answer.json().and_then(|body| body.pointer(pointer)).map(|value| minijinja::value::Serde(value).into())
            }
            Source::Header(name) => answer.headers.get(name).and_then(|value| value.to_str().ok()).map(Into::into),
            Source::Regex(pattern) => pattern.captures(answer.text()).and_then(|captures| {
                let text = captures.get(1).or_else(|| captures.get(0))?;
                Some(String::from_utf8_lossy(text.as_bytes()).into_owned().into())
            }),
        };
        let Some(value) = found else {
            let place = match &self.from {
                Source::Json(pointer) => format!("nothing at {pointer} of the answer"),
                Source::Header(name) => format!("no header `{name}` in the answer"),
                Source::Regex(pattern) => format!("nothing in the answer matches `{pattern}`"),
            };
            return Err(Failure::invalid(format!("extract.{}: {place}", self.name)));
        };
        if let Some(scope) = renderer.scope() {
            scope.keep(&self.name, value);
        }
        Ok(())
    }
}
