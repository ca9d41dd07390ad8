//! How the signal of an event rises and decays.

use sparkwave_core::event::Event;

use super::clock::Clock;

/// Mean dF/F0 over the footprint of an event, frame by frame, from some frames before the event to some after it.
///
/// Unfiltered: smoothing would lengthen every rise and decay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventTrace {
    /// Frame of the first sample.
    pub first_frame: usize,
    /// One sample a frame.
    pub dff: Vec<f32>,
}

/// Times and amplitudes of a trace. The baseline is dF/F0 = 0; the amplitude is the largest sample in the event's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Kinetics {
    /// From the last crossing of 10 % to the last crossing of 90 % of the amplitude before the peak.
    pub(super) rise_time_s: Option<f64>,
    /// Time constant of the exponential decay.
    pub(super) decay_time_s: Option<f64>,
    /// From the last crossing of 50 % before the peak to the first one after it.
    pub(super) half_width_s: Option<f64>,
    /// Integral over the event's frames.
    pub(super) auc_dff_s: Option<f64>,
    /// Standard deviation before the event.
    pub(super) noise_sd: Option<f64>,
    /// Amplitude over noise.
    pub(super) snr: Option<f64>,
}

/// Samples before the onset that a noise estimate needs.
const MIN_NOISE_SAMPLES: usize = 5;
/// Samples that a decay fit needs, and the most it looks at (evenly spaced; all pairs of them are compared).
const MIN_DECAY_SAMPLES: usize = 3;
const MAX_DECAY_SAMPLES: usize = 64;
/// Standard deviation of a normal distribution over its median absolute deviation.
const SD_PER_MAD: f64 = 1.482_602_218_505_602;

/// Measures kinetics; everything is `None` for a trace that does not cover the frames of the event.
pub(super) fn measure(event: &Event, trace: &EventTrace, clock: &Clock) -> Kinetics {
    let dff: Vec<f64> = trace.dff.iter().copied().map(f64::from).collect();
    let frames = event.frames();
    let inside = |frame: usize| frame.checked_sub(trace.first_frame).filter(|&i| i <= dff.len());
    let (Some(onset), Some(end)) = (inside(frames.start), inside(frames.end)) else { return Kinetics::default() };
    let Some(peak) = (onset..end).max_by(|&a, &b| dff[a].total_cmp(&dff[b]).then(b.cmp(&a))) else {
        return Kinetics::default();
    };

    let time_of = |sample: f64| clock.at(trace.first_frame as f64 + sample);
    let seconds_between = |start: Option<f64>, end: Option<f64>| Some(time_of(end?)? - time_of(start?)?);
    let auc_dff_s = (onset..end)
        .map(|i| Some(dff[i] * clock.between((trace.first_frame + i) as f64, (trace.first_frame + i + 1) as f64)?))
        .sum();
    let noise_sd = noise_sd(&dff[..onset]);
    let amplitude = dff[peak];
    if amplitude.is_nan() || amplitude <= 0.0 {
        return Kinetics { auc_dff_s, noise_sd, ..Kinetics::default() };
    }
    let rise_to = |fraction: f64| crossing_before(&dff, peak, fraction * amplitude);
    Kinetics {
        rise_time_s: seconds_between(rise_to(0.1), rise_to(0.9)),
        decay_time_s: decay_time(&dff, peak, noise_sd, time_of),
        half_width_s: seconds_between(rise_to(0.5), crossing_after(&dff, peak, 0.5 * amplitude)),
        auc_dff_s,
        noise_sd,
        snr: noise_sd.filter(|sd| *sd > 0.0).map(|sd| amplitude / sd),
    }
}

/// Where the trace last rose through a level before the peak, in samples, linear between samples.
fn crossing_before(dff: &[f64], peak: usize, level: f64) -> Option<f64> {
    let below = (0..peak).rev().find(|&i| dff[i] < level)?;
    Some(below as f64 + (level - dff[below]) / (dff[below + 1] - dff[below]))
}

/// Where the trace first falls through a level after the peak, in samples, linear between samples.
fn crossing_after(dff: &[f64], peak: usize, level: f64) -> Option<f64> {
    let below = (peak + 1..dff.len()).find(|&i| dff[i] < level)?;
    Some(below as f64 - (level - dff[below]) / (dff[below - 1] - dff[below]))
}

/// Standard deviation of samples from their median absolute deviation, which earlier events hardly raise.
fn noise_sd(samples: &[f64]) -> Option<f64> {
    if samples.len() < MIN_NOISE_SAMPLES {
        return None;
    }
    let centre = median(samples.to_vec())?;
    let spread = median(samples.iter().map(|s| (s - centre).abs()).collect())?;
    Some(SD_PER_MAD * spread)
}

/// Time constant of `a exp(-t / tau)` on the falling phase: minus one over the Theil-Sen slope (the median over all pairs
/// of samples) of the logarithm. The falling phase runs from the peak to before the first sample below 10 % of the peak
/// or below the noise, or until the trace rises again by half the peak, since then the next transient has begun.
fn decay_time(dff: &[f64], peak: usize, noise_sd: Option<f64>, time_of: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    let amplitude = dff[peak];
    let floor = noise_sd.unwrap_or(0.0).max(0.1 * amplitude);
    let mut lowest = amplitude;
    let falling = dff[peak..]
        .iter()
        .take_while(|&&value| {
            lowest = lowest.min(value);
            value >= floor && value < lowest + 0.5 * amplitude
        })
        .count();
    let stride = falling.div_ceil(MAX_DECAY_SAMPLES).max(1);
    let samples: Vec<(f64, f64)> = (peak..peak + falling)
        .step_by(stride)
        .map(|i| Some((time_of(i as f64)?, dff[i].ln())))
        .collect::<Option<_>>()?;
    if samples.len() < MIN_DECAY_SAMPLES {
        return None;
    }
    let slopes = samples.iter().enumerate().flat_map(|(i, &(t0, y0))| {
        samples[i + 1..].iter().filter(move |(t1, _)| *t1 > t0).map(move |&(t1, y1)| (y1 - y0) / (t1 - t0))
    });
    median(slopes.collect()).filter(|slope| *slope < 0.0).map(|slope| -1.0 / slope)
}

/// The median; the mean of the middle two for an even number, `None` for no values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let is_even = values.len().is_multiple_of(2);
    let (lower, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(if is_even { (lower.iter().copied().fold(f64::NEG_INFINITY, f64::max) + upper) / 2.0 } else { upper })
}

#[cfg(test)]
mod tests;
