//! Training files: what networks learn from, in the HDF5 layout of [`sparkwave_io::msct`].

mod build;
mod groups;
mod simulated;
mod split;

pub use build::{BuildDataset, Built, build};
pub use groups::leaks;
pub use simulated::{Known, SimulateDataset, simulate};
pub use split::split;

use crate::error::Error;
use sparkwave_io::msct::EventRow;
use std::collections::BTreeMap;
use std::path::Path;

/// Checks the part of the events that is set aside.
fn check_part(valid: f64) -> Result<(), Error> {
    if (0.0..1.0).contains(&valid) {
        return Ok(());
    }
    Err(Error::Parameter { name: "valid", expected: "a part from 0 to below 1", found: valid.to_string() })
}

/// A folder beside a file that is being made, for what is needed on the way.
fn scratch_beside(out: &Path) -> Result<tempfile::TempDir, Error> {
    let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::tempdir_in(folder)
        .map_err(|source| sparkwave_io::Error::Io { operation: "write", path: out.to_path_buf(), source }.into())
}

fn remove(path: &Path) -> Result<(), Error> {
    std::fs::remove_file(path)
        .map_err(|source| sparkwave_io::Error::Io { operation: "remove", path: path.to_path_buf(), source }.into())
}

/// Extends the box of an event to a voxel `[t, y, x]`.
fn grow_box(boxes: &mut BTreeMap<u32, EventRow>, id: u32, voxel: [usize; 3]) {
    let [t, y, x] = voxel.map(|v| v as i64);
    let new = EventRow { id: i64::from(id), t0: t, t1: t, y0: y, y1: y, x0: x, x1: x };
    let row = boxes.entry(id).or_insert(new);
    (row.t0, row.t1) = (row.t0.min(t), row.t1.max(t));
    (row.y0, row.y1) = (row.y0.min(y), row.y1.max(y));
    (row.x0, row.x1) = (row.x0.min(x), row.x1.max(x));
}
