//! Prometheus' text format, version 0.0.4.

use crate::metric::{Attributes, Family, Kind, Snapshot, Value, prometheus_word};
use std::fmt::Write;

/// What `Content-Type` says.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page that a scrape gets.
pub fn page(snapshot: &Snapshot) -> String {
    let mut out = String::with_capacity(16 << 10);
    for family in &snapshot.families {
        write_family(&mut out, family);
    }
    out
}

// Writing to a string cannot fail.
fn write_family(out: &mut String, family: &Family) {
    let name = family.prometheus_name();
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for point in &family.points {
        let labels = labels(&point.attributes);
        match &point.value {
            Value::Number(value) => {
                let _ = writeln!(out, "{name}{} {value}", braces(&labels, None));
            }
            Value::Histogram(histogram) => {
                for (bound, count) in histogram.cumulative() {
                    let _ = writeln!(out, "{name}_bucket{} {count}", braces(&labels, Some(&bound_text(bound))));
                }
                let labels = braces(&labels, None);
                let _ =
                    writeln!(out, "{name}_sum{labels} {}\n{name}_count{labels} {}", histogram.sum(), histogram.count());
            }
        }
    }
}

/// A bound as a label has it.
pub(crate) fn bound_text(bound: f64) -> String {
    if bound.is_infinite() { "+Inf".to_owned() } else { format!("{bound:?}") }
}

fn labels(attributes: &Attributes) -> Vec<String> {
    let escaped = |text: String| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let label = |name: &str, value: String| format!("{}=\"{}\"", prometheus_word(name), escaped(value));
    attributes.iter().map(|(name, value)| label(name, value.to_string())).collect()
}

fn braces(labels: &[String], bound: Option<&str>) -> String {
    let mut all = labels.join(",");
    if let Some(bound) = bound {
        let comma = if labels.is_empty() { "" } else { "," };
        let _ = write!(all, "{comma}le=\"{bound}\"");
    }
    if all.is_empty() { all } else { format!("{{{all}}}") }
}
