//! The `[load]` table.

use crate::{Rate, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much load, when. Which keys are allowed depends on the executor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadSpec {
    /// The load model.
    pub executor: Executor,
    /// `users`, `iterations`: virtual users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u32>,
    /// `users`: users started a second; 1 when absent, as in Locust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn_rate: Option<Rate>,
    /// `users`, `rate`: how long, the ramp included. `iterations`, `replay`: the longest it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// `users`, `rate`: instead of a constant level, one stage after another; each moves in a straight line to its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageSpec>,
    /// `rate`: iterations started a second, whether or not earlier ones have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// `rate`: how arrivals are spaced; `poisson` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<ArrivalProcess>,
    /// `rate` with `arrival = "gamma"`: the shape of the gamma distribution of the gaps. 1 is Poisson, less is burstier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burstiness: Option<f64>,
    /// `rate`, `replay`: most iterations under way at a time; one that finds no free user is dropped, and counted.
    /// 1,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_users: Option<u32>,
    /// `iterations`: how many in all, shared by the users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iterations: Option<u64>,
    /// `replay`: the trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplaySpec>,
    /// `sweep`: levels of concurrent users, each for `duration`, one after another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sweep_users: Vec<u32>,
    /// `sweep`: levels of the arrival rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sweep_rates: Vec<Rate>,
    /// `sweep`: rest between two levels; 2 s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cool_down: Option<Span>,
    /// Measured and shown, but kept out of the statistics: requests meant to start in this time from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Span>,
    /// `users`: at the end, take the users away over this time in place of all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp_down: Option<Span>,
    /// How long requests under way at the end may still take; 30 s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graceful_stop: Option<Span>,
}

/// The load models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Executor {
    /// Closed: so many users, each waiting for its answer and thinking before it goes on.
    Users,
    /// Open: iterations start at a rate, whatever the target does.
    Rate,
    /// So many iterations in all, by so many users, as fast as they go.
    Iterations,
    /// Iterations start at the times of a recorded trace.
    Replay,
    /// One level after another, to see where the target saturates.
    Sweep,
}

/// One stage of a changing load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSpec {
    /// How long it takes.
    pub duration: Span,
    /// `users`: how many there are at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u32>,
    /// `rate`: the arrival rate at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ArrivalProcess {
    /// Evenly.
    Constant,
    /// Independently of each other: exponential gaps, as many unrelated users make.
    #[default]
    Poisson,
    /// Gamma-distributed gaps, see [`LoadSpec::burstiness`].
    Gamma,
}

/// A recorded trace, and what to take of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaySpec {
    /// Path, from the scenario file's folder.
    pub file: String,
    /// Its format; guessed from its first line when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TraceFormat>,
    /// Replay so many times as fast; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Leave out what comes before this time of the trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Span>,
    /// Leave out what comes after this time of the trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Span>,
    /// Spread requests with equal time stamps evenly up to the next time stamp (Mooncake's come about 3 s apart).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spread: bool,
    /// Take at most so many requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Most tokens of an input; longer ones are cut to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_input_tokens: Option<u32>,
    /// Most tokens of an output; longer ones are cut to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
}

/// Formats of traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TraceFormat {
    /// BurstGPT's CSV: `Timestamp,[Session ID,Elapsed time,]Model,Request tokens,Response tokens,Total tokens,Log Type`.
    Burstgpt,
    /// Azure LLM inference CSV: `TIMESTAMP,ContextTokens,GeneratedTokens`.
    Azure,
    /// Mooncake JSONL: `timestamp` in ms, `input_length`, `output_length`, `hash_ids` of 512-token blocks.
    Mooncake,
    /// Our own CSV: `timestamp` in seconds, and if wanted `input_tokens`, `output_tokens`, `request` (a name), `session`.
    Csv,
}
