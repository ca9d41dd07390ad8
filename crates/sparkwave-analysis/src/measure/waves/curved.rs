//! How fast fronts pass that are curved.
//!
//! A plane through the arrivals around a place takes a curved front for a fast one: times differ less between the two ends
//! of a chord and its middle than the way does. Wider windows, which noise asks for, make this worse. The squares of the
//! times since the wave began do not have that fault: where a wave spreads from a point `o` at one speed,
//! `(T - T0)^2 = s^2 |q - o|^2`, and where it is plane, `(T - T0)^2 = (s . (q - o))^2`. Both are polynomials of second
//! degree, wherever the window lies. One is fitted by least squares to the squares in a window, each weighted by the
//! inverse of the variance that an error of the time causes in its square, and `grad T = grad (T - T0)^2 / 2 (T - T0)`.
//! The same idea, a distance of which a factor is known, is behind factored eikonal solvers (Fomel, Luo & Zhao, J.
//! Comput. Phys. 2009, 228, 6440).

use ndarray::Array2;
use rayon::prelude::*;

use super::scale::Scale;
use super::slowness::Fronts;

/// Half the edge of the window in half windows of the planes (0.5 mm). Arrival errors of one cycle of vasomotion reach
/// over half a millimetre of a wave's way, and a window that sees less takes them for changes of speed.
const WIDTH: f64 = 2.5;
/// Arrivals are averaged in squares of this part of half the edge.
const GRAIN: f64 = 0.1;
/// Squares with arrivals that a fit needs.
const MIN_SQUARES: usize = 18;
/// Error of an arrival, s: arrivals that close to the beginning do not weigh more than others there.
const ARRIVAL_SD_S: f64 = 2.0;

/// Coefficients of 1, y, x, yy, yx, xx.
const N: usize = 6;

/// Mean arrival of a square of pixels.
#[derive(Clone, Copy)]
struct Square {
    y: f64,
    x: f64,
    since_onset_s: f64,
    n: f64,
}

/// Takes the speeds of the fronts from fits of squared times. Places where no front can be made out stay without, those
/// with too few arrivals around them keep the speed of their plane. `onset_s` is the time at which the wave began.
pub(super) fn refine_speeds(fronts: &mut Fronts, onset_s: f64, scale: Scale) {
    // The squares of times before the onset would fold back.
    let earliest = fronts.at.iter().flatten().map(|front| front.arrival_s).fold(onset_s, f64::min);
    let half_px = fronts.half_window_px.map(|h| WIDTH * h as f64);
    let edge_px = half_px.map(|h| ((GRAIN * h).round() as usize).max(1));
    let squares = squares(fronts, edge_px, earliest);
    let reach = [0, 1].map(|axis| (half_px[axis] / edge_px[axis] as f64).ceil() as usize);
    let (rows, columns) = squares.dim();
    let fits: Vec<Option<[f64; N]>> = (0..rows * columns)
        .into_par_iter()
        .map(|i| fit(&squares, (i / columns, i % columns), edge_px, half_px, reach))
        .collect();
    for ((y, x), front) in fronts.at.indexed_iter_mut() {
        let (row, column) = (y / edge_px[0], x / edge_px[1]);
        let Some((front, fit)) = front.as_mut().zip(fits[row * columns + column]) else { continue };
        if front.speed.is_none() {
            continue;
        }
        let (dy, dx) =
            ((y as f64 - middle(row, edge_px[0])) / half_px[0], (x as f64 - middle(column, edge_px[1])) / half_px[1]);
        let [level, by, bx, byy, byx, bxx] = fit;
        let squared = level + by * dy + bx * dx + byy * dy * dy + byx * dy * dx + bxx * dx * dx;
        let slope = [
            (by + 2.0 * byy * dy + byx * dx) / (half_px[0] * scale.y),
            (bx + 2.0 * bxx * dx + byx * dy) / (half_px[1] * scale.x),
        ];
        let speed = 2.0 * squared.max(0.0).sqrt() / slope[0].hypot(slope[1]);
        if speed.is_finite() && speed > 0.0 {
            front.speed = Some(speed);
        }
    }
}

/// Middle of the `i`-th square along an axis, px.
fn middle(i: usize, edge_px: usize) -> f64 {
    (i * edge_px) as f64 + (edge_px as f64 - 1.0) / 2.0
}

fn squares(fronts: &Fronts, edge_px: [usize; 2], onset_s: f64) -> Array2<Square> {
    let (height, width) = fronts.at.dim();
    let empty = Square { y: 0.0, x: 0.0, since_onset_s: 0.0, n: 0.0 };
    let mut sums = Array2::from_elem((height.div_ceil(edge_px[0]), width.div_ceil(edge_px[1])), empty);
    for ((y, x), _) in fronts.trusted.indexed_iter().filter(|(_, trusted)| **trusted) {
        let sum = &mut sums[[y / edge_px[0], x / edge_px[1]]];
        sum.y += y as f64;
        sum.x += x as f64;
        sum.since_onset_s += fronts.arrival_s[[y, x]] - onset_s;
        sum.n += 1.0;
    }
    sums.mapv_into(|s| {
        if s.n > 0.0 { Square { y: s.y / s.n, x: s.x / s.n, since_onset_s: s.since_onset_s / s.n, ..s } } else { s }
    })
}

/// The polynomial around a square, in half edges of the window from its middle.
fn fit(
    squares: &Array2<Square>,
    (row, column): (usize, usize),
    edge_px: [usize; 2],
    half_px: [f64; 2],
    reach: [usize; 2],
) -> Option<[f64; N]> {
    let (rows, columns) = squares.dim();
    let (y, x) = (middle(row, edge_px[0]), middle(column, edge_px[1]));
    let mut normal = [[0.0; N]; N];
    let mut right = [0.0; N];
    let mut n_squares = 0;
    for r in row.saturating_sub(reach[0])..(row + reach[0] + 1).min(rows) {
        for c in column.saturating_sub(reach[1])..(column + reach[1] + 1).min(columns) {
            let square = squares[[r, c]];
            let (dy, dx) = ((square.y - y) / half_px[0], (square.x - x) / half_px[1]);
            if square.n == 0.0 || dy.abs() > 1.0 || dx.abs() > 1.0 {
                continue;
            }
            n_squares += 1;
            let since = square.since_onset_s;
            let weight = square.n / (since.abs() + ARRIVAL_SD_S).powi(2);
            let terms = [1.0, dy, dx, dy * dy, dy * dx, dx * dx];
            for (i, term) in terms.iter().enumerate() {
                right[i] += weight * term * since * since.abs();
                (0..=i).for_each(|j| normal[i][j] += weight * term * terms[j]);
            }
        }
    }
    (n_squares >= MIN_SQUARES).then(|| solve(normal, right)).flatten()
}

/// Solves a symmetric system of which the lower triangle is given (Cholesky); `None` where it hardly determines a solution.
fn solve(mut a: [[f64; N]; N], mut b: [f64; N]) -> Option<[f64; N]> {
    const MIN_PIVOT: f64 = 1e-4;
    for i in 0..N {
        for j in 0..=i {
            let (own, before) = (a[i][i], (0..j).map(|k| a[i][k] * a[j][k]).sum::<f64>());
            let rest = a[i][j] - before;
            a[i][j] = match i == j {
                true if rest > MIN_PIVOT * own => rest.sqrt(),
                true => return None,
                false => rest / a[j][j],
            };
        }
        b[i] = (b[i] - (0..i).map(|k| a[i][k] * b[k]).sum::<f64>()) / a[i][i];
    }
    for i in (0..N).rev() {
        b[i] = (b[i] - (i + 1..N).map(|k| a[k][i] * b[k]).sum::<f64>()) / a[i][i];
    }
    Some(b)
}
