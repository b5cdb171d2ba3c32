//! Reads a target's own metrics while it is under load.

mod known;
mod parse;
mod reader;

pub use parse::{Line, MetricKind, parse};
pub use reader::{Reading, ScrapeOptions, Scraper};
