//! The matched-filter detector.
//!
//! In noise of known variance no linear filter finds a known shape better than the shape itself (D. O. North, Proc.
//! IEEE 51, 1016-1027 (1963), repr. of 1943). A miniature transient is nearly known: a spot of 0.2 to 1 µm on a
//! dendrite that rises within a frame and decays exponentially. So:
//!
//! 1. dF/F0 of each pixel is divided by its noise, which gives noise of unit variance everywhere.
//! 2. The frames are smoothed with Gaussians of a few widths, which is the spatial half of the filter.
//! 3. Each smoothed trace is correlated with exponential decays of a few time constants, each minus its mean over a
//!    window that starts before the onset. The zero mean makes the filter blind to the slow fluctuations that the
//!    baseline leaves behind.
//! 4. Each filtered trace is divided by its own noise, measured on its negative half where there are no transients. The
//!    result is in standard deviations, so that filters and sites can be compared, and the largest over all filters is
//!    the evidence.
//! 5. Peaks of the evidence above the threshold are events. From there an event grows over the voxels whose signal,
//!    smoothed by the smallest spot, still reaches a fraction of its peak ([`super::assemble`]): the evidence marks the
//!    onset, the level how long and how far the event lasts.

use super::amplitude::Amplitude;
use super::{AssembleParams, Growth, MinPeak};
use crate::baseline::PixelNoise;
use crate::filter::gaussian::{Kernel, Scratch, smooth};
use crate::link::basins::Prominence;
use crate::link::sparse::{Active, SparseVolume};
use crate::sampling::Sampling;
use crate::traces::Traces;
use multiversion::multiversion;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::{Span, Voxel};

/// Parameters of the matched-filter detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MatchedParams {
    /// Expected share of noise among the events; the threshold follows from it ([`super::false_discovery`]).
    pub false_discovery_rate: f64,
    /// Evidence that the peak of an event reaches, standard deviations; overrides `false_discovery_rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Standard deviations of the Gaussian spots looked for, µm.
    pub spot_um: Vec<f64>,
    /// Time constants of the decays looked for, s.
    pub decay_s: Vec<f64>,
    /// Single pixels count at most this much, noise standard deviations: a lone bright pixel is camera noise.
    pub clip_sd: f64,
    /// Time before the onset that counts as the level from which an event rises, s.
    pub before_s: f64,
    /// An event extends to where its level falls below this fraction of its peak ...
    pub extent_fraction: f64,
    /// ... or below this level, standard deviations of the smoothed signal.
    pub extent_sd: f64,
    /// Longest time from the peak of an event to its end, s.
    pub after_s: f64,
    /// Two peaks are two events if the lower one stands out by this much from the level at which they meet,
    /// standard deviations ...
    pub split_sd: f64,
    /// ... and by this fraction of its own evidence.
    pub split_fraction: f64,
}

/// Peaks of this evidence are taken for noise: high enough to be rare, far below the usual event.
const NOISE_PEAKS_SD: (f32, f32) = (4.2, 5.4);
/// Evidence below which a voxel can neither be part of the core of an event nor tell anything about the noise.
const FLOOR_SD: f32 = 3.5;
/// Threshold where there are too few peaks to learn one from: about one false event in 10^7 voxels of Gaussian noise.
const FEW_PEAKS_SD: f32 = 6.0;

impl Default for MatchedParams {
    fn default() -> Self {
        Self {
            false_discovery_rate: 0.05,
            threshold: None,
            spot_um: vec![0.25, 0.5],
            decay_s: vec![0.2],
            clip_sd: 6.0,
            before_s: 0.4,
            extent_fraction: 0.35,
            extent_sd: 3.0,
            after_s: 3.0,
            split_sd: 2.0,
            split_fraction: 0.3,
        }
    }
}

impl MatchedParams {
    /// How far the evidence of a pixel reaches into its surroundings, px.
    pub fn reach_px(&self, sampling: Sampling) -> usize {
        self.spot_um.iter().map(|um| kernel(*um, sampling).radius()).max().unwrap_or(0)
    }

    /// How the active voxels of this detector become events.
    pub fn assemble(&self) -> AssembleParams {
        AssembleParams {
            min_peak: match self.threshold {
                Some(threshold) => MinPeak::Fixed(threshold as f32),
                None => MinPeak::FalseDiscovery {
                    rate: self.false_discovery_rate as f32,
                    window: NOISE_PEAKS_SD,
                    otherwise: FEW_PEAKS_SD,
                },
            },
            core_fraction: 0.5,
            grow: Some(Growth {
                fraction: self.extent_fraction as f32,
                level_sd: self.extent_sd as f32,
                after_s: self.after_s,
            }),
            split: Some(Prominence { absolute: self.split_sd as f32, relative: self.split_fraction as f32 }),
            min_extent_um: 0.0,
            min_frames: 1,
        }
    }
}

/// A decay template: taps over the frames `-before..after` around the onset, of zero mean and unit sum of squares.
struct Decay {
    taps: Vec<f32>,
    before: usize,
}

impl Decay {
    fn new(tau_frames: f64, before: usize) -> Self {
        let after = ((3.0 * tau_frames).ceil() as usize).max(2);
        // A frame integrates the decay over its exposure: the mean of its ends, by the trapezoidal rule.
        let decay = |k: f64| (-k / tau_frames).exp();
        let mut taps: Vec<f64> = (0..before + after)
            .map(|i| match i.checked_sub(before) {
                None => 0.0,
                Some(k) => (decay(k as f64) + decay(k as f64 + 1.0)) / 2.0,
            })
            .collect();
        let mean = taps.iter().sum::<f64>() / taps.len() as f64;
        taps.iter_mut().for_each(|w| *w -= mean);
        let norm = taps.iter().map(|w| w * w).sum::<f64>().sqrt();
        Self { taps: taps.iter().map(|w| (w / norm) as f32).collect(), before }
    }
}

/// The active voxels of a block of dF/F0 traces whose pixels lie in `rows`. `core` are the frames that count; the others
/// are margin.
pub fn active_voxels(
    traces: &Traces,
    noise: &PixelNoise,
    rows: Span,
    core: Span,
    params: &MatchedParams,
    sampling: Sampling,
) -> Vec<Active> {
    let width = traces.width() as u32;
    let before = sampling.frames(params.before_s).round().max(1.0) as usize;
    let decays: Vec<Decay> =
        params.decay_s.iter().map(|tau| Decay::new(sampling.frames(*tau).max(0.2), before)).collect();
    let mut spots = params.spot_um.clone();
    spots.sort_by(|a, b| b.total_cmp(a));
    let mut evidence = Traces::zeros(traces.frames(), traces.width(), traces.pixels().to_vec());
    let mut smoothed = None;
    let mut rest = vec![Rest::default(); traces.n_pixels()];
    for spot in &spots {
        // Memory first: the wider spot's frames go before the next ones come.
        drop(smoothed.take());
        let mut frames = smooth_frames(traces, noise, rows, &kernel(*spot, sampling), params.clip_sd as f32);
        strongest_decay(&mut frames, &decays, &mut evidence, &mut rest);
        smoothed = Some(frames);
    }
    let (Some(smoothed), Some(smallest)) = (smoothed, spots.last()) else { return Vec::new() };
    let amplitude = Amplitude::new(traces, noise, rows, kernel(*smallest, sampling));
    let floor = params.extent_sd as f32;
    let found: Vec<Vec<Active>> = (0..traces.n_frames())
        .into_par_iter()
        .map(|t| {
            let frame = traces.frames().start + t;
            if !core.contains(frame) {
                return Vec::new();
            }
            let (strength, smoothed) = (evidence.frame(t), smoothed.frame(t));
            let level = |i: usize| rest[i].level(smoothed[i]);
            let stands_out = |i: &usize| strength[*i] >= FLOOR_SD || level(*i) >= floor;
            let pixels: Vec<usize> = (0..strength.len()).filter(stands_out).collect();
            let dff = amplitude.at(t, &pixels);
            pixels
                .iter()
                .zip(dff)
                .map(|(&i, dff)| {
                    let p = traces.pixels()[i];
                    let voxel = Voxel { t: frame as u32, y: p / width, x: p % width };
                    Active { voxel, dff, strength: strength[i], level: level(i) }
                })
                .collect()
        })
        .collect();
    // Most voxels above the floor of the level are noise far from any event.
    let height = rows.end;
    SparseVolume::new(found.concat(), height).into_components_with(|a| a.strength >= FLOOR_SD)
}

/// The spatial half of a filter; a spot much smaller than a pixel is looked for in that pixel.
fn kernel(spot_um: f64, sampling: Sampling) -> Kernel {
    Kernel::new(sampling.px(spot_um).max(0.3))
}

/// dF/F0 in units of its noise, smoothed in space; pixels outside the foreground count as zero.
fn smooth_frames(traces: &Traces, noise: &PixelNoise, rows: Span, kernel: &Kernel, clip: f32) -> Traces {
    let width = traces.width();
    let offset = rows.start * width;
    let mut out = Traces::zeros(traces.frames(), width, traces.pixels().to_vec());
    let weights = noise.weights();
    out.frames_mut().enumerate().collect::<Vec<_>>().into_par_iter().for_each_init(
        || (vec![0.0f32; rows.len() * width], Scratch::default()),
        |(image, scratch), (t, out)| {
            image.fill(0.0);
            for ((&p, value), weight) in traces.pixels().iter().zip(traces.frame(t)).zip(&weights) {
                image[p as usize - offset] = (value * weight).clamp(-clip, clip);
            }
            smooth(image, width, kernel, scratch);
            for (o, &p) in out.iter_mut().zip(traces.pixels()) {
                *o = image[p as usize - offset];
            }
        },
    );
    out
}

const LANES: usize = 16;

/// Raises `evidence` to the normalised response of each decay filter where that is larger.
/// Measures each smoothed trace at rest as well.
fn strongest_decay(smoothed: &mut Traces, decays: &[Decay], evidence: &mut Traces, rest: &mut [Rest]) {
    let n_frames = smoothed.n_frames();
    let inputs = smoothed.by_pixel_group(LANES).groups;
    let outputs = evidence.by_pixel_group(LANES).groups;
    inputs.into_par_iter().zip(outputs).zip(rest.par_chunks_mut(LANES)).for_each_init(
        || [(); 3].map(|()| vec![[0.0f32; LANES]; n_frames]),
        |[trace, response, best], ((input, mut output), rest)| {
            for (t, lanes) in trace.iter_mut().enumerate() {
                input.load(t, lanes);
            }
            for (t, lanes) in best.iter_mut().enumerate() {
                output.load(t, lanes);
            }
            let (mean, sd) = clipped_moments(trace);
            for (l, rest) in rest.iter_mut().enumerate() {
                *rest = Rest { mean: mean[l], sd: sd[l] };
            }
            for decay in decays {
                correlate(trace, decay, response);
                let scale = negative_sd(response).map(|sd| if sd > 0.0 { 1.0 / sd } else { 0.0 });
                raise(best, response, &scale);
            }
            for (t, lanes) in best.iter().enumerate() {
                output.store(t, lanes);
            }
        },
    );
}

/// A smoothed trace without its transients.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    mean: f32,
    sd: f32,
}

impl Rest {
    /// How far a value stands above rest, standard deviations; 0 where nothing fluctuates.
    fn level(self, value: f32) -> f32 {
        if self.sd > 0.0 { (value - self.mean) / self.sd } else { 0.0 }
    }
}

/// Mean and standard deviation of the samples within 2.5 standard deviations of the mean, to which a few rounds of
/// leaving out the others converge. The cut makes the standard deviation of Gaussian noise 5 % too small.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn clipped_moments(trace: &[[f32; LANES]]) -> ([f32; LANES], [f32; LANES]) {
    let mut low = [f32::NEG_INFINITY; LANES];
    let mut high = [f32::INFINITY; LANES];
    let (mut mean, mut sd) = ([0.0f32; LANES], [0.0f32; LANES]);
    for _ in 0..5 {
        let (mut n, mut sum, mut squares) = ([0.0f32; LANES], [0.0f32; LANES], [0.0f32; LANES]);
        for lanes in trace {
            for l in 0..LANES {
                let counts = if lanes[l] >= low[l] && lanes[l] <= high[l] { 1.0 } else { 0.0 };
                n[l] += counts;
                sum[l] += counts * lanes[l];
                squares[l] += counts * lanes[l] * lanes[l];
            }
        }
        for l in 0..LANES {
            mean[l] = sum[l] / n[l].max(1.0);
            sd[l] = (squares[l] / n[l].max(1.0) - mean[l] * mean[l]).max(0.0).sqrt();
            low[l] = mean[l] - 2.5 * sd[l];
            high[l] = mean[l] + 2.5 * sd[l];
        }
    }
    (mean, sd)
}

/// Raises `best` to the scaled response where that is larger.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn raise(best: &mut [[f32; LANES]], response: &[[f32; LANES]], scale: &[f32; LANES]) {
    for (b, r) in best.iter_mut().zip(response) {
        for l in 0..LANES {
            b[l] = b[l].max(r[l] * scale[l]);
        }
    }
}

/// Correlates traces with a decay; beyond the ends the first and the last sample repeat.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn correlate(trace: &[[f32; LANES]], decay: &Decay, response: &mut [[f32; LANES]]) {
    let last = trace.len() as isize - 1;
    for (t, out) in response.iter_mut().enumerate() {
        let mut sum = [0.0f32; LANES];
        for (k, w) in decay.taps.iter().enumerate() {
            let i = (t as isize + k as isize - decay.before as isize).clamp(0, last) as usize;
            for l in 0..LANES {
                sum[l] += w * trace[i][l];
            }
        }
        *out = sum;
    }
}

/// The standard deviation of noise around zero, from negative samples alone; those below three standard deviations,
/// which follow or precede large transients, are left out.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn negative_sd(response: &[[f32; LANES]]) -> [f32; LANES] {
    let mut limit = [f32::NEG_INFINITY; LANES];
    let mut sd = [0.0f32; LANES];
    for _ in 0..3 {
        let (mut sum, mut n) = ([0.0f32; LANES], [0.0f32; LANES]);
        for lanes in response {
            for l in 0..LANES {
                let counts = lanes[l] < 0.0 && lanes[l] > limit[l];
                sum[l] += if counts { lanes[l] * lanes[l] } else { 0.0 };
                n[l] += if counts { 1.0 } else { 0.0 };
            }
        }
        for l in 0..LANES {
            sd[l] = (sum[l] / n[l].max(1.0)).sqrt();
            limit[l] = -3.0 * sd[l];
        }
    }
    sd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decay_filter_has_no_mean_and_unit_gain_on_white_noise() {
        for tau in [0.5, 3.0, 8.0] {
            let d = Decay::new(tau, 10);
            assert!(d.taps.iter().sum::<f32>().abs() < 1e-5);
            assert!((d.taps.iter().map(|w| w * w).sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(d.taps[d.before] > d.taps[d.before + 1] && d.taps[d.before - 1] < 0.0);
        }
    }
}
