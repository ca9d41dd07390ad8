//! The rays of a star: directions that cover the sphere evenly, and the triangles between them.

use super::StarError;
use super::cones::Cones;
use super::hull::convex_hull;

/// Most rays of a star.
pub const MAX_RAYS: usize = 4096;

/// Unit vectors (t, y, x) from the centre of an object, and the triangles that join their tips.
#[derive(Clone, Debug)]
pub struct Rays {
    vertices: Vec<[f32; 3]>,
    faces: Vec<[u32; 3]>,
    cones: Cones,
}

impl Rays {
    /// `n` directions on a Fibonacci spiral, closer together along axes where objects are wide: the points of the
    /// spiral on the unit sphere are divided by `anisotropy` (t, y, x), and the triangles are those of their convex hull.
    ///
    /// The directions are `Rays_GoldenSpiral(n, anisotropy)` of the StarDist package, and so are the triangles but for
    /// their order. R. Swinbank, R. J. Purser, "Fibonacci grids: A novel approach to global modelling", Q. J. R.
    /// Meteorol. Soc. 132, 1769-1793 (2006); M. Weigert et al., "Star-convex polyhedra for 3D object detection and
    /// segmentation in microscopy", WACV 2020.
    ///
    /// Expects 4 to [`MAX_RAYS`] rays and an anisotropy between 0.01 and 100; so few that they do not surround the centre,
    /// as the spiral of 4, are refused.
    pub fn golden_spiral(n: usize, anisotropy: [f64; 3]) -> Result<Self, StarError> {
        if !(4..=MAX_RAYS).contains(&n) {
            return Err(StarError::Rays { found: n });
        }
        if !anisotropy.iter().all(|a| (0.01..=100.0).contains(a)) {
            return Err(StarError::Anisotropy { found: anisotropy });
        }
        let golden_angle = (3.0 - 5f64.sqrt()) * std::f64::consts::PI;
        let points: Vec<[f64; 3]> = (0..n)
            .map(|i| {
                let t = if i + 1 == n { 1.0 } else { i as f64 * (2.0 / (n - 1) as f64) - 1.0 };
                let (sin, cos) = (golden_angle * i as f64).sin_cos();
                let radius = (1.0 - t * t).sqrt();
                [t / anisotropy[0], radius * sin / anisotropy[1], radius * cos / anisotropy[2]]
            })
            .collect();
        let hull = convex_hull(&points).ok_or(StarError::Rays { found: n })?;
        // Counter-clockwise in (x, y, t) is clockwise in (t, y, x): the package turns its triangles that way.
        let mut faces: Vec<[u32; 3]> = hull.faces.iter().map(|&[a, b, c]| from_smallest([a, c, b])).collect();
        faces.sort_unstable();
        let unit = |p: &[f64; 3]| {
            let length = (p[0] * p[0] + p[1] * p[1] + p[2] * p[2]).sqrt();
            p.map(|v| (v / length) as f32)
        };
        Self::new(points.iter().map(unit).collect(), faces)
    }

    /// Given directions and triangles.
    ///
    /// Expects unit vectors, and triangles of them that close around the origin, `(b - a) x (c - a)` in (t, y, x)
    /// pointing inwards.
    pub fn new(vertices: Vec<[f32; 3]>, faces: Vec<[u32; 3]>) -> Result<Self, StarError> {
        if !(4..=MAX_RAYS).contains(&vertices.len()) {
            return Err(StarError::Rays { found: vertices.len() });
        }
        let unit = |v: &[f32; 3]| (v.iter().map(|c| c * c).sum::<f32>() - 1.0).abs() < 1e-3;
        let known = |f: &[u32; 3]| f.iter().all(|&i| (i as usize) < vertices.len());
        // Euler: a closed surface of triangles.
        if !vertices.iter().all(unit) || !faces.iter().all(known) || faces.len() != 2 * vertices.len() - 4 {
            return Err(StarError::Surface);
        }
        let inwards = |f: &[u32; 3]| {
            let [a, b, c] = f.map(|i| vertices[i as usize]);
            a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
                < 0.0
        };
        if !faces.iter().all(inwards) {
            return Err(StarError::Surface);
        }
        let cones = Cones::new(&vertices, &faces);
        Ok(Self { vertices, faces, cones })
    }

    /// Number of rays.
    #[expect(clippy::len_without_is_empty, reason = "there are at least four")]
    pub fn len(&self) -> usize {
        self.vertices.len()
    }

    /// The directions, (t, y, x).
    pub fn vertices(&self) -> &[[f32; 3]] {
        &self.vertices
    }

    /// The triangles, three indices of rays each.
    pub fn faces(&self) -> &[[u32; 3]] {
        &self.faces
    }

    pub(crate) fn cones(&self) -> &Cones {
        &self.cones
    }
}

fn from_smallest([a, b, c]: [u32; 3]) -> [u32; 3] {
    if a < b && a < c {
        [a, b, c]
    } else if b < c {
        [b, c, a]
    } else {
        [c, a, b]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rays_cover_the_sphere_and_triangles_close_it() {
        for (n, anisotropy) in [(8, [1.0; 3]), (96, [1.7, 1.08, 1.0]), (200, [5.0, 1.0, 1.0])] {
            let rays = Rays::golden_spiral(n, anisotropy).unwrap();
            assert_eq!((rays.len(), rays.faces().len()), (n, 2 * n - 4));
            // The solid angles of all triangles (van Oosterom and Strackee) add up to that of the sphere.
            let solid: f64 = rays
                .faces()
                .iter()
                .map(|f| {
                    let [a, b, c] = f.map(|i| rays.vertices()[i as usize].map(f64::from));
                    let dot = |p: [f64; 3], q: [f64; 3]| p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
                    let det = a[0] * (b[1] * c[2] - b[2] * c[1])
                        + a[1] * (b[2] * c[0] - b[0] * c[2])
                        + a[2] * (b[0] * c[1] - b[1] * c[0]);
                    -2.0 * det.atan2(1.0 + dot(a, b) + dot(b, c) + dot(c, a))
                })
                .sum();
            assert!((solid - 4.0 * std::f64::consts::PI).abs() < 1e-5, "{n} rays: {solid}");
        }
    }

    #[test]
    fn senseless_rays_are_refused() {
        assert!(Rays::golden_spiral(3, [1.0; 3]).is_err());
        assert!(Rays::golden_spiral(96, [1.0, 0.0, 1.0]).is_err());
        let good = Rays::golden_spiral(8, [1.0; 3]).unwrap();
        let turned = good.faces().iter().map(|&[a, b, c]| [a, c, b]).collect();
        assert_eq!(Rays::new(good.vertices().to_vec(), turned).unwrap_err(), StarError::Surface);
        let long = good.vertices().iter().map(|v| v.map(|c| 2.0 * c)).collect();
        assert_eq!(Rays::new(long, good.faces().to_vec()).unwrap_err(), StarError::Surface);
    }
}
