//! The light of the neuron at rest: geometry drawn by depth, blurred, with haze and background.

use super::grid::{Grid, raise_disc};
use super::neuron::{Neuron, STEP_UM};
use super::params::SparksParams;
use super::{Stream, random_stream};
use crate::axes::PointYx;
use crate::synth::blur::gaussian as blur;
use ndarray::{Array2, Zip};
use rand::Rng;
use rand_distr::StandardNormal;

/// Standard deviation of the blur per µm of depth, in µm.
const DEFOCUS_PER_UM: f64 = 0.3;
/// Depth over which oblique illumination falls by 1/e, in µm.
const ILLUMINATION_DEPTH_UM: f64 = 5.0;
/// Blurs at which structure is drawn, in µm; the sharpest is the point spread function.
const DEFOCUS_LEVELS_UM: [f64; 5] = [0.0, 0.25, 0.55, 1.1, 2.4];
/// Standard deviation of the near tail of the point spread function, in µm, and its part of the haze.
const NEAR_TAIL: (f64, f64) = (0.9, 0.5);
/// The same of the far tail.
const FAR_TAIL: (f64, f64) = (3.5, 0.5);

/// Structure of one blur, drawn without it: fluorophore per fine sample, scaled to photoelectrons.
pub(super) struct Layer {
    pub(super) sigma: f64,
    pub(super) sharp: Array2<f32>,
}

/// The neuron at rest on the fine grid, in photoelectrons per pixel and frame.
pub(super) struct Structure {
    /// Unblurred structure by blur.
    pub(super) layers: Vec<Layer>,
    /// Light of the structure alone, blurred, tails included.
    pub(super) structure: Array2<f32>,
    /// All light: structure, haze and background.
    pub(super) total: Array2<f32>,
    /// Parts of the light that stay in the core of the point spread function and go into its near tail.
    parts: (f32, f32),
    /// Standard deviation of the near tail in fine samples.
    near_sigma: f64,
}

impl Structure {
    /// Draws `neuron` on `grid`.
    pub(super) fn draw(params: &SparksParams, neuron: &Neuron, grid: &Grid, seed: u64) -> Self {
        let layers = draw_layers(params, neuron, grid);
        let parts = ((1.0 - params.haze_fraction) as f32, (params.haze_fraction * NEAR_TAIL.1) as f32);
        let far_part = (params.haze_fraction * FAR_TAIL.1) as f32;
        let mut core = Array2::<f32>::zeros(grid.shape());
        for layer in &layers {
            core += &blur(&layer.sharp, layer.sigma);
        }
        let near_sigma = NEAR_TAIL.0 * grid.per_um;
        let near = blur(&core, near_sigma);
        let far = blur(&core, FAR_TAIL.0 * grid.per_um);
        let background = background(params, grid, seed);
        let structure = Zip::from(&core).and(&near).map_collect(|&c, &n| parts.0 * c + parts.1 * n);
        let total = Zip::from(&structure).and(&far).and(&background).map_collect(|&s, &f, &b| s + far_part * f + b);
        Self { layers, structure, total, parts, near_sigma }
    }

    /// The light of the structure in a window of the fine grid that starts at `origin` (row, column), when the
    /// fluorophore at every sample is multiplied by its weight; far tail left out.
    pub(super) fn weighted(&self, origin: (usize, usize), weights: &Array2<f32>) -> Array2<f32> {
        let (rows, columns) = weights.dim();
        let region = ndarray::s![origin.0..origin.0 + rows, origin.1..origin.1 + columns];
        let mut core = Array2::<f32>::zeros((rows, columns));
        for layer in &self.layers {
            let source = &layer.sharp.slice(region) * weights;
            if source.iter().any(|&v| v > 0.0) {
                core += &blur(&source, layer.sigma);
            }
        }
        let near = blur(&core, self.near_sigma);
        Zip::from(&core).and(&near).map_collect(|&c, &n| self.parts.0 * c + self.parts.1 * n)
    }
}

/// Part of the light of a source at `depth` that goes to each level, so that the mean variance is that of its blur.
fn level_weights(depth: f64) -> [f32; DEFOCUS_LEVELS_UM.len()] {
    let blur2 = (DEFOCUS_PER_UM * depth).powi(2);
    let mut weights = [0.0; DEFOCUS_LEVELS_UM.len()];
    let upper = DEFOCUS_LEVELS_UM.iter().position(|s| s * s > blur2).unwrap_or(DEFOCUS_LEVELS_UM.len());
    if upper == DEFOCUS_LEVELS_UM.len() {
        weights[upper - 1] = 1.0;
    } else {
        // The first level is 0 and blur2 is not negative, so upper is at least 1.
        let (low, high) = (DEFOCUS_LEVELS_UM[upper - 1].powi(2), DEFOCUS_LEVELS_UM[upper].powi(2));
        let part = (blur2 - low) / (high - low);
        weights[upper - 1] = (1.0 - part) as f32;
        weights[upper] = part as f32;
    }
    weights
}

fn draw_layers(params: &SparksParams, neuron: &Neuron, grid: &Grid) -> Vec<Layer> {
    let mut layers: Vec<Layer> = DEFOCUS_LEVELS_UM
        .iter()
        .map(|&level| Layer {
            sigma: level.hypot(params.psf_sigma_um()) * grid.per_um,
            sharp: Array2::zeros(grid.shape()),
        })
        .collect();
    // Light is proportional to the thickness of the neurite: the primary dendrite's axis is the unit.
    let primary = neuron.branches.first().and_then(|b| b.nodes.first()).map_or(0.6, |n| n.radius);
    let unit = params.dendrite_photons / (2.0 * primary);
    let mut draw = |y: f64, x: f64, depth: f64, radius: f64, concentration: f64| {
        let attenuation = (-depth.abs() / ILLUMINATION_DEPTH_UM).exp();
        // Thinner than the sampling can carry: widened at equal light across.
        let narrowest = 1.2 / grid.per_um;
        let drawn = radius.max(narrowest);
        let peak = unit * concentration * attenuation * (radius / drawn).powi(2) * 2.0;
        let centre = PointYx { y: grid.fine(y), x: grid.fine(x) };
        for (layer, weight) in layers.iter_mut().zip(level_weights(depth)) {
            if weight > 0.0 {
                raise_disc(&mut layer.sharp, centre, drawn * grid.per_um, |distance| {
                    let chord2 = drawn * drawn - (distance / grid.per_um).powi(2);
                    weight * (peak * chord2.max(0.0).sqrt()) as f32
                });
            }
        }
    };
    for branch in &neuron.branches {
        for pair in branch.nodes.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            draw(a.y, a.x, a.depth, a.radius, a.concentration);
            // Half a step on, so that the discs of thin neurites overlap into an even line.
            draw(0.5 * (a.y + b.y), 0.5 * (a.x + b.x), a.depth, a.radius, a.concentration);
        }
    }
    for spine in &neuron.spines {
        draw(spine.y, spine.x, spine.depth, spine.radius, spine.concentration);
        let base = &neuron.branches[spine.branch].nodes[spine.node];
        let length = (spine.y - base.y).hypot(spine.x - base.x);
        let n_steps = (length / (0.5 * STEP_UM)).ceil() as usize;
        for i in 1..n_steps {
            let part = i as f64 / n_steps as f64;
            let (y, x) = (base.y + part * (spine.y - base.y), base.x + part * (spine.x - base.x));
            draw(y, x, spine.depth, 0.11, spine.concentration);
        }
    }
    for spot in &neuron.puncta {
        draw(spot.y, spot.x, spot.depth, spot.radius, spot.concentration);
    }
    layers
}

/// Background light: uniform, with smooth clouds of out-of-focus cells.
fn background(params: &SparksParams, grid: &Grid, seed: u64) -> Array2<f32> {
    const CLOUD_UM: f64 = 7.0;
    let mut rng = random_stream(seed, Stream::Illumination);
    let shape = grid.shape();
    // White noise on a coarse grid, interpolated: as smooth as the clouds need, at a thousandth of the draws.
    let pitch = (CLOUD_UM * grid.per_um).max(2.0);
    let (rows, columns) = ((shape.0 as f64 / pitch) as usize + 3, (shape.1 as f64 / pitch) as usize + 3);
    let coarse = Array2::from_shape_simple_fn((rows, columns), || rng.sample::<f32, _>(StandardNormal));
    let smooth = |t: f64| t * t * (3.0 - 2.0 * t);
    Array2::from_shape_fn(shape, |(y, x)| {
        let (fy, fx) = (y as f64 / pitch, x as f64 / pitch);
        let (iy, ix) = (fy as usize, fx as usize);
        let (ty, tx) = (smooth(fy.fract()) as f32, smooth(fx.fract()) as f32);
        let row = |i: usize| coarse[[i, ix]] * (1.0 - tx) + coarse[[i, ix + 1]] * tx;
        let cloud = row(iy) * (1.0 - ty) + row(iy + 1) * ty;
        params.background_photons as f32 * (0.25 * cloud).exp()
    })
}

/// Illumination on the camera: 1 at a centre near the middle, falling with the square of the distance.
pub(super) fn illumination(params: &SparksParams, seed: u64) -> Array2<f32> {
    let mut rng = random_stream(seed, Stream::Illumination);
    rng.set_word_pos(1 << 40);
    let (height, width) = (params.height as f64, params.width as f64);
    let (cy, cx) = (height * rng.random_range(0.35..0.65), width * rng.random_range(0.35..0.65));
    let farthest = cy.max(height - cy).hypot(cx.max(width - cx));
    Array2::from_shape_fn((params.height, params.width), |(y, x)| {
        let distance = (y as f64 - cy).hypot(x as f64 - cx) / farthest;
        (1.0 - params.illumination_falloff * distance * distance) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_is_shared_between_levels_so_that_the_blur_is_right() {
        for depth in [0.0, 0.3, 1.0, 2.5, 7.9] {
            let weights = level_weights(depth);
            let sum: f32 = weights.iter().sum();
            let variance: f64 = weights.iter().zip(DEFOCUS_LEVELS_UM).map(|(&w, s)| f64::from(w) * s * s).sum();
            assert!((sum - 1.0).abs() < 1e-6);
            assert!((variance - (DEFOCUS_PER_UM * depth).powi(2)).abs() < 1e-6, "{depth}: {variance}");
        }
        assert_eq!(level_weights(100.0)[4], 1.0);
    }
}
