//! Rules on metrics: `p(95) < 800ms`, `ttft p(99) <= 200ms`, `rate(failed) < 1%`, `rps > 50`.

use crate::{FailureClass, Metric, Span};
use std::fmt;
use thiserror::Error;

/// A rule that a run must meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As it was written.
    pub rule: String,
    /// Only requests of this name; all when `None`.
    pub request: Option<String>,
    /// Stop the run as soon as it is broken.
    pub abort: bool,
    /// What is compared.
    pub figure: Figure,
    /// How.
    pub comparison: Comparison,
    /// With what: milliseconds for times, a share from 0 to 1 for rates, else a plain number.
    pub limit: f64,
}

/// What a threshold compares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// A quantile (0 to 1) of a metric.
    Quantile(Metric, f64),
    /// Its mean.
    Mean(Metric),
    /// Its smallest value.
    Min(Metric),
    /// Its largest value.
    Max(Metric),
    /// Share of the requests that failed: in this class, or in any.
    FailureRate(Option<FailureClass>),
    /// How many failed: in this class, or in any.
    FailureCount(Option<FailureClass>),
    /// How many requests there were.
    Requests,
    /// Successful requests a second.
    Throughput,
    /// Requests a second that met every objective.
    Goodput,
    /// Output tokens a second, of all users together.
    TokenThroughput,
    /// Share of the iterations of an open profile that found no free user.
    Dropped,
}

/// How a figure is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// A rule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{rule}` is not a rule: {why}. Write for example: p(95) < 800ms, ttft p(99) < 200ms, rate(failed) < 1%, rps > 50"
)]
pub struct ThresholdError {
    rule: String,
    why: String,
}

impl Comparison {
    /// Whether a figure meets the rule.
    pub fn holds(self, figure: f64, limit: f64) -> bool {
        match self {
            Self::Less => figure < limit,
            Self::AtMost => figure <= limit,
            Self::Greater => figure > limit,
            Self::AtLeast => figure >= limit,
        }
    }
}

impl Threshold {
    /// Reads a rule: `[METRIC] FIGURE COMPARISON LIMIT`. The metric is one of [`Metric`]'s words, `response_time` when
    /// absent. Figures: `p(95)` or `p95`, `med`, `avg`, `min`, `max`; `rate(failed)`, `rate(timeout)`,
    /// `rate(dropped)`, `count(failed)`, `count(requests)`; `rps`, `goodput`, `output_tokens_per_second`.
    ///
    /// # Errors
    /// [`ThresholdError`].
    pub fn parse(rule: &str) -> Result<Self, ThresholdError> {
        let fail = |why: String| ThresholdError { rule: rule.to_owned(), why };
        let at = rule.find(['<', '>']).ok_or_else(|| fail("it compares nothing (<, <=, > or >=)".to_owned()))?;
        let (left, right) = rule.split_at(at);
        let (comparison, limit) = match right.as_bytes() {
            [b'<', b'=', ..] => (Comparison::AtMost, &right[2..]),
            [b'<', ..] => (Comparison::Less, &right[1..]),
            [_, b'=', ..] => (Comparison::AtLeast, &right[2..]),
            _ => (Comparison::Greater, &right[1..]),
        };
        let words: Vec<&str> = left.split_whitespace().collect();
        let (metric, word) = match words[..] {
            [word] => (None, word),
            [metric, word] => {
                let known = Metric::ALL.map(Metric::as_str).join(", ");
                let metric = Metric::parse(metric)
                    .ok_or_else(|| fail(format!("`{metric}` is not a metric (these are: {known})")))?;
                (Some(metric), word)
            }
            _ => return Err(fail("before the comparison stand a metric (or none) and a figure".to_owned())),
        };
        let figure = figure(word, metric.unwrap_or(Metric::ResponseTime)).map_err(fail)?;
        if metric.is_some() && figure.metric().is_none() {
            return Err(fail(format!("`{word}` is not a figure of a metric")));
        }
        let limit = read_limit(limit.trim(), figure).map_err(fail)?;
        Ok(Self { rule: rule.trim().to_owned(), request: None, abort: false, figure, comparison, limit })
    }
}

impl Figure {
    /// The metric it is a figure of.
    pub fn metric(self) -> Option<Metric> {
        match self {
            Self::Quantile(metric, _) | Self::Mean(metric) | Self::Min(metric) | Self::Max(metric) => Some(metric),
            _ => None,
        }
    }

    /// Whether it is a time, in milliseconds.
    pub fn is_time(self) -> bool {
        self.metric().is_some_and(Metric::is_time)
    }

    /// Whether it is a share, from 0 to 1.
    pub fn is_share(self) -> bool {
        matches!(self, Self::FailureRate(_) | Self::Dropped)
    }
}

fn figure(word: &str, metric: Metric) -> Result<Figure, String> {
    let unknown = || format!("`{word}` is not a figure");
    let inside = |name: &str| word.strip_prefix(name).and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
    if let Some(what) = inside("rate") {
        return if what == "dropped" { Ok(Figure::Dropped) } else { class(what).map(Figure::FailureRate) };
    }
    if let Some(what) = inside("count") {
        return if what == "requests" { Ok(Figure::Requests) } else { class(what).map(Figure::FailureCount) };
    }
    let percent = inside("p").or_else(|| word.strip_prefix('p').filter(|rest| !rest.is_empty()));
    if let Some(percent) = percent.and_then(|text| text.parse::<f64>().ok()) {
        return if percent > 0.0 && percent < 100.0 {
            Ok(Figure::Quantile(metric, percent / 100.0))
        } else {
            Err(format!("{percent} is no percentile between 0 and 100"))
        };
    }
    Ok(match word {
        "med" | "median" => Figure::Quantile(metric, 0.5),
        "avg" | "mean" => Figure::Mean(metric),
        "min" => Figure::Min(metric),
        "max" => Figure::Max(metric),
        "rps" => Figure::Throughput,
        "goodput" => Figure::Goodput,
        "output_tokens_per_second" => Figure::TokenThroughput,
        _ => return Err(unknown()),
    })
}

fn class(word: &str) -> Result<Option<FailureClass>, String> {
    if word == "failed" {
        return Ok(None);
    }
    let known = FailureClass::ALL.map(FailureClass::as_str).join(", ");
    FailureClass::parse(word)
        .map(Some)
        .ok_or_else(|| format!("`{word}` is not a failure class (these are: failed, {known})"))
}

fn read_limit(text: &str, figure: Figure) -> Result<f64, String> {
    let number = |text: &str| {
        text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(|| format!("`{text}` is not a number"))
    };
    if figure.is_time() {
        // A bare number is milliseconds here, as in k6's thresholds; everywhere else times are seconds.
        return match text.parse::<f64>() {
            Ok(_) => number(text),
            Err(_) => text.parse::<Span>().map(|span| span.0.as_secs_f64() * 1e3),
        };
    }
    if figure.is_share() {
        return match text.strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| percent / 100.0),
            None => number(text),
        };
    }
    number(text.trim_end_matches("/s"))
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            Some(name) => write!(f, "{name}: {}", self.rule),
            None => f.write_str(&self.rule),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let read = |rule| {
            let threshold = Threshold::parse(rule).unwrap();
            (threshold.figure, threshold.comparison, threshold.limit)
        };
        use Comparison::{AtLeast, AtMost, Greater, Less};
        let p95 = Figure::Quantile(Metric::ResponseTime, 0.95);
        assert_eq!(read("p(95) < 800ms"), (p95, Less, 800.0));
        assert_eq!(read("p95<=0.8s"), (p95, AtMost, 800.0));
        assert_eq!(read("p(95) < 800"), (p95, Less, 800.0));
        assert_eq!(read("ttft p(75) < 1m"), (Figure::Quantile(Metric::Ttft, 0.75), Less, 60_000.0));
        assert_eq!(read("rate(failed) < 1%"), (Figure::FailureRate(None), Less, 0.01));
        assert_eq!(
            read("rate(rate_limited) <= 0.5"),
            (Figure::FailureRate(Some(FailureClass::RateLimited)), AtMost, 0.5)
        );
        assert_eq!(read("rps > 50/s"), (Figure::Throughput, Greater, 50.0));
        assert_eq!(
            read("tokens_per_second med >= 20"),
            (Figure::Quantile(Metric::TokensPerSecond, 0.5), AtLeast, 20.0)
        );
        assert_eq!(read("count(timeout) < 3"), (Figure::FailureCount(Some(FailureClass::Timeout)), Less, 3.0));
        assert_eq!(read("rate(dropped) < 1%"), (Figure::Dropped, Less, 0.01));
    }

    #[test]
    fn mistakes_are_explained() {
        for (rule, why) in [
            ("p(95) 800ms", "compares nothing"),
            ("p(101) < 1s", "between 0 and 100"),
            ("ttfx p(95) < 1s", "`ttfx` is not a metric"),
            ("rate(broken) < 1%", "not a failure class"),
            ("p(95) < soon", "not a time"),
            ("ttft rps < 1", "not a figure of a metric"),
            ("< 1", "a figure"),
            ("q95 < 1", "`q95` is not a figure"),
        ] {
            let error = Threshold::parse(rule).unwrap_err().to_string();
            assert!(error.contains(why), "{rule}: {error}");
        }
    }
}
