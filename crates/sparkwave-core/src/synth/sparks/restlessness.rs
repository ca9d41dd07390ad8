//! Restlessness: fluctuations of the neuron as small and as fast as transients, the hardest thing to tell from them.

use super::grid::Grid;
use super::params::SparksParams;
use super::{Stream, random_stream};
use ndarray::{Array2, Array3};
use rand::Rng;
use rand_distr::StandardNormal;

/// Standard deviation of the Gaussian that a cubic B-spline resembles, in distances between its nodes.
const SPLINE_SD: f64 = 0.577;
/// Mean of the sum of a cubic B-spline's squared weights, over all positions between two nodes.
const SPLINE_POWER: f32 = 0.4794;
/// Memories after which a fluctuation has forgotten how it began.
const BURN_IN: f64 = 10.0;

/// A random field over the plane and time, of unit variance before it is skewed.
///
/// White noise on a coarse grid of nodes, smoothed in time by two equal leaky integrators and between the nodes by cubic
/// B-splines.
pub(super) struct Restlessness {
    sd: f32,
    skew: f32,
    /// Value of every node `[frame, y, x]`.
    nodes: Array3<f32>,
    /// Distance of nodes, in samples of the fine grid.
    step: f64,
}

impl Restlessness {
    /// Draws the field; `None` if nothing is restless. Memory: four bytes a frame and node, nodes being 1.7
    /// `restlessness_um` apart.
    pub(super) fn draw(params: &SparksParams, grid: &Grid, seed: u64) -> Option<Self> {
        if params.restlessness == 0.0 {
            return None;
        }
        let step = (params.restlessness_um / SPLINE_SD * grid.per_um).max(1.0);
        let (height, width) = grid.shape();
        let n = |samples: usize| (samples as f64 / step) as usize + 4;
        let mut nodes = Array3::zeros((params.n_frames, n(height), n(width)));
        let keep = (-params.frame_interval_s / params.restlessness_s).exp();
        // The variance of white noise of unit variance after two integrators s <- keep s + input.
        let variance = (1.0 + keep * keep) / (1.0 - keep * keep).powi(3);
        let kick = 1.0 / variance.sqrt();
        let burn_in = (BURN_IN * params.restlessness_s / params.frame_interval_s).ceil() as usize;
        let mut rng = random_stream(seed, Stream::Restlessness);
        let mut state = vec![(0f64, 0f64); nodes.dim().1 * nodes.dim().2];
        for t in 0..burn_in + params.n_frames {
            for (first, second) in &mut state {
                *first = keep * *first + kick * rng.sample::<f64, _>(StandardNormal);
                *second = keep * *second + *first;
            }
            if let Some(t) = t.checked_sub(burn_in) {
                let plane = nodes.index_axis_mut(ndarray::Axis(0), t);
                plane.into_iter().zip(&state).for_each(|(node, (_, second))| *node = *second as f32);
            }
        }
        Some(Self { sd: params.restlessness as f32, skew: params.restlessness_skew as f32, nodes, step })
    }

    /// Adds the fluctuation of frame `t` of `structure`, both on the fine grid.
    pub(super) fn add(&self, t: usize, structure: &Array2<f32>, fine: &mut Array2<f32>) {
        let nodes = self.nodes.index_axis(ndarray::Axis(0), t);
        let columns: Vec<(usize, [f32; 4])> = (0..fine.ncols()).map(|x| spline(x as f64 / self.step)).collect();
        let mut line = vec![0f32; nodes.ncols()];
        for (y, (mut target, light)) in fine.rows_mut().into_iter().zip(structure.rows()).enumerate() {
            let (first, weights) = spline(y as f64 / self.step);
            line.fill(0.0);
            for (row, weight) in nodes.rows().into_iter().skip(first).zip(weights) {
                line.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
            for ((value, &light), (first, weights)) in target.iter_mut().zip(light).zip(&columns) {
                let field: f32 = line[*first..].iter().zip(weights).map(|(v, w)| v * w).sum();
                *value += light * self.sd * skewed(field / SPLINE_POWER, self.skew);
            }
        }
    }
}

/// The first of the four nodes round a position, in distances of nodes, and their weights.
fn spline(position: f64) -> (usize, [f32; 4]) {
    let u = position.fract();
    let v = 1.0 - u;
    let near = |u: f64| (3.0 * u.powi(3) - 6.0 * u * u + 4.0) / 6.0;
    (position as usize, [v.powi(3) / 6.0, near(u), near(v), u.powi(3) / 6.0].map(|w| w as f32))
}

/// A standard normal value turned into one of a log-normal distribution of zero mean and unit variance, whose logarithm
/// has the standard deviation `skew`: low values become frequent and shallow, high ones rare and high.
fn skewed(normal: f32, skew: f32) -> f32 {
    if skew < 1e-3 {
        return normal;
    }
    let power = skew * skew;
    ((skew * normal - 0.5 * power).exp() - 1.0) / (power.exp() - 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(skew: f64) -> (f64, f64, f64, f64) {
        let params = SparksParams {
            n_frames: 1500,
            height: 64,
            width: 64,
            restlessness: 0.2,
            restlessness_um: 0.5,
            restlessness_s: 0.5,
            restlessness_skew: skew,
            ..Default::default()
        };
        let grid = Grid::new(&params);
        let field = Restlessness::draw(&params, &grid, 3).expect("restless");
        let light = Array2::from_elem(grid.shape(), 10.0);
        let planes: Vec<Array2<f32>> = (0..params.n_frames)
            .map(|t| {
                let mut fine = Array2::zeros(grid.shape());
                field.add(t, &light, &mut fine);
                fine / 10.0
            })
            .collect();
        let of = |planes: &[Array2<f32>], value: &dyn Fn(f64) -> f64| -> f64 {
            let n = (planes.len() * planes[0].len()) as f64;
            planes.iter().flatten().map(|v| value(f64::from(*v))).sum::<f64>() / n
        };
        let mean = of(&planes, &|v| v);
        let central = |power: i32| of(&planes, &|v| (v - mean).powi(power));
        let lag = 5; // 0.5 s: one memory
        let together: Vec<Array2<f32>> = planes.iter().zip(&planes[lag..]).map(|(a, b)| a * b).collect();
        let later = of(&together, &|v| v) / central(2);
        (mean, central(2).sqrt(), central(3) / central(2).powf(1.5), later)
    }

    #[test]
    fn it_has_the_stated_size_and_memory_and_is_skewed_upwards() {
        let (mean, sd, skewness, later) = moments(0.0);
        assert!(mean.abs() < 0.01 && (sd - 0.2).abs() < 0.01 && skewness.abs() < 0.1, "{mean} {sd} {skewness}");
        // Two leaky integrators: (1 + t/tau) exp(-t/tau).
        assert!((later - 2.0 * (-1f64).exp()).abs() < 0.05, "{later}");
        let (mean, sd, skewness, _) = moments(0.5);
        assert!(
            mean.abs() < 0.01 && (sd - 0.2).abs() < 0.015 && (1.2..2.4).contains(&skewness),
            "{mean} {sd} {skewness}"
        );
        assert!(Restlessness::draw(&SparksParams::default(), &Grid::new(&SparksParams::default()), 3).is_none());
    }

    #[test]
    fn the_weights_of_a_spline_sum_to_one_and_have_the_stated_power() {
        let at: Vec<[f32; 4]> = (0..1000).map(|i| spline(f64::from(i) / 1000.0).1).collect();
        assert!(at.iter().all(|w| (w.iter().sum::<f32>() - 1.0).abs() < 1e-6));
        let power = at.iter().map(|w| w.iter().map(|v| v * v).sum::<f32>()).sum::<f32>() / 1000.0;
        assert!((power - SPLINE_POWER).abs() < 1e-3, "{power}");
    }
}
