//! Maximum of windows that follow each other: 2 voxels (or 1) along each axis.

use crate::error::{ShapeError, expect_len};
use crate::isa::{Isa, for_each_isa};
use crate::output::Output;
use crate::planes::{Planes, PlanesMut, expect_planes};
use crate::volume::Volume;
use rayon::prelude::*;

/// The size of the output: an odd size loses its last voxel, as in PyTorch.
///
/// # Errors
///
/// If an axis of the window is neither 1 nor 2.
pub fn output(volume: Volume, window: [usize; 3]) -> Result<Volume, ShapeError> {
    if window.iter().any(|w| !(1..=2).contains(w)) {
        return Err(ShapeError::Unsupported { what: "window, not 1 or 2 an axis", found: window });
    }
    let [d, h, w] = volume.sizes();
    Ok(Volume::new(d / window[0], h / window[1], w / window[2]))
}

/// The maximum of each window.
///
/// `input` is `[maps, D, H, W]` where maps are the channels of all samples; `output` and `place` are of the size that
/// [`output`] gives. `place` receives, for [`backward`], which voxel of the window it was (the width running fastest); the
/// first of equal ones. A window that holds a NaN gives NaN.
///
/// # Errors
///
/// If a slice has another length or an axis of the window is neither 1 nor 2.
pub fn forward(
    isa: Isa,
    input: &[f32],
    maps: usize,
    volume: Volume,
    window: [usize; 3],
    output: &mut [f32],
    place: Option<&mut [u8]>,
) -> Result<(), ShapeError> {
    let small = self::output(volume, window)?;
    let (of_large, of_small) = (volume.voxels()?, small.voxels()?);
    expect_len("input", input.len(), &[maps, of_large])?;
    expect_len("output", output.len(), &[maps, of_small])?;
    if let Some(place) = &place {
        expect_len("place", place.len(), &[maps, of_small])?;
    }
    if output.is_empty() {
        return Ok(());
    }
    let pool = |plane: usize, output: &mut [f32], place: &mut [u8]| {
        let input = &input[plane / small.depth * of_large..][..of_large];
        pool_plane(isa, input, (volume, window), plane % small.depth, output, place);
    };
    let planes = output.par_chunks_mut(small.height * small.width).enumerate();
    match place {
        None => planes.for_each(|(plane, output)| pool(plane, output, &mut [])),
        Some(place) => planes
            .zip(place.par_chunks_mut(small.height * small.width))
            .for_each(|((plane, output), place)| pool(plane, output, place)),
    }
    Ok(())
}

/// [`forward`] of some planes of a tensor of one sample and so many channels, all of those of `volume`.
///
/// # Errors
///
/// If a slice is too short for its planes, or an axis of the window is neither 1 nor 2.
pub fn forward_planes(
    isa: Isa,
    input: Planes<'_>,
    channels: usize,
    volume: Volume,
    window: [usize; 3],
    output: PlanesMut<'_>,
) -> Result<(), ShapeError> {
    let small = self::output(volume, window)?;
    let (of_large, of_plane) = (volume.voxels()?, small.height * small.width);
    expect_planes("input", (input.data.len(), input.channel_stride), channels, volume)?;
    expect_planes("output", (output.data.len(), output.channel_stride), channels, small)?;
    if small.voxels()? == 0 {
        return Ok(());
    }
    let (parts, stride) = (Output::new(output.data), output.channel_stride);
    (0..channels * small.depth).into_par_iter().for_each(|plane| {
        let (channel, z) = (plane / small.depth, plane % small.depth);
        // SAFETY: every plane of every channel comes once, and channels do not overlap.
        let part = unsafe { parts.part(channel * stride + z * of_plane, of_plane) };
        let input = &input.data[channel * input.channel_stride..][..of_large];
        pool_plane(isa, input, (volume, window), z, part, &mut []);
    });
    Ok(())
}

/// One plane of the output of one map. `place` may be empty.
fn pool_plane(
    isa: Isa,
    input: &[f32],
    (volume, window): (Volume, [usize; 3]),
    z: usize,
    output: &mut [f32],
    place: &mut [u8],
) {
    let width = volume.width / window[2];
    for (y, output) in output.chunks_exact_mut(width).enumerate() {
        let mut rows: [&[f32]; 4] = [&[]; 4];
        for (to, row) in rows.iter_mut().zip(rows_of(volume, window, z, y)) {
            *to = &input[row * volume.width..][..width * window[2]];
        }
        let rows = &rows[..window[0] * window[1]];
        match (window[2], place.get_mut(y * width..(y + 1) * width)) {
            (2, Some(place)) => pairs(isa, rows, output, place),
            (_, Some(place)) => singles(isa, rows, output, place),
            (2, None) => largest_of_pairs(isa, rows, output),
            (_, None) => largest_of_singles(isa, rows, output),
        }
    }
}

/// The rows of a map in the windows of row `y` of plane `z` of the output, in order.
fn rows_of(volume: Volume, window: [usize; 3], z: usize, y: usize) -> impl Iterator<Item = usize> {
    (0..window[0] * window[1])
        .map(move |k| (z * window[0] + k / window[1]) * volume.height + y * window[1] + k % window[1])
}

/// Outputs that are computed together.
const LANES: usize = 16;

for_each_isa! {
    /// The maxima of windows of 2 voxels along the width, and where they are.
    fn pairs(rows: &[&[f32]], output: &mut [f32], place: &mut [u8]) = maxima::<2>
}

for_each_isa! {
    /// The maxima of windows of 1 voxel along the width, and where they are.
    fn singles(rows: &[&[f32]], output: &mut [f32], place: &mut [u8]) = maxima::<1>
}

for_each_isa! {
    /// The maxima of windows of 2 voxels along the width.
    fn largest_of_pairs(rows: &[&[f32]], output: &mut [f32]) = largest::<2>
}

for_each_isa! {
    /// The maxima of windows of 1 voxel along the width.
    fn largest_of_singles(rows: &[&[f32]], output: &mut [f32]) = largest::<1>
}

/// Along the rows first, where values that are compared lie at the same place of a vector.
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    reason = "compilers make vectors of plain loops over arrays, not of iterators here"
)]
fn largest<const ALONG_X: usize>(rows: &[&[f32]], output: &mut [f32]) {
    for (at, output) in output.chunks_mut(LANES).enumerate() {
        let (first, n) = (at * LANES, output.len());
        let mut best = [[f32::NEG_INFINITY; ALONG_X]; LANES];
        for row in rows {
            let row = row[first * ALONG_X..][..n * ALONG_X].as_chunks::<ALONG_X>().0;
            let mut values = [[f32::NEG_INFINITY; ALONG_X]; LANES];
            match row.as_array::<LANES>() {
                Some(row) => values = *row,
                None => values[..n].copy_from_slice(row),
            }
            let (best, values) = (best.as_flattened_mut(), values.as_flattened());
            for i in 0..LANES * ALONG_X {
                best[i] = larger(best[i], values[i]);
            }
        }
        let mut largest = [f32::NEG_INFINITY; LANES];
        for x in 0..ALONG_X {
            for i in 0..LANES {
                largest[i] = larger(largest[i], best[i][x]);
            }
        }
        output.copy_from_slice(&largest[..n]);
    }
}

/// The larger of two values; NaN if one of them is.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if (b > a) | b.is_nan() { b } else { a }
}

#[inline(always)]
fn maxima<const ALONG_X: usize>(rows: &[&[f32]], output: &mut [f32], place: &mut [u8]) {
    for (at, output) in output.chunks_mut(LANES).enumerate() {
        let (first, n) = (at * LANES, output.len());
        let (mut best, mut of_best) = ([f32::NEG_INFINITY; LANES], [0u32; LANES]);
        for (k, row) in rows.iter().enumerate() {
            let row = row[first * ALONG_X..][..n * ALONG_X].as_chunks::<ALONG_X>().0;
            let index = (k * ALONG_X) as u32;
            if let Some(row) = row.as_array::<LANES>() {
                take_greater(row, index, &mut best, &mut of_best);
            } else {
                let mut values = [[0.0; ALONG_X]; LANES];
                values[..n].copy_from_slice(row);
                take_greater(&values, index, &mut best, &mut of_best);
            }
        }
        output.copy_from_slice(&best[..n]);
        place[first..first + n].iter_mut().zip(of_best).for_each(|(place, of_best)| *place = of_best as u8);
    }
}

/// Takes the values of a row that are greater than the best so far.
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    reason = "compilers make vectors of plain loops over arrays, not of iterators here"
)]
fn take_greater<const ALONG_X: usize>(
    row: &[[f32; ALONG_X]; LANES],
    index: u32,
    best: &mut [f32; LANES],
    of_best: &mut [u32; LANES],
) {
    for x in 0..ALONG_X {
        let mut values = [0.0; LANES];
        for i in 0..LANES {
            values[i] = row[i][x];
        }
        for i in 0..LANES {
            let take = (values[i] > best[i]) | values[i].is_nan();
            best[i] = if take { values[i] } else { best[i] };
            of_best[i] = if take { index + x as u32 } else { of_best[i] };
        }
    }
}

/// Gradient with respect to the input: each maximum gets that of its window, all other voxels zero.
///
/// `volume` is the size of `grad_input`, which is overwritten; `place` is what [`forward`] gave.
///
/// # Errors
///
/// If a slice has another length or an axis of the window is neither 1 nor 2.
pub fn backward(
    isa: Isa,
    grad_output: &[f32],
    place: &[u8],
    maps: usize,
    volume: Volume,
    window: [usize; 3],
    grad_input: &mut [f32],
) -> Result<(), ShapeError> {
    let small = output(volume, window)?;
    let (of_large, of_small) = (volume.voxels()?, small.voxels()?);
    expect_len("grad_output", grad_output.len(), &[maps, of_small])?;
    expect_len("place", place.len(), &[maps, of_small])?;
    expect_len("grad_input", grad_input.len(), &[maps, of_large])?;
    if grad_input.is_empty() {
        return Ok(());
    }
    // Planes of the input that belong to one plane of the output; a last odd plane belongs to none.
    let plane = volume.height * volume.width;
    grad_input.par_chunks_mut(of_large).enumerate().for_each(|(map, grad_input)| {
        for z in 0..small.depth {
            for y in 0..small.height {
                let first = map * of_small + (z * small.height + y) * small.width;
                let (grad, place) = (&grad_output[first..][..small.width], &place[first..][..small.width]);
                for (k, row) in rows_of(volume, window, z, y).enumerate() {
                    let row = &mut grad_input[row * volume.width..][..volume.width];
                    let first = (k * window[2]) as u8;
                    if window[2] == 2 {
                        spread_pairs(isa, first, grad, place, row);
                    } else {
                        spread_singles(isa, first, grad, place, row);
                    }
                }
            }
            for z in z * window[0]..(z + 1) * window[0] {
                grad_input[z * plane + small.height * window[1] * volume.width..(z + 1) * plane].fill(0.0);
            }
        }
        grad_input[small.depth * window[0] * plane..].fill(0.0);
    });
    Ok(())
}

for_each_isa! {
    /// Gives each gradient to one of 2 voxels of a row, if its place is `first` or the next; zero to all others.
    fn spread_pairs(first: u8, grad: &[f32], place: &[u8], row: &mut [f32]) = spread::<2>
}

for_each_isa! {
    /// Gives each gradient to its voxel of a row, if its place is `first`; zero to all others.
    fn spread_singles(first: u8, grad: &[f32], place: &[u8], row: &mut [f32]) = spread::<1>
}

#[inline(always)]
fn spread<const ALONG_X: usize>(first: u8, grad: &[f32], place: &[u8], row: &mut [f32]) {
    let (windows, rest) = row.split_at_mut(grad.len() * ALONG_X);
    for ((values, grad), place) in windows.as_chunks_mut::<ALONG_X>().0.iter_mut().zip(grad).zip(place) {
        for (x, value) in values.iter_mut().enumerate() {
            *value = if *place == first + x as u8 { *grad } else { 0.0 };
        }
    }
    rest.fill(0.0);
}
