//! A network over a movie, tile by tile.
//!
//! Each tile is read with a halo as wide as the network's reach and lies on the grid of its pooling, so that every voxel
//! comes out as if the whole movie had been shown at once: results do not depend on the size or order of tiles, nor on how
//! the movie was cut before.

use std::ops::Range;

use ndarray::{Array3, ArrayView3, s};
use sparkwave_core::progress::Progress;

use crate::engine::Engine;
use crate::error::{Error, Result};

/// Memory that the buffers of a tile may take.
const TILE_BYTES: usize = 384 << 20;

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
pub fn margin(engine: &Engine) -> [usize; 3] {
    let (reach, multiple) = (engine.reach(), engine.config().multiple());
    std::array::from_fn(|axis| reach[axis].next_multiple_of(multiple[axis]) + multiple[axis])
}

/// Probabilities of the voxels `core` of the movie, which must lie in the piece, and the piece must hold [`margin`] more on
/// each side where the movie goes on. Tiles of whose pixels `wanted(y, x)` wants none are left at 0.
///
/// # Errors
/// If the user cancels.
pub fn predict(
    engine: &mut Engine,
    piece: &Piece<'_>,
    core: &[Range<usize>; 3],
    wanted: &dyn Fn(usize, usize) -> bool,
    progress: &dyn Progress,
) -> Result<Array3<f32>> {
    let mut out = Array3::zeros([core[0].len(), core[1].len(), core[2].len()]);
    let edge = tile_edge(engine, core);
    let tiles: Vec<[Range<usize>; 3]> = tiles(core, edge);
    progress.begin("network", tiles.len() as u64);
    let (mut input, mut probability) = (Vec::new(), Vec::new());
    for tile in &tiles {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if tile[1].clone().any(|y| tile[2].clone().any(|x| wanted(y, x))) {
            let read = with_halo(engine, tile, piece.movie);
            let extent = read.clone().map(|r| r.len());
            copy(piece, &read, &mut input);
            probability.resize(input.len(), 0.0);
            engine.run(&input, extent, &mut probability);
            let view = ArrayView3::from_shape(extent, &probability).expect("as many as were asked for");
            let inside = |axis: usize| {
                let (tile, read) = (&tile[axis], &read[axis]);
                tile.start - read.start..tile.end - read.start
            };
            let to = |axis: usize| tile[axis].start - core[axis].start..tile[axis].end - core[axis].start;
            out.slice_mut(s![to(0), to(1), to(2)]).assign(&view.slice(s![inside(0), inside(1), inside(2)]));
        }
        progress.advance(1);
    }
    Ok(out)
}

/// The edge of tiles that wastes least on halos within the memory allowed, multiples of the pooling.
fn tile_edge(engine: &Engine, core: &[Range<usize>; 3]) -> [usize; 3] {
    let (config, reach) = (engine.config(), engine.reach());
    let multiple = config.multiple();
    let candidates = |axis: usize| {
        let whole = core[axis].len().next_multiple_of(multiple[axis]).max(multiple[axis]);
        let halves =
            std::iter::successors(Some(whole), |n| (*n > 16).then(|| (n / 2).next_multiple_of(multiple[axis])));
        halves.take_while(|n| *n >= multiple[axis]).take(12).collect::<Vec<_>>()
    };
    let halo: [usize; 3] = std::array::from_fn(|axis| reach[axis].next_multiple_of(multiple[axis]));
    let mut best: Option<(f64, [usize; 3])> = None;
    for t in candidates(0) {
        for y in candidates(1) {
            for x in candidates(2) {
                let with_halo = [t + 2 * halo[0], y + 2 * halo[1], x + 2 * halo[2]];
                if Engine::bytes(config, with_halo) > TILE_BYTES {
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

fn tiles(core: &[Range<usize>; 3], edge: [usize; 3]) -> Vec<[Range<usize>; 3]> {
    let along = |axis: usize| {
        let Range { start, end } = core[axis];
        // On the grid of the movie, not of the piece.
        let first = start / edge[axis];
        (first..end.div_ceil(edge[axis])).map(move |i| (i * edge[axis]).max(start)..((i + 1) * edge[axis]).min(end))
    };
    let planes = along(0).flat_map(|t| along(1).map(move |y| (t.clone(), y)));
    planes.flat_map(|(t, y)| along(2).map(move |x| [t.clone(), y.clone(), x])).collect()
}

/// A tile with its halo, on the grid of the pooling; at the end of the movie up to the next multiple of it.
fn with_halo(engine: &Engine, tile: &[Range<usize>; 3], movie: [usize; 3]) -> [Range<usize>; 3] {
    let (reach, multiple) = (engine.reach(), engine.config().multiple());
    std::array::from_fn(|axis| {
        let m = multiple[axis];
        let start = tile[axis].start.saturating_sub(reach[axis]) / m * m;
        let end = (tile[axis].end + reach[axis]).next_multiple_of(m).min(movie[axis].next_multiple_of(m));
        start..end
    })
}

/// Copies a range of the movie out of the piece; 0 beyond the movie.
fn copy(piece: &Piece<'_>, read: &[Range<usize>; 3], out: &mut Vec<f32>) {
    let extent = read.clone().map(|r| r.len());
    out.clear();
    out.resize(extent.iter().product(), 0.0);
    let dims = piece.values.dim();
    let held = |axis: usize, n: usize| read[axis].start..read[axis].end.min(piece.origin[axis] + n);
    let columns = held(2, dims.2);
    for t in held(0, dims.0) {
        for y in held(1, dims.1) {
            let row = piece.values.slice(s![
                t - piece.origin[0],
                y - piece.origin[1],
                columns.start - piece.origin[2]..columns.end - piece.origin[2]
            ]);
            let to = ((t - read[0].start) * extent[1] + y - read[1].start) * extent[2];
            out[to..to + columns.len()].iter_mut().zip(row).for_each(|(to, from)| *to = *from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{formula, scatter};
    use crate::models::unet3d::{UNet3d, UNet3dConfig};
    use crate::train::Voxelwise;
    use burn::tensor::Device;
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
        let mut whole = vec![0.0; padded.iter().product()];
        engine.run(input.as_slice().expect("contiguous"), padded, &mut whole);
        let whole = Array3::from_shape_vec(padded, whole).expect("as many");

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
}
