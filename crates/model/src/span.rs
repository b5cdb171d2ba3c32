//! Times and rates as people write them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A year is longer than any test, and far from where clocks overflow.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// A length of time: `500ms`, `30s`, `1.5m`, `1h 30m`; a bare number is seconds. At most a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a time; write for example 500ms, 30s, 2m or 1h");
        let duration = match text.trim().parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?,
            Err(_) => {
                let span: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
                Duration::try_from(span).map_err(|_| wrong())?
            }
        };
        if duration > LONGEST { Err(wrong()) } else { Ok(Self(duration)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        // Whole numbers of a unit, so that what is written is read as the same time again.
        match nanos {
            0 if seconds >= 60 && seconds.is_multiple_of(60) => write!(f, "{}m", seconds / 60),
            0 => write!(f, "{seconds}s"),
            _ if nanos.is_multiple_of(1_000_000) => write!(f, "{}ms", self.0.as_millis()),
            _ if nanos.is_multiple_of(1_000) => write!(f, "{}us", self.0.as_micros()),
            _ => write!(f, "{}ns", self.0.as_nanos()),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumber("a time such as \"30s\"", |text: &str| text.parse()))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time: 500ms, 30s, 1.5m, 1h 30m; a bare number is seconds.",
            "type": ["string", "number"],
        })
    }
}

/// So many a second: `10`, `10/s`, `600/m`, `3600/h`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate; write for example 10, 10/s or 600/m");
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let rate = number.trim().parse::<f64>().map_err(|_| wrong())? / seconds;
        if rate.is_finite() && (0.0..=1e7).contains(&rate) { Ok(Self(rate)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumber("a rate such as 10 or \"600/m\"", |text: &str| text.parse()))
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "So many a second: 10, \"10/s\", \"600/m\", \"3600/h\".",
            "type": ["string", "number"],
        })
    }
}

/// Reads a text by a parser, and a number as its text.
struct TextOrNumber<F>(&'static str, F);

impl<T, F: Fn(&str) -> Result<T, String>> Visitor<'_> for TextOrNumber<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates() {
        for (text, millis) in [("30s", 30_000), ("500ms", 500), ("1.5m", 90_000), ("2", 2_000), ("1h 30m", 5_400_000)] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_millis(millis), "{text}");
            assert_eq!(span.to_string().parse(), Ok(span), "{text}");
        }
        for nanos in [1_257_000_000, 12_345_000_000, 1_500, 7, 86_400_000_000_001] {
            let span = Span(Duration::from_nanos(nanos));
            assert_eq!(span.to_string().parse(), Ok(span), "{span}");
        }
        for text in ["", "-3s", "soon", "1e30", "nan"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for (text, rate) in [("10", 10.0), ("600/m", 10.0), ("1.5/s", 1.5), ("36/h", 0.01)] {
            assert_eq!(text.parse(), Ok(Rate(rate)), "{text}");
        }
        for text in ["", "-1", "1/y", "inf", "x/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
