//! Another split of a training file into what is learned from and what is validated on.

use super::groups::folds;
use crate::error::Error;
use sparkwave_core::progress::Progress;
use sparkwave_io::msct::{self, DatasetWriter, NewStream, Origin};
use std::path::Path;

/// Writes the recordings of `path` to `out`, whole groups of one animal, coverslip or neuron in either fold, about the part
/// `valid` of the events set aside for validation. Nothing is written if a step fails.
///
/// # Errors
/// If the file is no training file, a number makes no sense, the name is taken and `overwrite` is not set, the disk is full,
/// or the user cancels.
pub fn split(
    path: &Path,
    out: &Path,
    valid: f64,
    seed: u64,
    overwrite: bool,
    progress: &dyn Progress,
) -> Result<(), Error> {
    super::check_part(valid)?;
    let streams = msct::list(path)?;
    let origins: Vec<&Origin> = streams.iter().map(|s| &s.origin).collect();
    let n_events: Vec<usize> = streams.iter().map(|s| s.n_events).collect();
    let folds = folds(&origins, &n_events, valid, seed);
    let mut writer = DatasetWriter::create(out, overwrite)?;
    for (i, (info, fold)) in streams.iter().zip(folds).enumerate() {
        progress.begin(&format!("recording {} of {}", i + 1, streams.len()), 1);
        let (from, stream) = (&info.fold, &info.stream);
        let foreground = match info.has_foreground {
            true => Some(msct::open_foreground(path, from, stream)?),
            false => None,
        };
        let input = msct::open_input(path, from, stream)?;
        let label = msct::open_label(path, from, stream)?;
        let events = msct::read_events(path, from, stream)?;
        let peak_dff = msct::read_peak_dff(path, from, stream)?;
        let new = NewStream {
            fold,
            // Streams of both folds may share a name.
            stream: &i.to_string(),
            input: input.as_ref(),
            label: label.as_ref(),
            events: &events,
            peak_dff: peak_dff.as_deref(),
            foreground: foreground.as_deref(),
            origin: &info.origin,
        };
        writer.add_stream(&new, progress)?;
    }
    Ok(writer.finish()?)
}
