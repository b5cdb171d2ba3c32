//! A run as points that can be set beside another run's.

use super::metric::Kind;
use crate::{ClientSummary, LevelSummary, LoadedRun, P99_REQUESTS, RequestSummary, RunFigures, TierSummary};
use plimsoll_model::Metric;
use plimsoll_stats::Distribution;
use std::collections::{BTreeMap, BTreeSet};

/// One figure of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What it was measured over: `tier 10`, `tier 10: uploads`, `5 users: chat`.
    pub scope: String,
    /// Whether the scope is a whole tier or level, not a part of it or the traffic beside it.
    pub whole: bool,
    /// Which figure.
    pub kind: Kind,
    /// Its value, in the unit of the kind.
    pub value: f64,
    /// How many values it was made of.
    pub samples: u64,
}

/// All points of a run, in the order of its tables.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// They are distinct in scope and kind.
    pub points: Vec<Point>,
    /// Scopes that are parts of others.
    parts: BTreeSet<String>,
}

impl Figures {
    /// The points of a run.
    pub fn of(run: &LoadedRun) -> Self {
        let mut figures = Self::default();
        let mut scopes = Scopes::default();
        match &run.figures {
            RunFigures::Gradio(summary) => {
                for tier in &summary.tiers {
                    let scope = scopes.of(format!("tier {}", tier.tier));
                    figures.tier(&scope, tier);
                }
            }
            RunFigures::Api(summary) => {
                for level in &summary.levels {
                    let scope = scopes.of(level.label.clone());
                    figures.level(&scope, level);
                }
            }
        }
        figures
    }

    /// The scopes, each once, in order.
    pub fn scopes(&self) -> Vec<&str> {
        let mut scopes: Vec<&str> = Vec::new();
        for point in &self.points {
            if !scopes.contains(&point.scope.as_str()) {
                scopes.push(&point.scope);
            }
        }
        scopes
    }

    /// The point of this scope and kind.
    pub fn get(&self, scope: &str, kind: Kind) -> Option<&Point> {
        self.points.iter().find(|point| point.scope == scope && point.kind == kind)
    }

    fn part(&mut self, scope: &str, name: &str) -> String {
        let part = format!("{scope}: {name}");
        self.parts.insert(part.clone());
        part
    }

    fn add(&mut self, scope: &str, kind: Kind, value: Option<f64>, samples: u64) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let whole = !self.parts.contains(scope);
            self.points.push(Point { scope: scope.to_owned(), whole, kind, value, samples });
        }
    }

    fn tier(&mut self, scope: &str, tier: &TierSummary) {
        let ClientSummary { success_count, p50, p90, p95, p99, mean, .. } = tier.client_summary;
        let ok = success_count.unwrap_or(0) as u64;
        for (kind, value) in
            [(Kind::P50, p50), (Kind::P90, p90), (Kind::P95, p95), (Kind::P99, p99), (Kind::Mean, mean)]
        {
            self.add(scope, kind, value, ok);
        }
        // hf-perftest writes no throughput; it is what follows from what it does write.
        let throughput =
            tier.throughput_rps.or_else(|| (tier.elapsed_seconds > 0.0).then(|| ok as f64 / tier.elapsed_seconds));
        self.add(scope, Kind::Throughput, throughput, ok);
        // A tier without any success has a count of 0 and a rate of 0.
        self.add(scope, Kind::SuccessRate, Some(tier.client_summary.success_rate), tier.total_requests as u64);
        self.spread(scope, [Kind::TtftP50, Kind::TtftP95], tier.ttft.as_ref());
        self.spread(scope, [Kind::ChunkGapP50, Kind::ChunkGapP95], tier.chunk_gaps.as_ref());
        if let Some(phases) = &tier.phases {
            for (name, stat) in phases.iter() {
                if let Some(kind) = Kind::of_phase(name) {
                    self.add(scope, kind, Some(stat.mean), phases.requests as u64);
                }
            }
        }
        for (traffic, figures) in tier.background_traffic.iter().flatten() {
            let scope = self.part(scope, &traffic.replace('_', " "));
            let ok = figures.success_count.unwrap_or(0) as u64;
            self.add(&scope, Kind::P50, figures.p50, ok);
            self.add(&scope, Kind::P90, figures.p90, ok);
            self.add(&scope, Kind::P99, figures.p99, ok);
            self.add(&scope, Kind::SuccessRate, Some(figures.success_rate), figures.count as u64);
        }
    }

    fn level(&mut self, scope: &str, level: &LevelSummary) {
        // With one name "all" would say the same twice.
        if level.requests.len() != 1 {
            self.requests(scope, &level.all);
        }
        for (name, requests) in &level.requests {
            let scope = if level.requests.len() == 1 { scope.to_owned() } else { self.part(scope, name) };
            self.requests(&scope, requests);
        }
        self.add(scope, Kind::Goodput, level.goodput_rps, level.all.good);
        self.add(scope, Kind::OutputTokensPerSecond, level.output_tokens_per_second, level.all.ok);
    }

    fn requests(&mut self, scope: &str, requests: &RequestSummary) {
        if let Some(times) = requests.metrics.get(&Metric::ResponseTime) {
            let Distribution { p50, p90, p95, p99, mean, .. } = *times;
            for (kind, value) in
                [(Kind::P50, p50), (Kind::P90, p90), (Kind::P95, p95), (Kind::P99, p99), (Kind::Mean, mean)]
            {
                self.add(scope, kind, Some(value), requests.ok);
            }
        }
        self.add(scope, Kind::Throughput, Some(requests.throughput_rps), requests.ok);
        let rate = (requests.count > 0).then(|| requests.ok as f64 / requests.count as f64);
        self.add(scope, Kind::SuccessRate, rate, requests.count);
        for (metric, kinds) in [
            (Metric::Ttft, [Kind::TtftP50, Kind::TtftP95]),
            (Metric::Itl, [Kind::ItlP50, Kind::ItlP95]),
            (Metric::Tpot, [Kind::TpotP50, Kind::TpotP95]),
        ] {
            self.spread(scope, kinds, requests.metrics.get(&metric));
        }
        if let Some(speed) = requests.metrics.get(&Metric::TokensPerSecond) {
            self.add(scope, Kind::UserTokensPerSecond, Some(speed.p50), speed.count as u64);
        }
    }

    fn spread(&mut self, scope: &str, kinds: [Kind; 2], values: Option<&Distribution>) {
        if let Some(values) = values {
            for (kind, value) in kinds.into_iter().zip([values.p50, values.p95]) {
                self.add(scope, kind, Some(value), values.count as u64);
            }
        }
    }
}

/// Whether this many successes are enough for a p99.
pub(super) fn enough_for_p99(samples: u64) -> bool {
    samples >= P99_REQUESTS as u64
}

/// A tier or level that comes again is a scope of its own: `tier 10`, `tier 10 (2)`.
#[derive(Default)]
struct Scopes(BTreeMap<String, u32>);

impl Scopes {
    fn of(&mut self, name: String) -> String {
        let turn = self.0.entry(name.clone()).or_default();
        *turn += 1;
        match *turn {
            1 => name,
            turn => format!("{name} ({turn})"),
        }
    }
}
