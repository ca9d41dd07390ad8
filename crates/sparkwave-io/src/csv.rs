//! Tables as text: comma-separated, with a header (RFC 4180), UTF-8.

use crate::atomic::AtomicFile;
use crate::error::Error;
use crate::limits::MAX_TABLE_BYTES;
use csv::{ByteRecord, ReaderBuilder, WriterBuilder};
use rayon::prelude::*;
use sparkwave_core::table::{Table, Value};
use std::io::Read;
use std::path::Path;

/// Writes a table: one header line, then one line a row; unknown values are empty.
///
/// Numbers are in the shortest form that reads back to the same number. The file appears when it is complete.
///
/// # Errors
/// If the file cannot be written.
pub fn write_table(table: &Table, path: &Path) -> Result<(), Error> {
    let fail = |e: csv::Error| match e.into_kind() {
        csv::ErrorKind::Io(e) => Error::io("write", path, e),
        other => Error::refused("write", path, "a table", format!("{other:?}")),
    };
    let mut writer = WriterBuilder::new().from_writer(AtomicFile::create(path)?);
    if !table.columns().is_empty() {
        writer.write_record(table.columns().iter().map(|column| column.name.as_bytes())).map_err(fail)?;
    }
    let mut cell = String::new();
    for row in 0..table.n_rows() {
        for column in table.columns() {
            cell.clear();
            // Writing into a string cannot fail.
            let _ = std::fmt::Write::write_fmt(&mut cell, format_args!("{}", column.values[row]));
            writer.write_field(&cell).map_err(fail)?;
        }
        writer.write_record(None::<&[u8]>).map_err(fail)?;
    }
    writer.into_inner().map_err(|e| Error::io("write", path, e.into_error()))?.finish()
}

/// Reads a table with a header line.
///
/// Columns are separated by commas, semicolons or tabs, whichever the header has most of; a byte order mark, line ends of
/// any system and quoted fields are understood. A column whose values are all whole numbers is read as such, then as
/// numbers, as `true`/`false`, or as text; empty fields are [`Value::Empty`]. Text of a column of numbers that is not
/// finite (`nan`, `inf`) is unknown as well.
///
/// # Errors
/// If the file cannot be read, is not UTF-8, has rows of unequal length or two columns of one name.
pub fn read_table(path: &Path) -> Result<Table, Error> {
    let length = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?.len();
    if length > MAX_TABLE_BYTES {
        return Err(Error::limit("read", path, format!("at most {MAX_TABLE_BYTES} bytes"), format!("{length}")));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| Error::io("open", path, e))?;
    // The cap holds for pipes, too, whose length is not known.
    file.take(MAX_TABLE_BYTES).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    parse(text, path)
}

fn parse(text: &[u8], path: &Path) -> Result<Table, Error> {
    let mut reader =
        ReaderBuilder::new().delimiter(separator(text)).has_headers(false).flexible(true).from_reader(text);
    let mut record = ByteRecord::new();
    let bad = |expected: String, found: String| Error::malformed("read", path, expected, found);
    let mut next =
        |record: &mut ByteRecord| reader.read_byte_record(record).map_err(|e| bad("a table".into(), e.to_string()));
    if !next(&mut record)? {
        return Ok(Table::new());
    }
    fn trimmed(bytes: &[u8]) -> Option<&str> {
        std::str::from_utf8(bytes).ok().map(str::trim)
    }
    let not_text = |row: usize| bad("UTF-8 text".into(), format!("other bytes in row {row}"));
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    for (i, bytes) in record.iter().enumerate() {
        let name = trimmed(bytes).ok_or_else(|| not_text(0))?;
        // Spreadsheets and pandas leave the header of an index column empty.
        let name = if name.is_empty() { format!("column_{i}") } else { name.to_owned() };
        if names.contains(&name) {
            return Err(bad("columns of different names".into(), format!("{name:?} twice")));
        }
        names.push(name);
    }
    let mut columns = vec![Fields::default(); names.len()];
    let mut row = 0;
    while next(&mut record)? {
        row += 1;
        if record.len() == 1 && record.get(0).is_some_and(|bytes| bytes.trim_ascii().is_empty()) && names.len() > 1 {
            continue;
        }
        if record.len() != names.len() {
            let found = format!("{} in row {row}", record.len());
            return Err(bad(format!("{} fields as in the header", names.len()), found));
        }
        for (column, bytes) in columns.iter_mut().zip(&record) {
            column.push(trimmed(bytes).ok_or_else(|| not_text(row))?);
        }
    }
    let columns: Vec<Vec<Value>> = columns.par_iter().map(typed).collect();
    let mut table = Table::new();
    for (name, values) in names.into_iter().zip(columns) {
        table.push(name, values);
    }
    Ok(table)
}

/// The fields of a column, one after the other in one text: a long table has millions of them.
#[derive(Clone, Default)]
struct Fields {
    text: String,
    ends: Vec<usize>,
}

impl Fields {
    fn push(&mut self, field: &str) {
        self.text.push_str(field);
        self.ends.push(self.text.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }
}

/// The most frequent of comma, semicolon and tab outside quotes in the first line.
fn separator(text: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for &byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => counts.iter_mut().filter(|(separator, _)| *separator == byte).for_each(|(_, n)| *n += 1),
        }
    }
    // Of equals the last: a comma in a name of a table separated by tabs is commoner than a tab in one by commas. A table
    // of one column has none.
    counts.into_iter().filter(|(_, n)| *n > 0).max_by_key(|(_, n)| *n).map_or(b',', |(separator, _)| separator)
}

fn typed(fields: &Fields) -> Vec<Value> {
    fn all(fields: &Fields, value: impl Fn(&str) -> Option<Value>) -> Option<Vec<Value>> {
        fields.iter().map(|f| if f.is_empty() { Some(Value::Empty) } else { value(f) }).collect()
    }
    // A number such as 007 or +5 is an identifier: as a whole number it would lose its spelling.
    let is_spelled_out = |f: &str| !f.starts_with('+') && !is_padded(f) && f != "-0";
    let int = |f: &str| f.parse().ok().filter(|_| is_spelled_out(f)).map(Value::Int);
    let float = |f: &str| f.parse::<f64>().ok().filter(|_| !is_padded(f)).map(Value::float);
    let boolean = |f: &str| match f {
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => None,
    };
    let text = |f: &str| if f.is_empty() { Value::Empty } else { Value::Text(f.to_owned()) };
    all(fields, int)
        .or_else(|| all(fields, float))
        .or_else(|| all(fields, boolean))
        .unwrap_or_else(|| fields.iter().map(text).collect())
}

/// True for digits after a leading zero, as in `007`, which are no number but a name.
fn is_padded(field: &str) -> bool {
    let digits = field.trim_start_matches(['-', '+']).as_bytes();
    digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &[u8]) -> Result<Table, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        read_table(&path)
    }

    #[test]
    fn tables_come_back_as_they_were() {
        let mut table = Table::new();
        table.push("event_id", vec![Value::Int(1), Value::Int(2), Value::Int(3)]);
        table.push("area_um2", vec![Value::Float(0.1), Value::Empty, Value::Float(1e-300)]);
        table.push("burst", vec![Value::Bool(true), Value::Bool(false), Value::Empty]);
        let text = |s: &str| Value::Text(s.into());
        table.push("name, \"quoted\"", vec![text("a\nb"), text("say \"hi\", 神经元"), Value::Empty]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("事件 1.csv");
        write_table(&table, &path).unwrap();
        assert_eq!(read_table(&path).unwrap(), table);
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"event_id,area_um2,burst,\"name, \"\"quoted\"\"\"\n1,0.1,true,"));
    }

    #[test]
    fn what_spreadsheets_write_is_understood() {
        let table = read(b"\xef\xbb\xbfa;b;c\r\n1;2.5;x\r\n;nan;\"y;z\"\r\n").unwrap();
        assert_eq!(table.column("a").unwrap(), [Value::Int(1), Value::Empty]);
        assert_eq!(table.column("b").unwrap(), [Value::Float(2.5), Value::Empty]);
        assert_eq!(table.column("c").unwrap()[1], Value::Text("y;z".into()));
        let table = read(b"a\tb,c\n1\t2\n").unwrap();
        assert_eq!(table.columns()[1].name, "b,c");
        assert_eq!(read(b"id\n007\n008\n").unwrap().column("id").unwrap()[0], Value::Text("007".into()));
        for (field, value) in [("+5", Value::Float(5.0)), ("-0", Value::Float(-0.0)), ("-12", Value::Int(-12))] {
            assert_eq!(read(format!("a\n{field}\n").as_bytes()).unwrap().column("a").unwrap(), [value]);
        }
        assert_eq!(read(b"only\n5\n").unwrap().n_rows(), 1);
        assert_eq!(read(b"").unwrap(), Table::new());
        assert_eq!(read(b"a,b\n").unwrap().columns().len(), 2);
    }

    #[test]
    fn broken_tables_are_errors() {
        for (text, word) in [(&b"a,b\n1\n"[..], "row 1"), (b"a,a\n1,2\n", "twice"), (b"a\n\xff\n", "UTF-8")] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("t.csv"), "{error}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let mut table = Table::new();
        table.push("a", vec![Value::Int(1)]);
        let error = write_table(&table, Path::new("/dev/full")).unwrap_err().to_string();
        assert!(error.contains("/dev/full"), "{error}");
    }
}
