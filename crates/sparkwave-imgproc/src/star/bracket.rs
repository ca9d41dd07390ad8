//! A lower and an upper bound of the volume of an intersection of half-spaces.
//!
//! From an inner point, each ray leaves the intersection somewhere. The tetrahedra from there to the inner point lie
//! inside; where one half-space ends three neighbouring rays, the tetrahedron up to its border holds the intersection's
//! part between them. The bounds take one product of each ray with each half-space, the volume takes a hull.

use super::hull::{HalfSpace, Point};
use super::rays::Rays;
use multiversion::multiversion;

/// Sums and products are computed in single precision; the bounds are stretched by this fraction.
const STRETCH: f64 = 1e-4;

/// Rays and triangles, laid out for vector registers.
#[derive(Clone, Debug)]
pub(crate) struct Brackets<'a> {
    rays: &'a Rays,
    axes: [Vec<f32>; 3],
    /// Volumes of the tetrahedra from the origin to each triangle of unit vectors.
    unit: Vec<f32>,
}

impl<'a> Brackets<'a> {
    pub(crate) fn new(rays: &'a Rays) -> Self {
        let axes = [0, 1, 2].map(|axis| rays.vertices().iter().map(|v| v[axis]).collect());
        let unit = rays
            .faces()
            .iter()
            .map(|f| {
                let [a, b, c] = f.map(|i| rays.vertices()[i as usize]);
                let det = a[0] * (b[1] * c[2] - b[2] * c[1])
                    + a[1] * (b[2] * c[0] - b[0] * c[2])
                    + a[2] * (b[0] * c[1] - b[1] * c[0]);
                det.abs() / 6.0
            })
            .collect();
        Self { rays, axes, unit }
    }

    /// Bounds of the volume of the points that lie in all half-spaces; none if `inner` is not strictly inside each.
    pub(crate) fn bounds(&self, half_spaces: &[&[HalfSpace]], inner: Point) -> Option<(f64, f64)> {
        let mut dual: Vec<[f32; 3]> = Vec::with_capacity(half_spaces.iter().map(|h| h.len()).sum());
        for h in half_spaces.iter().copied().flatten() {
            let slack = h.slack(inner);
            if slack <= 0.0 {
                return None;
            }
            dual.push(h.normal.map(|v| (v / slack) as f32));
        }
        // Half-spaces that end just beyond the inner point are too much for single precision.
        if !dual.iter().flatten().all(|v| v.abs() < 1e9) {
            return Some((0.0, f64::INFINITY));
        }
        let largest = dual.iter().map(|q| q[0].abs() + q[1].abs() + q[2].abs()).fold(0.0, f32::max);
        let rounding = 4.0 * f32::EPSILON * largest;
        // Of each ray 1 over its length, and the half-space that ends it.
        let (mut inverses, mut ended_by) = (vec![0.0; self.rays.len()], vec![0; self.rays.len()]);
        look(&dual, [&self.axes[0], &self.axes[1], &self.axes[2]], &mut inverses, &mut ended_by);
        let (mut lower, mut upper) = (0.0f64, 0.0f64);
        for (face, &unit) in self.rays.faces().iter().zip(&self.unit) {
            let rays = face.map(|i| self.rays.vertices()[i as usize]);
            let inverse = face.map(|i| inverses[i as usize] + rounding);
            lower += f64::from(unit / (inverse[0] * inverse[1] * inverse[2]));
            let least = face
                .map(|i| {
                    let q = dual[ended_by[i as usize] as usize];
                    let ends = rays.map(|r| q[0] * r[0] + q[1] * r[1] + q[2] * r[2] - rounding);
                    if ends.iter().all(|e| *e > 0.0) { unit / (ends[0] * ends[1] * ends[2]) } else { f32::INFINITY }
                })
                .into_iter()
                .fold(f32::INFINITY, f32::min);
            upper += f64::from(least);
        }
        Some((lower * (1.0 - STRETCH), upper * (1.0 + STRETCH)))
    }
}

/// For each ray the dual point that is farthest along it.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn look(dual: &[[f32; 3]], axes: [&[f32]; 3], inverse: &mut [f32], by: &mut [u32]) {
    let n = inverse.len();
    let [t, y, x] = axes.map(|a| &a[..n]);
    let by = &mut by[..n];
    for (k, q) in dual.iter().enumerate() {
        for i in 0..n {
            let along = q[0] * t[i] + q[1] * y[i] + q[2] * x[i];
            let farther = along > inverse[i];
            inverse[i] = if farther { along } else { inverse[i] };
            by[i] = if farther { k as u32 } else { by[i] };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hull::intersection_volume;
    use super::*;

    #[test]
    fn bounds_hold_the_volume() {
        let rays = Rays::golden_spiral(96, [1.7, 1.08, 1.0]).unwrap();
        let brackets = Brackets::new(&rays);
        let noise =
            |i: usize| f64::from((i as u32).wrapping_mul(2_654_435_761).rotate_left(13) >> 8) / f64::from(1 << 24);
        for case in 0..50 {
            let half_spaces: Vec<HalfSpace> = (0..90)
                .map(|k| {
                    let v: [f64; 3] = std::array::from_fn(|axis| noise(case * 1000 + 3 * k + axis) - 0.5);
                    let length = v.iter().map(|c| c * c).sum::<f64>().sqrt();
                    HalfSpace { normal: v, offset: -length * (0.8 + 0.4 * noise(case * 1000 + k + 500)) }
                })
                .collect();
            let inner = [0.02, -0.03, 0.01];
            let volume = intersection_volume(&half_spaces, inner).unwrap();
            let (front, back) = half_spaces.split_at(30);
            let (lower, upper) = brackets.bounds(&[front, back], inner).unwrap();
            assert!(lower < volume && volume < upper, "{lower} {volume} {upper}");
            assert!(lower > 0.3 * volume && upper < 3.0 * volume, "{lower} {volume} {upper}");
        }
    }
}
