//! Parquet: row groups of bounded size, compressed with Zstandard, every column optional.

use super::{COLUMNS, Cell, ColumnType, FlatRow, FlatWriter};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::io::{self, Write};
use std::sync::Arc;

/// Rows of a group, all of which are in memory at a time: some 10 MB.
const GROUP: usize = 50_000;

/// Writes Parquet.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Values>,
    rows: usize,
}

/// The values of a column in a group, and for each row whether there is one.
struct Values {
    there: Vec<i16>,
    values: Typed,
}

enum Typed {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Writes to `out`.
    ///
    /// # Errors
    /// What `out` says.
    pub fn new(out: W) -> io::Result<Self> {
        let fields = COLUMNS.iter().map(|column| {
            let physical = match column.kind {
                ColumnType::Bool => Physical::BOOLEAN,
                ColumnType::Int => Physical::INT64,
                ColumnType::Float => Physical::DOUBLE,
                ColumnType::Text => Physical::BYTE_ARRAY,
            };
            let builder = Type::primitive_type_builder(column.name, physical).with_repetition(Repetition::OPTIONAL);
            let text = column.kind == ColumnType::Text;
            builder.with_logical_type(text.then_some(LogicalType::String)).build().map(Arc::new)
        });
        let fields = fields.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let schema = Type::group_type_builder("sample").with_fields(fields).build().map_err(failed)?;
        let level = ZstdLevel::try_new(3).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        Ok(Self { file, columns: COLUMNS.iter().map(|column| Values::new(column.kind)).collect(), rows: 0 })
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        let mut columns = self.columns.iter_mut();
        while let (Some(mut writer), Some(column)) = (group.next_column()?, columns.next()) {
            let there = Some(column.there.as_slice());
            match (writer.untyped(), &column.values) {
                (ColumnWriter::BoolColumnWriter(out), Typed::Bool(values)) => out.write_batch(values, there, None)?,
                (ColumnWriter::Int64ColumnWriter(out), Typed::Int(values)) => out.write_batch(values, there, None)?,
                (ColumnWriter::DoubleColumnWriter(out), Typed::Float(values)) => {
                    out.write_batch(values, there, None)?
                }
                (ColumnWriter::ByteArrayColumnWriter(out), Typed::Text(values)) => {
                    out.write_batch(values, there, None)?
                }
                _ => return Err(ParquetError::General("a column is not of its kind".to_owned())),
            };
            writer.close()?;
            column.clear();
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl Values {
    fn new(kind: ColumnType) -> Self {
        let values = match kind {
            ColumnType::Bool => Typed::Bool(Vec::new()),
            ColumnType::Int => Typed::Int(Vec::new()),
            ColumnType::Float => Typed::Float(Vec::new()),
            ColumnType::Text => Typed::Text(Vec::new()),
        };
        Self { there: Vec::new(), values }
    }

    fn push(&mut self, cell: Cell<'_>) {
        self.there.push(i16::from(cell != Cell::Null));
        match (&mut self.values, cell) {
            (Typed::Bool(values), Cell::Bool(value)) => values.push(value),
            (Typed::Int(values), Cell::Int(value)) => values.push(value),
            (Typed::Float(values), Cell::Float(value)) => values.push(value),
            (Typed::Text(values), Cell::Text(value)) => values.push(value.into()),
            // A null has no value; a cell is of its column's kind, which a test sees to.
            _ => {}
        }
    }

    fn clear(&mut self) {
        self.there.clear();
        match &mut self.values {
            Typed::Bool(values) => values.clear(),
            Typed::Int(values) => values.clear(),
            Typed::Float(values) => values.clear(),
            Typed::Text(values) => values.clear(),
        }
    }
}

impl<W: Write + Send> FlatWriter for ParquetWriter<W> {
    fn row(&mut self, row: &FlatRow) -> io::Result<()> {
        self.columns.iter_mut().zip(row.cells()).for_each(|(column, cell)| column.push(cell));
        self.rows += 1;
        if self.rows < GROUP { Ok(()) } else { self.end_group().map_err(failed) }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_group().map_err(failed)?;
        self.file.finish().map(drop).map_err(failed)
    }
}

/// The system's own error where there is one inside: a full disk must be known as such.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(inner) => *inner,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn comes_back_in_groups() {
        let mut bytes = Vec::new();
        let mut writer = ParquetWriter::new(&mut bytes).unwrap();
        for user in 0..GROUP as u32 + 1 {
            let error = (user == 1).then(|| "é, \"x\"".to_owned());
            writer.row(&FlatRow { user, error, response_ms: Some(0.5), ..FlatRow::default() }).unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(file.metadata().num_row_groups(), 2);
        let rows: Vec<_> = file.get_row_iter(None).unwrap().take(2).map(Result::unwrap).collect();
        let text = rows[1].to_string();
        assert!(text.contains("user: 1,") && text.contains("é, \"x\"") && text.contains("status: null"), "{text}");
        assert!(text.contains("response_ms: 0.5"), "{text}");
    }
}
