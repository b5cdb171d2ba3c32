//! Everything of the requests of one name.

use super::measure::{Figures, gaps, gaps_per_token};
use super::metric::MetricFold;
use super::record::Line;
use super::series::Series;
use crate::text::cut;
use plimsoll_model::scenario::Objectives;
use plimsoll_model::{FailureClass, Metric, Outcome, TokenSource};
use std::collections::BTreeMap;

/// Longest message that is kept of a class, in characters.
const LONGEST_EXAMPLE: usize = 500;

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NameFold {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    /// Successes that met every objective.
    pub(crate) good: u64,
    /// Given up because the run was stopped; in nothing else.
    pub(crate) cancelled: u64,
    pub(crate) errors: BTreeMap<FailureClass, ErrorFold>,
    /// Of the successes; made when there is a first value.
    pub(crate) metrics: BTreeMap<Metric, MetricFold>,
    pub(crate) tokens: TokenFold,
    /// Times that requests were sent again.
    pub(crate) retries: u64,
    pub(crate) retried: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) series: Series,
}

/// The failures of one class. Stamps in microseconds since the run's start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ErrorFold {
    pub(crate) count: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The message of the first.
    pub(crate) example: String,
    /// From the send until it was known.
    pub(crate) times: MetricFold,
}

/// Tokens of the successes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TokenFold {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
    pub(crate) cached: u64,
    /// Requests by who counted.
    pub(crate) sources: BTreeMap<TokenSource, u64>,
}

impl NameFold {
    /// Adds a request that is no warm-up. `from` is where the series begins.
    pub(crate) fn add(&mut self, line: &Line<'_>, objectives: &Objectives, from: u64) {
        let outcome = line.outcome;
        if outcome == Outcome::Failed(FailureClass::Cancelled) {
            self.cancelled += 1;
            return;
        }
        self.retries += u64::from(line.retries);
        self.retried += u64::from(line.retries > 0);
        self.bytes_sent = self.bytes_sent.saturating_add(line.bytes_sent);
        self.bytes_received = self.bytes_received.saturating_add(line.bytes_received);
        let figures = Figures::of(line);
        let output = line.tokens.map_or(0, |tokens| tokens.output);
        self.series.add(line.end.saturating_sub(from), outcome, figures.response_time, output);
        match outcome {
            Outcome::Ok => self.succeed(line, &figures, objectives),
            Outcome::Failed(class) => {
                self.failed += 1;
                match self.errors.get_mut(&class) {
                    Some(errors) => errors.add(line, class, figures.service_time),
                    None => drop(self.errors.insert(class, ErrorFold::new(line, class, figures.service_time))),
                }
            }
        }
    }

    fn succeed(&mut self, line: &Line<'_>, figures: &Figures, objectives: &Objectives) {
        self.ok += 1;
        self.good += u64::from(figures.meets(objectives));
        for (metric, value) in [
            (Metric::ResponseTime, Some(figures.response_time)),
            (Metric::ServiceTime, Some(figures.service_time)),
            (Metric::Connect, figures.connect),
            (Metric::FirstByte, figures.first_byte),
            (Metric::Ttft, figures.ttft),
            (Metric::E2e, figures.e2e),
        ] {
            if let Some(value) = value {
                self.metric(metric).add(value);
            }
        }
        for (metric, value) in
            [(Metric::Tpot, figures.tpot_nanos), (Metric::TokensPerSecond, figures.tokens_per_second_millionths)]
        {
            if let Some(value) = value {
                self.metric(metric).add_fine(value, 1);
            }
        }
        if line.chunks.len() > 1 {
            let fold = self.metric(Metric::Itl);
            gaps(line.chunks).for_each(|gap| fold.add(gap));
            if line.tokens.is_some() {
                gaps_per_token(line, self.metric(Metric::ItlPerToken));
            }
        }
        if let Some(tokens) = line.tokens {
            self.tokens.input += u64::from(tokens.input);
            self.tokens.output += u64::from(tokens.output);
            self.tokens.reasoning += u64::from(tokens.reasoning);
            self.tokens.cached += u64::from(tokens.cached);
            *self.tokens.sources.entry(tokens.source).or_default() += 1;
        }
    }

    fn metric(&mut self, metric: Metric) -> &mut MetricFold {
        self.metrics.entry(metric).or_default()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.good += other.good;
        self.cancelled += other.cancelled;
        self.retries += other.retries;
        self.retried += other.retried;
        self.bytes_sent = self.bytes_sent.saturating_add(other.bytes_sent);
        self.bytes_received = self.bytes_received.saturating_add(other.bytes_received);
        self.series.merge(&other.series);
        for (class, errors) in &other.errors {
            match self.errors.get_mut(class) {
                Some(ours) => ours.merge(errors),
                None => drop(self.errors.insert(*class, errors.clone())),
            }
        }
        for (metric, fold) in &other.metrics {
            self.metric(*metric).merge(fold);
        }
        self.tokens.merge(&other.tokens);
    }

    /// Requests that ended by themselves.
    pub(crate) fn count(&self) -> u64 {
        self.ok + self.failed
    }

    pub(crate) fn response_time(&self) -> Option<&MetricFold> {
        self.metrics.get(&Metric::ResponseTime)
    }
}

impl ErrorFold {
    fn new(line: &Line<'_>, class: FailureClass, service_time: u64) -> Self {
        let mut times = MetricFold::default();
        times.add(service_time);
        Self { count: 1, first: line.end, last: line.end, example: example(line, class), times }
    }

    fn add(&mut self, line: &Line<'_>, class: FailureClass, service_time: u64) {
        self.count += 1;
        self.times.add(service_time);
        self.last = self.last.max(line.end);
        if line.end <= self.first {
            self.earlier(line.end, &example(line, class));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.times.merge(&other.times);
        self.last = self.last.max(other.last);
        self.earlier(other.first, &other.example);
    }

    /// Keeps the message of the first; of two at the same time the smaller one, so that the order of merging does not
    /// matter.
    fn earlier(&mut self, at: u64, example: &str) {
        if (at, example) < (self.first, self.example.as_str()) {
            (self.first, self.example) = (at, example.to_owned());
        }
    }
}

fn example(line: &Line<'_>, class: FailureClass) -> String {
    cut(line.error.unwrap_or(class.as_str()), LONGEST_EXAMPLE)
}

impl TokenFold {
    fn merge(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.reasoning += other.reasoning;
        self.cached += other.cached;
        for (source, count) in &other.sources {
            *self.sources.entry(*source).or_default() += count;
        }
    }
}
