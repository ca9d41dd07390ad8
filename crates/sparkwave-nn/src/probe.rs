//! The probe: a fixed input by which it can be told whether a network, here or in another program, still answers as it did.

use ndarray::Array3;

use crate::error::Result;
use crate::network::{Network, View};

/// How many spots the input holds, and so how many answers there are.
const SPOTS: usize = 8;

/// What a network says in the middle of eight spots: the same on every machine and in every program to some five digits.
///
/// The input is 32 voxels an edge, or as much as the network's pooling or window asks for. Voxel `i`, counted along x, then y,
/// then t, holds a hash of i from -1 to 1 (`scatter` in this file), times 1.5. On it stand spots of 2 x 3 x 3 voxels, 5 above: spot k begins at a quarter of
/// every edge, further by `(5 k, 7 k, 11 k)` modulo half of the edges, and the answer is taken one voxel further along each
/// axis.
///
/// # Errors
/// If the network could not be computed.
pub fn probe(network: &mut dyn Network) -> Result<Vec<f32>> {
    let extent = match network.view() {
        View::Tiles { multiple, .. } => multiple.map(|m| 32usize.next_multiple_of(m)),
        View::Window(edge) => edge,
    };
    let index = |t: usize, y: usize, x: usize| (t * extent[1] + y) * extent[2] + x;
    let mut input = Array3::from_shape_fn(extent, |(t, y, x)| 1.5 * scatter(index(t, y, x) as u32, 0) as f32);
    let corner = |k: usize| -> [usize; 3] {
        std::array::from_fn(|axis| extent[axis] / 4 + k * [5, 7, 11][axis] % (extent[axis] / 2))
    };
    for k in 0..SPOTS {
        let [t0, y0, x0] = corner(k);
        for (t, y, x) in (0..18).map(|i| (t0 + i / 9, y0 + i / 3 % 3, x0 + i % 3)) {
            input[[t, y, x]] += 5.0;
        }
    }
    let output = network.whole(input.view())?;
    Ok((0..SPOTS).map(corner).map(|[t, y, x]| output[[t + 1, y + 1, x + 1]]).collect())
}

/// A number from -1 to 1: the bits of i and j, mixed.
pub(crate) fn scatter(i: u32, j: u32) -> f64 {
    let mut h = i.wrapping_mul(0x9E37_79B1).wrapping_add(j.wrapping_mul(0x85EB_CA77)).wrapping_add(1);
    h ^= h >> 15;
    h = h.wrapping_mul(0x2C1B_3C6D);
    h ^= h >> 12;
    h = h.wrapping_mul(0x297A_2D39);
    h ^= h >> 15;
    f64::from(h) / f64::from(1u32 << 31) - 1.0
}
