//! Durations and times in the units of the files.

use jiff::Timestamp;
use std::time::{Duration, SystemTime};

/// Milliseconds, exact to the nanosecond.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

/// Milliseconds from one stamp to another, negative if the second lies before the first: two connections may report
/// what happened in either order.
pub(crate) fn ms_between(from: Duration, to: Duration) -> f64 {
    if to >= from { ms(to - from) } else { -ms(from - to) }
}

/// Rounded to whole nanoseconds: finer digits are only noise of the arithmetic.
pub(crate) fn round_ms(milliseconds: f64) -> f64 {
    (milliseconds * 1e6).round() / 1e6
}

/// Unix seconds rounded to whole microseconds, about what an f64 of this size can hold.
pub(crate) fn round_unix(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// A wall clock time as RFC 3339 in UTC, to the millisecond.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    // A clock outside the years -9999 to 9999 has no sensible text; the epoch shows that it is wrong.
    format!("{:.3}", Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Local time as `YYYYMMDD_HHMMSS`, as hf-perftest names its folders.
pub(crate) fn local_stamp() -> String {
    jiff::ZonedDateTime::now().strftime("%Y%m%d_%H%M%S").to_string()
}

/// The same of a time in RFC 3339; `None` for anything else.
pub(crate) fn local_stamp_of(rfc3339: &str) -> Option<String> {
    let time: Timestamp = rfc3339.parse().ok()?;
    Some(time.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y%m%d_%H%M%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_760_000_000_123_456);
        assert_eq!(rfc3339(time), "2025-10-09T08:53:20.123Z");
        assert_eq!(ms_between(Duration::from_micros(1500), Duration::from_millis(1)), -0.5);
        let stamp = local_stamp();
        assert_eq!(stamp.len(), 15);
        assert_eq!(&stamp[8..9], "_");
        assert_eq!((local_stamp_of("2025-10-09T08:53:20.123Z").unwrap().len(), local_stamp_of("x")), (15, None));
    }
}
