//! Lateral drift of the preparation under the objective.

use super::params::SparksParams;
use super::{Stream, random_stream};
use crate::axes::PointYx;
use rand::Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};

/// Time over which the drift velocity forgets itself, in s.
const VELOCITY_MEMORY_S: f64 = 12.0;

/// The displacement of every frame relative to frame 0, in pixels: smooth wander plus occasional small jumps, nowhere
/// longer than `drift_px`.
pub(super) fn simulate(params: &SparksParams, seed: u64) -> Vec<PointYx> {
    let mut rng = random_stream(seed, Stream::Drift);
    let mut path = wander(params, &mut rng);
    add_jumps(&mut path, params, &mut rng);
    let longest = longest(&path);
    if longest > params.drift_px {
        scale(&mut path, params.drift_px / longest);
    }
    path
}

/// Position under an Ornstein-Uhlenbeck velocity, scaled so that its largest excursion is 50 to 90 % of the limit.
fn wander(params: &SparksParams, rng: &mut impl Rng) -> Vec<PointYx> {
    let keep = (-params.frame_interval_s / VELOCITY_MEMORY_S).exp();
    let kick = (1.0 - keep * keep).sqrt();
    let mut velocity = PointYx { y: rng.sample(StandardNormal), x: rng.sample(StandardNormal) };
    let mut position = PointYx::default();
    let mut path = Vec::with_capacity(params.n_frames);
    for _ in 0..params.n_frames {
        path.push(position);
        position.y += velocity.y;
        position.x += velocity.x;
        velocity.y = keep * velocity.y + kick * rng.sample::<f64, _>(StandardNormal);
        velocity.x = keep * velocity.x + kick * rng.sample::<f64, _>(StandardNormal);
    }
    let target = params.drift_px * rng.random_range(0.5..0.9);
    let longest = longest(&path);
    if longest > 0.0 {
        scale(&mut path, target / longest);
    }
    path
}

fn add_jumps(path: &mut [PointYx], params: &SparksParams, rng: &mut impl Rng) {
    let expected = params.jumps_per_minute * params.duration_s() / 60.0;
    let Ok(number) = Poisson::new(expected) else { return };
    let n_jumps = number.sample(rng) as usize;
    for _ in 0..n_jumps {
        let first = 1 + (rng.random::<f64>() * params.n_frames as f64) as usize;
        let (length, angle) = (rng.random_range(0.2..1.0f64), rng.random_range(0.0..std::f64::consts::TAU));
        for position in path.iter_mut().skip(first) {
            position.y += length * angle.sin();
            position.x += length * angle.cos();
        }
    }
}

fn longest(path: &[PointYx]) -> f64 {
    path.iter().map(|p| p.y.hypot(p.x)).fold(0.0, f64::max)
}

fn scale(path: &mut [PointYx], factor: f64) {
    for p in path {
        p.y *= factor;
        p.x *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_starts_at_zero_stays_inside_its_limit_and_is_smooth_between_jumps() {
        for seed in 0..20 {
            let params = SparksParams::default();
            let path = simulate(&params, seed);
            assert_eq!(path.len(), 600);
            assert_eq!(path[0], PointYx::default());
            let longest = longest(&path);
            assert!(longest <= params.drift_px + 1e-9 && longest > 0.3, "{longest}");
            let steps = path.windows(2).filter(|w| (w[1].y - w[0].y).hypot(w[1].x - w[0].x) > 0.15).count();
            assert!(steps <= 8, "{steps} jumps in a minute");
        }
        let still = simulate(&SparksParams { drift_px: 0.0, ..Default::default() }, 1);
        assert!(still.iter().all(|p| *p == PointYx::default()));
    }
}
