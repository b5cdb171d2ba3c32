//! What a run tells while it goes, in the protocols of others, and what it reads from its target in theirs: Prometheus
//! (scraped, and remote write), OpenTelemetry (OTLP over HTTP), and the reader of a target's own `/metrics`.
//!
//! A [`Collector`] turns samples into counters and histograms; a [`Snapshot`] of it is what goes out. Everything that
//! waits for a network does so on a thread of its own, which measuring threads and the writer's never wait for.

mod collector;
mod endpoint;
mod histogram;
mod k6;
mod metric;
mod otel;
mod otlp;
mod proto;
mod push;
mod remote_write;
mod scrape;
mod serve;
mod text;
mod thread;

pub use collector::{Collector, Progress, RequestFacts, RunFacts};
pub use endpoint::{Endpoint, EndpointError, percent_decode};
pub use histogram::{Histogram, TIME_BOUNDS, TOKEN_BOUNDS};
pub use metric::{Attribute, Attributes, Family, Kind, Point, Snapshot, Unit, Value};
pub use push::{Protocol, Pusher};
pub use scrape::{Line, MetricKind, Reading, ScrapeOptions, Scraper, parse as parse_page};
pub use serve::{ScrapeServer, parse_listen};
pub use text::page;
pub use thread::{Latest, Told};
