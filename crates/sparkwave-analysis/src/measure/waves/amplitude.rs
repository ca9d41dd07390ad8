//! How strong a wave is and how long it lasts at one place.

use sparkwave_core::wave::Wave;

use super::speed::quantile;

/// Amplitudes as fractions of R0 and times of the wave's mean time course.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amplitude {
    /// The value farthest from 0, signed.
    pub(super) peak_drr: Option<f64>,
    /// Its lag after arrival.
    pub(super) time_to_peak_s: Option<f64>,
    /// Largest value, if positive.
    pub(super) highest_drr: Option<f64>,
    /// Smallest value, if negative.
    pub(super) lowest_drr: Option<f64>,
    /// Full width at half of the peak.
    pub(super) half_width_s: Option<f64>,
    /// Integral over the lobe of the peak.
    pub(super) area_drr_s: Option<f64>,
    /// Of the pixels' own peaks: the value that 0.5 % exceed in the direction of the peak.
    pub(super) largest_pixel_drr: Option<f64>,
    /// Median of the pixels' own peaks.
    pub(super) median_pixel_drr: Option<f64>,
}

/// Measures the mean time course and the map of peaks.
///
/// Levels are relative to the wave's own baseline, which whoever made the time course has subtracted. Crossings are
/// linear between samples. The half width needs a crossing on both sides of the peak; the lobe ends at the nearest
/// changes of sign or, without them, where the time course does.
pub(super) fn measure(wave: &Wave) -> Amplitude {
    let samples: Vec<(f64, f64)> = wave
        .waveform
        .lag_s
        .iter()
        .zip(&wave.waveform.drr)
        .filter(|(lag, drr)| lag.is_finite() && drr.is_finite())
        .map(|(lag, drr)| (*lag, *drr))
        .collect();
    let mut pixels: Vec<f64> = wave.peak_drr.iter().map(|(_, drr)| f64::from(drr)).collect();
    pixels.sort_by(f64::total_cmp);
    let median_pixel_drr = quantile(&pixels, 0.5);
    let outer = if median_pixel_drr < Some(0.0) { 0.005 } else { 0.995 };
    let of_pixels = Amplitude { largest_pixel_drr: quantile(&pixels, outer), median_pixel_drr, ..Amplitude::default() };

    let farther = |a: &usize, b: &usize| samples[*a].1.abs().total_cmp(&samples[*b].1.abs()).then(b.cmp(a));
    let Some(peak) = (0..samples.len()).max_by(farther) else { return of_pixels };
    let height = samples[peak].1;
    let values = || samples.iter().map(|s| s.1);
    Amplitude {
        peak_drr: Some(height),
        time_to_peak_s: Some(samples[peak].0),
        highest_drr: values().max_by(f64::total_cmp).filter(|v| *v > 0.0),
        lowest_drr: values().min_by(f64::total_cmp).filter(|v| *v < 0.0),
        half_width_s: width_above(&samples, peak, height / 2.0),
        area_drr_s: (height != 0.0).then(|| lobe_area(&samples, peak)),
        ..of_pixels
    }
}

/// Lag at which the line between two samples takes a level.
fn crossing(a: (f64, f64), b: (f64, f64), level: f64) -> f64 {
    a.0 + (b.0 - a.0) * (level - a.1) / (b.1 - a.1)
}

/// Time between the nearest crossings of a level, which has the sign of the peak, on both sides of the peak.
fn width_above(samples: &[(f64, f64)], peak: usize, level: f64) -> Option<f64> {
    let is_below = |i: &usize| samples[*i].1 * level.signum() < level.abs();
    let before = (0..peak).rev().find(is_below)?;
    let after = (peak + 1..samples.len()).find(is_below)?;
    let start = crossing(samples[before], samples[before + 1], level);
    Some(crossing(samples[after], samples[after - 1], level) - start)
}

/// Integral by trapezoids between the changes of sign around the peak.
fn lobe_area(samples: &[(f64, f64)], peak: usize) -> f64 {
    let is_other = |i: &usize| samples[*i].1 * samples[peak].1 <= 0.0;
    let first = (0..peak).rev().find(is_other);
    let last = (peak + 1..samples.len()).find(is_other);
    let mut lobe: Vec<(f64, f64)> = samples[first.map_or(0, |i| i + 1)..last.unwrap_or(samples.len())].to_vec();
    if let Some(i) = first {
        lobe.insert(0, (crossing(samples[i], samples[i + 1], 0.0), 0.0));
    }
    if let Some(i) = last {
        lobe.push((crossing(samples[i - 1], samples[i], 0.0), 0.0));
    }
    lobe.windows(2).map(|w| (w[1].0 - w[0].0) * (w[0].1 + w[1].1) / 2.0).sum()
}
