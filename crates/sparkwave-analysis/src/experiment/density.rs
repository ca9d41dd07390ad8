//! How dice is distributed.

/// Number of steps between 0 and 1 at which densities are known.
pub const DICE_STEPS: usize = 200;

/// The dice at a position of a density, `0..=DICE_STEPS`.
pub fn dice_at(position: usize) -> f64 {
    position as f64 / DICE_STEPS as f64
}

/// Kernel density of values in 0..=1 at [`dice_at`], Gaussian kernel of Scott's width, as published: sample standard
/// deviation times `n^(-1/5)`. Nothing is reflected at the ends. `n` is the number of values of one run: repeated runs on
/// the same events show more of the runs, not finer detail of the events. `None` without values.
///
/// Each value is shared between its two neighbouring positions, which makes the cost independent of the number of values.
pub(super) fn density(values: &[f64], n: f64) -> Option<Vec<f64>> {
    if values.is_empty() {
        return None;
    }
    let mut weights = vec![0.0; DICE_STEPS + 2];
    for value in values {
        let position = value.clamp(0.0, 1.0) * DICE_STEPS as f64;
        let below = position.floor();
        weights[below as usize] += 1.0 - (position - below);
        weights[below as usize + 1] += position - below;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    // Equal values have no width of their own; a step of the grid keeps their peak finite.
    let width_steps = (variance.sqrt() * n.max(1.0).powf(-0.2) * DICE_STEPS as f64).max(1.0);
    let height = DICE_STEPS as f64 / (width_steps * (2.0 * std::f64::consts::PI).sqrt() * count);
    let kernel: Vec<f64> = (0..=DICE_STEPS).map(|d| height * (-(d as f64 / width_steps).powi(2) / 2.0).exp()).collect();
    let at = |position: usize| {
        weights[..=DICE_STEPS].iter().enumerate().map(|(i, weight)| weight * kernel[i.abs_diff(position)]).sum()
    };
    Some((0..=DICE_STEPS).map(at).collect())
}

/// [`density`] of the values of one run.
pub(crate) fn density_of(values: &[f64]) -> Option<Vec<f64>> {
    density(values, values.len() as f64)
}

/// The dice at which a density is largest.
pub(crate) fn peak(density: &[f64]) -> Option<f64> {
    let largest = density.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    Some(dice_at(largest.0))
}
