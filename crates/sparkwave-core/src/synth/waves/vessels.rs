//! Vessels of the cortical surface: veins that drain to the midline, arteries that come from the sides.

use super::anatomy::Anatomy;
use super::grid::Grid;
use super::{Stream, random_stream};
use crate::axes::PointYx;
use crate::wave::Side;
use ndarray::Array2;
use rand::Rng;
use rand_distr::StandardNormal;
use std::f64::consts::PI;

/// Largest and smallest radius that is drawn, mm.
const TRUNK_MM: f64 = 0.06;
const TWIG_MM: f64 = 0.007;
/// Light that the widest vessel takes.
const DARKEST: f64 = 0.75;
/// Length of a straight piece, mm.
const STEP_MM: f64 = 0.035;
/// Twigs that are drawn at most; a bound, never reached with the numbers above.
const MOST_BRANCHES: usize = 6000;

struct Tip {
    at: PointYx,
    heading: f64,
    /// The heading on average.
    course: f64,
    radius_mm: f64,
}

impl Tip {
    fn new(at: PointYx, heading: f64, radius_mm: f64) -> Self {
        Self { at, heading, course: heading, radius_mm }
    }
}

/// Share of the light that vessels take at each grid point `[Y, X]`, 0 to 1.
pub(super) fn draw(anatomy: &Anatomy, grid: &Grid, seed: u64) -> Array2<f32> {
    let mut rng = random_stream(seed, Stream::Vessels);
    let mut taken = Array2::zeros(grid.shape());
    let mut tips = roots(anatomy, &mut rng);
    let mut n_branches = 0;
    while let Some(mut tip) = tips.pop() {
        n_branches += 1;
        if n_branches > MOST_BRANCHES {
            break;
        }
        let mut bend = 0.0;
        let mut left_mm = (tip.radius_mm / TRUNK_MM).sqrt() * rng.random_range(0.3..1.3);
        while tip.radius_mm > TWIG_MM && anatomy.depth_mm(tip.at) > -0.02 {
            // Curvature forgets itself over some tenths of a mm, and the course is kept: vessels meander.
            bend = 0.8 * bend + 0.06 * rng.sample::<f64, _>(StandardNormal) - 0.05 * (tip.heading - tip.course);
            tip.heading += bend;
            let next = PointYx { y: tip.at.y + STEP_MM * tip.heading.sin(), x: tip.at.x + STEP_MM * tip.heading.cos() };
            stamp(&mut taken, grid, tip.at, next, tip.radius_mm);
            tip.at = next;
            tip.radius_mm *= 0.9965;
            left_mm -= STEP_MM;
            if left_mm <= 0.0 {
                // Murray's law: the cubes of the radii of the branches sum to that of the stem.
                let share = rng.random_range(0.08..0.5f64);
                let (minor, major) = (tip.radius_mm * share.cbrt(), tip.radius_mm * (1.0 - share).cbrt());
                let side = if rng.random::<bool>() { 1.0 } else { -1.0 };
                let angle = side * rng.random_range(0.5..1.25);
                tips.push(Tip::new(tip.at, tip.heading + angle, minor));
                tip.course -= side * 0.5 * share;
                tip.radius_mm = major;
                left_mm = (tip.radius_mm / TRUNK_MM).sqrt() * rng.random_range(0.2..0.8);
            }
        }
    }
    taken
}

/// Veins leave the midline, arteries enter over the sides, more of them in front.
fn roots(anatomy: &Anatomy, rng: &mut impl Rng) -> Vec<Tip> {
    let (centre, half_height, half_width) = anatomy.window();
    let mut tips = Vec::new();
    for side in [Side::Left, Side::Right] {
        let outwards = if side == Side::Left { PI } else { 0.0 };
        for i in 0..11 {
            let part = (f64::from(i) + rng.random_range(0.1..0.9)) / 11.0;
            let y = centre.y + half_height * (1.8 * part - 0.9);
            let x = centre.x - anatomy.off_midline_mm(PointYx { y, x: centre.x });
            let heading = outwards + rng.random_range(-0.5..0.5);
            tips.push(Tip::new(PointYx { y, x }, heading, TRUNK_MM * rng.random_range(0.45..1.0)));
        }
        for i in 0..6 {
            let angle = outwards + (f64::from(i) - 2.5 + rng.random_range(-0.4..0.4)) * 0.36;
            let at = PointYx {
                y: centre.y + 0.97 * half_height * angle.sin(),
                x: centre.x + 0.97 * half_width * angle.cos(),
            };
            let heading = angle + PI + rng.random_range(-0.5..0.5);
            tips.push(Tip::new(at, heading, TRUNK_MM * rng.random_range(0.4..0.75)));
        }
    }
    // Twigs that rise from below, everywhere.
    for _ in 0..420 {
        let (v, u): (f64, f64) = (rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
        let at = PointYx { y: centre.y + v * half_height, x: centre.x + u * half_width };
        tips.push(Tip::new(at, rng.random_range(-PI..PI), rng.random_range(1.1..2.2) * TWIG_MM));
    }
    tips
}

/// Darkens a straight piece of a vessel with a Gaussian profile; where vessels cross, the darker one is seen.
fn stamp(taken: &mut Array2<f32>, grid: &Grid, from: PointYx, to: PointYx, radius_mm: f64) {
    // Never narrower than a pixel can show: a thinner vessel is fainter, not narrower.
    let width_mm = radius_mm.max(0.6 * grid.mm_per_px);
    let depth = DARKEST * (radius_mm / width_mm) * (radius_mm / TRUNK_MM).powf(0.6).min(1.0);
    let middle = grid.cell(PointYx { y: 0.5 * (from.y + to.y), x: 0.5 * (from.x + to.x) });
    let reach = (3.0 * width_mm + STEP_MM) / grid.mm_per_px;
    let (height, width) = taken.dim();
    let span = |c: f64, n: usize| {
        let low = (c - reach).ceil().clamp(0.0, n as f64) as usize;
        let high = ((c + reach).floor() + 1.0).clamp(0.0, n as f64) as usize;
        low..high.max(low)
    };
    let (dy, dx) = (to.y - from.y, to.x - from.x);
    for y in span(middle.y, height) {
        for x in span(middle.x, width) {
            let at = grid.mm((y, x));
            let along = (((at.y - from.y) * dy + (at.x - from.x) * dx) / (STEP_MM * STEP_MM)).clamp(0.0, 1.0);
            let distance = (at.y - from.y - along * dy).hypot(at.x - from.x - along * dx) / width_mm;
            let value = (depth * (-0.5 * distance * distance).exp()) as f32;
            let cell = &mut taken[[y, x]];
            *cell = cell.max(value);
        }
    }
}
