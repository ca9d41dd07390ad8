//! The few voxels of a movie that stand out, found again by position.

use sparkwave_core::axes::Voxel;

/// A voxel that a detector did not rule out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Active {
    /// Where.
    pub voxel: Voxel,
    /// dF/F0 there.
    pub dff: f32,
    /// The detector's evidence for the onset of an event there, in standard deviations of its noise.
    pub strength: f32,
    /// How far the signal stands above its baseline there, in standard deviations of its noise.
    pub level: f32,
}

/// Active voxels in order of (t, y, x), with constant-time access to the row of any voxel.
#[derive(Clone, Debug)]
pub struct SparseVolume {
    height: usize,
    first_frame: usize,
    row_start: Vec<u32>,
    voxels: Vec<Active>,
}

impl SparseVolume {
    /// Indexes voxels, which may come in any order but must not repeat a position.
    pub fn new(mut voxels: Vec<Active>, height: usize) -> Self {
        voxels.sort_unstable_by_key(|a| a.voxel);
        let first_frame = voxels.first().map_or(0, |a| a.voxel.t as usize);
        let n_frames = voxels.last().map_or(0, |a| a.voxel.t as usize + 1 - first_frame);
        let mut row_start = vec![0u32; n_frames * height + 1];
        for a in &voxels {
            row_start[(a.voxel.t as usize - first_frame) * height + a.voxel.y as usize + 1] += 1;
        }
        for i in 1..row_start.len() {
            row_start[i] += row_start[i - 1];
        }
        Self { height, first_frame, row_start, voxels }
    }

    /// The voxels in order.
    pub fn voxels(&self) -> &[Active] {
        &self.voxels
    }

    /// Calls `visit` with the index of every active voxel among the 26 neighbours of voxel number `index`.
    pub fn for_each_neighbour(&self, index: usize, mut visit: impl FnMut(usize)) {
        let v = self.voxels[index].voxel;
        let n_frames = (self.row_start.len() - 1) / self.height.max(1);
        let t = v.t as usize - self.first_frame;
        for t in t.saturating_sub(1)..(t + 2).min(n_frames) {
            for y in (v.y as usize).saturating_sub(1)..(v.y as usize + 2).min(self.height) {
                let row = t * self.height + y;
                let (start, end) = (self.row_start[row] as usize, self.row_start[row + 1] as usize);
                let from = start + self.voxels[start..end].partition_point(|a| a.voxel.x + 1 < v.x);
                for (i, a) in self.voxels[from..end].iter().enumerate() {
                    if a.voxel.x > v.x + 1 {
                        break;
                    }
                    if from + i != index {
                        visit(from + i);
                    }
                }
            }
        }
    }

    /// The voxels of all components in which some voxel passes, in order.
    pub fn into_components_with(self, passes: impl Fn(&Active) -> bool) -> Vec<Active> {
        let component = self.components();
        let mut kept = vec![false; self.voxels.len()];
        for (a, &c) in self.voxels.iter().zip(&component) {
            kept[c as usize] |= passes(a);
        }
        self.voxels.iter().zip(&component).filter(|(_, c)| kept[**c as usize]).map(|(a, _)| *a).collect()
    }

    /// The 26-connected components: for every voxel the smallest index in its component.
    pub fn components(&self) -> Vec<u32> {
        let mut parent: Vec<u32> = (0..self.voxels.len() as u32).collect();
        for i in 0..self.voxels.len() {
            self.for_each_neighbour(i, |j| {
                if j < i {
                    union(&mut parent, i as u32, j as u32);
                }
            });
        }
        (0..parent.len()).map(|i| find(&mut parent, i as u32)).collect()
    }
}

/// The representative of `i` in a union-find forest, with path halving.
pub(crate) fn find(parent: &mut [u32], mut i: u32) -> u32 {
    while parent[i as usize] != i {
        parent[i as usize] = parent[parent[i as usize] as usize];
        i = parent[i as usize];
    }
    i
}

/// Joins two trees; the smaller representative stays, so the result does not depend on the order of unions.
pub(crate) fn union(parent: &mut [u32], a: u32, b: u32) {
    let (a, b) = (find(parent, a), find(parent, b));
    parent[a.max(b) as usize] = a.min(b);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn active(t: u32, y: u32, x: u32, strength: f32) -> Active {
        Active { voxel: Voxel { t, y, x }, dff: strength / 10.0, strength, level: strength }
    }

    #[test]
    fn corners_connect_and_gaps_do_not() {
        let v = SparseVolume::new(
            vec![
                active(5, 3, 3, 1.0),
                active(6, 4, 4, 1.0),
                active(6, 4, 6, 1.0),
                active(8, 4, 4, 1.0),
                active(5, 2, 4, 1.0),
            ],
            9,
        );
        assert_eq!(v.components(), [0, 0, 0, 3, 4]);
    }

    #[test]
    fn neighbours_equal_a_search_over_all_pairs() {
        let voxels: Vec<Active> = (0..400u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 20) % 512)
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .map(|k| active(k / 64, (k / 8) % 8, k % 8, 1.0))
            .collect();
        let v = SparseVolume::new(voxels.clone(), 8);
        for (i, a) in voxels.iter().enumerate() {
            let mut found = Vec::new();
            v.for_each_neighbour(i, |j| found.push(j));
            let near = |b: &Active| {
                let d = |p: u32, q: u32| p.abs_diff(q) <= 1;
                d(a.voxel.t, b.voxel.t) && d(a.voxel.y, b.voxel.y) && d(a.voxel.x, b.voxel.x) && a.voxel != b.voxel
            };
            let expected: Vec<usize> = (0..voxels.len()).filter(|&j| near(&voxels[j])).collect();
            assert_eq!(found, expected);
        }
    }
}
