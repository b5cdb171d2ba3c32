//! OTLP over HTTP: an `ExportMetricsServiceRequest` in Protocol Buffers, histograms exponential and everything
//! cumulative. Field numbers are those of opentelemetry-proto 1.x.

use crate::histogram::{Histogram, SCALE};
use crate::metric::{Attribute, Attributes, Family, Kind, Point, Snapshot, Value};
use crate::proto::Message;
use std::time::Duration;

const CUMULATIVE: i64 = 2;

/// A request's body. `resource` describes who sends it.
pub(crate) fn body(snapshot: &Snapshot, resource: &[(String, String)]) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |metrics| {
        metrics.message(1, |out| {
            for (key, value) in resource {
                out.message(1, |pair| {
                    pair.text(1, key);
                    pair.message(2, |any| any.text(1, value));
                });
            }
        });
        metrics.message(2, |scope| {
            scope.message(1, |name| {
                name.text(1, "plimsoll");
                name.text(2, env!("CARGO_PKG_VERSION"));
            });
            for family in &snapshot.families {
                scope.message(2, |metric| write_family(metric, family, snapshot));
            }
        });
    });
    request.into_bytes()
}

fn write_family(metric: &mut Message, family: &Family, snapshot: &Snapshot) {
    metric.text(1, &family.name);
    metric.text(2, family.help);
    metric.text(3, family.unit.ucum());
    let field = match family.kind {
        Kind::Gauge => 5,
        Kind::Counter => 7,
        Kind::Histogram => 10,
    };
    metric.message(field, |data| {
        for point in &family.points {
            data.message(1, |out| write_point(out, point, snapshot));
        }
        match family.kind {
            Kind::Gauge => {}
            Kind::Counter => {
                data.int(2, CUMULATIVE);
                data.int(3, 1);
            }
            Kind::Histogram => data.int(2, CUMULATIVE),
        }
    });
}

fn write_point(out: &mut Message, point: &Point, snapshot: &Snapshot) {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    match &point.value {
        Value::Number(value) => {
            out.fixed(2, nanos(snapshot.start));
            out.fixed(3, nanos(snapshot.at));
            out.double(4, *value);
            write_attributes(out, 7, &point.attributes);
        }
        Value::Histogram(histogram) => {
            write_attributes(out, 1, &point.attributes);
            out.fixed(2, nanos(snapshot.start));
            out.fixed(3, nanos(snapshot.at));
            write_histogram(out, histogram);
        }
    }
}

fn write_histogram(out: &mut Message, histogram: &Histogram) {
    out.fixed(4, histogram.count());
    out.double(5, histogram.sum());
    out.signed(6, SCALE);
    out.fixed(7, histogram.zeros());
    let (offset, counts) = histogram.exponential();
    if !counts.is_empty() {
        out.message(8, |buckets| {
            buckets.signed(1, offset);
            buckets.packed(2, counts);
        });
    }
    if let Some((min, max)) = histogram.range() {
        out.double(12, min);
        out.double(13, max);
    }
}

fn write_attributes(out: &mut Message, field: u32, attributes: &Attributes) {
    for (key, value) in attributes {
        out.message(field, |pair| {
            pair.text(1, key);
            pair.message(2, |any| match value {
                Attribute::Text(text) => any.text(1, text),
                Attribute::Int(number) => any.int(3, *number),
            });
        });
    }
}
