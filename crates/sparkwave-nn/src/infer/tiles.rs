//! Exact tiles: each is read with a halo as wide as the network's reach and lies on the grid of its pooling, so that every
//! voxel comes out as if the whole movie had been shown at once.

use std::ops::Range;

use ndarray::{Array3, s};
use sparkwave_core::progress::Progress;

use super::{Piece, any};
use crate::error::{Error, Result};
use crate::network::{Network, Shown};

/// Memory that the buffers of a tile may take.
const TILE_BYTES: usize = 960 << 20;

/// What the place and the halo of a tile follow from.
pub(super) struct Grid {
    pub(super) reach: [usize; 3],
    pub(super) multiple: [usize; 3],
}

/// A tile that is shown to a network.
pub(super) struct Tile<'a> {
    /// The voxels of the movie that it is for.
    pub(super) core: &'a [Range<usize>; 3],
    /// The voxels of the movie that are shown; some may lie beyond its end.
    pub(super) read: [Range<usize>; 3],
    /// Their values.
    pub(super) shown: Shown<'a>,
}

impl Grid {
    pub(super) fn predict(
        &self,
        network: &mut dyn Network,
        piece: &Piece<'_>,
        core: &[Range<usize>; 3],
        wanted: &dyn Fn(usize, usize) -> bool,
        progress: &dyn Progress,
    ) -> Result<Array3<f32>> {
        let mut out = Array3::zeros([core[0].len(), core[1].len(), core[2].len()]);
        self.each(network, piece, core, wanted, progress, &mut |network, tile| {
            let keep: [Range<usize>; 3] = std::array::from_fn(|axis| {
                let (tile, read) = (&tile.core[axis], &tile.read[axis]);
                tile.start - read.start..tile.end - read.start
            });
            let to = |axis: usize| tile.core[axis].start - core[axis].start..tile.core[axis].end - core[axis].start;
            network.run(&tile.shown, &keep, out.slice_mut(s![to(0), to(1), to(2)]))
        })?;
        Ok(out)
    }

    /// Shows a network every tile in which a pixel is wanted.
    pub(super) fn each<N: Network + ?Sized>(
        &self,
        network: &mut N,
        piece: &Piece<'_>,
        core: &[Range<usize>; 3],
        wanted: &dyn Fn(usize, usize) -> bool,
        progress: &dyn Progress,
        show: &mut dyn FnMut(&mut N, &Tile<'_>) -> Result<()>,
    ) -> Result<()> {
        let edge = self.fitting_edge(network, core, piece.movie)?;
        let tiles: Vec<[Range<usize>; 3]> = tiles(core, edge);
        progress.begin("network", tiles.len() as u64);
        for tile in &tiles {
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if any(wanted, &tile[1], &tile[2]) {
                let read = self.with_halo(tile, piece.movie);
                let shown = Shown::part(piece, &read);
                show(network, &Tile { core: tile, read, shown })?;
            }
            progress.advance(1);
        }
        Ok(())
    }

    /// The edge of tiles, halved until there is memory for them.
    fn fitting_edge<N: Network + ?Sized>(
        &self,
        network: &mut N,
        core: &[Range<usize>; 3],
        movie: [usize; 3],
    ) -> Result<[usize; 3]> {
        let mut allowed = TILE_BYTES;
        loop {
            let edge = self.edge(network, core, movie, allowed);
            let largest = std::array::from_fn(|axis| self.longest(axis, edge[axis], movie));
            if network.reserve(largest) {
                return Ok(edge);
            }
            if edge == self.multiple {
                return Err(Error::Memory { bytes: network.bytes(largest) });
            }
            allowed /= 2;
        }
    }

    /// The edge of tiles that wastes least on halos within the memory allowed, multiples of the pooling.
    fn edge<N: Network + ?Sized>(
        &self,
        network: &N,
        core: &[Range<usize>; 3],
        movie: [usize; 3],
        allowed: usize,
    ) -> [usize; 3] {
        let multiple = self.multiple;
        let candidates = |axis: usize| {
            let whole = core[axis].len().next_multiple_of(multiple[axis]).max(multiple[axis]);
            let halves = std::iter::successors(Some(whole), |n| {
                (*n > multiple[axis]).then(|| (n / 2).next_multiple_of(multiple[axis]))
            });
            halves.take(16).collect::<Vec<_>>()
        };
        let mut best: Option<(f64, [usize; 3])> = None;
        for t in candidates(0) {
            for y in candidates(1) {
                for x in candidates(2) {
                    let with_halo = [(0, t), (1, y), (2, x)].map(|(axis, n)| self.longest(axis, n, movie));
                    if network.bytes(with_halo) > allowed {
                        continue;
                    }
                    let useful = (t * y * x) as f64 / with_halo.iter().product::<usize>() as f64;
                    if best.is_none_or(|(so_far, _)| useful > so_far) {
                        best = Some((useful, [t, y, x]));
                    }
                }
            }
        }
        best.map_or(multiple, |(_, edge)| edge)
    }

    /// How long a tile of `n` voxels can be with its halo, of which none is read beyond the movie.
    fn longest(&self, axis: usize, n: usize, movie: [usize; 3]) -> usize {
        let (multiple, reach) = (self.multiple[axis], self.reach[axis]);
        (n + 2 * reach.next_multiple_of(multiple)).min(movie[axis].next_multiple_of(multiple).max(multiple))
    }

    /// A tile with its halo, on the grid of the pooling; at the end of the movie up to the next multiple of it.
    fn with_halo(&self, tile: &[Range<usize>; 3], movie: [usize; 3]) -> [Range<usize>; 3] {
        std::array::from_fn(|axis| {
            let m = self.multiple[axis];
            let start = tile[axis].start.saturating_sub(self.reach[axis]) / m * m;
            let end = (tile[axis].end + self.reach[axis]).next_multiple_of(m).min(movie[axis].next_multiple_of(m));
            start..end
        })
    }
}

fn tiles(core: &[Range<usize>; 3], edge: [usize; 3]) -> Vec<[Range<usize>; 3]> {
    let along = |axis: usize| {
        let Range { start, end } = core[axis];
        (start..end).step_by(edge[axis]).map(move |from| from..(from + edge[axis]).min(end))
    };
    let planes = along(0).flat_map(|t| along(1).map(move |y| (t.clone(), y)));
    planes.flat_map(|(t, y)| along(2).map(move |x| [t.clone(), y.clone(), x])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::golden::{formula, scatter};
    use crate::infer::{margin, predict};
    use crate::models::unet3d::{UNet3d, UNet3dConfig};
    use crate::train::Voxelwise;
    use burn::tensor::Device;
    use ndarray::ArrayViewMut3;
    use sparkwave_core::progress::Silent;

    #[test]
    fn the_result_does_not_depend_on_where_the_movie_is_cut() {
        let config = UNet3dConfig { width: 2, pools: vec![[1, 2, 2], [2, 2, 2]], ..UNet3dConfig::sparks() };
        let model = UNet3d::new(&config, 4, &Device::flex()).expect("valid");
        let mut weights = model.weights();
        formula(&mut weights);
        let mut engine = Engine::new(&config, &weights).expect("they fit");
        let movie = [21, 75, 130];
        let n: usize = movie.iter().product();
        let values = Array3::from_shape_vec(movie, scatter(n, 2).collect()).expect("as many as needed");

        // At once, padded to the grid of the pooling.
        let padded = [22, 76, 132];
        let mut input = Array3::<f32>::zeros(padded);
        input.slice_mut(s![..21, ..75, ..130]).assign(&values);
        let whole = engine.whole(input.view()).expect("computed");

        let margin = margin(&engine);
        for rows in [0usize..75, 0..30, 30..75, 41..44] {
            let held = rows.start.saturating_sub(margin[1])..(rows.end + margin[1]).min(75);
            let piece = Piece { values: values.slice(s![.., held.clone(), ..]), origin: [0, held.start, 0], movie };
            let core = [0..21, rows.clone(), 0..130];
            for edge in [[32, 80, 136], [8, 16, 32]] {
                let mut found = Array3::zeros([21, rows.len(), 130]);
                for tile in tiles(&core, edge) {
                    let at = tile.clone();
                    let part = predict(&mut engine, &piece, &tile, &|_, _| true, &Silent).expect("not cancelled");
                    found
                        .slice_mut(s![at[0].clone(), at[1].start - rows.start..at[1].end - rows.start, at[2].clone()])
                        .assign(&part);
                }
                assert_eq!(found, whole.slice(s![..21, rows.clone(), ..130]), "rows {rows:?}, tiles of {edge:?}");
            }
        }
        let piece = Piece { values: values.view(), origin: [0; 3], movie };
        let none =
            predict(&mut engine, &piece, &[0..21, 0..75, 0..130], &|_, _| false, &Silent).expect("not cancelled");
        assert!(none.iter().all(|p| *p == 0.0));
    }
    /// A network that has no room for tiles of more than a few voxels.
    struct Cramped(Engine, usize);

    impl Network for Cramped {
        fn view(&self) -> crate::network::View {
            self.0.view()
        }
        fn bytes(&self, extent: [usize; 3]) -> usize {
            self.0.bytes(extent)
        }
        fn reserve(&mut self, extent: [usize; 3]) -> bool {
            self.bytes(extent) <= self.1 && self.0.reserve(extent)
        }
        fn run(&mut self, shown: &Shown<'_>, keep: &[Range<usize>; 3], output: ArrayViewMut3<'_, f32>) -> Result<()> {
            assert!(self.bytes(shown.extent()) <= self.1);
            self.0.run(shown, keep, output)
        }
    }

    #[test]
    fn without_memory_the_tiles_shrink() {
        let config = UNet3dConfig { width: 2, pools: vec![[1, 2, 2]], ..UNet3dConfig::sparks() };
        let weights = UNet3d::new(&config, 4, &Device::flex()).expect("valid").weights();
        let engine = || Engine::new(&config, &weights).expect("they fit");
        let values = Array3::from_shape_vec([20, 40, 40], scatter(32_000, 2).collect()).expect("as many as needed");
        let piece = Piece { values: values.view(), origin: [0; 3], movie: [20, 40, 40] };
        let all = [0..20, 0..40, 0..40];
        let whole = predict(&mut engine(), &piece, &all, &|_, _| true, &Silent).expect("not cancelled");
        let small = engine().bytes([16, 24, 24]);
        let found = predict(&mut Cramped(engine(), small), &piece, &all, &|_, _| true, &Silent).expect("it shrinks");
        assert_eq!(found, whole);
        let none = predict(&mut Cramped(engine(), 1000), &piece, &all, &|_, _| true, &Silent);
        assert!(none.expect_err("no room at all").to_string().contains("memory"));
    }
}
