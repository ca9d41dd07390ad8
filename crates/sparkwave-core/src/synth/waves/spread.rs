//! How waves spread: when each arrives at a pixel and how strong it is there.

use super::anatomy::Anatomy;
use super::course::CourseTable;
use super::eikonal::{Front, arrivals};
use super::field::{smooth, smoothstep};
use super::grid::Grid;
use super::params::{WavesError, WavesParams};
use super::plan::PlannedWave;
use super::{Stream, random_stream};
use crate::axes::PointYx;
use crate::synth::blur::gaussian;
use ndarray::{Array2, Zip};
use rand::Rng;

/// Over this distance a wave fades at the edges of where it goes, mm.
const FADING_MM: f64 = 0.25;
/// A pixel is visited where the wave's peak reaches this part of its amplitude near the origin.
const VISITED: f32 = 0.1;

/// A wave as it spreads, on the grid.
pub(super) struct Spread {
    pub(super) plan: PlannedWave,
    pub(super) origin_mm: PointYx,
    /// When it arrives, s `[Y, X]`; NaN where it is not seen.
    pub(super) arrival_s: Array2<f32>,
    /// Peak reflectance change `[Y, X]`; 0 where it is not seen.
    pub(super) amplitude: Array2<f32>,
    /// First and last moment at which it changes any pixel, s.
    pub(super) active_s: (f64, f64),
}

impl Spread {
    /// Adds the relative change at `middle_s`, averaged over the exposure of `table`.
    pub(super) fn add(&self, middle_s: f64, table: &CourseTable, change: &mut Array2<f32>) {
        if middle_s + 1.0 < self.active_s.0 || middle_s - 1.0 > self.active_s.1 {
            return;
        }
        let now = middle_s as f32;
        Zip::from(change).and(&self.arrival_s).and(&self.amplitude).for_each(|sum, &arrival, &amplitude| {
            if amplitude > 0.0 {
                *sum += amplitude * table.at(now - arrival);
            }
        });
    }
}

/// Lets all waves spread.
///
/// # Errors
/// Names a wave that cannot start where and when it should.
pub(super) fn spread(
    params: &WavesParams,
    anatomy: &Anatomy,
    plan: Vec<PlannedWave>,
    grid: &Grid,
    seed: u64,
) -> Result<Vec<Spread>, WavesError> {
    let origin = |wave: &PlannedWave| {
        let site = anatomy.sites.iter().find(|(side, _)| *side == wave.side);
        wave.origin_mm.or(site.map(|(_, at)| *at)).unwrap_or_default()
    };
    let front = |(k, wave): (usize, &PlannedWave)| Front {
        start_s: wave.start_s,
        origin: grid.cell(origin(wave)),
        slowness: slowness(params, anatomy, wave, origin(wave), grid, seed, k),
    };
    let fronts: Vec<Front> = plan.iter().enumerate().map(front).collect();
    let times = arrivals(&fronts, params.refractory_s);
    let mut spreads = Vec::with_capacity(plan.len());
    for (k, (wave, arrival_s)) in plan.into_iter().zip(times).enumerate() {
        let mut rng = random_stream(seed, Stream::Speed(k));
        let origin_mm = origin(&wave);
        let one = Spread::new(params, anatomy, wave, origin_mm, arrival_s, grid, &mut rng);
        spreads.push(one.ok_or(WavesError::NoPlace { wave: k + 1 })?);
    }
    Ok(spreads)
}

/// Time to cross a grid step; infinite outside of the hemisphere and of the wave's sector.
fn slowness(
    params: &WavesParams,
    anatomy: &Anatomy,
    wave: &PlannedWave,
    origin_mm: PointYx,
    grid: &Grid,
    seed: u64,
    k: usize,
) -> Array2<f32> {
    let mut rng = random_stream(seed, Stream::Speed(k));
    let varied = smooth(grid, 1.2, &mut rng);
    // The flanks of the sector are uneven: the arc is not cut by a ruler.
    let flank = smooth(grid, 0.7, &mut rng);
    let mm_per_s = wave.speed_mm_min / 60.0;
    let direction = wave.direction_deg.to_radians();
    Array2::from_shape_fn(grid.shape(), |cell| {
        let at = grid.mm(cell);
        let (dy, dx) = (at.y - origin_mm.y, at.x - origin_mm.x);
        let distance = dy.hypot(dx);
        let turned = dy.atan2(dx) - direction;
        let turned = turned.sin().atan2(turned.cos()).abs().to_degrees();
        // Around the origin the wave is round; further out its sector narrows, down to a spot at its end.
        let narrowing =
            if wave.half_angle_deg < 180.0 { 1.0 - 0.75 * (distance / wave.reach_mm).min(1.0) } else { 1.0 };
        let unevenness = if wave.half_angle_deg < 180.0 { 12.0 * f64::from(flank[cell]) } else { 0.0 };
        let in_sector = distance < 0.5 || turned < wave.half_angle_deg * narrowing + unevenness;
        if !in_sector || distance > wave.reach_mm || !anatomy.is_open(wave.side, at) {
            return f32::INFINITY;
        }
        let speed = mm_per_s * (params.speed_variation * f64::from(varied[cell])).exp();
        (grid.mm_per_px / speed) as f32
    })
}

impl Spread {
    /// `None` if the wave arrives nowhere.
    fn new(
        params: &WavesParams,
        anatomy: &Anatomy,
        plan: PlannedWave,
        origin_mm: PointYx,
        mut arrival_s: Array2<f32>,
        grid: &Grid,
        rng: &mut impl Rng,
    ) -> Option<Self> {
        let reached = arrival_s.mapv(|t| f32::from(u8::from(t.is_finite())));
        // A blurred edge is one half on the edge and one inside.
        let nearness = gaussian(&reached, FADING_MM / grid.mm_per_px);
        let patchy = smooth(grid, 0.6, rng);
        let mut amplitude = Array2::zeros(grid.shape());
        for (cell, value) in amplitude.indexed_iter_mut() {
            let time = arrival_s[cell];
            if time.is_finite() {
                let travelled_mm = (f64::from(time) - plan.start_s).max(0.0) * plan.speed_mm_min / 60.0;
                let fading = smoothstep(0.45, 0.9, f64::from(nearness[cell]));
                let local = (1.0 + 0.12 * f64::from(patchy[cell])).clamp(0.6, 1.3);
                let peak = plan.amplitude * (-travelled_mm / params.amplitude_decay_mm).exp() * fading * local;
                *value = (peak * f64::from(anatomy.visible[cell])) as f32;
            }
        }
        let least = VISITED * plan.amplitude as f32;
        Zip::from(&mut arrival_s).and(&mut amplitude).for_each(|time, peak| {
            if *peak < least {
                (*time, *peak) = (f32::NAN, 0.0);
            }
        });
        let finite = || arrival_s.iter().copied().filter(|t| t.is_finite()).map(f64::from);
        let (first, last) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
        let (begin, end) = plan.course.span_s();
        Some(Self { plan, origin_mm, arrival_s, amplitude, active_s: (first + begin, last + end) })
    }
}
