//! Prometheus remote write 1.0: <https://prometheus.io/docs/specs/prw/remote_write_spec/>.

use crate::metric::{Attributes, Family, Kind, Snapshot, Value, prometheus_word};
use crate::proto::Message;
use crate::text::bound_text;

/// Labels that every series gets.
pub(crate) type Common = [(&'static str, String)];

/// A request's body: a `WriteRequest`, compressed.
pub(crate) fn body(snapshot: &Snapshot, common: &Common) -> Vec<u8> {
    let plain = write_request(snapshot, common);
    // The block format takes anything up to 4 GiB.
    snap::raw::Encoder::new().compress_vec(&plain).unwrap_or_default()
}

fn write_request(snapshot: &Snapshot, common: &Common) -> Vec<u8> {
    let millis = i64::try_from(snapshot.at.as_millis()).unwrap_or(i64::MAX);
    let mut request = Message::default();
    for family in &snapshot.families {
        write_family(&mut request, family, common, millis);
    }
    for family in &snapshot.families {
        request.message(3, |metadata| {
            let kind = match family.kind {
                Kind::Counter => 1,
                Kind::Gauge => 2,
                Kind::Histogram => 3,
            };
            metadata.int(1, kind);
            metadata.text(2, &family.prometheus_name());
            metadata.text(4, family.help);
        });
    }
    request.into_bytes()
}

fn write_family(request: &mut Message, family: &Family, common: &Common, millis: i64) {
    let name = family.prometheus_name();
    let mut series = |name: String, attributes: &Attributes, bound: Option<String>, value: f64| {
        let mut labels: Vec<(String, String)> =
            attributes.iter().map(|(name, value)| (prometheus_word(name), value.to_string())).collect();
        labels.extend(common.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        labels.push(("__name__".to_owned(), name));
        labels.extend(bound.map(|bound| ("le".to_owned(), bound)));
        // Receivers may refuse labels that are not sorted, or empty.
        labels.retain(|(_, value)| !value.is_empty());
        labels.sort();
        request.message(1, |one| {
            for (name, value) in &labels {
                one.message(1, |label| {
                    label.text(1, name);
                    label.text(2, value);
                });
            }
            one.message(2, |sample| {
                sample.double(1, value);
                sample.int(2, millis);
            });
        });
    };
    for point in &family.points {
        match &point.value {
            Value::Number(value) => series(name.clone(), &point.attributes, None, *value),
            Value::Histogram(histogram) => {
                for (bound, count) in histogram.cumulative() {
                    series(format!("{name}_bucket"), &point.attributes, Some(bound_text(bound)), count as f64);
                }
                series(format!("{name}_sum"), &point.attributes, None, histogram.sum());
                series(format!("{name}_count"), &point.attributes, None, histogram.count() as f64);
            }
        }
    }
}
