//! What changes besides the transients: bleaching, flicker, and slow fluctuations along the dendrites.

use super::grid::{Grid, OVERSAMPLING};
use super::neuron::{BranchKind, Neuron, STEP_UM};
use super::params::SparksParams;
use super::{Stream, random_stream};
use ndarray::Array2;
use rand::Rng;
use rand_distr::StandardNormal;

/// Distance between control points of the fluctuation along a dendrite, in µm.
const CONTROL_UM: f64 = 3.0;
/// Length over which the fluctuation is correlated along a dendrite, in µm.
const CORRELATION_UM: f64 = 7.0;
/// Time constants of the two halves of its variance, in s.
const MEMORY_S: [f64; 2] = [3.0, 15.0];
/// Time constants of the two parts of bleaching, in s, and the weight of the first.
const BLEACH_S: (f64, f64, f64) = (10.0, 120.0, 0.35);

/// A sample of the fine grid that fluctuates.
struct Member {
    index: u32,
    /// Control point on the near side and the part of the way to the next one.
    control: u32,
    part: f32,
    /// Light of the structure there, in photoelectrons.
    amplitude: f32,
}

/// Brightness over time, in whole and along the dendrites.
pub(super) struct Fluctuation {
    /// Brightness of every frame, bleaching times flicker; 1 at the start apart from flicker.
    pub(super) brightness: Vec<f32>,
    /// Relative change `[frame, control point]`; one unused point after the last.
    controls: Array2<f32>,
    members: Vec<Member>,
}

impl Fluctuation {
    /// Draws the time courses and finds which samples of `structure` follow which dendrite.
    pub(super) fn simulate(
        params: &SparksParams,
        neuron: &Neuron,
        grid: &Grid,
        structure: &Array2<f32>,
        seed: u64,
    ) -> Self {
        let mut rng = random_stream(seed, Stream::Baseline);
        let brightness = brightness(params, &mut rng);
        let (starts, n_controls) = controls_by_branch(neuron);
        let controls = time_courses(params, &starts, n_controls, &mut rng);
        let members = if params.fluctuation > 0.0 { members(params, neuron, grid, structure, &starts) } else { vec![] };
        Self { brightness, controls, members }
    }

    /// Adds the fluctuation of frame `t` to the fine grid.
    pub(super) fn add(&self, t: usize, fine: &mut Array2<f32>) {
        let controls = self.controls.row(t);
        if let (Some(fine), Some(controls)) = (fine.as_slice_mut(), controls.as_slice()) {
            for m in &self.members {
                let near = controls[m.control as usize];
                let far = controls[m.control as usize + 1];
                fine[m.index as usize] += m.amplitude * (near + m.part * (far - near));
            }
        }
    }
}

fn brightness(params: &SparksParams, rng: &mut impl Rng) -> Vec<f32> {
    let (fast, slow, weight) = BLEACH_S;
    let lost = |s: f64| weight * (1.0 - (-s / fast).exp()) + (1.0 - weight) * (1.0 - (-s / slow).exp());
    let at_end = lost(params.duration_s());
    (0..params.n_frames)
        .map(|t| {
            let bleached = params.bleach_fraction * lost(t as f64 * params.frame_interval_s) / at_end;
            let flicker = params.flicker * rng.sample::<f64, _>(StandardNormal);
            ((1.0 - bleached) * (1.0 + flicker)) as f32
        })
        .collect()
}

/// First control point of every branch, and their number.
fn controls_by_branch(neuron: &Neuron) -> (Vec<usize>, usize) {
    let mut total = 0;
    let starts = neuron
        .branches
        .iter()
        .map(|branch| {
            let start = total;
            if branch.kind == BranchKind::Dendrite {
                total += (branch.nodes.len() as f64 * STEP_UM / CONTROL_UM) as usize + 2;
            }
            start
        })
        .collect();
    (starts, total)
}

fn time_courses(params: &SparksParams, starts: &[usize], n_controls: usize, rng: &mut impl Rng) -> Array2<f32> {
    let along = (-CONTROL_UM / CORRELATION_UM).exp();
    let across = (1.0 - along * along).sqrt();
    let mut first = vec![false; n_controls + 1];
    for &start in starts {
        first[start] = true;
    }
    let mut draw = || {
        let mut field = vec![0f64; n_controls];
        for i in 0..n_controls {
            let fresh: f64 = rng.sample(StandardNormal);
            field[i] = if first[i] || i == 0 { fresh } else { along * field[i - 1] + across * fresh };
        }
        field
    };
    let mut states = MEMORY_S.map(|_| draw());
    let keep = MEMORY_S.map(|memory| (-params.frame_interval_s / memory).exp());
    let scale = params.fluctuation / (MEMORY_S.len() as f64).sqrt();
    let mut controls = Array2::zeros((params.n_frames, n_controls + 1));
    for mut row in controls.rows_mut() {
        for (state, keep) in states.iter_mut().zip(keep) {
            for (target, &value) in row.iter_mut().zip(state.iter()) {
                *target += (scale * value) as f32;
            }
            let kick = (1.0 - keep * keep).sqrt();
            for (value, fresh) in state.iter_mut().zip(draw()) {
                *value = keep * *value + kick * fresh;
            }
        }
    }
    controls
}

fn members(
    params: &SparksParams,
    neuron: &Neuron,
    grid: &Grid,
    structure: &Array2<f32>,
    starts: &[usize],
) -> Vec<Member> {
    // Beyond this distance from the surface of a neurite its light is too dim to matter.
    const REACH_UM: f64 = 0.6;
    let (height, width) = structure.dim();
    let mut nearest = Array2::from_elem((height, width), (f32::INFINITY, 0f32));
    let mut claim = |y: f64, x: f64, radius: f64, control: f64| {
        let reach = (radius + REACH_UM) * grid.per_um;
        let (cy, cx) = (grid.fine(y), grid.fine(x));
        let rows = (cy - reach).max(0.0) as usize..((cy + reach).max(0.0) as usize).min(height);
        let columns = (cx - reach).max(0.0) as usize..((cx + reach).max(0.0) as usize).min(width);
        for y in rows {
            for x in columns.clone() {
                let outside = ((y as f64 - cy).hypot(x as f64 - cx) - radius * grid.per_um) as f32;
                let cell = &mut nearest[[y, x]];
                if outside < cell.0 {
                    *cell = (outside, control as f32);
                }
            }
        }
    };
    for (branch, &start) in neuron.branches.iter().zip(starts).filter(|(b, _)| b.kind == BranchKind::Dendrite) {
        for (i, node) in branch.nodes.iter().enumerate().step_by(OVERSAMPLING) {
            claim(node.y, node.x, node.radius, start as f64 + i as f64 * STEP_UM / CONTROL_UM);
        }
    }
    for spine in &neuron.spines {
        let control = starts[spine.branch] as f64 + spine.node as f64 * STEP_UM / CONTROL_UM;
        claim(spine.y, spine.x, spine.radius, control);
    }
    let dimmest = 0.02 * params.dendrite_photons as f32;
    nearest
        .iter()
        .zip(structure)
        .enumerate()
        .filter(|(_, ((distance, _), light))| distance.is_finite() && **light > dimmest)
        .map(|(index, (&(_, control), &amplitude))| Member {
            index: index as u32,
            control: control as u32,
            part: control.fract(),
            amplitude,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::sparks::structure::Structure;

    #[test]
    fn bleaching_ends_where_it_should_and_flicker_has_its_size() {
        let params = SparksParams { bleach_fraction: 0.2, flicker: 0.0, ..Default::default() };
        let mut rng = random_stream(1, Stream::Baseline);
        let steady = brightness(&params, &mut rng);
        assert_eq!(steady[0], 1.0);
        assert!((steady[599] - 0.8).abs() < 1e-3 && steady.windows(2).all(|w| w[1] < w[0]));
        let flickering = brightness(&SparksParams { flicker: 0.01, ..params }, &mut rng);
        let variance = steady.iter().zip(&flickering).map(|(s, f)| (f / s - 1.0).powi(2)).sum::<f32>() / 600.0;
        assert!((variance.sqrt() - 0.01).abs() < 1e-3, "{variance}");
    }

    #[test]
    fn fluctuations_have_the_stated_size_and_memory_and_touch_the_dendrites_only() {
        let params = SparksParams { height: 128, width: 128, n_frames: 6000, fluctuation: 0.05, ..Default::default() };
        let neuron = Neuron::grow(&params, 4);
        let grid = Grid::new(&params);
        let structure = Structure::draw(&params, &neuron, &grid, 4);
        let fluctuation = Fluctuation::simulate(&params, &neuron, &grid, &structure.structure, 4);
        let column = fluctuation.controls.column(0);
        let variance = column.iter().map(|v| v * v).sum::<f32>() / 6000.0;
        assert!((variance.sqrt() - 0.05).abs() < 0.012, "{}", variance.sqrt());
        let lag = 30; // 3 s
        let product: f32 = column.iter().zip(column.iter().skip(lag)).map(|(a, b)| a * b).sum::<f32>() / 5970.0;
        let expected = 0.5 * ((-1f32).exp() + (-0.2f32).exp());
        assert!((product / variance - expected).abs() < 0.15, "{} {expected}", product / variance);
        let mut change = Array2::zeros(grid.shape());
        fluctuation.add(100, &mut change);
        let dark = change.iter().zip(&structure.structure).filter(|(_, s)| **s < 2.0).all(|(c, _)| *c == 0.0);
        assert!(dark && change.iter().any(|c| *c != 0.0));
    }
}
