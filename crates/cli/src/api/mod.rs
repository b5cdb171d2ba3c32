//! Runs of scenarios: from the plan to a run directory and tables.

mod level;
mod session;
mod sink;
mod tokens;

pub(crate) mod capacity;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod prepare;
pub(crate) mod run;
