//! Recordings of many microscopes and preparations, for networks that are to work on ones they have not seen.

use super::SparksParams;
use crate::synth::camera::Emccd;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

impl SparksParams {
    /// Parameters drawn at random round those of the paper, for a field of `height` x `width` pixels and `n_frames` frames.
    ///
    /// Ranges are wider than what the paper's recordings span (its own and its out-of-distribution set: 0.16 to 0.25 µm
    /// and 0.1 to 0.15 s): pixels of 0.1 to 0.26 µm, 5 to 20 Hz, 40 to 500 photoelectrons on a dendrite, median peak dF/F0
    /// 0.6 to 2.5, decays of 0.15 to 0.6 s, calm or restless neurons. Transients are as dense as in the
    /// paper's quietest movies up to twice as dense as in its busiest, 60 to 1500 a minute in a field as large as the
    /// paper's: how rare they are is part of what a network learns.
    #[must_use]
    pub fn varied(n_frames: usize, height: usize, width: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut uniform = |low: f64, high: f64| rng.random_range(low..high);
        let pixel_size_um = uniform(0.1, 0.26);
        let dendrite_photons = log_uniform(uniform(0.0, 1.0), 40.0, 500.0);
        // The field of the paper is 82 µm wide; density is kept, so that a small crop holds as many as it would there.
        let area = (height * width) as f64 * pixel_size_um * pixel_size_um / (512.0 * 512.0 * 0.16 * 0.16);
        Self {
            n_frames,
            height,
            width,
            pixel_size_um,
            frame_interval_s: log_uniform(uniform(0.0, 1.0), 0.05, 0.2),
            psf_fwhm_um: uniform(0.25, 0.6),
            dendrite_photons,
            background_photons: dendrite_photons * log_uniform(uniform(0.0, 1.0), 0.02, 0.3),
            haze_fraction: uniform(0.1, 0.7),
            illumination_falloff: uniform(0.0, 0.6),
            spine_density_per_um: uniform(0.2, 2.0),
            bleach_fraction: uniform(0.0, 0.4),
            drift_px: uniform(0.2, 4.0),
            jumps_per_minute: uniform(0.0, 3.0),
            fluctuation: uniform(0.01, 0.1),
            // Calm in one recording of three.
            restlessness: (uniform(-0.1, 0.2)).max(0.0),
            restlessness_um: log_uniform(uniform(0.0, 1.0), 0.4, 4.0),
            restlessness_s: log_uniform(uniform(0.0, 1.0), 0.1, 2.0),
            restlessness_skew: uniform(0.0, 0.7),
            flicker: log_uniform(uniform(0.0, 1.0), 0.001, 0.02),
            events_per_minute: area * log_uniform(uniform(0.0, 1.0), 60.0, 1500.0),
            median_peak_dff: log_uniform(uniform(0.0, 1.0), 0.6, 2.5),
            median_decay_s: log_uniform(uniform(0.0, 1.0), 0.15, 0.6),
            large_fraction: uniform(0.0, 0.12),
            propagating_fraction: uniform(0.0, 0.1),
            burst_fraction: uniform(0.0, 0.15),
            cosmic_rays_per_minute: area * uniform(0.0, 10.0),
            camera: Emccd {
                offset_counts: uniform(50.0, 600.0) as f32,
                gain_counts: log_uniform(uniform(0.0, 1.0), 1.0, 40.0) as f32,
                read_noise_counts: uniform(1.0, 12.0) as f32,
                clock_induced_electrons: uniform(0.0, 0.05) as f32,
            },
        }
    }
}

/// The quantile `q` of a distribution that is uniform in the logarithm.
fn log_uniform(q: f64, low: f64, high: f64) -> f64 {
    low * (high / low).powf(q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawn_microscope_is_within_the_ranges() {
        for seed in 0..500 {
            SparksParams::varied(300, 192, 192, seed).validate().expect("within the ranges");
        }
        assert_eq!(SparksParams::varied(10, 64, 64, 3), SparksParams::varied(10, 64, 64, 3));
        assert_ne!(SparksParams::varied(10, 64, 64, 3), SparksParams::varied(10, 64, 64, 4));
    }
}
