//! Pixels of any type as 8-bit grey, for formats that only show a movie.

use sparkwave_core::movie::Pixels;

/// The 0.1 and 99.9 percentiles of the finite values, or everything if that leaves no range.
pub(crate) fn display_range(block: &Pixels) -> Option<(f32, f32)> {
    if let Pixels::U8(_) = block {
        return Some((0.0, 255.0));
    }
    let mut values: Vec<f32> = block.to_f32().into_iter().filter(|v| v.is_finite()).collect();
    let (low, high) = percentiles(&mut values)?;
    Some(if high > low { (low, high) } else { (*values.first()?, *values.last()?) })
}

/// The 0.1 and 99.9 percentiles of values, which are sorted for that; `None` of no values.
pub fn percentiles(values: &mut [f32]) -> Option<(f32, f32)> {
    values.sort_unstable_by(f32::total_cmp);
    let cut = values.len() / 1000;
    let last = values.len().checked_sub(1 + cut)?;
    Some((values[cut], values[last]))
}

/// The shades of the frames of a block, one vector a frame: black at `low`, white at `high`. Without a range that of the
/// block is taken and kept.
pub(crate) fn shades(block: &Pixels, range: &mut Option<(f32, f32)>) -> Vec<Vec<u8>> {
    let (low, high) = *range.get_or_insert_with(|| display_range(block).unwrap_or((0.0, 1.0)));
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    // NaN becomes 0 by the rules of casts, and so do values below the range.
    let shade = |&v: &f32| ((v - low) * scale).round() as u8;
    block.to_f32().outer_iter().map(|frame| frame.iter().map(shade).collect()).collect()
}
