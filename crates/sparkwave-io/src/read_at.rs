//! A file read at given offsets from any thread.
//!
//! No memory map: a mapped file that another program truncates kills the process (SIGBUS); a read gives an error.

use crate::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};

/// An open file that many threads may read at once.
#[derive(Debug)]
pub(crate) struct ReadAt {
    #[cfg(any(unix, windows))]
    file: File,
    #[cfg(not(any(unix, windows)))]
    file: std::sync::Mutex<File>,
    path: PathBuf,
    len: u64,
}

impl ReadAt {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let metadata = file.metadata().map_err(|e| Error::io("open", path, e))?;
        if !metadata.is_file() {
            return Err(Error::unsupported("open", path, "a regular file", "a folder or a device"));
        }
        #[cfg(not(any(unix, windows)))]
        let file = std::sync::Mutex::new(file);
        Ok(Self { file, path: path.to_path_buf(), len: metadata.len() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file when it was opened, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `buffer` from `offset` on; `what` names the content for the error message.
    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64, what: impl FnOnce() -> String) -> Result<(), Error> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            let expected = format!("{} of {} bytes at byte {offset}", what(), buffer.len());
            return Err(Error::malformed("read", &self.path, expected, format!("a file of {} bytes", self.len)));
        }
        self.read_exact_at(buffer, offset).map_err(|e| Error::io("read", &self.path, e))
    }

    /// Fills as much of `buffer` as the file has from `offset` on, and tells how much that is.
    pub(crate) fn read_some(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let rest = self.len.saturating_sub(offset);
        let n = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        self.read_exact_at(&mut buffer[..n], offset)?;
        Ok(n)
    }

    #[cfg(unix)]
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, offset)
    }

    #[cfg(windows)]
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> std::io::Result<()> {
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                n => {
                    buffer = &mut buffer[n..];
                    offset += n as u64;
                }
            }
        }
        Ok(())
    }

    #[cfg(not(any(unix, windows)))]
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.file.lock().map_err(|_| std::io::ErrorKind::Other)?;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}
