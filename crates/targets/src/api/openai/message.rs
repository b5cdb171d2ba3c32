//! Chunks and answers of generating servers, borrowed from the bytes they came in. One shape for chat, completions and
//! text-generation, streamed and whole; and one for the events of the Responses API. What we do not know is passed over.

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A chunk of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    pub usage: Option<Usage>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
    /// TGI: the token that was made.
    #[serde(borrow, default)]
    pub token: Option<Token<'a>>,
    /// TGI: all of the text, at the end.
    #[serde(borrow, default)]
    pub generated_text: Option<Said<'a>>,
    /// TGI: figures, at the end.
    #[serde(default)]
    pub details: Option<Details>,
}

/// One of the texts that are made. `delta` in a stream of a chat, `message` in a whole answer, `text` in completions.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub index: Option<u32>,
    #[serde(borrow, default)]
    pub delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub text: Option<Said<'a>>,
    #[serde(borrow, default)]
    pub finish_reason: Option<Said<'a>>,
}

/// What is said.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow, default)]
    pub content: Said<'a>,
    /// SGLang, DeepSeek, older vLLM.
    #[serde(borrow, default)]
    pub reasoning_content: Said<'a>,
    /// Newer vLLM, OpenRouter.
    #[serde(borrow, default)]
    pub reasoning: Said<'a>,
    #[serde(borrow, default)]
    pub refusal: Said<'a>,
    #[serde(default)]
    pub tool_calls: Calls,
    /// The older form of a tool call.
    #[serde(default)]
    pub function_call: Option<IgnoredAny>,
    /// Speech, of models that speak.
    #[serde(default)]
    pub audio: Option<IgnoredAny>,
}

/// A token of TGI.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Token<'a> {
    #[serde(borrow, default)]
    pub text: Said<'a>,
    /// A mark for the model, not for readers.
    #[serde(default)]
    pub special: bool,
}

/// Figures of TGI.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Details {
    #[serde(default)]
    pub generated_tokens: Option<f64>,
    #[serde(default)]
    pub input_length: Option<f64>,
    #[serde(default)]
    pub prefill: Option<Count>,
}

/// The server's count of tokens: the words of chat and completions, and those of the Responses API. Some servers send
/// both.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    pub prompt_tokens: Option<f64>,
    #[serde(default)]
    pub input_tokens: Option<f64>,
    #[serde(default)]
    pub completion_tokens: Option<f64>,
    #[serde(default)]
    pub output_tokens: Option<f64>,
    #[serde(default)]
    pub prompt_tokens_details: Option<UsageDetails>,
    #[serde(default)]
    pub input_tokens_details: Option<UsageDetails>,
    #[serde(default)]
    pub completion_tokens_details: Option<UsageDetails>,
    #[serde(default)]
    pub output_tokens_details: Option<UsageDetails>,
    /// SGLang has it here.
    #[serde(default)]
    pub reasoning_tokens: Option<f64>,
}

/// What the counts are made of.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct UsageDetails {
    #[serde(default)]
    pub cached_tokens: Option<f64>,
    #[serde(default)]
    pub reasoning_tokens: Option<f64>,
}

/// An event of the Responses API.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ResponseEvent<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Said<'a>,
    #[serde(borrow, default)]
    pub delta: Said<'a>,
    /// At the end: all of it.
    #[serde(borrow, default)]
    pub response: Option<WholeResponse<'a>>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

/// A whole answer of the Responses API.
#[derive(Debug, Default, Deserialize)]
pub(super) struct WholeResponse<'a> {
    #[serde(borrow, default)]
    pub status: Said<'a>,
    #[serde(borrow, default)]
    pub output: Option<Vec<OutputItem<'a>>>,
    #[serde(default)]
    pub usage: Option<Usage>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

/// A message, or a call of a tool.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OutputItem<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Said<'a>,
    #[serde(borrow, default)]
    pub content: Said<'a>,
}

/// A text, or the texts of a list of parts; empty for anything else. Servers disagree on what may be null, and a
/// content that we cannot read must not hide the rest of the chunk.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Said<'a>(pub Cow<'a, str>);

impl Said<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SaidVisitor)
    }
}

struct SaidVisitor;

impl<'de> Visitor<'de> for SaidVisitor {
    type Value = Said<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Said<'de>, E> {
        Ok(Said(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Said<'de>, E> {
        Ok(Said(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Said<'de>, E> {
        Ok(Said::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Said<'de>, E> {
        Ok(Said::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Said<'de>, E> {
        Ok(Said::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Said<'de>, E> {
        Ok(Said::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Said<'de>, E> {
        Ok(Said::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Said<'de>, A::Error> {
        let mut all = Said::default();
        while let Some(part) = list.next_element::<Said<'de>>()? {
            if all.is_empty() {
                all = part;
            } else {
                all.0.to_mut().push_str(&part.0);
            }
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said<'de>, A::Error> {
        let mut said = Said::default();
        while let Some(key) = map.next_key::<Said<'de>>()? {
            if matches!(&*key.0, "text" | "refusal") {
                said = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(said)
    }
}

/// How many items a list has.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count(pub usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list: Vec<IgnoredAny> = Deserialize::deserialize(deserializer)?;
        Ok(Self(list.len()))
    }
}

/// Whether any tool is called: a chunk may hold a name, or a piece of the arguments, or nothing but an index.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Calls(pub bool);

impl<'de> Deserialize<'de> for Calls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Call<'a> {
            #[serde(borrow, default)]
            function: Option<Function<'a>>,
        }
        #[derive(Deserialize)]
        struct Function<'a> {
            #[serde(borrow, default)]
            name: Said<'a>,
            #[serde(default)]
            arguments: Option<&'a RawValue>,
        }
        let calls: Option<Vec<Call<'de>>> = Deserialize::deserialize(deserializer)?;
        let says = |call: &Call<'_>| {
            call.function.as_ref().is_some_and(|function| {
                !function.name.is_empty()
                    || function.arguments.is_some_and(|arguments| !matches!(arguments.get(), "\"\"" | "null"))
            })
        };
        Ok(Self(calls.is_some_and(|calls| calls.iter().any(says))))
    }
}
