//! `server_metrics.jsonl`: what the target told of itself while it was under load.

mod columns;
mod fold;
mod record;
mod table;

pub use columns::{ServerColumn, read_server_metrics};
pub use fold::{ServerMetricSummary, ServerMetricsFold};
pub use record::{ServerMetricKind, ServerMetricRecord, ServerMetricsWriter};
pub use table::server_metrics_table;

/// Name of the file in the run directory.
const FILE: &str = "server_metrics.jsonl";

/// A series in words: `name{label=value, …}`.
fn title(name: &str, labels: &std::collections::BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{name}{{{}}}", labels.join(", "))
}
