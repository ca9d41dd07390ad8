//! Which waves there are: when and where they start, how fast, how strong and how far.

use super::anatomy::Anatomy;
use super::course::Course;
use super::params::WavesParams;
use super::{Stream, random_stream};
use crate::axes::PointYx;
use crate::wave::Side;
use rand::Rng;
use std::f64::consts::PI;

/// A wave before it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedWave {
    /// When it starts at its origin, s since the start of the recording.
    pub start_s: f64,
    /// The hemisphere that it stays in.
    pub side: Side,
    /// Where it starts, mm from the centre of the first pixel; `None` takes the burr hole of that side.
    pub origin_mm: Option<PointYx>,
    /// Peak reflectance change near the origin, as part of the reflectance at rest; 0.0005 to 0.1.
    pub amplitude: f64,
    /// Mean speed, mm/min; 0.5 to 20.
    pub speed_mm_min: f64,
    /// Middle of the sector that it enters, degrees: 0 to the right of the picture, 90 downwards; -360 to 360.
    pub direction_deg: f64,
    /// Half the angle of that sector, degrees; 10 to 180 (all around).
    pub half_angle_deg: f64,
    /// Distance at which it dies, mm; 0.5 to 20.
    pub reach_mm: f64,
    /// Its time course.
    pub course: Course,
}

impl PlannedWave {
    pub(super) fn ranges(&self, duration_s: f64) -> Vec<(&'static str, f64, f64, f64)> {
        vec![
            ("plan (start_s)", self.start_s, 0.0, duration_s),
            ("plan (amplitude)", self.amplitude, 0.0005, 0.1),
            ("plan (speed_mm_min)", self.speed_mm_min, 0.5, 20.0),
            ("plan (direction_deg)", self.direction_deg, -360.0, 360.0),
            ("plan (half_angle_deg)", self.half_angle_deg, 10.0, 180.0),
            ("plan (reach_mm)", self.reach_mm, 0.5, 20.0),
            ("plan (dip_s)", self.course.dip_s, 0.5, 60.0),
            ("plan (dip)", self.course.dip, 0.0, 1.0),
            ("plan (rise_s)", self.course.rise_s, 0.5, 120.0),
            ("plan (fall_s)", self.course.fall_s, 0.5, 600.0),
            ("plan (undershoot)", self.course.undershoot, 0.0, 1.0),
            ("plan (recovery_s)", self.course.recovery_s, 0.5, 3600.0),
        ]
    }
}

/// The waves of a recording, in order of their start: those of the parameters, or drawn ones.
pub(super) fn waves(params: &WavesParams, anatomy: &Anatomy, seed: u64) -> Vec<PlannedWave> {
    let mut waves = if params.plan.is_empty() { draw(params, anatomy, seed) } else { params.plan.clone() };
    waves.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    waves
}

/// Waves come at nearly regular times from the burr hole of the left hemisphere, as after repeated application of
/// potassium chloride. An accompanying wave starts 15 to 40 s later in the other hemisphere.
fn draw(params: &WavesParams, anatomy: &Anatomy, seed: u64) -> Vec<PlannedWave> {
    let mut rng = random_stream(seed, Stream::Plan);
    let mut waves = Vec::new();
    // Before the first wave the cortex is quiet for a while, so that there is a baseline.
    let quiet_s = (0.25 * params.duration_s).min(40.0);
    let spacing_s = (params.duration_s - quiet_s) / params.n_waves.max(1) as f64;
    for i in 0..params.n_waves {
        // At most a tenth of the spacing, which is at least 80 s: the cortex has recovered.
        let jitter_s = 0.1 * spacing_s * rng.random::<f64>();
        let start_s = quiet_s + spacing_s * i as f64 + jitter_s;
        let leader = draw_one(params, anatomy, Side::Left, start_s, &mut rng);
        waves.push(leader);
        if i < params.n_overlapping {
            let later_s = (start_s + rng.random_range(15.0..40.0)).min(params.duration_s);
            waves.push(draw_one(params, anatomy, Side::Right, later_s, &mut rng));
        }
    }
    waves
}

fn draw_one(params: &WavesParams, anatomy: &Anatomy, side: Side, start_s: f64, rng: &mut impl Rng) -> PlannedWave {
    let (_, site) = anatomy.sites[usize::from(side == Side::Right)];
    // Towards the front of the brain, a little away from the midline: the longest way through the hemisphere.
    let (centre, half_height, _) = anatomy.window();
    let ahead = (centre.y - 0.7 * half_height - site.y).atan2(0.35 * (centre.x - site.x));
    let (low, high) = params.amplitude;
    PlannedWave {
        start_s,
        side,
        origin_mm: None,
        // Uniform in the logarithm: weak waves are as frequent as strong ones.
        amplitude: (low.ln() + (high.ln() - low.ln()) * rng.random::<f64>()).exp(),
        speed_mm_min: params.speed_mm_min.0 + (params.speed_mm_min.1 - params.speed_mm_min.0) * rng.random::<f64>(),
        direction_deg: (ahead + rng.random_range(-0.25..0.25)) * 180.0 / PI,
        half_angle_deg: rng.random_range(70.0..125.0),
        reach_mm: rng.random_range(4.0..7.0),
        course: Course {
            dip_s: rng.random_range(4.0..8.0),
            dip: rng.random_range(0.08..0.25),
            rise_s: rng.random_range(7.0..11.0),
            fall_s: rng.random_range(25.0..45.0),
            undershoot: rng.random_range(0.1..0.3),
            recovery_s: rng.random_range(90.0..180.0),
        },
    }
}
