//! Whether the rules of a scenario are met.

use super::fold::{ApiFold, LevelFacts};
use super::name::NameFold;
use crate::text;
use plimsoll_model::{Comparison, FailureClass, Figure, Threshold};
use serde::{Deserialize, Serialize};

/// So many values must lie beyond a quantile for it to be worth a judgement; for a p99 that makes
/// [`P99_REQUESTS`](crate::P99_REQUESTS).
const BEYOND: f64 = 10.0;

/// Measured time, in seconds, before a rate may stop a run: the first seconds of a load that is still rising say nothing.
const RATE_SECONDS: f64 = 10.0;

/// How a rule fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdResult {
    /// The rule, as it was written.
    pub rule: String,
    /// The name of the requests that it is about; `null` for all.
    pub request: Option<String>,
    /// What was measured, in `unit`; `null` when nothing was.
    pub value: Option<f64>,
    /// What it was compared with.
    pub limit: f64,
    /// Unit of both.
    pub unit: ThresholdUnit,
    /// Whether the rule is met; `null` when nothing was measured.
    pub ok: Option<bool>,
    /// Values that the figure rests on.
    pub samples: u64,
    /// Whether they are enough to call a rule met: ten values beyond a quantile, as many requests as it takes for one
    /// failure to be within an allowed share.
    pub enough: bool,
    /// Whether the rule, broken as it is, stops the run.
    pub abort: bool,
}

/// The unit of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdUnit {
    /// Milliseconds.
    Ms,
    /// A share from 0 to 1.
    Share,
    /// So many a second.
    PerSecond,
    /// A number.
    Count,
}

/// Judges the rules by what a fold has seen so far. Cheap enough to be asked once a second while a run goes on, and the
/// same at its end.
pub fn evaluate(thresholds: &[Threshold], fold: &ApiFold, facts: &LevelFacts) -> Vec<ThresholdResult> {
    let seconds = fold.seconds(facts);
    thresholds.iter().map(|threshold| judge(threshold, fold, facts, seconds)).collect()
}

fn judge(threshold: &Threshold, fold: &ApiFold, facts: &LevelFacts, seconds: f64) -> ThresholdResult {
    let (value, samples) = measure(threshold, fold, facts, seconds);
    let value = value.filter(|value| value.is_finite());
    let ok = value.map(|value| threshold.comparison.holds(value, threshold.limit));
    let enough = samples >= needed(threshold);
    let abort = threshold.abort && ok == Some(false) && may_stop(threshold, enough, seconds);
    ThresholdResult {
        rule: threshold.rule.clone(),
        request: threshold.request.clone(),
        value,
        limit: threshold.limit,
        unit: unit(threshold.figure),
        ok,
        samples,
        enough,
        abort,
    }
}

/// The figure, and the number of values that it rests on.
fn measure(threshold: &Threshold, fold: &ApiFold, facts: &LevelFacts, seconds: f64) -> (Option<f64>, u64) {
    let name = threshold.request.as_deref();
    let sum = |of: fn(&NameFold) -> u64| -> u64 {
        match name {
            Some(name) => fold.names().get(name).map_or(0, of),
            None => fold.names().values().map(of).sum(),
        }
    };
    let failures = |class: Option<FailureClass>| -> u64 {
        let of = |fold: &NameFold| match class {
            Some(class) => fold.errors.get(&class).map_or(0, |errors| errors.count),
            None => fold.failed,
        };
        match name {
            Some(name) => fold.names().get(name).map_or(0, of),
            None => fold.names().values().map(of).sum(),
        }
    };
    let requests = sum(NameFold::count);
    let rate = |count: u64| (seconds > 0.0).then(|| count as f64 / seconds);
    match threshold.figure {
        Figure::Quantile(metric, _) | Figure::Mean(metric) | Figure::Min(metric) | Figure::Max(metric) => {
            let Some(metric) = fold.metric(name, metric) else { return (None, 0) };
            let value = match threshold.figure {
                Figure::Quantile(_, q) => metric.quantile(q),
                Figure::Mean(_) => metric.mean(),
                Figure::Min(_) => metric.min(),
                _ => metric.max(),
            };
            (value, metric.count())
        }
        Figure::FailureRate(class) => ((requests > 0).then(|| failures(class) as f64 / requests as f64), requests),
        Figure::FailureCount(class) => (Some(failures(class) as f64), requests),
        Figure::Requests => (Some(requests as f64), requests),
        Figure::Throughput => (rate(sum(|name| name.ok)), requests),
        Figure::Goodput => (rate(sum(|name| name.good)), requests),
        Figure::TokenThroughput => (rate(sum(|name| name.tokens.output)), sum(|name| name.ok)),
        Figure::Dropped => (facts.dropped_share(), facts.iterations + facts.dropped),
    }
}

fn needed(threshold: &Threshold) -> u64 {
    let least = match threshold.figure {
        Figure::Quantile(_, q) => (BEYOND / q.min(1.0 - q)).round(),
        figure if figure.is_share() && threshold.limit > 0.0 => (1.0 / threshold.limit).ceil(),
        _ => 1.0,
    };
    least as u64
}

/// Whether a broken rule may stop a run that goes on.
fn may_stop(threshold: &Threshold, enough: bool, seconds: f64) -> bool {
    let at_least = matches!(threshold.comparison, Comparison::Greater | Comparison::AtLeast);
    match threshold.figure {
        // A number that is still too small can still grow.
        Figure::Requests | Figure::FailureCount(_) => !at_least,
        Figure::Throughput | Figure::Goodput | Figure::TokenThroughput => enough && seconds >= RATE_SECONDS,
        _ => enough,
    }
}

impl ThresholdResult {
    /// The rule, with the name of the requests that it is about.
    pub fn title(&self) -> String {
        match &self.request {
            Some(name) => format!("{name}: {}", self.rule),
            None => self.rule.clone(),
        }
    }

    /// What was measured, in its unit.
    pub fn value_in_words(&self) -> String {
        match (self.value, self.unit) {
            (None, _) => "nothing measured".to_owned(),
            (value, ThresholdUnit::Ms) => text::time(value),
            (Some(value), ThresholdUnit::Share) => text::percent(value),
            (value, ThresholdUnit::PerSecond) => format!("{}/s", text::rate(value)),
            (Some(value), ThresholdUnit::Count) => text::thousands(value as u64),
        }
    }

    pub(crate) fn samples_in_words(&self) -> String {
        if self.samples == 1 { "1 value".to_owned() } else { format!("{} values", text::thousands(self.samples)) }
    }
}

fn unit(figure: Figure) -> ThresholdUnit {
    match figure {
        Figure::Requests | Figure::FailureCount(_) => ThresholdUnit::Count,
        _ if figure.is_time() => ThresholdUnit::Ms,
        _ if figure.is_share() => ThresholdUnit::Share,
        _ => ThresholdUnit::PerSecond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::P99_REQUESTS;
    use crate::api::testdata::{failed, options, plain, streamed};
    use std::time::Duration;

    /// 90 answers of `chat` in 100 ms, 5 of them good, 10 failures, 20 embeddings in 10 ms; 10 s.
    fn fold() -> ApiFold {
        let mut fold = ApiFold::new(options());
        for index in 0..90 {
            let first = if index < 5 { 40 } else { 50 };
            fold.add(&streamed("chat", 15_000 + index * 100, &[first, if index < 5 { 55 } else { 100 }], 11));
        }
        (0..10).for_each(|index| fold.add(&failed("chat", 16_000 + index, FailureClass::RateLimited, "x")));
        (0..20).for_each(|index| fold.add(&plain("embed", 16_000 + index, 10)));
        fold
    }

    fn judged(rule: &str, request: Option<&str>) -> ThresholdResult {
        let mut threshold = Threshold::parse(rule).unwrap();
        threshold.request = request.map(str::to_owned);
        threshold.abort = true;
        let facts = LevelFacts { until: Some(Duration::from_secs(25)), iterations: 118, dropped: 2 };
        evaluate(&[threshold], &fold(), &facts).remove(0)
    }

    #[test]
    fn every_figure() {
        for (rule, request, value, ok, samples) in [
            ("p(50) < 101ms", None, 100.5, true, 110),
            ("p(50) < 0.1s", Some("chat"), 100.5, false, 90),
            ("service_time max <= 10ms", Some("embed"), 10.0, true, 20),
            ("ttft min >= 40", None, 40.0, true, 90),
            ("ttft avg < 49ms", Some("chat"), 49.444_444, false, 90),
            ("tokens_per_second med > 100", None, 200.0, true, 90),
            ("rate(failed) < 10%", None, 10.0 / 120.0, true, 120),
            ("rate(rate_limited) < 10%", Some("chat"), 0.1, false, 100),
            ("rate(timeout) <= 0", None, 0.0, true, 120),
            ("count(failed) < 10", None, 10.0, false, 120),
            ("count(requests) >= 120", None, 120.0, true, 120),
            ("rps > 11", None, 11.0, false, 120),
            ("goodput >= 0.5", None, 0.5, true, 120),
            ("output_tokens_per_second > 98", None, 99.0, true, 110),
            ("rate(dropped) < 1%", None, 2.0 / 120.0, false, 120),
        ] {
            let got = judged(rule, request);
            let near = (got.value.unwrap() - value).abs() <= 0.001 * value;
            assert!(near && (got.ok, got.samples) == (Some(ok), samples), "{rule}: {got:?}");
        }
    }

    #[test]
    fn nothing_measured_is_no_answer() {
        for (rule, request) in [("p(95) < 1s", Some("other")), ("ttft p(95) < 1s", Some("embed"))] {
            let got = judged(rule, request);
            assert_eq!((got.value, got.ok, got.samples, got.enough, got.abort), (None, None, 0, false, false));
        }
        let empty = ApiFold::new(options());
        let rules = ["rate(failed) < 1%", "rps > 1", "rate(dropped) < 1%"].map(|rule| Threshold::parse(rule).unwrap());
        assert!(evaluate(&rules, &empty, &LevelFacts::default()).iter().all(|result| result.ok.is_none()));
    }

    #[test]
    fn thin_figures_are_marked_and_stop_nothing() {
        assert_eq!(needed(&Threshold::parse("p(99) < 1s").unwrap()), P99_REQUESTS as u64);
        for (rule, enough, abort) in [
            ("p(99) < 1ms", false, false),
            ("p(90) < 1ms", true, true),
            ("rate(failed) < 1%", true, true),
            ("rate(failed) < 0.5%", false, false),
            ("rps > 1000", true, true),
            ("count(requests) > 1000", true, false),
            ("count(failed) < 3", true, true),
            ("p(90) < 1s", true, false),
        ] {
            let got = judged(rule, None);
            assert_eq!((got.enough, got.abort), (enough, abort), "{rule}: {got:?}");
        }
    }
}
