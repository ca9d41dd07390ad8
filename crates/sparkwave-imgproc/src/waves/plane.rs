//! Local planes through arrival times: what the neighbours of a cell say about it.

use ndarray::Array2;

/// A plane through the arrival times around a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane {
    /// Arrival at the cell itself, bins.
    pub(super) value: f64,
    /// Slowness along rows and columns, bins per cell.
    pub(super) slope: [f64; 2],
    /// Sum of the weights.
    pub(super) weight: f64,
    /// Root mean square distance of the cells from the plane, bins.
    pub(super) residual: f64,
}

/// Fits a plane to the defined cells around `(y, x)`, weighted by a Gaussian of `sigma_cells` and by `strength`.
///
/// `None` if fewer than three cells are near. Where they lie on a line the plane is level across it (a slight pull of
/// the slope towards zero decides).
pub(super) fn fit(
    arrival: &Array2<f32>,
    strength: &Array2<f32>,
    (y, x): (usize, usize),
    sigma_cells: f64,
    use_centre: bool,
) -> Option<Plane> {
    let (height, width) = arrival.dim();
    let reach = (2.5 * sigma_cells).ceil() as usize;
    let mut n = 0;
    // Moments of 1, dy, dx and of the arrival with them.
    let [mut w0, mut wy, mut wx, mut wyy, mut wxy, mut wxx] = [0.0f64; 6];
    let [mut t0, mut ty, mut tx, mut tt] = [0.0f64; 4];
    // Times are taken relative to the first one found, against cancellation in long recordings.
    let mut origin = None;
    for ny in y.saturating_sub(reach)..(y + reach + 1).min(height) {
        for nx in x.saturating_sub(reach)..(x + reach + 1).min(width) {
            let t = f64::from(arrival[[ny, nx]]);
            if !t.is_finite() || (!use_centre && (ny, nx) == (y, x)) {
                continue;
            }
            let t = t - *origin.get_or_insert(t);
            let (dy, dx) = (ny as f64 - y as f64, nx as f64 - x as f64);
            let weight = (-0.5 * (dy * dy + dx * dx) / (sigma_cells * sigma_cells)).exp();
            let weight = weight * f64::from(strength[[ny, nx]]).max(1e-3);
            w0 += weight;
            wy += weight * dy;
            wx += weight * dx;
            wyy += weight * dy * dy;
            wxy += weight * dy * dx;
            wxx += weight * dx * dx;
            t0 += weight * t;
            ty += weight * t * dy;
            tx += weight * t * dx;
            tt += weight * t * t;
            n += 1;
        }
    }
    if n < 3 {
        return None;
    }
    // Solved around the weighted centre, where value and slope part.
    let (cy, cx, ct) = (wy / w0, wx / w0, t0 / w0);
    let pull = 1e-3 * w0;
    let (syy, sxy, sxx) = (wyy - w0 * cy * cy + pull, wxy - w0 * cy * cx, wxx - w0 * cx * cx + pull);
    let (sty, stx) = (ty - w0 * ct * cy, tx - w0 * ct * cx);
    let determinant = syy * sxx - sxy * sxy;
    let slope = [(sxx * sty - sxy * stx) / determinant, (syy * stx - sxy * sty) / determinant];
    let value = origin? + ct - slope[0] * cy - slope[1] * cx;
    let unexplained = (tt - w0 * ct * ct - slope[0] * sty - slope[1] * stx) / w0;
    Some(Plane { value, slope, weight: w0, residual: unexplained.max(0.0).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_found_also_at_its_border_and_far_from_zero() {
        let arrival = Array2::from_shape_fn((6, 7), |(y, x)| 50_000.0 + 2.0 * y as f32 - x as f32);
        let strength = Array2::from_elem((6, 7), 5.0);
        for at in [(3, 3), (0, 0), (5, 6)] {
            let plane = fit(&arrival, &strength, at, 1.5, false).expect("many neighbours");
            assert!((plane.value - f64::from(arrival[at])).abs() < 0.05, "{at:?}: {plane:?}");
            assert!(plane.residual < 0.2, "{plane:?}");
            assert!((plane.slope[0] - 2.0).abs() < 0.02 && (plane.slope[1] + 1.0).abs() < 0.02, "{plane:?}");
        }
        let lonely = Array2::from_elem((6, 7), f32::NAN);
        assert!(fit(&lonely, &strength, (2, 2), 1.5, true).is_none());
    }
}
