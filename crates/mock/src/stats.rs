//! What the server knows of its own doing. Every loop counts for itself; whoever asks gets the sum.

use crate::metrics::{Buckets, E2E_BOUNDS, ITL_BOUNDS, TTFT_BOUNDS};
use crate::outcome::Class;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Longest time that the histograms tell apart, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;
/// Different paths that are counted one by one.
const MOST_PATHS: usize = 1_000;

/// A finished request, as far as it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished<'a> {
    pub path: &'a str,
    pub class: Class,
    pub fault: Option<usize>,
    /// Nanoseconds from the complete request to its last write.
    pub took: u64,
    /// Nanoseconds from the complete request to the start of service.
    pub queued: Option<u64>,
    /// Nanoseconds from the complete request to the first token, of streams.
    pub ttft: Option<u64>,
    pub tokens: u32,
    pub prompt_tokens: u32,
}

/// One loop's counts.
#[derive(Debug)]
pub(crate) struct Stats {
    classes: [u64; Class::ALL.len()],
    paths: HashMap<Box<str>, [u64; Class::ALL.len()]>,
    faults: Vec<u64>,
    ttft: Histogram<u64>,
    itl: Histogram<u64>,
    took: Histogram<u64>,
    queued: Histogram<u64>,
    lag: Histogram<u64>,
    pub(crate) ttft_buckets: Buckets,
    pub(crate) itl_buckets: Buckets,
    pub(crate) took_buckets: Buckets,
    pub(crate) tokens: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) connections: u64,
    pub(crate) refused: u64,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).unwrap_or_else(|_| unreachable!("the bounds are constant and valid"))
}

fn note(histogram: &mut Histogram<u64>, nanos: u64) {
    histogram.saturating_record(nanos.max(1));
}

impl Stats {
    pub(crate) fn new(faults: usize) -> Self {
        Self {
            classes: [0; Class::ALL.len()],
            paths: HashMap::new(),
            faults: vec![0; faults],
            ttft: histogram(),
            itl: histogram(),
            took: histogram(),
            queued: histogram(),
            lag: histogram(),
            ttft_buckets: Buckets::new(TTFT_BOUNDS),
            itl_buckets: Buckets::new(ITL_BOUNDS),
            took_buckets: Buckets::new(E2E_BOUNDS),
            tokens: 0,
            prompt_tokens: 0,
            connections: 0,
            refused: 0,
        }
    }

    /// Counts a request.
    pub(crate) fn finished(&mut self, done: &Finished<'_>) {
        let class = done.class as usize;
        self.classes[class] += 1;
        match self.paths.get_mut(done.path) {
            Some(counts) => counts[class] += 1,
            None => {
                let path = if self.paths.len() < MOST_PATHS { done.path } else { "(other)" };
                self.paths.entry(path.into()).or_default()[class] += 1;
            }
        }
        if let Some(count) = done.fault.and_then(|fault| self.faults.get_mut(fault)) {
            *count += 1;
        }
        if let Some(queued) = done.queued {
            note(&mut self.queued, queued);
        }
        if let Some(ttft) = done.ttft {
            note(&mut self.ttft, ttft);
            self.ttft_buckets.note(ttft);
        }
        if done.class == Class::Ok {
            note(&mut self.took, done.took);
            self.took_buckets.note(done.took);
        }
        self.tokens += u64::from(done.tokens);
        self.prompt_tokens += u64::from(done.prompt_tokens);
    }

    /// Counts a token write: how late it was, and how long after the one before.
    pub(crate) fn token(&mut self, lag: u64, gap: Option<u64>) {
        note(&mut self.lag, lag);
        if let Some(gap) = gap {
            note(&mut self.itl, gap);
            self.itl_buckets.note(gap);
        }
    }

    pub(crate) fn count(&self, class: Class) -> u64 {
        self.classes[class as usize]
    }

    /// Adds another loop's counts.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.classes.iter_mut().zip(other.classes) {
            *mine += theirs;
        }
        for (path, counts) in &other.paths {
            let mine = self.paths.entry(path.clone()).or_default();
            for (mine, theirs) in mine.iter_mut().zip(counts) {
                *mine += theirs;
            }
        }
        for (mine, theirs) in self.faults.iter_mut().zip(&other.faults) {
            *mine += theirs;
        }
        let pairs = [
            (&mut self.ttft, &other.ttft),
            (&mut self.itl, &other.itl),
            (&mut self.took, &other.took),
            (&mut self.queued, &other.queued),
            (&mut self.lag, &other.lag),
        ];
        for (mine, theirs) in pairs {
            // All have the same bounds, so adding cannot fail.
            let _ = mine.add(theirs);
        }
        self.ttft_buckets.merge(&other.ttft_buckets);
        self.itl_buckets.merge(&other.itl_buckets);
        self.took_buckets.merge(&other.took_buckets);
        self.tokens += other.tokens;
        self.prompt_tokens += other.prompt_tokens;
        self.connections += other.connections;
        self.refused += other.refused;
    }

    /// The counts for people and programs.
    pub(crate) fn report(&self, fault_labels: &[String], moment: Moment) -> MockStats {
        let by_class = |counts: &[u64]| -> BTreeMap<&'static str, u64> {
            Class::ALL
                .iter()
                .zip(counts)
                .filter(|(_, count)| **count > 0)
                .map(|(class, n)| (class.as_str(), *n))
                .collect()
        };
        let mut faults = BTreeMap::new();
        for (label, count) in fault_labels.iter().zip(&self.faults) {
            *faults.entry(label.clone()).or_insert(0) += count;
        }
        MockStats {
            requests: self.classes.iter().sum(),
            classes: by_class(&self.classes),
            paths: self.paths.iter().map(|(path, counts)| (path.to_string(), by_class(counts))).collect(),
            faults,
            in_flight: moment.in_flight,
            waiting: moment.waiting,
            replicas: moment.replicas,
            cold_starts: moment.cold_starts,
            connections: self.connections,
            refused: self.refused,
            tokens: self.tokens,
            prompt_tokens: self.prompt_tokens,
            ttft_us: Quantiles::of(&self.ttft),
            itl_us: Quantiles::of(&self.itl),
            response_us: Quantiles::of(&self.took),
            queue_us: Quantiles::of(&self.queued),
            token_lag_us: Quantiles::of(&self.lag),
            truth_lost: moment.truth_lost,
        }
    }
}

/// What is true at the moment of asking.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment {
    pub in_flight: u64,
    pub waiting: u64,
    pub replicas: Option<u32>,
    pub cold_starts: u64,
    pub truth_lost: u64,
}

/// What the server has done since its start or its last reset. Requests for its own pages are not counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MockStats {
    /// Requests that are done.
    pub requests: u64,
    /// The same by class, as a client should count them; classes without requests are left out.
    pub classes: BTreeMap<&'static str, u64>,
    /// The same by path and class.
    pub paths: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// Requests that each fault struck.
    pub faults: BTreeMap<String, u64>,
    /// Requests that have been received and are not done.
    pub in_flight: u64,
    /// Those of them that wait for a server.
    pub waiting: u64,
    /// Replicas that serve now, where capacity is modelled.
    pub replicas: Option<u32>,
    /// Times that a replica was loaded from nothing.
    pub cold_starts: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Requests that broke HTTP and were refused; in no class.
    pub refused: u64,
    /// Tokens generated.
    pub tokens: u64,
    /// Tokens of prompts, by a rough guess.
    pub prompt_tokens: u64,
    /// First token's write after the complete request, of streams.
    pub ttft_us: Quantiles,
    /// From one token write of a stream to the next.
    pub itl_us: Quantiles,
    /// Last write after the complete request, of requests in class `ok`.
    pub response_us: Quantiles,
    /// Start of service after the complete request.
    pub queue_us: Quantiles,
    /// Token writes after the time they were due: the server's own fault.
    pub token_lag_us: Quantiles,
    /// Truth records that did not fit into memory.
    pub truth_lost: u64,
}

/// Quantiles in microseconds; all zero where nothing was measured.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Quantiles {
    /// Values behind the figures.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let micros = |nanos: u64| nanos as f64 / 1e3;
        Self {
            count: histogram.len(),
            mean: histogram.mean() / 1e3,
            p50: micros(histogram.value_at_quantile(0.5)),
            p90: micros(histogram.value_at_quantile(0.9)),
            p99: micros(histogram.value_at_quantile(0.99)),
            max: micros(histogram.max()),
        }
    }
}
