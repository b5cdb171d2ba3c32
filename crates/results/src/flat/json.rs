//! JSON: one array of objects, or one object a line. What is not known has no key.

use super::{COLUMNS, Cell, FlatRow, FlatWriter};
use serde::ser::{SerializeMap, Serializer};
use std::io::{self, Write};

/// How objects are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonLayout {
    /// `[{…},\n{…}]`
    Array,
    /// One a line.
    Lines,
}

/// Writes JSON.
pub struct JsonWriter<W> {
    out: W,
    layout: JsonLayout,
    begun: bool,
}

impl<W: Write> JsonWriter<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W, layout: JsonLayout) -> Self {
        Self { out, layout, begun: false }
    }
}

impl<W: Write> FlatWriter for JsonWriter<W> {
    fn row(&mut self, row: &FlatRow) -> io::Result<()> {
        if self.layout == JsonLayout::Array {
            self.out.write_all(if self.begun { b",\n" } else { b"[" })?;
        }
        self.begun = true;
        let mut object = serde_json::Serializer::new(&mut self.out);
        let mut map = object.serialize_map(None)?;
        for (column, cell) in COLUMNS.iter().zip(row.cells()) {
            match cell {
                Cell::Null => {}
                Cell::Bool(value) => map.serialize_entry(column.name, &value)?,
                Cell::Int(value) => map.serialize_entry(column.name, &value)?,
                Cell::Float(value) => map.serialize_entry(column.name, &value)?,
                Cell::Text(value) => map.serialize_entry(column.name, value)?,
            }
        }
        map.end()?;
        if self.layout == JsonLayout::Lines { self.out.write_all(b"\n") } else { Ok(()) }
    }

    fn finish(&mut self) -> io::Result<()> {
        match (self.layout, self.begun) {
            (JsonLayout::Array, true) => self.out.write_all(b"]\n")?,
            (JsonLayout::Array, false) => self.out.write_all(b"[]\n")?,
            (JsonLayout::Lines, _) => {}
        }
        self.out.flush()
    }
}
