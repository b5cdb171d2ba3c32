//! Rules on metrics: `p(95) < 800ms`, `ttft p(99) <= 200ms`, `rate(failed) < 1%`, `rps > 50`.

mod error;
mod parse;

pub use error::ThresholdError;
pub use parse::split_scope;

use crate::{FailureClass, Metric};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::fmt;

/// A rule that a run must meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As it was written.
    pub rule: String,
    /// Only this part of the run; all when `None`.
    pub scope: Option<Scope>,
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

/// A part of a run that a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The tiers with so many users.
    Tier(u32),
    /// A level of a sweep, from 1.
    Level(u32),
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
    /// Whether it is about this part of a run.
    pub fn is_about(&self, part: Scope) -> bool {
        self.scope.is_none_or(|scope| scope == part)
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

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tier(users) => write!(f, "tier {users}"),
            Self::Level(number) => write!(f, "level {number}"),
        }
    }
}

/// As [`Threshold::parse_scoped`] reads it.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scope) = self.scope {
            write!(f, "{scope}: ")?;
        }
        if let Some(name) = &self.request {
            write!(f, "{name}: ")?;
        }
        f.write_str(&self.rule)
    }
}

/// The rule as it was written, and whether it ends the run.
impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Threshold", 2)?;
        fields.serialize_field("rule", &self.to_string())?;
        fields.serialize_field("abort", &self.abort)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn mistakes_are_pointed_at() {
        for (rule, marked, why) in [
            ("", "", "is empty"),
            ("p(95) 800ms", "", "compares nothing"),
            ("p(101) < 1s", "101", "not a percentile"),
            ("p-1 < 1s", "-1", "not a percentile"),
            ("ttfx p(95) < 1s", "ttfx", "`ttfx` is not a metric"),
            ("rate(broken) < 1%", "broken", "not a failure class"),
            ("count(cancelled) < 1", "cancelled", "not a failure class"),
            ("p(95) <  soon ", "soon", "`soon` is not a time"),
            ("p(95) <", "", "the limit is missing"),
            ("p(95) < -5ms", "-5ms", "not a time"),
            ("p(95) < -5", "-5", "below nothing"),
            ("p(95) << 5", "< 5", "not a time"),
            ("rate(failed) < 5 %x", "5 %x", "not a share"),
            ("rate(failed) < 5", "5", "more than all"),
            ("rps > inf", "inf", "not a number"),
            ("ttft rps < 1", "rps", "not a figure of a metric"),
            (" < 1", " <", "nothing is compared"),
            ("q95 < 1", "q95", "`q95` is not a figure"),
            ("ttft < 1s", "ttft", "it is a metric"),
            ("all of p95 < 1", "p95", "nothing else"),
        ] {
            let error = Threshold::parse(rule).unwrap_err();
            assert_eq!(&error.rule()[error.span()], marked, "{rule}: {error}");
            assert!(error.why().contains(why) && !error.expected().is_empty(), "{rule}: {error}");
        }
    }

    #[test]
    fn scopes() {
        for (text, parts) in [
            ("p(95) < 1s", (None, None, "p(95) < 1s")),
            ("tier 10: p95 < 1s", (Some(Scope::Tier(10)), None, " p95 < 1s")),
            ("level 2: GET /a:b: rps > 1", (Some(Scope::Level(2)), Some("GET /a:b"), " rps > 1")),
            ("GET /a<b: rps > 1", (None, Some("GET /a<b"), " rps > 1")),
            ("tier ten: rps > 1", (None, Some("tier ten"), " rps > 1")),
            ("p(95) < 1:30", (None, None, "p(95) < 1:30")),
            (": p95 < 1", (None, None, " p95 < 1")),
        ] {
            assert_eq!(split_scope(text), parts, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_pointed_at(text in ".*") {
            if let Err(error) = Threshold::parse_scoped(&text) {
                prop_assert!(error.rule().get(error.span()).is_some(), "{:?}", error);
            }
        }

        #[test]
        fn nearly_right_texts_too(parts in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..8), glue in " ?") {
            let text = parts.join(&glue);
            match Threshold::parse_scoped(&text) {
                Ok(threshold) => prop_assert_eq!(Threshold::parse_scoped(&threshold.to_string()), Ok(threshold)),
                Err(error) => prop_assert!(error.rule().get(error.span()).is_some(), "{:?}", error),
            }
        }

        #[test]
        fn what_is_written_is_read_again(
            scope in prop::sample::select(&["", "tier 10: ", "level 3 :"][..]),
            name in prop::sample::select(&["", "Chat:", "GET /a:b é : "][..]),
            metric in prop::sample::select(&Metric::ALL[..]),
            percent in 0.001f64..99.999, limit in 0u32..10_000_000, space in "[ \t]{0,3}",
        ) {
            let limit = f64::from(limit) / 8.0;
            let unit = if metric.is_time() { "ms" } else { "" };
            let text = format!("{scope}{name}{space}{metric} {space}p({percent}){space}>={space}{limit}{unit}{space}");
            let threshold = Threshold::parse_scoped(&text).unwrap();
            prop_assert_eq!(threshold.figure, Figure::Quantile(metric, percent / 100.0));
            prop_assert!((threshold.limit - limit).abs() <= 1e-6 * limit.max(1.0));
            prop_assert_eq!((threshold.scope.is_some(), threshold.request.is_some()), (!scope.is_empty(), !name.is_empty()));
            prop_assert_eq!(Threshold::parse_scoped(&threshold.to_string()), Ok(threshold));
        }
    }

    const PIECES: [&str; 26] = [
        "p(95)",
        "p95",
        "p(",
        "ttft",
        "response_time",
        "rate(failed)",
        "rate(",
        ")",
        "count(timeout)",
        "rps",
        "<",
        "<=",
        ">",
        "=",
        "800ms",
        "1%",
        "50/s",
        "0.5",
        "-1",
        "1e999",
        "nan",
        "tier 10:",
        "level 2:",
        "é:",
        "日本",
        ":",
    ];
}
