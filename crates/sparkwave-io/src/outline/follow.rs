//! Border following: the closed walks around a region (Moore-neighbour tracing, with Jacob's stopping rule).

use crate::polygon::Points;
use ndarray::Array2;

/// Which pixels are neighbours: those that share an edge, or a corner as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connectivity {
    Four,
    Eight,
}

impl Connectivity {
    /// Steps `(dy, dx)` to the neighbours, clockwise in the picture, beginning with the one to the right.
    fn steps(self) -> &'static [(i64, i64)] {
        match self {
            Self::Four => &[(0, 1), (1, 0), (0, -1), (-1, 0)],
            Self::Eight => &[(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)],
        }
    }
}

/// Pixels of the plane, cropped to a box; unlike a mask's, the box may begin at -1.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) y0: i64,
    pub(super) x0: i64,
    pub(super) bits: Array2<bool>,
}

impl Region {
    pub(super) fn n_pixels(&self) -> usize {
        self.bits.iter().filter(|inside| **inside).count()
    }

    fn contains(&self, y: i64, x: i64) -> bool {
        // Negative numbers become large ones, beyond any box.
        let at = ((y - self.y0) as usize, (x - self.x0) as usize);
        self.bits.get(at).copied().unwrap_or(false)
    }

    /// The first pixel in reading order.
    fn first(&self) -> Option<(i64, i64)> {
        let ((y, x), _) = self.bits.indexed_iter().find(|(_, inside)| **inside)?;
        Some((y as i64 + self.y0, x as i64 + self.x0))
    }

    /// The connected parts, each cropped to its own box, in the order of their first pixels.
    pub(super) fn parts(&self, connectivity: Connectivity) -> Vec<Self> {
        let mut left = self.bits.clone();
        let mut parts = Vec::new();
        for start in ndarray::indices(left.raw_dim()) {
            if !left[start] {
                continue;
            }
            left[start] = false;
            let mut pixels = vec![start];
            let mut next = 0;
            while let Some(&(y, x)) = pixels.get(next) {
                next += 1;
                for (dy, dx) in connectivity.steps() {
                    let at = ((y as i64 + dy) as usize, (x as i64 + dx) as usize);
                    if left.get(at) == Some(&true) {
                        left[at] = false;
                        pixels.push(at);
                    }
                }
            }
            parts.push(self.part(&pixels));
        }
        parts
    }

    fn part(&self, pixels: &[(usize, usize)]) -> Self {
        let (y, x) = (pixels.iter().map(|p| p.0), pixels.iter().map(|p| p.1));
        // A part has at least its first pixel.
        let (top, left) = (y.clone().min().unwrap_or(0), x.clone().min().unwrap_or(0));
        let (bottom, right) = (y.max().unwrap_or(0), x.max().unwrap_or(0));
        let mut bits = Array2::from_elem((bottom - top + 1, right - left + 1), false);
        pixels.iter().for_each(|(y, x)| bits[[y - top, x - left]] = true);
        Self { y0: self.y0 + top as i64, x0: self.x0 + left as i64, bits }
    }
}

/// The walk `[x, y]` around a connected region through the centres of its boundary pixels, clockwise in the picture;
/// points within straight runs are left out.
pub(super) fn pixel_centres(region: &Region, connectivity: Connectivity) -> Vec<[i64; 2]> {
    let Some(start) = region.first() else { return Vec::new() };
    let steps = connectivity.steps();
    let n = steps.len();
    // The neighbour after the one known to lie outside. Nothing lies above the first pixel or to the left of it, as if
    // the walk had come from the left.
    let turn_back = match connectivity {
        Connectivity::Four => 3,
        Connectivity::Eight => 5,
    };
    let next = |(y, x): (i64, i64), came: usize| {
        let turns = (0..n).map(|i| (came + turn_back + i) % n);
        turns.into_iter().find(|&d| region.contains(y + steps[d].0, x + steps[d].1))
    };
    let Some(first) = next(start, 0) else { return vec![[start.1, start.0]] };
    let mut corners = Vec::new();
    let (mut at, mut direction) = (start, first);
    loop {
        at = (at.0 + steps[direction].0, at.1 + steps[direction].1);
        // The region is connected and the step back is always possible.
        let Some(turned) = next(at, direction) else { break };
        if turned != direction {
            corners.push([at.1, at.0]);
        }
        if at == start && turned == first {
            break;
        }
        direction = turned;
    }
    // The walk comes back to the first pixel from below or from the right and turns there: it is the last corner.
    corners.rotate_right(1);
    corners
}

/// The walk `[x, y]` around a 4-connected region without holes, along the edges of its pixels; pixel `i` spans `i` to
/// `i + 1`. Clockwise in the picture, beginning at the upper left corner of the first pixel.
pub(super) fn pixel_edges(region: &Region) -> Points {
    let Some((y, x)) = region.first() else { return Points::new() };
    let steps = Connectivity::Four.steps();
    // Pixels before the corner (y, x), to the right and to the left of the walk, for each direction.
    let ahead = |(y, x): (i64, i64), direction: usize| match direction {
        0 => [(y, x), (y - 1, x)],
        1 => [(y, x - 1), (y, x)],
        2 => [(y - 1, x - 1), (y, x - 1)],
        _ => [(y - 1, x), (y - 1, x - 1)],
    };
    let (start, mut at, mut direction) = ((y, x), (y, x), 0);
    let mut corners = vec![[x as f64, y as f64]];
    loop {
        at = (at.0 + steps[direction].0, at.1 + steps[direction].1);
        if at == start {
            return corners;
        }
        let [right, left] = ahead(at, direction).map(|(y, x)| region.contains(y, x));
        // Where two pixels touch at a corner only, the walk turns right and stays with its own.
        let turned = match (right, left) {
            (false, _) => (direction + 1) % 4,
            (true, false) => direction,
            (true, true) => (direction + 3) % 4,
        };
        if turned != direction {
            corners.push([at.1 as f64, at.0 as f64]);
        }
        direction = turned;
    }
}
