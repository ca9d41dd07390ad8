//! How the head moves under the camera: breathing, heartbeat, slow drift, and the rare jolt.

use super::grid::MAX_MOTION_PX;
use super::params::WavesParams;
use super::{Stream, random_stream};
use crate::axes::PointYx;
use rand::Rng;
use rand_distr::{Distribution, Poisson};
use std::f64::consts::TAU;

/// Shares of the variance of the displacement: slow drift, breathing, heartbeat.
const SHARES: [f64; 3] = [0.5, 0.4, 0.1];
/// Time constants of a jolt's rise and of its settling, s.
const JOLT_RISE_S: f64 = 0.05;
const JOLT_SETTLING_S: f64 = 0.35;

/// A sum of harmonics along one direction.
struct Rhythm {
    rate_hz: f64,
    phase: f64,
    /// Slow modulation of the rate, so that it is not a clock: depth in radians, rate in Hz.
    wander: (f64, f64),
    /// Heights of the harmonics, unit variance in sum.
    harmonics: Vec<f64>,
    direction: PointYx,
}

impl Rhythm {
    fn draw(rate_hz: f64, wander: (f64, f64), harmonics: &[f64], angle: f64, rng: &mut impl Rng) -> Self {
        let norm = (harmonics.iter().map(|h| h * h).sum::<f64>() / 2.0).sqrt();
        Self {
            rate_hz,
            phase: rng.random_range(0.0..TAU),
            wander,
            harmonics: harmonics.iter().map(|h| h / norm).collect(),
            direction: PointYx { y: angle.sin(), x: angle.cos() },
        }
    }

    fn at(&self, t_s: f64) -> f64 {
        let phase = TAU * self.rate_hz * t_s + self.phase + self.wander.0 * (TAU * self.wander.1 * t_s).sin();
        self.harmonics.iter().zip(1..).map(|(h, n)| h * (f64::from(n) * phase).cos()).sum()
    }
}

struct Jolt {
    at_s: f64,
    by: PointYx,
}

/// The displacement of the scene as a function of time.
pub(super) struct Motion {
    rms_px: f64,
    drift: Vec<Rhythm>,
    breath: Rhythm,
    heart: Rhythm,
    jolts: Vec<Jolt>,
}

impl Motion {
    pub(super) fn draw(params: &WavesParams, seed: u64) -> Self {
        let mut rng = random_stream(seed, Stream::Motion);
        // Periods of the drift follow the recording, so that its share of the variance is there in a short one too.
        let slowest_s = params.duration_s.clamp(60.0, 1200.0);
        let drift = (0..4)
            .map(|i| {
                let rate_hz = (1.3 + 1.7 * f64::from(i) + rng.random_range(0.0..0.5)) / slowest_s;
                let angle = TAU * (0.25 * f64::from(i) + rng.random_range(-0.08..0.08));
                Rhythm::draw(rate_hz, (0.0, 0.0), &[1.0], angle, &mut rng)
            })
            .collect();
        let breath_hz = rng.random_range(1.2..1.9);
        let breath_angle = TAU / 4.0 + rng.random_range(-0.4..0.4);
        // An anaesthetised mouse breathes in gasps: a short movement and a pause, hence the harmonics.
        let breath = Rhythm::draw(breath_hz, (0.8, 0.03), &[1.0, 0.55, 0.25], breath_angle, &mut rng);
        let heart_hz = rng.random_range(5.2..7.8);
        let heart_angle = rng.random_range(0.0..TAU);
        let heart = Rhythm::draw(heart_hz, (1.5, 0.05), &[1.0, 0.3], heart_angle, &mut rng);
        let expected = params.jolts_per_minute * params.duration_s / 60.0;
        let n_jolts = Poisson::new(expected).map_or(0, |number| number.sample(&mut rng) as usize);
        let mut jolts: Vec<Jolt> = (0..n_jolts)
            .map(|_| {
                let (length, angle) = (rng.random_range(1.0..3.0), rng.random_range(0.0..TAU));
                let by = PointYx { y: length * angle.sin(), x: length * angle.cos() };
                Jolt { at_s: params.duration_s * rng.random::<f64>(), by }
            })
            .collect();
        jolts.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        Self { rms_px: params.motion_rms_px, drift, breath, heart, jolts }
    }

    /// The displacement at a time, px: what is at (y, x) at rest is seen at (y + dy, x + dx). Zero on average.
    pub(super) fn at(&self, t_s: f64) -> PointYx {
        let mut sum = PointYx::default();
        let mut add = |rhythm: &Rhythm, variance: f64| {
            let value = self.rms_px * variance.sqrt() * rhythm.at(t_s);
            sum.y += value * rhythm.direction.y;
            sum.x += value * rhythm.direction.x;
        };
        for rhythm in &self.drift {
            add(rhythm, SHARES[0] / self.drift.len() as f64);
        }
        add(&self.breath, SHARES[1]);
        add(&self.heart, SHARES[2]);
        // After ten times its settling a jolt is over.
        let first = self.jolts.partition_point(|jolt| jolt.at_s < t_s - 10.0 * JOLT_SETTLING_S);
        for jolt in self.jolts[first..].iter().take_while(|jolt| jolt.at_s <= t_s) {
            let since = t_s - jolt.at_s;
            let part = (1.0 - (-since / JOLT_RISE_S).exp()) * (-since / JOLT_SETTLING_S).exp();
            sum.y += part * jolt.by.y;
            sum.x += part * jolt.by.x;
        }
        let limit = |v: f64| v.clamp(-MAX_MOTION_PX, MAX_MOTION_PX);
        PointYx { y: limit(sum.y), x: limit(sum.x) }
    }

    /// The pulse of the vessels at a time, of unit variance.
    pub(super) fn pulse(&self, t_s: f64) -> f64 {
        self.heart.at(t_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_displacement_has_the_stated_size_and_no_bias() {
        for (seed, duration_s) in [(1, 600.0), (2, 120.0), (3, 3600.0)] {
            let params = WavesParams { duration_s, jolts_per_minute: 0.0, ..Default::default() };
            let motion = Motion::draw(&params, seed);
            let n = 60_000;
            let path: Vec<PointYx> = (0..n).map(|i| motion.at(duration_s * f64::from(i) / f64::from(n))).collect();
            let mean = |f: &dyn Fn(&PointYx) -> f64| path.iter().map(f).sum::<f64>() / f64::from(n);
            let rms = mean(&|p| p.y * p.y + p.x * p.x).sqrt();
            assert!((rms - 0.5).abs() < 0.08, "{seed}: {rms}");
            assert!(mean(&|p| p.y).abs() < 0.15 && mean(&|p| p.x).abs() < 0.15, "{seed}");
        }
    }

    #[test]
    fn a_jolt_is_sudden_and_settles() {
        let params = WavesParams { motion_rms_px: 0.0, jolts_per_minute: 2.0, ..Default::default() };
        let motion = Motion::draw(&params, 4);
        let first = motion.jolts.first().expect("20 are expected").at_s;
        let size = |t: f64| motion.at(t).y.hypot(motion.at(t).x);
        assert!(size(first - 0.01) < 1e-9 && size(first + 0.1) > 0.5 && size(first + 3.0) < 0.01);
    }
}
