//! Prompts as seeds of fronts: what a person points at, on the coarse grid.

use ndarray::Array3;
use sparkwave_core::axes::PointYx;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::wave::Interval;
use sparkwave_imgproc::waves::fronts::Front;
use sparkwave_imgproc::waves::rise::trace_of;
use std::collections::BTreeMap;

/// The prompts of a recording.
pub(super) struct Seeds<'a> {
    pub(super) prompts: &'a [Prompt],
    pub(super) intervals: &'a [Interval],
    /// Start of bin 0, s since the first frame.
    pub(super) start_s: f64,
}

/// How far beside an interval the arrival may lie that made its band, s: a band is some seconds ahead of the steepest
/// rise, and trails behind it.
const BESIDE_S: f64 = 3.0;
/// Evidence that a prompted cell has at least: a person's word.
const TOLD_SD: f32 = 2.0;

impl Seeds<'_> {
    /// One front for each object, at the cells that its prompts cover, arriving at the strongest evidence in the
    /// prompt's interval.
    pub(super) fn fronts(&self, evidence: &Array3<f32>, cell_px: usize, bin_s: f64) -> Vec<Front> {
        let (n_bins, height, width) = evidence.dim();
        let mut fronts: BTreeMap<u32, Front> = BTreeMap::new();
        for prompt in self.prompts {
            let front = fronts.entry(prompt.object).or_insert_with(|| Front::none(height, width));
            let Some((first, last)) = self.bins_of(prompt, bin_s, n_bins) else { continue };
            for y in 0..height {
                for x in 0..width {
                    let trace = trace_of(evidence, y, x);
                    let best = (first..last).max_by(|a, b| trace[*a].total_cmp(&trace[*b]));
                    let Some(time) = best.filter(|_| covers(prompt, (y, x), cell_px)) else { continue };
                    let strength = trace[time].max(TOLD_SD);
                    if strength > front.strength[[y, x]] {
                        front.arrival[[y, x]] = time as f32;
                        front.strength[[y, x]] = strength;
                    }
                }
            }
        }
        fronts.into_values().filter(|f| f.n_cells() > 0).collect()
    }

    /// Takes the cells away that a person said are not part of a wave in some interval.
    pub(super) fn take_away(&self, front: &mut Front, cell_px: usize, bin_s: f64) {
        let n_bins = usize::MAX;
        for prompt in self.prompts {
            let Some((first, last)) = self.bins_of(prompt, bin_s, n_bins) else { continue };
            for point in &prompt.negative {
                let Some(at) = cell_of(*point, cell_px, front.arrival.dim()) else { continue };
                if (first as f32..last as f32).contains(&front.arrival[at]) {
                    front.arrival[at] = f32::NAN;
                    front.strength[at] = 0.0;
                }
            }
        }
    }

    fn bins_of(&self, prompt: &Prompt, bin_s: f64, n_bins: usize) -> Option<(usize, usize)> {
        let interval = self.intervals.get(prompt.frame)?;
        let bin = |s: f64| ((s - self.start_s) / bin_s).max(0.0) as usize;
        let (first, last) = (bin(interval.start_s - BESIDE_S), (bin(interval.end_s + BESIDE_S) + 1).min(n_bins));
        (first < last).then_some((first, last))
    }
}

/// True if a prompt says that a cell belongs to its object: half of it is in the mask; or it holds a positive point; or,
/// where there is only a box, its centre is inside.
fn covers(prompt: &Prompt, (y, x): (usize, usize), cell_px: usize) -> bool {
    let (rows, columns) = (y * cell_px..(y + 1) * cell_px, x * cell_px..(x + 1) * cell_px);
    if let Some(mask) = &prompt.mask {
        let inside = rows.flat_map(|r| columns.clone().map(move |c| (r, c))).filter(|&(r, c)| mask.contains(r, c));
        return 2 * inside.count() >= cell_px * cell_px;
    }
    let holds = |p: &PointYx| {
        rows.contains(&(p.y.max(0.0).round() as usize)) && columns.contains(&(p.x.max(0.0).round() as usize))
    };
    if !prompt.positive.is_empty() {
        return prompt.positive.iter().any(holds);
    }
    let half = (cell_px as f64 - 1.0) / 2.0;
    let centre = PointYx { y: (y * cell_px) as f64 + half, x: (x * cell_px) as f64 + half };
    prompt.bounds.is_some_and(|b| b.contains(centre))
}

fn cell_of(point: PointYx, cell_px: usize, (height, width): (usize, usize)) -> Option<(usize, usize)> {
    let cell = |v: f64| (v.round() >= 0.0).then(|| v.round() as usize / cell_px);
    let at = (cell(point.y)?, cell(point.x)?);
    (at.0 < height && at.1 < width).then_some(at)
}

/// True if a front holds most of the cells of a seed at its times.
pub(super) fn grew_from(front: &Front, seed: &Front, tolerance: f64) -> bool {
    let kept = |at: &(usize, usize)| f64::from((front.arrival[*at] - seed.arrival[*at]).abs()) <= tolerance;
    2 * seed.cells().filter(kept).count() >= seed.n_cells()
}
