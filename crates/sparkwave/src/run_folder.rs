//! The folder of a run: who may write into it, and what is there already.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// What to do with a folder that is not empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Refuse it.
    #[default]
    Refuse,
    /// Keep the finished files of a run with the same parameters and make the missing ones.
    Resume,
    /// Replace the files of a run.
    Overwrite,
}

/// A folder into which one run writes. Every file appears whole or not at all.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    resume: bool,
}

impl RunFolder {
    /// Opens or creates the folder. `config` is the text of the run's `run.toml`, which is written first.
    ///
    /// # Errors
    /// If the folder is not empty and `existing` does not allow that, holds another run that was to be resumed, or
    /// cannot be written to.
    pub fn open(path: &Path, existing: Existing, config: &str) -> Result<Self, Error> {
        let io = |operation, source| sparkwave_io::Error::Io { operation, path: path.to_path_buf(), source };
        std::fs::create_dir_all(path).map_err(|e| io("create", e))?;
        if existing != Existing::Refuse {
            sparkwave_io::atomic::remove_leftovers(path);
            sparkwave_io::atomic::remove_leftovers(&path.join("figures"));
        }
        let mut entries = std::fs::read_dir(path).map_err(|e| io("list", e))?;
        let occupied = entries.next().is_some();
        let recorded = path.join("run.toml");
        match existing {
            Existing::Refuse if occupied => return Err(Error::NotEmpty { path: path.to_path_buf() }),
            Existing::Resume if occupied => match std::fs::read_to_string(&recorded) {
                Ok(found) if found == config => {}
                Ok(_) => {
                    let found = "a run.toml that differs".to_owned();
                    return Err(Error::OtherRun { path: path.to_path_buf(), found });
                }
                Err(_) => {
                    let found = "no run.toml".to_owned();
                    return Err(Error::OtherRun { path: path.to_path_buf(), found });
                }
            },
            Existing::Overwrite => {
                // The record of the old run goes first: its files no longer belong together.
                let _ = std::fs::remove_file(path.join("run.json"));
            }
            Existing::Refuse | Existing::Resume => {}
        }
        sparkwave_io::atomic::write_atomic(&recorded, config.as_bytes())?;
        Ok(Self { path: path.to_path_buf(), resume: existing == Existing::Resume && occupied })
    }

    /// The path of a file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True if an earlier run is finished: what it left half done may be gone on with.
    pub fn is_resumed(&self) -> bool {
        self.resume
    }

    /// True if the file still has to be made: always, unless the run is resumed and the file is there.
    pub fn is_missing(&self, name: &str) -> bool {
        !(self.resume && self.file(name).exists())
    }

    /// Writes a file, unless a resumed run has it already.
    ///
    /// # Errors
    /// If it cannot be written; no partial file is left.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        if self.is_missing(name) {
            let path = self.file(name);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|source| sparkwave_io::Error::Io {
                    operation: "create",
                    path: folder.to_path_buf(),
                    source,
                })?;
            }
            sparkwave_io::atomic::write_atomic(&path, bytes)?;
        }
        Ok(())
    }
}
