//! The published arithmetic on a recording, for comparison with the released frames and numbers. Episodes, masks and
//! quantities of the run are the same with it and without.
//!
//! `legacy/color/*.tiff` and `legacy/mask.png` come from the seconds, [`masks`] from the waves that this program found.

mod masks;

use super::find::{Found, Setting};
use crate::error::Error;
use crate::run_folder::RunFolder;
use ndarray::{Array2, Axis};
use sparkwave_core::axes::Span;
use sparkwave_core::progress::Progress;
use sparkwave_imgproc::legacy::{SIDE_PX, crop::crop, interval, jet, mask};
use sparkwave_io::segments::name::frame_name;
use sparkwave_io::segments::write::write_image;

/// Writes everything that the published program would, in the folder `legacy`. `names` are those of the intervals.
///
/// # Errors
/// If the recording cannot be read, a file cannot be written, or the user cancels.
pub(super) fn write(
    setting: &Setting<'_>,
    found: &Found,
    names: &[String],
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<(), Error> {
    folder.create_subfolder("legacy/color")?;
    let window = crop(found.cortex.inside.mapv(u16::from).view(), SIDE_PX).mapv(|v| v > 0);
    let window = mask::smoothed(window.view());
    let drawn = window.mapv(|inside| if inside { u8::MAX } else { 0 });
    sparkwave_io::png::write_gray8(&folder.file("legacy/mask.png"), drawn.view())?;
    write_colors(setting, found, &window, folder, progress)?;
    masks::write(setting, found, &window, names, folder, progress)
}

/// Writes the coloured quotient of every interval. It is named after its later end or, where nothing tells the time,
/// after its number.
fn write_colors(
    setting: &Setting<'_>,
    found: &Found,
    window: &Array2<bool>,
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let Setting { seconds, bin_s, start_s } = *setting;
    let shape = seconds.shape();
    progress.begin("published arithmetic", shape.n_frames as u64);
    let mut intervals = interval::Intervals::default();
    let started_s = seconds.recording().started_s.as_ref().map(|s| s.value);
    // The published program takes every fifth of the seconds that there are, whatever is missing between them.
    let present = (0..shape.n_frames).filter(|bin| !found.missing[*bin]).step_by(interval::STEP);
    for (n_before, bin) in present.enumerate() {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let plane = seconds.read(Span::new(bin, bin + 1), Span::new(0, shape.height))?.to_f32();
        let counts = interval::to_counts(plane.index_axis(Axis(0), 0));
        if let Some(mut ratio) = intervals.push(crop(counts.view(), SIDE_PX).view()) {
            interval::mask_out(&mut ratio, window);
            let (number, time_s) = (n_before - 1, start_s + (bin as f64 + 0.5) * bin_s);
            let name = frame_name(started_s, time_s, number).unwrap_or_else(|| format!("{number:06}"));
            write_image(&folder.file(&format!("legacy/color/{name}.tiff")), jet::colour(ratio.view()).view())?;
        }
        progress.advance(interval::STEP as u64);
    }
    Ok(())
}
