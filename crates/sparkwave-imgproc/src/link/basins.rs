//! Splitting of connected voxels at their peaks: a watershed with persistence.
//!
//! Voxels are flooded from the strongest to the weakest. A voxel without flooded neighbours opens a basin; one that
//! touches several joins them, unless the lower peak stands out from the meeting level by more than the required
//! prominence, in which case the basins stay apart and the voxel falls to the neighbour basin with the highest peak.
//! This is H. Edelsbrunner, D. Letscher, A. Zomorodian, "Topological persistence and simplification", Discrete Comput.
//! Geom. 28, 511-533 (2002), applied to peaks; it works in time and in space alike, so it separates repeated events at
//! one site as well as simultaneous neighbours.

use super::sparse::{SparseVolume, find, union};

/// How much a peak must stand out to be an event of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prominence {
    /// Smallest drop between the peak and the level at which it meets a higher one, in units of strength.
    pub absolute: f32,
    /// The same as a fraction of the peak's own strength.
    pub relative: f32,
}

impl Prominence {
    fn separates(self, peak: f32, level: f32) -> bool {
        peak - level > self.absolute.max(self.relative * peak)
    }
}

/// Assigns every voxel to the basin of a peak: for every voxel the index of its peak voxel.
///
/// `strength` has one value per voxel of the volume. Ties are broken by position, the earlier voxel counting as the
/// stronger one.
pub fn basins(volume: &SparseVolume, strength: &[f32], prominence: Prominence) -> Vec<u32> {
    let n = volume.voxels().len();
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.sort_unstable_by(|&a, &b| strength[b as usize].total_cmp(&strength[a as usize]).then(a.cmp(&b)));
    let mut rank = vec![0u32; n];
    order.iter().enumerate().for_each(|(r, &i)| rank[i as usize] = r as u32);

    // `parent` is a union-find forest over *ranks*: the smallest rank of a tree is its highest peak.
    const DRY: u32 = u32::MAX;
    let mut parent: Vec<u32> = (0..n as u32).collect();
    let mut basin = vec![DRY; n]; // by rank: the rank of the peak to which the voxel was assigned when flooded
    let mut touching: Vec<u32> = Vec::with_capacity(26);
    for r in 0..n as u32 {
        let i = order[r as usize] as usize;
        touching.clear();
        volume.for_each_neighbour(i, |j| {
            let other = rank[j];
            if other < r {
                touching.push(find(&mut parent, basin[other as usize]));
            }
        });
        touching.sort_unstable();
        touching.dedup();
        let Some(&highest) = touching.first() else {
            basin[r as usize] = r;
            continue;
        };
        let level = strength[i];
        for &lower in &touching[1..] {
            let peak = strength[order[lower as usize] as usize];
            if !prominence.separates(peak, level) {
                union(&mut parent, highest, lower);
            }
        }
        basin[r as usize] = highest;
    }
    let mut peaks = vec![0u32; n];
    for r in 0..n {
        let peak = find(&mut parent, basin[r]);
        peaks[order[r] as usize] = order[peak as usize];
    }
    peaks
}

#[cfg(test)]
mod tests {
    use super::super::sparse::tests::active;
    use super::*;

    fn line(strengths: &[f32]) -> (SparseVolume, Vec<f32>) {
        let voxels = strengths.iter().enumerate().map(|(t, &s)| active(t as u32, 0, 0, s)).collect();
        (SparseVolume::new(voxels, 1), strengths.to_vec())
    }

    #[test]
    fn two_peaks_stay_apart_only_if_the_valley_is_deep() {
        let (volume, s) = line(&[3.0, 9.0, 5.0, 4.0, 7.0, 3.0]);
        let deep = Prominence { absolute: 2.0, relative: 0.2 };
        assert_eq!(basins(&volume, &s, deep), [1, 1, 1, 1, 4, 4]);
        let shallow = Prominence { absolute: 3.5, relative: 0.2 };
        assert_eq!(basins(&volume, &s, shallow), [1; 6]);
        let relative = Prominence { absolute: 0.0, relative: 0.5 };
        assert_eq!(basins(&volume, &s, relative), [1; 6]);
    }

    #[test]
    fn a_plateau_is_one_peak() {
        let (volume, s) = line(&[5.0; 7]);
        assert_eq!(basins(&volume, &s, Prominence { absolute: 0.0, relative: 0.0 }), [0; 7]);
    }
}
