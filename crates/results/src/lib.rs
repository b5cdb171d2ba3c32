//! The run directory: writing it as a run goes, reading it back, and folding its samples into a summary.
//!
//! Samples on disk are the truth: everything in `summary.json` can be computed again from `client_latencies.jsonl` and
//! `traces.jsonl`, also for a run that was cut off. The files hold hf-perftest's keys with the same meaning, and more.

mod ab_file;
mod api;
mod atomic;
mod background;
pub mod ci;
mod client;
mod comparison;
mod diagnosis;
mod error;
mod events;
mod flat;
mod fold;
mod history;
mod host;
mod lines;
mod load_run;
mod manifest;
pub mod page;
mod phase_summary;
mod phases;
mod record;
mod refold;
mod rules_table;
mod run_dir;
mod server_metrics;
mod signs;
mod steps;
mod summary;
mod table;
#[cfg(test)]
mod testdata;
mod text;
mod threshold;
mod tier;
mod tier_rules;
mod time;
mod trace;
mod url;
mod verdict;
mod warmup;
mod writer;

pub use ab_file::{AbArm, AbFile, AbPair, pair_of};
pub use api::{
    ApiFold, ApiFoldOptions, ApiIntervals, ApiSampleRecord, ApiSeries, ApiSummary, ApiWarmup, ApiWriter, ColdSummary,
    EarlySummary, ErrorSummary, LevelFacts, LevelInput, LevelLoad, LevelSummary, NameSeries, PartSummary,
    QuantileInterval, RateLimitSummary, RequestSummary, StoredHistogram, TokenRecord, TokenSummary, ToldRecord,
    api_banner, api_error_table, api_notes, api_report, evaluate, first_intended, fold_samples, generator_text,
    is_closed, level_dir, levels_table, request_table, search_report, threshold_table, token_table,
};
pub use background::{BackgroundRecord, BackgroundSummary};
pub use client::{ClientSummary, ErrorClass, Intervals};
pub use comparison::{
    ArmRuns, Better, CompareError, CompareOptions, ComparisonOutcome, ComparisonRow, Figures, Kind, Point, RowVerdict,
    RunComparison, RunDesign, Unit, compare, comparison_markdown, comparison_table, signed_percent, unlike,
};
pub use diagnosis::{Diagnosis, DiagnosisKind, Severity, diagnosis_text};
pub use error::ResultsError;
pub use events::EventLog;
#[cfg(feature = "parquet")]
pub use flat::ParquetWriter;
pub use flat::{
    COLUMNS, Cell, Column, ColumnType, CsvWriter, FlatReport, FlatRow, FlatWriter, JsonLayout, JsonWriter, read_flat,
    write_error,
};
pub use fold::{TierFold, TraceMatch, fold_tier};
pub use history::{Change, FEWEST_RUNS, History, HistoryOptions, HistoryRun, Series, history_table, otava_csv};
pub use host::HostFacts;
pub use load_run::{LoadedRun, RunFigures, find_runs, load_run};
pub use manifest::{RunManifest, RunState, TargetFacts, Tool};
pub use phase_summary::{PhaseStat, PhaseSummary};
pub use phases::{PhaseSource, Phases, phases_of};
pub use record::LatencyRecord;
pub use refold::{Refolded, RefoldedStage, refold};
pub use rules_table::{tier_rules_table, verdict_text};
pub use run_dir::{RunDir, TierDir};
pub use server_metrics::{
    ServerColumn, ServerMetricKind, ServerMetricRecord, ServerMetricSummary, ServerMetricsFold, ServerMetricsWriter,
    read_server_metrics, server_metrics_table,
};
pub use signs::{FailureSpan, FirstRequests, Groups, Settling, Signs};
pub use summary::Summary;
pub use table::{background_table, error_table, limited_banner, notes, phase_table, stream_table, summary_table};
pub use threshold::{ThresholdResult, ThresholdState, ThresholdUnit};
pub use tier::{TierInput, TierSummary};
pub use tier_rules::{TierWatch, not_for_tiers};
pub use trace::{read_traces, write_traces};
pub use url::without_credentials;
pub use verdict::{Verdict, VerdictResult};
pub use warmup::WarmupSummary;
pub use writer::TierWriter;

/// From this many requests on a p99 is worth reading: ten of them then lie beyond it.
pub const P99_REQUESTS: usize = 1000;
