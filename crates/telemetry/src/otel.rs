//! The names of OpenTelemetry's semantic conventions (HTTP client: stable; generative AI: in development, taken over as
//! of November 2026), and `loadtest.*` for what they do not know.

use crate::Histogram;
use crate::collector::{Collector, Key, RequestFacts, Series};
use crate::metric::{Attribute, Attributes, Family, Kind, Point, Snapshot, Unit, Value};
use plimsoll_model::Outcome;
use std::time::Duration;

const REQUESTS: Unit = Unit::Count("{request}");
const ITERATIONS: Unit = Unit::Count("{iteration}");

/// Picks a histogram of a series.
type Pick = fn(&Series) -> &Histogram;

/// Histograms that every request has.
const OF_ALL: &[(&str, &str, Pick)] = &[
    ("http.client.request.duration", "From the actual send to the complete answer.", |series| &series.duration),
    ("loadtest.response.duration", "From the intended start to the complete answer.", |series| &series.response),
    ("loadtest.schedule.lag", "From the intended start to the actual send: the generator's own delay.", |series| {
        &series.lag
    }),
    ("loadtest.connect.duration", "Opening connections, of requests that had to.", |series| &series.connect),
    ("loadtest.first_byte.duration", "From the send to the head of the answer.", |series| &series.first_byte),
];

/// Histograms of requests to generative models.
const OF_MODELS: &[(&str, &str, Pick)] = &[
    ("gen_ai.client.operation.duration", "From the actual send to the complete answer.", |series| &series.duration),
    ("gen_ai.client.operation.time_to_first_chunk", "From the send to the first chunk with content.", |series| {
        &series.first_chunk
    }),
    ("gen_ai.client.operation.time_per_output_chunk", "Gaps between chunks with content, each for itself.", |series| {
        &series.gaps
    }),
];

impl Collector {
    /// Everything counted so far under OpenTelemetry's names. `at` is the wall clock, since the Unix epoch.
    pub fn otel(&self, at: Duration) -> Snapshot {
        let mut families = vec![self.info(), self.counts()];
        families.push(self.cancelled());
        for (name, help, pick) in OF_ALL {
            families.push(self.histograms(name, help, *pick, |key| Some(self.http(key))));
        }
        for (name, help, pick) in OF_MODELS {
            families.push(self.histograms(name, help, *pick, |key| self.model(key)));
        }
        families.push(self.tokens());
        families.push(self.bytes("loadtest.sent", "Body bytes sent.", |series| series.bytes_sent));
        families.push(self.bytes("loadtest.received", "Body bytes received.", |series| series.bytes_received));
        families.extend(self.load());
        families.push(self.thresholds());
        families.retain(|family| !family.points.is_empty());
        Snapshot { start: self.facts.start, at, families }
    }

    fn info(&self) -> Family {
        let mut family = Family::new("loadtest.info", "What runs.", Unit::Count(""), Kind::Gauge);
        let facts = &self.facts;
        let attributes = vec![
            ("loadtest.run", facts.run.as_str().into()),
            ("loadtest.name", facts.name.as_str().into()),
            ("loadtest.target", facts.target.as_str().into()),
            ("loadtest.version", env!("CARGO_PKG_VERSION").into()),
        ];
        family.number(attributes, 1.0);
        family
    }

    fn counts(&self) -> Family {
        let help = "Requests that ended by themselves, by outcome.";
        let mut family = Family::new("loadtest.requests", help, REQUESTS, Kind::Counter);
        // One series for each outcome: statuses are told by the histogram of durations.
        for (key, series) in &self.series {
            let attributes = with_outcome(self.named(key), key);
            let count = series.duration.count() as f64;
            match family.points.iter_mut().find(|point| point.attributes == attributes) {
                Some(Point { value: Value::Number(sum), .. }) => *sum += count,
                _ => family.number(attributes, count),
            }
        }
        family
    }

    fn cancelled(&self) -> Family {
        let help = "Requests given up because the run was stopped; in no other figure.";
        let mut family = Family::new("loadtest.requests.cancelled", help, REQUESTS, Kind::Counter);
        for (name, count) in &self.cancelled {
            family.number(vec![("loadtest.request.name", name.as_ref().into())], *count as f64);
        }
        family
    }

    fn histograms(
        &self,
        name: &'static str,
        help: &'static str,
        pick: Pick,
        attributes: impl Fn(&Key) -> Option<Attributes>,
    ) -> Family {
        let mut family = Family::new(name, help, Unit::Seconds, Kind::Histogram);
        for (key, series) in &self.series {
            let histogram = pick(series);
            if let Some(attributes) = attributes(key).filter(|_| histogram.count() > 0) {
                family.points.push(Point { attributes, value: Value::Histogram(histogram.clone()) });
            }
        }
        family
    }

    fn tokens(&self) -> Family {
        let help = "Tokens of a request.";
        let mut family = Family::new("gen_ai.client.token.usage", help, Unit::Count("{token}"), Kind::Histogram);
        for (key, series) in &self.series {
            let Some(attributes) = self.model(key) else { continue };
            for (word, histogram) in [("input", &series.input_tokens), ("output", &series.output_tokens)] {
                if histogram.count() > 0 {
                    let mut attributes = attributes.clone();
                    attributes.push(("gen_ai.token.type", word.into()));
                    family.points.push(Point { attributes, value: Value::Histogram(histogram.clone()) });
                }
            }
        }
        family
    }

    fn bytes(&self, name: &'static str, help: &'static str, pick: fn(&Series) -> u64) -> Family {
        let mut family = Family::new(name, help, Unit::Bytes, Kind::Counter);
        let total: u64 = self.series.values().map(pick).sum();
        if !self.series.is_empty() {
            family.number(Vec::new(), total as f64);
        }
        family
    }

    fn load(&self) -> Vec<Family> {
        let (started, dropped) = self.iterations();
        let one = |name: &'static str, help, unit, kind, value: f64| {
            let mut family = Family::new(name, help, unit, kind);
            family.number(Vec::new(), value);
            family
        };
        let stage = "Which tier or level goes on, from 1.";
        let mut families =
            vec![one("loadtest.stage", stage, Unit::Count("{stage}"), Kind::Gauge, f64::from(self.stage))];
        if let Some(users) = self.progress.users {
            let help = "Users at work, or arrivals under way.";
            families.push(one("loadtest.users", help, Unit::Count("{user}"), Kind::Gauge, f64::from(users)));
        }
        if started + dropped > 0 {
            let scheduled = "Iterations that were due.";
            let help = "Iterations that were started.";
            let lost = "Iterations that found no free user.";
            for (name, help, value) in [
                ("loadtest.arrivals.scheduled", scheduled, started + dropped),
                ("loadtest.arrivals.started", help, started),
                ("loadtest.arrivals.dropped", lost, dropped),
            ] {
                families.push(one(name, help, ITERATIONS, Kind::Counter, value as f64));
            }
        }
        families
    }

    fn thresholds(&self) -> Family {
        let help = "1 while the rule holds for the stage so far, else 0.";
        let mut family = Family::new("loadtest.threshold.ok", help, Unit::Count(""), Kind::Gauge);
        for (rule, ok) in &self.rules {
            family.number(vec![("loadtest.threshold", rule.as_str().into())], f64::from(u8::from(*ok)));
        }
        family
    }

    fn named(&self, key: &Key) -> Attributes {
        let phase = if key.warmup { "warmup" } else { "measured" };
        vec![("loadtest.phase", phase.into()), ("loadtest.request.name", key.name.as_ref().into())]
    }

    fn http(&self, key: &Key) -> Attributes {
        let mut attributes = self.named(key);
        if let Some(method) = self.request(key).and_then(|facts| facts.method.as_deref()) {
            attributes.push(("http.request.method", method.into()));
        }
        if let Some(status) = key.status {
            attributes.push(("http.response.status_code", Attribute::Int(status.into())));
        }
        self.server(&mut attributes);
        with_error(attributes, key)
    }

    fn model(&self, key: &Key) -> Option<Attributes> {
        let facts = self.request(key)?;
        let mut attributes = self.named(key);
        attributes.push(("gen_ai.operation.name", facts.operation?.into()));
        if let Some(provider) = facts.provider {
            attributes.push(("gen_ai.provider.name", provider.into()));
        }
        if let Some(model) = &facts.model {
            attributes.push(("gen_ai.request.model", model.as_str().into()));
        }
        self.server(&mut attributes);
        if let Some(status) = key.status {
            attributes.push(("http.response.status_code", Attribute::Int(status.into())));
        }
        Some(with_error(attributes, key))
    }

    fn server(&self, attributes: &mut Attributes) {
        if !self.facts.host.is_empty() {
            attributes.push(("server.address", self.facts.host.as_str().into()));
            attributes.push(("server.port", Attribute::Int(self.facts.port.into())));
        }
    }

    pub(crate) fn request(&self, key: &Key) -> Option<&RequestFacts> {
        self.facts.requests.get(key.name.as_ref())
    }
}

/// `error.type` is there for failures alone.
fn with_error(mut attributes: Attributes, key: &Key) -> Attributes {
    if let Outcome::Failed(class) = key.outcome {
        attributes.push(("error.type", class.as_str().into()));
    }
    attributes
}

fn with_outcome(mut attributes: Attributes, key: &Key) -> Attributes {
    attributes.push(("loadtest.outcome", key.outcome.as_str().into()));
    attributes
}
