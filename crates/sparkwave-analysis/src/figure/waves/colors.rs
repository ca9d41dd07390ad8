//! Signed change as colour, on one fixed scale.

use super::super::axis;
use super::super::canvas::Rgb;
use ndarray::{Array2, Array3};

/// How a change becomes a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorMap {
    /// ColorBrewer's red and blue on either side of near-white: red rises, blue falls, lightness tells the size of the
    /// change, and both arms are told apart by colour-blind readers. Outside the cortex it is a neutral gray.
    #[default]
    Diverging,
    /// The 256 entries of `jet` as MATLAB defines it, for programs trained on frames in these colours. Outside the cortex
    /// it is entry 0, a dark blue that also means the largest fall. Not for readers: its lightness has no order.
    Jet,
}

/// Entries of the diverging table; odd, so that no change has an entry of its own.
const N_DIVERGING: usize = 511;
const N_JET: usize = 256;
/// The shade outside the cortex.
const OUTSIDE: Rgb = [0x80; 3];

impl ColorMap {
    /// The colour of a change, given as a fraction of the limit and clamped to -1..=1.
    pub(in crate::figure) fn color(self, position: f64) -> Rgb {
        let part = (position.clamp(-1.0, 1.0) + 1.0) / 2.0;
        match self {
            Self::Diverging => {
                let color = colorous::RED_BLUE.eval_continuous(1.0 - part);
                [color.r, color.g, color.b]
            }
            Self::Jet => jet((part * (N_JET - 1) as f64).round() as usize),
        }
    }

    /// The colour where there is no cortex or no value.
    pub fn outside(self) -> [u8; 3] {
        match self {
            Self::Diverging => OUTSIDE,
            Self::Jet => jet(0),
        }
    }

    /// The table through which images are coloured, from the largest fall to the largest rise.
    pub fn table(self) -> Vec<[u8; 3]> {
        let n = match self {
            Self::Diverging => N_DIVERGING,
            Self::Jet => N_JET,
        };
        (0..n).map(|i| self.color(2.0 * i as f64 / (n - 1) as f64 - 1.0)).collect()
    }
}

/// Entry `index` of MATLAB's `jet(256)` as 8-bit colour.
fn jet(index: usize) -> Rgb {
    let ramp = |i: i32| match i {
        1..=64 => f64::from(i) / 64.0,
        65..=127 => 1.0,
        128..=191 => f64::from(192 - i) / 64.0,
        _ => 0.0,
    };
    let j = index.min(N_JET - 1) as i32 + 1;
    [j - 96, j - 32, j + 32].map(|i| (255.0 * ramp(i)).round() as u8)
}

/// Where in a table of `n` entries a change lies; `None` if it is not a number.
pub(super) fn table_index(change: f32, limit: f32, n: usize) -> Option<usize> {
    let position = if limit > 0.0 { change / limit } else { 0.0 };
    // Half an entry is added and cut off: `round` would be a call for every pixel.
    (!change.is_nan()).then(|| ((position.clamp(-1.0, 1.0) + 1.0) / 2.0 * (n - 1) as f32 + 0.5) as usize)
}

/// Colours a map of signed changes `[Y, X]` on a scale from `-limit` to `limit`, as 8-bit sRGB `[Y, X, 3]`.
///
/// Changes beyond the limit have the colour of the limit; a limit that is not positive makes everything unchanged. What
/// is not finite or lies outside `inside` has [`ColorMap::outside`]; `inside` of another size counts as outside where it
/// ends.
pub fn rate_colors(rate: &Array2<f32>, limit: f32, map: ColorMap, inside: &Array2<bool>) -> Array3<u8> {
    let table = map.table();
    let (height, width) = rate.dim();
    let mut image = Array3::zeros((height, width, 3));
    for ((at, &change), mut pixel) in rate.indexed_iter().zip(image.lanes_mut(ndarray::Axis(2))) {
        let shown = inside.get(at).copied().unwrap_or(false) && change.is_finite();
        let index = if shown { table_index(change, limit, table.len()) } else { None };
        let color = index.map_or(map.outside(), |i| table[i]);
        pixel.iter_mut().zip(color).for_each(|(p, c)| *p = c);
    }
    image
}

/// A limit for the scale of a whole recording: the 99.8 % quantile of the absolute changes, rounded up to 1, 2 or 5 times
/// a power of ten; `None` if no change is finite or all are zero. A few samples of each map are enough.
pub fn symmetric_limit(changes: impl IntoIterator<Item = f32>) -> Option<f32> {
    const QUANTILE: f64 = 0.998;
    let mut sizes: Vec<f32> = changes.into_iter().filter(|v| v.is_finite()).map(f32::abs).collect();
    let last = sizes.len().checked_sub(1)?;
    let size = *sizes.select_nth_unstable_by((QUANTILE * last as f64).round() as usize, f32::total_cmp).1;
    (size > 0.0).then(|| axis::round_up(f64::from(size)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, s};

    #[test]
    fn jet_has_the_published_entries() {
        let table = ColorMap::Jet.table();
        assert_eq!(table.len(), 256);
        // 33/64, 1/2 and 1 of 255; entry 95 is the last without red, entry 223 the last full red.
        let known = [
            (0, [0, 0, 131]),
            (31, [0, 0, 255]),
            (32, [0, 4, 255]),
            (95, [0, 255, 255]),
            (127, [128, 255, 128]),
            (128, [131, 255, 124]),
            (159, [255, 255, 0]),
            (223, [255, 0, 0]),
            (255, [128, 0, 0]),
        ];
        for (i, color) in known {
            assert_eq!(table[i], color, "entry {i}");
        }
    }

    #[test]
    fn the_scale_is_symmetric_and_fixed() {
        let table = ColorMap::Diverging.table();
        let lightness = |c: [u8; 3]| c.iter().map(|&v| i32::from(v)).sum::<i32>();
        let middle = table.len() / 2;
        assert!(lightness(table[middle]) > 700, "{:?}", table[middle]);
        assert!(table[0][2] > table[0][0] && table[2 * middle][0] > table[2 * middle][2], "blue falls, red rises");
        let rate = array![[-0.02, -0.01, 0.0, 0.01, 0.02, 9.0, f32::NAN]];
        let inside = Array2::from_elem(rate.dim(), true);
        let image = rate_colors(&rate, 0.02, ColorMap::Diverging, &inside);
        let at = |x: usize| [0, 1, 2].map(|c| image[[0, x, c]]);
        assert_eq!((at(0), at(2), at(4)), (table[0], table[middle], table[2 * middle]));
        assert_eq!((at(1), at(3)), (table[middle / 2 + 1], table[middle + middle / 2 + 1]));
        assert_eq!((at(5), at(6)), (at(4), OUTSIDE));
        // What else is in the image does not change a colour.
        let alone = rate_colors(&rate.slice(s![.., 1..2]).to_owned(), 0.02, ColorMap::Diverging, &inside);
        assert_eq!([0, 1, 2].map(|c| alone[[0, 0, c]]), at(1));
    }

    #[test]
    fn outside_the_cortex_is_gray_or_the_first_entry() {
        let rate = array![[0.0, 0.0]];
        let inside = array![[true, false]];
        for (map, middle, outside) in [
            (ColorMap::Diverging, ColorMap::Diverging.color(0.0), [128; 3]),
            (ColorMap::Jet, [131, 255, 124], [0, 0, 131]),
        ] {
            let image = rate_colors(&rate, 1.0, map, &inside);
            assert_eq!(image.into_raw_vec_and_offset().0, [middle, outside].concat(), "{map:?}");
        }
    }

    #[test]
    fn limits_are_round_and_nothing_has_none() {
        assert_eq!((table_index(0.5, 0.0, 9), table_index(f32::NAN, 0.0, 9)), (Some(4), None));
        assert_eq!(symmetric_limit((0..1000).map(|i| i as f32 * 1.3e-5 - 0.003)), Some(0.01));
        assert_eq!(symmetric_limit([f32::NAN]), None);
        assert_eq!(symmetric_limit([0.0, 0.0]), None);
        assert_eq!(rate_colors(&Array2::zeros((0, 0)), 0.0, ColorMap::Jet, &Array2::default((0, 0))).len(), 0);
    }
}
