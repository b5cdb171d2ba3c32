//! The page: one HTML file that shows a run, as a report on disk and live from a small server.
//!
//! Its source is `dashboard/`; the build script makes it into one file, which is embedded here.

mod page;
mod serve;

pub use page::{has_charts, live, page, report};
pub use serve::{Actions, DEFAULT_PORT, Feed, LONGEST_NOTE, Listener, LiveServer, WebAddress, WebError};
