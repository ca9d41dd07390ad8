//! Which bins are durable: a hidden text file beside the movie, one line a bin, written after the pixels.
//!
//! A line counts if it is whole. What a kill or a power cut leaves torn, or behind the last durable pixels, is dropped.

use crate::error::Error;
use crate::run_folder::RunFolder;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const NAME: &str = ".seconds.journal";

/// The journal of a pass that is not finished.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    head: String,
    variance: Vec<Option<f64>>,
    /// Bins that have their line.
    n_noted: usize,
}

fn io(operation: &'static str, path: &Path, source: std::io::Error) -> Error {
    sparkwave_io::Error::Io { operation, path: path.to_path_buf(), source }.into()
}

impl Journal {
    /// Opens the journal of a run that is resumed, if it is that of the pass called `identity`; else starts a new one.
    pub(super) fn open(folder: &RunFolder, identity: &str) -> Result<Self, Error> {
        let path = folder.file(NAME);
        let head = format!("sparkwave seconds 1 {identity}\n");
        let text = if folder.is_missing(NAME) { Vec::new() } else { std::fs::read(&path).unwrap_or_default() };
        let text = String::from_utf8_lossy(&text);
        let variance = text.strip_prefix(&head).map(whole_lines).unwrap_or_default();
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| io("create", &path, e))?;
        let n = variance.len();
        let mut journal = Self { path, file, head, variance, n_noted: n };
        journal.keep(n)?;
        Ok(journal)
    }

    /// Variance of every bin so far, in order.
    pub(super) fn variance(&self) -> &[Option<f64>] {
        &self.variance
    }

    /// Forgets all bins but the first `n`, as the pixels of the others are lost.
    pub(super) fn keep(&mut self, n: usize) -> Result<(), Error> {
        self.variance.truncate(n);
        self.n_noted = self.variance.len();
        let mut text = self.head.clone();
        self.variance.iter().enumerate().for_each(|(i, variance)| line(&mut text, i, *variance));
        // Lines are the same as before up to the cut, so that a kill in between loses nothing.
        let Self { path, file, .. } = self;
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(text.as_bytes()))
            .and_then(|()| file.set_len(text.len() as u64))
            .and_then(|()| file.sync_data())
            .map_err(|e| io("write", path, e))
    }

    /// Adds a bin that is not noted yet.
    pub(super) fn add(&mut self, variance: Option<f64>) {
        self.variance.push(variance);
    }

    /// Notes all bins; their pixels are durable.
    ///
    /// The lines outlive a kill at once. A power cut may take the last of them, which costs their bins and nothing else; so
    /// the disk need not be waited for a second time.
    pub(super) fn note(&mut self) -> Result<(), Error> {
        let mut text = String::new();
        let new = self.variance.iter().enumerate().skip(self.n_noted);
        new.for_each(|(i, variance)| line(&mut text, i, *variance));
        self.n_noted = self.variance.len();
        let Self { path, file, .. } = self;
        file.write_all(text.as_bytes()).map_err(|e| io("write", path, e))
    }

    /// Removes the journal of a pass that is finished.
    pub(super) fn remove(folder: &RunFolder) -> Result<(), Error> {
        let path = folder.file(NAME);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &path, e)),
            _ => Ok(()),
        }
    }
}

/// `BIN VARIANCE`, the number in the shortest form that reads back to the same bits, or `-`.
fn line(text: &mut String, bin: usize, variance: Option<f64>) {
    // Writing into a string cannot fail.
    let _ = match variance {
        Some(variance) => writeln!(text, "{bin} {variance}"),
        None => writeln!(text, "{bin} -"),
    };
}

/// The variances of lines that are whole and in order, up to the first that is not.
fn whole_lines(text: &str) -> Vec<Option<f64>> {
    let parse = |(i, line): (usize, &str)| -> Option<Option<f64>> {
        let (bin, variance) = line.strip_suffix('\n')?.split_once(' ')?;
        match (bin.parse() == Ok(i), variance) {
            (true, "-") => Some(None),
            (true, number) => number.parse().ok().map(Some),
            (false, _) => None,
        }
    };
    text.split_inclusive('\n').enumerate().map_while(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::whole_lines;

    #[test]
    fn lines_count_up_to_the_first_that_is_torn() {
        assert_eq!(whole_lines("0 1.5\n1 -\n2 0.1"), [Some(1.5), None]);
        assert_eq!(whole_lines("0 1.5\n2 1.5\n"), [Some(1.5)]);
        assert_eq!(whole_lines("0 1.5\n\0\0\0\n"), [Some(1.5)]);
        assert_eq!(whole_lines(""), []);
    }
}
