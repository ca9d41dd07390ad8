//! The bytes of a directory (TIFF 6.0, section 2; BigTIFF), little-endian.

/// Types of values.
pub(super) const BYTE: u16 = 1;
pub(super) const ASCII: u16 = 2;
pub(super) const SHORT: u16 = 3;
pub(super) const LONG: u16 = 4;
pub(super) const RATIONAL: u16 = 5;
/// BigTIFF only.
pub(super) const LONG8: u16 = 16;

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) tag: u16,
    pub(super) kind: u16,
    pub(super) count: u64,
    pub(super) value: Value<'a>,
}

/// The value of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// A number in the entry itself.
    Here(u64),
    /// Bytes behind the directory, unless they fit into the entry.
    Behind(&'a [u8]),
}

/// A directory that stands at `at`, is followed by the one at `next`, and has its longer values right behind it, in the
/// order of `entries`; these are sorted by their tags in the file.
pub(super) fn encode(entries: &[Entry<'_>], big: bool, at: u64, next: u64) -> Vec<u8> {
    let (count_width, width) = if big { (8, 8) } else { (2, 4) };
    let entry_bytes = 4 + 2 * width;
    let values_at = at + (count_width + entries.len() * entry_bytes + width) as u64;
    let mut values: Vec<u8> = Vec::new();
    let mut encoded: Vec<(u16, Vec<u8>)> = Vec::with_capacity(entries.len());
    for Entry { tag, kind, count, value } in entries {
        let mut bytes = Vec::with_capacity(entry_bytes);
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(&count.to_le_bytes()[..width]);
        match value {
            Value::Here(value) => bytes.extend(&value.to_le_bytes()[..width]),
            Value::Behind(value) if value.len() <= width => bytes.extend(*value),
            Value::Behind(value) => {
                // Values begin at even offsets.
                values.resize(values.len().next_multiple_of(2), 0);
                bytes.extend(&(values_at + values.len() as u64).to_le_bytes()[..width]);
                values.extend(*value);
            }
        }
        bytes.resize(entry_bytes, 0);
        encoded.push((*tag, bytes));
    }
    encoded.sort_unstable_by_key(|(tag, _)| *tag);
    let mut bytes = (entries.len() as u64).to_le_bytes()[..count_width].to_vec();
    encoded.iter().for_each(|(_, entry)| bytes.extend(entry));
    bytes.extend(&next.to_le_bytes()[..width]);
    bytes.extend(values);
    bytes
}
