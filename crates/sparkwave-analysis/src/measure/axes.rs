//! Axes of the ellipsoid or ellipse with the same second moments as an event.

use sparkwave_core::event::Event;
use sparkwave_core::recording::PixelSize;

use super::hull;

/// Lengths of the axes of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Axes {
    /// Longest axis in (t, y, x), a frame counted like a pixel.
    pub(super) major_vox: Option<f64>,
    /// Shortest axis in (t, y, x); 0 for flat events.
    pub(super) minor_vox: Option<f64>,
    /// Long axis of the footprint.
    pub(super) major_um: Option<f64>,
    /// Short axis of the footprint; 0 for straight ones.
    pub(super) minor_um: Option<f64>,
}

/// Measures the axes.
///
/// In (t, y, x) they are sqrt(20 v) with v the largest and the smallest principal variance of the voxel coordinates: what
/// the published features name major and minor. In the plane they are 4 sqrt(v) of the footprint's pixel centres scaled
/// to micrometres, the axes of the ellipse with these moments. Pixels count as points, so that one pixel has length 0.
pub(super) fn measure(event: &Event, footprint: &[(u32, u32)], pixel_size: Option<PixelSize>) -> Axes {
    let voxels = || event.voxels.iter().map(|v| [i64::from(v.t), i64::from(v.y), i64::from(v.x)]);
    let pixels = || footprint.iter().map(|&(y, x)| [0, i64::from(y), i64::from(x)]);
    let solid = principal_variances(voxels(), [1.0; 3]);
    // Variances of flat sets come out as rounding noise instead of 0; whether a set is flat is decided exactly.
    let is_solid = hull::rank(voxels()) == 3;
    let flat = pixel_size.and_then(|p| principal_variances(pixels(), [1.0, p.y.get(), p.x.get()]));
    let is_flat = hull::rank(pixels()) == 2;
    Axes {
        major_vox: solid.map(|v| (20.0 * v[0]).sqrt()),
        minor_vox: solid.map(|v| if is_solid { (20.0 * v[2]).sqrt() } else { 0.0 }),
        major_um: flat.map(|v| 4.0 * v[0].sqrt()),
        minor_um: flat.map(|v| if is_flat { 4.0 * v[1].sqrt() } else { 0.0 }),
    }
}

/// Principal variances of points, falling, never negative; `None` without points.
fn principal_variances(points: impl Iterator<Item = [i64; 3]> + Clone, scale: [f64; 3]) -> Option<[f64; 3]> {
    let origin = points.clone().next()?;
    let n = points.clone().count() as f64;
    let relative = points.map(|p| [0, 1, 2].map(|i| (p[i] - origin[i]) as f64 * scale[i]));
    let mut mean = [0.0; 3];
    for p in relative.clone() {
        (0..3).for_each(|i| mean[i] += p[i] / n);
    }
    let mut covariance = [[0.0; 3]; 3];
    for p in relative {
        let d = [p[0] - mean[0], p[1] - mean[1], p[2] - mean[2]];
        for (i, row) in covariance.iter_mut().enumerate() {
            (0..3).for_each(|j| row[j] += d[i] * d[j] / n);
        }
    }
    let mut variances = eigenvalues(covariance).map(|v| v.max(0.0));
    variances.sort_by(|a, b| b.total_cmp(a));
    Some(variances)
}

/// Eigenvalues of a symmetric matrix, in no order, by cyclic Jacobi rotations (Golub & Van Loan, Matrix Computations,
/// 4th ed., 8.5): slower than the cubic formula, but exact to rounding where two values are close.
fn eigenvalues(mut a: [[f64; 3]; 3]) -> [f64; 3] {
    const MAX_SWEEPS: usize = 32;
    for _ in 0..MAX_SWEEPS {
        let off_diagonal = a[0][1].abs() + a[0][2].abs() + a[1][2].abs();
        let diagonal = a[0][0].abs() + a[1][1].abs() + a[2][2].abs();
        if off_diagonal <= f64::EPSILON * 1e-3 * diagonal {
            break;
        }
        for (p, q, r) in [(0, 1, 2), (0, 2, 1), (1, 2, 0)] {
            if a[p][q] == 0.0 {
                continue;
            }
            let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
            let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
            let cosine = 1.0 / tangent.hypot(1.0);
            let sine = tangent * cosine;
            let (rp, rq) = (a[r][p], a[r][q]);
            a[p][p] -= tangent * a[p][q];
            a[q][q] += tangent * a[p][q];
            (a[p][q], a[q][p]) = (0.0, 0.0);
            (a[r][p], a[p][r]) = (cosine * rp - sine * rq, cosine * rp - sine * rq);
            (a[r][q], a[q][r]) = (sine * rp + cosine * rq, sine * rp + cosine * rq);
        }
    }
    [a[0][0], a[1][1], a[2][2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_of_known_matrices() {
        let check = |matrix: [[f64; 3]; 3], expected: [f64; 3]| {
            let mut found = eigenvalues(matrix);
            found.sort_by(f64::total_cmp);
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 1e-14 * (1.0 + e.abs()), "{found:?} {expected:?}");
            }
        };
        check([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 7.0]], [1.0, 3.0, 7.0]);
        check([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], [0.0, 0.0, 3.0]);
        // The second difference matrix: 2 - sqrt 2, 2, 2 + sqrt 2.
        let root = 2f64.sqrt();
        check([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]], [2.0 - root, 2.0, 2.0 + root]);
        check([[0.0; 3]; 3], [0.0; 3]);
    }
}
