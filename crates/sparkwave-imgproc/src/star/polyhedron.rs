//! A star-convex polyhedron: a centre, a distance along each ray, and the tetrahedra from the centre to each triangle.
//!
//! Which voxels are inside is decided in single precision, in the order of operations of the StarDist package
//! (M. Weigert et al., WACV 2020), so that voxels on a surface fall to the same side. Only the search for the tetrahedra
//! that can hold a voxel is another one ([`super::cones`]).

use super::cones::Towards;
use super::hull::{HalfSpace, convex_hull};
use super::rays::Rays;
use super::stars::Stars;
use std::sync::OnceLock;

/// First and last voxel along t, y and x, both inside.
pub(crate) type Bounds = [[i32; 2]; 3];

/// Rounds half to even; exact for |v| < 2^22, and much faster than a call of the standard library.
#[inline]
pub(crate) fn round_even(v: f32) -> i32 {
    const SHIFT: f32 = 12_582_912.0; // 1.5 * 2^23: beyond it, neighbouring numbers are one apart
    (v + SHIFT).to_bits() as i32 - SHIFT.to_bits() as i32
}

/// The polyhedron's box of voxels: its corners rounded.
pub(crate) fn bounds(stars: &Stars, i: usize) -> Bounds {
    let centre = stars.centre(i).map(|c| c as f32);
    let mut bounds = [[i32::MAX, -1]; 3];
    for (d, v) in stars.distances(i).iter().zip(stars.rays().vertices()) {
        for axis in 0..3 {
            let at = round_even(centre[axis] + d * v[axis]);
            bounds[axis] = [bounds[axis][0].min(at), bounds[axis][1].max(at)];
        }
    }
    bounds
}

/// The polyhedron's volume, px^3.
pub fn volume(distances: &[f32], rays: &Rays) -> f32 {
    let corner = |i: u32| rays.vertices()[i as usize].map(|v| distances[i as usize] * v);
    rays.faces()
        .iter()
        .map(|f| {
            let [a, b, c] = f.map(corner);
            determinant(minus(b, a), minus(c, a), a.map(|v| -v)) / 6.0
        })
        .fold(0.0, |sum, v| sum + v)
}

#[inline]
fn minus(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

#[inline]
fn determinant(a: [f32; 3], b: [f32; 3], c: [f32; 3]) -> f32 {
    a[0] * (b[1] * c[2] - c[1] * b[2]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
}

/// True if `p` is on the inner side of the plane through three points.
#[inline]
fn inside(p: [f32; 3], a: [f32; 3], b: [f32; 3], c: [f32; 3]) -> bool {
    determinant(minus(b, a), minus(c, a), minus(p, a)) >= 0.0
}

/// A polyhedron in its place.
#[derive(Debug)]
pub(crate) struct Polyhedron<'a> {
    rays: &'a Rays,
    centre: [i32; 3],
    corners: Vec<[f32; 3]>,
    /// Of each triangle abc the edges b - a and c - a.
    edges: Vec<[[f32; 3]; 2]>,
    /// Largest distance, px.
    longest: f32,
    kernel: OnceLock<Vec<HalfSpace>>,
    hull: OnceLock<Vec<HalfSpace>>,
}

impl<'a> Polyhedron<'a> {
    /// The polyhedron number `i`.
    pub(crate) fn new(stars: &Stars<'a>, i: usize) -> Self {
        let (distances, centre, rays) = (stars.distances(i), stars.centre(i), stars.rays());
        let at = centre.map(|c| c as f32);
        let corners: Vec<[f32; 3]> = distances
            .iter()
            .zip(rays.vertices())
            .map(|(d, v)| std::array::from_fn(|axis| at[axis] + d * v[axis]))
            .collect();
        let edges = rays
            .faces()
            .iter()
            .map(|f| {
                let [a, b, c] = f.map(|i| corners[i as usize]);
                [minus(b, a), minus(c, a)]
            })
            .collect();
        let longest = distances.iter().copied().fold(0.0, f32::max);
        Self { rays, centre, corners, edges, longest, kernel: OnceLock::new(), hull: OnceLock::new() }
    }

    pub(crate) fn centre(&self) -> [f64; 3] {
        self.centre.map(f64::from)
    }

    /// The voxel's offset from the centre.
    #[inline]
    pub(crate) fn offset(&self, p: [i32; 3]) -> [i32; 3] {
        std::array::from_fn(|axis| p[axis] - self.centre[axis])
    }

    /// Above zero where the voxel is on the inner side of a triangle.
    #[inline]
    pub(crate) fn depth(&self, face: u32, p: [i32; 3]) -> f32 {
        let [ab, ac] = self.edges[face as usize];
        let a = self.corners[self.rays.faces()[face as usize][0] as usize];
        determinant(ab, ac, minus(p.map(|v| v as f32), a))
    }

    /// True if the voxel, which is looked up, is in one of the tetrahedra.
    #[inline]
    pub(crate) fn holds(&self, p: [i32; 3], towards: Towards) -> bool {
        match towards {
            Towards::One(face) => self.depth(face, p) >= 0.0,
            Towards::Few(faces) => self.holds_in(p, faces),
        }
    }

    /// True if the voxel is in one of these tetrahedra.
    pub(crate) fn holds_in(&self, p: [i32; 3], faces: &[u32]) -> bool {
        let (r, at) = (self.centre.map(|c| c as f32), p.map(|v| v as f32));
        faces.iter().any(|&f| {
            let [a, b, c] = self.rays.faces()[f as usize].map(|i| self.corners[i as usize]);
            self.depth(f, p) >= 0.0 && inside(at, r, b, a) && inside(at, r, c, b) && inside(at, r, a, c)
        })
    }

    /// How far [`Self::depth`] and the half-space of the same triangle can be apart by rounding, both ways.
    pub(crate) fn rounding(&self, face: u32) -> f32 {
        let norm = |v: [f32; 3]| v[0].abs() + v[1].abs() + v[2].abs();
        let [ab, ac] = self.edges[face as usize];
        let a = self.corners[self.rays.faces()[face as usize][0] as usize];
        8.0 * f32::EPSILON * norm(ab) * norm(ac) * (norm(a) + 6.0 * self.longest)
    }

    /// The half-spaces of the triangles; what lies in all of them, the kernel, sees the whole surface.
    pub(crate) fn kernel(&self) -> &[HalfSpace] {
        let of = |(f, [p, q]): (&[u32; 3], &[[f32; 3]; 2])| {
            let a = self.corners[f[0] as usize];
            let n = [-(p[1] * q[2] - p[2] * q[1]), -(p[2] * q[0] - p[0] * q[2]), -(p[0] * q[1] - p[1] * q[0])];
            let offset = -(a[0] * n[0] + a[1] * n[1] + a[2] * n[2]);
            HalfSpace { normal: n.map(f64::from), offset: f64::from(offset) }
        };
        self.kernel.get_or_init(|| self.rays.faces().iter().zip(&self.edges).map(of).collect())
    }

    /// The half-spaces of the convex hull; none for a polyhedron without volume.
    pub(crate) fn hull(&self) -> &[HalfSpace] {
        self.hull.get_or_init(|| {
            let corners: Vec<_> = self.corners.iter().map(|c| c.map(f64::from)).collect();
            convex_hull(&corners).map(|hull| hull.half_spaces(&corners)).unwrap_or_default()
        })
    }
}
