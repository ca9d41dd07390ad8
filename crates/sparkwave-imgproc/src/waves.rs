//! Waves: from the per-second means of a wide-field recording to the leading bands of travelling waves.
//!
//! Data flow: [`reflectance`] puts the seconds back in place and divides by the image at rest; [`cells`] holds the whole
//! recording on a coarse grid that fits into memory; [`light`] removes what all of the cortex does at once; [`rise`]
//! turns a cell's trace into evidence for a passing front; [`fronts`] links the evidence of neighbouring cells to
//! candidates; [`accept`] keeps those that travel like waves and are not expected from noise; [`track`] follows each
//! outwards from its seed and parts those that meet; [`timing`] tells from their whole course when they arrive; [`bands`]
//! goes back to full resolution, smooths in the wave's own frame and reads the masks.
//!
//! The idea behind it: at any one place a wave is a weak event in strong, slow, spatially smooth fluctuations, but its
//! arrival time is a smooth function of position. Once that function is known, the traces of neighbours can be shifted
//! to a common arrival and averaged. This does not blur the front, however steep, and what is not locked to the wave
//! averages out.

pub mod accept;
pub mod bands;
pub mod cells;
pub mod cortex;
pub mod fronts;
pub mod light;
mod plane;
pub mod reflectance;
pub mod rise;
pub mod timing;
pub mod track;
pub mod waveform;

use crate::sampling::Sampling;
use serde::{Deserialize, Serialize};
use sparkwave_core::recording::Recording;

/// Pixel size that is assumed for the widths of filters where the true one is unknown: 10 mm on 512 px, the field of
/// view of the published recordings, µm. No result in mm is derived from it.
pub const PUBLISHED_PIXEL_UM: f64 = 10_000.0 / 512.0;

/// The grid of a recording of seconds.
pub fn sampling(seconds: &Recording, bin_s: f64) -> Sampling {
    let pixel_um = seconds.pixel_size().map_or(PUBLISHED_PIXEL_UM, |p| p.mean().get());
    Sampling { pixel_um, interval_s: bin_s }
}

/// Parameters of finding and following waves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaveParams {
    /// Edge of a cell of the coarse grid, µm: a fraction of the width of a front.
    pub cell_um: f64,
    /// Half of the time over which a rise is measured, s.
    pub rise_s: f64,
    /// Evidence of a cell that can start a candidate, standard deviations of the cell's own fluctuation.
    pub seed_sd: f64,
    /// Evidence of a cell into which a wave is followed, standard deviations.
    pub follow_sd: f64,
    /// Slowest front, mm/min: neighbouring cells that are later than this allows are not linked.
    pub min_speed_mm_min: f64,
    /// Fastest front, mm/min: what lights up faster than this is not a wave that travels.
    pub max_speed_mm_min: f64,
    /// Shortest time for which a wave travels, s.
    pub min_duration_s: f64,
    /// Smallest area that a wave visits, mm².
    pub min_area_mm2: f64,
    /// False waves that are expected in an hour of recording; the threshold follows from it.
    pub false_per_hour: f64,
    /// Two parts of a front have sources of their own if each is this much earlier than the place where they meet, s.
    pub split_s: f64,
    /// Standard deviation of the smoothing in the wave's own frame, µm.
    pub smooth_um: f64,
    /// A wave's band is where the rise over the interval reaches this fraction of the wave's peak rise.
    pub band_fraction: f64,
}

impl Default for WaveParams {
    fn default() -> Self {
        Self {
            cell_um: 156.0,
            rise_s: 6.0,
            seed_sd: 4.0,
            follow_sd: 2.5,
            min_speed_mm_min: 1.0,
            max_speed_mm_min: 12.0,
            min_duration_s: 15.0,
            min_area_mm2: 1.0,
            false_per_hour: 0.1,
            split_s: 8.0,
            smooth_um: 160.0,
            band_fraction: 0.35,
        }
    }
}
