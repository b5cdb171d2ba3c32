//! The page: one HTML file that shows a run, as a report on disk and live from a small server.
//!
//! Its source is `dashboard/`; the build script makes it into one file, which is embedded here.

mod page;

pub use page::{has_charts, live, page, report};
