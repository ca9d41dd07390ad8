//! What a simulated recording is made of.

use crate::synth::camera::Emccd;

/// Parameters of a simulated recording of miniature synaptic calcium transients.
///
/// Sources: "paper" is Digital Discovery 2025, 4, 105-119; "crops" are the photon-transfer curves of its 20 published
/// single-frame crops (about 100 photoelectrons at the mean foreground level, 5 to 25 in the background); "trace" is its
/// published raw trace (SD 0.108 of the mean, of which 0.099 from one frame to the next); "kymograph" is the published
/// time x position rendering.
#[derive(Clone, Debug, PartialEq)]
pub struct SparksParams {
    /// Frames; 1 to 10 million. Default 600 (paper 2.3).
    pub n_frames: usize,
    /// Rows, in pixels; 16 to 4096. Default 512 (paper 2.3).
    pub height: usize,
    /// Columns, in pixels; 16 to 4096. Default 512 (paper 2.3).
    pub width: usize,
    /// Edge of a pixel, in µm; 0.05 to 2. Default 0.16 (paper 2.3).
    pub pixel_size_um: f64,
    /// Time from one frame to the next, which is also the exposure, in s; 0.001 to 10. Default 0.1 (paper 2.3).
    pub frame_interval_s: f64,
    /// Full width at half maximum of the point spread function, pixel included, in µm; 0.1 to 5. Never narrower than
    /// 1.4 pixels, so that resampling at sub-pixel drift stays exact. Default 0.3 (1.49 NA at 520 nm gives 0.18, the
    /// thinnest lines of the crops 0.3).
    pub psf_fwhm_um: f64,
    /// Photoelectrons per pixel and frame on the axis of the primary dendrite, at the start; 1 to 5000. Default 150
    /// (crops, trace: 10 to 15 % noise).
    pub dendrite_photons: f64,
    /// Photoelectrons per pixel and frame of featureless background, at the start; 0 to 5000. Default 9 (crops).
    pub background_photons: f64,
    /// Part of the light of in-focus structure that is spread into wide tails, 0 to 0.9. Default 0.4 (crops: level
    /// between dendrites).
    pub haze_fraction: f64,
    /// Loss of illumination from its centre to the farthest corner, 0 to 0.9. Default 0.3 (kymograph).
    pub illumination_falloff: f64,
    /// Spines per µm of dendrite; 0 to 5. Default 0.8 (renderings).
    pub spine_density_per_um: f64,
    /// Part of the fluorescence that is bleached by the end of the recording, 0 to 0.8. Default 0.15 (kymograph: mean
    /// gray falls by 0.17).
    pub bleach_fraction: f64,
    /// Largest displacement from frame 0, in pixels; 0 to 20. Default 3.
    pub drift_px: f64,
    /// Sudden displacements of 0.2 to 1 pixel, per minute; 0 to 60. Default 1.
    pub jumps_per_minute: f64,
    /// Standard deviation of the slow fluctuations along the dendrites, as part of F0; 0 to 0.3. Default 0.05 (trace:
    /// slow part of its variance).
    pub fluctuation: f64,
    /// Standard deviation of fluctuations as small and as fast as transients, as part of the light of the neuron; 0 to 0.5.
    /// Default 0: the published trace shows none beside the noise of photons.
    pub restlessness: f64,
    /// Size of these fluctuations (standard deviation of the Gaussian that smooths them), in µm; 0.2 to 20. Default 1.
    pub restlessness_um: f64,
    /// Their memory, in s; 0.02 to 20. Default 0.3.
    pub restlessness_s: f64,
    /// How much rarer and higher their peaks are than their dips: standard deviation of the logarithm of their values, 0
    /// (none) to 1. Default 0.5.
    pub restlessness_skew: f64,
    /// Standard deviation of the brightness of whole frames, as part of F0; 0 to 0.1. Default 0.005 (kymograph: faint
    /// horizontal lines).
    pub flicker: f64,
    /// Expected transients per minute in the whole field, bursts included; 0 to 100 000. Default 160 (paper 2.4: 100 to
    /// 800 per 60 s movie; its test movies hold 57 on average).
    pub events_per_minute: f64,
    /// Median of the largest noise-free dF/F0 of a transient on any pixel; 0.05 to 10. Default 1.3 (crops: small events
    /// add 40 to 80 photoelectrons to 10 to 20). Measured as in the paper, as the mean of 5 x 5 pixels without subtraction
    /// of the camera offset, the median is then near 0.5 and most transients are below 1, as the paper reports.
    pub median_peak_dff: f64,
    /// Median time constant of the decay of a transient, in s; 0.05 to 2. Default 0.3 (paper: events of 0.2 to 1 s).
    pub median_decay_s: f64,
    /// Part of the transients that are large, 0 to 1. Default 0.05 (subtype analysis: the large, long and bright ones are 0.046).
    pub large_fraction: f64,
    /// Part of the transients that travel along the dendrite, 0 to 1. Default 0.05.
    pub propagating_fraction: f64,
    /// Part of the transients that open a burst, 0 to 1. Default 0.07 (paper 2.4: bursts exist; 0.05 of events are of
    /// the high-frequency subtype).
    pub burst_fraction: f64,
    /// Bright single-frame spots from cosmic rays, per minute; 0 to 1000. Default 3 (renderings: one to three each).
    pub cosmic_rays_per_minute: f64,
    /// The camera. Default: offset 400, 20 counts per electron, read noise 10 counts, 0.02 clock-induced electrons
    /// (trace: 5078 counts at 10 % noise is 200 electrons).
    pub camera: Emccd,
}

impl Default for SparksParams {
    fn default() -> Self {
        Self {
            n_frames: 600,
            height: 512,
            width: 512,
            pixel_size_um: 0.16,
            frame_interval_s: 0.1,
            psf_fwhm_um: 0.3,
            dendrite_photons: 150.0,
            background_photons: 9.0,
            haze_fraction: 0.4,
            illumination_falloff: 0.3,
            spine_density_per_um: 0.8,
            bleach_fraction: 0.15,
            drift_px: 3.0,
            jumps_per_minute: 1.0,
            fluctuation: 0.05,
            restlessness: 0.0,
            restlessness_um: 1.0,
            restlessness_s: 0.3,
            restlessness_skew: 0.5,
            flicker: 0.005,
            events_per_minute: 160.0,
            median_peak_dff: 1.3,
            median_decay_s: 0.3,
            large_fraction: 0.05,
            propagating_fraction: 0.05,
            burst_fraction: 0.07,
            cosmic_rays_per_minute: 3.0,
            camera: Emccd {
                offset_counts: 400.0,
                gain_counts: 20.0,
                read_noise_counts: 10.0,
                clock_induced_electrons: 0.02,
            },
        }
    }
}

/// Why a scene cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SparksError {
    /// A parameter lies outside its range.
    #[error("simulate sparks: {name} is {found}, expected {low} to {high}")]
    OutOfRange {
        /// The field of [`SparksParams`].
        name: &'static str,
        /// Smallest value allowed.
        low: f64,
        /// Largest value allowed.
        high: f64,
        /// The value given.
        found: f64,
    },
}

impl SparksParams {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    /// Names the first field that is outside, its range and its value; NaN is outside of every range.
    pub fn validate(&self) -> Result<(), SparksError> {
        let camera = &self.camera;
        let ranges = [
            ("n_frames", self.n_frames as f64, 1.0, 1e7),
            ("height", self.height as f64, 16.0, 4096.0),
            ("width", self.width as f64, 16.0, 4096.0),
            ("pixel_size_um", self.pixel_size_um, 0.05, 2.0),
            ("frame_interval_s", self.frame_interval_s, 0.001, 10.0),
            ("psf_fwhm_um", self.psf_fwhm_um, 0.1, 5.0),
            ("dendrite_photons", self.dendrite_photons, 1.0, 5000.0),
            ("background_photons", self.background_photons, 0.0, 5000.0),
            ("haze_fraction", self.haze_fraction, 0.0, 0.9),
            ("illumination_falloff", self.illumination_falloff, 0.0, 0.9),
            ("spine_density_per_um", self.spine_density_per_um, 0.0, 5.0),
            ("bleach_fraction", self.bleach_fraction, 0.0, 0.8),
            ("drift_px", self.drift_px, 0.0, 20.0),
            ("jumps_per_minute", self.jumps_per_minute, 0.0, 60.0),
            ("fluctuation", self.fluctuation, 0.0, 0.3),
            ("restlessness", self.restlessness, 0.0, 0.5),
            ("restlessness_um", self.restlessness_um, 0.2, 20.0),
            ("restlessness_s", self.restlessness_s, 0.02, 20.0),
            ("restlessness_skew", self.restlessness_skew, 0.0, 1.0),
            ("flicker", self.flicker, 0.0, 0.1),
            ("events_per_minute", self.events_per_minute, 0.0, 1e5),
            ("median_peak_dff", self.median_peak_dff, 0.05, 10.0),
            ("median_decay_s", self.median_decay_s, 0.05, 2.0),
            ("large_fraction", self.large_fraction, 0.0, 1.0),
            ("propagating_fraction", self.propagating_fraction, 0.0, 1.0),
            ("burst_fraction", self.burst_fraction, 0.0, 1.0),
            ("cosmic_rays_per_minute", self.cosmic_rays_per_minute, 0.0, 1000.0),
            ("camera.offset_counts", f64::from(camera.offset_counts), 0.0, 65_535.0),
            ("camera.gain_counts", f64::from(camera.gain_counts), 0.001, 1000.0),
            ("camera.read_noise_counts", f64::from(camera.read_noise_counts), 0.0, 1000.0),
            ("camera.clock_induced_electrons", f64::from(camera.clock_induced_electrons), 0.0, 10.0),
        ];
        match ranges.into_iter().find(|&(_, found, low, high)| !(low..=high).contains(&found)) {
            Some((name, found, low, high)) => Err(SparksError::OutOfRange { name, low, high, found }),
            None => Ok(()),
        }
    }

    /// Length of the recording in seconds.
    pub(super) fn duration_s(&self) -> f64 {
        self.n_frames as f64 * self.frame_interval_s
    }

    /// Standard deviation of the point spread function in µm.
    pub(super) fn psf_sigma_um(&self) -> f64 {
        let narrowest = 1.4 * self.pixel_size_um;
        self.psf_fwhm_um.max(narrowest) / (8.0 * std::f64::consts::LN_2).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_range_is_named() {
        assert_eq!(SparksParams::default().validate(), Ok(()));
        let error = SparksParams { drift_px: 21.0, ..Default::default() }.validate().expect_err("too large");
        assert_eq!(error.to_string(), "simulate sparks: drift_px is 21, expected 0 to 20");
        assert!(SparksParams { flicker: f64::NAN, ..Default::default() }.validate().is_err());
    }
}
