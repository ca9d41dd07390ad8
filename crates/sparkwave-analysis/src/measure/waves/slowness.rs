//! Which way and how fast the front passes each place: planes fitted to the arrival map.
//!
//! Locally a front is plane, `T(q) = T(p) + s . (q - p)` with the slowness `s = grad T`; it travels along `s` at the
//! speed `1 / |s|`. The plane is fitted by least squares to the arrivals in a rectangular window around each pixel,
//! from two-dimensional cumulative sums of the moments, at a cost that does not depend on the window.
//!
//! Noise of the arrivals adds to `|s|` in every direction, and so makes fronts look slow. Across the direction of
//! travel it adds in quadrature and always lengthens `s`; along it, errors of both signs are equally likely. The speed
//! is therefore taken from the component of `s` along the direction of travel, which comes from a window twice as wide
//! whose direction is several times as certain. Medians over such speeds are free of the first-order bias.

use ndarray::Array2;
use rayon::prelude::*;
use sparkwave_core::mask::Patch;

use super::domain;
use super::scale::Scale;

/// Half the edge of the window, mm: wide enough for the noise of arrival maps, narrow against the radius of curvature of a
/// front (a circular front of radius `r` looks faster by `w^2 / 6 r^2`) and against the patches in which its speed differs.
const HALF_WINDOW_MM: f64 = 0.2;
/// Without a pixel size: half the edge as a fraction of the radius of the disc of the visited area.
const HALF_WINDOW_PER_RADIUS: f64 = 0.125;
/// The window is at least 5 by 5 pixels.
const MIN_HALF_WINDOW_PX: usize = 2;
/// Pixels that a plane needs.
const MIN_PIXELS: f64 = 12.0;
/// The arrivals of a window must spread over at least this fraction of its half edge in every direction (standard
/// deviation); a full window has 0.58, half a window 0.29.
const MIN_SPREAD: f64 = 0.125;
/// A plane must explain this part of the variance of the arrivals, or it is no front.
const MIN_R2: f64 = 0.25;
/// Arrivals this many standard deviations off their own plane are left out.
const OUTLIER_SD: f64 = 3.0;
const OUTLIER_PASSES: usize = 3;
/// The two windows must agree on the direction of travel within 60 degrees.
const MIN_COSINE: f64 = 0.5;

/// The front at one pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    /// Smoothed time of arrival, s.
    pub(super) arrival_s: f64,
    /// Unit vector of travel `[y, x]` in the plane of the tissue; `None` where no front can be made out.
    pub(super) direction: Option<[f64; 2]>,
    /// Speed in units of length per second; `None` where no front can be made out.
    pub(super) speed: Option<f64>,
}

/// The fronts of a wave, cropped like its arrival map.
pub(super) struct Fronts {
    pub(super) y0: usize,
    pub(super) x0: usize,
    /// The visited area `[Y, X]`, small holes of the arrival map filled.
    pub(super) domain: Array2<bool>,
    /// Arrivals that are defined and no outliers.
    pub(super) trusted: Array2<bool>,
    /// The arrival map, s.
    pub(super) arrival_s: Array2<f64>,
    /// One a pixel; `None` outside the domain and where too few arrivals are near.
    pub(super) at: Array2<Option<Front>>,
    /// Half edges of the window `[y, x]`, px.
    pub(super) half_window_px: [usize; 2],
    /// The larger half edge in units of length.
    pub(super) half_window: f64,
}

impl Fronts {
    /// Pixels `(y, x)` of the crop where a speed is known, with the front there, row by row.
    pub(super) fn with_speed(&self) -> impl Iterator<Item = ((usize, usize), f64)> + '_ {
        self.at.indexed_iter().filter_map(|(at, front)| Some((at, front.as_ref()?.speed?)))
    }
}

/// Fits the fronts of an arrival map.
pub(super) fn fit(arrival: &Patch, scale: Scale) -> Fronts {
    let visited = arrival.values.mapv(f32::is_finite);
    let n_visited = visited.iter().filter(|v| **v).count() as f64;
    let half = if scale.is_calibrated() {
        HALF_WINDOW_MM
    } else {
        HALF_WINDOW_PER_RADIUS * (n_visited / std::f64::consts::PI).sqrt()
    };
    let half_px = |edge: f64, size: usize| ((half / edge).round() as usize).clamp(MIN_HALF_WINDOW_PX, size.max(2));
    let half_window_px = [half_px(scale.y, visited.nrows()), half_px(scale.x, visited.ncols())];
    let domain = domain::without_small_holes(&visited, 4 * half_window_px[0] * half_window_px[1]);
    // Times since the first arrival keep the sums of squares small.
    let first = arrival.iter().map(|(_, t)| f64::from(t)).fold(f64::INFINITY, f64::min);
    let since_first = arrival.values.mapv(|t| f64::from(t) - first);

    let mut trusted = visited;
    for _ in 0..OUTLIER_PASSES {
        let moments = Moments::of(&since_first, &trusted);
        trusted = rows_of(&since_first, |at| {
            let time = since_first[at];
            let Some(plane) = moments.plane(at, half_window_px) else { return time.is_finite() };
            (time - plane.level).abs() <= OUTLIER_SD * plane.residual_sd + f64::EPSILON * 1e6
        });
    }
    let moments = Moments::of(&since_first, &trusted);
    let wide = half_window_px.map(|h| 2 * h);
    let at = rows_of(&since_first, |at| {
        let plane = domain[at].then(|| moments.plane(at, half_window_px)).flatten()?;
        let travel = moments.plane(at, wide).and_then(|wide| {
            let slowness = plane.slowness(scale)?;
            let direction = unit(wide.slowness(scale)?);
            let along = slowness[0] * direction[0] + slowness[1] * direction[1];
            (along >= MIN_COSINE * slowness[0].hypot(slowness[1])).then_some((direction, along))
        });
        Some(Front {
            arrival_s: plane.level + first,
            direction: travel.map(|(direction, _)| direction),
            speed: travel.map(|(_, along)| 1.0 / along),
        })
    });
    let [hy, hx] = half_window_px.map(|h| h as f64);
    Fronts {
        y0: arrival.y0,
        x0: arrival.x0,
        domain,
        trusted,
        arrival_s: since_first.mapv(|t| t + first),
        at,
        half_window_px,
        half_window: (hy * scale.y).max(hx * scale.x),
    }
}

fn unit(vector: [f64; 2]) -> [f64; 2] {
    let length = vector[0].hypot(vector[1]);
    vector.map(|v| v / length)
}

/// An image of the same size as `like`, its rows computed in parallel.
fn rows_of<T: Send>(like: &Array2<f64>, value: impl Fn((usize, usize)) -> T + Sync) -> Array2<T> {
    let (height, width) = like.dim();
    let values: Vec<T> =
        (0..height).into_par_iter().flat_map_iter(|y| (0..width).map(move |x| (y, x)).map(&value)).collect();
    Array2::from_shape_vec((height, width), values).expect("height rows of width values")
}

/// A plane fitted in a window.
struct Plane {
    /// Its value at the window's centre.
    level: f64,
    /// Its slope `[y, x]`, s per pixel.
    slope: [f64; 2],
    /// Root of the mean squared residual.
    residual_sd: f64,
    /// Part of the variance that it explains.
    r2: f64,
}

impl Plane {
    /// The slowness `[y, x]` in s per unit of length, if the plane is that of a front.
    fn slowness(&self, scale: Scale) -> Option<[f64; 2]> {
        (self.r2 >= MIN_R2).then(|| [self.slope[0] / scale.y, self.slope[1] / scale.x])
    }
}

/// Number of moments: 1, y, x, yy, yx, xx, t, yt, xt, tt.
const N_MOMENTS: usize = 10;

/// Cumulative sums of the moments of the arrivals, one row and column larger than the map. Those of the coordinates are
/// whole numbers below 2^53 and exact.
struct Moments(Array2<[f64; N_MOMENTS]>);

impl Moments {
    fn of(times: &Array2<f64>, used: &Array2<bool>) -> Self {
        let (height, width) = times.dim();
        let mut sums = Array2::from_elem((height + 1, width + 1), [0.0; N_MOMENTS]);
        for y in 0..height {
            let mut row = [0.0; N_MOMENTS];
            for x in 0..width {
                if used[[y, x]] {
                    let (fy, fx, t) = (y as f64, x as f64, times[[y, x]]);
                    let moments = [1.0, fy, fx, fy * fy, fy * fx, fx * fx, t, fy * t, fx * t, t * t];
                    row.iter_mut().zip(moments).for_each(|(sum, m)| *sum += m);
                }
                let above = sums[[y, x + 1]];
                sums[[y + 1, x + 1]] = std::array::from_fn(|m| above[m] + row[m]);
            }
        }
        Self(sums)
    }

    /// The plane through the arrivals within the half edges of a pixel; `None` if they are too few or too thinly
    /// spread.
    fn plane(&self, (y, x): (usize, usize), half: [usize; 2]) -> Option<Plane> {
        let (height, width) = self.0.dim();
        let (top, bottom) = (y.saturating_sub(half[0]), (y + half[0] + 1).min(height - 1));
        let (left, right) = (x.saturating_sub(half[1]), (x + half[1] + 1).min(width - 1));
        let corner = |y, x| &self.0[[y, x]];
        let (a, b, c, d) = (corner(top, left), corner(top, right), corner(bottom, left), corner(bottom, right));
        let [n, sy, sx, syy, syx, sxx, st, syt, sxt, stt]: [f64; N_MOMENTS] =
            std::array::from_fn(|m| d[m] - b[m] - c[m] + a[m]);
        if n < MIN_PIXELS {
            return None;
        }
        let (my, mx, mt) = (sy / n, sx / n, st / n);
        let (vyy, vyx, vxx) = (syy / n - my * my, syx / n - my * mx, sxx / n - mx * mx);
        let (vyt, vxt, vtt) = (syt / n - my * mt, sxt / n - mx * mt, (stt / n - mt * mt).max(0.0));
        // The smaller eigenvalue of the covariance in half edges.
        let (ny, nx) = (vyy / (half[0] * half[0]) as f64, vxx / (half[1] * half[1]) as f64);
        let nyx = vyx / (half[0] * half[1]) as f64;
        let smallest = (ny + nx) / 2.0 - ((ny - nx) / 2.0).hypot(nyx);
        if smallest < MIN_SPREAD * MIN_SPREAD {
            return None;
        }
        let determinant = vyy * vxx - vyx * vyx;
        let slope = [(vyt * vxx - vxt * vyx) / determinant, (vxt * vyy - vyt * vyx) / determinant];
        let explained = slope[0] * vyt + slope[1] * vxt;
        Some(Plane {
            level: mt + slope[0] * (y as f64 - my) + slope[1] * (x as f64 - mx),
            slope,
            residual_sd: (vtt - explained).max(0.0).sqrt(),
            r2: if vtt > 0.0 { explained / vtt } else { 0.0 },
        })
    }
}
