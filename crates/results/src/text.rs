//! Words and numbers for people.

/// The text without what could disturb a terminal, spaces and line ends as one space, at most so many characters.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = flat.chars().filter(|c| !c.is_control() && !is_format(*c)).collect();
    if clean.chars().count() <= longest {
        return clean;
    }
    clean.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

/// Characters that turn the direction of text or hide in it (Unicode's bidirectional controls and zero-width marks).
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most so many characters, nothing else changed.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

/// Milliseconds in a unit that shows three digits or more.
pub(crate) fn time(milliseconds: Option<f64>) -> String {
    match milliseconds {
        None => "-".to_owned(),
        Some(ms) if ms < 9.995 => format!("{ms:.2}ms"),
        Some(ms) if ms < 9_999.95 => format!("{ms:.1}ms"),
        Some(ms) => format!("{:.1}s", ms / 1e3),
    }
}

/// A number with its unit, apart: `646.5 ms` of `646.5ms`. What is no such number stays as it is.
pub(crate) fn spaced(text: &str) -> String {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '<')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let known = matches!(unit, "ms" | "s" | "%" | "/s");
    if known && !number.is_empty() { format!("{number} {unit}") } else { text.to_owned() }
}

/// So many a second.
pub(crate) fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate < 9.995 => format!("{rate:.2}"),
        Some(rate) if rate < 999.95 => format!("{rate:.1}"),
        Some(rate) => thousands(rate.round() as u64),
    }
}

/// A share, 0 to 1, as percent. What is not nothing is not shown as nothing.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.01 { "<0.01%".to_owned() } else { format!("{percent:.2}%") }
}

pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.1} s") } else { format!("{:.1} min", seconds / 60.0) }
}

/// `1 request`, `1,234 requests`.
pub(crate) fn requests(count: u64) -> String {
    if count == 1 { "1 request".to_owned() } else { format!("{} requests", thousands(count)) }
}

pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_servers_are_tamed() {
        assert_eq!(one_line("a\u{1b}[31m\n\tb\u{202e}c\u{200b}", 99), "a[31m bc");
        assert_eq!(one_line("äöüß", 3), "äö…");
        assert_eq!((cut("äöü", 2), cut("äöü", 3)), ("äö".to_owned(), "äöü".to_owned()));
    }

    #[test]
    fn numbers_are_readable() {
        let times = [None, Some(0.123), Some(64.25), Some(9_999.0), Some(12_345.0)].map(time);
        assert_eq!(times, ["-", "0.12ms", "64.2ms", "9999.0ms", "12.3s"]);
        assert_eq!(["64.2ms", "<0.01%", "12/s", "-", "12"].map(spaced), ["64.2 ms", "<0.01 %", "12 /s", "-", "12"]);
        assert_eq!([0.0, 0.00001, 0.0123, 1.0].map(percent), ["0.00%", "<0.01%", "1.23%", "100.00%"]);
        assert_eq!([Some(1.234), Some(12.34), Some(12_345.6), None].map(rate), ["1.23", "12.3", "12,346", "-"]);
        assert_eq!((requests(1), requests(1_234_567)), ("1 request".into(), "1,234,567 requests".into()));
    }
}
