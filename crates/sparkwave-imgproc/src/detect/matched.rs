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
//! 5. Peaks of the evidence above the threshold are events ([`super::assemble`]); the extent of an event are the voxels
//!    around its peak whose lightly smoothed dF/F0 reaches a fraction of that of the peak.

use super::{AssembleParams, MinPeak};
use crate::baseline::PixelNoise;
use crate::filter::gaussian::{Kernel, Scratch, smooth};
use crate::link::basins::Prominence;
use crate::link::sparse::Active;
use crate::sampling::Sampling;
use crate::traces::Traces;
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
    /// Voxels weaker than this fraction of the peak are not part of an event.
    pub extent_fraction: f64,
    /// Two peaks are two events if the lower one stands out by this much from the level at which they meet,
    /// standard deviations ...
    pub split_sd: f64,
    /// ... and by this fraction of its own evidence.
    pub split_fraction: f64,
    /// Evidence that every voxel of an event reaches, standard deviations.
    pub extent_sd: f64,
}

/// Peaks of this evidence are taken for noise: high enough to be rare, far below the usual event.
const NOISE_PEAKS_SD: (f32, f32) = (4.2, 5.4);
/// Threshold where there are too few peaks to learn one from: about one false event in 10^7 voxels of Gaussian noise.
const FEW_PEAKS_SD: f32 = 6.0;

impl Default for MatchedParams {
    fn default() -> Self {
        Self {
            false_discovery_rate: 0.1,
            threshold: None,
            spot_um: vec![0.25, 0.5],
            decay_s: vec![0.2],
            clip_sd: 6.0,
            before_s: 0.4,
            extent_fraction: 0.5,
            extent_sd: 3.5,
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
            extent_fraction: self.extent_fraction as f32,
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
        // The onset falls anywhere within its frame: the mean response of that frame is 1 - E[1 - e^(-u/τ)]-like;
        // later frames integrate the decay over the exposure.
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
    let before = sampling.frames(params.before_s).round().max(1.0) as usize;
    let decays: Vec<Decay> =
        params.decay_s.iter().map(|tau| Decay::new(sampling.frames(*tau).max(0.2), before)).collect();
    let mut evidence = Traces::zeros(traces.frames(), traces.width(), traces.pixels().to_vec());
    for spot in &params.spot_um {
        let mut smoothed = smooth_frames(traces, noise, rows, &kernel(*spot, sampling), params.clip_sd as f32);
        strongest_decay(&mut smoothed, &decays, &mut evidence);
    }
    let floor = params.extent_sd as f32;
    let width = traces.width() as u32;
    (0..traces.n_frames())
        .into_par_iter()
        .map(|t| {
            let frame = traces.frames().start + t;
            if !core.contains(frame) {
                return Vec::new();
            }
            let rows = evidence.frame(t).iter().zip(traces.frame(t)).zip(traces.pixels());
            rows.filter(|((strength, _), _)| **strength >= floor)
                .map(|((&strength, &dff), &p)| Active {
                    voxel: Voxel { t: frame as u32, y: p / width, x: p % width },
                    dff,
                    strength,
                })
                .collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
        .concat()
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
    let weights: Vec<f32> = noise.sigma.iter().map(|s| if *s > 0.0 { 1.0 / s } else { 0.0 }).collect();
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
fn strongest_decay(smoothed: &mut Traces, decays: &[Decay], evidence: &mut Traces) {
    let n_frames = smoothed.n_frames();
    let inputs = smoothed.by_pixel_group(LANES).groups;
    let outputs = evidence.by_pixel_group(LANES).groups;
    inputs.into_par_iter().zip(outputs).for_each_init(
        || (vec![[0.0f32; LANES]; n_frames], vec![[0.0f32; LANES]; n_frames]),
        |(trace, response), (input, mut output)| {
            let n = input.len();
            for (t, lanes) in trace.iter_mut().enumerate() {
                for (l, lane) in lanes.iter_mut().enumerate() {
                    *lane = input.get(t, l.min(n - 1));
                }
            }
            for decay in decays {
                correlate(trace, decay, response);
                let scale = negative_sd(response).map(|sd| if sd > 0.0 { 1.0 / sd } else { 0.0 });
                for (t, lanes) in response.iter().enumerate() {
                    for l in 0..n {
                        let z = lanes[l] * scale[l];
                        if z > output.get(t, l) {
                            output.set(t, l, z);
                        }
                    }
                }
            }
        },
    );
}

/// Correlates traces with a decay; beyond the ends the first and the last sample repeat.
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
