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
    Ok(bytes.into())
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
    fn keys_stay_in_the_folder() {
        let store = FolderStore::new(Path::new("."));
        for key in ["a/../../b", ".."] {
            if let Ok(key) = StoreKey::new(key) {
                assert!(store.file(&key).is_err(), "{key}");
            }
        }
    }
}
