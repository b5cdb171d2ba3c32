//! How long things take and how many tokens there are: constants and seeded distributions, written as text.

use crate::random::Random;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Longer than any test, and far from where clocks overflow.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// A time: constant, or drawn anew each time. As text `50ms`, `uniform(10ms, 20ms)`, `normal(20ms, 5ms)`,
/// `lognormal(20ms, 0.3)` or `exponential(20ms)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    /// Always this long.
    Constant(Duration),
    /// Evenly between the two.
    Uniform(Duration, Duration),
    /// Normal with this mean and standard deviation; never below zero.
    Normal {
        /// The mean.
        mean: Duration,
        /// The standard deviation.
        deviation: Duration,
    },
    /// Log-normal with this median and this standard deviation of the logarithm.
    LogNormal {
        /// The median.
        median: Duration,
        /// The standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// Exponential with this mean.
    Exponential {
        /// The mean.
        mean: Duration,
    },
}

impl Latency {
    /// No time at all.
    pub const ZERO: Self = Self::Constant(Duration::ZERO);

    /// A constant number of milliseconds.
    pub fn millis(millis: u64) -> Self {
        Self::Constant(Duration::from_millis(millis))
    }

    /// One time, in nanoseconds.
    pub(crate) fn draw(self, random: &mut Random) -> u64 {
        let nanos = match self {
            Self::Constant(time) => return u64::try_from(time.as_nanos()).unwrap_or(u64::MAX >> 2),
            Self::Uniform(low, high) => nanos(low) + (nanos(high) - nanos(low)) * random.unit(),
            Self::Normal { mean, deviation } => nanos(mean) + nanos(deviation) * random.normal(),
            Self::LogNormal { median, sigma } => nanos(median) * (sigma * random.normal()).exp(),
            Self::Exponential { mean } => -nanos(mean) * (1.0 - random.unit()).ln(),
        };
        nanos.clamp(0.0, nanos_of_longest()) as u64
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

fn nanos_of_longest() -> f64 {
    nanos(LONGEST)
}

impl From<Duration> for Latency {
    fn from(time: Duration) -> Self {
        Self::Constant(time)
    }
}

impl FromStr for Latency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, arguments)) = call(text) else { return Ok(Self::Constant(parse_duration(text)?)) };
        match (name, arguments.as_slice()) {
            ("constant", [time]) => Ok(Self::Constant(parse_duration(time)?)),
            ("uniform", [low, high]) => {
                let (low, high) = (parse_duration(low)?, parse_duration(high)?);
                if low <= high { Ok(Self::Uniform(low, high)) } else { Err(format!("`{text}` runs backwards")) }
            }
            ("normal", [mean, deviation]) => {
                Ok(Self::Normal { mean: parse_duration(mean)?, deviation: parse_duration(deviation)? })
            }
            ("lognormal", [median, sigma]) => {
                Ok(Self::LogNormal { median: parse_duration(median)?, sigma: parse_sigma(sigma)? })
            }
            ("exponential", [mean]) => Ok(Self::Exponential { mean: parse_duration(mean)? }),
            _ => Err(format!(
                "`{text}` is not a latency; write a time (50ms), uniform(10ms,20ms), normal(20ms,5ms), lognormal(20ms,0.3) or exponential(20ms)"
            )),
        }
    }
}

/// How many tokens an answer has. As text `64`, `request`, `uniform(16, 128)` or `lognormal(64, 0.5)`. A request's
/// own limit (`max_tokens` and its siblings) always holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tokens {
    /// Always so many.
    Fixed(u32),
    /// As many as the request allows; 64 where it does not say.
    Requested,
    /// Evenly between the two, both possible.
    Uniform(u32, u32),
    /// Log-normal with this median and this standard deviation of the logarithm.
    LogNormal {
        /// The median.
        median: u32,
        /// The standard deviation of the natural logarithm.
        sigma: f64,
    },
}

/// More tokens than any answer.
const MOST_TOKENS: u32 = 10_000_000;

impl Tokens {
    /// One number of tokens, at least 1, `limit` being the request's own bound.
    pub(crate) fn draw(self, limit: Option<u32>, random: &mut Random) -> u32 {
        let tokens = match self {
            Self::Fixed(tokens) => tokens,
            Self::Requested => limit.unwrap_or(64),
            Self::Uniform(low, high) => low + (random.next() % (u64::from(high - low) + 1)) as u32,
            Self::LogNormal { median, sigma } => (f64::from(median) * (sigma * random.normal()).exp()).round() as u32,
        };
        tokens.min(limit.unwrap_or(MOST_TOKENS)).clamp(1, MOST_TOKENS)
    }
}

impl FromStr for Tokens {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a number of tokens; write 64, request, uniform(16,128) or lognormal(64,0.5)");
        let count = |text: &str| match text.parse() {
            Ok(count) if (1..=MOST_TOKENS).contains(&count) => Ok(count),
            _ => Err(wrong()),
        };
        let Some((name, arguments)) = call(text) else {
            return if text.trim() == "request" { Ok(Self::Requested) } else { Ok(Self::Fixed(count(text.trim())?)) };
        };
        match (name, arguments.as_slice()) {
            ("uniform", [low, high]) => match (count(low)?, count(high)?) {
                (low, high) if low <= high => Ok(Self::Uniform(low, high)),
                _ => Err(wrong()),
            },
            ("lognormal", [median, sigma]) => {
                Ok(Self::LogNormal { median: count(median)?, sigma: parse_sigma(sigma)? })
            }
            _ => Err(wrong()),
        }
    }
}

/// `name(a, b)` taken apart.
fn call(text: &str) -> Option<(&str, Vec<&str>)> {
    let (name, rest) = text.trim().split_once('(')?;
    Some((name.trim(), rest.strip_suffix(')')?.split(',').map(str::trim).collect()))
}

fn parse_sigma(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(sigma) if (0.0..=10.0).contains(&sigma) => Ok(sigma),
        _ => Err(format!("`{text}` is not a sigma between 0 and 10")),
    }
}

/// A time as people write it: seconds (`0.5`), or with units (`500ms`, `20us`, `1h 30m`). Zero is a time here.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time; write for example 500ms, 30s, 2m or 1h");
    let text = text.trim();
    let duration = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?,
        Err(_) => {
            let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
            Duration::try_from(span).map_err(|_| wrong())?
        }
    };
    if duration > LONGEST { Err(wrong()) } else { Ok(duration) }
}

/// Reads text or a plain number (which is written down first) through `FromStr`.
pub(crate) fn from_text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expecting: &'static str,
    parse: fn(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    struct Text<T>(&'static str, fn(&str) -> Result<T, String>);
    impl<T> Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            (self.1)(text).map_err(E::custom)
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
            (self.1)(&number.to_string()).map_err(E::custom)
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
            (self.1)(&number.to_string()).map_err(E::custom)
        }
        fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
            (self.1)(&number.to_string()).map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Text(expecting, parse))
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a latency such as \"50ms\" or \"lognormal(20ms,0.3)\"", str::parse)
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a number of tokens such as 64 or \"request\"", str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let millis = |text| parse_duration(text).map(|time| time.as_millis());
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(millis("0.5"), Ok(500));
        assert_eq!(millis("0"), Ok(0));
        assert_eq!(millis("1h 30m"), Ok(5_400_000));
        assert_eq!(parse_duration("20us"), Ok(Duration::from_micros(20)));
        for text in ["", "-3s", "soon", "1e30", "nan"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn latencies_and_their_means() {
        let mut random = Random::new(5, 0, 0);
        for (text, mean) in [
            ("20ms", 20.0),
            ("uniform(10ms, 30ms)", 20.0),
            ("normal(20ms,2ms)", 20.0),
            ("lognormal(20ms,0.3)", 20.0 * (0.045f64).exp()),
            ("exponential(20ms)", 20.0),
        ] {
            let latency: Latency = text.parse().unwrap();
            let sum: f64 = (0..20_000).map(|_| latency.draw(&mut random) as f64 / 1e6).sum();
            assert!((sum / 20_000.0 - mean).abs() < 0.5, "{text}: {}", sum / 20_000.0);
        }
        for text in ["uniform(2s,1s)", "normal(1s)", "gamma(1,2)", "lognormal(1s,-1)", "uniform(1s,2s"] {
            assert!(text.parse::<Latency>().is_err(), "{text}");
        }
    }

    #[test]
    fn tokens() {
        let mut random = Random::new(5, 0, 0);
        assert_eq!("64".parse::<Tokens>().unwrap().draw(None, &mut random), 64);
        assert_eq!("64".parse::<Tokens>().unwrap().draw(Some(7), &mut random), 7);
        assert_eq!("request".parse::<Tokens>().unwrap().draw(Some(700), &mut random), 700);
        let spread: Tokens = "uniform(2,4)".parse().unwrap();
        assert!((0..100).all(|_| (2..=4).contains(&spread.draw(None, &mut random))));
        for text in ["0", "-1", "many", "uniform(4,2)"] {
            assert!(text.parse::<Tokens>().is_err(), "{text}");
        }
    }
}
