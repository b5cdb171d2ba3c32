//! The `[[request]]` and `[[journey]]` tables.

use crate::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One named request. It is a Hugging Face task (`task`), a call of an OpenAI-compatible API (`api`), or any HTTP
/// request (`path`). Every text in it may be a template (minijinja): it sees the rows of `[data]` by their names, what
/// earlier steps extracted, `vu`, `iteration`, and the functions `random_int(a, b)`, `choice(list)`, `pick("data")`,
/// `sample("data", n)` and `uuid()`. A text that is one `{{ … }}` alone keeps the type of its value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestSpec {
    /// Name in the results; made of the task, the API or the path when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How often it is drawn, against the others' weights; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// A Hugging Face inference task, for example `text-classification`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// A call of an OpenAI-compatible API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<OpenAiApi>,
    /// `path`: HTTP method; GET without a body and POST with one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Any HTTP request: path below the target's address, with its query. For `task` and `api`: instead of the usual path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,

    /// `task`, `api`: model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `task`: which kind of address; guessed from the target's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<HfRoute>,
    /// `task`, `embeddings`: the inputs. `rerank`: the texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// `task`: the task's parameters. `api`: further members of the body (`temperature`, `ignore_eos`, `tools` …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    /// `task`: `wait_for_model`, `use_cache`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Map<String, Value>>,
    /// `task`: a row of a folder, or of the generators `images` and `audio`, sent as raw bytes: the source's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,

    /// `chat`, `completions`, `responses`: one prompt of the user. `rerank`: the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// `chat`, `responses`: system prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// `chat`: all messages, in place of `prompt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Value>,
    /// `chat`: a list of what the user says turn by turn. Each turn is a request that carries the real replies so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<Value>,
    /// `chat`: think time between two turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_think: Option<Span>,
    /// `chat`: images for the user's message: one address or data URL, or a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Value>,
    /// `chat`: audio for the user's message, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<Value>,
    /// `api`: most tokens of the answer: a number or a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<Value>,
    /// `chat`, `completions`, `responses`, `text-generation`: whether the answer streams; `true` for `api` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,

    /// Headers of this request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// `path`: body as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// `path`: body as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// `path`: members of a form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, String>,

    /// Values of the answer for later steps of a journey.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extract: BTreeMap<String, Extract>,
    /// Checks of the answer; one that fails makes the request fail as `invalid_response`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// Limit for this request, in place of the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Send a failed request again. Off when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySpec>,
}

/// Several requests one after the other: a user's way through an application. It ends early when a step fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JourneySpec {
    /// Name.
    pub name: String,
    /// How often it is drawn, against the others' weights; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Wait so long between two steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_think: Option<Span>,
    /// The requests, in order.
    #[serde(rename = "step")]
    pub steps: Vec<RequestSpec>,
}

/// The calls of an OpenAI-compatible API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OpenAiApi {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
    /// `/v1/embeddings`
    Embeddings,
    /// `/v1/responses`
    Responses,
    /// `/rerank`, of text-embeddings-inference
    Rerank,
}

/// The kinds of addresses that a Hugging Face task has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HfRoute {
    /// `/hf-inference/models/{model}` (with `/pipeline/{task}` for embeddings), at router.huggingface.co.
    Router,
    /// `/models/{model}`, at api-inference.huggingface.co.
    Legacy,
    /// `/pipeline/{task}/{model}`, at api-inference.huggingface.co.
    Pipeline,
    /// The address itself: a dedicated endpoint.
    Endpoint,
}

/// Where a value is found in an answer: exactly one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// JSON pointer (RFC 6901) into the body, for example `/data/0/id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Name of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Regular expression; its first group, or all that it matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}

/// What an answer must be. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Statuses that are right; any 2xx when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// `false` leaves out the check that the task or API has of its own (its schema).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<bool>,
    /// Text that the body holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Regular expression that matches somewhere in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// Conditions on values of a JSON body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonCheck>,
    /// Least bytes of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<u64>,
    /// Least tokens of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_tokens: Option<u32>,
    /// Embeddings: length of each vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<u32>,
    /// Embeddings: Euclidean norm of each vector, to within 0.001.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<f64>,
}

/// A condition on one value of a JSON body. With nothing but `at`, the value must be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonCheck {
    /// JSON pointer (RFC 6901), for example `/0/label`; empty for the whole body.
    pub at: String,
    /// It equals this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// It is a number of at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// It is a number of at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// It is a text, list or object with at least so many characters or members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<usize>,
    /// It is of this JSON type: `string`, `number`, `boolean`, `array`, `object`, `null`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// Sending a failed request again. The time that this takes is part of the request's time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrySpec {
    /// How often, beyond the first try.
    pub times: u32,
    /// Statuses that are tried again; 429 and 503 when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<u16>,
    /// First wait, doubled each time; 1 s when absent. A `Retry-After` of the server counts instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Span>,
    /// Longest wait; 60 s when absent. A longer `Retry-After` ends the tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Span>,
}
