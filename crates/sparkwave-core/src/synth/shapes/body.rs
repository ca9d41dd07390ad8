//! The outline of a thing and how it moves.

use rand::Rng;
use std::f64::consts::TAU;

/// Waves along the outline of a blob, from two to five round it.
const HARMONICS: std::ops::RangeInclusive<usize> = 2..=5;

/// A thing as it moves.
pub(super) struct Body {
    form: Form,
    /// Its middle at the first frame, px, and how far it moves in a frame, px, and how much faster, px.
    start: [f64; 2],
    velocity: [f64; 2],
    acceleration: [f64; 2],
    angle: f64,
    turn: f64,
}

enum Form {
    /// A closed outline whose distance from the middle varies with the angle.
    Blob { radius_px: f64, growth: f64, aspect: f64, waves: Vec<Harmonic> },
    /// A band on an arc round a middle, which travels outwards.
    Front { radius_px: f64, speed_px: f64, width_px: f64, reach: f64 },
}

struct Harmonic {
    number: f64,
    height: f64,
    phase: f64,
    speed: f64,
}

impl Body {
    /// One whose size is some part of `length_px`, the edge of the frame, and which is inside of it at first.
    pub(super) fn draw(length_px: f64, rng: &mut impl Rng) -> Self {
        let radius_px = length_px * (rng.random_range(0.05f64.ln()..0.25f64.ln())).exp();
        let form = if rng.random_bool(0.6) {
            let waves = HARMONICS
                .map(|number| Harmonic {
                    number: number as f64,
                    height: rng.random_range(0.0..0.5) / number as f64,
                    phase: rng.random_range(0.0..TAU),
                    speed: rng.random_range(-0.4..0.4),
                })
                .collect();
            Form::Blob { radius_px, growth: rng.random_range(-0.07..0.1), aspect: rng.random_range(0.5..1.0), waves }
        } else {
            let width_px = length_px * rng.random_range(0.05..0.2);
            Form::Front {
                radius_px: length_px * rng.random_range(0.05..0.5),
                speed_px: width_px * rng.random_range(-0.1..0.5),
                width_px,
                reach: rng.random_range(0.3..1.6),
            }
        };
        let pace = |rng: &mut dyn rand::RngCore, most: f64| [(); 2].map(|()| rng.random_range(-most..most));
        let angle = rng.random_range(0.0..TAU);
        let mut start = [(); 2].map(|()| length_px * rng.random_range(0.3..0.7));
        let mut velocity = pace(rng, 0.25 * radius_px);
        if let Form::Front { radius_px, .. } = form {
            // The band, not the middle of its arc, is in the middle of the frame, and it moves by itself.
            start = [start[0] - radius_px * angle.sin(), start[1] - radius_px * angle.cos()];
            velocity = [0.0; 2];
        }
        Self {
            form,
            start,
            velocity,
            acceleration: pace(rng, 0.02 * radius_px),
            angle,
            turn: rng.random_range(-0.1..0.1),
        }
    }

    /// The thing as it is after `time` frames.
    pub(super) fn at(&self, time: f64) -> Pose<'_> {
        let middle = [0, 1].map(|i| self.start[i] + self.velocity[i] * time + 0.5 * self.acceleration[i] * time * time);
        Pose { body: self, time, middle, angle: self.angle + self.turn * time }
    }
}

/// A thing at one moment.
pub(super) struct Pose<'a> {
    body: &'a Body,
    time: f64,
    middle: [f64; 2],
    angle: f64,
}

impl Pose<'_> {
    /// How far inside of the outline a point is, px; below 0 outside.
    pub(super) fn depth_px(&self, y: f64, x: f64) -> f64 {
        let (y, x) = self.on_body(y, x);
        match &self.body.form {
            Form::Blob { radius_px, growth, aspect, waves } => {
                let (y, angle) = (y / aspect, (y / aspect).atan2(x));
                let bulge: f64 =
                    waves.iter().map(|w| w.height * (w.number * angle + w.phase + w.speed * self.time).cos()).sum();
                let radius = radius_px * (growth * self.time).exp() * (1.0 + bulge).max(0.3);
                (radius - y.hypot(x)) * aspect
            }
            Form::Front { radius_px, speed_px, width_px, reach } => {
                let from_middle = width_px / 2.0 - (y.hypot(x) - self.arc_px(*radius_px, *speed_px)).abs();
                let along = (reach - y.atan2(x).abs()) * y.hypot(x);
                from_middle.min(along)
            }
        }
    }

    /// The largest depth of a point, about, px.
    pub(super) fn thickness_px(&self) -> f64 {
        match &self.body.form {
            Form::Blob { radius_px, growth, aspect, .. } => radius_px * (growth * self.time).exp() * aspect,
            Form::Front { width_px, .. } => width_px / 2.0,
        }
    }

    /// The point in a frame that moves and turns with the thing, px.
    pub(super) fn on_body(&self, y: f64, x: f64) -> (f64, f64) {
        let (sin, cos) = self.angle.sin_cos();
        let (y, x) = (y - self.middle[0], x - self.middle[1]);
        (y * cos - x * sin, y * sin + x * cos)
    }

    fn arc_px(&self, radius_px: f64, speed_px: f64) -> f64 {
        (radius_px + speed_px * self.time).max(1.0)
    }
}
