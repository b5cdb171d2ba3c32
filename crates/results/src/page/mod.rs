//! What `report.html` and the live page show of a run, as one object.

mod apply;
mod column;
mod distribution;
mod edges;
mod facts;
mod model;
mod of_comparison;
mod of_level;
mod of_run;
mod of_tier;
mod parts;
mod row;
mod rows;
mod tiles;

pub use column::{Column, Named};
pub use model::*;
pub use parts::StageParts;
pub use rows::{Rows, TimeBasis};
pub use tiles::tiles;
