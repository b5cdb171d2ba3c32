//! Metrics at one moment, in the words of OpenTelemetry; Prometheus' spelling follows from them.

use crate::Histogram;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What a family counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution that only grows.
    Histogram,
}

/// The unit of a family, as UCUM writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `s`
    Seconds,
    /// `By`
    Bytes,
    /// What is counted, in braces, for example `{request}`.
    Count(&'static str),
}

impl Unit {
    /// As OpenTelemetry writes it.
    pub fn ucum(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "By",
            Self::Count(what) => what,
        }
    }

    /// What Prometheus appends to a name.
    fn suffix(self) -> &'static str {
        match self {
            Self::Seconds => "_seconds",
            Self::Bytes => "_bytes",
            Self::Count(_) => "",
        }
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
        }
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Attributes of a point.
pub type Attributes = Vec<(&'static str, Attribute)>;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram(Histogram),
}

/// One series at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What tells it from the others of its family.
    pub attributes: Attributes,
    /// Its value.
    pub value: Value,
}

/// All series of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Name, in OpenTelemetry's spelling.
    pub name: Cow<'static, str>,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// Unit of its values.
    pub unit: Unit,
    /// What it counts.
    pub kind: Kind,
    /// Its series.
    pub points: Vec<Point>,
}

impl Family {
    /// A family without series.
    pub(crate) fn new(name: impl Into<Cow<'static, str>>, help: &'static str, unit: Unit, kind: Kind) -> Self {
        Self { name: name.into(), help, unit, kind, points: Vec::new() }
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, attributes: Attributes, value: f64) {
        self.points.push(Point { attributes, value: Value::Number(value) });
    }

    /// Its name in Prometheus' spelling: dots become underscores, the unit and `total` are appended (OpenTelemetry's
    /// "Prometheus and OpenMetrics Compatibility").
    pub fn prometheus_name(&self) -> String {
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{}{total}", prometheus_word(&self.name), self.unit.suffix())
    }
}

/// Names of metrics and labels hold letters, digits and underscores.
pub(crate) fn prometheus_word(name: &str) -> String {
    name.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' }).collect()
}

/// Everything at one moment. Counters and histograms are cumulative since `start`.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// When counting began, since the Unix epoch.
    pub start: Duration,
    /// The moment, since the Unix epoch.
    pub at: Duration,
    /// The metrics; families without series are left out.
    pub families: Vec<Family>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_prometheus_spelling() {
        let name = |name: &'static str, unit, kind| Family::new(name, "", unit, kind).prometheus_name();
        assert_eq!(
            name("http.client.request.duration", Unit::Seconds, Kind::Histogram),
            "http_client_request_duration_seconds"
        );
        assert_eq!(name("loadtest.requests", Unit::Count("{request}"), Kind::Counter), "loadtest_requests_total");
        assert_eq!(name("loadtest.sent", Unit::Bytes, Kind::Counter), "loadtest_sent_bytes_total");
    }
}
