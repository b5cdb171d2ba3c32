//! The figures that the rules of a scenario are about.

use super::fold::{ApiFold, LevelFacts};
use super::name::NameFold;
use crate::threshold::{Measured, ThresholdResult, judge};
use plimsoll_model::{FailureClass, Figure, Threshold};
use plimsoll_stats::proportion_interval;

/// Judges the rules by what a fold has seen so far. Cheap enough to be asked once a second while a run goes on, and the
/// same at its end.
pub fn evaluate(thresholds: &[Threshold], fold: &ApiFold, facts: &LevelFacts) -> Vec<ThresholdResult> {
    let seconds = fold.seconds(facts);
    let of = |threshold| judge(threshold, measure(threshold, fold, facts, seconds), seconds);
    thresholds.iter().map(of).collect()
}

fn measure(threshold: &Threshold, fold: &ApiFold, facts: &LevelFacts, seconds: f64) -> Measured {
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
    let of = |value: Option<f64>, samples| Measured { value, samples, interval: None };
    let share = |part: u64, samples: u64| Measured {
        value: (samples > 0).then(|| part as f64 / samples as f64),
        samples,
        interval: proportion_interval(part, samples, 0.95),
    };
    match threshold.figure {
        Figure::Quantile(metric, _) | Figure::Mean(metric) | Figure::Min(metric) | Figure::Max(metric) => {
            let Some(metric) = fold.metric(name, metric) else { return Measured::default() };
            let (value, interval) = match threshold.figure {
                Figure::Quantile(_, q) => (metric.quantile(q), metric.interval(q)),
                Figure::Mean(_) => (metric.mean(), None),
                Figure::Min(_) => (metric.min(), None),
                _ => (metric.max(), None),
            };
            let interval = interval.map(|interval| (interval.low, interval.high));
            Measured { value, samples: metric.count(), interval }
        }
        Figure::FailureRate(class) => share(failures(class), requests),
        Figure::FailureCount(class) => of(Some(failures(class) as f64), requests),
        Figure::Requests => of(Some(requests as f64), requests),
        Figure::Throughput => of(rate(sum(|name| name.ok)), requests),
        Figure::Goodput => of(rate(sum(|name| name.good)), requests),
        Figure::TokenThroughput => of(rate(sum(|name| name.tokens.output)), sum(|name| name.ok)),
        Figure::Dropped => share(facts.dropped, facts.iterations + facts.dropped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
