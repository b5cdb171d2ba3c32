//! Samples as they end become counters and histograms.

use crate::histogram::{Histogram, TIME_BOUNDS, TOKEN_BOUNDS};
use plimsoll_model::{FailureClass, Outcome, Sample};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What does not change during a run.
#[derive(Debug, Clone, Default)]
pub struct RunFacts {
    /// Name of the run: its directory.
    pub run: String,
    /// Name of the scenario or of the app.
    pub name: String,
    /// Address of the target, without credentials.
    pub target: String,
    /// Its host and port.
    pub host: String,
    /// See `host`.
    pub port: u16,
    /// What is known of the requests of each name.
    pub requests: BTreeMap<String, RequestFacts>,
    /// Wall clock at the run's start, since the Unix epoch.
    pub start: Duration,
}

/// What a scenario says of the requests of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// HTTP method.
    pub method: Option<String>,
    /// `gen_ai.operation.name`; `None` for what is no generative model.
    pub operation: Option<&'static str>,
    /// `gen_ai.provider.name`.
    pub provider: Option<&'static str>,
    /// `gen_ai.request.model`.
    pub model: Option<String>,
}

/// Which series a request belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) name: Arc<str>,
    pub(crate) outcome: Outcome,
    pub(crate) status: Option<u16>,
    pub(crate) warmup: bool,
}

/// What the requests of one series measured; times in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) duration: Histogram,
    pub(crate) response: Histogram,
    pub(crate) lag: Histogram,
    pub(crate) connect: Histogram,
    pub(crate) first_byte: Histogram,
    pub(crate) first_chunk: Histogram,
    pub(crate) gaps: Histogram,
    pub(crate) input_tokens: Histogram,
    pub(crate) output_tokens: Histogram,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
}

impl Default for Series {
    fn default() -> Self {
        let (time, tokens) = (|| Histogram::new(TIME_BOUNDS), || Histogram::new(TOKEN_BOUNDS));
        Self {
            duration: time(),
            response: time(),
            lag: time(),
            connect: time(),
            first_byte: time(),
            first_chunk: time(),
            gaps: time(),
            input_tokens: tokens(),
            output_tokens: tokens(),
            bytes_sent: 0,
            bytes_received: 0,
        }
    }
}

impl Series {
    fn add(&mut self, sample: &Sample) {
        let steps = &sample.timeline;
        self.duration.add(sample.service_time().as_secs_f64());
        self.response.add(sample.response_time().as_secs_f64());
        self.lag.add(sample.send_lag().as_secs_f64());
        self.bytes_sent += sample.bytes_sent;
        self.bytes_received += sample.bytes_received;
        if !steps.connect.is_zero() {
            self.connect.add(steps.connect.as_secs_f64());
        }
        if let Some(first) = steps.first_byte {
            self.first_byte.add(first.saturating_sub(sample.sent).as_secs_f64());
        }
        if let Some(first) = sample.time_to_first_chunk() {
            self.first_chunk.add(first.as_secs_f64());
        }
        for pair in steps.chunks.windows(2) {
            self.gaps.add(pair[1].saturating_sub(pair[0]).as_secs_f64());
        }
        if let Some(tokens) = sample.tokens {
            if tokens.input > 0 {
                self.input_tokens.add(f64::from(tokens.input));
            }
            self.output_tokens.add(f64::from(tokens.output));
        }
    }
}

/// What a stage counts besides its samples; as far as it has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Users at work or arrivals under way.
    pub users: Option<u32>,
    /// Iterations started in this stage.
    pub iterations: u64,
    /// Iterations of this stage that found no free user.
    pub dropped: u64,
}

/// Everything counted since the run's start. Room grows with the number of names and outcomes, not with that of samples.
#[derive(Debug)]
pub struct Collector {
    pub(crate) facts: RunFacts,
    pub(crate) series: BTreeMap<Key, Series>,
    pub(crate) cancelled: BTreeMap<Arc<str>, u64>,
    pub(crate) stage: u32,
    pub(crate) progress: Progress,
    pub(crate) most_users: u32,
    /// Iterations started and dropped in the stages before this one.
    pub(crate) before: (u64, u64),
    /// Rules, and whether they hold.
    pub(crate) rules: Vec<(String, bool)>,
    warmup: Duration,
    /// Samples of this stage meant to start before this moment are warm-up; known with the first of them.
    measured_from: Option<Duration>,
}

impl Collector {
    /// One that has seen nothing.
    pub fn new(facts: RunFacts) -> Self {
        Self {
            facts,
            series: BTreeMap::new(),
            cancelled: BTreeMap::new(),
            stage: 0,
            progress: Progress::default(),
            most_users: 0,
            before: (0, 0),
            rules: Vec::new(),
            warmup: Duration::ZERO,
            measured_from: None,
        }
    }

    /// A stage begins: the warm-up at its beginning, and its users where they are known.
    pub fn stage(&mut self, warmup: Duration, users: Option<u32>) {
        self.stage += 1;
        self.before.0 += self.progress.iterations;
        self.before.1 += self.progress.dropped;
        self.progress = Progress { users, ..Progress::default() };
        self.most_users = self.most_users.max(users.unwrap_or(0));
        (self.warmup, self.measured_from) = (warmup, None);
    }

    /// Counts these samples. `began` is when the stage did, on the samples' clock, where that is known.
    pub fn add(&mut self, samples: &[Sample], began: Option<Duration>) {
        for sample in samples {
            if sample.outcome == Outcome::Failed(FailureClass::Cancelled) {
                *self.cancelled.entry(sample.name.clone()).or_default() += 1;
                continue;
            }
            let warmup = !self.warmup.is_zero() && sample.intended < self.measured_from(sample, began);
            let key = Key { name: sample.name.clone(), outcome: sample.outcome, status: sample.status, warmup };
            self.series.entry(key).or_default().add(sample);
        }
    }

    /// The end of the warm-up. Before it is told, the first sample to end stands for the beginning of the stage.
    fn measured_from(&mut self, sample: &Sample, began: Option<Duration>) -> Duration {
        match began {
            Some(began) => began + self.warmup,
            None => *self.measured_from.get_or_insert(sample.intended + self.warmup),
        }
    }

    /// How far the stage is.
    pub fn progress(&mut self, progress: Progress) {
        self.progress = Progress { users: progress.users.or(self.progress.users), ..progress };
        self.most_users = self.most_users.max(self.progress.users.unwrap_or(0));
    }

    /// How the rules of the run stand.
    pub fn rules(&mut self, rules: Vec<(String, bool)>) {
        self.rules = rules;
    }

    /// Iterations started and dropped since the run's start.
    pub(crate) fn iterations(&self) -> (u64, u64) {
        (self.before.0 + self.progress.iterations, self.before.1 + self.progress.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Snapshot, Value, page};
    use plimsoll_model::Traffic;

    fn sample(intended_ms: u64, outcome: Outcome) -> Sample {
        let at = Duration::from_millis;
        let mut sample =
            Sample::begin(Traffic::Prediction, "a \"b\"".into(), (0, 0), at(intended_ms), at(intended_ms + 1));
        (sample.end, sample.outcome, sample.bytes_sent) = (at(intended_ms + 101), outcome, 5);
        sample
    }

    fn number(snapshot: &Snapshot, name: &str) -> Option<f64> {
        let family = snapshot.families.iter().find(|family| family.prometheus_name() == name)?;
        let value = |value: &Value| match value {
            Value::Number(number) => *number,
            Value::Histogram(histogram) => histogram.count() as f64,
        };
        Some(family.points.iter().map(|point| value(&point.value)).sum())
    }

    #[test]
    fn stages_warm_up_and_cancelled_requests() {
        let mut collector = Collector::new(RunFacts::default());
        let (ok, cancelled) = (Outcome::Ok, Outcome::Failed(FailureClass::Cancelled));
        collector.stage(Duration::from_secs(1), None);
        collector.add(&[sample(0, ok), sample(999, ok)], None);
        collector.progress(Progress { users: Some(7), iterations: 4, dropped: 1 });
        collector.add(&[sample(1000, ok), sample(1001, cancelled)], Some(Duration::ZERO));
        collector.stage(Duration::ZERO, Some(3));
        collector.add(&[sample(5000, Outcome::Failed(FailureClass::Timeout))], None);
        collector.progress(Progress { users: None, iterations: 2, dropped: 0 });
        let otel = collector.otel(Duration::from_secs(10));
        assert_eq!(number(&otel, "loadtest_requests_total"), Some(4.0));
        assert_eq!(number(&otel, "loadtest_requests_cancelled_total"), Some(1.0));
        assert_eq!(number(&otel, "loadtest_arrivals_scheduled_total"), Some(7.0));
        assert_eq!((number(&otel, "loadtest_users"), number(&otel, "loadtest_stage")), (Some(3.0), Some(2.0)));
        let text = page(&otel);
        let line = "loadtest_requests_total{loadtest_phase=\"warmup\",loadtest_request_name=\"a \\\"b\\\"\",loadtest_outcome=\"ok\"} 2\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("error_type=\"timeout\",le=\"0.1\"} 1\n"), "{text}");

        let k6 = collector.k6(Duration::from_secs(10));
        assert_eq!((number(&k6, "k6_http_reqs_total"), number(&k6, "k6_data_sent_total")), (Some(2.0), Some(10.0)));
        assert_eq!((number(&k6, "k6_vus"), number(&k6, "k6_vus_max")), (Some(3.0), Some(7.0)));
        assert_eq!(number(&k6, "k6_http_req_duration_max"), Some(0.2));
    }
}
