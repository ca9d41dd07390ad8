//! A set of star-convex polyhedra.

use super::StarError;
use super::rays::Rays;
use sparkwave_core::axes::Voxel;

/// Shorter distances of a prediction are lengthened to this, px, as in the StarDist package.
pub const MIN_DISTANCE_PX: f32 = 1e-3;
/// Largest distance along a ray, px: beyond it, there is no object but a network that went astray.
pub const MAX_DISTANCE_PX: f32 = 1024.0;
/// Largest coordinate of a centre, px: so far, single precision holds a thousandth of a pixel.
const MAX_COORDINATE: u32 = 1 << 14;

/// Polyhedra, each with a centre, a score, and a distance for each ray.
#[derive(Clone, Debug)]
pub struct Stars<'a> {
    rays: &'a Rays,
    centres: Vec<Voxel>,
    scores: Vec<f32>,
    distances: Vec<f32>,
}

impl<'a> Stars<'a> {
    /// `distances` holds one row of as many px as there are rays for each centre.
    ///
    /// Fails if the lengths do not fit, if a score is not a number, or if a distance is not above 0 and at most
    /// [`MAX_DISTANCE_PX`].
    pub fn new(rays: &'a Rays, centres: Vec<Voxel>, scores: Vec<f32>, distances: Vec<f32>) -> Result<Self, StarError> {
        if scores.len() != centres.len() || distances.len() != centres.len() * rays.len() {
            return Err(StarError::Lengths {
                centres: centres.len(),
                scores: scores.len(),
                distances: distances.len(),
            });
        }
        if let Some(&far) = centres.iter().find(|c| c.t.max(c.y).max(c.x) > MAX_COORDINATE) {
            return Err(StarError::Far { t: far.t, y: far.y, x: far.x });
        }
        if let Some(&score) = scores.iter().find(|s| s.is_nan()) {
            return Err(StarError::Score { found: score });
        }
        if let Some(&distance) = distances.iter().find(|d| !(**d > 0.0 && **d <= MAX_DISTANCE_PX)) {
            return Err(StarError::Distance { found: distance });
        }
        Ok(Self { rays, centres, scores, distances })
    }

    /// Number of polyhedra.
    pub fn len(&self) -> usize {
        self.centres.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.centres.is_empty()
    }

    /// The rays of all.
    pub fn rays(&self) -> &'a Rays {
        self.rays
    }

    /// The centres.
    pub fn centres(&self) -> &[Voxel] {
        &self.centres
    }

    /// The scores.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// The distances of polyhedron `i`, px.
    pub fn distances(&self, i: usize) -> &[f32] {
        let n = self.rays.len();
        &self.distances[i * n..(i + 1) * n]
    }

    /// The polyhedra with these indices, in this order.
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            rays: self.rays,
            centres: indices.iter().map(|&i| self.centres[i]).collect(),
            scores: indices.iter().map(|&i| self.scores[i]).collect(),
            distances: indices.iter().flat_map(|&i| self.distances(i)).copied().collect(),
        }
    }

    pub(crate) fn centre(&self, i: usize) -> [i32; 3] {
        let Voxel { t, y, x } = self.centres[i];
        [t, y, x].map(|c| c as i32)
    }
}
