//! A network over a movie, piece by piece, in bounded memory.
//!
//! Results do not depend on how the movie was cut before, nor on the order or the number of pieces, nor on threads. A
//! network whose reach is known is shown exact tiles; one that sees windows of a fixed size is shown overlapping
//! windows whose answers are blended.

pub mod stars;
mod tiles;
mod windows;

use std::ops::Range;

use ndarray::{Array3, ArrayView3};
use sparkwave_core::progress::Progress;

use crate::error::Result;
use crate::network::{Network, View};

/// A piece of a movie that is to be searched.
pub struct Piece<'a> {
    /// The piece, `[t, y, x]`.
    pub values: ArrayView3<'a, f32>,
    /// Its first voxel in the movie.
    pub origin: [usize; 3],
    /// Extent of the whole movie.
    pub movie: [usize; 3],
}

/// Widest margin that [`predict`] needs round the voxels it is asked for, `[t, y, x]`.
#[must_use]
pub fn margin(network: &dyn Network) -> [usize; 3] {
    match network.view() {
        View::Tiles { reach, multiple } => {
            std::array::from_fn(|axis| reach[axis].next_multiple_of(multiple[axis]) + multiple[axis])
        }
        View::Window(edge) => edge,
    }
}

/// Probabilities of the voxels `core` of the movie, which must lie in the piece, and the piece must hold [`margin`] more on
/// each side where the movie goes on. Where `wanted(y, x)` wants no pixel of a tile or window, it is not computed, and what
/// no other covers is left at 0.
///
/// # Errors
/// If the user cancels, there is no memory even for the smallest tile, or the network could not be computed.
pub fn predict(
    network: &mut dyn Network,
    piece: &Piece<'_>,
    core: &[Range<usize>; 3],
    wanted: &dyn Fn(usize, usize) -> bool,
    progress: &dyn Progress,
) -> Result<Array3<f32>> {
    match network.view() {
        View::Tiles { reach, multiple } => {
            tiles::Grid { reach, multiple }.predict(network, piece, core, wanted, progress)
        }
        View::Window(edge) => windows::predict(network, edge, piece, core, wanted, progress),
    }
}

/// Whether any pixel of these rows and columns is wanted.
fn any(wanted: &dyn Fn(usize, usize) -> bool, rows: &Range<usize>, columns: &Range<usize>) -> bool {
    rows.clone().any(|y| columns.clone().any(|x| wanted(y, x)))
}
