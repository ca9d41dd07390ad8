//! What the network is shown.

use super::window::Window;
use super::{BESIDE, CHANNELS, EDGE};
use ndarray::{Array2, ArrayView2};

/// By how much an object is brighter than its surroundings in the frame where it was pointed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contrast(f32);

impl Contrast {
    pub(super) fn new(value: f32) -> Self {
        Self(value)
    }

    pub(super) fn value(self) -> f32 {
        self.0
    }

    /// Values above their median in units of it; what is no number is as the median.
    pub(super) fn in_units(self, values: Vec<f32>) -> Vec<f32> {
        let median = median(&values);
        let above: Vec<f32> = values.into_iter().map(|v| v - median).collect();
        let unit = self.unit(spread(above.iter()));
        above.into_iter().map(|v| if v.is_finite() { v / unit } else { 0.0 }).collect()
    }

    /// What a difference is divided by, where values spread so far.
    fn unit(self, spread: f32) -> f32 {
        self.0.abs().max(LEAST_CONTRAST * spread).copysign(self.0)
    }

    /// Of an object whose probability is known in a frame; `None` if there is no object or nothing is known of it.
    pub(super) fn of(frame: ArrayView2<'_, f32>, mask: &Array2<f32>) -> Option<Self> {
        let window = Window::round(mask)?;
        let (values, mask) = (window.sample(frame), window.sample(mask.view()));
        let known = values.iter().zip(&mask).filter(|(v, p)| v.is_finite() && p.is_finite());
        let add = |(sum, total): (f64, f64), (v, p): (&f32, &f32)| (sum + f64::from(p * v), total + f64::from(*p));
        let (sum, total) = known.fold((0.0, 0.0), add);
        (total > 0.0).then(|| Self((sum / total) as f32 - median(&values)))
    }
}

/// Frames on one side of a frame, the nearest first; `None` where there are no more.
pub(super) type Beside<'a> = [Option<ArrayView2<'a, f32>>; BESIDE];

/// A frame, and those on either side.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) frame: ArrayView2<'a, f32>,
    pub(super) before: Beside<'a>,
    pub(super) after: Beside<'a>,
}

/// A frame and what is known of an object before it is looked for there. Hints go from -1, outside, to 1, inside; 0 is
/// unknown.
pub(super) struct View<'a> {
    pub(super) moment: Moment<'a>,
    /// Of the cells, in the frame before.
    pub(super) hint: Vec<f32>,
    /// Of the cells, in the frame before that.
    pub(super) earlier: Vec<f32>,
    pub(super) contrast: Option<Contrast>,
}

/// Values beyond this many units are as good as this many.
const MOST: f32 = 4.0;
/// A contrast smaller than this part of the spread of values tells nothing.
const LEAST_CONTRAST: f32 = 0.3;

impl<'a> View<'a> {
    /// A frame by itself, in which a person hints at an object.
    pub(super) fn pointed_at(frame: ArrayView2<'a, f32>, hint: Vec<f32>) -> Self {
        let moment = Moment { frame, before: [None; BESIDE], after: [None; BESIDE] };
        Self { moment, hint, earlier: vec![0.0; EDGE * EDGE], contrast: None }
    }

    /// The channels, `[CHANNELS, EDGE, EDGE]`. Frames are compared with their own medians, as light flickers; those that are not
    /// there are 0.
    pub(super) fn channels(&self, window: Window) -> Vec<f32> {
        let above_median = |frame| {
            let values = window.sample(frame);
            let median = median(&values);
            values.into_iter().map(|v| v - median).collect::<Vec<f32>>()
        };
        let Moment { frame, before, after } = self.moment;
        let now = above_median(frame);
        let beside: Vec<Option<Vec<f32>>> = before.into_iter().chain(after).map(|f| f.map(above_median)).collect();
        let spread = spread(now.iter().chain(beside.iter().flatten().flatten()));
        let in_units = |unit: f32| move |v: &f32| if v.is_finite() { (v / unit).clamp(-MOST, MOST) } else { 0.0 };
        let mut channels = Vec::with_capacity(CHANNELS * EDGE * EDGE);
        channels.extend(now.iter().map(in_units(spread)));
        for frame in &beside {
            match frame {
                Some(frame) => channels.extend(frame.iter().map(in_units(spread))),
                None => channels.resize(channels.len() + EDGE * EDGE, 0.0),
            }
        }
        channels.extend_from_slice(&self.hint);
        channels.extend_from_slice(&self.earlier);
        match self.contrast {
            None => channels.resize(CHANNELS * EDGE * EDGE, 0.0),
            Some(contrast) => channels.extend(now.iter().map(in_units(contrast.unit(spread)))),
        }
        channels
    }
}

/// Hints from probabilities: outside of the frame is outside of the object.
pub(super) fn hint(window: Window, mask: &Array2<f32>) -> Vec<f32> {
    window.sample(mask.view()).into_iter().map(|p| if p.is_finite() { 2.0 * p - 1.0 } else { -1.0 }).collect()
}

/// Of what is a number; 0 if nothing is.
fn median(values: &[f32]) -> f32 {
    let mut known: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if known.is_empty() {
        return 0.0;
    }
    let middle = known.len() / 2;
    *known.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Root mean square of what is a number; never 0.
fn spread<'a>(values: impl Iterator<Item = &'a f32>) -> f32 {
    let squares = values.filter(|v| v.is_finite()).map(|v| f64::from(*v).powi(2));
    let (sum, n) = squares.fold((0.0, 0.0), |(sum, n), v| (sum + v, n + 1.0));
    let spread = (sum / f64::max(n, 1.0)).sqrt() as f32;
    if spread > 0.0 { spread } else { 1.0 }
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
            let contrast = Contrast::of(before.view(), &mask);
            let (mut earlier, mut later) = ([None; BESIDE], [None; BESIDE]);
            (earlier[0], later[1]) = (Some(before.view()), Some(frame.view()));
            let moment = Moment { frame: frame.view(), before: earlier, after: later };
            let view = View { moment, earlier: hint.clone(), hint, contrast };
            view.channels(window)
        };
        let (one, other) = (channels(1.0, 0.0), channels(1e-3, 5.0));
        assert_eq!(one.len(), CHANNELS * EDGE * EDGE);
        let far = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 2e-2, "{far}");
        // Darker objects look like brighter ones in their own units.
        let dark = channels(-1.0, 0.0);
        let of_contrast = (CHANNELS - 1) * EDGE * EDGE..CHANNELS * EDGE * EDGE;
        let far =
            one[of_contrast.clone()].iter().zip(&dark[of_contrast]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-3, "{far}");
    }
}
