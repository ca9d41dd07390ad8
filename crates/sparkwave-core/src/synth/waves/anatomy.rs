//! What the camera looks at: cortex between bone, with a midline, vessels, a burr hole and wet glare.

use super::field::{smooth, smoothstep};
use super::grid::Grid;
use super::params::WavesParams;
use super::vessels;
use super::{Stream, random_stream};
use crate::axes::PointYx;
use crate::synth::blur::gaussian;
use crate::wave::{Cortex, Midline, Side};
use ndarray::{Array2, Zip};
use rand::Rng;
use rand_distr::StandardNormal;
use std::f64::consts::{PI, TAU};

/// Half the width of the strip along the midline that no wave enters: the sinus and the gap between the hemispheres, mm.
const MIDLINE_HALF_WIDTH_MM: f64 = 0.22;
/// Width of the optics' point spread function in pixels (standard deviation), also what resampling needs.
const OPTICS_PX: f64 = 1.0;
/// Radius of the burr hole at which potassium chloride is applied, mm (sample: 0.8).
const HOLE_MM: f64 = 0.7;

/// Outline of the window: an egg around its centre, narrower in front, with an uneven rim.
#[derive(Clone, Debug)]
struct Outline {
    centre: PointYx,
    half_height_mm: f64,
    half_width_mm: f64,
    egg: f64,
    rim: Vec<(f64, f64)>,
}

impl Outline {
    fn draw(params: &WavesParams, rng: &mut impl Rng) -> Self {
        let (height, width) = (params.field_mm * params.height as f64 / params.width as f64, params.field_mm);
        let centre = PointYx {
            y: height * (0.5 + 0.015 * rng.sample::<f64, _>(StandardNormal)),
            x: width * (0.5 + 0.012 * rng.sample::<f64, _>(StandardNormal)),
        };
        let rim =
            (2..7).map(|n| (0.05 / f64::from(n) * rng.random_range(0.3..1.0), rng.random_range(0.0..TAU))).collect();
        let (half_height_mm, half_width_mm) =
            (height * rng.random_range(0.42..0.45), width * rng.random_range(0.38..0.41));
        Self { centre, half_height_mm, half_width_mm, egg: rng.random_range(0.12..0.24), rim }
    }

    /// Distance to the rim in mm, positive inside; exact on the rim and near enough around it.
    fn depth_mm(&self, at: PointYx) -> f64 {
        let v = (at.y - self.centre.y) / self.half_height_mm;
        let u = (at.x - self.centre.x) / (self.half_width_mm * (1.0 + self.egg * v.clamp(-1.5, 1.0)));
        let angle = v.atan2(u);
        let wobble: f64 =
            self.rim.iter().zip(2..).map(|((a, phase), n)| a * (f64::from(n) * angle + phase).sin()).sum();
        // A superellipse is nearer to the form of a skull than an ellipse.
        let radius = (u.abs().powf(2.3) + v.abs().powf(2.3)).powf(1.0 / 2.3);
        (1.0 + wobble - radius) * self.half_height_mm.min(self.half_width_mm)
    }
}

/// Where things are, and how bright they are at rest.
pub(super) struct Anatomy {
    /// Reflected light at rest on the grid `[Y, X]`; 1 at the median cortical pixel under mean illumination.
    pub(super) rest: Array2<f32>,
    /// Share of the light that comes from cortex, on the grid `[Y, X]`: 1 on bare cortex, 0 on bone.
    pub(super) visible: Array2<f32>,
    /// How much of the light vessels take, on the grid `[Y, X]`, 0 to 1: where the pulse is seen.
    pub(super) vessels: Array2<f32>,
    /// Light that falls on each pixel of the field `[height, width]`, 1 on average over the cortex.
    pub(super) illumination: Array2<f32>,
    /// Where potassium chloride is applied, one site a hemisphere, mm.
    pub(super) sites: [(Side, PointYx); 2],
    outline: Outline,
    /// Ends of the midline on the upper and the lower edge of the field, mm.
    midline: (PointYx, PointYx),
    grid: Grid,
}

impl Anatomy {
    pub(super) fn draw(params: &WavesParams, grid: &Grid, seed: u64) -> Self {
        let mut rng = random_stream(seed, Stream::Anatomy);
        let outline = Outline::draw(params, &mut rng);
        let tilt = 0.03 * rng.sample::<f64, _>(StandardNormal);
        let bottom = grid.mm_per_px * (grid.height as f64 - 1.0);
        let end = |y: f64| PointYx { y, x: outline.centre.x + tilt * (y - outline.centre.y) };
        let midline = (end(0.0), end(bottom));
        let mut site = |side: Side| {
            let lateral = outline.half_width_mm * rng.random_range(0.42..0.58);
            let y = outline.centre.y + outline.half_height_mm * rng.random_range(0.4..0.6);
            let sign = if side == Side::Left { -1.0 } else { 1.0 };
            (side, PointYx { y, x: end(y).x + sign * lateral })
        };
        let sites = [site(Side::Left), site(Side::Right)];
        let mut anatomy = Self {
            rest: Array2::zeros(grid.shape()),
            visible: Array2::zeros(grid.shape()),
            vessels: Array2::zeros(grid.shape()),
            illumination: Array2::ones((grid.height, grid.width)),
            sites,
            outline,
            midline,
            grid: *grid,
        };
        anatomy.vessels = vessels::draw(&anatomy, grid, seed);
        anatomy.paint(&mut rng);
        anatomy
    }

    /// Distance to the rim of the window, mm, positive inside.
    pub(super) fn depth_mm(&self, at: PointYx) -> f64 {
        self.outline.depth_mm(at)
    }

    /// Distance to the midline, mm, negative on the left side of the picture.
    pub(super) fn off_midline_mm(&self, at: PointYx) -> f64 {
        let (from, to) = self.midline;
        let slope = (to.x - from.x) / (to.y - from.y);
        (at.x - from.x - slope * (at.y - from.y)) / slope.hypot(1.0)
    }

    /// The window's centre and half its height and width, mm.
    pub(super) fn window(&self) -> (PointYx, f64, f64) {
        (self.outline.centre, self.outline.half_height_mm, self.outline.half_width_mm)
    }

    /// True where a wave can be in the hemisphere of that side.
    pub(super) fn is_open(&self, side: Side, at: PointYx) -> bool {
        let off = self.off_midline_mm(at);
        let off = if side == Side::Left { -off } else { off };
        off > MIDLINE_HALF_WIDTH_MM && self.depth_mm(at) > 0.08
    }

    /// The part of the field that shows cortex, `[height, width]`, and the midline in pixels.
    pub(super) fn cortex(&self) -> Cortex {
        let px = |mm: PointYx| PointYx { y: mm.y / self.grid.mm_per_px, x: mm.x / self.grid.mm_per_px };
        let at =
            |(y, x): (usize, usize)| PointYx { y: y as f64 * self.grid.mm_per_px, x: x as f64 * self.grid.mm_per_px };
        Cortex {
            inside: Array2::from_shape_fn((self.grid.height, self.grid.width), |cell| self.depth_mm(at(cell)) > 0.0),
            midline: Some(Midline { from: px(self.midline.0), to: px(self.midline.1) }),
        }
    }

    /// Reflectance and the visible share of cortex, before and after the optics.
    fn paint(&mut self, rng: &mut impl Rng) {
        let grid = self.grid;
        let [coarse, middle, fine, cloudy, muscle] =
            [1.6, 0.45, 0.12, 0.8, 0.35].map(|scale| smooth(&grid, scale, rng));
        let streak = smooth(&grid, 0.06, rng);
        let uneven_rim = smooth(&grid, 0.9, rng);
        let rim_phase = rng.random_range(0.0..TAU);
        let mut rest = Array2::zeros(grid.shape());
        for (cell, value) in rest.indexed_iter_mut() {
            let at = grid.mm(cell);
            let depth = self.depth_mm(at);
            let off = self.off_midline_mm(at);
            let [coarse, middle, fine, cloudy, muscle, streak] =
                [&coarse, &middle, &fine, &cloudy, &muscle, &streak].map(|field| f64::from(field[cell]));
            let tissue = 1.0 + 0.09 * coarse + 0.07 * middle + 0.06 * fine;
            let rounding = 0.72 + 0.28 * smoothstep(0.0, 1.6, depth);
            // The sinus winds a little and is wider here and there; its walls are bright.
            let (from_sinus, sinus_mm) = (off - 0.045 * middle, 0.075 * (1.0 + 0.3 * coarse).clamp(0.5, 1.6));
            let sinus = 1.0 - 0.5 * bell(from_sinus, sinus_mm) + 0.1 * bell(from_sinus.abs() - 0.22, 0.08);
            let cortex = tissue * rounding * sinus * (1.0 - 0.55 * f64::from(self.vessels[cell]));
            // Remains of bone and dura along the sides scatter more light than cortex.
            let lateral = smoothstep(1.4, 0.5, depth.max(0.0)) * smoothstep(1.2, 2.2, off.abs());
            let veil = lateral * smoothstep(0.5, 1.6, cloudy + 0.4 * middle + 0.25 * streak);
            let cortex = cortex + 0.75 * veil;
            let (centre, ..) = self.window();
            let angle = (at.y - centre.y).atan2(at.x - centre.x);
            // The cut edge of the bone is bright, the bone behind it falls off, muscle and skin lie outside.
            let rim =
                (0.75 + 0.3 * (2.0 * angle + rim_phase).sin() + 0.4 * f64::from(uneven_rim[cell])).clamp(0.0, 1.6);
            let edge = rim * (1.0 + 0.15 * fine) * bell(depth + 0.14, 0.09 + 0.05 * rim);
            let bone = 0.62 * (1.0 + 0.13 * muscle + 0.08 * fine);
            // Fibres of the temporal muscle run towards the head's middle.
            let fibre = (55.0 * angle + 2.5 * muscle + 1.5 * middle).sin();
            let outside = 0.34 * (1.0 + 0.2 * muscle + 0.14 * streak + 0.12 * fibre);
            let behind = outside + (bone - outside) * smoothstep(-0.75, -0.45, depth) + 0.55 * edge;
            let inside = smoothstep(-0.06, 0.06, depth);
            *value = (inside * cortex + (1.0 - inside) * behind).max(0.04) as f32;
            self.visible[cell] = (smoothstep(-0.02, 0.14, depth) * (1.0 - 0.6 * veil)) as f32;
        }
        self.drill(&mut rest, rng);
        let mut rest = gaussian(&rest, OPTICS_PX);
        self.visible = gaussian(&self.visible, OPTICS_PX);
        self.illumination = illuminate(&grid, rng);
        let level = self.median_of_cortex(&rest);
        rest /= level;
        self.rest = rest;
    }

    /// The burr hole: a bright rim, a wet crescent, and drops that mirror the lamps.
    fn drill(&mut self, rest: &mut Array2<f32>, rng: &mut impl Rng) {
        let (_, site) = self.sites[0];
        let rim_at = rng.random_range(0.0..TAU);
        let mut drops: Vec<(PointYx, f64)> = (0..14)
            .map(|_| {
                let (angle, radius) = (rim_at + rng.random_range(-1.2..1.2), HOLE_MM * rng.random_range(0.85..1.1));
                (
                    PointYx { y: site.y + radius * angle.sin(), x: site.x + radius * angle.cos() },
                    rng.random_range(0.02..0.06),
                )
            })
            .collect();
        let (centre, half_height, half_width) = self.window();
        drops.extend((0..10).map(|_| {
            let (angle, radius) = (rng.random_range(0.0..TAU), rng.random_range(0.93..1.06));
            let at = PointYx {
                y: centre.y + radius * half_height * angle.sin(),
                x: centre.x + radius * half_width * angle.cos(),
            };
            (at, rng.random_range(0.015..0.05))
        }));
        for (cell, value) in rest.indexed_iter_mut() {
            let at = self.grid.mm(cell);
            let (dy, dx) = (at.y - site.y, at.x - site.x);
            let radius = dy.hypot(dx);
            let facing = 0.5 + 0.5 * (dy.atan2(dx) - rim_at).cos();
            let rim = (0.2 + 0.8 * facing) * bell(radius - HOLE_MM, 0.06);
            let pool = smoothstep(HOLE_MM, 0.8 * HOLE_MM, radius);
            let glare: f64 = drops
                .iter()
                .map(|(drop, size)| ((at.y - drop.y).hypot(at.x - drop.x) / size, *size))
                .filter(|(distance, _)| *distance < 5.0)
                .map(|(distance, _)| 2.2 * (-0.5 * distance * distance).exp())
                .sum();
            *value = (f64::from(*value) * (1.0 + 0.18 * pool) + 0.9 * rim + glare) as f32;
            let covered = (0.85 * rim + glare).min(1.0) + 0.25 * pool;
            self.visible[cell] *= (1.0 - covered.min(0.95)) as f32;
        }
    }

    /// Median light over the cortex under mean illumination.
    fn median_of_cortex(&self, rest: &Array2<f32>) -> f32 {
        let rest = rest.slice(self.grid.field());
        let cortex = self.cortex();
        let mut values: Vec<f32> = Vec::new();
        Zip::from(&rest).and(&self.illumination).and(&cortex.inside).for_each(|&r, &i, &inside| {
            if inside {
                values.push(r * i);
            }
        });
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(1.0).max(0.01)
    }
}

/// A Gaussian of height 1.
fn bell(distance: f64, width: f64) -> f64 {
    (-0.5 * (distance / width).powi(2)).exp()
}

/// Light of lamps above the head: brightest near the middle, uneven between the sides.
fn illuminate(grid: &Grid, rng: &mut impl Rng) -> Array2<f32> {
    let (y0, x0) = (rng.random_range(-0.15..0.15), rng.random_range(-0.15..0.15));
    let (direction, unevenness) = (rng.random_range(-PI..PI), rng.random_range(0.05..0.15));
    Array2::from_shape_fn((grid.height, grid.width), |(y, x)| {
        let v = 2.0 * y as f64 / grid.height as f64 - 1.0;
        let u = 2.0 * x as f64 / grid.width as f64 - 1.0;
        let falloff = 1.08 / (1.0 + 0.22 * ((v - y0).powi(2) + (u - x0).powi(2)));
        (falloff * (1.0 + unevenness * (u * direction.cos() + v * direction.sin()))) as f32
    })
}
