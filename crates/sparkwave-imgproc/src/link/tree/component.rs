//! What is known of a component: its size, its box, its centroids, and how strong it is.

use sparkwave_core::axes::Voxel;

/// A position in a movie, as a rule between voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Centroid {
    /// Frame.
    pub t_frame: f64,
    /// Row.
    pub y_px: f64,
    /// Column.
    pub x_px: f64,
}

/// A connected component of the voxels above some threshold.
///
/// Four of its numbers can rank events: the highest strength, which saturates where a network is sure; the
/// [mean](Self::mean), which is low where most of the component is doubtful; the [persistence](Self::persistence), which
/// is low for a side peak of something stronger; and the sum, which grows with the size of an event as well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Component {
    pub(super) node: u32,
    /// Number of its voxels.
    pub n_voxels: usize,
    /// The corner of its bounding box with the smallest coordinates.
    pub first: Voxel,
    /// The corner of its bounding box with the largest coordinates, inside the box.
    pub last: Voxel,
    /// The mean of its positions.
    pub centroid: Centroid,
    /// The mean of its positions weighted by strength; the plain one if the strengths do not add up to more than 0.
    pub weighted_centroid: Centroid,
    /// Its strongest voxel, the earlier one on ties.
    pub peak: Voxel,
    /// The strength there.
    pub peak_strength: f32,
    /// The sum of the strengths of its voxels.
    pub strength_sum: f64,
    /// The strength at which its peak becomes connected with a higher one; `None` if it never does within the volume.
    pub merges_at: Option<f32>,
}

impl Component {
    /// The mean strength of its voxels.
    pub fn mean(&self) -> f64 {
        self.strength_sum / self.n_voxels as f64
    }

    /// How far its peak stands out from the strength at which it merges with a higher one, or from `floor`, the
    /// strength that no voxel outside the volume exceeds.
    pub fn persistence(&self, floor: f32) -> f32 {
        self.peak_strength - self.merges_at.unwrap_or(floor)
    }
}

/// The smallest bounding box of a component that is kept, counted in voxels from its first to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxFilter {
    /// Frames.
    pub min_frames: usize,
    /// Rows, and columns.
    pub min_side_px: usize,
}

impl BoxFilter {
    /// Keeps everything.
    pub const ALL: Self = Self { min_frames: 1, min_side_px: 1 };
    /// That of the published choice of thresholds and extraction of features.
    pub const PUBLISHED: Self = Self { min_frames: 2, min_side_px: 3 };
    /// That of the published scores on test recordings.
    pub const PUBLISHED_SCORES: Self = Self { min_frames: 3, min_side_px: 3 };

    pub(super) fn keeps(self, first: Voxel, last: Voxel) -> bool {
        let extent = |first: u32, last: u32| (last - first) as usize + 1;
        extent(first.t, last.t) >= self.min_frames
            && extent(first.y, last.y) >= self.min_side_px
            && extent(first.x, last.x) >= self.min_side_px
    }
}

/// Sums over the voxels of a component.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    n_voxels: u32,
    pub(super) first: Voxel,
    pub(super) last: Voxel,
    position: [u64; 3],
    weighted: [f64; 3],
    strength: f64,
    /// Rank of the strongest voxel.
    pub(super) peak: u32,
}

impl Sums {
    /// Those of one voxel.
    pub(super) fn of(voxel: Voxel, strength: f32, rank: u32) -> Self {
        let (position, strength) = ([voxel.t, voxel.y, voxel.x], f64::from(strength));
        Self {
            n_voxels: 1,
            first: voxel,
            last: voxel,
            position: position.map(u64::from),
            weighted: position.map(|p| f64::from(p) * strength),
            strength,
            peak: rank,
        }
    }

    /// Adds those of other voxels.
    pub(super) fn add(&mut self, other: &Self) {
        self.n_voxels += other.n_voxels;
        self.first = merged(self.first, other.first, u32::min);
        self.last = merged(self.last, other.last, u32::max);
        for axis in 0..3 {
            self.position[axis] += other.position[axis];
            self.weighted[axis] += other.weighted[axis];
        }
        self.strength += other.strength;
        self.peak = self.peak.min(other.peak);
    }

    /// The component that has these sums.
    pub(super) fn component(&self, node: u32, peak: (Voxel, f32), merges_at: Option<f32>) -> Component {
        let mean = |sum: [f64; 3], weight: f64| {
            let [t_frame, y_px, x_px] = sum.map(|s| s / weight);
            Centroid { t_frame, y_px, x_px }
        };
        let centroid = mean(self.position.map(|s| s as f64), f64::from(self.n_voxels));
        Component {
            node,
            n_voxels: self.n_voxels as usize,
            first: self.first,
            last: self.last,
            centroid,
            weighted_centroid: if self.strength > 0.0 { mean(self.weighted, self.strength) } else { centroid },
            peak: peak.0,
            peak_strength: peak.1,
            strength_sum: self.strength,
            merges_at,
        }
    }
}

fn merged(a: Voxel, b: Voxel, choose: fn(u32, u32) -> u32) -> Voxel {
    Voxel { t: choose(a.t, b.t), y: choose(a.y, b.y), x: choose(a.x, b.x) }
}
