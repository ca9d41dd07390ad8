//! Which candidates are waves.
//!
//! A wave travels: it visits an area, for a while, at a speed that fronts have. What lights up a region at once (a
//! vasomotion cycle, a jolt, a flicker that only part of the cortex shows) does not. Among those that travel the
//! evidence decides: each candidate is scored by the evidence summed over the cells that it crosses at a possible speed.
//! The scores of the many small candidates of a recording's quiet parts fall off exponentially; that tail, whose scale
//! follows from its median, tells how often noise reaches a score, and the threshold is where this happens as seldom as
//! the user asks.

use crate::sampling::Sampling;
use crate::waves::WaveParams;
use crate::waves::fronts::Front;
use crate::waves::plane;

/// How a candidate travels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Travel {
    /// Area that it visits, mm².
    pub area_mm2: f64,
    /// From the 5 % to the 95 % quantile of its arrival times, s.
    pub duration_s: f64,
    /// Median speed over the cells, mm/min; `None` if nowhere defined.
    pub speed_mm_min: Option<f64>,
    /// Evidence summed over the cells that it crosses at a possible speed, standard deviations.
    pub score: f64,
}

/// Width of the planes from which local speeds are taken, cells.
const PLANE_CELLS: f64 = 1.5;

/// Measures how a candidate travels over cells of `cell_px` pixels.
pub fn travel(front: &Front, cell_px: usize, sampling: Sampling, params: &WaveParams) -> Travel {
    let cell_mm = cell_px as f64 * sampling.pixel_um / 1000.0;
    let mut speeds = Vec::new();
    let mut score = 0.0;
    for at in front.cells() {
        let Some(plane) = plane::fit(&front.arrival, &front.strength, at, PLANE_CELLS, true) else { continue };
        let slowness = plane.slope[0].hypot(plane.slope[1]) * sampling.interval_s / cell_mm;
        let speed_mm_min = 60.0 / slowness;
        speeds.push(speed_mm_min);
        if (0.5 * params.min_speed_mm_min..=params.max_speed_mm_min).contains(&speed_mm_min) {
            score += f64::from(front.strength[at]);
        }
    }
    speeds.sort_by(f64::total_cmp);
    let quantile = |q: f64| front.arrival_quantile(q).unwrap_or(0.0);
    Travel {
        area_mm2: front.n_cells() as f64 * cell_mm * cell_mm,
        duration_s: (quantile(0.95) - quantile(0.05)) * sampling.interval_s,
        speed_mm_min: speeds.get(speeds.len() / 2).copied().filter(|v| v.is_finite()),
        score,
    }
}

/// Scores of noise where a recording shows too little of it to tell: their scale, standard deviations.
const USUAL_SCALE: f64 = 15.0;
/// Candidates from which the scale of a recording's noise can be told.
const ENOUGH: usize = 30;

/// The score that noise reaches `false_per_hour` times an hour, from the scores of all candidates of a recording.
///
/// Noise candidates are far more numerous than waves, so the median of all scores is theirs; for an exponential
/// distribution it is `ln 2` times the scale.
pub fn score_threshold(scores: &[f64], hours: f64, false_per_hour: f64) -> f64 {
    let mut positive: Vec<f64> = scores.iter().copied().filter(|s| *s > 0.0).collect();
    positive.sort_by(f64::total_cmp);
    let scale = match positive.get(positive.len() / 2) {
        Some(median) if positive.len() >= ENOUGH => median / std::f64::consts::LN_2,
        _ => USUAL_SCALE,
    };
    let per_hour = positive.len().max(1) as f64 / hours.max(1.0 / 60.0);
    scale * (per_hour / false_per_hour).ln().max(0.0)
}

/// Why a candidate is no wave, or `None` if it is one.
pub fn objection(travel: &Travel, threshold: f64, params: &WaveParams) -> Option<&'static str> {
    let speed = travel.speed_mm_min.unwrap_or(f64::INFINITY);
    match () {
        () if travel.area_mm2 < params.min_area_mm2 => Some("visits too small an area"),
        () if travel.duration_s < params.min_duration_s => Some("does not last"),
        () if speed > params.max_speed_mm_min => Some("lights up at once"),
        () if speed < 0.5 * params.min_speed_mm_min => Some("stands still"),
        () if travel.score < threshold => Some("is not told from noise"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    const SAMPLING: Sampling = Sampling { pixel_um: 20.0, interval_s: 1.0 };

    fn front(arrival: impl Fn(usize, usize) -> f32) -> Front {
        let arrival = Array2::from_shape_fn((20, 20), |(y, x)| arrival(y, x));
        Front { strength: Array2::from_elem((20, 20), 6.0), arrival }
    }

    #[test]
    fn a_plane_wave_has_its_speed_and_a_flash_is_no_wave() {
        let params = WaveParams::default();
        // Cells of 0.16 mm every 3.2 s: 3 mm/min.
        let wave = travel(&front(|_, x| 50.0 + 3.2 * x as f32), 8, SAMPLING, &params);
        assert!((wave.speed_mm_min.expect("defined") - 3.0).abs() < 0.02, "{wave:?}");
        assert!((wave.area_mm2 - 400.0 * 0.16 * 0.16).abs() < 1e-6 && (wave.score - 2400.0).abs() < 1e-6);
        assert_eq!(objection(&wave, 100.0, &params), None);
        let flash = travel(&front(|y, x| 50.0 + ((y * 7 + x * 3) % 2) as f32), 8, SAMPLING, &params);
        assert!(objection(&flash, 100.0, &params).is_some(), "{flash:?}");
    }

    #[test]
    fn exponential_noise_crosses_the_threshold_as_often_as_asked() {
        // Quantiles of an exponential distribution of scale 12, 5,000 in ten hours.
        let scores: Vec<f64> = (0..5000).map(|i| -12.0 * (1.0 - (i as f64 + 0.5) / 5000.0).ln()).collect();
        let threshold = score_threshold(&scores, 10.0, 0.5);
        let above = scores.iter().filter(|s| **s > threshold).count();
        assert!((4..=6).contains(&above), "{above} above {threshold}");
    }
}
