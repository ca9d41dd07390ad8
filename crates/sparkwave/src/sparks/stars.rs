//! StarDist as detector: where events may be middled, and how these candidates become events.

use super::learned::FLOOR;
use crate::error::Error;
use ndarray::Array3;
use sparkwave_core::axes::Voxel;
use sparkwave_core::event::Event;
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::Recording;
use sparkwave_imgproc::detect::stars::{StarParams, assemble};
use sparkwave_imgproc::link::sparse::Active;
use sparkwave_imgproc::sampling::Sampling;
use sparkwave_imgproc::star::render::territories;
use sparkwave_nn::infer::Piece;
use sparkwave_nn::infer::stars::{Candidates, candidates};
use sparkwave_nn::network::StarNetwork;
use std::ops::Range;

/// How far an event may reach from its middle, in voxels: what a block has to know of its neighbours.
pub(super) const LONGEST: usize = 24;

/// A StarDist on its way over a movie.
pub(super) struct StarFinder {
    pub(super) network: StarNetwork,
    /// The candidates of all blocks so far.
    found: Candidates,
}

impl StarFinder {
    pub(super) fn new(network: StarNetwork) -> Self {
        Self { network, found: Candidates::default() }
    }

    /// Keeps the candidates of the voxels `core`; gives the voxels of these that any candidate might cover, sorted.
    pub(super) fn covered(
        &mut self,
        piece: &Piece<'_>,
        core: &[Range<usize>; 3],
        wanted: &dyn Fn(usize, usize) -> bool,
        progress: &dyn Progress,
    ) -> Result<Vec<Voxel>, Error> {
        let around: [Range<usize>; 3] = std::array::from_fn(|axis| {
            core[axis].start.saturating_sub(LONGEST)..(core[axis].end + LONGEST).min(piece.movie[axis])
        });
        let near = candidates(&mut self.network, piece, &around, wanted, [FLOOR, LONGEST as f32], progress)?;
        let inside = |v: &Voxel| {
            let at = [v.t, v.y, v.x];
            (0..3).all(|axis| core[axis].contains(&(at[axis] as usize)))
        };
        let own: Vec<usize> = (0..near.centres.len()).filter(|&i| inside(&near.centres[i])).collect();
        self.found.extend(near.select(&own))?;
        let all = territories(&near.into_stars(self.network.rays())?, piece.movie);
        let mut covered: Vec<Voxel> = all.into_iter().flatten().filter(inside).collect();
        covered.sort_unstable();
        Ok(covered)
    }

    /// The events of all candidates at least as probable as `threshold`, which are then forgotten.
    pub(super) fn events(
        &mut self,
        active: Vec<Active>,
        movie: [usize; 3],
        threshold: f32,
        sampling: Sampling,
    ) -> Result<Vec<Event>, Error> {
        let params = StarParams { overlap: self.network.overlap(), min_probability: threshold };
        let stars = std::mem::take(&mut self.found).into_stars(self.network.rays())?;
        Ok(assemble(active, &stars, movie, params, sampling))
    }
}

/// All events of a movie `[T, Y, X]`, however improbable, scored by their probability.
pub(super) fn events(
    network: StarNetwork,
    input: &Array3<f32>,
    level: &dyn Fn(Voxel) -> f32,
    progress: &dyn Progress,
) -> Result<Vec<Event>, Error> {
    let (t, y, x) = input.dim();
    let piece = Piece { values: input.view(), origin: [0; 3], movie: [t, y, x] };
    let mut finder = StarFinder::new(network);
    let covered = finder.covered(&piece, &[0..t, 0..y, 0..x], &|_, _| true, progress)?;
    let active = |voxel| Active { voxel, dff: level(voxel), strength: 0.0, level: level(voxel) };
    let active = covered.into_iter().map(active).collect();
    finder.events(active, piece.movie, FLOOR, Sampling::of(&Recording::default()))
}
