//! The geometry of StarDist-3D: objects as star-convex polyhedra.
//!
//! A network says for each voxel how probable it is the middle of an object and how far it is to the border along a
//! number of rays (U. Schmidt, M. Weigert, C. Broaddus, G. Myers, "Cell detection with star-convex polygons", MICCAI
//! 2018; M. Weigert, U. Schmidt, R. Haase, K. Sugawara, G. Myers, "Star-convex polyhedra for 3D object detection and
//! segmentation in microscopy", WACV 2020). What it learns is computed from labels by [`distances`] and [`probability`];
//! what it predicts becomes objects by [`suppress`] and [`render`], in one call by [`instances`].
//!
//! Results are those of the StarDist package 0.9.2 (`tests/reference/stardist_geometry.py`), but for voxels that lie on a
//! surface to within rounding and for overlaps that equal the threshold to 1e-6. There, axes are called
//! (z, y, x); here, (t, y, x).

mod bracket;
mod cones;
pub mod distances;
mod hull;
pub mod instances;
mod overlap;
mod polyhedron;
pub mod probability;
pub mod rays;
pub mod render;
pub mod stars;
pub mod suppress;

pub use polyhedron::volume;
pub use rays::Rays;
pub use stars::{MAX_DISTANCE_PX, MIN_DISTANCE_PX, Stars};

/// Why there are no stars.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StarError {
    /// Too few rays or too many.
    #[error("{found} rays: expected 4 to {}", rays::MAX_RAYS)]
    Rays {
        /// The number of rays.
        found: usize,
    },
    /// Not the size of a voxel.
    #[error("anisotropy {found:?}: expected numbers from 0.01 to 100")]
    Anisotropy {
        /// The anisotropy (t, y, x).
        found: [f64; 3],
    },
    /// The rays and triangles are no surface around the origin.
    #[error("expected rays of length 1 and triangles that close around the origin, facing it")]
    Surface,
    /// A grid without voxels.
    #[error("grid {found:?}: expected steps of at least one pixel")]
    Grid {
        /// The steps (t, y, x).
        found: [usize; 3],
    },
    /// The volume is too long for the precision of a ray.
    #[error("a volume of {found:?} pixels: expected up to 16384 along each side")]
    Side {
        /// Its shape [T, Y, X].
        found: [usize; 3],
    },
    /// Probability and distances are not of the same voxels.
    #[error("distances of shape {found:?} where the probability and the rays ask for {expected:?}")]
    Shape {
        /// The shape of the probability, and the number of rays.
        expected: (usize, usize, usize, usize),
        /// The shape of the distances.
        found: (usize, usize, usize, usize),
    },
    /// The parts of a set of polyhedra are not equally many.
    #[error("{centres} centres with {scores} scores and {distances} distances in all")]
    Lengths {
        /// Number of centres.
        centres: usize,
        /// Number of scores.
        scores: usize,
        /// Number of distances.
        distances: usize,
    },
    /// Too many candidates.
    #[error("{found} voxels are above the probability threshold: expected up to {most}; take a higher threshold")]
    Candidates {
        /// How many.
        found: usize,
        /// How many are allowed.
        most: usize,
    },
    /// A centre is too far away for the precision of a distance.
    #[error("a centre at frame {t}, row {y}, column {x}: expected up to 16384 along each axis")]
    Far {
        /// Frame.
        t: u32,
        /// Row.
        y: u32,
        /// Column.
        x: u32,
    },
    /// A score is not a number.
    #[error("score {found}: expected a number")]
    Score {
        /// The score.
        found: f32,
    },
    /// A distance makes no object.
    #[error("star distance {found} px: expected more than 0 and at most {MAX_DISTANCE_PX}")]
    Distance {
        /// The distance, px.
        found: f32,
    },
}
