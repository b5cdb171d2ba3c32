//! A level of an API run on the page, or a tier of a Gradio run while it goes on.

use super::model::{PageError, PageRequest, PageStage, PageStageKind, PageStream, PageUnit};
use super::of_tier::stream;
use super::parts::{LONGEST_MESSAGE, StageParts, health, thresholds};
use super::rows::TimeBasis;
use crate::text::one_line;
use crate::{LevelSummary, QuantileInterval, RequestSummary};
use plimsoll_model::Metric;

/// What is shown of streams, with its name for people.
const STREAMS: [(Metric, &str); 6] = [
    (Metric::Ttft, "Time to first token"),
    (Metric::Itl, "Gap between chunks"),
    (Metric::ItlPerToken, "Gap per token"),
    (Metric::Tpot, "Time per output token"),
    (Metric::E2e, "Time to last token"),
    (Metric::TokensPerSecond, "Tokens a second, one user"),
];

impl StageParts {
    /// A level, by its summary; `several` when there are more, from which its rules must be told apart. By
    /// [`TimeBasis::Latency`] it is a tier of a Gradio run whose own summary is not there yet.
    pub fn of_level(index: usize, level: &LevelSummary, basis: TimeBasis, several: bool) -> Self {
        let metric = basis.metric();
        let times = level.all.metrics.get(&metric);
        let service = level.all.metrics.get(&Metric::ServiceTime);
        let begin = level.start_seconds;
        let stage = PageStage {
            index,
            kind: if basis == TimeBasis::Latency { PageStageKind::Tier } else { PageStageKind::Level },
            label: level.label.clone(),
            users: level.load.users.filter(|users| *users >= 0.0).map(|users| users.round() as u32),
            rate: level.load.rate,
            start_s: Some(begin),
            warmup_s: level.warmup_seconds,
            end_s: Some(begin + level.warmup_seconds + level.seconds),
            ok: level.all.ok,
            failed: level.all.failed,
            throughput_rps: Some(level.throughput_rps),
            concurrency: service.map(|service| level.throughput_rps * service.mean / 1e3),
            mean: times.map(|times| times.mean),
            p50: times.map(|times| times.p50),
            p90: times.map(|times| times.p90),
            p95: times.map(|times| times.p95),
            p99: times.map(|times| times.p99),
        };
        Self {
            stage,
            requests: level.requests.iter().map(|(name, all)| request(index, name, all, basis)).collect(),
            streams: level.requests.iter().flat_map(|(name, all)| streams(index, name, all)).collect(),
            phases: None,
            errors: level.requests.iter().flat_map(|(name, all)| errors(index, name, all)).collect(),
            health: health(index, &level.health),
            thresholds: thresholds(&level.thresholds, several.then_some(level.label.as_str())),
            distribution: Vec::new(),
            goodput_rps: level.goodput_rps,
            output_tokens_per_second: level.output_tokens_per_second,
        }
    }
}

fn request(stage: usize, name: &str, all: &RequestSummary, basis: TimeBasis) -> PageRequest {
    let times = all.metrics.get(&basis.metric());
    // The intervals are those of the response time.
    let interval = |interval: Option<QuantileInterval>| {
        interval.filter(|_| basis == TimeBasis::Response).map(|interval| (interval.low, interval.high))
    };
    PageRequest {
        stage,
        name: name.to_owned(),
        count: all.count,
        ok: all.ok,
        failed: all.failed,
        rate_rps: Some(all.rate_rps),
        throughput_rps: Some(all.throughput_rps),
        mean: times.map(|times| times.mean),
        min: times.map(|times| times.min),
        max: times.map(|times| times.max),
        p50: times.map(|times| times.p50),
        p90: times.map(|times| times.p90),
        p95: times.map(|times| times.p95),
        p99: times.map(|times| times.p99),
        p50_interval: interval(all.intervals.p50),
        p95_interval: interval(all.intervals.p95),
        p99_interval: interval(all.intervals.p99),
        p99_trustworthy: all.p99_trustworthy,
    }
}

fn streams(stage: usize, name: &str, all: &RequestSummary) -> Vec<PageStream> {
    // Without chunks there is no stream: every answer has an end.
    if !all.metrics.contains_key(&Metric::Ttft) {
        return Vec::new();
    }
    let page = |(metric, label): &(Metric, &str)| {
        let unit = if *metric == Metric::TokensPerSecond { PageUnit::TokensPerSecond } else { PageUnit::Ms };
        Some(PageStream { unit, ..stream(stage, name, (metric.as_str(), label), all.metrics.get(metric)?) })
    };
    STREAMS.iter().filter_map(page).collect()
}

fn errors(stage: usize, name: &str, all: &RequestSummary) -> Vec<PageError> {
    let page = |(class, error): (&String, &crate::ErrorSummary)| PageError {
        stage,
        name: Some(name.to_owned()),
        class: class.clone(),
        count: error.count,
        example: one_line(&error.example, LONGEST_MESSAGE),
        first_s: Some(error.first_at),
        last_s: Some(error.last_at),
    };
    all.errors.iter().map(page).collect()
}
