//! How much of a star-convex polyhedron another one covers.
//!
//! The overlap of two polyhedra is the volume they share over the smaller of their volumes. The shared volume is counted
//! in voxels, after cheaper estimates: the intersection of inscribed spheres or of the kernels is taken for a lower
//! bound, that of circumscribed spheres, of boxes or of convex hulls for an upper one. As volumes and counts of voxels
//! differ, the order of these tests matters; here they give what they give in the StarDist package, in its precision
//! (M. Weigert et al., "Star-convex polyhedra for 3D object detection and segmentation in microscopy", WACV 2020,
//! supplement), but a test whose answer cannot matter any more is left out.

use super::bracket::Brackets;
use super::cones::Table;
use super::hull::intersection_volume;
use super::polyhedron::{Bounds, Polyhedron, bounds, volume};
use super::rays::Rays;
use super::stars::Stars;
use rayon::prelude::*;
use std::f64::consts::PI;

/// Spheres and boxes of a polyhedron, and its volume.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) bounds: Bounds,
    volume: f32,
    inner_radius: f32,
    outer_radius: f32,
    centre: [f32; 3],
}

/// What spheres and boxes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Estimate {
    /// They do not overlap that much.
    Below,
    /// They do.
    Above,
    /// That takes a closer look.
    Unknown,
}

/// All extents, with radii in coordinates in which the boxes are cubes on average, and those coordinates' scale.
pub(crate) fn extents(stars: &Stars, order: &[usize]) -> (Vec<Extent>, [f32; 3]) {
    let boxes: Vec<Bounds> = order.par_iter().map(|&i| bounds(stars, i)).collect();
    let mut mean = [0.0f32; 3];
    for found in &boxes {
        for axis in 0..3 {
            mean[axis] += (found[axis][1] - found[axis][0]) as f32 / order.len() as f32;
        }
    }
    let largest = mean[0].max(mean[1]).max(mean[2]);
    let scale = mean.map(|m| largest / m);
    let extents = order
        .par_iter()
        .zip(boxes)
        .map(|(&i, bounds)| {
            let (inner_radius, outer_radius) = radii(stars, i, scale);
            Extent {
                bounds,
                volume: volume(stars.distances(i), stars.rays()),
                inner_radius,
                outer_radius,
                centre: stars.centre(i).map(|c| c as f32),
            }
        })
        .collect();
    (extents, scale)
}

/// Radii of the inscribed sphere and of the circumscribed one around the centre.
fn radii(stars: &Stars, i: usize, scale: [f32; 3]) -> (f32, f32) {
    let corners: Vec<[f32; 3]> = stars
        .distances(i)
        .iter()
        .zip(stars.rays().vertices())
        .map(|(d, v)| std::array::from_fn(|axis| scale[axis] * d * v[axis]))
        .collect();
    let outer = corners.iter().map(|c| c[0] * c[0] + c[1] * c[1] + c[2] * c[2]).fold(0.0, f32::max).sqrt();
    let inner = stars
        .rays()
        .faces()
        .iter()
        .map(|f| {
            let [a, b, c] = f.map(|i| corners[i as usize]);
            let p: [f32; 3] = std::array::from_fn(|axis| b[axis] - a[axis]);
            let q: [f32; 3] = std::array::from_fn(|axis| c[axis] - a[axis]);
            let n = [p[2] * q[1] - p[1] * q[2], p[0] * q[2] - p[2] * q[0], p[1] * q[0] - p[0] * q[1]];
            let length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
            let n = n.map(|v| v * (1.0 / (f64::from(length) + 1e-10)) as f32);
            a[0] * n[0] + a[1] * n[1] + a[2] * n[2]
        })
        .fold(f32::INFINITY, f32::min);
    (inner, outer)
}

/// Volume of the intersection of two spheres, px^3.
fn spheres(r1: f32, c1: [f32; 3], r2: f32, c2: [f32; 3], scale: [f32; 3]) -> f32 {
    let [dt, dy, dx]: [f32; 3] = std::array::from_fn(|axis| scale[axis] * (c1[axis] - c2[axis]));
    let d = (dt * dt + dy * dy + dx * dx).sqrt();
    let (small, large) = (r1.min(r2), r1.max(r2));
    if d > r1 + r2 {
        return 0.0;
    }
    if f64::from(large) >= f64::from(d + small) - 1e-10 {
        let small = f64::from(small);
        return (PI * 4.0 / 3.0 * small * small * small) as f32;
    }
    let t = (r1 + r2 - d) / 2.0 / d;
    let (h1, h2) = ((r2 - r1 + d) * t, (r1 - r2 + d) * t);
    let cap = |h: f32, r: f32| (PI / 3.0 * f64::from(h) * f64::from(h) * f64::from(3.0 * r - h)) as f32;
    (cap(h1, r1) + cap(h2, r2)) / (scale[0] * scale[1] * scale[2])
}

/// Volume of the intersection of two boxes, px^3.
fn boxes(a: &Bounds, b: &Bounds) -> f32 {
    let [wt, wy, wx] = [0, 1, 2].map(|axis| (a[axis][1].min(b[axis][1]) - a[axis][0].max(b[axis][0])).max(0) as f32);
    wx * wy * wt
}

/// A shared volume over the smaller of the two volumes.
fn share(shared: f32, a: &Extent, b: &Extent) -> f32 {
    (f64::from(shared) / (f64::from(a.volume.min(b.volume)) + 1e-10)) as f32
}

/// Compares the overlap with the threshold as far as spheres and boxes tell.
pub(crate) fn estimate(a: &Extent, b: &Extent, scale: [f32; 3], threshold: f32) -> Estimate {
    let outer = spheres(a.outer_radius, a.centre, b.outer_radius, b.centre, scale).min(boxes(&a.bounds, &b.bounds));
    if f64::from(outer) < 1e-10 || share(outer, a, b).min(1.0) <= threshold {
        return Estimate::Below;
    }
    let inner = spheres(a.inner_radius, a.centre, b.inner_radius, b.centre, scale);
    if share(inner, a, b).max(0.0) > threshold { Estimate::Above } else { Estimate::Unknown }
}

/// What closer looks at pairs of polyhedra need.
pub(crate) struct Look<'a> {
    table: Table<'a>,
    brackets: Brackets<'a>,
    threshold: f32,
}

impl<'a> Look<'a> {
    pub(crate) fn new(rays: &'a Rays, radius: [i32; 3], threshold: f32) -> Self {
        Self { table: rays.cones().table(radius), brackets: Brackets::new(rays), threshold }
    }

    /// True if the overlap is larger than the threshold: the volume of the kernels' intersection is, or the number of
    /// voxels and the volume of the hulls' intersection are. Each is computed only if it matters, and no more exactly
    /// than it takes to compare it.
    pub(crate) fn exceeds(&self, a: (&Polyhedron, &Extent), b: (&Polyhedron, &Extent)) -> bool {
        let (ca, cb) = (a.0.centre(), b.0.centre());
        let middle = std::array::from_fn(|axis| 0.5 * (ca[axis] + cb[axis]));
        let larger = |volume: f64| share(volume as f32, a.1, b.1) > self.threshold;
        let kernels = [a.0.kernel(), b.0.kernel()];
        // Where the middle is not in both kernels, they count as disjoint.
        let kernel = self.brackets.bounds(&kernels, middle);
        if kernel.is_some_and(|(lower, _)| larger(lower)) {
            return true;
        }
        if !self.is_count(a, b, larger) {
            return kernel.is_some_and(|(_, upper)| larger(upper))
                && intersection_volume(&kernels.concat(), middle).is_some_and(larger);
        }
        // The hulls hold the kernels, so that these need not be looked at any more. Where the middle is not in both
        // hulls, nothing is known of their intersection.
        let hulls = [a.0.hull(), b.0.hull()];
        match self.brackets.bounds(&hulls, middle) {
            _ if hulls.iter().any(|h| h.is_empty()) => true,
            None => true,
            Some((lower, _)) if larger(lower) => true,
            Some((_, upper)) if !larger(upper) => false,
            Some(_) => intersection_volume(&hulls.concat(), middle).is_none_or(larger),
        }
    }

    /// Whether the number of voxels in both is larger, counted no further than that takes.
    fn is_count(&self, a: (&Polyhedron, &Extent), b: (&Polyhedron, &Extent), larger: impl Fn(f64) -> bool) -> bool {
        let [ts, ys, xs] = [0, 1, 2].map(|axis| {
            let (p, q) = (a.1.bounds[axis], b.1.bounds[axis]);
            p[0].max(q[0])..=p[1].min(q[1])
        });
        let (first, width) = (*xs.start(), (*xs.end() - *xs.start() + 1).max(0) as usize);
        let table = &self.table;
        let mut n = 0u64;
        for t in ts {
            for y in ys.clone() {
                let start = [t, y, first];
                let before = n;
                if let (Some(of_a), Some(of_b)) =
                    (table.row(a.0.offset(start), width), table.row(b.0.offset(start), width))
                {
                    for ((x, &entry_a), &entry_b) in xs.clone().zip(of_a).zip(of_b) {
                        let p = [t, y, x];
                        n += u64::from(b.0.holds(p, table.meaning(entry_b)) && a.0.holds(p, table.meaning(entry_a)));
                    }
                } else {
                    for x in xs.clone() {
                        let p = [t, y, x];
                        let holds = |polyhedron: &Polyhedron| polyhedron.holds(p, table.towards(polyhedron.offset(p)));
                        n += u64::from(holds(b.0) && holds(a.0));
                    }
                }
                if n > before && larger(n as f64) {
                    return true;
                }
            }
        }
        false
    }
}
