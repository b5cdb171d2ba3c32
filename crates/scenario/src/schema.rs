//! The JSON schema of scenario files, for editors.

use plimsoll_model::scenario::Scenario;
use serde_json::Value;

/// The JSON schema of a scenario file, indented.
pub fn schema() -> String {
    format!("{:#}", value())
}

/// The same as a value.
pub(crate) fn value() -> Value {
    schemars::schema_for!(Scenario).to_value()
}
