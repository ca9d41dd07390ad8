//! Lines of equal value through numbers on a grid, and smooth outlines of masks.
//!
//! Marching squares: each square of four neighbouring pixel centres is crossed by at most two straight pieces, found by
//! linear interpolation along its sides; pieces that meet on a side become one line. Squares with an undefined corner
//! are left out, so that lines end where the values end instead of running along the border.

use super::canvas::Point;
use ndarray::Array2;
use sparkwave_core::mask::{Mask, Patch};
use std::collections::BTreeMap;

/// A side of a square: from a pixel to its right neighbour (`down` false) or to the one below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    y: usize,
    x: usize,
    down: bool,
}

/// The lines on which a patch has this value, in image coordinates `(x, y)` with pixel centres at integers. A closed line
/// ends where it begins.
pub(super) fn isolines(patch: &Patch, level: f32) -> Vec<Vec<Point>> {
    let shift = (patch.x0 as f64, patch.y0 as f64);
    let lines = grid_lines(&patch.values, level);
    lines.into_iter().map(|line| line.into_iter().map(|(x, y)| (x + shift.0, y + shift.1)).collect()).collect()
}

/// Closed lines halfway between the pixels of a mask and those around it, in image coordinates `(x, y)`: corners are cut,
/// which at the size of a figure shows the shape rather than the grid.
pub(super) fn outlines(mask: &Mask) -> Vec<Vec<Point>> {
    let (height, width) = mask.bits().dim();
    let padded = Array2::from_shape_fn((height + 2, width + 2), |(y, x)| {
        let inside = y > 0 && x > 0 && mask.bits().get((y - 1, x - 1)).copied().unwrap_or(false);
        f32::from(u8::from(inside))
    });
    let shift = (mask.x0() as f64 - 1.0, mask.y0() as f64 - 1.0);
    let lines = grid_lines(&padded, 0.5);
    lines.into_iter().map(|line| line.into_iter().map(|(x, y)| (x + shift.0, y + shift.1)).collect()).collect()
}

/// The mean of the defined values within two pixels, where the value itself is defined: arrival times carry the noise of
/// the recording, and lines through raw noise are dust.
pub(super) fn smoothed(patch: &Patch) -> Patch {
    const REACH: usize = 2;
    let (height, width) = patch.values.dim();
    let values = Array2::from_shape_fn((height, width), |(y, x)| {
        if !patch.values[[y, x]].is_finite() {
            return f32::NAN;
        }
        let rows = y.saturating_sub(REACH)..(y + REACH + 1).min(height);
        let columns = x.saturating_sub(REACH)..(x + REACH + 1).min(width);
        let block = patch.values.slice(ndarray::s![rows, columns]);
        let (sum, n) =
            block.iter().filter(|v| v.is_finite()).fold((0.0, 0.0), |(s, n), &v| (s + f64::from(v), n + 1.0));
        (sum / n) as f32
    });
    Patch { y0: patch.y0, x0: patch.x0, values }
}

/// Length of a line.
pub(super) fn length(line: &[Point]) -> f64 {
    line.windows(2).map(|w| (w[1].0 - w[0].0).hypot(w[1].1 - w[0].1)).sum()
}

fn grid_lines(values: &Array2<f32>, level: f32) -> Vec<Vec<Point>> {
    let mut links: BTreeMap<Side, Vec<Side>> = BTreeMap::new();
    let (height, width) = values.dim();
    for y in 0..height.saturating_sub(1) {
        let (upper, lower) = (values.row(y), values.row(y + 1));
        for x in 0..width.saturating_sub(1) {
            let corners = [upper[x], upper[x + 1], lower[x + 1], lower[x]];
            for (a, b) in pieces(corners, level).into_iter().flatten() {
                let side = |i: usize| match i {
                    0 => Side { y, x, down: false },
                    1 => Side { y, x: x + 1, down: true },
                    2 => Side { y: y + 1, x, down: false },
                    _ => Side { y, x, down: true },
                };
                links.entry(side(a)).or_default().push(side(b));
                links.entry(side(b)).or_default().push(side(a));
            }
        }
    }
    let at = |side: Side| {
        let to = if side.down { (side.y + 1, side.x) } else { (side.y, side.x + 1) };
        let (a, b) = (f64::from(values[[side.y, side.x]]), f64::from(values[to]));
        let part = (f64::from(level) - a) / (b - a);
        let (x, y) = (side.x as f64, side.y as f64);
        if side.down { (x, y + part) } else { (x + part, y) }
    };
    // Open lines from their ends first; what is left are rings.
    let ends: Vec<Side> = links.iter().filter(|(_, to)| to.len() == 1).map(|(side, _)| *side).collect();
    let mut lines = Vec::new();
    for start in ends {
        if links.contains_key(&start) {
            lines.push(straightened(walk(&mut links, start).into_iter().map(at).collect()));
        }
    }
    while let Some((&start, _)) = links.first_key_value() {
        lines.push(straightened(walk(&mut links, start).into_iter().map(at).collect()));
    }
    lines
}

/// The pieces inside one square as pairs of its sides (top, right, bottom, left); corners run clockwise from the top
/// left. Where the corners alternate, the mean of the four decides which of them are joined.
fn pieces(corners: [f32; 4], level: f32) -> [Option<(usize, usize)>; 2] {
    let above = corners.map(|v| v >= level);
    if above == [true; 4] || above == [false; 4] || corners.iter().any(|v| !v.is_finite()) {
        return [None, None];
    }
    let crossed: Vec<usize> = (0..4).filter(|&i| above[i] != above[(i + 1) % 4]).collect();
    match crossed[..] {
        [a, b] => [Some((a, b)), None],
        [_, _, _, _] => {
            let middle_above = corners.iter().sum::<f32>() / 4.0 >= level;
            // Sides 0 and 1 meet at corner 1: a piece there cuts that corner off.
            if above[1] == middle_above { [Some((3, 0)), Some((1, 2))] } else { [Some((0, 1)), Some((2, 3))] }
        }
        _ => [None, None],
    }
}

/// Follows the links from one side to the other end, or once around, and removes them.
fn walk(links: &mut BTreeMap<Side, Vec<Side>>, start: Side) -> Vec<Side> {
    let mut way = vec![start];
    let mut at = start;
    while let Some(next) = links.get_mut(&at).and_then(Vec::pop) {
        if links.get(&at).is_some_and(Vec::is_empty) {
            links.remove(&at);
        }
        if let Some(back) = links.get_mut(&next) {
            if let Some(i) = back.iter().position(|side| *side == at) {
                back.swap_remove(i);
            }
            if back.is_empty() {
                links.remove(&next);
            }
        }
        way.push(next);
        at = next;
    }
    way
}

/// The line without points on a straight way between their neighbours.
fn straightened(line: Vec<Point>) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::with_capacity(line.len());
    for point in line {
        if let [.., a, b] = kept[..] {
            let turn = (b.0 - a.0) * (point.1 - b.1) - (b.1 - a.1) * (point.0 - b.0);
            if turn.abs() < 1e-9 {
                kept.pop();
            }
        }
        kept.push(point);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(values: Array2<f32>) -> Patch {
        Patch { y0: 10, x0: 20, values }
    }

    #[test]
    fn a_slope_has_a_straight_line_where_it_passes_the_level() {
        let slope = patch(Array2::from_shape_fn((5, 9), |(_, x)| 2.0 * x as f32));
        assert_eq!(isolines(&slope, 7.0), [[(23.5, 10.0), (23.5, 14.0)]]);
        assert!(isolines(&slope, -1.0).is_empty() && isolines(&slope, 17.0).is_empty());
    }

    #[test]
    fn a_cone_has_a_ring_of_the_right_length() {
        let cone = patch(Array2::from_shape_fn((81, 81), |(y, x)| (y as f32 - 40.0).hypot(x as f32 - 40.0)));
        let rings = isolines(&cone, 30.0);
        assert_eq!(rings.len(), 1);
        assert_eq!(rings[0].first(), rings[0].last(), "closed");
        let circumference = std::f64::consts::TAU * 30.0;
        assert!((length(&rings[0]) / circumference - 1.0).abs() < 0.005, "{}", length(&rings[0]));
        assert!(rings[0].iter().all(|&(x, y)| ((x - 60.0).hypot(y - 50.0) - 30.0).abs() < 0.05));
    }

    #[test]
    fn lines_end_where_the_values_end() {
        let mut slope = Array2::from_shape_fn((9, 9), |(_, x)| x as f32);
        slope.row_mut(4).fill(f32::NAN);
        let lines = isolines(&patch(slope), 3.5);
        assert_eq!(lines, [vec![(23.5, 10.0), (23.5, 13.0)], vec![(23.5, 15.0), (23.5, 18.0)]]);
    }

    #[test]
    fn the_outline_of_a_rectangle_lies_half_a_pixel_outside_with_cut_corners() {
        let mask = Mask::of_pixels((2..5).flat_map(|y| (3..9).map(move |x| (y, x)))).expect("18 pixels");
        let outline = outlines(&mask);
        assert_eq!(outline.len(), 1);
        let corners = [(3.0, 1.5), (8.0, 1.5), (8.5, 2.0), (8.5, 4.0), (8.0, 4.5), (3.0, 4.5), (2.5, 4.0), (2.5, 2.0)];
        assert!(corners.iter().all(|c| outline[0].contains(c)), "{outline:?}");
    }

    #[test]
    fn smoothing_keeps_slopes_and_holes() {
        let mut slope = Array2::from_shape_fn((9, 9), |(y, x)| (3 * y + x) as f32);
        slope[[0, 0]] = f32::NAN;
        let smooth = smoothed(&patch(slope));
        assert_eq!(smooth.at(14, 24), Some(16.0));
        assert_eq!(smooth.at(10, 20), None);
    }
}
