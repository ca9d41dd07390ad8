//! The folder of a run: who may write into it, and what is there already.

use crate::error::Error;
use sparkwave_analysis::figure::Figure;
use sparkwave_core::table::Table;
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

    /// The folder of a finished run, into which figures and a page are drawn of what is there; they replace earlier ones.
    pub(crate) fn finished(path: &Path) -> Self {
        Self { path: path.to_path_buf(), resume: false }
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
