//! The outline of a set of pixels, along pixel edges.

use super::canvas::{Point, Polyline};
use std::collections::{BTreeMap, BTreeSet};

/// A corner of the pixel grid: pixel (y, x) has the corners (y, x) to (y + 1, x + 1).
type Corner = (i64, i64);

/// Closed polygons around the pixels `(y, x)`, holes included, in corner coordinates `(x, y)`: pixel centres are at
/// half-integers. Pixels that touch only by a corner get separate polygons, which meet there.
pub(super) fn polygons(pixels: impl IntoIterator<Item = (u32, u32)>) -> Vec<Vec<Point>> {
    let inside: BTreeSet<Corner> = pixels.into_iter().map(|(y, x)| (i64::from(y), i64::from(x))).collect();
    // Edges run clockwise around each pixel, so that the inside is on the right; an edge between two pixels of the set
    // would be walked in both directions and is left out.
    let mut next: BTreeMap<Corner, Vec<Corner>> = BTreeMap::new();
    for &(y, x) in &inside {
        let sides = [
            ((y - 1, x), (y, x), (y, x + 1)),
            ((y, x + 1), (y, x + 1), (y + 1, x + 1)),
            ((y + 1, x), (y + 1, x + 1), (y + 1, x)),
            ((y, x - 1), (y + 1, x), (y, x)),
        ];
        for (neighbour, from, to) in sides {
            if !inside.contains(&neighbour) {
                next.entry(from).or_default().push(to);
            }
        }
    }
    let mut polygons = Vec::new();
    while let Some((&start, _)) = next.first_key_value() {
        let mut corners: Vec<Corner> = Vec::new();
        let mut heading = (0, 0);
        let mut at = start;
        // Every corner has as many edges in as out, so the walk can only end where it began.
        while let Some(to) = take_next(&mut next, at, heading) {
            let step = (to.0 - at.0, to.1 - at.1);
            if step != heading {
                corners.push(at);
            }
            heading = step;
            at = to;
        }
        polygons.push(corners.into_iter().map(|(y, x)| (x as f64, y as f64)).collect());
    }
    polygons
}

/// Removes and gives the next corner; of two ways it takes the right turn, which stays at the same pixel.
fn take_next(next: &mut BTreeMap<Corner, Vec<Corner>>, at: Corner, heading: Corner) -> Option<Corner> {
    let ways = next.get_mut(&at)?;
    let right = (heading.1, -heading.0);
    let choice = ways.iter().position(|to| (to.0 - at.0, to.1 - at.1) == right).unwrap_or(0);
    let to = ways.swap_remove(choice);
    if ways.is_empty() {
        next.remove(&at);
    }
    Some(to)
}

/// The polygons mapped to the canvas.
pub(super) fn lines(polygons: &[Vec<Point>], to_canvas: impl Fn(Point) -> Point) -> Vec<Polyline> {
    let line =
        |corners: &Vec<Point>| Polyline { points: corners.iter().map(|&p| to_canvas(p)).collect(), closed: true };
    polygons.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twice the signed area; positive clockwise on a y-down canvas.
    fn doubled_area(polygon: &[Point]) -> f64 {
        let n = polygon.len();
        (0..n).map(|i| (polygon[i], polygon[(i + 1) % n])).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum()
    }

    #[test]
    fn a_rectangle_has_four_corners() {
        let rectangle = (2..5).flat_map(|y| (3..9).map(move |x| (y, x)));
        assert_eq!(polygons(rectangle), [[(3.0, 2.0), (9.0, 2.0), (9.0, 5.0), (3.0, 5.0)]]);
    }

    #[test]
    fn the_area_inside_the_outline_is_the_number_of_pixels() {
        // A ring with a hole, and a pixel that touches it by a corner.
        let mut pixels: Vec<(u32, u32)> = (0..5).flat_map(|y| (0..5).map(move |x| (y, x))).collect();
        pixels.retain(|&p| p != (2, 2));
        pixels.push((5, 5));
        let outlines = polygons(pixels.iter().copied());
        assert_eq!(outlines.len(), 3);
        let area: f64 = outlines.iter().map(|p| doubled_area(p) / 2.0).sum();
        assert_eq!(area, pixels.len() as f64);
    }

    #[test]
    fn nothing_has_no_outline() {
        assert!(polygons([]).is_empty());
    }
}
