//! How a rule fared, of API runs and Gradio runs alike.

use crate::text;
use plimsoll_model::{Comparison, Figure, Threshold};
use serde::{Deserialize, Serialize};

/// So many values must lie beyond a quantile for it to be worth a judgement; for a p99 that makes
/// [`P99_REQUESTS`](crate::P99_REQUESTS).
const BEYOND: f64 = 10.0;

/// Measured time, in seconds, before a rate may stop a run: the first seconds of a load that is still rising say nothing.
const RATE_SECONDS: f64 = 10.0;

/// Values before a share or a mean may stop a run: two failures of two requests are no reason yet.
const LEAST_TO_STOP: u64 = 10;

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
    /// 95 % interval of the value, where there is one: of quantiles and of shares.
    #[serde(default)]
    pub interval: Option<(f64, f64)>,
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

/// What a rule comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdState {
    /// It is met, by enough values.
    Met,
    /// It is broken.
    Broken,
    /// Nothing was measured, or it is met by too few values to tell.
    Unsure,
}

impl ThresholdUnit {
    pub(crate) fn in_words(self, value: f64) -> String {
        match self {
            Self::Ms => text::time(Some(value)),
            Self::Share => text::percent(value),
            Self::PerSecond => format!("{}/s", text::rate(Some(value))),
            Self::Count => text::thousands(value as u64),
        }
    }
}

/// A figure as it was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Measured {
    pub value: Option<f64>,
    /// Values that it rests on.
    pub samples: u64,
    pub interval: Option<(f64, f64)>,
}

/// Sets a rule beside what was measured, in so many seconds.
pub(crate) fn judge(threshold: &Threshold, measured: Measured, seconds: f64) -> ThresholdResult {
    let Measured { value, samples, interval } = measured;
    let value = value.filter(|value| value.is_finite());
    let ok = value.map(|value| threshold.comparison.holds(value, threshold.limit));
    let enough = samples >= needed(threshold);
    let abort = threshold.abort && ok == Some(false) && may_stop(threshold, enough, samples, seconds);
    ThresholdResult {
        rule: threshold.rule.clone(),
        request: threshold.request.clone(),
        value,
        limit: threshold.limit,
        unit: unit(threshold.figure),
        ok,
        samples,
        interval: interval.filter(|_| value.is_some()),
        enough,
        abort,
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
fn may_stop(threshold: &Threshold, enough: bool, samples: u64, seconds: f64) -> bool {
    let at_least = matches!(threshold.comparison, Comparison::Greater | Comparison::AtLeast);
    match threshold.figure {
        // A number that is still too small can still grow.
        Figure::Requests | Figure::FailureCount(_) => !at_least,
        Figure::Throughput | Figure::Goodput | Figure::TokenThroughput => enough && seconds >= RATE_SECONDS,
        // These do not come back.
        Figure::Min(_) | Figure::Max(_) => enough,
        _ => enough && samples >= LEAST_TO_STOP,
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
        self.value.map_or_else(|| "nothing measured".to_owned(), |value| self.unit.in_words(value))
    }

    /// What it was compared with, in its unit.
    pub fn limit_in_words(&self) -> String {
        self.unit.in_words(self.limit)
    }

    /// The 95 % interval of the value, in its unit.
    pub fn interval_in_words(&self) -> Option<String> {
        let (low, high) = self.interval?;
        Some(format!("{} to {}", self.unit.in_words(low), self.unit.in_words(high)))
    }

    /// Whether the rule is met, as three words.
    pub fn state(&self) -> ThresholdState {
        match self.ok {
            Some(false) => ThresholdState::Broken,
            Some(true) if self.enough => ThresholdState::Met,
            _ => ThresholdState::Unsure,
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

    fn judged(rule: &str, value: f64, samples: u64) -> ThresholdResult {
        let threshold = Threshold { abort: true, ..Threshold::parse(rule).unwrap() };
        judge(&threshold, Measured { value: Some(value), samples, interval: None }, 20.0)
    }

    #[test]
    fn three_answers() {
        assert_eq!(needed(&Threshold::parse("p(99) < 1s").unwrap()), P99_REQUESTS as u64);
        assert_eq!(judged("p(90) < 1s", 10.0, 100).state(), ThresholdState::Met);
        assert_eq!(judged("p(90) < 1s", 10.0, 99).state(), ThresholdState::Unsure);
        assert_eq!(judged("p(90) < 1s", 2000.0, 5).state(), ThresholdState::Broken);
        assert_eq!(judged("p(90) < 1s", f64::NAN, 500).state(), ThresholdState::Unsure);
    }

    #[test]
    fn what_may_stop_a_run() {
        for (rule, value, samples, abort) in [
            ("rate(failed) < 50%", 1.0, 9, false),
            ("rate(failed) < 50%", 1.0, 10, true),
            ("avg < 1s", 2000.0, 9, false),
            ("max < 1s", 2000.0, 1, true),
            ("count(failed) < 1", 1.0, 1, true),
            ("count(requests) > 5", 1.0, 100, false),
        ] {
            assert_eq!(judged(rule, value, samples).abort, abort, "{rule} {samples}");
        }
    }
}
