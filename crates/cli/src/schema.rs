//! The tree of a run directory, as `plimsoll result-schema` prints it.

/// What a run directory holds: one line for each file, then the keys of `summary.json`.
pub(crate) const RESULT_SCHEMA: &str = include_str!("result_schema.txt");
