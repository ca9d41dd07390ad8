//! Masks of the cortex and of waves: drawn, smoothed and measured as published.

use super::MM_PER_PX;
use super::box_mean::{Border, Window};
use ndarray::{Array2, ArrayView2};

/// The window of 11 x 11 px that smooths masks; it clips the corners of the image.
const PUBLISHED: Window = Window { radius: 5, border: Border::Zero };

/// The window of 7 x 7 px that smooths masks before they are scored.
const SCORED: Window = Window { radius: 3, border: Border::Mirror };

/// A mask `[Y, X]` after the smoothing of the publication: pixels around which at least half of 11 x 11 px belong to it.
/// Bars of up to 5 px vanish.
pub fn smoothed(mask: ArrayView2<'_, bool>) -> Array2<bool> {
    PUBLISHED.majority(mask)
}

/// A mask `[Y, X]` after the smoothing of the published evaluation: 7 x 7 px, the border mirrored.
pub fn smoothed_for_scores(mask: ArrayView2<'_, bool>) -> Array2<bool> {
    SCORED.majority(mask)
}

/// All outlines of a frame in one mask of the given height and width: drawn, united, then smoothed.
pub fn frame_mask(outlines: &[Vec<[f64; 2]>], size: (usize, usize)) -> Array2<bool> {
    let mut mask = Array2::from_elem(size, false);
    outlines.iter().for_each(|outline| draw(outline, &mut mask));
    smoothed(mask.view())
}

/// The outlines of one label in a mask of the given height and width: drawn, smoothed one by one, then united.
pub fn label_mask(outlines: &[Vec<[f64; 2]>], size: (usize, usize)) -> Array2<bool> {
    let mut mask = Array2::from_elem(size, false);
    for outline in outlines {
        let mut one = Array2::from_elem(size, false);
        draw(outline, &mut one);
        mask |= &smoothed(one.view());
    }
    mask
}

/// Adds the inside of the closed outline with the corners `[x, y]` to a mask, as `poly2mask` does when it is given
/// coordinates that count from 0 and takes them to count from 1: a pixel belongs to the outline if a point just below
/// and to the right of its centre lies inside, by the even-odd rule. The rectangle with corners (2, 2) and (5, 4) covers
/// the columns 2 to 4 and the rows 2 and 3.
///
/// `poly2mask` first moves outlines to a grid of fifths of a pixel, which may decide a pixel on a slanted edge otherwise.
/// Outlines with a coordinate that is not finite cover nothing; parts beyond the image are cut off.
pub fn draw(outline: &[[f64; 2]], mask: &mut Array2<bool>) {
    let (height, width) = mask.dim();
    if !outline.iter().flatten().all(|v| v.is_finite()) {
        return;
    }
    let mut crossings: Vec<f64> = Vec::new();
    for row in 0..height {
        let y = row as f64;
        crossings.clear();
        for ([x0, y0], [x1, y1]) in outline.iter().zip(outline.iter().cycle().skip(1)).map(|(a, b)| (*a, *b)) {
            if (y0 <= y) != (y1 <= y) {
                crossings.push(x0 + (y - y0) * (x1 - x0) / (y1 - y0));
            }
        }
        crossings.sort_unstable_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let column = |x: f64| (x.ceil().max(0.0) as usize).min(width);
            for x in column(pair[0])..column(pair[1]) {
                mask[[row, x]] = true;
            }
        }
    }
}

/// Area of the union of masks of one size, mm², with the published calibration [`MM_PER_PX`]; 0 without masks.
pub fn cover_area_mm2<'a>(masks: impl IntoIterator<Item = &'a Array2<bool>>) -> f64 {
    let union = masks.into_iter().fold(None, |union: Option<Array2<bool>>, mask| match union {
        Some(union) => Some(union | mask),
        None => Some(mask.clone()),
    });
    let n_pixels = union.map_or(0, |union| union.iter().filter(|inside| **inside).count());
    n_pixels as f64 * MM_PER_PX * MM_PER_PX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rectangle(x0: usize, y0: usize, width: usize, height: usize) -> Array2<bool> {
        Array2::from_shape_fn((60, 60), |(y, x)| (y0..y0 + height).contains(&y) && (x0..x0 + width).contains(&x))
    }

    fn n(mask: &Array2<bool>) -> usize {
        mask.iter().filter(|inside| **inside).count()
    }

    #[test]
    fn smoothing_erodes_as_much_as_it_does_in_the_publication() {
        let square = rectangle(20, 20, 20, 20);
        assert_eq!((n(&smoothed(square.view())), n(&smoothed_for_scores(square.view()))), (352, 380));
        assert_eq!(n(&smoothed(rectangle(20, 20, 7, 7).view())), 0);
        assert_eq!(n(&smoothed(rectangle(10, 20, 40, 5).view())), 0);
        assert_eq!(n(&smoothed_for_scores(rectangle(10, 20, 40, 3).view())), 0);
        // At the corner of the image zeros take away what a mirror keeps.
        let all = Array2::from_elem((20, 20), true);
        assert!(!smoothed(all.view())[[0, 0]] && smoothed_for_scores(all.view())[[0, 0]]);
    }

    #[test]
    fn a_rectangle_loses_its_last_row_and_column() {
        let mut mask = Array2::from_elem((8, 9), false);
        draw(&[[2.0, 2.0], [5.0, 2.0], [5.0, 4.0], [2.0, 4.0]], &mut mask);
        let pixels: Vec<_> = mask.indexed_iter().filter(|(_, inside)| **inside).map(|(at, _)| at).collect();
        assert_eq!(pixels, [(2, 2), (2, 3), (2, 4), (3, 2), (3, 3), (3, 4)]);
    }

    #[test]
    fn outlines_beyond_the_image_are_cut_and_impossible_ones_are_empty() {
        let mut mask = Array2::from_elem((4, 4), false);
        draw(&[[f64::NAN, 0.0], [3.0, 0.0], [3.0, 3.0]], &mut mask);
        draw(&[], &mut mask);
        draw(&[[-9.0, -9.0], [-2.0, 40.0], [-5.0, 3.0]], &mut mask);
        assert_eq!(n(&mask), 0);
        draw(&[[-9.0, -9.0], [1e9, -9.0], [1e9, 2.0], [-9.0, 2.0]], &mut mask);
        assert_eq!(n(&mask), 8);
    }

    #[test]
    fn two_near_outlines_fill_their_gap_only_in_the_mask_of_the_frame() {
        let bar = |x: f64| vec![[x, 10.0], [x + 12.0, 10.0], [x + 12.0, 40.0], [x, 40.0]];
        let bars = [bar(10.0), bar(24.0)];
        let at_gap = [25, 22];
        assert!(frame_mask(&bars, (60, 60))[at_gap]);
        assert!(!label_mask(&bars, (60, 60))[at_gap]);
    }

    #[test]
    fn the_area_is_that_of_the_union() {
        let masks = [rectangle(0, 0, 10, 10), rectangle(5, 0, 10, 10)];
        assert!((cover_area_mm2(&masks) - 150.0 * (10.5f64 / 512.0).powi(2)).abs() < 1e-12);
        assert_eq!(cover_area_mm2([]), 0.0);
    }
}
