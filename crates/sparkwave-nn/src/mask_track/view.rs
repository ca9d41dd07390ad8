//! What the network is shown.

use super::window::Window;
use super::{CHANNELS, EDGE};
use ndarray::{Array2, ArrayView2};

/// How bright an object and its surroundings are in the frame where it was pointed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Levels {
    inside: f32,
    outside: f32,
}

impl Levels {
    /// Of an object whose probability is known in a frame; `None` if there is no object or nothing else.
    pub(super) fn of(frame: ArrayView2<'_, f32>, mask: &Array2<f32>) -> Option<Self> {
        let window = Window::round(mask)?;
        let (values, mask) = (window.sample(frame), window.sample(mask.view()));
        let mean = |weight: &dyn Fn(f32) -> f32| {
            let known = values.iter().zip(&mask).filter(|(v, p)| v.is_finite() && p.is_finite());
            let (sum, total) = known
                .fold((0.0f64, 0.0f64), |(s, n), (v, p)| (s + f64::from(weight(*p) * v), n + f64::from(weight(*p))));
            (total > 0.0).then(|| (sum / total) as f32)
        };
        Some(Self { inside: mean(&|p| p)?, outside: mean(&|p| 1.0 - p)? })
    }
}

/// A frame and what is known of an object before it is looked for there. Hints go from -1, outside, to 1, inside; 0 is
/// unknown.
pub(super) struct View<'a> {
    pub(super) frame: ArrayView2<'a, f32>,
    pub(super) before: ArrayView2<'a, f32>,
    /// Of the cells, in the frame before.
    pub(super) hint: Vec<f32>,
    /// Of the cells, in the frame before that.
    pub(super) earlier: Vec<f32>,
    pub(super) levels: Option<Levels>,
}

/// Values beyond this many units are as good as this many.
const MOST: f32 = 4.0;
/// A contrast smaller than this part of the spread of values tells nothing.
const LEAST_CONTRAST: f32 = 0.3;

impl View<'_> {
    /// The channels, `[CHANNELS, EDGE, EDGE]`.
    pub(super) fn channels(&self, window: Window) -> Vec<f32> {
        let (now, before) = (window.sample(self.frame), window.sample(self.before));
        let (middle, spread) = middle_and_spread(now.iter().chain(&before));
        let standard = |v: &f32| if v.is_finite() { ((v - middle) / spread).clamp(-MOST, MOST) } else { 0.0 };
        let mut channels = Vec::with_capacity(CHANNELS * EDGE * EDGE);
        channels.extend(now.iter().map(standard));
        channels.extend(before.iter().map(standard));
        channels.extend_from_slice(&self.hint);
        channels.extend_from_slice(&self.earlier);
        match self.levels {
            None => channels.resize(CHANNELS * EDGE * EDGE, 0.0),
            Some(Levels { inside, outside }) => {
                let contrast = inside - outside;
                let unit = contrast.abs().max(LEAST_CONTRAST * spread).copysign(contrast);
                let half_way = (inside + outside) / 2.0;
                channels.extend(
                    now.iter().map(|v| if v.is_finite() { ((v - half_way) / unit).clamp(-MOST, MOST) } else { 0.0 }),
                );
            }
        }
        channels
    }
}

/// Hints from probabilities: outside of the frame is outside of the object.
pub(super) fn hint(window: Window, mask: &Array2<f32>) -> Vec<f32> {
    window.sample(mask.view()).into_iter().map(|p| if p.is_finite() { 2.0 * p - 1.0 } else { -1.0 }).collect()
}

/// Mean and standard deviation of what is a number; the deviation is never 0.
fn middle_and_spread<'a>(values: impl Iterator<Item = &'a f32>) -> (f32, f32) {
    let known: Vec<f64> = values.filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
    let n = (known.len() as f64).max(1.0);
    let mean = known.iter().sum::<f64>() / n;
    let spread = (known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean as f32, if spread > 0.0 { spread as f32 } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the network sees does not depend on the unit or the zero of a movie.
    #[test]
    fn units_do_not_matter() {
        let bump = |gain: f32, level: f32| {
            Array2::from_shape_fn((96, 96), |(y, x)| level + gain * (((y / 7 + x / 5) % 3) as f32))
        };
        let mask =
            Array2::from_shape_fn((96, 96), |(y, x)| if y.abs_diff(50).max(x.abs_diff(40)) < 9 { 1.0 } else { 0.0 });
        let channels = |gain: f32, level: f32| {
            let (frame, before) = (bump(gain, level), bump(gain, level + 0.3 * gain));
            let window = Window::round(&mask).expect("a mask");
            let hint = hint(window, &mask);
            let levels = Levels::of(before.view(), &mask);
            let view = View { frame: frame.view(), before: before.view(), earlier: hint.clone(), hint, levels };
            view.channels(window)
        };
        let (one, other) = (channels(1.0, 0.0), channels(1e-3, 5.0));
        assert_eq!(one.len(), CHANNELS * EDGE * EDGE);
        let far = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 2e-2, "{far}");
        // Darker objects look like brighter ones in their own units.
        let dark = channels(-1.0, 0.0);
        let of_contrast = 4 * EDGE * EDGE..5 * EDGE * EDGE;
        let far =
            one[of_contrast.clone()].iter().zip(&dark[of_contrast]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-3, "{far}");
    }
}
