//! Every sample of a run as one flat table: the same columns for a Gradio app, an API and a directory of hf-perftest.

mod column;
mod csv;
mod json;
#[cfg(feature = "parquet")]
mod parquet;
mod read;
mod row;

pub use column::{COLUMNS, Column, ColumnType};
pub use csv::CsvWriter;
pub use json::{JsonLayout, JsonWriter};
#[cfg(feature = "parquet")]
pub use parquet::ParquetWriter;
pub use read::{FlatReport, read_flat};
pub use row::{Cell, FlatRow};

use crate::ResultsError;
use std::path::Path;

/// A form of the table.
pub trait FlatWriter {
    /// Adds a row.
    ///
    /// # Errors
    /// What the file below says.
    fn row(&mut self, row: &FlatRow) -> std::io::Result<()>;

    /// Writes what ends the table.
    ///
    /// # Errors
    /// As [`FlatWriter::row`].
    fn finish(&mut self) -> std::io::Result<()>;
}

/// An error of the file that a table goes to.
pub fn write_error(path: &Path, reason: std::io::Error) -> ResultsError {
    ResultsError::io("write", path, reason)
}
