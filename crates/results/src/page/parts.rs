//! What the page shows of one tier or level, from its figures: at the end of a run, and once a second while it goes on.

use super::distribution;
use super::model::{
    PageDistribution, PageError, PageHealth, PagePhase, PagePhases, PageRequest, PageStage, PageStream, PageThreshold,
    PageUnit,
};
use super::rows::TimeBasis;
use crate::text::{one_line, spaced};
use crate::{ApiFold, PhaseSummary, ThresholdResult, ThresholdUnit};
use plimsoll_model::Health;

/// Longest message of a failure, in characters.
pub(super) const LONGEST_MESSAGE: usize = 500;

/// One tier or level on the page. Make it with [`StageParts::of_tier`] or [`StageParts::of_level`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageParts {
    /// The stage itself.
    pub stage: PageStage,
    /// Its requests, by name.
    pub requests: Vec<PageRequest>,
    /// Its streams.
    pub streams: Vec<PageStream>,
    /// Where its time went.
    pub phases: Option<PagePhases>,
    /// Its failures.
    pub errors: Vec<PageError>,
    /// How the load generator fared.
    pub health: Option<PageHealth>,
    /// How its rules fared.
    pub thresholds: Vec<PageThreshold>,
    /// How its times are spread.
    pub distribution: Vec<PageDistribution>,
    /// Requests a second that met every objective.
    pub goodput_rps: Option<f64>,
    /// Output tokens a second, all users together.
    pub output_tokens_per_second: Option<f64>,
}

impl StageParts {
    /// Adds how its times are spread.
    #[must_use]
    pub fn with_distribution(mut self, fold: &ApiFold, basis: TimeBasis) -> Self {
        self.distribution = distribution::of(self.stage.index, fold, basis);
        self
    }
}

/// The rules of a stage; `at` is its label where there are several stages.
pub(super) fn thresholds(results: &[ThresholdResult], at: Option<&str>) -> Vec<PageThreshold> {
    let scope = |result: &ThresholdResult| match (at, result.request.as_deref()) {
        (Some(at), Some(name)) => Some(format!("{at}, {name}")),
        (scope, name) => scope.or(name).map(str::to_owned),
    };
    let page = |result: &ThresholdResult| PageThreshold {
        rule: result.rule.clone(),
        scope: scope(result),
        value: result.value,
        limit: result.limit,
        unit: match result.unit {
            ThresholdUnit::Ms => PageUnit::Ms,
            ThresholdUnit::Share => PageUnit::Share,
            ThresholdUnit::PerSecond => PageUnit::PerSecond,
            ThresholdUnit::Count => PageUnit::Count,
        },
        ok: result.ok,
        enough: result.enough,
        samples: result.samples,
        text: spaced(&result.value_in_words()),
    };
    results.iter().map(page).collect()
}

/// The generator's figures of a stage: the worst of all shards, and the sum of what can be added.
pub(super) fn health(stage: usize, shards: &[Health]) -> Option<PageHealth> {
    let first = shards.first()?;
    let most = |of: fn(&Health) -> f64| shards.iter().map(of).fold(0.0, f64::max);
    Some(PageHealth {
        stage,
        send_lag_p50: most(|health| health.send_lag.p50_ms),
        send_lag_p99: most(|health| health.send_lag.p99_ms),
        send_lag_max: most(|health| health.send_lag.max_ms),
        busy: most(|health| health.shard_busy),
        cpu_ms_per_request: together(shards),
        steal: shards.iter().filter_map(|health| health.steal).reduce(f64::max),
        open_files: shards.iter().map(|health| health.open_files).max().unwrap_or_default(),
        open_files_limit: first.open_files_limit,
        lost_samples: shards.iter().map(|health| health.lost_samples).sum(),
        limits: shards
            .iter()
            .flat_map(|health| &health.limits_passed)
            .map(|limit| one_line(&limit.message, LONGEST_MESSAGE))
            .collect(),
    })
}

/// Where the time went.
pub(super) fn phases(stage: usize, summary: &PhaseSummary) -> PagePhases {
    let rows = summary.iter().map(|(name, stat)| PagePhase {
        name: name.to_owned(),
        label: phase_label(name).to_owned(),
        mean: stat.mean,
        p50: stat.p50,
        p90: stat.p90,
        p99: stat.p99,
        share: stat.share,
    });
    PagePhases { stage, source: summary.source, rows: rows.collect() }
}

fn phase_label(name: &str) -> &str {
    match name {
        "upload" => "Upload",
        "connect" => "Connect",
        "join" => "Join",
        "queue_wait" => "Queue wait",
        "preprocess" => "Preprocess",
        "function" => "Function",
        "postprocess" => "Postprocess",
        "streaming_diff" => "Streaming diff",
        "delivery" => "Delivery",
        "other" => "Other",
        name => name,
    }
}

/// Each shard divides the CPU time of the whole process by its own requests: `1 / Σ (1 / cᵢ)` divides it by all of them.
fn together(shards: &[Health]) -> Option<f64> {
    let each: f64 = shards.iter().map(|health| 1.0 / health.cpu_ms_per_request).sum();
    Some(1.0 / each).filter(|cpu| cpu.is_finite() && *cpu > 0.0)
}
