//! The directory chain of a TIFF file (TIFF 6.0, section 2; BigTIFF as documented by its designers, offsets of 8 bytes).

use crate::error::Error;
use crate::limits::{MAX_FRAMES, MAX_METADATA_BYTES};
use crate::read_at::ReadAt;
use std::collections::HashSet;

/// Byte order, offset width and first directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) big_endian: bool,
    pub(super) big_tiff: bool,
    pub(super) first_ifd: u64,
}

/// Most entries of a directory: real ones have some 20, the vendor with the most some 150.
const MAX_ENTRIES: u64 = 4096;

impl Header {
    pub(super) fn read(file: &ReadAt) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        let n = file.read_some(&mut bytes, 0).map_err(|e| Error::io("read", file.path(), e))?;
        let bad = |found: String| Error::malformed("open", file.path(), "a TIFF header", found);
        if n < 8 {
            return Err(bad(format!("a file of {n} bytes")));
        }
        let big_endian = match &bytes[..2] {
            b"II" => false,
            b"MM" => true,
            other => return Err(bad(format!("the byte order mark {other:?}"))),
        };
        let mut header = Self { big_endian, big_tiff: false, first_ifd: 0 };
        match header.u16(&bytes[2..]) {
            42 => header.first_ifd = u64::from(header.u32(&bytes[4..])),
            43 if n == 16 && header.u16(&bytes[4..]) == 8 && header.u16(&bytes[6..]) == 0 => {
                header.big_tiff = true;
                header.first_ifd = header.u64(&bytes[8..]);
            }
            other => return Err(bad(format!("the version number {other}"))),
        }
        Ok(header)
    }

    pub(super) fn u16(self, bytes: &[u8]) -> u16 {
        let raw = [bytes[0], bytes[1]];
        if self.big_endian { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) }
    }

    pub(super) fn u32(self, bytes: &[u8]) -> u32 {
        let raw = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self.big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) }
    }

    pub(super) fn u64(self, bytes: &[u8]) -> u64 {
        let raw = [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]];
        if self.big_endian { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) }
    }

    /// Bytes before the entries, of an entry, of an offset.
    pub(super) fn widths(self) -> (u64, u64, u64) {
        if self.big_tiff { (8, 20, 8) } else { (2, 12, 4) }
    }
}

/// A directory entry; its value, if it fits, or the offset of its values.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    value: [u8; 8],
    /// Where `value` stands in the file.
    value_offset: u64,
}

/// One directory.
#[derive(Clone, Debug)]
pub(super) struct Ifd {
    pub(super) offset: u64,
    entries: Vec<Entry>,
    /// Offset of the following directory; 0 ends the chain.
    pub(super) next: u64,
    /// Where `next` stands in the file.
    pub(super) next_offset: u64,
}

fn bytes_of_kind(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

impl Ifd {
    /// Reads the directory at `offset`; `page` is its number in error messages.
    pub(super) fn read(file: &ReadAt, header: Header, offset: u64, page: u64) -> Result<Self, Error> {
        let (count_width, entry_width, offset_width) = header.widths();
        let bad = |found: String| {
            let expected = format!("the directory of page {page} inside the file");
            Error::malformed("read", file.path(), expected, found)
        };
        // One read covers an ordinary directory; long ones take a second.
        let mut bytes = vec![0; 512];
        let mut n = file.read_some(&mut bytes, offset).map_err(|e| Error::io("read", file.path(), e))?;
        if (n as u64) < count_width {
            return Err(bad(format!("offset {offset} in a file of {} bytes", file.len())));
        }
        let count = if header.big_tiff { header.u64(&bytes) } else { u64::from(header.u16(&bytes)) };
        if count > MAX_ENTRIES {
            return Err(bad(format!("a directory of {count} entries")));
        }
        let size = (count_width + count * entry_width + offset_width) as usize;
        if size > bytes.len() {
            bytes.resize(size, 0);
            n = file.read_some(&mut bytes, offset).map_err(|e| Error::io("read", file.path(), e))?;
        }
        // The last pointer may be cut off in files of sloppy writers: it then counts as the end of the chain.
        if n < size - offset_width as usize {
            return Err(bad(format!("{count} entries at offset {offset} in a file of {} bytes", file.len())));
        }
        bytes[n..].fill(0);
        let value_at = entry_width as usize - offset_width as usize;
        let entries = (0..count as usize)
            .map(|i| {
                let start = count_width as usize + i * entry_width as usize;
                let entry = &bytes[start..start + entry_width as usize];
                let mut value = [0; 8];
                value[..offset_width as usize].copy_from_slice(&entry[value_at..]);
                Entry {
                    tag: header.u16(entry),
                    kind: header.u16(&entry[2..]),
                    count: if header.big_tiff { header.u64(&entry[4..]) } else { u64::from(header.u32(&entry[4..])) },
                    value,
                    value_offset: offset + (start + value_at) as u64,
                }
            })
            .collect();
        let next_bytes = &bytes[size - offset_width as usize..];
        let next = if header.big_tiff { header.u64(next_bytes) } else { u64::from(header.u32(next_bytes)) };
        Ok(Self { offset, entries, next, next_offset: offset + size as u64 - offset_width })
    }

    fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|e| e.tag == tag)
    }

    /// True if the directory has the tag.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }

    /// Where the immediate value of a tag stands in the file.
    pub(super) fn value_offset(&self, tag: u16) -> Option<u64> {
        self.entry(tag).map(|e| e.value_offset)
    }

    /// The bytes of a tag's values, in file byte order, with the number of a value's type.
    pub(super) fn bytes(&self, file: &ReadAt, header: Header, tag: u16) -> Result<Option<(u16, Vec<u8>)>, Error> {
        let Some(entry) = self.entry(tag) else { return Ok(None) };
        let bad = |found: String| Error::malformed("read", file.path(), format!("values of tag {tag}"), found);
        let size = bytes_of_kind(entry.kind)
            .ok_or_else(|| bad(format!("the unknown type {}", entry.kind)))?
            .checked_mul(entry.count)
            .filter(|&size| size <= file.len() && size <= MAX_METADATA_BYTES)
            .ok_or_else(|| bad(format!("{} values in a file of {} bytes", entry.count, file.len())))?;
        if size <= header.widths().2 {
            return Ok(Some((entry.kind, entry.value[..size as usize].to_vec())));
        }
        let offset = if header.big_tiff { header.u64(&entry.value) } else { u64::from(header.u32(&entry.value)) };
        if offset.checked_add(size).is_none_or(|end| end > file.len()) {
            return Err(bad(format!("{size} bytes at offset {offset} in a file of {} bytes", file.len())));
        }
        let mut bytes = vec![0; size as usize];
        file.read(&mut bytes, offset, || format!("tag {tag}"))?;
        Ok(Some((entry.kind, bytes)))
    }

    /// Unsigned integers of a tag.
    pub(super) fn integers(&self, file: &ReadAt, header: Header, tag: u16) -> Result<Option<Vec<u64>>, Error> {
        let Some((kind, bytes)) = self.bytes(file, header, tag)? else { return Ok(None) };
        let values = match kind {
            1 | 7 => bytes.iter().map(|&b| u64::from(b)).collect(),
            3 => bytes.chunks_exact(2).map(|b| u64::from(header.u16(b))).collect(),
            4 | 13 => bytes.chunks_exact(4).map(|b| u64::from(header.u32(b))).collect(),
            16 | 18 => bytes.chunks_exact(8).map(|b| header.u64(b)).collect(),
            other => {
                let expected = format!("integers in tag {tag}");
                return Err(Error::malformed("read", file.path(), expected, format!("type {other}")));
            }
        };
        Ok(Some(values))
    }

    /// The first unsigned integer of a tag.
    pub(super) fn integer(&self, file: &ReadAt, header: Header, tag: u16) -> Result<Option<u64>, Error> {
        Ok(self.integers(file, header, tag)?.and_then(|v| v.first().copied()))
    }

    /// The first value of a tag of fractions; not finite if the denominator is 0.
    pub(super) fn fraction(&self, file: &ReadAt, header: Header, tag: u16) -> Result<Option<f64>, Error> {
        let Some((kind, bytes)) = self.bytes(file, header, tag)? else { return Ok(None) };
        let value = match kind {
            5 if bytes.len() >= 8 => f64::from(header.u32(&bytes)) / f64::from(header.u32(&bytes[4..])),
            11 if bytes.len() >= 4 => f64::from(f32::from_bits(header.u32(&bytes))),
            12 if bytes.len() >= 8 => f64::from_bits(header.u64(&bytes)),
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    /// A tag's text, up to the first zero byte; UTF-8, or else Latin-1, as ImageJ writes micro signs.
    pub(super) fn text(&self, file: &ReadAt, header: Header, tag: u16) -> Result<Option<String>, Error> {
        let Some((_, mut bytes)) = self.bytes(file, header, tag)? else { return Ok(None) };
        if let Some(end) = bytes.iter().position(|&b| b == 0) {
            bytes.truncate(end);
        }
        Ok(Some(String::from_utf8(bytes).unwrap_or_else(|e| e.as_bytes().iter().map(|&b| char::from(b)).collect())))
    }
}

/// Calls `visit` for every directory of the chain, with the number of the page.
///
/// A chain that loops, leaves the file or has more than [`MAX_FRAMES`] pages is an error.
pub(super) fn walk(
    file: &ReadAt,
    header: Header,
    mut visit: impl FnMut(u64, &Ifd) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut offset = header.first_ifd;
    let mut page = 0;
    while offset != 0 {
        if !seen.insert(offset) {
            let found = format!("page {page} at offset {offset} a second time");
            return Err(Error::malformed("read", file.path(), "directories in a chain that ends", found));
        }
        if page >= MAX_FRAMES {
            return Err(Error::limit("read", file.path(), format!("at most {MAX_FRAMES} pages"), "more"));
        }
        let ifd = Ifd::read(file, header, offset, page)?;
        visit(page, &ifd)?;
        offset = ifd.next;
        page += 1;
    }
    Ok(())
}
