//! Where a transient takes place: the local structure, weighted.
//!
//! A transient multiplies the local fluorophore, so its image is the neuron's own structure times a weight that falls
//! along the dendrite, then blurred like everything else.

use super::grid::{Grid, OVERSAMPLING};
use super::neuron::{BranchKind, Neuron, Node, STEP_UM, Spine};
use super::structure::Structure;
use ndarray::{Array2, s};

/// Rise of calcium in one place, relative to the strongest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Branch and node on the dendrite around which the stretch lies.
    pub(super) branch: usize,
    pub(super) node: usize,
    /// Spine that leads, if any.
    pub(super) spine: Option<usize>,
    /// Weight of the dendritic stretch at its centre, 0 to 1; the leading spine has 1.
    pub(super) stretch_weight: f64,
    /// Half length of the stretch (standard deviation of its profile), in µm.
    pub(super) stretch_um: f64,
    /// Speed of spread along the dendrite, in µm/s; `None` if all of it starts at once.
    pub(super) speed_um_per_s: Option<f64>,
}

/// The image of a transient of unit weight.
#[derive(Clone, Debug)]
pub(super) struct Footprint {
    /// First row and column of `light` on the fine grid.
    pub(super) origin: (usize, usize),
    /// Added light in photoelectrons per pixel and frame, on the fine grid.
    pub(super) light: Array2<f32>,
    /// Delay at every sample of `light` in s, if the transient spreads.
    pub(super) lag: Option<Array2<f32>>,
    /// Pixels of the field where the transient matters.
    pub(super) pixels: Vec<FootprintPixel>,
}

/// A pixel of the field inside a footprint.
#[derive(Clone, Copy, Debug)]
pub(super) struct FootprintPixel {
    pub(super) y: u32,
    pub(super) x: u32,
    /// dF/F0 of a transient of unit weight and unit time course.
    pub(super) dff: f32,
    /// Delay in s.
    pub(super) lag: f32,
}

impl Footprint {
    /// Draws the footprint of `extent`.
    pub(super) fn draw(neuron: &Neuron, structure: &Structure, grid: &Grid, extent: &Extent) -> Self {
        let nodes = &neuron.branches[extent.branch].nodes;
        // Three standard deviations hold all weight above 1 %.
        let reach = (3.0 * extent.stretch_um / STEP_UM).ceil() as usize;
        let first = extent.node.saturating_sub(reach);
        let stretch = &nodes[first..(extent.node + reach + 1).min(nodes.len())];
        let spines: Vec<&Spine> = neuron
            .spines
            .iter()
            .enumerate()
            .filter(|(i, spine)| {
                let near = spine.branch == extent.branch && spine.node.abs_diff(extent.node) <= reach;
                extent.spine == Some(*i) || (near && neuron.branches[spine.branch].kind == BranchKind::Dendrite)
            })
            .map(|(_, spine)| spine)
            .collect();
        let leader = extent.spine.map(|i| &neuron.spines[i]);
        let (origin, dim) = window(stretch, leader, grid);
        let mut weights = Array2::zeros(dim);
        let mut lags = Array2::zeros(dim);
        let profile = |node: usize| {
            let along = node.abs_diff(extent.node) as f64 * STEP_UM;
            (extent.stretch_weight * (-0.5 * (along / extent.stretch_um).powi(2)).exp(), along)
        };
        for ((row, column), weight) in weights.indexed_iter_mut() {
            let (y, x) = ((origin.0 + row) as f64, (origin.1 + column) as f64);
            let distance = |py: f64, px: f64| (grid.fine(py) - y).hypot(grid.fine(px) - x);
            let (mut best, mut along) = (0.0, 0.0);
            if let Some((i, node, away)) = nearest(stretch, |n| distance(n.y, n.x)) {
                let (value, s) = profile(first + i);
                along = s;
                best = value * inside(away / grid.per_um - node.radius);
            }
            for spine in &spines {
                let value = if leader.is_some_and(|l| std::ptr::eq(l, *spine)) { 1.0 } else { profile(spine.node).0 };
                let away = distance(spine.y, spine.x) / grid.per_um - spine.radius;
                best = f64::max(best, value * inside(away));
            }
            *weight = best as f32;
            lags[[row, column]] = extent.speed_um_per_s.map_or(0.0, |speed| along / speed) as f32;
        }
        let light = structure.weighted(origin, &weights);
        let lag = extent.speed_um_per_s.map(|_| lags);
        let pixels = pixels(origin, &light, lag.as_ref(), structure, grid);
        Self { origin, light, lag, pixels }
    }
}

/// 1 inside a surface, falling to 0 within 0.25 µm outside of it.
fn inside(outside_um: f64) -> f64 {
    const EDGE_UM: f64 = 0.25;
    (1.0 - outside_um / EDGE_UM).clamp(0.0, 1.0)
}

/// The node with the smallest distance, its index and that distance.
fn nearest(nodes: &[Node], distance: impl Fn(&Node) -> f64) -> Option<(usize, &Node, f64)> {
    nodes.iter().enumerate().map(|(i, node)| (i, node, distance(node))).min_by(|a, b| a.2.total_cmp(&b.2))
}

/// The window of the fine grid that holds the stretch and the spine with room for blur.
fn window(stretch: &[Node], leader: Option<&Spine>, grid: &Grid) -> ((usize, usize), (usize, usize)) {
    const ROOM_UM: f64 = 1.6;
    let points = stretch.iter().map(|n| (n.y, n.x)).chain(leader.map(|l| (l.y, l.x)));
    let (mut low, mut high) = ((f64::INFINITY, f64::INFINITY), (f64::NEG_INFINITY, f64::NEG_INFINITY));
    for (y, x) in points {
        low = (low.0.min(y), low.1.min(x));
        high = (high.0.max(y), high.1.max(x));
    }
    let (height, width) = grid.shape();
    let clamp = |um: f64, n: usize| grid.fine(um).clamp(0.0, n as f64) as usize;
    let origin = (clamp(low.0 - ROOM_UM, height), clamp(low.1 - ROOM_UM, width));
    let end = (clamp(high.0 + ROOM_UM, height), clamp(high.1 + ROOM_UM, width));
    (origin, (end.0.saturating_sub(origin.0), end.1.saturating_sub(origin.1)))
}

fn pixels(
    origin: (usize, usize),
    light: &Array2<f32>,
    lag: Option<&Array2<f32>>,
    structure: &Structure,
    grid: &Grid,
) -> Vec<FootprintPixel> {
    let (height, width) = light.dim();
    let mut pixels = Vec::new();
    let first = |o: usize| o.div_ceil(OVERSAMPLING).saturating_sub(grid.margin);
    for y in first(origin.0)..grid.height {
        let fine_y = grid.fine_of_pixel(y);
        if fine_y >= origin.0 + height {
            break;
        }
        for x in first(origin.1)..grid.width {
            let fine_x = grid.fine_of_pixel(x);
            if fine_x >= origin.1 + width {
                break;
            }
            let at = [fine_y - origin.0, fine_x - origin.1];
            let dff = light[at] / structure.total[[fine_y, fine_x]];
            if dff > 0.0 {
                pixels.push(FootprintPixel { y: y as u32, x: x as u32, dff, lag: lag.map_or(0.0, |l| l[at]) });
            }
        }
    }
    // Weaker than 2 % of the strongest never enters a label nor matters to a peak.
    let strongest = pixels.iter().map(|p| p.dff).fold(0.0, f32::max);
    pixels.retain(|p| p.dff >= 0.02 * strongest);
    pixels
}

impl Footprint {
    /// Adds the light of a transient to the fine grid; `course(lag_s)` is its strength at this moment.
    pub(super) fn add(&self, fine: &mut Array2<f32>, course: impl Fn(f64) -> f64) {
        let (rows, columns) = self.light.dim();
        let mut region =
            fine.slice_mut(s![self.origin.0..self.origin.0 + rows, self.origin.1..self.origin.1 + columns]);
        match &self.lag {
            None => region.scaled_add(course(0.0) as f32, &self.light),
            Some(lag) => ndarray::Zip::from(&mut region)
                .and(&self.light)
                .and(lag)
                .for_each(|cell, &light, &lag| *cell += light * course(f64::from(lag)) as f32),
        }
    }
}
