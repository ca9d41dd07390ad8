//! What a simulated recording of waves is made of.

use super::plan::PlannedWave;
use crate::synth::camera::Emccd;

/// Photoelectrons are doubled in variance by the multiplication register (see [`Emccd`]).
const EXCESS_NOISE: f64 = 2.0;
/// Camera counts of the median cortical pixel above the offset, half of a 14-bit range.
const CORTEX_COUNTS: f64 = 8000.0;

/// A stretch of time in which the camera delivered nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// Begin, s since the start of the recording.
    pub start_s: f64,
    /// Length, s.
    pub duration_s: f64,
}

/// Parameters of a simulated recording of intrinsic optical signal with spreading depolarisations.
///
/// Sources: "paper" is Scientific Data 2026, 10.1038/s41597-026-06580-1; "sample" is the tracking video published with
/// its code (16 frames, one wave); "optical" are the published optical measurements of spreading depression (3.52 ± 0.87
/// mm/min over 33 waves, fitted circles 3.96 mm/min).
#[derive(Clone, Debug, PartialEq)]
pub struct WavesParams {
    /// Length of the recording in s; 20 to 36 000. Default 600.
    pub duration_s: f64,
    /// Frames per s; 1 to 200. Default 60 (paper).
    pub frame_rate_hz: f64,
    /// Rows, in pixels; 64 to 2048. Default 512 (paper).
    pub height: usize,
    /// Columns, in pixels; 64 to 2048. Default 512 (paper).
    pub width: usize,
    /// Width of the field in mm; 4 to 20. Default 10 (paper), which makes a pixel 19.53 µm.
    pub field_mm: f64,
    /// Wall-clock time of the first frame, s since 1970-01-01 00:00; 0 to 7e9. Default 2023-09-22 22:14:31 (paper, name
    /// of a segment).
    pub started_s: f64,
    /// Groups of waves that are drawn if `plan` is empty; 0 to one every 100 s. Default 2.
    pub n_waves: usize,
    /// How many of these are accompanied by a second wave that starts while the first still travels. Default 0.
    pub n_overlapping: usize,
    /// The waves; if empty, they are drawn. Default empty.
    pub plan: Vec<PlannedWave>,
    /// Smallest and largest peak reflectance change of a wave, as part of the reflectance at rest; 0.0005 to 0.1.
    /// Default 0.004 to 0.03 (paper: signals of 0.1 to 6 %).
    pub amplitude: (f64, f64),
    /// Smallest and largest mean speed of a wave in mm/min; 0.5 to 20. Default 2.6 to 4.4 (optical).
    pub speed_mm_min: (f64, f64),
    /// Relative variation of the speed from place to place; 0 to 0.5. Default 0.12 (sample: the arc stays round).
    pub speed_variation: f64,
    /// Distance over which the amplitude falls to 1/e, mm; 1 to 1000. Default 8.
    pub amplitude_decay_mm: f64,
    /// Time after a wave during which no other wave enters, s; 0 to 600. Default 60.
    pub refractory_s: f64,
    /// Noise of a single frame at the median cortical pixel, as part of its light; 0.001 to 0.2. Default 0.012 (an EMCCD
    /// at about 14 000 photoelectrons a pixel).
    pub noise: f64,
    /// Root mean square displacement in pixels, jolts aside; 0 to 5. Default 0.5.
    pub motion_rms_px: f64,
    /// Sudden movements of 1 to 3 pixels that settle within a second, per minute; 0 to 30. Default 0.2.
    pub jolts_per_minute: f64,
    /// Slow change of the light source over the recording, peak, as part of its light; 0 to 0.2. Default 0.01.
    pub light_drift: f64,
    /// Standard deviation of the brightness of whole frames; 0 to 0.05. Default 0.001.
    pub flicker: f64,
    /// Standard deviation of spontaneous oscillations of blood volume near 0.1 Hz, as part of the light; 0 to 0.02.
    /// Default 0.0012.
    pub vasomotion: f64,
    /// Part of the frames that are lost one by one; 0 to 0.5. Default 0.0005.
    pub lost_frames: f64,
    /// Longer losses; the very first frame is always there. Default none.
    pub gaps: Vec<Gap>,
}

impl Default for WavesParams {
    fn default() -> Self {
        Self {
            duration_s: 600.0,
            frame_rate_hz: 60.0,
            height: 512,
            width: 512,
            field_mm: 10.0,
            started_s: 1_695_420_871.0,
            n_waves: 2,
            n_overlapping: 0,
            plan: Vec::new(),
            amplitude: (0.004, 0.03),
            speed_mm_min: (2.6, 4.4),
            speed_variation: 0.12,
            amplitude_decay_mm: 8.0,
            refractory_s: 60.0,
            noise: 0.012,
            motion_rms_px: 0.5,
            jolts_per_minute: 0.2,
            light_drift: 0.01,
            flicker: 0.001,
            vasomotion: 0.0012,
            lost_frames: 0.0005,
            gaps: Vec::new(),
        }
    }
}

/// Why a scene cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WavesError {
    /// A parameter lies outside its range.
    #[error("simulate waves: {name} is {found}, expected {low} to {high}")]
    OutOfRange {
        /// The field of [`WavesParams`].
        name: &'static str,
        /// Smallest value allowed.
        low: f64,
        /// Largest value allowed.
        high: f64,
        /// The value given.
        found: f64,
    },
    /// A wave cannot start where or when it should.
    #[error("simulate waves: wave {wave} starts outside of the cortex, or where the cortex is refractory")]
    NoPlace {
        /// Its number, from 1.
        wave: usize,
    },
}

impl WavesParams {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    /// Names the first field that is outside, its range and its value; NaN is outside of every range.
    pub fn validate(&self) -> Result<(), WavesError> {
        let most_waves = (self.duration_s / 100.0).floor().max(1.0);
        let mut ranges = vec![
            ("duration_s", self.duration_s, 20.0, 36_000.0),
            ("frame_rate_hz", self.frame_rate_hz, 1.0, 200.0),
            ("height", self.height as f64, 64.0, 2048.0),
            ("width", self.width as f64, 64.0, 2048.0),
            ("field_mm", self.field_mm, 4.0, 20.0),
            ("started_s", self.started_s, 0.0, 7e9),
            ("n_waves", self.n_waves as f64, 0.0, most_waves),
            ("n_overlapping", self.n_overlapping as f64, 0.0, self.n_waves as f64),
            ("plan (number of waves)", self.plan.len() as f64, 0.0, 500.0),
            ("amplitude (smallest)", self.amplitude.0, 0.0005, 0.1),
            ("amplitude (largest)", self.amplitude.1, self.amplitude.0, 0.1),
            ("speed_mm_min (smallest)", self.speed_mm_min.0, 0.5, 20.0),
            ("speed_mm_min (largest)", self.speed_mm_min.1, self.speed_mm_min.0, 20.0),
            ("speed_variation", self.speed_variation, 0.0, 0.5),
            ("amplitude_decay_mm", self.amplitude_decay_mm, 1.0, 1000.0),
            ("refractory_s", self.refractory_s, 0.0, 600.0),
            ("noise", self.noise, 0.001, 0.2),
            ("motion_rms_px", self.motion_rms_px, 0.0, 5.0),
            ("jolts_per_minute", self.jolts_per_minute, 0.0, 30.0),
            ("light_drift", self.light_drift, 0.0, 0.2),
            ("flicker", self.flicker, 0.0, 0.05),
            ("vasomotion", self.vasomotion, 0.0, 0.02),
            ("lost_frames", self.lost_frames, 0.0, 0.5),
        ];
        for gap in &self.gaps {
            ranges.push(("gaps (start_s)", gap.start_s, 0.0, self.duration_s));
            ranges.push(("gaps (duration_s)", gap.duration_s, 0.0, self.duration_s));
        }
        for wave in &self.plan {
            ranges.extend(wave.ranges(self.duration_s));
        }
        match ranges.into_iter().find(|&(_, found, low, high)| !(low..=high).contains(&found)) {
            Some((name, found, low, high)) => Err(WavesError::OutOfRange { name, low, high, found }),
            None => Ok(()),
        }
    }

    /// Edge of a pixel in µm.
    pub fn pixel_size_um(&self) -> f64 {
        1000.0 * self.mm_per_px()
    }

    pub(super) fn mm_per_px(&self) -> f64 {
        self.field_mm / self.width as f64
    }

    /// The camera that sees the median cortical pixel with the stated noise, and the photoelectrons of that pixel.
    pub(super) fn camera(&self) -> (Emccd, f64) {
        let electrons = EXCESS_NOISE / (self.noise * self.noise);
        let camera = Emccd {
            offset_counts: 200.0,
            gain_counts: (CORTEX_COUNTS / electrons) as f32,
            read_noise_counts: 5.0,
            clock_induced_electrons: 0.0,
        };
        (camera, electrons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_range_is_named() {
        assert_eq!(WavesParams::default().validate(), Ok(()));
        let error = WavesParams { noise: 0.0, ..Default::default() }.validate().expect_err("too small");
        assert_eq!(error.to_string(), "simulate waves: noise is 0, expected 0.001 to 0.2");
        assert!(WavesParams { flicker: f64::NAN, ..Default::default() }.validate().is_err());
        assert!(WavesParams { duration_s: 60.0, n_waves: 2, ..Default::default() }.validate().is_err());
    }

    #[test]
    fn the_camera_has_the_stated_noise_at_the_median_pixel() {
        let params = WavesParams::default();
        let (camera, electrons) = params.camera();
        let signal = camera.mean_counts(electrons as f32) - camera.offset_counts;
        let noise = camera.variance_counts2(electrons as f32).sqrt() / signal;
        assert!((f64::from(noise) / params.noise - 1.0).abs() < 0.01, "{noise}");
    }
}
