//! A file read at given offsets from any thread.
//!
//! No memory map: a mapped file that another program truncates kills the process (SIGBUS); a read gives an error.
//! A small file may be taken into memory whole ([`ReadAt::whole`]), with one call of the system for all later reads; or all
//! of it but its pixels, which go to their place by the same call ([`ReadAt::around`]).

use crate::error::Error;
use std::fs::File;
use std::io::{IoSliceMut, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An open file that many threads may read at once.
#[derive(Debug)]
pub(crate) struct ReadAt {
    content: Content,
    path: PathBuf,
    len: u64,
}

#[derive(Debug)]
enum Content {
    #[cfg(any(unix, windows))]
    File(File),
    #[cfg(not(any(unix, windows)))]
    File(std::sync::Mutex<File>),
    /// The bytes of a file but those of a hole, which may be empty.
    Memory { bytes: Vec<u8>, hole: Range<u64> },
}

impl ReadAt {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let (file, len) = open_file(path)?;
        Ok(Self { content: from_file(file), path: path.to_path_buf(), len })
    }

    /// Opens a file and, if it has at most `cap` bytes, reads it whole into `buffer`, whose memory is used again;
    /// [`ReadAt::into_buffer`] gives it back.
    pub(crate) fn whole(path: &Path, cap: u64, mut buffer: Vec<u8>) -> Result<Self, Error> {
        let (mut file, len) = open_file(path)?;
        if len > cap {
            return Ok(Self { content: from_file(file), path: path.to_path_buf(), len });
        }
        let fail = |e| Error::io("read", path, e);
        buffer.resize(len as usize, 0);
        let mut n = 0;
        // A file that another program has cut since is as long as it is now.
        while n < buffer.len() {
            match file.read(&mut buffer[n..]) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(fail(e)),
            }
        }
        buffer.truncate(n);
        Ok(Self { content: Content::Memory { bytes: buffer, hole: 0..0 }, path: path.to_path_buf(), len: n as u64 })
    }

    /// Opens a file and reads the bytes from `at` on into `pixels`, as many as these hold, and all others into `buffer`.
    /// Reading from the result what went into `pixels` is an error.
    ///
    /// `None` if the file is shorter than that, has more than `cap` bytes, or the system gives it in pieces.
    pub(crate) fn around(
        path: &Path,
        cap: u64,
        at: u64,
        pixels: &mut [u8],
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Self>, Error> {
        let (mut file, len) = open_file(path)?;
        let hole = at..at + pixels.len() as u64;
        if len > cap || len < hole.end {
            return Ok(None);
        }
        buffer.resize((len - pixels.len() as u64) as usize, 0);
        let (head, tail) = buffer.split_at_mut(at as usize);
        let mut pieces = [IoSliceMut::new(head), IoSliceMut::new(pixels), IoSliceMut::new(tail)];
        match file.read_vectored(&mut pieces) {
            Ok(n) if n as u64 == len => {}
            Err(e) if e.kind() != std::io::ErrorKind::Interrupted => return Err(Error::io("read", path, e)),
            _ => return Ok(None),
        }
        let content = Content::Memory { bytes: std::mem::take(buffer), hole };
        Ok(Some(Self { content, path: path.to_path_buf(), len }))
    }

    /// The memory of a file that was read at once.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        match self.content {
            Content::Memory { bytes, .. } => bytes,
            Content::File(_) => Vec::new(),
        }
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

    /// Fills as much of `buffer` as the file has from `offset` on, or up to where its pixels were taken out, and tells how
    /// much that is.
    pub(crate) fn read_some(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let end = match &self.content {
            Content::Memory { hole, .. } if offset < hole.start => hole.start,
            _ => self.len,
        };
        let rest = end.saturating_sub(offset);
        let n = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        self.read_exact_at(&mut buffer[..n], offset)?;
        Ok(n)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        match &self.content {
            Content::File(file) => read_exact_at(file, buffer, offset),
            Content::Memory { bytes, hole } => {
                let end = offset.saturating_add(buffer.len() as u64);
                let start = match (end <= hole.start, offset >= hole.end) {
                    (true, _) => Some(offset),
                    (_, true) => Some(offset - (hole.end - hole.start)),
                    _ => None,
                };
                let start = start.and_then(|start| usize::try_from(start).ok());
                let part = start.and_then(|start| bytes.get(start..)).and_then(|rest| rest.get(..buffer.len()));
                buffer.copy_from_slice(part.ok_or(std::io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

fn open_file(path: &Path) -> Result<(File, u64), Error> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let metadata = file.metadata().map_err(|e| Error::io("open", path, e))?;
    if !metadata.is_file() {
        return Err(Error::unsupported("open", path, "a regular file", "a folder or a device"));
    }
    Ok((file, metadata.len()))
}

fn from_file(file: File) -> Content {
    #[cfg(not(any(unix, windows)))]
    let file = std::sync::Mutex::new(file);
    Content::File(file)
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset)? {
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
fn read_exact_at(file: &std::sync::Mutex<File>, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom};
    let mut file = file.lock().map_err(|_| std::io::ErrorKind::Other)?;
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_around_its_pixels_gives_all_but_these() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        std::fs::write(&path, b"headpixelstail").unwrap();
        let (mut pixels, mut buffer) = ([0; 6], Vec::new());
        let file = ReadAt::around(&path, 100, 4, &mut pixels, &mut buffer).unwrap().unwrap();
        assert_eq!((&pixels, file.len()), (b"pixels", 14));
        let read = |n: usize, offset| {
            let mut bytes = vec![0; n];
            file.read(&mut bytes, offset, String::new).map(|()| bytes).ok()
        };
        assert_eq!(
            (read(4, 0), read(4, 10), read(2, 12)),
            (Some(b"head".into()), Some(b"tail".into()), Some(b"il".into()))
        );
        assert_eq!(file.read_some(&mut [0; 9], 1).unwrap(), 3);
        assert_eq!((read(1, 4), read(5, 0), read(2, 9), read(3, 12)), (None, None, None, None));
        assert!(ReadAt::around(&path, 13, 4, &mut pixels, &mut buffer).unwrap().is_none(), "beyond the cap");
        assert!(ReadAt::around(&path, 100, 9, &mut pixels, &mut buffer).unwrap().is_none(), "a file that is too short");
    }
}
