//! What `report.html` and the live page show of a run, as one object.

mod apply;
mod column;
mod edges;
mod model;
mod row;
mod rows;

pub use column::{Column, Named};
pub use model::*;
pub use rows::{Rows, TimeBasis};
