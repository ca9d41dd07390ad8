//! Convex hulls of points in space, and through them the volume of an intersection of half-spaces.
//!
//! The hull grows point by point: what a new point sees is replaced by a cone from the rim of it to the point (the
//! incremental algorithm, M. de Berg et al., Computational Geometry, ch. 11). All decisions are exact signs, so the
//! surface stays closed whatever the points; points in the plane of a facet count as not seeing it.
//!
//! The half-spaces `n·x <= s` around an inner point are the points `n / s` of the dual space; each facet of their hull
//! is a corner of the intersection (C. B. Barber, D. P. Dobkin, H. Huhdanpaa, "The quickhull algorithm for convex
//! hulls", ACM Trans. Math. Softw. 22, 469-483 (1996), section on half-space intersection).

use robust::{Coord3D, orient3d};

pub(crate) type Point = [f64; 3];

/// The boundary of a convex hull as triangles.
#[derive(Clone, Debug)]
pub(crate) struct Hull {
    /// Corners of each triangle, counter-clockwise seen from outside: `(b - a) x (c - a)` points outwards.
    pub(crate) faces: Vec<[u32; 3]>,
    /// The triangles beyond the edges ab, bc and ca.
    pub(crate) beyond: Vec<[u32; 3]>,
}

/// A half-space `normal·x + offset <= 0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfSpace {
    pub(crate) normal: Point,
    pub(crate) offset: f64,
}

impl HalfSpace {
    pub(crate) fn contains(&self, p: Point) -> bool {
        self.normal[0] * p[0] + self.normal[1] * p[1] + self.normal[2] * p[2] + self.offset <= 0.0
    }

    /// How far inside the point is, in units of the normal's length.
    pub(crate) fn slack(&self, p: Point) -> f64 {
        -(self.offset + self.normal[0] * p[0] + self.normal[1] * p[1] + self.normal[2] * p[2])
    }
}

pub(crate) fn minus(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn cross(a: Point, b: Point) -> Point {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn norm1(a: Point) -> f64 {
    a[0].abs() + a[1].abs() + a[2].abs()
}

/// A facet while the hull grows.
struct Facet {
    corners: [u32; 3],
    beyond: [u32; 3],
    at: Point,
    normal: Point,
    /// Rounding of `normal·d` is below this times the sum of |d|.
    rounding: f64,
    alive: bool,
}

impl Facet {
    fn new(points: &[Point], corners: [u32; 3], beyond: [u32; 3]) -> Self {
        let [a, b, c] = corners.map(|i| points[i as usize]);
        let (u, v) = (minus(b, a), minus(c, a));
        let rounding = 32.0 * f64::EPSILON * norm1(u) * norm1(v);
        Self { corners, beyond, at: a, normal: cross(u, v), rounding, alive: true }
    }

    /// True if the facet is seen from `p`, that is if `p` lies strictly outside its plane.
    fn faces(&self, points: &[Point], p: Point) -> bool {
        let d = minus(p, self.at);
        let height = dot(self.normal, d);
        if height.abs() > self.rounding * norm1(d) {
            return height > 0.0;
        }
        side(self.corners.map(|i| points[i as usize]), p) > 0.0
    }
}

/// Above, in or below the plane of three points: the exact sign of `((b - a) x (c - a))·(p - a)`.
fn side([a, b, c]: [Point; 3], p: Point) -> f64 {
    let coord = |p: Point| Coord3D { x: p[0], y: p[1], z: p[2] };
    -orient3d(coord(a), coord(b), coord(c), coord(p))
}

/// The convex hull; none if the points lie in a plane or are not finite.
pub(crate) fn convex_hull(points: &[Point]) -> Option<Hull> {
    let start = tetrahedron(points)?;
    let mut facets: Vec<Facet> = Vec::with_capacity(2 * points.len());
    for (corners, beyond) in
        [([0, 1, 2], [1, 2, 3]), ([0, 3, 1], [3, 2, 0]), ([1, 3, 2], [1, 3, 0]), ([2, 3, 0], [2, 1, 0])]
    {
        facets.push(Facet::new(points, corners.map(|i: usize| start[i]), beyond));
    }
    let mut free: Vec<u32> = Vec::new();
    let mut seen: Vec<u32> = Vec::new();
    let mut rim: Vec<(u32, u32, u32)> = Vec::new(); // from, to, the facet beyond
    let mut cone_at = vec![0u32; points.len()]; // by the first corner of an edge of the rim: its new facet
    for (i, &p) in points.iter().enumerate() {
        if start.contains(&(i as u32)) {
            continue;
        }
        let Some(first) = facets.iter().position(|f| f.alive && f.faces(points, p)) else { continue };
        seen.clear();
        rim.clear();
        seen.push(first as u32);
        facets[first].alive = false;
        let mut next = 0;
        while let Some(&f) = seen.get(next) {
            next += 1;
            for edge in 0..3 {
                let (corners, g) = (facets[f as usize].corners, facets[f as usize].beyond[edge]);
                let other = &facets[g as usize];
                if other.alive && other.faces(points, p) {
                    facets[g as usize].alive = false;
                    seen.push(g);
                } else if other.alive {
                    rim.push((corners[edge], corners[(edge + 1) % 3], g));
                }
            }
        }
        free.extend(&seen);
        for &(from, to, g) in &rim {
            let facet = Facet::new(points, [from, to, i as u32], [g, 0, 0]);
            let slot = match free.pop() {
                Some(slot) => {
                    facets[slot as usize] = facet;
                    slot
                }
                None => {
                    facets.push(facet);
                    facets.len() as u32 - 1
                }
            };
            cone_at[from as usize] = slot;
            let beyond = &mut facets[g as usize];
            let edge = beyond.corners.iter().position(|&c| c == to).expect("the edge belongs to both facets");
            beyond.beyond[edge] = slot;
        }
        for &(from, to, _) in &rim {
            let (slot, after) = (cone_at[from as usize], cone_at[to as usize]);
            facets[slot as usize].beyond[1] = after;
            facets[after as usize].beyond[2] = slot;
        }
    }
    let mut place = vec![0u32; facets.len()];
    let alive = facets.iter().enumerate().filter(|(_, f)| f.alive);
    alive.clone().enumerate().for_each(|(n, (slot, _))| place[slot] = n as u32);
    let (faces, beyond) = alive.map(|(_, f)| (f.corners, f.beyond.map(|g| place[g as usize]))).unzip();
    Some(Hull { faces, beyond })
}

/// Four points that do not lie in a plane, far apart, ordered such that the triangle of the first three faces outwards.
fn tetrahedron(points: &[Point]) -> Option<[u32; 4]> {
    if !points.iter().flatten().all(|v| v.is_finite()) {
        return None;
    }
    let farthest = |measure: &dyn Fn(Point) -> f64| {
        points.iter().enumerate().max_by(|a, b| measure(*a.1).total_cmp(&measure(*b.1))).map(|(i, _)| i)
    };
    let a = farthest(&|p| -p[0])?;
    let at = points[a];
    let b = farthest(&|p| dot(minus(p, at), minus(p, at)))?;
    let ab = minus(points[b], at);
    let c = farthest(&|p| {
        let n = cross(ab, minus(p, at));
        dot(n, n)
    })?;
    let n = cross(ab, minus(points[c], at));
    let d = farthest(&|p| dot(n, minus(p, at)).abs())?;
    let height = side([at, points[b], points[c]], points[d]);
    let [a, b, c, d] = [a, b, c, d].map(|i| i as u32);
    match height {
        h if h < 0.0 => Some([a, b, c, d]),
        h if h > 0.0 => Some([a, c, b, d]),
        _ => None,
    }
}

impl Hull {
    /// The half-spaces of the facets, with unit normals; facets without area have none.
    pub(crate) fn half_spaces(&self, points: &[Point]) -> Vec<HalfSpace> {
        let of = |face: &[u32; 3]| {
            let [a, b, c] = face.map(|i| points[i as usize]);
            let n = cross(minus(b, a), minus(c, a));
            let length = dot(n, n).sqrt();
            let normal = n.map(|v| v / length);
            (length > 0.0).then(|| HalfSpace { normal, offset: -dot(normal, a) })
        };
        self.faces.iter().filter_map(of).collect()
    }
}

/// Volume of the points that lie in all half-spaces. None if `inner` is not strictly inside each of them, or if the
/// intersection has no bound.
pub(crate) fn intersection_volume(half_spaces: &[HalfSpace], inner: Point) -> Option<f64> {
    let dual: Option<Vec<Point>> = half_spaces
        .iter()
        .map(|h| {
            let slack = h.slack(inner);
            (slack > 0.0).then(|| h.normal.map(|v| v / slack))
        })
        .collect();
    let dual = dual?;
    let hull = convex_hull(&dual)?;
    let mut corners = Vec::with_capacity(hull.faces.len());
    for face in &hull.faces {
        let [a, b, c] = face.map(|i| dual[i as usize]);
        let n = cross(minus(b, a), minus(c, a));
        let distance = dot(n, a);
        if distance <= 0.0 {
            return None;
        }
        corners.push(n.map(|v| v / distance));
    }
    // Each edge of the hull joins two facets, so it is an edge of the intersection between two corners; with the foot
    // of the perpendicular from the inner point onto either of its two faces it spans a tetrahedron.
    let mut volume = 0.0;
    for (f, (face, beyond)) in hull.faces.iter().zip(&hull.beyond).enumerate() {
        for edge in 0..3 {
            let (here, there) = (corners[f], corners[beyond[edge] as usize]);
            let q = dual[face[edge] as usize];
            let foot = q.map(|v| v / dot(q, q));
            volume += dot(foot, cross(there, here)) / 6.0;
        }
    }
    Some(volume.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f64 {
        f64::from((i as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519)) / 2f64.powi(32)
    }

    fn volume(points: &[Point], hull: &Hull) -> f64 {
        let of = |f: &[u32; 3]| {
            let [a, b, c] = f.map(|i| points[i as usize]);
            dot(a, cross(b, c)) / 6.0
        };
        hull.faces.iter().map(of).sum()
    }

    #[test]
    fn the_hull_of_a_lattice_is_its_cube() {
        // Nearly all points lie in the plane of some facet.
        let points: Vec<Point> =
            (0..125).map(|i| [f64::from(i / 25), f64::from(i / 5 % 5), f64::from(i % 5)]).collect();
        let hull = convex_hull(&points).unwrap();
        assert!((volume(&points, &hull) - 64.0).abs() < 1e-12);
        assert_eq!(convex_hull(&points[..25]).map(|h| h.faces.len()), None, "a plane has no hull");
    }

    #[test]
    fn no_point_lies_outside_and_every_edge_has_two_sides() {
        let points: Vec<Point> = (0..300).map(|i| [noise(3 * i), noise(3 * i + 1), noise(3 * i + 2)]).collect();
        let hull = convex_hull(&points).unwrap();
        for (face, beyond) in hull.faces.iter().zip(&hull.beyond) {
            let corners = face.map(|i| points[i as usize]);
            assert!(points.iter().all(|&p| side(corners, p) <= 0.0));
            for edge in 0..3 {
                let other = hull.faces[beyond[edge] as usize];
                let (from, to) = (face[edge], face[(edge + 1) % 3]);
                assert!((0..3).any(|e| other[e] == to && other[(e + 1) % 3] == from));
            }
        }
    }

    #[test]
    fn two_boxes_share_the_volume_of_their_overlap() {
        let sides = |low: Point, high: Point| {
            (0..3).flat_map(move |axis| {
                let unit = |s: f64| std::array::from_fn(|i| if i == axis { s } else { 0.0 });
                [
                    HalfSpace { normal: unit(2.0), offset: -2.0 * high[axis] },
                    HalfSpace { normal: unit(-1.0), offset: low[axis] },
                ]
            })
        };
        let mut planes: Vec<HalfSpace> = sides([0.0; 3], [4.0, 5.0, 6.0]).collect();
        planes.extend(sides([1.0, 2.0, -3.0], [8.0, 9.0, 4.0]));
        let found = intersection_volume(&planes, [2.0, 3.0, 1.0]).unwrap();
        assert!((found - 3.0 * 3.0 * 4.0).abs() < 1e-9, "{found}");
        assert_eq!(intersection_volume(&planes, [0.5, 3.0, 1.0]), None, "the point must be inside");
    }
}
