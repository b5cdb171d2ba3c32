//! One tier of `summary.json`.

use crate::threshold::ThresholdResult;
use crate::tier_rules::evaluate_tier;
use crate::{BackgroundSummary, ClientSummary, ErrorClass, Intervals, PhaseSummary, Signs, TierFold, TraceMatch};
use plimsoll_model::{Arrival, Health, Repeat, SessionScope, Threshold};
use plimsoll_stats::Distribution;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One tier's figures. The first keys are hf-perftest's, with its meaning; from `directory` on they are ours. Times are
/// in milliseconds unless the name says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TierSummary {
    /// Users.
    pub tier: u32,
    /// Rounds; `null` when the tier went on for a time instead.
    pub requests_per_user: Option<u32>,
    /// Requests that were made and ended by themselves; users × rounds, unless the run ended early.
    pub total_requests: usize,
    /// How long the tier took.
    pub elapsed_seconds: f64,
    /// What the client saw.
    pub client_summary: ClientSummary,
    /// The server's own summary as it gave it; `{}` when it gave none.
    pub server_summary: Value,
    /// Background traffic by kind; only with mixed traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background_traffic: Option<BTreeMap<String, BackgroundSummary>>,

    /// Name of the tier's directory.
    #[serde(default)]
    pub directory: String,
    /// Requests that were meant to be made: users × rounds; `null` when the tier went on for a time instead.
    pub requested: Option<u64>,
    /// For how many seconds the tier was meant to go on; `null` with rounds.
    pub duration_seconds: Option<f64>,
    /// How the users of a round start: `burst` or `wave`.
    pub mode: Option<String>,
    /// The endpoint, as `/name`.
    pub api_name: Option<String>,
    /// How long a user keeps its session: `per-user` or `per-request`.
    pub session: Option<String>,
    /// Requests that failed.
    #[serde(default)]
    pub failed: usize,
    /// Requests given up because the run was stopped; in no other figure.
    #[serde(default)]
    pub cancelled: usize,
    /// Successes that the server answered from its cache.
    #[serde(default)]
    pub cached: usize,
    /// Successful requests per second.
    pub throughput_rps: Option<f64>,
    /// Failures by class.
    #[serde(default)]
    pub errors: BTreeMap<String, ErrorClass>,
    /// Where the time of the successes went.
    pub phases: Option<PhaseSummary>,
    /// How many successes the server's traces were found for.
    #[serde(default)]
    pub trace_match: TraceMatch,
    /// Time to the first partial output; `null` but for generators.
    pub ttft: Option<Distribution>,
    /// Gaps between partial outputs; `null` but for generators.
    pub chunk_gaps: Option<Distribution>,
    /// Response times of the successes, from the intended start.
    pub response_summary: Option<Distribution>,
    /// How sure the quantiles and the success rate are.
    #[serde(default)]
    pub intervals: Intervals,
    /// Whether there are enough successes for a stable p99.
    #[serde(default)]
    pub p99_trustworthy: bool,
    /// When failures came, and what else only the order and the shape of the times tell.
    #[serde(default)]
    pub signs: Signs,
    /// How the rules fared that are about this tier.
    #[serde(default)]
    pub thresholds: Vec<ThresholdResult>,
    /// Lines missing at the end of the tier's file because the run was killed.
    #[serde(default)]
    pub cut_off_lines: usize,
    /// How the load generator fared; `null` where it is not known any more.
    #[serde(default)]
    pub health: Option<Health>,
}

/// What a [`TierSummary`] needs besides the tier's files.
#[derive(Debug, Clone)]
pub struct TierInput {
    /// Users.
    pub users: u32,
    /// What each of them did.
    pub repeat: Repeat,
    /// How they started.
    pub arrival: Arrival,
    /// How long they kept their sessions.
    pub session: SessionScope,
    /// The endpoint, as `/name`.
    pub api_name: Option<String>,
    /// Name of the tier's directory, for example `tier_10_2`.
    pub directory: String,
    /// How long the tier took, in seconds; from the first send to the last end when `None`.
    pub elapsed_seconds: Option<f64>,
    /// The server's own summary; anything but a JSON object counts as none.
    pub server_summary: Value,
    /// Whether there was background traffic.
    pub mixed_traffic: bool,
    /// How the load generator fared.
    pub health: Option<Health>,
}

impl TierSummary {
    /// Puts together what was asked for and what the files say, and judges the rules.
    pub fn new(input: TierInput, fold: TierFold, thresholds: &[Threshold]) -> Self {
        let thresholds = evaluate_tier(thresholds, input.users, &fold);
        let elapsed_seconds = input.elapsed_seconds.or_else(|| fold.elapsed_seconds()).unwrap_or(0.0);
        let (requests_per_user, duration_seconds) = match input.repeat {
            Repeat::Rounds(rounds) => (Some(rounds), None),
            Repeat::For(duration) => (None, Some(duration.as_secs_f64())),
        };
        let server_summary =
            if input.server_summary.is_object() { input.server_summary } else { Value::Object(Map::new()) };
        Self {
            tier: input.users,
            requests_per_user,
            total_requests: fold.requests,
            elapsed_seconds,
            client_summary: fold.client,
            server_summary,
            background_traffic: input.mixed_traffic.then_some(fold.background),
            directory: input.directory,
            requested: requests_per_user.map(|rounds| u64::from(input.users) * u64::from(rounds)),
            duration_seconds,
            mode: Some(arrival_word(input.arrival).to_owned()),
            api_name: input.api_name,
            session: Some(session_word(input.session).to_owned()),
            failed: fold.failed,
            cancelled: fold.cancelled,
            cached: fold.cached,
            throughput_rps: fold.throughput_rps,
            errors: fold.errors,
            phases: fold.phases,
            trace_match: fold.trace_match,
            ttft: fold.ttft,
            chunk_gaps: fold.chunk_gaps,
            response_summary: fold.response,
            intervals: fold.intervals,
            p99_trustworthy: fold.p99_trustworthy,
            signs: fold.signs,
            thresholds,
            cut_off_lines: fold.cut_off_lines,
            health: input.health,
        }
    }
}

fn arrival_word(arrival: Arrival) -> &'static str {
    match arrival {
        Arrival::Burst => "burst",
        Arrival::Wave => "wave",
    }
}

fn session_word(session: SessionScope) -> &'static str {
    match session {
        SessionScope::PerUser => "per-user",
        SessionScope::PerRequest => "per-request",
    }
}
