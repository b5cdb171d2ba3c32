//! What users do, as a scenario file says it. These are the file's own words; the `scenario` crate reads, checks and
//! writes them.

mod data;
mod load;
mod request;

pub use data::{DataSource, Generator, Length, Order};
pub use load::{ArrivalProcess, Executor, LoadSpec, ReplaySpec, StageSpec, TraceFormat};
pub use request::{Check, Extract, HfRoute, JourneySpec, JsonCheck, OpenAiApi, RequestSpec, RetrySpec};

use crate::{Rate, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A scenario: a target, what its users do, and how many of them there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the results call it; the file's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Seed of every random choice; the same seed gives the same requests. Drawn, and kept in run.json, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What is put under load.
    pub target: ApiTarget,
    /// Named sources of payloads, for the templates of the requests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, DataSource>,
    /// What a user does in one iteration: one of these (or of the journeys), drawn by weight.
    #[serde(default, rename = "request", skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestSpec>,
    /// Several requests one after the other as one iteration.
    #[serde(default, rename = "journey", skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<JourneySpec>,
    /// What a user does between two iterations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think: Option<Think>,
    /// How much load, when.
    pub load: LoadSpec,
    /// What a single request must meet to count as good; the rate of good ones is the goodput.
    #[serde(default, skip_serializing_if = "Objectives::is_empty")]
    pub objectives: Objectives,
    /// Rules that the run must meet.
    #[serde(default, rename = "threshold", skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdSpec>,
}

/// Where requests go, and how they prove who they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiTarget {
    /// Address, with the base path if there is one: `https://router.huggingface.co`, `http://127.0.0.1:8000`.
    pub url: String,
    /// How requests prove who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthSpec>,
    /// Headers of every request. Not for secrets: those are named in `auth`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Limit for one request; 60 s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Most bytes of one answer; 64 MiB when absent. More is a failure of class `protocol`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_response_bytes: Option<u64>,
    /// Trust certificates of this PEM file as well as the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Accept any certificate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// A `tokenizer.json` of Hugging Face's tokenizers, from the scenario file's folder: counts the output tokens of
    /// streams where the server does not. Needs a build with the feature `tokenizers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
    /// Open a new connection for every request, as clients without a pool do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_connections: bool,
}

/// How requests prove who they are. The secret itself is never in the file: only the name of the environment variable
/// that holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthSpec {
    /// Environment variable with a token, sent as `Authorization: Bearer …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_env: Option<String>,
    /// Name of a header that carries the value of `value_env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Name of a query parameter that carries the value of `value_env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Environment variable with the value for `header` or `query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_env: Option<String>,
}

/// What a user does between two iterations: exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Think {
    /// Wait this long after an iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<Span>,
    /// Wait for a time drawn uniformly between these two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<[Span; 2]>,
    /// Start an iteration each so long, however long the last one took (at once, if it took longer).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing: Option<Span>,
}

/// What one request must meet to count as good. All that are given must hold; a request that has no such figure is
/// not good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// Most time to the first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Span>,
    /// Most mean time per output token after the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<Span>,
    /// Longest gap between two chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub itl: Option<Span>,
    /// Most time from the intended start to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_time: Option<Span>,
}

impl Objectives {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A rule that the run must meet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdSpec {
    /// The rule, for example `p(95) < 800ms`, `ttft p(99) < 200ms` or `rate(failed) < 1%`.
    pub rule: String,
    /// Only requests of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Only this level of a sweep, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// Stop the run as soon as the rule is broken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abort: bool,
}

/// What is wrong with a scenario, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Keys and indices that lead to it, joined by dots: `request.0.task`, `data.prompts.file`; empty for the whole.
    pub at: String,
    /// What is wrong, and what to do.
    pub message: String,
    /// The text that it is about, when it is about a part of one.
    pub quote: Option<Quote>,
}

/// A part of a text that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The whole text.
    pub text: String,
    /// The bytes that are meant.
    pub span: std::ops::Range<usize>,
}

impl Problem {
    /// A problem at this place.
    pub fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into(), quote: None }
    }

    /// The same about these bytes of a text.
    pub fn quoting(self, text: impl Into<String>, span: std::ops::Range<usize>) -> Self {
        Self { quote: Some(Quote { text: text.into(), span }), ..self }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.at.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.at, self.message) }
    }
}

impl std::error::Error for Problem {}

/// The default of [`ApiTarget::timeout`].
pub const DEFAULT_TIMEOUT: Span = Span(std::time::Duration::from_secs(60));

/// The default of [`ApiTarget::max_response_bytes`].
pub const DEFAULT_MAX_RESPONSE: u64 = 64 << 20;

/// The default of [`LoadSpec::spawn_rate`], as in Locust: one user a second.
pub const DEFAULT_SPAWN_RATE: Rate = Rate(1.0);
