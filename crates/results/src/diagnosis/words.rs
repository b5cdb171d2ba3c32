//! Figures as they stand in a sentence.

use crate::text;

/// Milliseconds.
pub(super) fn span(ms: f64) -> String {
    match ms {
        ms if ms < 0.995 => format!("{ms:.2} ms"),
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 9_995.0 => format!("{:.2} s", ms / 1e3),
        ms => text::seconds(ms / 1e3),
    }
}

/// `9.8 times`.
pub(super) fn times(ratio: f64) -> String {
    if ratio < 9.95 { format!("{ratio:.1} times") } else { format!("{} times", text::thousands(ratio.round() as u64)) }
}

/// A share, 0 to 1. What is not all is not shown as all, what is not nothing not as nothing.
pub(super) fn share(share: f64) -> String {
    match share * 100.0 {
        percent if percent <= 0.0 => "0 %".to_owned(),
        percent if percent < 0.1 => "less than 0.1 %".to_owned(),
        percent if percent < 9.95 => format!("{percent:.1} %"),
        percent if percent > 99.5 && percent < 100.0 => "more than 99 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

/// So many a second.
pub(super) fn per_second(rate: f64) -> String {
    let text = match rate {
        rate if rate < 9.95 => format!("{rate:.2}"),
        rate if rate < 99.5 => format!("{rate:.1}"),
        rate => return format!("{}/s", text::thousands(rate.round() as u64)),
    };
    format!("{}/s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `1 user`, `10 users`.
pub(super) fn users(users: f64) -> String {
    if (users - 1.0).abs() < 1e-9 { "1 user".to_owned() } else { format!("{} users", number(users)) }
}

/// A number without needless decimals.
pub(super) fn number(number: f64) -> String {
    if number.fract().abs() < 0.005 { text::thousands(number.round() as u64) } else { format!("{number:.1}") }
}

/// The text with a capital at its beginning.
pub(super) fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

/// ` (and at 2 other loads)`, or nothing.
pub(super) fn and_others(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " (and at one other load)".to_owned(),
        others => format!(" (and at {others} other loads)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_at_a_glance() {
        assert_eq!([0.123, 4.26, 64.4, 999.6, 12_345.0].map(span), ["0.12 ms", "4.3 ms", "64 ms", "1.00 s", "12.3 s"]);
        assert_eq!(
            [0.0, 0.0001, 0.012, 0.25, 0.999, 1.0].map(share),
            ["0 %", "less than 0.1 %", "1.2 %", "25 %", "more than 99 %", "100 %"]
        );
        assert_eq!(
            (times(9.84), times(1234.0), per_second(25.4)),
            ("9.8 times".into(), "1,234 times".into(), "25.4/s".into())
        );
        assert_eq!([1.674, 9.999, 20.0, 150.4].map(per_second), ["1.67/s", "10/s", "20/s", "150/s"]);
        assert_eq!((users(1.0), users(1000.0), number(2.5)), ("1 user".into(), "1,000 users".into(), "2.5".into()));
        assert_eq!((capital("at 1 user"), and_others(2)), ("At 1 user".into(), " (and at 2 other loads)".into()));
    }
}
