//! Files that appear whole or not at all.
//!
//! The bytes go to a hidden temporary file in the same folder, which is flushed to the disk and renamed when it is
//! complete. A process that is killed, a full disk or a dropped writer leaves the old file, or none.
//!
//! A file of hours of work may be continued instead ([`AtomicFile::resume`]): its temporary file then has a fixed name and
//! stays when the process ends.

use crate::error::Error;
use std::fs::{File, TryLockError};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempDir};

/// A file under construction; [`AtomicFile::finish`] gives it its name.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Temporary(BufWriter<NamedTempFile>),
    /// A hidden file of a fixed name, which outlives the process.
    Kept(BufWriter<File>, PathBuf),
    /// A device or pipe such as `/dev/stdout`: renaming over it would destroy it.
    Device(BufWriter<File>),
}

const BUFFER_BYTES: usize = 1 << 18;

impl AtomicFile {
    /// Starts a file that will be called `path`. A symbolic link is followed, and its target replaced.
    ///
    /// # Errors
    /// If the folder does not exist or cannot be written to.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let fail = |e| Error::io("create", path, e);
        // A path that does not resolve is a new file; its folder is checked by creating the temporary file in it.
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        if let Ok(metadata) = std::fs::metadata(&real) {
            if metadata.is_dir() {
                return Err(Error::refused("create", path, "the name of a file", "a folder of that name"));
            }
            if !metadata.is_file() {
                let device = File::options().write(true).open(&real).map_err(fail)?;
                return Ok(Self { path: real, target: Target::Device(BufWriter::new(device)) });
            }
        }
        let temporary = temporary_name(FILE_MODE).tempfile_in(folder_of(&real)).map_err(fail)?;
        Ok(Self { path: real, target: Target::Temporary(BufWriter::with_capacity(BUFFER_BYTES, temporary)) })
    }

    /// Starts or continues a file that will be called `path`. Its bytes wait in `.NAME.part` beside it, and writing goes on
    /// behind them; [`AtomicFile::keep`] drops those that an earlier process left torn.
    ///
    /// # Errors
    /// If the folder does not exist or cannot be written to, or another process writes the file.
    pub fn resume(path: &Path) -> Result<Self, Error> {
        let part = part_of(path);
        let fail = |e| Error::io("create", &part, e);
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&part).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::refused("create", path, "a file that nobody writes", "another run at work on it"));
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(_)) => {}
        }
        file.seek(SeekFrom::End(0)).map_err(fail)?;
        Ok(Self { path: path.to_path_buf(), target: Target::Kept(BufWriter::with_capacity(BUFFER_BYTES, file), part) })
    }

    /// Drops all bytes behind the first `n` of a file that is continued, and writes on from there.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn keep(&mut self, n: u64) -> Result<(), Error> {
        let Self { path, target } = self;
        let Target::Kept(writer, _) = target else { return Ok(()) };
        let cut =
            writer.flush().and_then(|()| writer.get_ref().set_len(n)).and_then(|()| writer.seek(SeekFrom::Start(n)));
        cut.map(|_| ()).map_err(|e| Error::io("write", path, e))
    }

    /// Makes the bytes so far durable.
    ///
    /// # Errors
    /// If they do not fit on the disk.
    pub fn sync(&mut self) -> Result<(), Error> {
        let Self { path, target } = self;
        let synced = match target {
            Target::Temporary(writer) => writer.flush().and_then(|()| writer.get_ref().as_file().sync_data()),
            Target::Kept(writer, _) => writer.flush().and_then(|()| writer.get_ref().sync_data()),
            Target::Device(writer) => writer.flush(),
        };
        synced.map_err(|e| Error::io("write", path, e))
    }

    /// The name that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes the bytes to the disk and gives the file its name, replacing a file that has it.
    ///
    /// # Errors
    /// If the last bytes do not fit on the disk; nothing is left behind then.
    pub fn finish(self) -> Result<(), Error> {
        let Self { path, target } = self;
        let fail = |e| Error::io("write", &path, e);
        match target {
            Target::Device(writer) => {
                writer.into_inner().map_err(|e| fail(e.into_error()))?;
                Ok(())
            }
            Target::Kept(writer, part) => {
                let file = writer.into_inner().map_err(|e| fail(e.into_error()))?;
                file.sync_all().map_err(fail)?;
                drop(file);
                std::fs::rename(&part, &path).map_err(fail)?;
                sync_folder(folder_of(&path));
                Ok(())
            }
            Target::Temporary(writer) => {
                let temporary = writer.into_inner().map_err(|e| fail(e.into_error()))?;
                temporary.as_file().sync_all().map_err(fail)?;
                temporary.persist(&path).map_err(|e| fail(e.error))?;
                sync_folder(folder_of(&path));
                Ok(())
            }
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.target {
            Target::Temporary(writer) => writer.write(bytes),
            Target::Kept(writer, _) => writer.write(bytes),
            Target::Device(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.target {
            Target::Temporary(writer) => writer.flush(),
            Target::Kept(writer, _) => writer.flush(),
            Target::Device(writer) => writer.flush(),
        }
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        match &mut self.target {
            Target::Temporary(writer) => writer.seek(position),
            Target::Kept(writer, _) => writer.seek(position),
            Target::Device(writer) => writer.seek(position),
        }
    }
}

/// Writes a whole file at once, by temporary name, flush and rename.
///
/// # Errors
/// If the folder is absent or protected, or the disk is full; the error names `path` and no part of the file is left.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|e| Error::io("write", path, e))?;
    file.finish()
}

/// Takes away what killed processes left unfinished in a folder and those inside it: files and folders under temporary
/// names.
///
/// No other process may be writing there. What cannot be deleted stays; it does no harm.
pub fn remove_leftovers(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Links are not followed: what they lead to is not ours.
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        let path = entry.path();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            let _ = if is_folder { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        } else if is_folder {
            remove_leftovers(&path);
        }
    }
}

/// A path for a library that insists on creating the file itself; renamed by [`AtomicPath::finish`].
#[derive(Debug)]
pub(crate) struct AtomicPath {
    path: PathBuf,
    temporary: tempfile::TempPath,
}

impl AtomicPath {
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        if std::fs::metadata(&real).is_ok_and(|m| !m.is_file()) {
            return Err(Error::refused("create", path, "the name of a file", "a folder or device of that name"));
        }
        let fail = |e| Error::io("create", path, e);
        let temporary = temporary_name(FILE_MODE).tempfile_in(folder_of(&real)).map_err(fail)?.into_temp_path();
        Ok(Self { path: real, temporary })
    }

    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        let Self { path, temporary } = self;
        let fail = |e| Error::io("write", &path, e);
        File::options().write(true).open(&temporary).and_then(|f| f.sync_all()).map_err(fail)?;
        temporary.persist(&path).map_err(|e| fail(e.error))?;
        sync_folder(folder_of(&path));
        Ok(())
    }
}

/// A folder under construction; [`AtomicFolder::finish`] gives it its name.
#[derive(Debug)]
pub(crate) struct AtomicFolder {
    path: PathBuf,
    temporary: TempDir,
    replace: bool,
}

impl AtomicFolder {
    /// Starts a folder that will be called `path`; refuses a name that is taken unless `replace` is set.
    pub(crate) fn create(path: &Path, replace: bool) -> Result<Self, Error> {
        if path.exists() && !replace {
            return Err(Error::refused("create", path, "a name that is free", "a file or folder of that name"));
        }
        let fail = |e| Error::io("create", path, e);
        let temporary = temporary_name(FOLDER_MODE).tempdir_in(folder_of(path)).map_err(fail)?;
        Ok(Self { path: path.to_path_buf(), temporary, replace })
    }

    /// The name that the folder will have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        let Self { path, temporary, replace } = self;
        let fail = |e| Error::io("write", &path, e);
        sync_files(temporary.path()).map_err(fail)?;
        if replace && path.exists() {
            // A folder cannot be renamed over a full one: move the old one aside, and delete it when the new one stands.
            let aside = temporary_name(FOLDER_MODE).tempdir_in(folder_of(&path)).map_err(fail)?;
            let old = aside.path().join("old");
            std::fs::rename(&path, &old).map_err(fail)?;
            if let Err(error) = std::fs::rename(temporary.path(), &path) {
                std::fs::rename(&old, &path).map_err(fail)?;
                return Err(fail(error));
            }
        } else {
            std::fs::rename(temporary.path(), &path).map_err(fail)?;
        }
        // The folder has moved away: its guard has nothing left to delete.
        let _ = temporary.keep();
        sync_folder(folder_of(&path));
        Ok(())
    }
}

/// Where the bytes of a file that can be continued wait. Hidden, like all temporary files.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".part");
    folder_of(path).join(name)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Mode of an ordinary new file, before the user's umask.
const FILE_MODE: u32 = 0o666;
/// Mode of an ordinary new folder, before the user's umask.
const FOLDER_MODE: u32 = 0o777;

const PREFIX: &str = ".sparkwave-";
const SUFFIX: &str = ".part";

/// Hidden, so that a reader of the folder does not take the file for data.
fn temporary_name(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// Makes a rename durable where the system allows to flush a folder; elsewhere the rename itself has to do.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

fn sync_files(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_files(&entry.path())?;
        } else {
            File::options().write(true).open(entry.path())?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_appears_only_when_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("数据 1.csv");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()).len(), 1);
    }

    #[test]
    fn a_dropped_writer_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write_atomic(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.bin"]);
    }

    #[test]
    fn a_file_is_continued_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let mut file = AtomicFile::resume(&path).unwrap();
        file.write_all(b"first torn").unwrap();
        assert!(AtomicFile::resume(&path).err().unwrap().to_string().contains("another run"));
        drop(file);
        assert_eq!(names(folder.path()), [".a.bin.part"]);
        let mut file = AtomicFile::resume(&path).unwrap();
        assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), 10);
        file.keep(6).unwrap();
        file.write_all(b"second").unwrap();
        file.sync().unwrap();
        file.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first second");
        assert_eq!(names(folder.path()), ["a.bin"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let error = write_atomic(Path::new("/dev/full"), b"bytes").unwrap_err();
        assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("/dev/full"), "{error}");
        assert!(std::fs::metadata("/dev/full").is_ok_and(|m| !m.is_file()), "the device was replaced");
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let error = write_atomic(Path::new("no such folder/x.csv"), b"").unwrap_err();
        assert!(error.to_string().contains("no such folder") && !error.to_string().contains(".part"), "{error}");
    }

    #[test]
    fn a_folder_is_replaced_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames");
        for (replace, content) in [(false, "1"), (true, "2")] {
            let new = AtomicFolder::create(&path, replace).unwrap();
            std::fs::write(new.temporary().join("f"), content).unwrap();
            new.finish().unwrap();
            assert_eq!(std::fs::read_to_string(path.join("f")).unwrap(), content);
        }
        assert!(AtomicFolder::create(&path, false).is_err());
        drop(AtomicFolder::create(&path, true).unwrap());
        assert_eq!(names(folder.path()), ["frames"]);
    }

    #[test]
    fn only_what_was_left_unfinished_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let file = temporary_name(FILE_MODE).tempfile_in(folder.path()).unwrap();
        let part = temporary_name(FOLDER_MODE).tempdir_in(folder.path()).unwrap();
        std::fs::write(part.path().join("chunk"), b"").unwrap();
        for name in [".sparkwave-notes", "a.part", "a.csv"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let inner = folder.path().join("color");
        std::fs::create_dir(&inner).unwrap();
        let deep = temporary_name(FILE_MODE).tempfile_in(&inner).unwrap();
        remove_leftovers(folder.path());
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [".sparkwave-notes", "a.csv", "a.part", "color"]);
        assert!(names(&inner).is_empty());
        drop((file, part, deep));
        remove_leftovers(&folder.path().join("absent"));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_the_file_as_the_umask_allows() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("a"), folder.path().join("b"));
        write_atomic(&ours, b"").unwrap();
        std::fs::write(&plain, b"").unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&ours), mode(&plain));
    }
}
