//! Changes that have nothing to do with waves: the lamps, and the tone of vessels.

use super::field::smooth;
use super::grid::Grid;
use super::params::WavesParams;
use super::{Stream, random_stream};
use ndarray::{Array2, Zip};
use rand::Rng;
use std::f64::consts::TAU;

/// Patterns of vasomotion, each with a rhythm of its own.
const N_PATTERNS: usize = 4;
/// Relative change of a vessel's light with the heartbeat, standard deviation at the darkest vessel.
const PULSE: f32 = 0.002;

/// A pattern in space that comes and goes.
struct Pattern {
    field: Array2<f32>,
    /// Two rates that beat against each other, Hz, and their phases.
    tones: [(f64, f64); 2],
}

/// Brightness and spontaneous reflectance changes as functions of time.
pub(super) struct Light {
    drift: Vec<(f64, f64, f64)>,
    patterns: Vec<Pattern>,
    vasomotion: f64,
}

impl Light {
    pub(super) fn draw(params: &WavesParams, grid: &Grid, seed: u64) -> Self {
        let mut rng = random_stream(seed, Stream::Light);
        // Half of the drift is one long swing, the rest shorter ones.
        let drift = [(0.5, 0.4), (0.3, 1.7), (0.2, 4.3)]
            .map(|(share, turns)| (share * params.light_drift, turns / params.duration_s, rng.random_range(0.0..TAU)));
        let n_patterns = if params.vasomotion > 0.0 { N_PATTERNS } else { 0 };
        let patterns = (0..n_patterns)
            .map(|_| {
                let field = smooth(grid, 0.9, &mut rng);
                let mut tone = || (rng.random_range(0.03..0.14), rng.random_range(0.0..TAU));
                Pattern { field, tones: [tone(), tone()] }
            })
            .collect();
        Self { drift: drift.to_vec(), patterns, vasomotion: params.vasomotion }
    }

    /// Brightness of the lamps, 1 on average.
    pub(super) fn brightness(&self, t_s: f64) -> f64 {
        1.0 + self.drift.iter().map(|(height, rate, phase)| height * (TAU * rate * t_s + phase).sin()).sum::<f64>()
    }

    /// Adds vasomotion at a time to the relative change, all over the grid.
    pub(super) fn add_vasomotion(&self, t_s: f64, change: &mut Array2<f32>) {
        // Each of the two tones has variance one half, each pattern its share.
        let height = self.vasomotion / (self.patterns.len() as f64).sqrt();
        for pattern in &self.patterns {
            let tone: f64 = pattern.tones.iter().map(|(rate, phase)| (TAU * rate * t_s + phase).cos()).sum();
            change.scaled_add((height * tone) as f32, &pattern.field);
        }
    }
}

/// Adds the pulse of the vessels (`pulse` of unit variance) to the relative change.
pub(super) fn add_pulse(vessels: &Array2<f32>, pulse: f64, change: &mut Array2<f32>) {
    let height = PULSE * pulse as f32;
    Zip::from(change).and(vessels).for_each(|sum, &vessel| *sum += height * vessel);
}
