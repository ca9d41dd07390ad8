//! `isat.yaml`: the classes of a data set, their order and their colours.

use super::BACKGROUND;
use crate::atomic::write_atomic;
use crate::error::Error;
use crate::limits::read_text;
use serde::Deserialize;
use std::path::Path;

/// A class. Its position in the list is its index; the first is `__background__`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Category {
    /// Its colour in the program, `#rrggbb`.
    pub color: String,
    /// Its name.
    pub name: String,
}

/// Largest file that is read, in bytes: a hundred thousand classes.
const MAX_BYTES: u64 = 1 << 23;

#[derive(Deserialize)]
struct Document {
    // Other keys, in which older versions kept their settings, are passed over.
    #[serde(default)]
    label: Option<Vec<Category>>,
}

/// The list for these names: the background first, then each name once, in alphabetical order, in colours that differ.
pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Category> {
    let names: std::collections::BTreeSet<&str> = names.into_iter().filter(|name| *name != BACKGROUND).collect();
    let list = std::iter::once(BACKGROUND).chain(names).enumerate();
    list.map(|(index, name)| Category { color: color(index), name: name.into() }).collect()
}

/// The colour map of the PASCAL VOC development kit: bits of the index, spread over the channels from the highest bit
/// down; 0 is black.
fn color(index: usize) -> String {
    let channel = |offset: usize| (0..8).fold(0, |value, bit| value | (index >> (3 * bit + offset) & 1) << (7 - bit));
    format!("#{:02x}{:02x}{:02x}", channel(0), channel(1), channel(2))
}

/// Writes the file.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, categories: &[Category]) -> Result<(), Error> {
    // A JSON string is a YAML string, and never mistaken for a number or a date.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let lines = categories.iter().map(|c| format!("- color: {}\n  name: {}\n", quoted(&c.color), quoted(&c.name)));
    let list =
        if categories.is_empty() { "label: []\n".into() } else { format!("label:\n{}", lines.collect::<String>()) };
    write_atomic(path, list.as_bytes())
}

/// Reads the file. The background is put in front if it is absent.
///
/// # Errors
/// If the file cannot be read or is no YAML with a list `label`.
pub fn read(path: &Path) -> Result<Vec<Category>, Error> {
    let text = read_text(path, MAX_BYTES)?;
    let document: Document = serde_saphyr::from_str(&text).map_err(|e| {
        let found = e.to_string();
        Error::malformed("read", path, "a list of labels in YAML", found.lines().next().unwrap_or_default())
    })?;
    let mut categories = document.label.unwrap_or_default();
    if categories.iter().all(|category| category.name != BACKGROUND) {
        categories.insert(0, Category { color: color(0), name: BACKGROUND.into() });
    }
    Ok(categories)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read_str(text: &str) -> Result<Vec<Category>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("isat.yaml");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn names_come_back_whatever_they_look_like() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("isat.yaml");
        let list = of_names(["1", "1-2", "yes", "null", "2023-01-01", "波 \"a\": #b\n", "1", "~", "0x1f", BACKGROUND]);
        assert_eq!((list.len(), list[0].name.as_str(), list[0].color.as_str()), (9, BACKGROUND, "#000000"));
        write(&path, &list).unwrap();
        assert_eq!(read(&path).unwrap(), list);
        write(&path, &[]).unwrap();
        assert_eq!(read(&path).unwrap(), list[..1]);
    }

    #[test]
    fn colours_are_those_of_the_development_kit() {
        let expected = ["#000000", "#800000", "#008000", "#808000", "#000080"];
        assert_eq!([0, 1, 2, 3, 4].map(color), expected);
        assert_eq!(color(255), "#e0e0c0");
    }

    #[test]
    fn files_of_the_program_are_read() {
        let list = read_str(
            "contour_mode: max_only\nlabel:\n- color: '#ff0000'\n  name: '1'\n- color: '#00ff00'\n  name: 2-2\n",
        );
        let names: Vec<String> = list.unwrap().into_iter().map(|c| c.name).collect();
        assert_eq!(names, [BACKGROUND, "1", "2-2"]);
        let by_hand = read_str("label:\n  - name: 3\n    color: \"#0000ff\"\n    extra: 1\n").unwrap();
        assert_eq!(by_hand[1].name, "3");
        assert_eq!(read_str("").unwrap().len(), 1);
        for text in ["label: 5", "label:\n- name: [", "- a", "label:\n- {name: x}"] {
            let error = read_str(text).unwrap_err().to_string();
            assert!(error.contains("isat.yaml") && error.contains("labels"), "{error}");
        }
    }
}
