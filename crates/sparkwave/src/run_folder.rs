//! The folder of a run: who may write into it, and what is there already.

use crate::error::Error;
use sparkwave_analysis::figure::Figure;
use sparkwave_core::table::Table;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
    /// Files of an earlier run that this one replaces, and when they were written: until they are written again, they do not count.
    replaced: BTreeMap<PathBuf, SystemTime>,
}

/// Says which files a run that was to overwrite another found, as long as it is not finished: if it is stopped and resumed, those
/// that it had not replaced yet are not its own.
const REPLACED: &str = ".replaced.json";

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
        }
        let mut entries = std::fs::read_dir(path).map_err(|e| io("list", e))?;
        let occupied = entries.next().is_some();
        let recorded = path.join("run.toml");
        let mut replaced = BTreeMap::new();
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
            Existing::Overwrite if occupied => {
                // The record of the old run goes first: its files no longer belong together.
                let _ = std::fs::remove_file(path.join("run.json"));
                written(path, Path::new(""), &mut replaced).map_err(|e| io("list", e))?;
                let list = serde_json::to_vec(&replaced).unwrap_or_default();
                sparkwave_io::atomic::write_atomic(&path.join(REPLACED), &list)?;
            }
            Existing::Refuse | Existing::Resume | Existing::Overwrite => {}
        }
        let resume = existing == Existing::Resume && occupied;
        if resume && let Ok(list) = std::fs::read(path.join(REPLACED)) {
            replaced = serde_json::from_slice(&list)
                .map_err(|e| Error::Config { path: path.join(REPLACED), message: e.to_string() })?;
        }
        sparkwave_io::atomic::write_atomic(&recorded, config.as_bytes())?;
        Ok(Self { path: path.to_path_buf(), resume, replaced })
    }

    /// The run is finished: no file counts as that of an earlier one any more.
    pub(crate) fn finish(&self) {
        let _ = std::fs::remove_file(self.file(REPLACED));
    }

    /// The folder of a finished run, into which figures and a page are drawn of what is there; they replace earlier ones.
    pub(crate) fn finished(path: &Path) -> Self {
        Self { path: path.to_path_buf(), resume: false, replaced: BTreeMap::new() }
    }

    /// The path of a file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True if an earlier run of the same parameters is gone on with.
    pub fn is_resumed(&self) -> bool {
        self.resume
    }

    /// True if the file still has to be made: always, unless the run is resumed and the file is there.
    pub fn is_missing(&self, name: &str) -> bool {
        let path = self.file(name);
        let written = || path.metadata().and_then(|file| file.modified()).ok();
        let is_replaced = || self.replaced.get(Path::new(name)).is_some_and(|before| written() == Some(*before));
        !(self.resume && path.exists() && !is_replaced())
    }

    /// Creates a folder inside the run folder, unless it is there.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create_subfolder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.file(name);
        std::fs::create_dir_all(&path).map_err(|source| sparkwave_io::Error::Io {
            operation: "create",
            path: path.clone(),
            source,
        })?;
        Ok(path)
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

    /// Writes a table as `NAME.csv`, and with `parquet` as `NAME.parquet`, unless a resumed run has them already.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_table(&self, name: &str, table: &Table, parquet: bool) -> Result<(), Error> {
        let csv = format!("{name}.csv");
        if self.is_missing(&csv) {
            sparkwave_io::csv::write_table(table, &self.file(&csv))?;
        }
        let columnar = format!("{name}.parquet");
        if parquet && self.is_missing(&columnar) {
            sparkwave_io::parquet::write_table(table, &self.file(&columnar))?;
        }
        Ok(())
    }

    /// Writes a figure as SVG and PNG into `figures/`, with the numbers behind it as CSV, unless a resumed run has them
    /// already.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_figure(&self, figure: &Figure) -> Result<(), Error> {
        self.write(&format!("figures/{}.svg", figure.name), figure.svg.as_bytes())?;
        self.write(&format!("figures/{}.png", figure.name), &figure.png)?;
        match &figure.data {
            Some(data) => self.write_table(&format!("figures/{}", figure.name), data, false),
            None => Ok(()),
        }
    }
}

/// Adds when the files below a folder were written; `below` is what leads there from the folder of the run.
fn written(folder: &Path, below: &Path, into: &mut BTreeMap<PathBuf, SystemTime>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (name, file) = (below.join(entry.file_name()), entry.metadata()?);
        if file.is_dir() {
            written(&entry.path(), &name, into)?;
        } else {
            into.insert(name, file.modified()?);
        }
    }
    Ok(())
}

/// Reads a parameter file, such as the `run.toml` of an earlier run.
///
/// # Errors
/// If the file cannot be read, a value has the wrong type, or a key is unknown.
pub(crate) fn read_config<C: serde::de::DeserializeOwned>(path: &Path) -> Result<C, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| sparkwave_io::Error::Io {
        operation: "read",
        path: path.to_path_buf(),
        source,
    })?;
    toml::from_str(&text).map_err(|e| Error::of_config(path, &text, &e))
}

/// The text of `run.toml`.
///
/// # Errors
/// If a parameter cannot be written, such as a path that is not text.
pub(crate) fn config_text(config: &impl serde::Serialize) -> Result<String, Error> {
    toml::to_string(config).map_err(|e| Error::Config { path: "run.toml".into(), message: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_overwrites_and_is_resumed_keeps_only_what_it_wrote() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("run");
        let open = |existing| RunFolder::open(&path, existing, "a = 1\n").expect("a folder");
        let write = |folder: &RunFolder, text: &str| {
            ["a.txt", "figures/b.txt"].iter().for_each(|name| folder.write(name, text.as_bytes()).expect("room"));
        };
        let read = |name: &str| std::fs::read_to_string(path.join(name)).expect("there");
        write(&open(Existing::Refuse), "first");
        std::fs::write(path.join("run.json"), "{}").expect("room");
        // So that the clock of the files moves on.
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        for name in ["a.txt", "figures/b.txt"] {
            let file = std::fs::File::options().write(true).open(path.join(name)).expect("there");
            file.set_modified(long_ago).expect("writable");
        }
        let second = open(Existing::Overwrite);
        second.write("a.txt", b"second").expect("room");
        assert!(!path.join("run.json").exists());

        let third = open(Existing::Resume);
        assert!(!third.is_missing("a.txt") && third.is_missing("figures/b.txt") && third.is_missing("c.txt"));
        write(&third, "third");
        assert_eq!((read("a.txt"), read("figures/b.txt")), ("second".into(), "third".into()));
        third.finish();
        assert!(!path.join(REPLACED).exists());
        assert!(!open(Existing::Resume).is_missing("figures/b.txt"));
    }
}
