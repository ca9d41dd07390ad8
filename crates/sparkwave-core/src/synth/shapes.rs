//! Short movies of one thing that moves before a background, with its mask in every frame: what a network has to see to
//! follow things that are no waves, or waves that are unlike those of [`super::waves`].
//!
//! A thing is a blob that drifts, turns, grows and changes its outline, or a front that travels outwards on an arc. It is
//! brighter or darker than its surroundings, flat or fading towards its edge, textured or not; others like it may be near;
//! frames are noisy, blurred and uneven to different degrees. Everything is drawn from the seed.

mod body;
mod texture;

use body::Body;
use ndarray::{Array2, Array3, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use texture::Texture;

/// A movie of a thing that moves.
#[derive(Clone, Debug)]
pub struct MovingShape {
    /// `[T, Y, X]`, in arbitrary units.
    pub frames: Array3<f32>,
    /// `[T, Y, X]`: where the thing is seen.
    pub masks: Array3<bool>,
}

/// Part of the depth of a fading thing at which it ends, as for the bands of waves.
const EDGE: (f64, f64) = (0.3, 0.5);

impl MovingShape {
    /// A movie of `n_frames` of `size` x `size` pixels. Memory is five bytes a pixel and frame.
    #[must_use]
    pub fn draw(n_frames: usize, size: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rng = &mut rng;
        let length = size as f64;
        let thing = Body::draw(length, rng);
        let others: Vec<(Body, f64)> =
            (0..rng.random_range(0..3usize)).map(|_| (Body::draw(length, rng), rng.random_range(-1.2..1.2))).collect();
        let fading = rng.random_bool(0.5).then(|| rng.random_range(EDGE.0..EDGE.1));
        let background = Texture::draw(length, rng);
        let (background_height, drift) = (rng.random_range(0.0..0.8), [(); 2].map(|()| rng.random_range(-0.5..0.5)));
        let skin = Texture::draw(length / 4.0, rng);
        let skin_height = if rng.random_bool(0.5) { rng.random_range(0.0..0.6) } else { 0.0 };
        let slope: [f64; 2] = [(); 2].map(|()| rng.random_range(-0.5..0.5) / length);
        let noise = (rng.random_range(0.02f64.ln()..1.5f64.ln())).exp();
        let grain = rng.random_range(0.3..1.2);
        // Contrast that rises or falls, and sometimes ends.
        let (rise, flicker) = (rng.random_range(-0.05..0.05), rng.random_range(0.0..0.1));
        let gone_after = if rng.random_bool(0.2) { rng.random_range(n_frames / 2..n_frames.max(2)) } else { n_frames };
        let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let softness = rng.random_range(0.5..3.0);

        let mut frames = Array3::zeros((n_frames, size, size));
        let mut masks = Array3::from_elem((n_frames, size, size), false);
        for (t, (mut frame, mut mask)) in frames.axis_iter_mut(Axis(0)).zip(masks.axis_iter_mut(Axis(0))).enumerate() {
            let time = t as f64;
            let height = if t < gone_after { (1.0 + rise * time).max(0.3) } else { 0.0 };
            let offset = flicker * rng.sample::<f64, _>(StandardNormal);
            let posed = thing.at(time);
            let posed_others: Vec<_> = others.iter().map(|(body, height)| (body.at(time), height)).collect();
            for ((y, x), value) in frame.indexed_iter_mut() {
                let (py, px) = (y as f64, x as f64);
                let depth = posed.depth_px(py, px);
                let cover = |depth: f64| smoothstep(-softness, softness, depth);
                let mut level = background_height * background.at(py + drift[0] * time, px + drift[1] * time)
                    + slope[0] * py
                    + slope[1] * px
                    + offset;
                for (other, height) in &posed_others {
                    level += **height * cover(other.depth_px(py, px));
                }
                let (on_y, on_x) = posed.on_body(py, px);
                let (profile, inside) = match fading {
                    // Full in the middle, nothing at the outline of the body; what is seen ends where it has faded so far.
                    Some(edge) => {
                        let part = (depth / posed.thickness_px()).clamp(0.0, 1.0);
                        let profile = smoothstep(0.0, 1.0, part);
                        (profile, profile >= edge)
                    }
                    None => (cover(depth), depth >= 0.0),
                };
                level += sign * height * profile * (1.0 + skin_height * skin.at(on_y, on_x));
                *value = level as f32;
                mask[[y, x]] = inside && height > 0.0;
            }
            add_noise(&mut frame.view_mut(), noise, grain, rng);
        }
        let (gain, level) = ((rng.random_range(-6f64..6.0)).exp() as f32, rng.random_range(-3f32..3.0));
        frames.mapv_inplace(|v| (v + level) * gain);
        Self { frames, masks }
    }
}

/// 0 below `low`, 1 above `high`, smooth between.
fn smoothstep(low: f64, high: f64, value: f64) -> f64 {
    let part = ((value - low) / (high - low)).clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

/// Adds normal noise whose neighbours are alike to a degree, from 0 (not at all).
fn add_noise(frame: &mut ndarray::ArrayViewMut2<'_, f32>, sd: f64, grain: f64, rng: &mut impl Rng) {
    let (height, width) = frame.dim();
    let white = Array2::from_shape_simple_fn((height, width), || rng.sample::<f32, _>(StandardNormal));
    let share = (-1.0 / grain).exp() as f32;
    let norm = sd as f32 / (1.0 + 4.0 * share * share).sqrt();
    for ((y, x), value) in frame.indexed_iter_mut() {
        let beside = |dy: usize, dx: usize| white[[(y + dy) % height, (x + dx) % width]];
        let near = beside(1, 0) + beside(0, 1) + beside(height - 1, 0) + beside(0, width - 1);
        *value += norm * (white[[y, x]] + share * near);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_moves_little_from_frame_to_frame_and_stands_out() {
        let mut told = 0;
        for seed in 0..12 {
            let MovingShape { frames, masks } = MovingShape::draw(8, 96, seed);
            assert_eq!(frames.dim(), (8, 96, 96));
            assert!(frames.iter().all(|v| v.is_finite()));
            let n = |t: usize| masks.index_axis(Axis(0), t).iter().filter(|m| **m).count();
            assert!((30..96 * 96 / 2).contains(&n(0)), "seed {seed}: {} pixels", n(0));
            let (first, second) = (masks.index_axis(Axis(0), 0), masks.index_axis(Axis(0), 1));
            let both = first.iter().zip(&second).filter(|(a, b)| **a && **b).count();
            assert!(2 * both > n(0).min(n(1)) / 2, "seed {seed}");
            let mean = |inside: bool| {
                let of = frames.index_axis(Axis(0), 0);
                let values =
                    of.iter().zip(masks.index_axis(Axis(0), 0)).filter(|(_, m)| **m == inside).map(|(v, _)| *v);
                let (n, sum) = values.fold((0, 0.0), |(n, sum), v| (n + 1, sum + v));
                sum / n as f32
            };
            let scale = frames.index_axis(Axis(0), 0).std(0.0);
            told += usize::from((mean(true) - mean(false)).abs() > 0.3 * scale);
        }
        assert!(told >= 8, "{told} of 12 differ from their surroundings");
        assert_eq!(MovingShape::draw(3, 64, 5).frames, MovingShape::draw(3, 64, 5).frames);
        assert_ne!(MovingShape::draw(3, 64, 5).frames, MovingShape::draw(3, 64, 6).frames);
    }
}
