//! The names of k6's remote write output, so that boards made for it show our runs: counters, and gauges with the
//! statistics of a trend over the whole run so far.

use crate::Histogram;
use crate::collector::{Collector, Key, Series};
use crate::metric::{Attributes, Family, Kind, Snapshot, Unit};
use plimsoll_model::Outcome;
use std::time::Duration;

const PLAIN: Unit = Unit::Count("");

/// The trends: k6's name, what it is, where it comes from.
type Trend = (&'static str, &'static str, fn(&Series) -> &Histogram);
const TRENDS: &[Trend] = &[
    ("k6_http_req_duration", "From the actual send to the complete answer, in seconds.", |series| &series.duration),
    ("k6_http_req_waiting", "From the send to the head of the answer, in seconds.", |series| &series.first_byte),
    ("k6_http_req_connecting", "Opening connections, in seconds.", |series| &series.connect),
    ("k6_iteration_duration", "From the intended start to the complete answer, in seconds.", |series| &series.response),
];

impl Collector {
    /// Everything counted so far under k6's names; the warm-up is left out. `at` is the wall clock, since the Unix epoch.
    pub fn k6(&self, at: Duration) -> Snapshot {
        let mut families = vec![self.k6_requests(), self.k6_failed()];
        for trend in TRENDS {
            families.extend(self.k6_trend(trend));
        }
        let measured = || self.series.iter().filter(|(key, _)| !key.warmup).map(|(_, series)| series);
        let (started, dropped) = self.iterations();
        for (name, help, value) in [
            ("k6_data_sent", "Body bytes sent.", measured().map(|series| series.bytes_sent).sum()),
            ("k6_data_received", "Body bytes received.", measured().map(|series| series.bytes_received).sum()),
            ("k6_iterations", "Iterations that were started.", started),
            ("k6_dropped_iterations", "Iterations that found no free user.", dropped),
        ] {
            families.push(self.k6_one(name, help, Kind::Counter, value as f64));
        }
        if let Some(users) = self.progress.users {
            families.push(self.k6_one("k6_vus", "Users at work.", Kind::Gauge, f64::from(users)));
            families.push(self.k6_one("k6_vus_max", "Most users so far.", Kind::Gauge, f64::from(self.most_users)));
        }
        families.retain(|family| !family.points.is_empty());
        Snapshot { start: self.facts.start, at, families }
    }

    fn k6_one(&self, name: &'static str, help: &'static str, kind: Kind, value: f64) -> Family {
        let mut family = Family::new(name, help, PLAIN, kind);
        family.number(vec![("testid", self.facts.run.as_str().into())], value);
        family
    }

    fn measured(&self) -> impl Iterator<Item = (&Key, &Series)> {
        self.series.iter().filter(|(key, _)| !key.warmup)
    }

    fn k6_requests(&self) -> Family {
        let mut family = Family::new("k6_http_reqs", "Requests.", PLAIN, Kind::Counter);
        for (key, series) in self.measured() {
            family.number(self.k6_labels(key), series.duration.count() as f64);
        }
        family
    }

    fn k6_failed(&self) -> Family {
        let help = "Share of the requests that failed, 0 to 1.";
        let mut family = Family::new("k6_http_req_failed_rate", help, PLAIN, Kind::Gauge);
        for (key, _) in self.measured() {
            family.number(self.k6_labels(key), f64::from(u8::from(!key.outcome.is_ok())));
        }
        family
    }

    fn k6_trend(&self, (name, help, pick): &Trend) -> Vec<Family> {
        let quantile = |q| move |histogram: &Histogram| histogram.quantile(q);
        type Stat<'a> = (&'a str, Box<dyn Fn(&Histogram) -> Option<f64>>);
        let stats: [Stat<'_>; 8] = [
            ("min", Box::new(|histogram| Some(histogram.range()?.0))),
            ("max", Box::new(|histogram| Some(histogram.range()?.1))),
            ("avg", Box::new(|histogram| (histogram.count() > 0).then(|| histogram.sum() / histogram.count() as f64))),
            ("med", Box::new(quantile(0.5))),
            ("p50", Box::new(quantile(0.5))),
            ("p90", Box::new(quantile(0.9))),
            ("p95", Box::new(quantile(0.95))),
            ("p99", Box::new(quantile(0.99))),
        ];
        let of = |stat: &Stat<'_>| {
            let mut family = Family::new(format!("{name}_{}", stat.0), help, PLAIN, Kind::Gauge);
            for (key, series) in self.measured() {
                if let Some(value) = (stat.1)(pick(series)) {
                    family.number(self.k6_labels(key), value);
                }
            }
            family
        };
        stats.iter().map(of).collect()
    }

    fn k6_labels(&self, key: &Key) -> Attributes {
        let mut labels: Attributes = vec![
            ("name", key.name.as_ref().into()),
            ("testid", self.facts.run.as_str().into()),
            ("scenario", self.facts.name.as_str().into()),
            ("expected_response", if key.outcome.is_ok() { "true" } else { "false" }.into()),
        ];
        if let Some(method) = self.request(key).and_then(|facts| facts.method.as_deref()) {
            labels.push(("method", method.into()));
        }
        labels.push(("status", key.status.map_or_else(|| "0".to_owned(), |status| status.to_string()).as_str().into()));
        if let Outcome::Failed(class) = key.outcome {
            labels.push(("error_code", class.as_str().into()));
        }
        labels
    }
}
