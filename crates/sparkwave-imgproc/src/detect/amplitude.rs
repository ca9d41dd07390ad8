//! How large a transient is, measured so that one noisy pixel cannot dominate.

use crate::baseline::PixelNoise;
use crate::filter::gaussian::{Kernel, Scratch, smooth};
use crate::traces::Traces;
use sparkwave_core::axes::Span;

/// dF/F0 smoothed by a spot: the smoothed change over the smoothed baseline, which one noisy pixel cannot dominate.
pub struct Amplitude<'a> {
    traces: &'a Traces,
    f0: &'a [f32],
    rows: Span,
    kernel: Kernel,
    smoothed_f0: Vec<f32>,
}

impl<'a> Amplitude<'a> {
    /// Smoothed by `kernel`; the pixels of the traces lie in `rows`.
    pub fn new(traces: &'a Traces, noise: &'a PixelNoise, rows: Span, kernel: Kernel) -> Self {
        let mut new = Self { traces, f0: &noise.f0, rows, kernel, smoothed_f0: Vec::new() };
        new.smoothed_f0 = new.smooth(|_| 1.0);
        new
    }

    /// `value(pixel) * F0`, clipped at zero F0, smoothed; one value per pixel of the traces.
    fn smooth(&self, value: impl Fn(usize) -> f32) -> Vec<f32> {
        let (width, offset) = (self.traces.width(), self.rows.start * self.traces.width());
        let mut image = vec![0.0f32; self.rows.len() * width];
        for (i, &p) in self.traces.pixels().iter().enumerate() {
            image[p as usize - offset] = value(i) * self.f0[i].max(0.0);
        }
        smooth(&mut image, width, &self.kernel, &mut Scratch::default());
        self.traces.pixels().iter().map(|&p| image[p as usize - offset]).collect()
    }

    /// The smoothed dF/F0 of some pixels in frame `t`; 0 where the baseline is.
    pub fn at(&self, t: usize, pixels: &[usize]) -> Vec<f32> {
        if pixels.is_empty() {
            return Vec::new();
        }
        let dff = self.traces.frame(t);
        let change = self.smooth(|i| dff[i]);
        let ratio = |i: usize| if self.smoothed_f0[i] > 0.0 { change[i] / self.smoothed_f0[i] } else { 0.0 };
        pixels.iter().map(|&i| ratio(i)).collect()
    }
}
