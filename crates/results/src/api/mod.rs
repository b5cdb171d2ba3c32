//! API runs: what a scenario's requests measured, as a fold over their samples.

mod compare;
mod fold;
mod level;
mod load;
mod measure;
mod metric;
mod name;
mod record;
pub(crate) mod series;
mod series_file;
mod summary;
mod table;
#[cfg(test)]
pub(crate) mod testdata;
mod threshold;
mod told;
mod writer;

pub use compare::{EarlySummary, PartSummary};
pub use fold::{ApiFold, ApiFoldOptions, ApiWarmup, LevelFacts};
pub use level::{ApiIntervals, ErrorSummary, LevelInput, LevelSummary, RequestSummary, TokenSummary, is_closed};
pub use load::LevelLoad;
pub(crate) use metric::MetricFold;
pub use metric::{QuantileInterval, StoredHistogram};
pub(crate) use record::Line;
pub use record::{ApiSampleRecord, TokenRecord, ToldRecord};
pub(crate) use series::Row as SeriesRow;
pub use series_file::{ApiSeries, NameSeries};
pub(crate) use summary::API_KIND;
pub use summary::ApiSummary;
pub use table::{
    api_banner, api_error_table, api_notes, api_report, generator_text, levels_table, request_table, search_report,
    threshold_table, token_table,
};
pub use threshold::evaluate;
pub use told::{ColdSummary, RateLimitSummary};
pub use writer::{ApiWriter, first_intended, fold_samples, level_dir};
pub(crate) use writer::{SAMPLES, fold_each};

/// A stamp or a time in whole microseconds.
pub(crate) fn micros(duration: std::time::Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(duration.subsec_micros()))
}
