//! `summary.json`: the figures of one level.

use super::compare::{EarlySummary, early_and_rest};
use super::fold::{ApiFold, ApiFoldOptions, ApiWarmup, LevelFacts};
use super::load::LevelLoad;
use super::metric::QuantileInterval;
use super::micros;
use super::name::{ErrorFold, NameFold};
use super::threshold::evaluate;
use super::told::{self, ColdSummary, RateLimitSummary};
use crate::P99_REQUESTS;
use crate::signs::{FailureSpan, Groups, POINTS, Settling, Signs};
use crate::threshold::ThresholdResult;
use plimsoll_model::scenario::Objectives;
use plimsoll_model::{ApiLoad, FailureClass, Health, Metric, Threshold, TokenSource};
use plimsoll_stats::{Distribution, proportion_interval};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a level was, beside its samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LevelInput {
    /// Its load in words, as [`ApiLoad::label`] has it.
    pub label: String,
    /// Name of its folder within the run directory; empty for the run directory itself.
    pub directory: String,
    /// Whether users wait for their answers before they go on, see [`is_closed`].
    pub closed: bool,
    /// What it asked for.
    pub load: LevelLoad,
    /// What the samples do not tell.
    pub facts: LevelFacts,
    /// How the load generator fared: of each shard, or of all together.
    pub health: Vec<Health>,
    /// Sentences of warning that came up during the level.
    pub warnings: Vec<String>,
}

/// The figures of one level. Times are in milliseconds unless the name says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelSummary {
    /// Its load in words.
    pub label: String,
    /// Name of its folder within the run directory; empty for the run directory itself.
    pub directory: String,
    /// Whether users waited for their answers before they went on.
    pub closed: bool,
    /// What it asked for.
    #[serde(default)]
    pub load: LevelLoad,
    /// When it began, in seconds since the run's start.
    pub start_seconds: f64,
    /// Warm-up at its beginning, in seconds.
    pub warmup_seconds: f64,
    /// Measured time, in seconds: from the end of the warm-up to the end of the load or of the last request, whichever
    /// came later. All rates are over it.
    pub seconds: f64,
    /// When load was no longer made, in seconds since the run's start; `null` when not told.
    pub until_seconds: Option<f64>,
    /// Successful requests a second.
    pub throughput_rps: f64,
    /// Requests a second that met every objective; `null` when the scenario has none.
    pub goodput_rps: Option<f64>,
    /// Output tokens of the successes a second, all users together; `null` when nothing has tokens.
    pub output_tokens_per_second: Option<f64>,
    /// Iterations that were started.
    pub iterations: u64,
    /// Iterations of an open profile that found no free user.
    pub dropped_iterations: u64,
    /// All requests together.
    pub all: RequestSummary,
    /// The requests of each name.
    pub requests: BTreeMap<String, RequestSummary>,
    /// The warm-up; `null` without one.
    pub warmup: Option<ApiWarmup>,
    /// How the target limited our rate; `null` when it told nothing and refused nothing.
    pub rate_limit: Option<RateLimitSummary>,
    /// What a cold server cost; `null` when it was never cold.
    pub cold_starts: Option<ColdSummary>,
    /// The first minute (of less than two, the first tenth) against the rest; `null` when there is too little of either.
    pub early: Option<EarlySummary>,
    /// When failures came, and what else only the order and the shape of the times tell.
    #[serde(default)]
    pub signs: Signs,
    /// How the rules of the scenario fared.
    pub thresholds: Vec<ThresholdResult>,
    /// How the load generator fared.
    pub health: Vec<Health>,
    /// What to keep in mind, one sentence each.
    pub warnings: Vec<String>,
    /// Lines cut off at the end of the file: 1 after a killed run, else 0.
    pub cut_off_lines: usize,
}

/// The figures of the requests of one name, or of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// Requests that ended by themselves.
    pub count: u64,
    /// Those that succeeded.
    pub ok: u64,
    /// Those that failed.
    pub failed: u64,
    /// Requests given up because the run was stopped; in no other figure.
    pub cancelled: u64,
    /// Requests that ended, a second, failed ones too.
    pub rate_rps: f64,
    /// Successful requests a second.
    pub throughput_rps: f64,
    /// Successes that met every objective.
    pub good: u64,
    /// Failures by class.
    pub errors: BTreeMap<String, ErrorSummary>,
    /// Each metric of the successes that there is, in milliseconds or tokens a second.
    pub metrics: BTreeMap<Metric, Distribution>,
    /// How sure the figures are.
    pub intervals: ApiIntervals,
    /// Whether there are enough successes ([`P99_REQUESTS`]) for a stable p99.
    pub p99_trustworthy: bool,
    /// Tokens of the successes; `null` without any.
    pub tokens: Option<TokenSummary>,
    /// Times that requests were sent again.
    pub retries: u64,
    /// Requests that were.
    pub retried: u64,
    /// Body bytes sent.
    pub bytes_sent: u64,
    /// Body bytes received.
    pub bytes_received: u64,
}

/// 95 % intervals; `null` where there are too few requests to have one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiIntervals {
    /// Of the median response time.
    pub p50: Option<QuantileInterval>,
    /// Of its 95th percentile.
    pub p95: Option<QuantileInterval>,
    /// Of its 99th percentile.
    pub p99: Option<QuantileInterval>,
    /// Of the share of successes, 0 to 1.
    pub success_rate: Option<(f64, f64)>,
}

/// The failures of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorSummary {
    /// How many.
    pub count: u64,
    /// The message of the first.
    pub example: String,
    /// When the first ended, in seconds since the run's start.
    pub first_at: f64,
    /// When the last ended.
    pub last_at: f64,
    /// Median time from the send until the failure was known, in milliseconds.
    pub p50: f64,
    /// Its 99th percentile.
    pub p99: f64,
}

/// Tokens of the successes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenSummary {
    /// Of the inputs.
    pub input: u64,
    /// Of the outputs.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
    /// Of the inputs, those in the server's cache.
    pub cached: u64,
    /// Requests by who counted.
    pub counted_by: BTreeMap<TokenSource, u64>,
}

/// Whether users of this load wait for their answers before they go on; of a sweep, those of its levels.
pub fn is_closed(load: &ApiLoad) -> bool {
    match load {
        ApiLoad::Users { .. } | ApiLoad::Iterations { .. } => true,
        ApiLoad::Rate { .. } | ApiLoad::Replay { .. } => false,
        ApiLoad::Sweep { levels, .. } => levels.iter().all(is_closed),
    }
}

impl LevelSummary {
    /// Puts together what was asked for and what the samples say, and judges the rules.
    pub fn new(input: LevelInput, fold: &ApiFold, thresholds: &[Threshold]) -> Self {
        let (options, facts) = (fold.options(), input.facts);
        let measured = fold.seconds(&facts);
        let per_second = |count: u64| if measured > 0.0 { count as f64 / measured } else { 0.0 };
        let whole = fold.all();
        let all = RequestSummary::new(&whole, measured);
        let has_tokens = !whole.tokens.sources.is_empty();
        Self {
            start_seconds: told::seconds(micros(options.start)),
            warmup_seconds: told::seconds(micros(options.warmup)),
            seconds: measured,
            until_seconds: facts.until.map(|until| told::seconds(micros(until))),
            throughput_rps: all.throughput_rps,
            goodput_rps: (!options.objectives.is_empty()).then(|| per_second(all.good)),
            output_tokens_per_second: has_tokens.then(|| per_second(whole.tokens.output)),
            iterations: facts.iterations,
            dropped_iterations: facts.dropped,
            requests: fold
                .names()
                .iter()
                .map(|(name, fold)| (name.as_ref().to_owned(), RequestSummary::new(fold, measured)))
                .collect(),
            all,
            warmup: fold.warmup(),
            rate_limit: fold.rate_limit(),
            cold_starts: fold.cold(),
            early: early_and_rest(&whole.series, measured),
            thresholds: evaluate(thresholds, fold, &facts),
            health: input.health,
            warnings: input.warnings,
            cut_off_lines: fold.cut_off_lines(),
            label: input.label,
            directory: input.directory,
            closed: input.closed,
            load: input.load,
            signs: signs(fold, &whole),
        }
    }

    /// The options of the fold that it came from, to make it again.
    pub fn fold_options(&self, objectives: Objectives) -> ApiFoldOptions {
        ApiFoldOptions {
            start: from_seconds(self.start_seconds),
            warmup: from_seconds(self.warmup_seconds),
            objectives,
        }
    }

    /// What went into it beside the samples, to make it again.
    pub fn input(&self) -> LevelInput {
        let facts = LevelFacts {
            until: self.until_seconds.map(from_seconds),
            iterations: self.iterations,
            dropped: self.dropped_iterations,
        };
        LevelInput {
            label: self.label.clone(),
            directory: self.directory.clone(),
            closed: self.closed,
            load: self.load,
            facts,
            health: self.health.clone(),
            warnings: self.warnings.clone(),
        }
    }

    /// Whether the load generator, not the target, may have set the figures.
    pub fn generator_limited(&self) -> bool {
        self.health.iter().any(Health::generator_limited)
    }
}

/// What the order and the shape of the times tell.
fn signs(fold: &ApiFold, all: &NameFold) -> Signs {
    let from = told::seconds(fold.measured_from());
    let span = |(class, errors): (&FailureClass, &ErrorFold)| {
        let took = errors.times.quantile(0.50)?;
        Some((class.as_str().to_owned(), FailureSpan::of(&all.series, *class, from, took)?))
    };
    let groups = |(name, fold): (&Arc<str>, &NameFold)| {
        let times = fold.response_time()?;
        let requests = usize::try_from(times.count()).ok()?;
        Some((name.as_ref().to_owned(), Groups::of(&times.points::<POINTS>(), requests)?))
    };
    Signs {
        failures: all.errors.iter().filter_map(span).collect(),
        groups: fold.names().iter().filter_map(groups).collect(),
        first: None,
        settling: Settling::of(&all.series),
    }
}

/// Seconds of a file as the whole microseconds that they were.
fn from_seconds(seconds: f64) -> Duration {
    // A negative or absurd number, which we never write, becomes 0 or the most.
    Duration::from_micros((seconds * 1e6).round() as u64)
}

impl RequestSummary {
    fn new(fold: &NameFold, measured: f64) -> Self {
        let per_second = |count: u64| if measured > 0.0 { count as f64 / measured } else { 0.0 };
        let times = fold.response_time();
        let interval = |q| times.and_then(|times| times.interval(q));
        let tokens = &fold.tokens;
        Self {
            count: fold.count(),
            ok: fold.ok,
            failed: fold.failed,
            cancelled: fold.cancelled,
            rate_rps: per_second(fold.count()),
            throughput_rps: per_second(fold.ok),
            good: fold.good,
            errors: fold
                .errors
                .iter()
                .map(|(class, errors)| (class.as_str().to_owned(), ErrorSummary::new(errors)))
                .collect(),
            metrics: fold.metrics.iter().filter_map(|(metric, fold)| Some((*metric, fold.distribution()?))).collect(),
            intervals: ApiIntervals {
                p50: interval(0.50),
                p95: interval(0.95),
                p99: interval(0.99),
                success_rate: proportion_interval(fold.ok, fold.count(), 0.95),
            },
            p99_trustworthy: fold.ok >= P99_REQUESTS as u64,
            tokens: (!tokens.sources.is_empty()).then(|| TokenSummary {
                input: tokens.input,
                output: tokens.output,
                reasoning: tokens.reasoning,
                cached: tokens.cached,
                counted_by: tokens.sources.clone(),
            }),
            retries: fold.retries,
            retried: fold.retried,
            bytes_sent: fold.bytes_sent,
            bytes_received: fold.bytes_received,
        }
    }

    /// Share of the requests that failed, 0 to 1.
    pub fn failed_share(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.failed as f64 / self.count as f64 }
    }
}

impl ErrorSummary {
    fn new(fold: &ErrorFold) -> Self {
        Self {
            count: fold.count,
            example: fold.example.clone(),
            first_at: told::seconds(fold.first),
            last_at: told::seconds(fold.last),
            p50: fold.times.quantile(0.50).unwrap_or_default(),
            p99: fold.times.quantile(0.99).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testdata::{level, mixed, options};

    #[test]
    fn the_same_again_from_its_own_input() {
        let summary = level("5 users", &mixed(), &[]);
        let mut input = summary.input();
        assert_eq!(summary.fold_options(options().objectives), options());
        let mut fold = ApiFold::new(options());
        mixed().iter().for_each(|sample| fold.add(sample));
        assert_eq!(LevelSummary::new(input.clone(), &fold, &[]), summary);
        input.warnings.push("a worker was lost".to_owned());
        let told = LevelSummary::new(input.clone(), &fold, &[]);
        assert_eq!((told.warnings.len(), told.input()), (1, input));
    }

    #[test]
    fn totals_and_rates() {
        let summary = level("5 users", &mixed(), &[]);
        assert_eq!((summary.seconds, summary.throughput_rps, summary.goodput_rps), (10.0, 0.4, Some(0.1)));
        assert_eq!((summary.all.rate_rps, summary.output_tokens_per_second), (0.6, Some(0.9)));
        let all = &summary.all;
        assert_eq!((all.count, all.ok, all.failed, all.cancelled, all.good), (6, 4, 2, 1, 1));
        assert_eq!((all.retries, all.retried, all.tokens.as_ref().map(|t| (t.input, t.output))), (2, 1, Some((20, 9))));
        assert_eq!(summary.requests["embed"].errors["rate_limited"].first_at, 20.0645);
        assert!(!summary.requests["embed"].metrics.contains_key(&Metric::Ttft));
    }
}
