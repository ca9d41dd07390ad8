//! The area that a wave visits, as a set of pixels in its bounding box.

use ndarray::Array2;

/// Fills the holes of at most `max_pixels` pixels: places where no arrival could be made out, such as vessels. Larger
/// holes stay, since a wave may pass around tissue that it does not enter.
pub(super) fn without_small_holes(area: &Array2<bool>, max_pixels: usize) -> Array2<bool> {
    let (height, width) = area.dim();
    let mut filled = area.clone();
    for hole in components(&area.mapv(|inside| !inside), &SIDES) {
        let is_open = hole.iter().any(|&(y, x)| y == 0 || x == 0 || y + 1 == height || x + 1 == width);
        if !is_open && hole.len() <= max_pixels {
            hole.into_iter().for_each(|at| filled[at] = true);
        }
    }
    filled
}

/// Neighbours that share a side, as steps `(y, x)`.
pub(super) const SIDES: [(isize, isize); 4] = [(-1, 0), (0, -1), (0, 1), (1, 0)];
/// Neighbours that share a side or a corner.
pub(super) const SIDES_AND_CORNERS: [(isize, isize); 8] =
    [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)];

/// The pixel a step away, if it lies in an image of this size.
pub(super) fn step(
    (y, x): (usize, usize),
    (dy, dx): (isize, isize),
    (height, width): (usize, usize),
) -> Option<(usize, usize)> {
    let (y, x) = (y.checked_add_signed(dy)?, x.checked_add_signed(dx)?);
    (y < height && x < width).then_some((y, x))
}

/// The connected components, in the order of their first pixels.
pub(super) fn components(area: &Array2<bool>, neighbours: &[(isize, isize)]) -> Vec<Vec<(usize, usize)>> {
    let mut seen = area.mapv(|inside| !inside);
    let mut found = Vec::new();
    for (start, inside) in area.indexed_iter() {
        if !inside || seen[start] {
            continue;
        }
        seen[start] = true;
        let mut component = vec![start];
        let mut next = 0;
        while let Some(&at) = component.get(next) {
            next += 1;
            for neighbour in neighbours.iter().filter_map(|&by| step(at, by, area.dim())) {
                if !seen[neighbour] {
                    seen[neighbour] = true;
                    component.push(neighbour);
                }
            }
        }
        found.push(component);
    }
    found
}

/// The largest component of some pixels, corners joining; the first of equals. Empty for none.
pub(super) fn largest_component(pixels: &[(usize, usize)], dim: (usize, usize)) -> Vec<(usize, usize)> {
    let mut area = Array2::from_elem(dim, false);
    pixels.iter().for_each(|&at| area[at] = true);
    let mut largest = Vec::new();
    for component in components(&area, &SIDES_AND_CORNERS) {
        if component.len() > largest.len() {
            largest = component;
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_holes_are_filled_and_large_ones_and_bays_are_not() {
        let mut area = Array2::from_elem((9, 12), true);
        for at in [(2, 2), (2, 3), (5, 5), (5, 6), (6, 5), (6, 6), (4, 11)] {
            area[at] = false;
        }
        let filled = without_small_holes(&area, 3);
        assert!(filled[[2, 2]] && filled[[2, 3]]);
        assert!(!filled[[5, 5]] && !filled[[4, 11]]);
    }

    #[test]
    fn corners_join_components_only_where_asked() {
        let mut area = Array2::from_elem((4, 4), false);
        for at in [(0, 0), (1, 1), (3, 3), (3, 2)] {
            area[at] = true;
        }
        assert_eq!(components(&area, &SIDES).len(), 3);
        assert_eq!(components(&area, &SIDES_AND_CORNERS).len(), 2);
        assert_eq!(largest_component(&[(0, 0), (3, 2), (3, 3)], (4, 4)), [(3, 2), (3, 3)]);
        assert!(largest_component(&[], (4, 4)).is_empty());
    }
}
