//! Everything that can be said of a level of an API run, one sample after the other.

use super::measure::measured_from;
use super::metric::MetricFold;
use super::name::NameFold;
use super::record::{ApiSampleRecord, Line};
use super::told::{ColdFold, LimitFold, seconds};
use super::{micros, told};
use plimsoll_model::scenario::Objectives;
use plimsoll_model::{FailureClass, Metric, Outcome, Sample};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a fold must know.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ApiFoldOptions {
    /// When the level began, since the run's start.
    pub start: Duration,
    /// Requests meant to start in this time from there are warm-up.
    pub warmup: Duration,
    /// What a single request must meet to count as good.
    pub objectives: Objectives,
}

/// All samples of one level, in room that does not grow with their number: for each name a histogram of each metric, and
/// a row for each second (for each two after an hour, and so on).
///
/// Folds of several shards, or of several parts of a file, can be merged: the result is the same as if one had seen all
/// samples, in whatever order.
#[derive(Debug, Clone)]
pub struct ApiFold {
    options: ApiFoldOptions,
    names: BTreeMap<Arc<str>, NameFold>,
    warmup: WarmupFold,
    limits: LimitFold,
    cold: ColdFold,
    /// When the last measured request ended, in microseconds since the run's start.
    last_end: Option<u64>,
    cut_off_lines: usize,
    /// Room for the times of a sample's chunks.
    chunks: Vec<u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct WarmupFold {
    ok: u64,
    failed: u64,
    cancelled: u64,
    times: MetricFold,
}

/// The requests of the warm-up: measured and shown, in no other figure but those of cold starts and rate limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ApiWarmup {
    /// Requests that ended by themselves.
    pub requests: u64,
    /// Those that succeeded.
    pub ok: u64,
    /// Median response time of the successes, in milliseconds.
    pub p50: Option<f64>,
    /// Its 95th percentile.
    pub p95: Option<f64>,
}

/// What a level's samples do not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LevelFacts {
    /// Up to when load was made (for a look at a run that goes on: now), since the run's start. Rates are over the time
    /// until then, or until the last request ended if that was later; `None` for the latter.
    pub until: Option<Duration>,
    /// Iterations that were started.
    pub iterations: u64,
    /// Iterations of an open profile that found no free user.
    pub dropped: u64,
}

impl LevelFacts {
    /// Share of the iterations that were dropped, 0 to 1; `None` when there were none.
    pub fn dropped_share(&self) -> Option<f64> {
        let all = self.iterations + self.dropped;
        (all > 0).then(|| self.dropped as f64 / all as f64)
    }
}

impl ApiFold {
    /// A fold that has seen nothing.
    pub fn new(options: ApiFoldOptions) -> Self {
        Self {
            options,
            names: BTreeMap::new(),
            warmup: WarmupFold::default(),
            limits: LimitFold::default(),
            cold: ColdFold::default(),
            last_end: None,
            cut_off_lines: 0,
            chunks: Vec::new(),
        }
    }

    /// Adds a sample.
    pub fn add(&mut self, sample: &Sample) {
        let mut chunks = std::mem::take(&mut self.chunks);
        self.add_line(&Line::of(sample, &mut chunks));
        self.chunks = chunks;
    }

    /// Adds a sample that was read back.
    pub fn add_record(&mut self, record: &ApiSampleRecord) {
        self.add_line(&record.line());
    }

    fn add_line(&mut self, line: &Line<'_>) {
        let cancelled = line.outcome == Outcome::Failed(FailureClass::Cancelled);
        if !cancelled {
            self.limits.add(line);
            self.cold.add(line);
        }
        let from = self.measured_from();
        if line.intended < from {
            self.warmup.add(line);
            return;
        }
        if !cancelled {
            self.last_end = self.last_end.max(Some(line.end));
        }
        match self.names.get_mut(line.name) {
            Some(name) => name.add(line, &self.options.objectives, from),
            None => self.names.entry(line.name.into()).or_default().add(line, &self.options.objectives, from),
        }
    }

    /// Adds everything that another fold of the same level has seen. Both must have the same options.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.options, other.options, "folds of different levels");
        for (name, fold) in &other.names {
            match self.names.get_mut(name) {
                Some(ours) => ours.merge(fold),
                None => drop(self.names.insert(Arc::clone(name), fold.clone())),
            }
        }
        self.warmup.merge(&other.warmup);
        self.limits.merge(&other.limits);
        self.cold.merge(&other.cold);
        self.last_end = self.last_end.max(other.last_end);
        self.cut_off_lines += other.cut_off_lines;
    }

    /// Its options.
    pub fn options(&self) -> &ApiFoldOptions {
        &self.options
    }

    /// Lines cut off at the end of the file that it was read from: 1 after a killed run, else 0.
    pub fn cut_off_lines(&self) -> usize {
        self.cut_off_lines
    }

    /// Measured requests that ended by themselves.
    pub fn count(&self) -> u64 {
        self.names.values().map(NameFold::count).sum()
    }

    /// Measured requests that succeeded.
    pub fn ok(&self) -> u64 {
        self.names.values().map(|name| name.ok).sum()
    }

    /// Measured requests that failed.
    pub fn failed(&self) -> u64 {
        self.names.values().map(|name| name.failed).sum()
    }

    /// Output tokens of the measured successes.
    pub fn output_tokens(&self) -> u64 {
        self.names.values().map(|name| name.tokens.output).sum()
    }

    /// A quantile (0 to 1) of a metric, in milliseconds or tokens a second: of one name, or of all. `None` without
    /// values.
    pub fn quantile(&self, name: Option<&str>, metric: Metric, q: f64) -> Option<f64> {
        self.metric(name, metric)?.quantile(q)
    }

    /// The warm-up; `None` when there was none.
    pub fn warmup(&self) -> Option<ApiWarmup> {
        let fold = &self.warmup;
        (self.options.warmup > Duration::ZERO || fold.ok + fold.failed > 0).then(|| ApiWarmup {
            requests: fold.ok + fold.failed,
            ok: fold.ok,
            p50: fold.times.quantile(0.50),
            p95: fold.times.quantile(0.95),
        })
    }

    /// How the target limited our rate; `None` when it told nothing and refused nothing.
    pub fn rate_limit(&self) -> Option<told::RateLimitSummary> {
        self.limits.summary()
    }

    /// What a cold server cost; `None` when it was never cold.
    pub fn cold(&self) -> Option<told::ColdSummary> {
        self.cold.summary()
    }

    /// The measured time in seconds: from the end of the warm-up to the end of the load or of the last request,
    /// whichever came later.
    pub fn seconds(&self, facts: &LevelFacts) -> f64 {
        let end = self.last_end.max(facts.until.map(micros)).unwrap_or_default();
        seconds(end.saturating_sub(self.measured_from()))
    }

    /// When the measured time began, in microseconds since the run's start.
    pub(crate) fn measured_from(&self) -> u64 {
        measured_from(self.options.start, self.options.warmup)
    }

    pub(crate) fn names(&self) -> &BTreeMap<Arc<str>, NameFold> {
        &self.names
    }

    /// All names as one.
    pub(crate) fn all(&self) -> Cow<'_, NameFold> {
        let mut names = self.names.values();
        match (names.next(), names.next()) {
            (None, _) => Cow::Owned(NameFold::default()),
            (Some(only), None) => Cow::Borrowed(only),
            (Some(first), Some(second)) => {
                let mut all = first.clone();
                all.merge(second);
                names.for_each(|name| all.merge(name));
                Cow::Owned(all)
            }
        }
    }

    /// One metric of one name, or of all.
    pub(crate) fn metric(&self, name: Option<&str>, metric: Metric) -> Option<Cow<'_, MetricFold>> {
        if let Some(name) = name {
            return self.names.get(name)?.metrics.get(&metric).map(Cow::Borrowed);
        }
        let mut folds = self.names.values().filter_map(|name| name.metrics.get(&metric));
        let mut all = Cow::Borrowed(folds.next()?);
        folds.for_each(|fold| all.to_mut().merge(fold));
        Some(all)
    }

    pub(crate) fn note_cut_off_lines(&mut self, lines: usize) {
        self.cut_off_lines += lines;
    }
}

impl PartialEq for ApiFold {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options
            && self.names == other.names
            && self.warmup == other.warmup
            && self.limits == other.limits
            && self.cold == other.cold
            && self.last_end == other.last_end
            && self.cut_off_lines == other.cut_off_lines
    }
}

impl WarmupFold {
    fn add(&mut self, line: &Line<'_>) {
        match line.outcome {
            Outcome::Ok => {
                self.ok += 1;
                self.times.add(line.end.saturating_sub(line.intended));
            }
            Outcome::Failed(FailureClass::Cancelled) => self.cancelled += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.times.merge(&other.times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testdata::{any_sample, failed, mixed, options, plain, streamed};
    use proptest::prelude::*;

    fn fold(samples: &[Sample]) -> ApiFold {
        let mut fold = ApiFold::new(options());
        samples.iter().for_each(|sample| fold.add(sample));
        fold
    }

    #[test]
    fn the_warm_up_is_apart() {
        // The level begins at 10 s and warms up for 5 s.
        let early = [plain("a", 12_000, 500), failed("a", 14_999, FailureClass::Timeout, "x")];
        let fold = fold(&[early[0].clone(), early[1].clone(), plain("a", 15_000, 50), plain("b", 16_000, 60)]);
        assert_eq!((fold.count(), fold.ok(), fold.failed()), (2, 2, 0));
        let warmup = fold.warmup().unwrap();
        assert_eq!((warmup.requests, warmup.ok), (2, 1));
        assert!((warmup.p95.unwrap() - 500.5).abs() < 0.3);
        assert!((fold.seconds(&LevelFacts::default()) - 1.0605).abs() < 1e-9, "from 15 s to 16.0605 s");
        let facts = LevelFacts { until: Some(Duration::from_secs(25)), ..LevelFacts::default() };
        assert_eq!(fold.seconds(&facts), 10.0);
    }

    #[test]
    fn failures_and_the_cancelled_are_in_no_distribution() {
        let fold = fold(&[
            plain("a", 20_000, 50),
            failed("a", 21_000, FailureClass::Timeout, "second"),
            failed("a", 20_500, FailureClass::Timeout, "first"),
            failed("a", 22_000, FailureClass::Cancelled, "stopped"),
        ]);
        let name = &fold.names()["a"];
        assert_eq!((name.ok, name.failed, name.cancelled), (1, 2, 1));
        assert!(name.metrics.values().all(|metric| metric.count() == 1));
        let errors = &name.errors[&FailureClass::Timeout];
        assert_eq!((errors.count, errors.example.as_str(), errors.times.count()), (2, "first", 2));
        assert_eq!((errors.first, errors.last), (20_564_500, 21_064_500));
    }

    #[test]
    fn good_requests_meet_the_objectives() {
        // Within 60 ms of response time and 45 ms of first token, as `options` asks.
        let fold = fold(&[
            streamed("a", 20_000, &[40, 50], 2),
            streamed("a", 20_000, &[46, 50], 2),
            streamed("a", 20_000, &[40, 70], 2),
            plain("a", 20_000, 5),
        ]);
        assert_eq!((fold.names()["a"].good, fold.ok()), (1, 4));
    }

    #[test]
    fn limits_and_cold_starts_are_noted() {
        let samples = mixed();
        let fold = fold(&samples);
        let limit = fold.rate_limit().unwrap();
        assert_eq!((limit.refused, limit.limit, limit.window_seconds), (1, Some(100), Some(60.0)));
        assert_eq!((limit.retry_after, limit.longest_retry_after_seconds), (1, Some(3.0)));
        let cold = fold.cold().unwrap();
        assert_eq!((cold.requests, cold.failed), (2, 1));
        assert_eq!((cold.longest_seconds, cold.longest_told_seconds), (8.0, Some(20.0)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn merging_folds_is_folding_all(
            samples in prop::collection::vec(any_sample(), 0..40), cut in 0usize..40, turned: bool,
        ) {
            let (left, right) = samples.split_at(cut.min(samples.len()));
            let (mut merged, other) = if turned { (fold(right), fold(left)) } else { (fold(left), fold(right)) };
            merged.merge(&other);
            prop_assert_eq!(merged, fold(&samples));
        }

        #[test]
        fn records_fold_as_samples_do(samples in prop::collection::vec(any_sample(), 0..20)) {
            let mut from_records = ApiFold::new(options());
            for sample in &samples {
                let line = serde_json::to_string(&ApiSampleRecord::new(sample)).unwrap();
                from_records.add_record(&serde_json::from_str(&line).unwrap());
            }
            prop_assert_eq!(from_records, fold(&samples));
        }
    }
}
