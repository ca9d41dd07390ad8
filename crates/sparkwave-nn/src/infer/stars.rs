//! StarDist over a movie: the cells that may be middles of events, in exact tiles.

use std::ops::Range;

use sparkwave_core::axes::Voxel;
use sparkwave_core::progress::Progress;
use sparkwave_imgproc::star::{MAX_DISTANCE_PX, MIN_DISTANCE_PX, Rays, StarError, Stars};

use super::Piece;
use super::tiles::Grid;
use crate::error::{Error, Result};
use crate::network::{Network, StarNetwork, View};

/// Most candidates of a movie: each brings a row of distances.
const MAX_CANDIDATES: usize = 1 << 21;

/// Where events may be. Their number is bounded: a network that sees them everywhere is an error.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// Middles.
    pub centres: Vec<Voxel>,
    /// Object probabilities.
    pub scores: Vec<f32>,
    /// Distances in voxels, one row of all rays for each centre.
    pub distances: Vec<f32>,
}

impl Candidates {
    /// Those with these indices, in this order.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let n_rays = self.distances.len().checked_div(self.centres.len()).unwrap_or(0);
        Self {
            centres: indices.iter().map(|&i| self.centres[i]).collect(),
            scores: indices.iter().map(|&i| self.scores[i]).collect(),
            distances: indices.iter().flat_map(|&i| &self.distances[i * n_rays..(i + 1) * n_rays]).copied().collect(),
        }
    }

    /// Appends others.
    ///
    /// # Errors
    /// If there are too many.
    pub fn extend(&mut self, others: Self) -> Result<()> {
        self.centres.extend(others.centres);
        self.scores.extend(others.scores);
        self.distances.extend(others.distances);
        let found = self.centres.len();
        if found > MAX_CANDIDATES {
            return Err(Error::Stars(StarError::Candidates { found, most: MAX_CANDIDATES }));
        }
        Ok(())
    }

    /// The polyhedra with these rays.
    ///
    /// # Errors
    /// If they are not the rays of the network, or a distance is not a number.
    pub fn into_stars(self, rays: &Rays) -> Result<Stars<'_>> {
        Stars::new(rays, self.centres, self.scores, self.distances).map_err(Error::Stars)
    }
}

/// The cells of the voxels `core` that are more probable than `least`, where `wanted(y, x)` wants their pixel. No distance is
/// longer than `longest` voxels. The piece must hold what [`predict`](super::predict) asks for.
///
/// # Errors
/// If the user cancels, there is no memory even for the smallest tile, or there are too many candidates.
pub fn candidates(
    network: &mut StarNetwork,
    piece: &Piece<'_>,
    core: &[Range<usize>; 3],
    wanted: &dyn Fn(usize, usize) -> bool,
    [least, longest]: [f32; 2],
    progress: &dyn Progress,
) -> Result<Candidates> {
    let View::Tiles { reach, multiple } = network.view() else { unreachable!("its reach is known") };
    let longest = longest.clamp(MIN_DISTANCE_PX, MAX_DISTANCE_PX);
    let mut all = Candidates::default();
    Grid { reach, multiple }.each(network, piece, core, wanted, progress, &mut |network, tile| {
        let cells = network.cells(&tile.shown, true)?;
        let grid = network.grid();
        let [_, height, width] = cells.extent;
        let n_cells = cells.probability.len();
        let mut found = Candidates::default();
        for (i, &score) in cells.probability.iter().enumerate() {
            let cell = [i / (height * width), i / width % height, i % width];
            let at: [usize; 3] = std::array::from_fn(|axis| tile.read[axis].start + cell[axis] * grid[axis]);
            if score > least && (0..3).all(|axis| tile.core[axis].contains(&at[axis])) && wanted(at[1], at[2]) {
                found.centres.push(Voxel { t: at[0] as u32, y: at[1] as u32, x: at[2] as u32 });
                found.scores.push(score);
                let row = (0..network.rays().len()).map(|ray| cells.distances[ray * n_cells + i]);
                found.distances.extend(row.map(|d| d.clamp(MIN_DISTANCE_PX, longest)));
            }
        }
        all.extend(found)
    })?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{formula, scatter};
    use crate::infer::{margin, predict};
    use crate::models::stardist3d::{StarDist3d, StarDist3dConfig};
    use crate::train::Voxelwise;
    use burn::tensor::Device;
    use ndarray::{Array3, s};
    use sparkwave_core::progress::Silent;

    #[test]
    fn candidates_do_not_depend_on_where_the_movie_is_cut() {
        let config = StarDist3dConfig { width: 2, features: 4, n_rays: 8, ..StarDist3dConfig::sparks() };
        let mut weights = StarDist3d::new(&config, 4, &Device::flex()).expect("valid").weights();
        formula(&mut weights);
        let mut network = StarNetwork::new(&config, &weights, &Device::flex()).expect("they fit");
        let movie = [10, 70, 44];
        let values = Array3::from_shape_vec(movie, scatter(movie.iter().product(), 2).collect()).expect("as many");
        let wanted = |_, x| x != 7;
        let whole = Piece { values: values.view(), origin: [0; 3], movie };
        let all = [0..10, 0..70, 0..44];
        let probability = predict(&mut network, &whole, &all, &|_, _| true, &Silent).expect("not cancelled");
        let mut sorted: Vec<f32> = probability.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let least = sorted[sorted.len() / 2];
        let found = candidates(&mut network, &whole, &all, &wanted, [least, 3.0], &Silent).expect("some");
        assert!(found.centres.len() > 500, "{}", found.centres.len());
        assert!(found.distances.iter().all(|d| *d > 0.0 && *d <= 3.0));
        for (c, &score) in found.centres.iter().zip(&found.scores) {
            assert!(c.y % 2 == 0 && c.x % 2 == 0 && c.x != 7);
            assert_eq!(probability[[c.t as usize, c.y as usize, c.x as usize]], score);
        }
        let margin = margin(&network)[1];
        let mut parts = Candidates::default();
        for rows in [0usize..31, 31..70] {
            let held = rows.start.saturating_sub(margin)..(rows.end + margin).min(70);
            let piece = Piece { values: values.slice(s![.., held.clone(), ..]), origin: [0, held.start, 0], movie };
            let core = [0..10, rows, 0..44];
            parts
                .extend(candidates(&mut network, &piece, &core, &wanted, [least, 3.0], &Silent).expect("some"))
                .expect("few");
        }
        let order = |c: &Candidates| {
            let mut indices: Vec<usize> = (0..c.centres.len()).collect();
            indices.sort_by_key(|&i| c.centres[i]);
            let c = c.select(&indices);
            (c.centres, c.scores, c.distances)
        };
        assert_eq!(order(&parts), order(&found));
    }
}
