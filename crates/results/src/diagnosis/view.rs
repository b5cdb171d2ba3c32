//! What the rules look at: a tier of a Gradio app or a level of a scenario, as the same thing.

use super::words::{per_second, span, users};
use crate::text::one_line;
use crate::{
    ColdSummary, EarlySummary, LevelSummary, PhaseSummary, RateLimitSummary, Signs, Summary, TierSummary, WarmupSummary,
};
use plimsoll_model::{Health, Metric};
use plimsoll_stats::Distribution;
use std::collections::BTreeMap;

/// A run.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// Its tiers or levels, in the order in which they ran.
    pub(super) steps: Vec<Step>,
    /// Whether it is one of a Gradio app.
    pub(super) gradio: bool,
    /// What happened before the first tier.
    pub(super) warmup: Option<WarmupSummary>,
}

/// A tier or a level. Times in milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Step {
    /// Where a sentence says that it is: `at 10 users`, `at 50/s`, `in the replay of trace.csv`.
    pub(super) at: String,
    /// Users, when their number stayed the same.
    pub(super) users: Option<f64>,
    /// Arrivals a second that were asked for, when the rate stayed the same.
    pub(super) rate: Option<f64>,
    /// Whether users waited for their answers before they went on.
    pub(super) closed: bool,
    /// Whether all users waited for the slowest one before they went on.
    pub(super) rounds: bool,
    /// Whether users paused between requests.
    pub(super) pauses: bool,
    /// Warm-up at its beginning, and the measured time after it, in seconds.
    pub(super) warmup_seconds: f64,
    pub(super) seconds: f64,
    /// Requests that ended by themselves, warm-up apart.
    pub(super) count: u64,
    /// Those that succeeded.
    pub(super) ok: u64,
    /// Successes a second.
    pub(super) throughput: f64,
    /// From the intended start; of Gradio apps from the send.
    pub(super) times: Option<Distribution>,
    /// From the send.
    pub(super) service: Option<Distribution>,
    /// The same as `times` of each name.
    pub(super) names: Vec<(String, Distribution)>,
    /// Failures by class.
    pub(super) errors: BTreeMap<String, u64>,
    /// Where the time went, of Gradio apps.
    pub(super) phases: Option<PhaseSummary>,
    /// Time to the first token or output.
    pub(super) first: Option<Distribution>,
    /// Gaps between tokens; of Gradio apps none, as they come from the app's own code.
    pub(super) gaps: Option<Distribution>,
    /// Successes that came from a cache.
    pub(super) cached: u64,
    /// Iterations that were started, and those that found no free user.
    pub(super) iterations: u64,
    pub(super) dropped: u64,
    pub(super) rate_limit: Option<RateLimitSummary>,
    pub(super) cold: Option<ColdSummary>,
    pub(super) early: Option<EarlySummary>,
    pub(super) health: Vec<Health>,
    pub(super) signs: Signs,
}

impl View {
    pub(super) fn of_tiers(summary: &Summary) -> Self {
        Self { steps: summary.tiers.iter().map(Step::of_tier).collect(), gradio: true, warmup: summary.warmup }
    }

    pub(super) fn of_levels(levels: &[LevelSummary]) -> Self {
        Self { steps: levels.iter().map(Step::of_level).collect(), ..Self::default() }
    }
}

impl Step {
    fn of_tier(tier: &TierSummary) -> Self {
        let client = &tier.client_summary;
        let count = tier.total_requests as u64;
        let ok = client.success_count.unwrap_or(0);
        let times = (|| {
            let [mean, min, max] = [client.mean?, client.min?, client.max?];
            let [p50, p90, p95, p99] = [client.p50?, client.p90?, client.p95?, client.p99?];
            Some(Distribution { count: ok, mean, min, max, p50, p90, p95, p99 })
        })();
        let again = !(tier.directory.is_empty() || tier.directory == format!("tier_{}", tier.tier));
        let turn = if again { format!(" ({})", tier.directory) } else { String::new() };
        Self {
            at: format!("at {}{turn}", users(f64::from(tier.tier))),
            users: Some(f64::from(tier.tier)),
            closed: true,
            rounds: tier.requests_per_user.is_some(),
            seconds: tier.elapsed_seconds,
            count,
            ok: ok as u64,
            throughput: tier.throughput_rps.unwrap_or(0.0),
            times,
            service: times,
            names: times.map(|times| (tier.api_name.clone().unwrap_or_default(), times)).into_iter().collect(),
            errors: tier.errors.iter().map(|(class, errors)| (class.clone(), errors.count as u64)).collect(),
            phases: tier.phases.clone(),
            first: tier.ttft,
            cached: tier.cached as u64,
            health: tier.health.clone().into_iter().collect(),
            signs: tier.signs.clone(),
            ..Self::default()
        }
    }

    fn of_level(level: &LevelSummary) -> Self {
        let metric = |metric: Metric| level.all.metrics.get(&metric).copied();
        let names = level.requests.iter().filter_map(|(name, request)| {
            Some((one_line(name, LONGEST_NAME), *request.metrics.get(&Metric::ResponseTime)?))
        });
        Self {
            at: at(level),
            users: level.load.users,
            rate: level.load.rate,
            closed: level.closed,
            pauses: level.load.pauses,
            warmup_seconds: level.warmup_seconds,
            seconds: level.seconds,
            count: level.all.count,
            ok: level.all.ok,
            throughput: level.throughput_rps,
            times: metric(Metric::ResponseTime),
            service: metric(Metric::ServiceTime),
            names: names.collect(),
            errors: level.all.errors.iter().map(|(class, errors)| (class.clone(), errors.count)).collect(),
            first: metric(Metric::Ttft),
            gaps: metric(Metric::Itl),
            iterations: level.iterations,
            dropped: level.dropped_iterations,
            rate_limit: level.rate_limit,
            cold: level.cold_starts,
            early: level.early.clone(),
            health: level.health.clone(),
            signs: level.signs.clone(),
            ..Self::default()
        }
    }

    /// Whether the load generator may have set its figures.
    pub(super) fn tainted(&self) -> bool {
        self.health.iter().any(Health::generator_limited)
    }

    /// Share of the requests that failed in this class, 0 to 1.
    pub(super) fn failed_share(&self, class: &str) -> f64 {
        let failed = self.errors.get(class).copied().unwrap_or(0);
        if self.count == 0 { 0.0 } else { failed as f64 / self.count as f64 }
    }

    /// The load as a noun: `10 users`.
    pub(super) fn load(&self) -> &str {
        self.at.strip_prefix("at ").unwrap_or(&self.at)
    }

    /// Its main figures, as evidence.
    pub(super) fn figures(&self) -> String {
        let times =
            self.times.map_or_else(String::new, |times| format!(", p50 {}, p95 {}", span(times.p50), span(times.p95)));
        format!("{}: {} ok{times}", self.load(), per_second(self.throughput))
    }
}

/// Longest name in a sentence, in characters.
const LONGEST_NAME: usize = 40;
const LONGEST_LABEL: usize = 60;

fn at(level: &LevelSummary) -> String {
    let label = one_line(&level.label, LONGEST_LABEL);
    match (level.load.users, level.load.rate) {
        (Some(_), _) if label.contains(" by ") => format!("in {label}"),
        (Some(number), _) => format!("at {}", users(number)),
        (_, Some(_)) => format!("at {label}"),
        _ if label.starts_with("replay") => format!("in the {label}"),
        _ => format!("at up to {label}"),
    }
}
