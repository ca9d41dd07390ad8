//! "Interval differencing": the quotient of two smoothed images, stretched to its own extremes.
//!
//! The publication speaks of a difference; its frames are quotients. Every image has a scale of its own, so that neither
//! colours nor amplitudes can be compared between frames.

use super::box_mean::{Border, Window};
use ndarray::{Array2, ArrayView2, Zip};

/// Every how many images of a second one is used.
pub const STEP: usize = 5;

/// Side of the window that smooths the first image, 31 px.
const FIRST: Window = Window { radius: 15, border: Border::Zero };

/// Side of the window that smooths all others, 21 px. As it reaches less far beyond the border, the first quotient is too
/// large there: by 1.5 % at the edge, and by up to 19 % (in the corners 42 %) at 10 px from it.
const LATER: Window = Window { radius: 10, border: Border::Zero };

/// The images of the intervals of a recording, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Intervals {
    before: Option<Array2<u16>>,
}

impl Intervals {
    /// Takes the next image that is used, counts `[Y, X]`: the first and every [`STEP`]th after it, of those that exist
    /// (a second without frames has no image and is not counted). Gives the image of the interval that ends with it; the
    /// first image only begins one. All images have the same size.
    ///
    /// Large values are where the reflectance rose. Where the earlier image is 0, the quotient is infinite and leaves the
    /// whole image 0; where both are, it does not count and becomes 0. An image without contrast is 0 as well.
    pub fn push(&mut self, second: ArrayView2<'_, u16>) -> Option<Array2<u16>> {
        let window = if self.before.is_none() { FIRST } else { LATER };
        let after = window.mean(second);
        let before = self.before.replace(after.clone())?;
        let quotient = Zip::from(&after).and(&before).map_collect(|&a, &b| f64::from(a) / f64::from(b));
        Some(stretched(&quotient))
    }
}

/// Values stretched from their minimum and maximum to 0 and 65535; what is not a number becomes 0.
fn stretched(values: &Array2<f64>) -> Array2<u16> {
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // The cast saturates, and makes a NaN 0.
    values.mapv(|v| ((v - min) / (max - min) * 65535.0).round() as u16)
}

/// Sets what lies outside the mask of the cortex to 0, after the stretch: the colour of the smallest value inside.
pub fn mask_out(image: &mut Array2<u16>, cortex: &Array2<bool>) {
    Zip::from(image).and(cortex).for_each(|v, &inside| {
        if !inside {
            *v = 0;
        }
    });
}

/// Counts as the publication stores the mean of a second: rounded to 16 bits. NaN becomes 0.
pub fn to_counts(mean: ArrayView2<'_, f32>) -> Array2<u16> {
    mean.mapv(|v| v.round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn quotients_reach_from_one_end_of_the_range_to_the_other() {
        assert_eq!(stretched(&array![[0.5, 1.0, 1.5]]), array![[0, 32768, 65535]]);
        assert_eq!(stretched(&array![[0.5, f64::NAN, 1.5]]), array![[0, 0, 65535]]);
        assert_eq!(stretched(&array![[0.5, f64::INFINITY, 1.5]]), array![[0, 0, 0]]);
        assert_eq!(stretched(&array![[2.0, 2.0]]), array![[0, 0]]);
        assert_eq!(stretched(&array![[f64::NAN]]), array![[0]]);
    }

    #[test]
    fn the_first_interval_shows_the_two_windows_and_the_second_does_not() {
        let image = Array2::from_elem((64, 64), 10_000u16);
        let mut intervals = Intervals::default();
        assert_eq!(intervals.push(image.view()), None);
        let first = intervals.push(image.view()).expect("two images");
        // The quotients are (31 / 26)² where only the larger window reaches beyond two borders, and 1 in the middle.
        assert_eq!((first[[10, 10]], first[[32, 32]]), (65535, 0));
        assert!(first[[0, 0]] > 4_000, "(11 / 21)² over (16 / 31)²");
        let second = intervals.push(image.view()).expect("three images");
        assert!(second.iter().all(|&v| v == 0));
    }

    #[test]
    fn counts_are_rounded_and_bounded() {
        let mean = array![[0.5f32, 1.49, -3.0, 70_000.0, f32::NAN]];
        assert_eq!(to_counts(mean.view()), array![[1, 1, 0, 65535, 0]]);
        let mut image = array![[7u16, 8]];
        mask_out(&mut image, &array![[true, false]]);
        assert_eq!(image, array![[7, 0]]);
    }
}
