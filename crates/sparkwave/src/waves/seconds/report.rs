//! What is told about the bins: the table, warnings, and the name by which a pass knows its own half-done work.

use crate::error::Error;
use sha2::{Digest, Sha256};
use sparkwave_core::source::FrameSource;
use sparkwave_core::table::{Table, Value};
use sparkwave_imgproc::seconds::{Bin, TimeGrid};
use std::path::Path;

/// Faults of one kind that are told one by one.
const MAX_TOLD: usize = 5;
/// A bin with this many times the frames of the rate holds frames of two times, as after a clock was set back.
const EXCESS: f64 = 1.5;

/// The table of bins.
pub(super) fn table(grid: &TimeGrid, variance: &[Option<f64>]) -> Table {
    let of =
        |value: &dyn Fn(usize, &Bin) -> Value| grid.bins.iter().enumerate().map(|(i, bin)| value(i, bin)).collect();
    let mut table = Table::new();
    table.push("bin", of(&|i, _| Value::Int(i as i64)));
    table.push("start_s", of(&|_, bin| Value::float(bin.start_s)));
    table.push("n_frames", of(&|_, bin| Value::Int(bin.frames.len() as i64)));
    table.push("n_missing", of(&|_, bin| Value::Int(bin.n_missing as i64)));
    table.push("variance", of(&|i, _| Value::maybe(variance.get(i).copied().flatten())));
    table.push("flag", of(&|i, _| flag(grid, i).map_or(Value::Empty, |flag| Value::Text(flag.into()))));
    table
}

fn flag(grid: &TimeGrid, i: usize) -> Option<&'static str> {
    let bin = grid.bins[i];
    let (n, n_expected) = (bin.frames.len() as u64, grid.n_expected());
    let outer = i == 0 || i + 1 == grid.bins.len();
    match n {
        0 => Some("empty"),
        _ if bin.n_missing > 0 => Some("incomplete"),
        _ if outer && n + 1 < n_expected => Some("partial"),
        _ if n as f64 > EXCESS * n_expected as f64 => Some("excess"),
        _ => None,
    }
}

/// The variances of a finished table; `None` if it is not that of `n_bins` bins.
pub(super) fn read_variance(path: &Path, n_bins: usize) -> Result<Option<Vec<Option<f64>>>, Error> {
    let table = sparkwave_io::csv::read_table(path)?;
    let variance = table.column("variance").filter(|values| values.len() == n_bins);
    Ok(variance.map(|values| values.iter().map(Value::as_f64).collect()))
}

/// What is wrong with the times, as sentences.
pub(super) fn warnings(grid: &TimeGrid) -> Vec<String> {
    let mut warnings = Vec::new();
    let told = |all: Vec<String>| {
        let more = all.len().saturating_sub(MAX_TOLD);
        let shown = all.into_iter().take(MAX_TOLD).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    let (n_missing, n_bins) = (grid.n_missing(), grid.bins.len());
    if n_missing > 0 {
        let n = grid.bins.iter().filter(|bin| bin.n_missing > 0).count();
        let rate_hz = 1.0 / grid.interval_s;
        warnings.push(format!("{n_missing} frames are missing at {rate_hz:.2} Hz, in {n} of {n_bins} time bins"));
    }
    let gaps = grid.gaps();
    if !gaps.is_empty() {
        let n: usize = gaps.iter().map(|gap| gap.len()).sum();
        let of = |gap: &sparkwave_core::axes::Span| match gap.len() {
            1 => format!("{}", gap.start),
            _ => format!("{} to {}", gap.start, gap.end - 1),
        };
        let list = told(gaps.iter().map(of).collect());
        warnings.push(format!("{n} of {n_bins} time bins hold no frame and stay empty: {list}"));
    }
    for (back, what) in [
        (true, "the clock was set back, and time goes on by one frame interval"),
        (false, "the recording pauses or the clock was set forward, which leaves a gap"),
    ] {
        let jumps: Vec<_> = grid.jumps.iter().filter(|jump| (jump.step_s < 0.0) == back).collect();
        if !jumps.is_empty() {
            let of = |jump: &&sparkwave_imgproc::seconds::ClockJump| {
                let hour = if jump.is_about_an_hour() { " (daylight saving time?)" } else { "" };
                format!("by {:.1} s after frame {}{hour}", jump.step_s.abs(), jump.after_frame)
            };
            warnings.push(format!("{what}: {}", told(jumps.iter().map(of).collect())));
        }
    }
    for (n, what) in [
        (grid.n_repeated, "have the time of the frame before"),
        (grid.n_misplaced, "have a time that does not lie between those of their neighbours; it was interpolated"),
    ] {
        if n > 0 {
            warnings.push(format!("{n} frames {what}"));
        }
    }
    let n_excess = (0..n_bins).filter(|&i| flag(grid, i) == Some("excess")).count();
    if n_excess > 0 {
        warnings.push(format!("{n_excess} time bins hold more than {EXCESS} times the frames of the usual rate"));
    }
    warnings
}

/// A digest of all that decides the bytes of the movie but the pixels themselves.
pub(super) fn identity(source: &dyn FrameSource, grid: &TimeGrid) -> String {
    let mut digest = Sha256::new();
    let shape = source.shape();
    digest.update(format!("{shape:?} {:?} {:?} ", source.pixel_type(), source.recording().pixel_size));
    digest.update(format!("{} {}\n", grid.bin_s, grid.interval_s));
    for bin in &grid.bins {
        digest.update(format!("{} {} {} {}\n", bin.start_s, bin.frames.start, bin.frames.end, bin.n_missing));
    }
    crate::provenance::hex(&digest.finalize())
}
