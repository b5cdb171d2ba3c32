//! What a generating server's answer came to.

use super::Dialect;
use super::message::{Chunk, Details, Usage, WholeResponse};
use crate::api::failure::Failure;
use plimsoll_model::{TokenSource, Tokens};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// An answer that was read, streamed or whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reading {
    /// What was said (reasoning left out), where it is wanted.
    pub text: String,
    /// Why it ended, in the server's word.
    pub finish: String,
    /// Whether anything was said: text, reasoning, a call, speech.
    pub said: bool,
    /// Whether a tool was called.
    pub called: bool,
    /// The count of tokens.
    pub tokens: Option<Tokens>,
    /// Everything that a stream said, reasoning included, where its tokens may have to be counted here.
    pub spoken: Option<String>,
}

impl Reading {
    pub(super) fn finish(&mut self, reason: &str) {
        if self.finish.is_empty() {
            self.finish.push_str(reason);
        }
    }

    /// An answer that says nothing is none.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.said || self.called { Ok(()) } else { Err(Failure::invalid("the answer has no content")) }
    }

    /// The answer as the API would have given it whole: for checks and extracts, which then are the same whether it
    /// streams or not.
    pub(crate) fn as_whole(&self, dialect: Dialect) -> Value {
        let usage = self.tokens.filter(|tokens| tokens.source == TokenSource::Server);
        let choice = |key: &str, value: Value| {
            let usage = usage.map(|tokens| json!({"prompt_tokens": tokens.input, "completion_tokens": tokens.output}));
            json!({"choices": [{"index": 0, key: value, "finish_reason": self.finish}], "usage": usage})
        };
        match dialect {
            Dialect::Chat => choice("message", json!({"role": "assistant", "content": self.text})),
            Dialect::Completions => choice("text", json!(self.text)),
            Dialect::Responses => {
                let usage = usage.map(|tokens| json!({"input_tokens": tokens.input, "output_tokens": tokens.output}));
                let content = json!([{"type": "output_text", "text": self.text}]);
                let message = json!({"type": "message", "role": "assistant", "content": content});
                json!({"status": self.finish, "output": [message], "usage": usage})
            }
            Dialect::Generate => {
                let details = usage.map(|tokens| json!({"generated_tokens": tokens.output}));
                json!({"generated_text": self.text, "details": details})
            }
        }
    }

    /// Reads a whole answer.
    pub(crate) fn of_whole(dialect: Dialect, body: &[u8], keep_text: bool) -> Result<Self, Failure> {
        let Ok(body) = std::str::from_utf8(body) else {
            return Err(Failure::protocol("the answer is not valid UTF-8"));
        };
        let unreadable = |error: serde_json::Error| match body.trim().is_empty() {
            true => Failure::invalid("the answer is empty"),
            false => Failure::invalid(format!("the answer is not the JSON of this API: {error}")),
        };
        let mut reading = Self::default();
        if dialect == Dialect::Responses {
            let answer: WholeResponse<'_> = serde_json::from_str(body).map_err(unreadable)?;
            if let Some(error) = error_of(answer.error) {
                return Err(Failure::of_error(error));
            }
            reading.finish(&answer.status.0);
            for item in answer.output.iter().flatten() {
                reading.said |= !item.content.is_empty();
                reading.called |= item.kind.0.ends_with("_call");
                if keep_text && item.kind.0 == "message" {
                    reading.text.push_str(&item.content.0);
                }
            }
            reading.tokens = answer.usage.as_ref().and_then(tokens_of_usage);
            return Ok(reading);
        }
        // Pipelines answer with a list of one.
        let body = match dialect {
            Dialect::Generate if body.trim_start().starts_with('[') => {
                let list: Vec<&RawValue> = serde_json::from_str(body).map_err(unreadable)?;
                list.first().map_or("{}", |first| first.get())
            }
            _ => body,
        };
        let answer: Chunk<'_> = serde_json::from_str(body).map_err(unreadable)?;
        if error_of(answer.error).is_some() {
            return Err(Failure::of_error(body));
        }
        for (index, choice) in answer.choices.iter().flatten().enumerate() {
            let mut text = choice.text.as_ref().map_or("", |text| &*text.0);
            if let Some(message) = &choice.message {
                text = &message.content.0;
                reading.said |= !message.refusal.is_empty()
                    || !message.reasoning.is_empty()
                    || !message.reasoning_content.is_empty()
                    || message.audio.is_some();
                reading.called |= message.tool_calls.0 || message.function_call.is_some();
            }
            reading.said |= !text.is_empty();
            if index == 0 {
                reading.finish(choice.finish_reason.as_ref().map_or("", |reason| &*reason.0));
                if keep_text {
                    reading.text.push_str(text);
                }
            }
        }
        if let Some(text) = &answer.generated_text {
            reading.said |= !text.is_empty();
            if keep_text {
                reading.text.push_str(&text.0);
            }
        }
        reading.tokens = answer.usage.as_ref().and_then(tokens_of_usage);
        reading.tokens = reading.tokens.or_else(|| answer.details.as_ref().and_then(tokens_of_details));
        Ok(reading)
    }
}

/// The error of an answer, unless it is null.
pub(super) fn error_of(error: Option<&RawValue>) -> Option<&str> {
    error.map(RawValue::get).filter(|error| *error != "null")
}

impl Usage {
    /// The tokens of an answer that is no text: there are only those of the input.
    pub(crate) fn of_input(&self) -> Option<Tokens> {
        let input = self.prompt_tokens.or(self.input_tokens).map(count)?;
        Some(Tokens { input, output: 0, reasoning: 0, cached: 0, source: TokenSource::Server })
    }
}

pub(super) fn tokens_of_usage(usage: &Usage) -> Option<Tokens> {
    let input = usage.prompt_tokens_details.as_ref().or(usage.input_tokens_details.as_ref());
    let output = usage.completion_tokens_details.as_ref().or(usage.output_tokens_details.as_ref());
    let reasoning = output.and_then(|details| details.reasoning_tokens).or(usage.reasoning_tokens);
    let cached = input.and_then(|details| details.cached_tokens);
    Some(Tokens {
        input: usage.prompt_tokens.or(usage.input_tokens).map_or(0, count),
        output: usage.completion_tokens.or(usage.output_tokens).map(count)?,
        reasoning: reasoning.map_or(0, count),
        cached: cached.map_or(0, count),
        source: TokenSource::Server,
    })
}

pub(super) fn tokens_of_details(details: &Details) -> Option<Tokens> {
    let prefill = details.prefill.map(|prefill| prefill.0 as f64);
    Some(Tokens {
        input: details.input_length.or(prefill).map_or(0, count),
        output: details.generated_tokens.map(count)?,
        reasoning: 0,
        cached: 0,
        source: TokenSource::Server,
    })
}

/// A count as JSON has it. The conversion ends at the largest number.
fn count(number: f64) -> u32 {
    number as u32
}
