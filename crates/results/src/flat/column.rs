//! The columns.

/// What a column holds. Any of them may be empty in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A text.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Yes or no.
    Bool,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name; `_s` and `_ms` at its end are units.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnType,
}

const fn column(name: &'static str, kind: ColumnType) -> Column {
    Column { name, kind }
}

/// All columns, in their order. What they mean is in `docs/src/exporters.md`.
pub const COLUMNS: [Column; 41] = {
    use ColumnType::{Bool, Float, Int, Text};
    [
        column("stage", Text),
        column("stage_number", Int),
        column("users", Int),
        column("name", Text),
        column("user", Int),
        column("iteration", Int),
        column("warmup", Bool),
        column("intended_s", Float),
        column("sent_s", Float),
        column("end_s", Float),
        column("response_ms", Float),
        column("latency_ms", Float),
        column("send_lag_ms", Float),
        column("connect_ms", Float),
        column("first_byte_ms", Float),
        column("ttft_ms", Float),
        column("last_chunk_ms", Float),
        column("gap_mean_ms", Float),
        column("gap_max_ms", Float),
        column("tpot_ms", Float),
        column("chunks", Int),
        column("outcome", Text),
        column("success", Bool),
        column("status", Int),
        column("error", Text),
        column("bytes_sent", Int),
        column("bytes_received", Int),
        column("input_tokens", Int),
        column("output_tokens", Int),
        column("reasoning_tokens", Int),
        column("cached_tokens", Int),
        column("token_source", Text),
        column("retries", Int),
        column("reconnects", Int),
        column("cold", Bool),
        column("cached", Bool),
        column("upload_ms", Float),
        column("join_ms", Float),
        column("queue_wait_ms", Float),
        column("run_ms", Float),
        column("id", Text),
    ]
};

#[cfg(test)]
mod tests {
    use super::super::{Cell, FlatRow};
    use super::*;

    #[test]
    fn every_value_is_of_its_columns_kind() {
        let row = FlatRow {
            intended_s: Some(1.0),
            status: Some(200),
            error: Some("e".to_owned()),
            output_tokens: Some(1),
            token_source: Some("server"),
            id: Some("i".to_owned()),
            ..FlatRow::default()
        };
        for (cell, column) in row.cells().iter().zip(&COLUMNS) {
            let kind = match cell {
                Cell::Null => continue,
                Cell::Bool(_) => ColumnType::Bool,
                Cell::Int(_) => ColumnType::Int,
                Cell::Float(_) => ColumnType::Float,
                Cell::Text(_) => ColumnType::Text,
            };
            assert_eq!(kind, column.kind, "{}", column.name);
        }
    }

    #[test]
    fn every_column_is_documented() {
        let page = include_str!("../../../../docs/src/exporters.md");
        for column in COLUMNS {
            assert!(page.contains(&format!("`{}`", column.name)), "{} is not in exporters.md", column.name);
        }
    }
}
