//! Whether the rules for a Gradio app are met: at the end of a tier, and while it goes on.

use crate::LatencyRecord;
use crate::api::MetricFold;
use crate::fold::TierFold;
use crate::threshold::{Measured, ThresholdResult, judge};
use plimsoll_model::{FailureClass, Figure, Metric, Outcome, Sample, Scope, Threshold, Traffic};
use plimsoll_stats::{mean, proportion_interval, quantile, quantile_interval};
use std::collections::BTreeMap;
use std::time::Duration;

const CONFIDENCE: f64 = 0.95;

/// The times of a tier's successes, in milliseconds; sorted once the tier is folded.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TierValues {
    pub latency: Vec<f64>,
    pub response: Vec<f64>,
    /// Of those that had to connect.
    pub connect: Vec<f64>,
    pub ttft: Vec<f64>,
    pub gaps: Vec<f64>,
    pub queue_wait: Vec<f64>,
    pub function: Vec<f64>,
}

impl TierValues {
    /// Takes a success.
    pub(crate) fn add(&mut self, record: &LatencyRecord) {
        self.latency.push(record.latency_ms);
        self.response.push(record.response_ms);
        self.connect.extend(Some(record.connect_ms).filter(|time| *time > 0.0));
        self.ttft.extend(record.ttft_ms);
        self.gaps.extend(&record.chunk_gaps_ms);
    }

    pub(crate) fn each(&mut self) -> [&mut Vec<f64>; 7] {
        [
            &mut self.latency,
            &mut self.response,
            &mut self.connect,
            &mut self.ttft,
            &mut self.gaps,
            &mut self.queue_wait,
            &mut self.function,
        ]
    }

    /// Those of a metric; `None` for one that calls of a Gradio app do not have.
    fn of(&self, metric: Metric) -> Option<&[f64]> {
        Some(match metric {
            Metric::ResponseTime => &self.response,
            Metric::ServiceTime => &self.latency,
            Metric::Connect => &self.connect,
            Metric::Ttft => &self.ttft,
            Metric::Itl => &self.gaps,
            Metric::QueueWait => &self.queue_wait,
            Metric::Function => &self.function,
            _ => return None,
        })
    }
}

/// Judges the rules that are about this tier.
pub(crate) fn evaluate_tier(thresholds: &[Threshold], users: u32, fold: &TierFold) -> Vec<ThresholdResult> {
    let seconds = fold.elapsed_seconds().unwrap_or(0.0);
    let of_tier = thresholds.iter().filter(|threshold| threshold.is_about(Scope::Tier(users)));
    of_tier.map(|threshold| judge(threshold, measure(threshold.figure, fold), seconds)).collect()
}

fn measure(figure: Figure, fold: &TierFold) -> Measured {
    let requests = fold.requests as u64;
    let failures = |class: Option<FailureClass>| match class {
        Some(class) => fold.errors.get(class.as_str()).map_or(0, |errors| errors.count as u64),
        None => fold.failed as u64,
    };
    match figure {
        Figure::Quantile(metric, _) | Figure::Mean(metric) | Figure::Min(metric) | Figure::Max(metric) => {
            let Some(values) = fold.values.of(metric) else { return Measured::default() };
            let (value, interval) = match figure {
                Figure::Quantile(_, q) => (quantile(values, q), quantile_interval(values, q, CONFIDENCE)),
                Figure::Mean(_) => (mean(values), None),
                Figure::Min(_) => (values.first().copied(), None),
                _ => (values.last().copied(), None),
            };
            Measured { value, samples: values.len() as u64, interval }
        }
        Figure::FailureRate(class) => share(failures(class), requests),
        Figure::FailureCount(class) => plain(Some(failures(class) as f64), requests),
        Figure::Requests => plain(Some(requests as f64), requests),
        Figure::Throughput => plain(fold.throughput_rps, requests),
        // Refused before a run: a tier does not have them.
        Figure::Goodput | Figure::TokenThroughput | Figure::Dropped => Measured::default(),
    }
}

fn plain(value: Option<f64>, samples: u64) -> Measured {
    Measured { value, samples, interval: None }
}

fn share(part: u64, samples: u64) -> Measured {
    Measured {
        value: (samples > 0).then(|| part as f64 / samples as f64),
        samples,
        interval: proportion_interval(part, samples, CONFIDENCE),
    }
}

/// Watches a tier that goes on, for rules that may end it. Phases of the server are known only when the tier is over.
#[derive(Debug, Default)]
pub struct TierWatch {
    thresholds: Vec<Threshold>,
    metrics: BTreeMap<Metric, MetricFold>,
    ok: u64,
    failed: BTreeMap<FailureClass, u64>,
    first_sent: Option<Duration>,
}

impl TierWatch {
    /// Watches for those of these rules that may end a tier of so many users.
    pub fn new(thresholds: &[Threshold], users: u32) -> Self {
        let may_end = |threshold: &&Threshold| threshold.abort && threshold.is_about(Scope::Tier(users));
        let thresholds: Vec<Threshold> = thresholds.iter().filter(may_end).cloned().collect();
        let metrics = thresholds.iter().filter_map(|threshold| threshold.figure.metric());
        let metrics = metrics.map(|metric| (metric, MetricFold::default())).collect();
        Self { thresholds, metrics, ..Self::default() }
    }

    /// Takes a sample; only predictions count.
    pub fn add(&mut self, sample: &Sample) {
        if self.thresholds.is_empty() || sample.traffic != Traffic::Prediction {
            return;
        }
        match sample.outcome {
            Outcome::Failed(FailureClass::Cancelled) => return,
            Outcome::Failed(class) => *self.failed.entry(class).or_default() += 1,
            Outcome::Ok => {
                self.ok += 1;
                for (metric, fold) in &mut self.metrics {
                    let mut add = |time: Duration| fold.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
                    match metric {
                        Metric::ResponseTime => add(sample.response_time()),
                        Metric::ServiceTime => add(sample.service_time()),
                        Metric::Connect if !sample.timeline.connect.is_zero() => add(sample.timeline.connect),
                        Metric::Ttft => sample.time_to_first_chunk().into_iter().for_each(add),
                        Metric::Itl => {
                            sample.timeline.chunks.windows(2).for_each(|pair| add(pair[1].saturating_sub(pair[0])));
                        }
                        _ => {}
                    }
                }
            }
        }
        self.first_sent = Some(self.first_sent.map_or(sample.sent, |first| first.min(sample.sent)));
    }

    /// The first rule that is broken, by enough requests, at this moment of the run's clock.
    pub fn broken(&self, now: Duration) -> Option<ThresholdResult> {
        let seconds = self.first_sent.map_or(0.0, |first| now.saturating_sub(first).as_secs_f64());
        let mut judged = self.thresholds.iter().map(|rule| judge(rule, self.measure(rule, seconds), seconds));
        judged.find(|result| result.abort)
    }

    fn measure(&self, threshold: &Threshold, seconds: f64) -> Measured {
        let failed: u64 = self.failed.values().sum();
        let requests = self.ok + failed;
        let failures =
            |class: Option<FailureClass>| class.map_or(failed, |class| self.failed.get(&class).copied().unwrap_or(0));
        let metric = |metric| self.metrics.get(&metric);
        let timed = |value: Option<f64>, fold: Option<&MetricFold>| plain(value, fold.map_or(0, MetricFold::count));
        match threshold.figure {
            Figure::Quantile(of, q) => timed(metric(of).and_then(|fold| fold.quantile(q)), metric(of)),
            Figure::Mean(of) => timed(metric(of).and_then(MetricFold::mean), metric(of)),
            Figure::Min(of) => timed(metric(of).and_then(MetricFold::min), metric(of)),
            Figure::Max(of) => timed(metric(of).and_then(MetricFold::max), metric(of)),
            Figure::FailureRate(class) => share(failures(class), requests),
            Figure::FailureCount(class) => plain(Some(failures(class) as f64), requests),
            Figure::Requests => plain(Some(requests as f64), requests),
            Figure::Throughput => plain((seconds > 0.0).then(|| self.ok as f64 / seconds), requests),
            Figure::Goodput | Figure::TokenThroughput | Figure::Dropped => Measured::default(),
        }
    }
}

/// Why a rule cannot be asked of a Gradio app that is put under load in these tiers, and what can be; `None` when it can.
pub fn not_for_tiers(threshold: &Threshold, tiers: &[u32]) -> Option<String> {
    let listed = |words: Vec<String>| words.join(", ");
    if let Some(metric) = threshold.figure.metric().filter(|metric| !Metric::OF_GRADIO.contains(metric)) {
        let known = listed(Metric::OF_GRADIO.map(|metric| metric.to_string()).to_vec());
        return Some(format!("`{metric}` is not measured of a Gradio app\nits metrics are {known}"));
    }
    if matches!(threshold.figure, Figure::Goodput | Figure::TokenThroughput | Figure::Dropped) {
        return Some(
            "a tier of a Gradio app does not have this figure\nfigures without a metric are rate(failed), rate(CLASS), \
             count(failed), count(CLASS), count(requests), rps"
                .to_owned(),
        );
    }
    if let Some(name) = &threshold.request {
        return Some(format!(
            "`{name}` is not a part of this run\nof a Gradio app a rule is for all tiers, or for one: \
             `tier {}: {}`",
            tiers.first().copied().unwrap_or(1),
            threshold.rule
        ));
    }
    let known = || listed(tiers.iter().map(u32::to_string).collect());
    match threshold.scope {
        Some(Scope::Tier(users)) if !tiers.contains(&users) => {
            Some(format!("there is no tier of {users} users\nthe tiers are {}", known()))
        }
        Some(Scope::Level(number)) => {
            Some(format!("`level {number}` is of a scenario's sweep\nwrite `tier N:` with one of {}", known()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{failed, generator, run_with, sample};
    use crate::{ThresholdState, fold_tier};

    fn rules(texts: &[&str]) -> Vec<Threshold> {
        texts.iter().map(|text| Threshold { abort: true, ..Threshold::parse_scoped(text).unwrap() }).collect()
    }

    /// 30 calls, of which each takes a millisecond more than the one before, and two failures.
    fn samples() -> Vec<Sample> {
        let later = |index: u32| {
            let mut sample = if index < 10 { generator(0, index) } else { sample(0, index) };
            sample.end += Duration::from_millis(u64::from(index));
            sample
        };
        let failures = [failed(1, 0, FailureClass::Timeout, "x"), failed(1, 1, FailureClass::AppError, "x")];
        (0..30).map(later).chain(failures).collect()
    }

    const ALL: [(&str, f64, u64); 13] = [
        ("p(50) < 1ms", 79.25, 30),
        ("service_time p(50) < 1ms", 78.75, 30),
        ("service_time max < 1ms", 93.25, 30),
        ("min < 1ms", 64.75, 30),
        ("avg < 1ms", 79.25, 30),
        ("ttft p(75) < 1ms", 40.0, 10),
        ("itl max < 1ms", 7.0, 20),
        ("rate(failed) < 1%", 2.0 / 32.0, 32),
        ("rate(timeout) < 1%", 1.0 / 32.0, 32),
        ("count(app_error) < 1", 1.0, 32),
        ("count(requests) > 100", 32.0, 32),
        ("queue_wait p(50) < 1ms", 20.0, 30),
        ("function p(50) < 1ms", 48.75, 30),
    ];

    #[test]
    fn every_figure_of_a_tier() {
        let (_folder, run, _) = run_with(&samples(), false);
        let fold = fold_tier(&run.path().join("tier_2"), &[], true).unwrap();
        for (rule, value, samples) in ALL {
            let got = evaluate_tier(&rules(&[rule]), 2, &fold).remove(0);
            assert!((got.value.unwrap() - value).abs() < 1e-6 && got.samples == samples, "{rule}: {got:?}");
            assert_eq!(got.state(), ThresholdState::Broken, "{rule}");
        }
        let connect = evaluate_tier(&rules(&["connect p95 < 1s"]), 2, &fold).remove(0);
        assert_eq!((connect.value, connect.state()), (None, ThresholdState::Unsure));
        let scoped = evaluate_tier(&rules(&["tier 2: rps > 1", "tier 3: rps > 1"]), 2, &fold);
        assert_eq!(scoped.len(), 1);
    }

    #[test]
    fn a_watch_sees_the_same() {
        for (rule, value, samples) in
            ALL.into_iter().filter(|(rule, ..)| !rule.contains("queue") && !rule.contains("fun"))
        {
            let mut watch = TierWatch::new(&rules(&[rule]), 2);
            self::samples().iter().for_each(|sample| watch.add(sample));
            let got = watch.measure(&watch.thresholds[0], 1.0);
            assert!((got.value.unwrap() - value).abs() < 0.6 && got.samples == samples, "{rule}: {got:?}");
        }
    }

    #[test]
    fn a_watch_waits_for_some_requests() {
        let mut watch = TierWatch::new(&rules(&["rate(failed) < 50%", "tier 7: max < 1ms"]), 2);
        for index in 0..9 {
            watch.add(&failed(0, index, FailureClass::Timeout, "x"));
            watch.add(&failed(0, index, FailureClass::Cancelled, "x"));
        }
        assert_eq!(watch.broken(Duration::from_secs(2)), None);
        watch.add(&failed(0, 9, FailureClass::Timeout, "x"));
        assert_eq!(watch.broken(Duration::from_secs(2)).unwrap().rule, "rate(failed) < 50%");
        assert_eq!(TierWatch::new(&[Threshold::parse("max < 1ms").unwrap()], 2).thresholds, []);
    }

    #[test]
    fn rules_that_a_tier_does_not_have() {
        for (rule, why) in [
            ("tpot p95 < 1s", "its metrics are response_time, service_time, connect, ttft, itl, queue_wait, function"),
            ("goodput > 1", "count(requests), rps"),
            ("rate(dropped) < 1%", "does not have this figure"),
            ("chat: p95 < 1s", "`tier 1: p95 < 1s`"),
            ("tier 5: p95 < 1s", "the tiers are 1, 10"),
            ("level 1: p95 < 1s", "with one of 1, 10"),
        ] {
            let got = not_for_tiers(&rules(&[rule])[0], &[1, 10]).unwrap();
            assert!(got.contains(why), "{rule}: {got}");
        }
        assert_eq!(not_for_tiers(&rules(&["tier 10: itl max < 1s"])[0], &[1, 10]), None);
    }
}
