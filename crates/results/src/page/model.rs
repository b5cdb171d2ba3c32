//! The page's data. Times are in milliseconds unless a key ends in `_s`: seconds since the run's start. `null` means
//! that something is not known.

use super::column::{Column, Named};
use crate::{RunState, Tool, Verdict};
use serde::{Deserialize, Serialize};

/// Version of [`PageData`]; raised when an older page would misread it.
pub const PAGE_FORMAT: u32 = 1;

/// Everything that the page shows of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageData {
    /// [`PAGE_FORMAT`].
    pub format: u32,
    /// Whether the page follows a run that goes on.
    pub live: bool,
    /// What made the data.
    pub tool: Tool,
    /// The run.
    pub run: PageRun,
    /// What it comes to.
    pub verdict: Option<Verdict>,
    /// A sentence that must not be missed: the generator was the limit, the run is not whole.
    pub banner: Option<String>,
    /// What the figures mean, as `summary.json` has it.
    #[serde(default)]
    pub diagnosis: Vec<PageFinding>,
    /// What to keep in mind, one sentence each.
    pub warnings: Vec<String>,
    /// The few figures on top.
    pub tiles: Vec<PageTile>,
    /// How the rules fared.
    pub thresholds: Vec<PageThreshold>,
    /// The tiers or levels.
    pub stages: Vec<PageStage>,
    /// The requests of each name in each stage.
    pub requests: Vec<PageRequest>,
    /// First outputs, gaps and tokens of each name in each stage.
    pub streams: Vec<PageStream>,
    /// Where the time went.
    pub phases: Vec<PagePhases>,
    /// Failures by class.
    pub errors: Vec<PageError>,
    /// How the load generator fared.
    pub health: Vec<PageHealth>,
    /// What happened when.
    pub series: PageSeries,
    /// How response times are spread.
    pub distribution: Vec<PageDistribution>,
    /// What happened at a moment.
    pub annotations: Vec<PageAnnotation>,
    /// The machine, the versions, the plan.
    pub environment: Vec<PageFact>,
    /// Other runs behind this one.
    pub overlay: Vec<PageOverlay>,
    /// The comparison of two arms.
    pub comparison: Option<PageComparison>,
}

/// What changed of a run that goes on. A key that is absent did not change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageTick {
    /// How far the run is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<PageTickRun>,
    /// As in [`PageData`], whole, as everything below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiles: Option<Vec<PageTile>>,
    /// How the rules fare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Vec<PageThreshold>>,
    /// The tiers or levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<PageStage>>,
    /// The requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Vec<PageRequest>>,
    /// The streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Vec<PageStream>>,
    /// The failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<PageError>>,
    /// The load generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Vec<PageHealth>>,
    /// The warnings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<String>>,
    /// The banner; it never goes away again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// All annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Vec<PageAnnotation>>,
    /// Rows that are new or have grown: they take the place of all rows from their first `t` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append: Option<PageSeries>,
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageTickRun {
    /// How far it is.
    pub state: RunState,
    /// RFC 3339.
    pub ended_at: Option<String>,
}

/// The run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageRun {
    /// What was run, in a few words.
    pub title: String,
    /// `gradio` or `api`.
    pub kind: PageKind,
    /// Address of the target, or the app.
    pub target: String,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub ended_at: Option<String>,
    /// How far it got.
    pub state: RunState,
    /// Why it is partial.
    pub partial_reason: Option<String>,
    /// Seed of every random choice.
    pub seed: Option<u64>,
    /// The name under which the program was called.
    pub command: Option<String>,
    /// Name of the run directory.
    pub directory: String,
}

/// The two kinds of runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageKind {
    /// Of a Gradio app.
    #[default]
    Gradio,
    /// Of a scenario.
    Api,
}

/// What a figure means.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageFinding {
    /// What kind of finding it is.
    pub kind: String,
    /// `info`, `notice` or `warning`.
    pub severity: String,
    /// The finding.
    pub sentence: String,
    /// The figures behind it.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// A unit of a figure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageUnit {
    /// Milliseconds.
    #[default]
    Ms,
    /// So many a second.
    PerSecond,
    /// From 0 to 1.
    Share,
    /// A number of things.
    Count,
    /// Tokens a second.
    TokensPerSecond,
}

/// One of the few figures on top.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageTile {
    /// What it is, for programs.
    pub id: String,
    /// What it is.
    pub label: String,
    /// The figure with its unit.
    pub text: String,
    /// The figure.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: PageUnit,
    /// Whether it is as it should be; `null` where nothing was asked.
    pub status: Option<PageStatus>,
    /// A remark.
    pub note: Option<String>,
}

/// Whether a figure is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageStatus {
    /// It is.
    Ok,
    /// It is not.
    Bad,
    /// Too little was measured to tell.
    Unknown,
}

/// How a rule fared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageThreshold {
    /// The rule, as it was written.
    pub rule: String,
    /// The requests, and of several the stage, that it is about; `null` for all.
    pub scope: Option<String>,
    /// What was measured.
    pub value: Option<f64>,
    /// What it was compared with.
    pub limit: f64,
    /// Unit of both.
    pub unit: PageUnit,
    /// Whether it is met; `null` when nothing was measured.
    pub ok: Option<bool>,
    /// Whether there are enough values to call it met.
    pub enough: bool,
    /// Values that the figure rests on.
    pub samples: u64,
    /// What was measured, in words.
    pub text: String,
}

/// The two kinds of stages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageStageKind {
    /// So many users of a Gradio app.
    #[default]
    Tier,
    /// A load of a scenario.
    Level,
}

/// A tier or a level.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageStage {
    /// From 0.
    pub index: usize,
    /// Which of the two.
    pub kind: PageStageKind,
    /// Its load in words.
    pub label: String,
    /// Users, where it had a fixed number.
    pub users: Option<u32>,
    /// Arrivals a second, where it had a fixed rate.
    pub rate: Option<f64>,
    /// When it began.
    pub start_s: Option<f64>,
    /// Warm-up at its beginning, in seconds.
    pub warmup_s: f64,
    /// When it ended.
    pub end_s: Option<f64>,
    /// Measured requests that succeeded.
    pub ok: u64,
    /// Measured requests that failed.
    pub failed: u64,
    /// Successes a second.
    pub throughput_rps: Option<f64>,
    /// Requests under way at a time on average, by Little's law: successes a second × mean service time.
    pub concurrency: Option<f64>,
    /// Mean time of the successes.
    pub mean: Option<f64>,
    /// Their median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
}

/// The requests of one name in one stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Index of the stage.
    pub stage: usize,
    /// Name under which they are grouped.
    pub name: String,
    /// That ended by themselves.
    pub count: u64,
    /// Of these, succeeded.
    pub ok: u64,
    /// Of these, failed.
    pub failed: u64,
    /// That ended, a second.
    pub rate_rps: Option<f64>,
    /// Successes a second.
    pub throughput_rps: Option<f64>,
    /// Of the times of the successes, as everything below.
    pub mean: Option<f64>,
    /// Shortest.
    pub min: Option<f64>,
    /// Longest.
    pub max: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 95 % interval of the median.
    pub p50_interval: Option<(f64, f64)>,
    /// 95 % interval of the 95th percentile.
    pub p95_interval: Option<(f64, f64)>,
    /// 95 % interval of the 99th percentile.
    pub p99_interval: Option<(f64, f64)>,
    /// Whether there are enough successes for a stable 99th percentile.
    pub p99_trustworthy: bool,
}

/// One metric of streamed answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageStream {
    /// Index of the stage.
    pub stage: usize,
    /// Name of the requests.
    pub name: String,
    /// `ttft`, `itl`, `itl_per_token`, `tpot`, `e2e`, `tokens_per_second`.
    pub metric: String,
    /// What it is, in words.
    pub label: String,
    /// Unit of all figures.
    pub unit: PageUnit,
    /// How many values.
    pub count: u64,
    /// Mean.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
}

/// Where the time of a stage's requests went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PagePhases {
    /// Index of the stage.
    pub stage: usize,
    /// What the phases were read from.
    pub source: crate::PhaseSource,
    /// The phases, in the order in which they happen.
    pub rows: Vec<PagePhase>,
}

/// One phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PagePhase {
    /// Its name in files.
    pub name: String,
    /// Its name in words.
    pub label: String,
    /// Mean. The means of all phases add up to the mean latency.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The mean as a share of the mean latency.
    pub share: f64,
}

/// The failures of one class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageError {
    /// Index of the stage.
    pub stage: usize,
    /// Name of the requests; `null` for all.
    pub name: Option<String>,
    /// The class.
    pub class: String,
    /// How many.
    pub count: u64,
    /// The message of the first.
    pub example: String,
    /// When the first ended.
    pub first_s: Option<f64>,
    /// When the last ended.
    pub last_s: Option<f64>,
}

/// How the load generator fared in a stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageHealth {
    /// Index of the stage.
    pub stage: usize,
    /// Median of how late requests were sent.
    pub send_lag_p50: f64,
    /// 99th percentile.
    pub send_lag_p99: f64,
    /// Largest.
    pub send_lag_max: f64,
    /// Share of one core that the busiest measuring thread used, 0 to 1.
    pub busy: f64,
    /// CPU milliseconds of the whole process per request.
    pub cpu_ms_per_request: Option<f64>,
    /// Share of the CPU time that the hypervisor gave to others, 0 to 1.
    pub steal: Option<f64>,
    /// Most descriptors open at a time.
    pub open_files: u64,
    /// Their limit.
    pub open_files_limit: u64,
    /// Samples that could not be kept.
    pub lost_samples: u64,
    /// The limits that were passed, one sentence each.
    pub limits: Vec<String>,
}

/// Rows of equal length. All lists have a value for each row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageSeries {
    /// Length of a row in seconds: 1, and twice as much each time that there would be more than 3,600 rows.
    pub step_s: f64,
    /// When each row begins.
    pub t: Column,
    /// Stage of each row: the one that covers most of it; -1 for none.
    pub stage: Vec<i64>,
    /// 1 for rows of a warm-up, else 0.
    pub warmup: Vec<u8>,
    /// `ok`, `failed`, `p50`, `p95`, `ttft_p50`, …
    pub columns: Named<Column>,
    /// Failures by class.
    pub errors: Named<Column>,
    /// Each name, the commonest ones; the rest as [`OTHER`].
    pub names: Named<PageNameSeries>,
    /// Mean of each phase, in the order in which they happen.
    pub phases: Named<Column>,
    /// Times by bucket.
    pub heat: PageHeat,
    /// What the target told of itself.
    pub server: Named<Column>,
}

/// Under this name go all requests whose names are too many to be shown.
pub const OTHER: &str = "other";

/// The rows of one name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageNameSeries {
    /// Successes.
    pub ok: Column,
    /// Failures.
    pub failed: Column,
    /// Median time of the successes.
    pub p50: Column,
    /// Its 95th percentile.
    pub p95: Column,
}

/// How many requests took how long in each row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageHeat {
    /// Edges of the buckets, one more than there are buckets.
    pub edges_ms: Vec<f64>,
    /// For each row: bucket, count, bucket, count, … of those with something in them.
    pub rows: Vec<Vec<u64>>,
}

/// How the times of a stage are spread.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageDistribution {
    /// Index of the stage.
    pub stage: usize,
    /// Name of the requests; `null` for all.
    pub name: Option<String>,
    /// Edges of the buckets, one more than there are buckets.
    pub edges_ms: Vec<f64>,
    /// Requests in each bucket.
    pub counts: Vec<u64>,
}

/// What happened at a moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageAnnotation {
    /// When.
    pub t_s: f64,
    /// `note`, `warning`, `stage` or `user`.
    pub kind: String,
    /// What.
    pub text: String,
}

/// A line of the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageFact {
    /// What.
    pub label: String,
    /// Its value.
    pub value: String,
}

/// Another run behind this one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageOverlay {
    /// What it is called.
    pub label: String,
    /// Its stages.
    pub stages: Vec<PageStage>,
    /// How its times are spread.
    pub distribution: Vec<PageDistribution>,
}

/// The comparison of two arms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageComparison {
    /// What was compared.
    pub title: String,
    /// Name of the one.
    pub base: String,
    /// Name of the other.
    pub branch: String,
    /// Pairs of runs.
    pub pairs: usize,
    /// What to keep in mind, one sentence each.
    pub notes: Vec<String>,
    /// One row for each figure.
    pub rows: Vec<PageComparisonRow>,
}

/// One figure of two arms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageComparisonRow {
    /// Where: `tier 10`.
    pub scope: String,
    /// What.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// The one's figure.
    pub base: Option<f64>,
    /// The other's.
    pub branch: Option<f64>,
    /// Their ratio - 1.
    pub effect: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Of the test.
    pub p: Option<f64>,
    /// The same, corrected for the number of comparisons.
    pub p_adjusted: Option<f64>,
    /// The smallest effect that could have been seen.
    pub mde: Option<f64>,
    /// `faster`, `slower`, `better`, `worse`, `no_difference`, `equivalent`, `inconclusive`.
    pub verdict: String,
    /// It in words.
    pub text: String,
}
