//! Prometheus' text format, read line by line: <https://prometheus.io/docs/instrumenting/exposition_formats/>. What
//! cannot be read is left out; nothing here fails.

use std::borrow::Cow;
use std::collections::HashMap;

/// What a metric is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Only grows: also the sum, the count and the buckets of a histogram.
    Counter,
    /// Everything else.
    Gauge,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// Name, as it stands there.
    pub name: &'a str,
    /// Labels, in their order.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// Value.
    pub value: f64,
    /// What it is.
    pub kind: MetricKind,
}

/// Hands every value of a page to `each`.
pub fn parse<'a>(page: &'a str, mut each: impl FnMut(Line<'a>)) {
    let mut kinds: HashMap<&str, &str> = HashMap::new();
    for line in page.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_whitespace();
            if words.next() == Some("TYPE")
                && let (Some(name), Some(kind)) = (words.next(), words.next())
            {
                kinds.insert(name, kind);
            }
            continue;
        }
        if let Some((name, labels, value)) = read_line(line) {
            each(Line { name, labels, value, kind: kind_of(name, &kinds) });
        }
    }
}

fn kind_of(name: &str, kinds: &HashMap<&str, &str>) -> MetricKind {
    let of = |name: &str| kinds.get(name).copied();
    let part = ["_sum", "_count", "_bucket"].into_iter().find_map(|end| name.strip_suffix(end));
    // OpenMetrics names a counter without the `_total` of its values.
    let declared = of(name).or_else(|| of(name.strip_suffix("_total")?));
    let grows = match (declared, part.and_then(of)) {
        (Some("counter"), _) | (_, Some("histogram" | "summary")) => true,
        (Some("gauge" | "summary" | "histogram"), _) => false,
        _ => part.is_some() || name.ends_with("_total"),
    };
    if grows { MetricKind::Counter } else { MetricKind::Gauge }
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

fn read_line(line: &str) -> Option<(&str, Labels<'_>, f64)> {
    let end = line.find(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '_' | ':')))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(inner) => read_labels(inner)?,
        None => (Vec::new(), rest),
    };
    // A time stamp may follow.
    let value = rest.split_whitespace().next()?;
    Some((name, labels, read_value(value)?))
}

fn read_value(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

/// Labels, and what comes after the brace that ends them.
fn read_labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let end = closing_quote(quoted)?;
        labels.push((name.trim(), unescape(&quoted[..end])));
        rest = &quoted[end + 1..];
    }
}

/// Where the quote that is not escaped stands.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let found = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            char => out.push(char),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(page: &str) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        parse(page, |line| lines.push(line));
        lines
    }

    #[test]
    fn reads_what_servers_write() {
        let page = "# HELP vllm:num_requests_running Running.\n# TYPE vllm:num_requests_running gauge\n\
                    vllm:num_requests_running{engine=\"0\",model_name=\"a\\\"b\\\\\"} 3.0\n\
                    # TYPE q histogram\nq_bucket{le=\"+Inf\"} 4\nq_sum 1.5e-3 1700000000000\nq_count 4\n\
                    # TYPE tgi_request_count counter\ntgi_request_count 7\n\
                    x_total{} 2\n y NaN\n";
        let lines = all(page);
        let names: Vec<_> = lines.iter().map(|line| (line.name, line.kind)).collect();
        use MetricKind::{Counter, Gauge};
        assert_eq!(
            names,
            [
                ("vllm:num_requests_running", Gauge),
                ("q_bucket", Counter),
                ("q_sum", Counter),
                ("q_count", Counter),
                ("tgi_request_count", Counter),
                ("x_total", Counter),
                ("y", Gauge)
            ]
        );
        assert_eq!(lines[0].labels, [("engine", "0".into()), ("model_name", "a\"b\\".into())]);
        assert_eq!(lines[2].value, 0.0015);
        assert!(lines[6].value.is_nan());
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        for page in ["", "x", "x{", "x{a=\"b} 1", "x{a} 1", "1x 2", "x one", "<html>", "x{a=\"\\", "{\"a\": 1}"] {
            assert_eq!(all(page), [], "{page}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(page in "\\PC*") { all(&page); }

        #[test]
        fn never_panics_on_what_looks_like_metrics(page in "([#a-z_:{}=\\\\\", 0-9.\n]|TYPE |é){0,80}") { all(&page); }
    }
}
