//! Closed polygons in image coordinates and the pixels that they cover: the one rasteriser of this crate.
//!
//! The convention: the centre of pixel (row y, column x) is the point (x, y), and a pixel belongs to a polygon if its
//! centre lies inside by the even-odd rule **or on the boundary**. Thus the square with corners (2, 2) and (4, 4) covers
//! 3 x 3 pixels, a polygon of one point one pixel, and one that runs to and fro along a line the pixels on that line.

use ndarray::Array2;

/// The corners `[x, y]` of a closed polygon in pixels; the last is joined to the first.
pub type Points = Vec<[f64; 2]>;

/// Area enclosed by a polygon, px²: the shoelace formula. A polygon that passes through pixel centres leaves out about
/// half of the pixels on its boundary, so that this is less than their number.
pub fn area_px2(points: &[[f64; 2]]) -> f64 {
    let twice: f64 = edges(points).map(|([x0, y0], [x1, y1])| x0 * y1 - x1 * y0).sum();
    (twice / 2.0).abs()
}

/// `[xmin, ymin, xmax, ymax]` of the points, or `None` if there are none.
pub fn bounds(points: &[[f64; 2]]) -> Option<[f64; 4]> {
    let first = points.first()?;
    let start = [first[0], first[1], first[0], first[1]];
    Some(points.iter().fold(start, |b, p| [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[0]), b[3].max(p[1])]))
}

/// Sets the pixels `[Y, X]` that a polygon covers to `value`; parts beyond the image are cut off. Points that are not
/// finite make the polygon cover nothing.
pub fn fill<T: Copy>(points: &[[f64; 2]], image: &mut Array2<T>, value: T) {
    let (height, width) = image.dim();
    let Some([_, ymin, _, ymax]) = bounds(points) else { return };
    if !points.iter().flatten().all(|v| v.is_finite()) || ymax < 0.0 || ymin > height as f64 {
        return;
    }
    let rows = ymin.ceil().max(0.0) as usize..((ymax.floor() + 1.0).max(0.0) as usize).min(height);
    let mut crossings: Vec<f64> = Vec::new();
    for row in rows {
        let y = row as f64;
        let mut set = |from: f64, to: f64| {
            let columns = from.ceil().max(0.0) as usize..((to.floor() + 1.0).max(0.0) as usize).min(width);
            columns.for_each(|x| image[[row, x]] = value);
        };
        crossings.clear();
        for ([x0, y0], [x1, y1]) in edges(points) {
            if y < y0.min(y1) || y > y0.max(y1) {
                continue;
            }
            if y0 == y1 {
                set(x0.min(x1), x0.max(x1));
                continue;
            }
            // Exact for whole numbers of image size: so are the product, and the quotient where it is a whole number.
            let x = x0 + (y - y0) * (x1 - x0) / (y1 - y0);
            set(x, x);
            // Half open, so that a corner between two edges counts once.
            if y < y0.max(y1) {
                crossings.push(x);
            }
        }
        crossings.sort_unstable_by(f64::total_cmp);
        crossings.chunks_exact(2).for_each(|pair| set(pair[0], pair[1]));
    }
}

fn edges(points: &[[f64; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> + '_ {
    points.iter().zip(points.iter().cycle().skip(1)).map(|(a, b)| (*a, *b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(points: &[[f64; 2]]) -> usize {
        let mut image = Array2::from_elem((9, 12), false);
        fill(points, &mut image, true);
        image.iter().filter(|inside| **inside).count()
    }

    #[test]
    fn boundaries_count() {
        assert_eq!(covered(&[[2.0, 2.0], [4.0, 2.0], [4.0, 4.0], [2.0, 4.0]]), 9);
        assert_eq!(covered(&[[2.5, 2.5], [4.5, 2.5], [4.5, 4.5], [2.5, 4.5]]), 4);
        // A right triangle over the diagonal: 5 + 4 + 3 + 2 + 1.
        assert_eq!(covered(&[[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]), 15);
        assert_eq!(covered(&[[3.0, 3.0]]), 1);
        assert_eq!(covered(&[[1.0, 1.0], [5.0, 5.0]]), 5);
        assert_eq!(covered(&[]), 0);
    }

    #[test]
    fn what_lies_beyond_the_image_is_cut_off() {
        assert_eq!(covered(&[[-50.0, -50.0], [50.0, -50.0], [50.0, 50.0], [-50.0, 50.0]]), 9 * 12);
        assert_eq!(covered(&[[-9.0, -9.0], [-5.0, -9.0], [-5.0, -5.0]]), 0);
        assert_eq!(covered(&[[20.0, 20.0], [30.0, 20.0], [25.0, 1e300]]), 0);
        assert_eq!(covered(&[[f64::NAN, 0.0], [5.0, 0.0], [0.0, 5.0]]), 0);
    }

    #[test]
    fn crossing_edges_follow_the_even_odd_rule() {
        // A pentagram's heart is outside by the rule; its boundary passes no pixel centre there.
        let star: Points = (0..5)
            .map(|i| {
                let angle = std::f64::consts::TAU * f64::from(2 * i) / 5.0 - std::f64::consts::FRAC_PI_2;
                [100.25 + 90.0 * angle.cos(), 100.25 + 90.0 * angle.sin()]
            })
            .collect();
        let mut image = Array2::from_elem((200, 200), false);
        fill(&star, &mut image, true);
        assert!(!image[[100, 100]] && image[[30, 100]]);
    }

    #[test]
    fn areas_and_bounds_are_those_of_the_outline() {
        let square = [[2.0, 2.0], [4.0, 2.0], [4.0, 5.0], [2.0, 5.0]];
        assert_eq!((area_px2(&square), bounds(&square)), (6.0, Some([2.0, 2.0, 4.0, 5.0])));
        assert_eq!((area_px2(&square[..1]), bounds(&[])), (0.0, None));
    }
}
