//! Comma-separated values (RFC 4180): a head with the names, then a line for each sample.

use super::{COLUMNS, Cell, FlatRow, FlatWriter};
use std::io::{self, Write};

/// Writes CSV.
pub struct CsvWriter<W> {
    out: W,
    begun: bool,
}

impl<W: Write> CsvWriter<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Self { out, begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.out.write_all(COLUMNS.map(|column| column.name).join(",").as_bytes())?;
        self.out.write_all(b"\n")
    }
}

impl<W: Write> FlatWriter for CsvWriter<W> {
    fn row(&mut self, row: &FlatRow) -> io::Result<()> {
        self.begin()?;
        for (index, cell) in row.cells().into_iter().enumerate() {
            if index > 0 {
                self.out.write_all(b",")?;
            }
            match cell {
                Cell::Null => {}
                Cell::Bool(value) => write!(self.out, "{value}")?,
                Cell::Int(value) => write!(self.out, "{value}")?,
                Cell::Float(value) => write!(self.out, "{value}")?,
                Cell::Text(text) if text.contains(['"', ',', '\n', '\r']) => {
                    write!(self.out, "\"{}\"", text.replace('"', "\"\""))?;
                }
                Cell::Text(text) => self.out.write_all(text.as_bytes())?,
            }
        }
        self.out.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.begin()?;
        self.out.flush()
    }
}
