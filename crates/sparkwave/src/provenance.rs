//! run.json: what was run, on what, with what, and how long it took.

use crate::error::Error;
use crate::run_folder::RunFolder;
use crate::stage_clock::StageClock;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sparkwave_core::progress::Progress;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The version of the program with the commit it was built from, if known.
pub fn version() -> String {
    match env!("SPARKWAVE_COMMIT") {
        "" => format!("sparkwave {}", env!("CARGO_PKG_VERSION")),
        commit => format!("sparkwave {} ({commit})", env!("CARGO_PKG_VERSION")),
    }
}

/// The record of a run.
#[derive(Clone, Debug, Serialize)]
pub struct RunRecord {
    /// Version of the program.
    pub version: &'static str,
    /// Commit the program was built from; empty if unknown.
    pub commit: &'static str,
    /// The command, as one word or two.
    pub command: String,
    /// Input files with their digests.
    pub inputs: Vec<InputRecord>,
    /// Seed of everything random.
    pub seed: u64,
    /// Number of threads.
    pub threads: usize,
    /// Where its network computed: `cpu` or `gpu`.
    pub device: &'static str,
    /// The graphics card, if it computed on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Wall seconds of each stage, in order.
    pub stages: Vec<StageRecord>,
    /// Wall seconds of the whole run.
    pub wall_s: f64,
    /// Largest resident memory of the process, if the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// The result in a few numbers.
    pub summary: serde_json::Value,
}

/// An input file of a run.
#[derive(Clone, Debug, Serialize)]
pub struct InputRecord {
    /// Path as the user gave it.
    pub path: PathBuf,
    /// SHA-256 of the file; of a folder, of the digests and names of its files in order.
    pub sha256: String,
    /// Size in bytes.
    pub n_bytes: u64,
}

/// A stage of a run.
#[derive(Clone, Debug, Serialize)]
pub struct StageRecord {
    /// Name of the stage.
    pub stage: String,
    /// Wall seconds.
    pub wall_s: f64,
}

impl RunRecord {
    /// A record with the fields that are the same for every run.
    pub fn new(command: &str, seed: u64, threads: usize) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("SPARKWAVE_COMMIT"),
            command: command.to_owned(),
            inputs: Vec::new(),
            seed,
            threads,
            device: "cpu",
            adapter: None,
            stages: Vec::new(),
            wall_s: 0.0,
            peak_memory_bytes: peak_memory_bytes(),
            warnings: Vec::new(),
            summary: serde_json::Value::Null,
        }
    }

    /// Notes where the network of the run computes.
    pub(crate) fn computes_on(&mut self, device: &sparkwave_nn::Device) {
        self.adapter = sparkwave_nn::card(device);
        self.device = if self.adapter.is_some() { "gpu" } else { "cpu" };
    }

    /// Does the work of a run, and beside it reads its inputs for their digests: large ones take minutes. The reading goes no
    /// further than the work if that fails.
    ///
    /// # Errors
    /// Those of the work, or else those of [`input_record`].
    pub(crate) fn with_inputs<T>(
        &mut self,
        paths: &[&Path],
        clock: &StageClock<'_>,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let failed = AtomicBool::new(false);
        let stop = || failed.load(Ordering::Relaxed) || clock.is_cancelled();
        let (inputs, done) = std::thread::scope(|scope| {
            let inputs =
                scope.spawn(|| paths.iter().map(|path| input_record(path, &stop)).collect::<Result<Vec<_>, _>>());
            let done = work();
            failed.store(done.is_err(), Ordering::Relaxed);
            (inputs.join(), done)
        });
        let done = done?;
        match inputs {
            Ok(inputs) => self.inputs.extend(inputs?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(done)
    }

    /// Adds how the run went and what it found, and writes `run.json`. This comes last: a folder with a `run.json` is a
    /// finished run.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn finish(
        &mut self,
        started: Instant,
        clock: &StageClock<'_>,
        summary: serde_json::Value,
        folder: &RunFolder,
    ) -> Result<(), Error> {
        self.stages = clock.stages().into_iter().map(|(stage, wall_s)| StageRecord { stage, wall_s }).collect();
        self.wall_s = started.elapsed().as_secs_f64();
        self.peak_memory_bytes = peak_memory_bytes();
        self.warnings = clock.warnings();
        self.summary = summary;
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        sparkwave_io::atomic::write_atomic(&folder.file("run.json"), json.as_bytes())?;
        folder.finish();
        Ok(())
    }
}

/// Digest and size of a file, or of all files below a folder. The `::dataset` part of a path is left aside. `stop` is
/// asked every megabyte: a large input takes minutes to read.
///
/// # Errors
/// If a file cannot be read, or [`Error::Cancelled`] once `stop` says so.
pub fn input_record(path: &Path, stop: &dyn Fn() -> bool) -> Result<InputRecord, Error> {
    let text = path.to_string_lossy();
    let file = match text.split_once("::") {
        Some((file, _)) if !path.exists() => PathBuf::from(file),
        _ => path.to_path_buf(),
    };
    let read = digest(&file, stop);
    let read = read.map_err(|source| sparkwave_io::Error::Io { operation: "read", path: file.clone(), source })?;
    let (sha256, n_bytes) = read.ok_or(Error::Cancelled)?;
    Ok(InputRecord { path: path.to_path_buf(), sha256, n_bytes })
}

/// `None` if it was stopped.
fn digest(path: &Path, stop: &dyn Fn() -> bool) -> std::io::Result<Option<(String, u64)>> {
    let mut hash = Sha256::new();
    let mut n_bytes = 0u64;
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        entries.sort();
        for entry in entries {
            let Some((inner, n)) = digest(&entry, stop)? else { return Ok(None) };
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            hash.update(format!("{inner}  {name}\n"));
            n_bytes += n;
        }
    } else {
        let mut file = std::fs::File::open(path)?;
        let mut buffer = vec![0u8; 1 << 20];
        loop {
            if stop() {
                return Ok(None);
            }
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            n_bytes += n as u64;
        }
    }
    Ok(Some((hex(&hash.finalize()), n_bytes)))
}

/// A digest in hexadecimal.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

/// The largest resident memory of this process so far, where the system tells.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_stops_when_it_is_told_to() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a");
        std::fs::write(&path, b"abc").expect("writable");
        let whole = input_record(&path, &|| false).expect("readable");
        assert_eq!((&whole.sha256[..8], whole.n_bytes), ("ba7816bf", 3));
        for place in [path.as_path(), folder.path()] {
            assert!(matches!(input_record(place, &|| true), Err(Error::Cancelled)), "{}", place.display());
        }
    }
}
