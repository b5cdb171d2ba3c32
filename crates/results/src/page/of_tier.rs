//! A tier of a Gradio run on the page.

use super::model::{PageError, PageRequest, PageStage, PageStageKind, PageStream, PageUnit};
use super::parts::{LONGEST_MESSAGE, StageParts, health, phases, thresholds};
use crate::text::one_line;
use crate::{BackgroundSummary, ErrorClass, TierSummary};
use plimsoll_stats::Distribution;
use std::collections::BTreeMap;

/// What the requests of a tier are called when it is not known.
const PREDICTIONS: &str = "predictions";

impl StageParts {
    /// A tier, by its summary. `begin` and `end` are when its first request was sent and its last one ended, in seconds
    /// since the run's start, where that is known.
    pub fn of_tier(index: usize, tier: &TierSummary, begin: Option<f64>, end: Option<f64>) -> Self {
        let client = &tier.client_summary;
        let ok = client.success_count.unwrap_or(0);
        // hf-perftest does not say how many failed.
        let failed = tier.failed.max(tier.total_requests.saturating_sub(ok));
        let per_second = |count: usize| (tier.elapsed_seconds > 0.0).then(|| count as f64 / tier.elapsed_seconds);
        let throughput = tier.throughput_rps.or_else(|| per_second(ok));
        let rate = throughput.filter(|_| ok > 0).map(|rate| rate * (ok + failed) as f64 / ok as f64);
        let name = tier.api_name.clone().unwrap_or_else(|| PREDICTIONS.to_owned());
        let stage = PageStage {
            index,
            kind: PageStageKind::Tier,
            label: label(tier),
            users: Some(tier.tier),
            rate: None,
            start_s: begin,
            warmup_s: 0.0,
            end_s: end.or_else(|| begin.map(|begin| begin + tier.elapsed_seconds)),
            ok: ok as u64,
            failed: failed as u64,
            throughput_rps: throughput,
            concurrency: throughput.zip(client.mean).map(|(rate, mean)| rate * mean / 1e3),
            mean: client.mean,
            p50: client.p50,
            p90: client.p90,
            p95: client.p95,
            p99: client.p99,
        };
        let predictions = PageRequest {
            stage: index,
            name: name.clone(),
            count: (ok + failed) as u64,
            ok: ok as u64,
            failed: failed as u64,
            rate_rps: rate.or_else(|| per_second(ok + failed)),
            throughput_rps: throughput,
            mean: client.mean,
            min: client.min,
            max: client.max,
            p50: client.p50,
            p90: client.p90,
            p95: client.p95,
            p99: client.p99,
            p50_interval: tier.intervals.p50,
            p95_interval: tier.intervals.p95,
            p99_interval: tier.intervals.p99,
            p99_trustworthy: tier.p99_trustworthy,
        };
        let mut parts = Self {
            requests: vec![predictions],
            streams: streams(index, &name, tier),
            phases: tier.phases.as_ref().map(|summary| phases(index, summary)),
            thresholds: thresholds(&tier.thresholds, Some(&label(tier))),
            health: tier.health.as_ref().and_then(|one| health(index, std::slice::from_ref(one))),
            ..Self::default()
        };
        parts.errors = errors(index, &name, &tier.errors);
        for error in &mut parts.errors {
            // When most of them came is all that the summary has.
            if let Some(span) = tier.signs.failures.get(&error.class) {
                (error.first_s, error.last_s) = (Some(span.from_seconds), Some(span.from_seconds + span.seconds));
            }
        }
        for (kind, traffic) in tier.background_traffic.iter().flatten() {
            let name = kind.replace('_', " ");
            parts.errors.extend(errors(index, &name, &traffic.errors));
            parts.requests.push(background(index, name, traffic));
        }
        parts.stage = stage;
        parts
    }
}

/// `10 users`, with its folder when the tier came before.
fn label(tier: &TierSummary) -> String {
    let users = format!("{} user{}", tier.tier, if tier.tier == 1 { "" } else { "s" });
    match tier.directory.strip_prefix(&format!("tier_{}_", tier.tier)) {
        Some(turn) => format!("{users} ({turn})"),
        None => users,
    }
}

fn streams(stage: usize, name: &str, tier: &TierSummary) -> Vec<PageStream> {
    let all = [("ttft", "Time to first output", &tier.ttft), ("itl", "Gap between outputs", &tier.chunk_gaps)];
    all.into_iter()
        .filter_map(|(metric, label, all)| Some(stream(stage, name, (metric, label), all.as_ref()?)))
        .collect()
}

/// A metric of streamed answers, in milliseconds.
pub(super) fn stream(stage: usize, name: &str, (metric, label): (&str, &str), all: &Distribution) -> PageStream {
    PageStream {
        stage,
        name: name.to_owned(),
        metric: metric.to_owned(),
        label: label.to_owned(),
        unit: PageUnit::Ms,
        count: all.count as u64,
        mean: Some(all.mean),
        p50: Some(all.p50),
        p90: Some(all.p90),
        p95: Some(all.p95),
        p99: Some(all.p99),
        max: Some(all.max),
    }
}

fn errors(stage: usize, name: &str, errors: &BTreeMap<String, ErrorClass>) -> Vec<PageError> {
    let page = |(class, error): (&String, &ErrorClass)| PageError {
        stage,
        name: Some(name.to_owned()),
        class: class.clone(),
        count: error.count as u64,
        example: one_line(&error.example, LONGEST_MESSAGE),
        first_s: None,
        last_s: None,
    };
    errors.iter().map(page).collect()
}

fn background(stage: usize, name: String, traffic: &BackgroundSummary) -> PageRequest {
    let ok = traffic.success_count.unwrap_or(0);
    PageRequest {
        stage,
        name,
        count: traffic.count as u64,
        ok: ok as u64,
        failed: traffic.count.saturating_sub(ok) as u64,
        mean: traffic.mean,
        p50: traffic.p50,
        p90: traffic.p90,
        p99: traffic.p99,
        p99_trustworthy: ok >= crate::P99_REQUESTS,
        ..PageRequest::default()
    }
}
