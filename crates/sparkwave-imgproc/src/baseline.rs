//! Baseline fluorescence F0 and the relative change dF/F0 = (F - F0) / F0 (paper, eq. 1), pixel by pixel.

pub mod arpls;
pub mod global;
pub mod percentile;

use crate::error::Error;
use crate::noise;
use crate::sampling::Sampling;
use crate::traces::Traces;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sparkwave_core::progress::Progress;

/// How F0 is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaselineMethod {
    /// Asymmetrically reweighted penalised least squares ([`arpls`]), as published.
    Arpls,
    /// Running percentile ([`percentile`]).
    Percentile,
}

/// Parameters of the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BaselineParams {
    /// Estimator of F0.
    pub method: BaselineMethod,
    /// arPLS: fluctuations of half this period and faster are not baseline, s. 20 s is the published λ = 1e6 at 10 Hz.
    pub cutoff_s: f64,
    /// arPLS: relative change of the weights at which the iteration stops.
    pub tolerance: f64,
    /// arPLS: largest number of reweightings.
    pub max_iterations: usize,
    /// Running percentile: length of the centred window, s.
    pub window_s: f64,
    /// Running percentile: rank, in percent from 0 to 100.
    pub percentile: f64,
}

impl Default for BaselineParams {
    fn default() -> Self {
        Self {
            method: BaselineMethod::Arpls,
            cutoff_s: 20.0,
            tolerance: 1e-2,
            max_iterations: 50,
            window_s: 15.0,
            percentile: 20.0,
        }
    }
}

/// What was found for each pixel besides its dF/F0.
#[derive(Clone, Debug, PartialEq)]
pub struct PixelNoise {
    /// Noise standard deviation of dF/F0 ([`noise::iterative_exclusion`]), one per pixel of the traces.
    pub sigma: Vec<f32>,
    /// Mean of F0 over time, counts above the background.
    pub f0: Vec<f32>,
}

impl PixelNoise {
    /// One over the noise of each pixel; 0 where there is none, which leaves such a pixel out.
    pub fn weights(&self) -> Vec<f32> {
        self.sigma.iter().map(|s| if *s > 0.0 { 1.0 / s } else { 0.0 }).collect()
    }
}

/// Replaces the fluorescence in `traces` (counts above the background) by dF/F0.
///
/// Where F0 falls below the noise of the fluorescence itself, a relative change has no meaning; F0 is held at that
/// noise there, which keeps dF/F0 finite and small.
///
/// # Errors
/// If the user cancels.
pub fn to_dff(
    traces: &mut Traces,
    params: &BaselineParams,
    sampling: Sampling,
    progress: &dyn Progress,
) -> Result<PixelNoise, Error> {
    const LANES: usize = arpls::LANES;
    let (n_pixels, n_frames) = (traces.n_pixels(), traces.n_frames());
    let mut found = PixelNoise { sigma: vec![0.0; n_pixels], f0: vec![0.0; n_pixels] };
    progress.begin("baseline", n_pixels as u64);
    let grid = traces.by_pixel_group(LANES);
    grid.groups
        .into_par_iter()
        .zip(found.sigma.par_chunks_mut(LANES))
        .zip(found.f0.par_chunks_mut(LANES))
        .try_for_each_init(
            || (arpls::Workspace::default(), vec![[0.0; LANES]; n_frames], vec![[0.0; LANES]; n_frames]),
            |(work, trace, baseline), ((mut group, sigma), f0)| {
                if progress.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let n = group.len();
                let mut samples = [0.0f32; LANES];
                for (t, lanes) in trace.iter_mut().enumerate() {
                    group.load(t, &mut samples);
                    *lanes = samples.map(f64::from);
                }
                match params.method {
                    BaselineMethod::Arpls => {
                        let p = arpls::ArplsParams {
                            lambda: arpls::lambda_for_cutoff(sampling.frames(params.cutoff_s)),
                            tolerance: params.tolerance,
                            max_iterations: params.max_iterations,
                            ..arpls::ArplsParams::default()
                        };
                        arpls::baselines(trace, p, work, baseline);
                    }
                    BaselineMethod::Percentile => {
                        let window = sampling.frames(params.window_s).round().max(1.0) as usize;
                        for l in 0..n {
                            let samples: Vec<f64> = trace.iter().map(|lanes| lanes[l]).collect();
                            let running = percentile::running(&samples, window, params.percentile);
                            baseline.iter_mut().zip(running).for_each(|(lanes, value)| lanes[l] = value);
                        }
                    }
                }
                let mut residual = vec![0.0f32; n_frames];
                let mut floor = [0.0; LANES];
                for l in 0..n {
                    floor[l] = noise_floor(trace, baseline, l, &mut residual);
                    f0[l] = (baseline.iter().map(|z| z[l]).sum::<f64>() / n_frames.max(1) as f64) as f32;
                }
                for (t, (y, z)) in trace.iter_mut().zip(baseline.iter()).enumerate() {
                    for l in 0..LANES {
                        samples[l] = ((y[l] - z[l]) / z[l].max(floor[l])) as f32;
                        y[l] = f64::from(samples[l]);
                    }
                    group.store(t, &samples);
                }
                for l in 0..n {
                    residual.iter_mut().zip(trace.iter()).for_each(|(r, y)| *r = y[l] as f32);
                    sigma[l] = noise::iterative_exclusion(&mut residual) as f32;
                }
                progress.advance(n as u64);
                Ok(())
            },
        )?;
    Ok(found)
}

/// The level at which F0 is held from below: the noise of the fluorescence of lane `l`.
///
/// Where F0 is above the scatter of all samples, transients included, the noise cannot matter and is not computed.
fn noise_floor<const LANES: usize>(
    trace: &[[f64; LANES]],
    baseline: &[[f64; LANES]],
    l: usize,
    residual: &mut [f32],
) -> f64 {
    let (mut lowest, mut squares) = (f64::INFINITY, 0.0);
    for (y, z) in trace.iter().zip(baseline) {
        lowest = lowest.min(z[l]);
        squares += (y[l] - z[l]).powi(2);
    }
    let smallest = f64::from(f32::MIN_POSITIVE);
    if lowest > (squares / trace.len().max(1) as f64).sqrt() {
        return smallest;
    }
    for ((r, y), z) in residual.iter_mut().zip(trace).zip(baseline) {
        *r = (y[l] - z[l]) as f32;
    }
    noise::iterative_exclusion(residual).max(smallest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use sparkwave_core::progress::Silent;

    #[test]
    fn a_transient_on_a_bleaching_pixel_keeps_its_relative_amplitude() {
        let sampling = Sampling { pixel_um: 0.16, interval_s: 0.1 };
        let bleach = |t: usize| 1000.0 * (-(t as f32) / 2000.0).exp();
        // Deterministic "noise" of SD 10, small against the transient of dF/F0 = 0.8.
        let noise = |t: usize| if t.is_multiple_of(2) { 10.0 } else { -10.0 };
        let movie = Array3::from_shape_fn((400, 1, 20), |(t, _, x)| {
            let dff = if x < 10 && (200..203).contains(&t) { 0.8 } else { 0.0 };
            bleach(t) * (1.0 + dff) + noise(t)
        });
        for method in [BaselineMethod::Arpls, BaselineMethod::Percentile] {
            let mut traces = Traces::from_movie(movie.view());
            let params = BaselineParams { method, percentile: 50.0, ..Default::default() };
            let found = to_dff(&mut traces, &params, sampling, &Silent).expect("not cancelled");
            for pixel in 0..20 {
                let peak = traces.get(201, pixel);
                let expected = if pixel < 10 { 0.8 } else { 0.0 };
                assert!((peak - expected).abs() < 0.04, "{method:?} pixel {pixel}: {peak}");
                assert!((found.sigma[pixel] - 0.011).abs() < 0.003, "{method:?}: {}", found.sigma[pixel]);
                assert!((found.f0[pixel] - 905.0).abs() < 15.0, "{method:?}: {}", found.f0[pixel]);
            }
        }
    }
}
