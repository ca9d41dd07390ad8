//! Maximum of windows that follow each other: 2 voxels (or 1) along each axis.

use crate::error::{ShapeError, expect_len, product};
use crate::isa::Isa;
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
    let _ = isa;
    if output.is_empty() {
        return Ok(());
    }
    let planes = small.height * small.width;
    let one = |(plane, (output, place)): (usize, (&mut [f32], Option<&mut [u8]>))| {
        let (map, z) = (plane / small.depth, plane % small.depth);
        let input = &input[map * of_large..][..of_large];
        let mut place = place;
        for (i, value) in output.iter_mut().enumerate() {
            let (y, x) = (i / small.width, i % small.width);
            let (mut best, mut at) = (f32::NEG_INFINITY, 0);
            for (k, place) in voxels(volume, window, [z, y, x]).enumerate() {
                let v = input[place];
                if v > best || v.is_nan() || k == 0 {
                    (best, at) = (v, k as u8);
                }
            }
            *value = best;
            if let Some(place) = &mut place {
                place[i] = at;
            }
        }
    };
    match place {
        None => output.par_chunks_mut(planes).map(|o| (o, None)).enumerate().for_each(one),
        Some(place) => {
            expect_len("place", place.len(), &[maps, of_small])?;
            output.par_chunks_mut(planes).zip(place.par_chunks_mut(planes).map(Some)).enumerate().for_each(one);
        }
    }
    Ok(())
}

/// Places in a map of the voxels of the window at `[z, y, x]`, in order.
fn voxels(volume: Volume, window: [usize; 3], [z, y, x]: [usize; 3]) -> impl Iterator<Item = usize> {
    (0..window.iter().product()).map(move |k| {
        let (kz, ky, kx) = (k / window[2] / window[1], k / window[2] % window[1], k % window[2]);
        let row = (z * window[0] + kz) * volume.height + y * window[1] + ky;
        row * volume.width + x * window[2] + kx
    })
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
    product(&[maps, of_large])?;
    let _ = isa;
    if grad_input.is_empty() {
        return Ok(());
    }
    grad_input.par_chunks_mut(of_large).enumerate().for_each(|(map, grad_input)| {
        grad_input.fill(0.0);
        for i in 0..of_small {
            let at = [i / small.width / small.height, i / small.width % small.height, i % small.width];
            let k = usize::from(place[map * of_small + i]);
            if let Some(place) = voxels(volume, window, at).nth(k) {
                grad_input[place] = grad_output[map * of_small + i];
            }
        }
    });
    Ok(())
}
