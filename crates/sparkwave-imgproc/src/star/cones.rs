//! Which triangle of a star a direction points at.
//!
//! The tetrahedra of a star-convex polyhedron, from its centre to each triangle, lie in cones that depend on the rays
//! alone, not on the distances. So which tetrahedra can hold a voxel follows from its offset from the centre, and can be
//! looked up: nearly always it is one. A direction within [`MARGIN`] of the side of a cone belongs to several, because
//! rounded corners turn the side a little: at a thousand pixels from the origin, a corner 0.3 px from its centre by that
//! much. Where corners are closer, a tetrahedron is a needle or a blade so thin that it hardly ever meets a voxel.

use std::collections::HashMap;

/// Smallest `(b x a)·u / |u|` for rays a and b and an offset u, by which u counts as clear of the side through a and b.
const MARGIN: f64 = 1e-3;

/// Cells along each edge of the cube on which directions are sorted.
const CELLS: usize = 16;
/// Farthest offset that is looked up, in pixels along an axis; beyond it, the candidates of a cell have to do.
const MAX_RADIUS: i32 = 48;

/// Sides (b x a), (c x b), (a x c) of the cone of a triangle; positive inside.
type Sides = [[f64; 3]; 3];

/// For each cell of directions the cones that reach into it.
#[derive(Clone, Debug)]
pub(crate) struct Cones {
    sides: Vec<Sides>,
    cells: Vec<Vec<u32>>,
}

/// The triangles that an offset may point at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Towards<'a> {
    /// The offset is inside this cone, clear of its sides.
    One(u32),
    /// In all other cones it is certainly not.
    Few(&'a [u32]),
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

impl Cones {
    pub(crate) fn new(vertices: &[[f32; 3]], faces: &[[u32; 3]]) -> Self {
        let cross = |a: [f64; 3], b: [f64; 3]| {
            [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
        };
        let sides: Vec<Sides> = faces
            .iter()
            .map(|f| {
                let [a, b, c] = f.map(|i| vertices[i as usize].map(f64::from));
                [cross(b, a), cross(c, b), cross(a, c)]
            })
            .collect();
        let mut cells = Vec::with_capacity(6 * CELLS * CELLS);
        for side in 0..6 {
            for cell in 0..CELLS * CELLS {
                let edge = |i: usize| 2.0 * i as f64 / CELLS as f64 - 1.0;
                let (s, t) = (cell / CELLS, cell % CELLS);
                let corners = [(s, t), (s, t + 1), (s + 1, t), (s + 1, t + 1)].map(|(s, t)| {
                    let mut u = [0.0; 3];
                    u[side / 2] = if side % 2 == 0 { 1.0 } else { -1.0 };
                    u[(side / 2 + 1) % 3] = edge(s);
                    u[(side / 2 + 2) % 3] = edge(t);
                    u
                });
                let longest = corners.iter().map(|u| dot(*u, *u).sqrt()).fold(0.0, f64::max);
                // Linear on the cell, so largest at a corner.
                let outside = |side: [f64; 3]| corners.iter().all(|u| dot(side, *u) < -MARGIN * longest);
                let reaches = |f: &u32| !sides[*f as usize].into_iter().any(outside);
                cells.push((0..faces.len() as u32).filter(reaches).collect());
            }
        }
        Self { sides, cells }
    }

    /// The candidates of the cell of `u`, which must not be the origin.
    fn cell(&self, u: [i32; 3]) -> &[u32] {
        let size = u.map(i32::abs);
        let axis = if size[0] >= size[1] && size[0] >= size[2] { 0 } else { 1 + usize::from(size[2] > size[1]) };
        let side = 2 * axis + usize::from(u[axis] < 0);
        let place = |v: i32| {
            let at = (f64::from(v) / f64::from(size[axis]) + 1.0) * (CELLS as f64 / 2.0);
            (at as usize).min(CELLS - 1)
        };
        &self.cells[(side * CELLS + place(u[(axis + 1) % 3])) * CELLS + place(u[(axis + 2) % 3])]
    }

    /// Looks up all offsets up to `radius` px (t, y, x).
    pub(crate) fn table(&self, radius: [i32; 3]) -> Table<'_> {
        let radius = radius.map(|r| r.clamp(0, MAX_RADIUS));
        let mut table = Table { cones: self, radius, entries: Vec::new(), lists: Vec::new(), all: Vec::new() };
        table.all = (0..self.sides.len() as u32).collect();
        let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
        let mut near = Vec::new();
        for t in -radius[0]..=radius[0] {
            for y in -radius[1]..=radius[1] {
                for x in -radius[2]..=radius[2] {
                    let u = [t, y, x].map(f64::from);
                    let margin = MARGIN * dot(u, u).sqrt();
                    let candidates = if [t, y, x] == [0; 3] { &table.all } else { self.cell([t, y, x]) };
                    near.clear();
                    let mut clear = false;
                    for &f in candidates {
                        let least =
                            self.sides[f as usize].map(|side| dot(side, u)).into_iter().fold(f64::MAX, f64::min);
                        if least >= -margin {
                            near.push(f);
                            clear = least > margin;
                        }
                    }
                    let entry = match near[..] {
                        [one] if clear => one,
                        _ => match known.get(&near) {
                            Some(&entry) => entry,
                            None => {
                                let entry = (self.sides.len() + table.lists.len()) as u32;
                                known.insert(near.clone(), entry);
                                table.lists.push(near.clone());
                                entry
                            }
                        },
                    };
                    table.entries.push(entry);
                }
            }
        }
        table
    }
}

/// The triangles of all offsets near the centre.
#[derive(Clone, Debug)]
pub(crate) struct Table<'a> {
    cones: &'a Cones,
    radius: [i32; 3],
    /// By offset: a triangle, or beyond the last triangle the index of a list.
    entries: Vec<u32>,
    lists: Vec<Vec<u32>>,
    all: Vec<u32>,
}

impl Table<'_> {
    /// The triangles that a voxel at this offset (t, y, x) from the centre may lie under.
    #[inline]
    pub(crate) fn towards(&self, u: [i32; 3]) -> Towards<'_> {
        match self.row(u, 1) {
            Some(entries) => self.meaning(entries[0]),
            None => Towards::Few(self.cones.cell(u)),
        }
    }

    /// Entries of a row of `n` offsets along x that begins at `u`; none if the table does not reach that far.
    #[inline]
    pub(crate) fn row(&self, u: [i32; 3], n: usize) -> Option<&[u32]> {
        let [rt, ry, rx] = self.radius;
        let (t, y, x) = (u[0] + rt, u[1] + ry, u[2] + rx);
        if t < 0 || t > 2 * rt || y < 0 || y > 2 * ry || x < 0 || x as usize + n > 2 * rx as usize + 1 {
            return None;
        }
        let start = (t as usize * (2 * ry as usize + 1) + y as usize) * (2 * rx as usize + 1) + x as usize;
        Some(&self.entries[start..start + n])
    }

    /// What an entry stands for.
    #[inline]
    pub(crate) fn meaning(&self, entry: u32) -> Towards<'_> {
        match (entry as usize).checked_sub(self.cones.sides.len()) {
            None => Towards::One(entry),
            Some(list) => Towards::Few(&self.lists[list]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rays::Rays;
    use super::*;

    #[test]
    fn looking_up_equals_a_search_over_all_cones() {
        for (n, anisotropy) in [(96, [1.7, 1.08, 1.0]), (32, [7.0, 1.0, 1.0]), (8, [1.0; 3])] {
            let rays = Rays::golden_spiral(n, anisotropy).unwrap();
            let cones = rays.cones();
            let table = cones.table([3, 9, 8]);
            for t in -5..=5 {
                for y in -9..=9 {
                    for x in -9..=9 {
                        let u = [t, y, x].map(f64::from);
                        let margin = MARGIN * dot(u, u).sqrt();
                        let least = |f: u32| cones.sides[f as usize].map(|s| dot(s, u)).into_iter().fold(9e9, f64::min);
                        let near: Vec<u32> = table.all.iter().copied().filter(|&f| least(f) >= -margin).collect();
                        match table.towards([t, y, x]) {
                            Towards::One(f) => assert!(near == [f] && least(f) > margin),
                            Towards::Few(list) => assert!(near.iter().all(|f| list.contains(f)), "{t} {y} {x}"),
                        }
                    }
                }
            }
        }
    }
}
