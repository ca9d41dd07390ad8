//! How much a file may make us allocate.
//!
//! Sizes in a file are claims. Each is checked against the length of the file or against one of these caps before
//! memory is reserved for it, so that a few hostile bytes cannot exhaust a machine.

use crate::error::Error;
use std::io::Read;
use std::path::Path;

/// Largest frame, in bytes: a 23,000 x 23,000 image of 32-bit floats.
pub const MAX_FRAME_BYTES: u64 = 1 << 31;

/// Largest movie, in bytes of decoded pixels: 64 TiB.
pub const MAX_MOVIE_BYTES: u64 = 1 << 46;

/// Most frames of a movie: 19 days at 10 Hz.
pub const MAX_FRAMES: u64 = 1 << 24;

/// Largest text or JSON metadata block, in bytes. OME-XML of half a million planes takes some 60 MiB.
pub const MAX_METADATA_BYTES: u64 = 1 << 28;

/// Largest table read from text, in bytes.
pub const MAX_TABLE_BYTES: u64 = 1 << 31;

/// Bytes of pixels that a conversion holds at a time.
pub(crate) const CONVERT_BLOCK_BYTES: usize = 1 << 25;

/// Multiplies extents to a number of bytes; `None` if the product overflows or exceeds `cap`.
pub(crate) fn checked_bytes(extents: &[u64], bytes_per_item: u64, cap: u64) -> Option<u64> {
    let product = extents.iter().try_fold(bytes_per_item, |acc, &n| acc.checked_mul(n))?;
    (product <= cap).then_some(product)
}

/// Reads a file of text of at most `cap` bytes; a byte order mark is dropped.
pub(crate) fn read_text(path: &Path, cap: u64) -> Result<String, Error> {
    let file = std::fs::File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut bytes = Vec::new();
    // One byte more, to tell a file that is too long from one that just fits.
    file.take(cap + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    if bytes.len() as u64 > cap {
        return Err(Error::limit("read", path, format!("at most {cap} bytes"), "more"));
    }
    let text = String::from_utf8(bytes).map_err(|e| Error::malformed("read", path, "UTF-8 text", e.to_string()))?;
    Ok(text.strip_prefix('\u{feff}').map(String::from).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::checked_bytes;

    #[test]
    fn a_product_that_overflows_is_over_the_cap() {
        assert_eq!(checked_bytes(&[3, 4], 2, 24), Some(24));
        assert_eq!(checked_bytes(&[3, 4], 2, 23), None);
        assert_eq!(checked_bytes(&[u64::MAX, u64::MAX], 2, u64::MAX), None);
        assert_eq!(checked_bytes(&[u64::MAX, 0], 2, u64::MAX), None, "overflow before the zero is still refused");
    }
}
