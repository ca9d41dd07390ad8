//! Outlines of masks: polygons from which the very same mask can be drawn again.
//!
//! A mask falls apart into pieces whose pixels touch along an edge (4-connected). Each piece has one outer polygon, whose
//! corners are centres of its own boundary pixels, and one polygon for each hole (an 8-connected region of other
//! pixels), whose corners are centres of pixels of the hole. Drawn by [`crate::polygon::fill`], the outer polygon covers
//! the piece and what it encloses, and the holes cover what is enclosed and not of the piece. With this pair of
//! connectivities a piece lies either wholly inside a hole of another or wholly outside, so that drawing larger pieces
//! first restores any set of masks that do not overlap.

mod follow;

use crate::polygon::Points;
use follow::{Connectivity, Region};
use ndarray::Array2;
use sparkwave_core::mask::Mask;

/// The outline of a 4-connected piece of a mask, in image coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Around the piece, through centres of its pixels; at least three points, some of them equal if it is thin.
    pub outer: Points,
    /// Around each hole, through centres of the hole's pixels; at least three points each.
    pub holes: Vec<Points>,
    /// Pixels of the piece and of its holes.
    pub n_filled: usize,
}

/// The outlines of the pieces of a mask, in the order of their first pixels.
pub fn outlines(mask: &Mask) -> Vec<Outline> {
    pieces(mask).iter().map(outline).collect()
}

/// The outlines along the edges of the pixels, one a piece: corners have coordinates between the pixels, such that pixel
/// `i` spans `i` to `i + 1` (the convention of COCO). `None` if a piece has holes, which such a list cannot tell.
pub fn edge_outlines(mask: &Mask) -> Option<Vec<Points>> {
    let pieces = pieces(mask);
    pieces.iter().map(|piece| holes(piece).is_empty().then(|| follow::pixel_edges(piece))).collect()
}

fn pieces(mask: &Mask) -> Vec<Region> {
    Region { y0: mask.y0() as i64, x0: mask.x0() as i64, bits: mask.bits().clone() }.parts(Connectivity::Four)
}

fn outline(piece: &Region) -> Outline {
    let holes = holes(piece);
    let n_filled = piece.n_pixels() + holes.iter().map(Region::n_pixels).sum::<usize>();
    let holes = holes.iter().map(|hole| three_points(follow::pixel_centres(hole, Connectivity::Eight))).collect();
    Outline { outer: three_points(follow::pixel_centres(piece, Connectivity::Four)), holes, n_filled }
}

/// The regions of other pixels that do not reach the border of the piece's bounding box, widened by one pixel.
fn holes(piece: &Region) -> Vec<Region> {
    let (height, width) = piece.bits.dim();
    let mut other = Array2::from_elem((height + 2, width + 2), true);
    other.slice_mut(ndarray::s![1..=height, 1..=width]).zip_mut_with(&piece.bits, |other, inside| *other = !inside);
    let around = Region { y0: piece.y0 - 1, x0: piece.x0 - 1, bits: other };
    let outside = (around.y0, around.x0);
    let parts = around.parts(Connectivity::Eight);
    parts.into_iter().filter(|part| (part.y0, part.x0) != outside).collect()
}

/// Programs refuse polygons of fewer points; repeated ones do not change what is covered.
fn three_points(points: Vec<[i64; 2]>) -> Points {
    let n = points.len().max(3);
    points.iter().cycle().take(n).map(|[x, y]| [*x as f64, *y as f64]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::polygon::{area_px2, fill};
    use proptest::prelude::{Strategy, prop};

    fn mask(rows: &[&str]) -> Mask {
        let image = Array2::from_shape_fn((rows.len(), rows[0].len()), |(y, x)| rows[y].as_bytes()[x] == b'#');
        Mask::of_image(&image).unwrap()
    }

    fn drawn(mask: &Mask, height: usize, width: usize) -> Array2<bool> {
        let mut outlines = outlines(mask);
        outlines.sort_by_key(|outline| std::cmp::Reverse(outline.n_filled));
        let mut image = Array2::from_elem((height, width), false);
        for outline in outlines {
            fill(&outline.outer, &mut image, true);
            outline.holes.iter().for_each(|hole| fill(hole, &mut image, false));
        }
        image
    }

    fn check(rows: &[&str], n_pieces: usize, n_holes: usize) {
        let mask = mask(rows);
        let outlines = outlines(&mask);
        let found = (outlines.len(), outlines.iter().map(|o| o.holes.len()).sum::<usize>());
        assert_eq!(found, (n_pieces, n_holes), "{rows:?}");
        assert_eq!(drawn(&mask, rows.len(), rows[0].len()), mask.to_image(rows.len(), rows[0].len()), "{rows:?}");
    }

    #[test]
    fn difficult_masks_are_drawn_again() {
        check(&["#"], 1, 0);
        check(&["####"], 1, 0);
        check(&["#..", ".#.", "..#"], 3, 0);
        check(&["###", "#.#", "###"], 1, 1);
        check(&[".#.", "#.#", ".#."], 4, 0);
        // The hole reaches through a gap between corners: one hole of two pixels.
        check(&["####.", "#.###", "##.##", "#####"], 1, 1);
        // Holes in holes, at the border of the image.
        check(&["#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"], 2, 2);
        // A comb with thin teeth, and a blob on a line.
        check(&["#.#.#.#", "#######", "...#...", ".#####.", ".#####."], 1, 0);
    }

    #[test]
    fn straight_runs_have_no_points_between_their_ends() {
        let square = outlines(&mask(&["....", ".###", ".###", ".###"]));
        assert_eq!(square[0].outer, [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]]);
        let edges = edge_outlines(&mask(&["....", ".###", ".###", ".###"])).unwrap();
        assert_eq!(edges, [[[1.0, 1.0], [4.0, 1.0], [4.0, 4.0], [1.0, 4.0]]]);
        assert_eq!(edge_outlines(&mask(&["###", "#.#", "###"])), None);
    }

    fn any_mask() -> impl Strategy<Value = Mask> {
        (1usize..14, 1usize..14, 1u8..10)
            .prop_flat_map(|(height, width, tenths)| {
                let bit = prop::bool::weighted(f64::from(tenths) / 10.0);
                prop::collection::vec(bit, height * width).prop_map(move |bits| (height, width, bits))
            })
            .prop_filter_map("empty", |(height, width, bits)| {
                Mask::of_image(&Array2::from_shape_vec((height, width), bits).unwrap())
            })
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 2000, ..Default::default() })]

        #[test]
        fn any_mask_is_drawn_again(mask in any_mask()) {
            proptest::prop_assert_eq!(drawn(&mask, 14, 14), mask.to_image(14, 14));
        }

        #[test]
        fn outlines_along_edges_enclose_the_area(mask in any_mask()) {
            if let Some(outlines) = edge_outlines(&mask) {
                let area: f64 = outlines.iter().map(|outline| area_px2(outline)).sum();
                proptest::prop_assert_eq!(area, mask.n_pixels() as f64);
            }
        }
    }
}
