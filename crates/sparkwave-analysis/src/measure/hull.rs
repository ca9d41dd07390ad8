//! Convex hulls of lattice points, exact in integers.
//!
//! Voxels put hundreds of points on common planes, where hulls in floating point go wrong or need joggling. With integer
//! coordinates every side test has an exact answer, and the plain incremental construction suffices: a new point replaces
//! the faces that it sees from strictly outside by a cone over their outline. Faces in whose plane it lies stay, so that
//! a cone triangle can lie in a plane with its neighbour but never has zero area.

/// A point of the lattice.
pub(super) type Point = [i64; 3];

/// Largest coordinate, either sign, of a point of a hull. Differences are then at most twice that, components of a normal
/// at most eight times its square, and every side test at most 24 times its cube, which is below 2^63.
const MAX_COORDINATE: i64 = 500_000;

/// Corners of the convex hull of points in the plane t = 0, counterclockwise from the lowest (y, x), without points on
/// edges: Andrew's monotone chain (1979, Inf. Process. Lett. 9, 216). Fewer than three corners for points on a line.
fn polygon(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let chain = |points: &mut dyn Iterator<Item = &Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for &point in points {
            while let [.., a, b] = chain[..]
                && cross(minus(b, a), minus(point, b))[0] <= 0
            {
                chain.pop();
            }
            chain.push(point);
        }
        // The last point begins the other chain.
        chain.pop();
        chain
    };
    let mut corners = chain(&mut sorted.iter());
    corners.extend(chain(&mut sorted.iter().rev()));
    corners
}

/// The half planes whose intersection is the hull of points in the plane t = 0, as half spaces that leave t free.
///
/// `None` if the points lie on a line, or a coordinate is larger than [`MAX_COORDINATE`].
pub(super) fn half_planes(points: &[Point]) -> Option<Vec<HalfSpace>> {
    if points.iter().flatten().any(|c| c.abs() > MAX_COORDINATE) {
        return None;
    }
    let corners = polygon(points);
    let edges = corners.iter().zip(corners.iter().cycle().skip(1));
    let half_planes = edges.map(|(&from, &to)| {
        let along = minus(to, from);
        let normal = [0, along[2], -along[1]];
        HalfSpace { normal, offset: dot(normal, from) }
    });
    (corners.len() > 2).then(|| half_planes.collect())
}

/// The points p with `normal . p <= offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HalfSpace {
    pub(super) normal: Point,
    pub(super) offset: i64,
}

impl HalfSpace {
    /// The half space behind the triangle a, b, c, which is counterclockwise seen from the other side.
    fn behind(a: Point, b: Point, c: Point) -> Self {
        let normal = cross(minus(b, a), minus(c, a));
        Self { normal, offset: dot(normal, a) }
    }

    /// True if the point is strictly outside.
    fn excludes(&self, point: Point) -> bool {
        dot(self.normal, point) > self.offset
    }
}

fn minus(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: Point, b: Point) -> i64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Point, b: Point) -> Point {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Dimension of the smallest flat through the points: 0 for one point (or none), 1 line, 2 plane, 3 space. Coordinates
/// are of any size; sets longer than twice [`MAX_COORDINATE`] along an axis count as 3.
pub(super) fn rank(points: impl Iterator<Item = Point> + Clone) -> usize {
    let Some(origin) = points.clone().next() else { return 0 };
    if points.clone().any(|p| minus(p, origin).iter().any(|d| d.abs() > 2 * MAX_COORDINATE)) {
        return 3;
    }
    let relative = points.map(|p| minus(p, origin));
    let Some(line) = relative.clone().find(|d| *d != [0; 3]) else { return 0 };
    let Some(plane) = relative.clone().map(|d| cross(line, d)).find(|n| *n != [0; 3]) else { return 1 };
    if relative.clone().any(|d| dot(plane, d) != 0) { 3 } else { 2 }
}

/// The points that can be corners of the hull: both ends of every axis-parallel line, for the three axes in turn. A
/// corner is an end of any line through it, so none is lost, while the inside and most of the surface go.
pub(super) fn line_ends(mut points: Vec<Point>) -> Vec<Point> {
    // Voxels come sorted by (t, y, x), which makes lines along x the cheapest to begin with.
    for axis in [2, 1, 0] {
        let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
        points.sort_unstable_by_key(|p| (p[u], p[v], p[axis]));
        points.dedup();
        let is_end: Vec<bool> = (0..points.len())
            .map(|i| {
                let same_line = |j: usize| points.get(j).is_some_and(|p| (p[u], p[v]) == (points[i][u], points[i][v]));
                !(same_line(i.wrapping_sub(1)) && same_line(i + 1))
            })
            .collect();
        let mut ends = is_end.into_iter();
        points.retain(|_| ends.next().unwrap_or(true));
    }
    points
}

/// The half spaces whose intersection is the hull, one for each face; faces in a common plane are listed once.
///
/// `None` if the points lie in a plane, or a coordinate is larger than [`MAX_COORDINATE`].
pub(super) fn half_spaces(points: &[Point]) -> Option<Vec<HalfSpace>> {
    if points.iter().flatten().any(|c| c.abs() > MAX_COORDINATE) {
        return None;
    }
    let mut points = points.to_vec();
    sort_outermost_first(&mut points);
    let mut faces = tetrahedron(&points)?;
    let mut edges: Vec<[u32; 2]> = Vec::new();
    for (i, &point) in (0u32..).zip(&points) {
        edges.clear();
        faces.retain(|face| {
            let is_visible = face.half_space.excludes(point);
            if is_visible {
                let [a, b, c] = face.corners;
                edges.extend([[a, b], [b, c], [c, a]]);
            }
            !is_visible
        });
        // An edge between two removed faces occurs in both directions; the outline is what occurs in one.
        edges.sort_unstable();
        for &[from, to] in &edges {
            if edges.binary_search(&[to, from]).is_err() {
                faces.push(Face::through(&points, [from, to, i]));
            }
        }
    }
    let mut half_spaces: Vec<HalfSpace> = faces.into_iter().map(|face| reduced(face.half_space)).collect();
    half_spaces.sort_unstable_by_key(|h| (h.normal, h.offset));
    half_spaces.dedup();
    Some(half_spaces)
}

/// Sorts points by falling distance from the middle of their bounding box: the hull is nearly complete early on, and most
/// later points change nothing.
fn sort_outermost_first(points: &mut [Point]) {
    let twice_middle = [0, 1, 2].map(|i| {
        let (low, high) = points.iter().fold((i64::MAX, i64::MIN), |(l, h), p| (l.min(p[i]), h.max(p[i])));
        low.saturating_add(high)
    });
    points.sort_unstable_by_key(|p| {
        let d = minus(p.map(|c| 2 * c), twice_middle);
        (-dot(d, d), *p)
    });
}

/// A triangle of the hull's surface: indices of its corners, counterclockwise seen from outside.
#[derive(Clone, Copy)]
struct Face {
    corners: [u32; 3],
    half_space: HalfSpace,
}

impl Face {
    fn through(points: &[Point], corners: [u32; 3]) -> Self {
        let [a, b, c] = corners.map(|i| points[i as usize]);
        Self { corners, half_space: HalfSpace::behind(a, b, c) }
    }
}

/// The faces of a tetrahedron between four of the points; `None` if the points lie in a plane.
fn tetrahedron(points: &[Point]) -> Option<Vec<Face>> {
    let find =
        |is_sought: &dyn Fn(Point) -> bool| points.iter().position(|p| is_sought(*p)).map(|i| (i as u32, points[i]));
    let (i, a) = find(&|_| true)?;
    let (j, b) = find(&|p| p != a)?;
    let (k, c) = find(&|p| cross(minus(b, a), minus(p, a)) != [0; 3])?;
    let base = HalfSpace::behind(a, b, c);
    let (l, d) = find(&|p| dot(base.normal, p) != base.offset)?;
    let (j, k) = if base.excludes(d) { (k, j) } else { (j, k) };
    Some([[i, j, k], [i, k, l], [i, l, j], [j, l, k]].map(|corners| Face::through(points, corners)).to_vec())
}

/// The same half space in smallest integers, so that equal ones look equal.
fn reduced(half_space: HalfSpace) -> HalfSpace {
    let [x, y, z] = half_space.normal.map(i64::unsigned_abs);
    // The offset is the normal times a lattice point, so the divisor divides it too. A face has area: it is not zero.
    let divisor = gcd(gcd(x, y), z).max(1) as i64;
    HalfSpace { normal: half_space.normal.map(|n| n / divisor), offset: half_space.offset / divisor }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn cube(edge: i64) -> Vec<Point> {
        let range = || 0..=edge;
        range().flat_map(|t| range().flat_map(move |y| range().map(move |x| [t, y, x]))).collect()
    }

    #[test]
    fn a_cube_has_six_faces_whatever_its_points() {
        for points in [cube(3), line_ends(cube(3))] {
            let found = half_spaces(&points).unwrap();
            assert_eq!(found.len(), 6);
            assert!(
                found
                    .iter()
                    .all(|h| h.normal.iter().map(|n| n.abs()).sum::<i64>() == 1 && [0, 3].contains(&h.offset.abs()))
            );
        }
        assert_eq!(line_ends(cube(3)).len(), 8);
    }

    #[test]
    fn flat_sets_have_no_hull() {
        let plane: Vec<Point> = (0..20).map(|i| [i, i * i % 7, 2 * i + 3 * (i * i % 7)]).collect();
        assert_eq!(half_spaces(&plane), None);
        assert_eq!(half_spaces(&[[1, 2, 3]; 4]), None);
        assert_eq!(half_spaces(&[]), None);
        assert_eq!(half_spaces(&[[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 500_001]]), None);
    }

    #[test]
    fn rank_is_the_dimension() {
        let check = |points: &[Point], expected| assert_eq!(rank(points.iter().copied()), expected, "{points:?}");
        check(&[], 0);
        check(&[[5, 5, 5], [5, 5, 5]], 0);
        check(&[[0, 0, 0], [1, 2, 3], [2, 4, 6]], 1);
        check(&[[0, 0, 0], [1, 2, 3], [2, 4, 7], [3, 6, 10]], 2);
        check(&[[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], 3);
    }

    #[test]
    fn a_polygon_keeps_its_corners_only() {
        let square: Vec<Point> = (0..4).flat_map(|y| (0..3).map(move |x| [0, y, x])).collect();
        assert_eq!(polygon(&square), [[0, 0, 0], [0, 3, 0], [0, 3, 2], [0, 0, 2]]);
        let outside = [[0, -1, 1], [0, 4, 1], [0, 1, -1], [0, 1, 3]];
        let half_planes = half_planes(&square).unwrap();
        assert!(square.iter().all(|p| half_planes.iter().all(|h| !h.excludes(*p))));
        assert!(outside.iter().all(|p| half_planes.iter().any(|h| h.excludes(*p))));
        assert_eq!(super::half_planes(&[[0, 1, 1], [0, 2, 2], [0, 5, 5], [0, 2, 2]]), None);
        assert_eq!(super::half_planes(&[]), None);
    }

    proptest! {
        /// Every half space holds all points and touches three that are not on a line, and together they hold no more
        /// than the hull does: the defining properties, checked without the construction.
        #[test]
        fn half_spaces_support_the_points(points in prop::collection::vec([0..6i64, 0..6i64, 0..6i64], 1..40)) {
            let found = half_spaces(&points);
            prop_assert_eq!(found.is_some(), rank(points.iter().copied()) == 3);
            for h in found.iter().flatten() {
                prop_assert!(points.iter().all(|p| !h.excludes(*p)));
                let touching = points.iter().copied().filter(|p| dot(h.normal, *p) == h.offset);
                prop_assert_eq!(rank(touching), 2);
            }
            let mut reversed = line_ends(points.clone());
            reversed.reverse();
            prop_assert_eq!(half_spaces(&reversed), found);
        }
    }
}
