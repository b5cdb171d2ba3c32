//! What an answer's headers tell of the server's limits.

use plimsoll_model::{Span, Told};
use plimsoll_wire::HeaderMap;
use std::time::{Duration, SystemTime};

/// Reads `Retry-After`, `RateLimit` and `RateLimit-Policy` (IETF draft 9, and the three older ones) and the
/// `x-ratelimit-*` headers of OpenAI and others. `None` when there is none of them.
pub(super) fn told_by(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> Option<Told> {
    let mut told = Told::default();
    let mut found = false;
    for (name, value) in headers {
        let name = name.as_str();
        // Most answers have none of these; the first letters tell that at once.
        if !name.starts_with("ra") && !name.starts_with("x-ra") && !name.starts_with("re") {
            continue;
        }
        let Ok(value) = value.to_str() else { continue };
        let limit = |told: &mut Told, limit: Option<u64>| {
            if let Some(limit) = limit {
                told.limit = Some((limit, told.limit.and_then(|(_, window)| window)));
            }
        };
        match name {
            "retry-after" => told.retry_after = retry_after(value, now()),
            "ratelimit" => rate_limit(value, &mut told),
            "ratelimit-policy" => told.limit = policy(value).or(told.limit),
            "ratelimit-limit" | "x-ratelimit-limit" | "x-ratelimit-limit-requests" => limit(&mut told, number(value)),
            "ratelimit-remaining" | "x-ratelimit-remaining" | "x-ratelimit-remaining-requests" => {
                told.remaining = number(value).or(told.remaining);
            }
            "ratelimit-reset" | "x-ratelimit-reset" | "x-ratelimit-reset-requests" => {
                told.reset = reset(value, now()).or(told.reset);
            }
            _ => continue,
        }
        found = true;
    }
    found.then_some(told)
}

/// Seconds, or the date of HTTP.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Some(seconds) = seconds(value) {
        return Some(seconds);
    }
    let date = jiff::fmt::rfc2822::parse(value.trim()).ok()?;
    let date = SystemTime::try_from(date.timestamp()).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// `"api";r=0;t=55`, the tightest of several; or the older `limit=100, remaining=0, reset=55`.
fn rate_limit(value: &str, told: &mut Told) {
    let mut tightest: Option<(u64, Option<Duration>)> = None;
    for item in split(value, ',') {
        let (mut remaining, mut reset) = (None, None);
        for parameter in split(item, ';') {
            match parameter.trim().split_once('=') {
                Some(("r" | "remaining", value)) => remaining = number(value),
                Some(("t" | "reset", value)) => reset = seconds(value),
                Some(("limit", value)) => told.limit = number(value).map(|limit| (limit, None)).or(told.limit),
                _ => {}
            }
        }
        match (remaining, tightest) {
            (Some(remaining), None) => tightest = Some((remaining, reset)),
            (Some(remaining), Some((least, _))) if remaining < least => tightest = Some((remaining, reset)),
            // The older form has each figure as an item of its own.
            (None, Some((least, None))) => tightest = Some((least, reset)),
            _ => {}
        }
    }
    if let Some((remaining, reset)) = tightest {
        told.remaining = Some(remaining);
        told.reset = reset.or(told.reset);
    }
}

/// `"fixed window";"api";q=500;w=300`: the first policy.
fn policy(value: &str) -> Option<(u64, Option<Duration>)> {
    let first = split(value, ',').next()?;
    let find = |key: &str| split(first, ';').find_map(|part| part.trim().strip_prefix(key));
    Some((number(find("q=")?)?, find("w=").and_then(seconds)))
}

/// Parts between separators outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

fn number(value: &str) -> Option<u64> {
    let value = value.trim();
    value.split(',').next()?.trim().parse().ok()
}

fn seconds(value: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(value.trim().parse().ok()?).ok()
}

/// Seconds, a text such as `6m0s`, or seconds since 1970.
fn reset(value: &str, now: SystemTime) -> Option<Duration> {
    /// More seconds than any window has: a point in time.
    const DATE: u64 = 1_000_000_000;
    let span = match seconds(value) {
        Some(span) => span,
        None => value.trim().parse::<Span>().ok()?.0,
    };
    if span.as_secs() < DATE {
        return Some(span);
    }
    let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(span.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_wire::{HeaderName, HeaderValue};

    fn told(pairs: &[(&str, &str)]) -> Option<Told> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        told_by(&headers, || SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
    }

    #[test]
    fn headers_of_limits() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(told(&[("content-type", "x"), ("referrer-policy", "y")]), None);
        assert_eq!(told(&[("retry-after", "7")]).unwrap().retry_after, seconds(7));
        let date = told(&[("retry-after", "Tue, 14 Nov 2023 22:13:30 GMT")]).unwrap();
        assert_eq!(date.retry_after, seconds(10));
        let past = told(&[("retry-after", "Mon, 14 Nov 2022 22:13:30 GMT")]).unwrap();
        assert_eq!(past.retry_after, seconds(0));
        let hub = told(&[
            ("ratelimit", r#""pages;x";r=9;t=1, "api";r=0;t=55"#),
            ("ratelimit-policy", r#""fixed window";"api";q=500;w=300"#),
        ]);
        let hub = hub.unwrap();
        assert_eq!((hub.remaining, hub.reset, hub.limit), (Some(0), seconds(55), Some((500, seconds(300)))));
        let older = told(&[("ratelimit", "limit=100, remaining=3, reset=5")]).unwrap();
        assert_eq!((older.remaining, older.reset, older.limit), (Some(3), seconds(5), Some((100, None))));
        let openai = told(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-limit-tokens", "150000"),
        ]);
        let openai = openai.unwrap();
        assert_eq!((openai.limit, openai.remaining, openai.reset), (Some((60, None)), Some(59), seconds(360)));
        assert_eq!(told(&[("x-ratelimit-reset", "1700000030")]).unwrap().reset, seconds(30));
        for odd in ["", "-1", "soon", "1e400", "nan"] {
            assert_eq!(told(&[("retry-after", odd)]).unwrap().retry_after, None, "{odd}");
        }
    }
}
