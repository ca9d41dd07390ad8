//! Reading chunks from a folder, with the checks that a decoder of untrusted bytes needs.

use crate::limits::MAX_FRAME_BYTES;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use zarrs::storage::byte_range::{ByteRange, ByteRangeIterator};
use zarrs::storage::{Bytes, MaybeBytes, MaybeBytesIterator, ReadableStorageTraits, StorageError, StoreKey};

/// A folder that is only read, piece by piece, and never more than a frame may take.
#[derive(Debug)]
pub(super) struct FolderStore {
    root: PathBuf,
}

impl FolderStore {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The file of a key, which must stay below the folder.
    fn file(&self, key: &StoreKey) -> Result<Option<(File, u64)>, StorageError> {
        let relative = Path::new(key.as_str());
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(StorageError::Other(format!("the key {key} leaves the folder")));
        }
        let path = self.root.join(relative);
        match File::open(&path).and_then(|file| Ok((file.metadata()?, file))) {
            Ok((metadata, file)) if metadata.is_file() => Ok(Some((file, metadata.len()))),
            Ok(_) => Ok(None),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(StorageError::IOError(Arc::new(e))),
        }
    }
}

fn read_range(file: &mut File, size: u64, range: ByteRange) -> Result<Bytes, StorageError> {
    let (start, end) = match range {
        ByteRange::FromStart(offset, Some(length)) => (Some(offset), offset.checked_add(length)),
        ByteRange::FromStart(offset, None) => (Some(offset), Some(size)),
        ByteRange::Suffix(length) => (size.checked_sub(length), Some(size)),
    };
    let (Some(start), Some(end)) = (start, end) else {
        return Err(StorageError::Other(format!("{range} of a chunk of {size} bytes")));
    };
    if start > end || end > size {
        return Err(StorageError::Other(format!("{range} of a chunk of {size} bytes")));
    }
    if end - start > MAX_FRAME_BYTES {
        return Err(StorageError::Other(format!("a packed chunk of {} bytes, above {MAX_FRAME_BYTES}", end - start)));
    }
    let mut bytes = vec![0; (end - start) as usize];
    let done = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes));
    done.map_err(|e| StorageError::IOError(Arc::new(e)))?;
    match zstd_content_size(&bytes) {
        Some(claim) if claim > MAX_FRAME_BYTES => {
            Err(StorageError::Other(format!("a zstd chunk that claims to unpack to {claim} bytes")))
        }
        _ => Ok(bytes.into()),
    }
}

/// The size that a zstd frame claims to unpack to (RFC 8878, 3.1.1.1), which the decoder reserves before unpacking.
fn zstd_content_size(bytes: &[u8]) -> Option<u64> {
    let rest = bytes.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd])?;
    let (&descriptor, rest) = rest.split_first()?;
    let single_segment = descriptor & 0x20 != 0;
    let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let rest = rest.get(usize::from(!single_segment) + dictionary_bytes..)?;
    let little_endian =
        |n: usize| Some(rest.get(..n)?.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)));
    match (descriptor >> 6, single_segment) {
        (0, false) => None,
        (0, true) => little_endian(1),
        (1, _) => Some(little_endian(2)? + 256),
        (2, _) => little_endian(4),
        _ => little_endian(8),
    }
}

impl ReadableStorageTraits for FolderStore {
    fn get_partial_many<'a>(
        &'a self,
        key: &StoreKey,
        byte_ranges: ByteRangeIterator<'a>,
    ) -> Result<MaybeBytesIterator<'a>, StorageError> {
        let Some((mut file, size)) = self.file(key)? else { return Ok(None) };
        Ok(Some(Box::new(byte_ranges.map(move |range| read_range(&mut file, size, range)))))
    }

    fn get(&self, key: &StoreKey) -> Result<MaybeBytes, StorageError> {
        self.get_partial(key, ByteRange::FromStart(0, None))
    }

    fn size_key(&self, key: &StoreKey) -> Result<Option<u64>, StorageError> {
        Ok(self.file(key)?.map(|(_, size)| size))
    }

    fn supports_get_partial(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_claim_of_a_zstd_frame_is_read() {
        // The headers of `zstandard.ZstdCompressor().compress(bytes(n))` for n = 5 and n = 70000 (Python zstandard).
        assert_eq!(zstd_content_size(&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 0, 0]), Some(5));
        assert_eq!(zstd_content_size(&[0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0x70, 0x11, 0x01, 0x00]), Some(70_000));
        let huge = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 255, 255, 255, 255, 255, 255, 255, 127];
        assert_eq!(zstd_content_size(&huge), Some(i64::MAX as u64));
        assert_eq!(zstd_content_size(&huge[..9]), None);
        assert_eq!(zstd_content_size(b"blosc"), None);
    }

    #[test]
    fn keys_stay_in_the_folder() {
        let store = FolderStore::new(Path::new("."));
        for key in ["a/../../b", ".."] {
            if let Ok(key) = StoreKey::new(key) {
                assert!(store.file(&key).is_err(), "{key}");
            }
        }
    }
}
