//! `/metrics` in Prometheus' text format, with the names and buckets of vLLM.

use crate::outcome::Class;
use crate::stats::{Moment, Stats};
use std::fmt::Write;

/// vLLM's bounds, in seconds.
pub(crate) const TTFT_BOUNDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
    160.0, 640.0, 2560.0,
];
/// vLLM's bounds, in seconds.
pub(crate) const ITL_BOUNDS: &[f64] =
    &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0];
/// vLLM's bounds, in seconds.
pub(crate) const E2E_BOUNDS: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0,
    1920.0, 7680.0,
];

/// A histogram of fixed buckets.
#[derive(Debug)]
pub(crate) struct Buckets {
    bounds: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
}

impl Buckets {
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    pub(crate) fn note(&mut self, nanos: u64) {
        let seconds = nanos as f64 / 1e9;
        self.counts[self.bounds.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum += other.sum;
    }

    fn write(&self, out: &mut String, name: &str, what: &str, labels: &str) {
        let _ = writeln!(out, "# HELP {name} {what}\n# TYPE {name} histogram");
        let mut total = 0;
        for (index, count) in self.counts.iter().enumerate() {
            total += count;
            let bound = self.bounds.get(index).map_or_else(|| "+Inf".to_owned(), |bound| format!("{bound:?}"));
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {total}");
        }
        let _ = writeln!(out, "{name}_count{{{labels}}} {total}\n{name}_sum{{{labels}}} {}", self.sum);
    }
}

/// The page.
pub(crate) fn page(stats: &Stats, moment: Moment, model: &str) -> String {
    let labels = format!("model_name=\"{}\"", model.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
    let mut out = String::with_capacity(8_192);
    let mut simple = |name: &str, kind: &str, what: &str, value: u64| {
        let _ = writeln!(out, "# HELP {name} {what}\n# TYPE {name} {kind}\n{name}{{{labels}}} {value}");
    };
    let running = moment.in_flight.saturating_sub(moment.waiting);
    simple("vllm:num_requests_running", "gauge", "Number of requests in service.", running);
    simple("vllm:num_requests_waiting", "gauge", "Number of requests waiting to be served.", moment.waiting);
    simple("vllm:prompt_tokens_total", "counter", "Number of prompt tokens processed.", stats.prompt_tokens);
    simple("vllm:generation_tokens_total", "counter", "Number of generation tokens processed.", stats.tokens);
    simple(
        "vllm:request_success_total",
        "counter",
        "Count of successfully processed requests.",
        stats.count(Class::Ok),
    );
    stats.ttft_buckets.write(&mut out, "vllm:time_to_first_token_seconds", "Time to first token in seconds.", &labels);
    stats.itl_buckets.write(
        &mut out,
        "vllm:time_per_output_token_seconds",
        "Time per output token in seconds.",
        &labels,
    );
    stats.itl_buckets.write(&mut out, "vllm:inter_token_latency_seconds", "Inter-token latency in seconds.", &labels);
    stats.took_buckets.write(&mut out, "vllm:e2e_request_latency_seconds", "End-to-end latency in seconds.", &labels);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let mut buckets = Buckets::new(ITL_BOUNDS);
        for nanos in [10_000_000, 11_000_000, 100_000_000_000] {
            buckets.note(nanos);
        }
        let mut text = String::new();
        buckets.write(&mut text, "x", "what", "m=\"a\"");
        assert!(text.contains("x_bucket{m=\"a\",le=\"0.01\"} 1\n"), "{text}");
        assert!(text.contains("x_bucket{m=\"a\",le=\"0.025\"} 2\n"), "{text}");
        assert!(text.contains("x_bucket{m=\"a\",le=\"+Inf\"} 3\n"), "{text}");
        assert!(text.contains("x_count{m=\"a\"} 3\n"), "{text}");
        assert!(page(&Stats::new(0), Moment::default(), "a\"b").contains("model_name=\"a\\\"b\""));
    }
}
