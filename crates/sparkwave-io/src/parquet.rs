//! Tables as Apache Parquet, for programs that read columns.

use crate::atomic::AtomicFile;
use crate::error::Error;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use sparkwave_core::table::{Column, Table, Value};
use std::path::Path;
use std::sync::Arc;

/// What a column is stored as: the narrowest type that holds all of its values.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Int,
    Float,
    Bool,
    Text,
}

/// Writes a table; unknown values are nulls. Whole numbers are `INT64`, measurements `DOUBLE`, texts UTF-8, packed by
/// zstd. The file appears when it is complete.
///
/// # Errors
/// If the table has no columns or the file cannot be written.
pub fn write_table(table: &Table, path: &Path) -> Result<(), Error> {
    if table.columns().is_empty() {
        return Err(Error::refused("write", path, "a table with columns", "none"));
    }
    let kinds: Vec<Kind> = table.columns().iter().map(kind_of).collect();
    let file = AtomicFile::create(path)?;
    let file = write_columns(table, &kinds, file).map_err(|e| match e {
        parquet::errors::ParquetError::External(e) => match e.downcast::<std::io::Error>() {
            Ok(e) => Error::io("write", path, *e),
            Err(e) => Error::refused("write", path, "a Parquet table", e.to_string()),
        },
        other => Error::refused("write", path, "a Parquet table", other.to_string()),
    })?;
    file.finish()
}

fn write_columns(table: &Table, kinds: &[Kind], file: AtomicFile) -> parquet::errors::Result<AtomicFile> {
    let fields = table.columns().iter().zip(kinds).map(|(column, kind)| field(&column.name, *kind).map(Arc::new));
    let schema = Type::group_type_builder("table").with_fields(fields.collect::<Result<_, _>>()?).build()?;
    // The name of the library's release would make the bytes depend on it.
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("sparkwave".into())
        .build();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    let mut rows = writer.next_row_group()?;
    for (column, kind) in table.columns().iter().zip(kinds) {
        let mut target = rows.next_column()?.ok_or_else(|| parquet::errors::ParquetError::General("columns".into()))?;
        write_values(&column.values, *kind, &mut target)?;
        target.close()?;
    }
    rows.close()?;
    writer.into_inner()
}

fn field(name: &str, kind: Kind) -> parquet::errors::Result<Type> {
    let (physical, logical) = match kind {
        Kind::Int => (Physical::INT64, None),
        Kind::Float => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

fn kind_of(column: &Column) -> Kind {
    let mut kind = None;
    for value in &column.values {
        let this = match value {
            Value::Empty => continue,
            Value::Int(_) => Kind::Int,
            Value::Float(_) => Kind::Float,
            Value::Bool(_) => Kind::Bool,
            Value::Text(_) => Kind::Text,
        };
        kind = Some(match (kind, this) {
            (None, this) => this,
            (Some(kind), this) if kind == this => kind,
            (Some(Kind::Int | Kind::Float), Kind::Int | Kind::Float) => Kind::Float,
            _ => return Kind::Text,
        });
    }
    // Nothing known at all: most such columns hold measurements.
    kind.unwrap_or(Kind::Float)
}

fn write_values(values: &[Value], kind: Kind, target: &mut SerializedColumnWriter<'_>) -> parquet::errors::Result<()> {
    let levels: Vec<i16> = values.iter().map(|value| i16::from(*value != Value::Empty)).collect();
    let known = values.iter().filter(|value| **value != Value::Empty);
    // `kind_of` chose a kind that holds every value, so that none is filtered out here.
    match kind {
        Kind::Int => {
            let numbers = known.filter_map(|v| if let Value::Int(i) = v { Some(*i) } else { None });
            target.typed::<Int64Type>().write_batch(&numbers.collect::<Vec<_>>(), Some(&levels), None)?;
        }
        Kind::Float => {
            let numbers: Vec<f64> = known.filter_map(Value::as_f64).collect();
            target.typed::<DoubleType>().write_batch(&numbers, Some(&levels), None)?;
        }
        Kind::Bool => {
            let flags = known.filter_map(|v| if let Value::Bool(b) = v { Some(*b) } else { None });
            target.typed::<BoolType>().write_batch(&flags.collect::<Vec<_>>(), Some(&levels), None)?;
        }
        Kind::Text => {
            let texts: Vec<ByteArray> = known.map(|v| ByteArray::from(v.to_string().into_bytes())).collect();
            target.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None)?;
        }
    }
    Ok(())
}
