//! Tables as a workbook for spreadsheet programs (Office Open XML).

use crate::atomic::AtomicFile;
use crate::error::Error;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use sparkwave_core::table::{Table, Value};
use std::path::Path;

/// A table and the name of its sheet.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    /// At most 31 characters without `[ ] : * ? / \`, different from the others' names.
    pub name: &'a str,
    /// Its content: one row of headers, then one row each.
    pub table: &'a Table,
}

/// Columns are as wide as their content, within these bounds, in characters.
const WIDTHS: (usize, usize) = (8, 40);

/// Name of the first sheet.
const FACTS: &str = "about";

/// Writes a workbook: a sheet `about` with facts (name and value each, such as version, input and calibration), then one
/// sheet a table. Numbers are numbers and truths truths; unknown values are empty cells. Headers are kept in view.
///
/// The same tables give the same bytes: the date of creation is that of the earliest one that a workbook can have.
///
/// # Errors
/// If a table is larger than a sheet may be (1,048,576 rows, 16,384 columns), a sheet's name is not allowed, a text is
/// longer than 32,767 characters, or the file cannot be written.
pub fn write(path: &Path, facts: &[(&str, Value)], sheets: &[Sheet<'_>]) -> Result<(), Error> {
    let refused = |e: XlsxError| match e {
        XlsxError::IoError(e) => Error::io("write", path, e),
        other => Error::refused("write", path, "tables that a workbook can hold", other.to_string()),
    };
    let workbook = workbook(facts, sheets).map_err(refused);
    let mut file = AtomicFile::create(path)?;
    workbook?.save_to_writer(&mut file).map_err(refused)?;
    file.finish()
}

fn workbook(facts: &[(&str, Value)], sheets: &[Sheet<'_>]) -> Result<Workbook, XlsxError> {
    let mut workbook = Workbook::new();
    let created = ExcelDateTime::from_ymd(1900, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let mut about = Table::new();
    about.push("name", facts.iter().map(|(name, _)| Value::Text((*name).into())).collect());
    about.push("value", facts.iter().map(|(_, value)| value.clone()).collect());
    let about = Sheet { name: FACTS, table: &about };
    for sheet in std::iter::once(&about).chain(sheets) {
        write_sheet(workbook.add_worksheet(), sheet)?;
    }
    Ok(workbook)
}

fn write_sheet(worksheet: &mut Worksheet, sheet: &Sheet<'_>) -> Result<(), XlsxError> {
    worksheet.set_name(sheet.name)?;
    worksheet.set_freeze_panes(1, 0)?;
    let bold = Format::new().set_bold();
    for (i, column) in sheet.table.columns().iter().enumerate() {
        let at = u16::try_from(i).map_err(|_| XlsxError::RowColumnLimitError)?;
        worksheet.write_string_with_format(0, at, &column.name, &bold)?;
        let mut width = column.name.chars().count();
        for (row, value) in (1u32..).zip(&column.values) {
            match value {
                Value::Empty => continue,
                // Spreadsheets keep 15 digits; an id beyond is text rather than another number.
                Value::Int(number) if number.unsigned_abs() >= 1 << 53 => {
                    worksheet.write_string(row, at, number.to_string())?
                }
                Value::Int(number) => worksheet.write_number(row, at, *number as f64)?,
                Value::Float(number) => worksheet.write_number(row, at, *number)?,
                Value::Bool(truth) => worksheet.write_boolean(row, at, *truth)?,
                Value::Text(text) => worksheet.write_string(row, at, text)?,
            };
            width = width.max(shown_width(value));
        }
        worksheet.set_column_width(at, (width.clamp(WIDTHS.0, WIDTHS.1) + 1) as f64)?;
    }
    Ok(())
}

/// Characters that a cell shows; of numbers spreadsheets show some ten.
fn shown_width(value: &Value) -> usize {
    match value {
        Value::Float(number) => number.to_string().len().min(10),
        Value::Text(text) => text.chars().count(),
        other => other.to_string().len(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use calamine::{Data, Reader as _, Xlsx, open_workbook};

    fn tables() -> [Table; 2] {
        let text = |s: &str| Value::Text(s.into());
        let mut waves = Table::new();
        waves.push("wave_id", vec![Value::Int(1), Value::Int(2), Value::Int(i64::MAX)]);
        waves.push("speed_mm_min", vec![Value::Float(3.25), Value::Empty, Value::Float(1e-300)]);
        waves.push("filled", vec![Value::Bool(true), Value::Bool(false), Value::Empty]);
        waves.push("name", vec![text("1-2"), text("=1+1"), text("007")]);
        [waves, Table::new()]
    }

    fn write_tables(path: &Path) -> Result<(), Error> {
        let [waves, empty] = tables();
        let facts =
            [("version", Value::Text("0.1.0".into())), ("pixel_size_um", Value::Float(20.5)), ("seed", Value::Empty)];
        write(path, &facts, &[Sheet { name: "waves", table: &waves }, Sheet { name: "波", table: &empty }])
    }

    #[test]
    fn tables_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("结果.xlsx");
        write_tables(&path).unwrap();
        let mut workbook: Xlsx<_> = open_workbook(&path).unwrap();
        assert_eq!(workbook.sheet_names(), ["about", "waves", "波"]);
        let rows = |range: &calamine::Range<Data>| range.rows().map(<[Data]>::to_vec).collect::<Vec<_>>();
        let text = |s: &str| Data::String(s.into());
        let about = rows(&workbook.worksheet_range("about").unwrap());
        assert_eq!(
            about[..3],
            [
                vec![text("name"), text("value")],
                vec![text("version"), text("0.1.0")],
                vec![text("pixel_size_um"), Data::Float(20.5)],
            ]
        );
        let waves = rows(&workbook.worksheet_range("waves").unwrap());
        assert_eq!(
            waves,
            [
                ["wave_id", "speed_mm_min", "filled", "name"].map(text).to_vec(),
                vec![Data::Float(1.0), Data::Float(3.25), Data::Bool(true), text("1-2")],
                vec![Data::Float(2.0), Data::Empty, Data::Bool(false), text("=1+1")],
                vec![text("9223372036854775807"), Data::Float(1e-300), Data::Empty, text("007")],
            ]
        );
        assert!(workbook.worksheet_range("波").unwrap().is_empty());
    }

    #[test]
    fn the_same_tables_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a.xlsx", "b.xlsx"].map(|name| folder.path().join(name));
        paths.iter().for_each(|path| write_tables(path).unwrap());
        assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
    }

    #[test]
    fn what_a_workbook_cannot_hold_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.xlsx");
        let mut long = Table::new();
        long.push("text", vec![Value::Text("x".repeat(40_000))]);
        for sheet in [
            Sheet { name: "a/b", table: &Table::new() },
            Sheet { name: "about", table: &Table::new() },
            Sheet { name: "long", table: &long },
        ] {
            let error = write(&path, &[], &[sheet]).unwrap_err();
            assert!(matches!(error, Error::Refused(_)) && error.to_string().contains("a.xlsx"), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let error = write(Path::new("/dev/full"), &[], &[]).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
}
