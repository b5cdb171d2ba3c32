//! Scenario files: TOML is read into a [`Scenario`], mistakes are shown where they stand, defaults are filled in, and
//! a scenario made of command-line options is written back as a file.
//!
//! ```text
//! text --parse--> Scenario --resolve(Overrides)--> Scenario (seed and names set) + ApiLoad
//! ```

mod error;
mod explain;
mod load;
mod near;
mod overrides;
mod read;
mod resolve;
mod schema;
mod secrets;
mod tasks;
mod template;
mod thresholds;
mod tree;
mod write;

pub use error::ScenarioError;
pub use near::nearest;
pub use overrides::{Overrides, threshold_specs};
pub use read::{parse, read};
pub use resolve::{request_name, resolve};
pub use schema::schema;
pub use secrets::{is_secret_name, is_variable_name};
pub use tasks::{ExampleInputs, task_names};
pub use template::{KINDS, template};
pub use thresholds::{rule_problem, threshold_lines, thresholds};
pub use write::to_toml;

#[doc(no_inline)]
pub use plimsoll_model::scenario::{Problem, Scenario};
