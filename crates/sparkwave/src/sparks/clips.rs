//! What a person looks at to judge an event: a short movie of its surroundings, and its trace.
//!
//! One pass over the movie serves all events. An event is open from the first frame of its trace window to the last;
//! only open events hold data.

use super::Prepared;
use crate::error::Error;
use ndarray::{Array2, Array3, s};
use rayon::prelude::*;
use sparkwave_analysis::figure::{Clip, Trace, event_crop};
use sparkwave_analysis::measure::EventTrace;
use sparkwave_core::axes::Span;
use sparkwave_core::event::Event;
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;
use sparkwave_imgproc::baseline::arpls::{ArplsParams, baseline, lambda_for_cutoff};
use sparkwave_imgproc::register::Drift;
use sparkwave_imgproc::sampling::Sampling;
use sparkwave_imgproc::traces::for_each_registered_frame;

/// Side of a clip, px, and its frames before and after the peak (paper, section 2.4: 64 x 64 px, 12 frames).
const SIDE: usize = 64;
const FRAMES_BEFORE: usize = 4;
const FRAMES_AFTER: usize = 8;
/// Frames of the trace on either side of the peak from which its baseline is fitted, s.
const FIT_S: f64 = 30.0;
/// Part of the trace that is kept for kinetics and the report, s before the onset and after the end.
const SHOWN_BEFORE_S: f64 = 3.0;
const SHOWN_AFTER_S: f64 = 5.0;
/// Periods of half this and faster are not baseline, s, as in the published evaluation (λ = 1e6 at 10 Hz).
const CUTOFF_S: f64 = 20.0;
/// Events with a crop in the report, the surest first: the report stays below some 20 MB.
const MAX_CROPS: usize = 1500;
/// Events shown as example filmstrips.
const N_EXAMPLES: usize = 6;

/// A movie as the pass needs it.
#[derive(Clone, Copy)]
pub(super) struct Footage<'a> {
    pub(super) source: &'a dyn FrameSource,
    pub(super) sampling: Sampling,
    pub(super) drift: &'a Drift,
    /// Light of no structure in each frame, counts.
    pub(super) background: &'a [f64],
}

impl<'a> Footage<'a> {
    fn of(prepared: &'a Prepared<'_>) -> Self {
        let Prepared { source, sampling, drift, background, .. } = prepared;
        Self { source: *source, sampling: *sampling, drift, background }
    }
}

/// Clips, crops and traces of a run.
pub(super) struct Clips {
    /// One trace an event.
    pub(super) traces: Vec<EventTrace>,
    /// The same traces with the event's span, for the report.
    pub(super) report_traces: Vec<Trace>,
    /// Event id and PNG of the crop.
    pub(super) crops: Vec<(u32, Vec<u8>)>,
    /// Clips of a few events across the range of amplitudes.
    pub(super) examples: Vec<Clip>,
}

/// An event while the pass goes over its frames.
struct Open {
    index: usize,
    window: Span,
    footprint: Vec<usize>,
    fluorescence: Vec<f32>,
    clip: Option<Clip>,
}

/// Collects clips and traces of all events.
pub(super) fn collect(prepared: &Prepared<'_>, events: &[Event], progress: &dyn Progress) -> Result<Clips, Error> {
    let mut out = Clips {
        traces: vec![EventTrace::default(); events.len()],
        report_traces: Vec::new(),
        crops: Vec::new(),
        examples: Vec::new(),
    };
    let with_crop = surest(events, MAX_CROPS);
    let examples = spread(events, N_EXAMPLES);
    let has_clip = |index| with_crop.binary_search(&index).is_ok() || examples.contains(&index);
    for (index, trace, clip) in pass(Footage::of(prepared), events, has_clip, progress)? {
        let frames = events[index].frames();
        out.report_traces.push(Trace {
            event_id: events[index].id,
            first_frame: trace.first_frame,
            dff: trace.dff.clone(),
            start_frame: frames.start,
            end_frame: frames.end,
        });
        out.traces[index] = trace;
        if let Some(clip) = clip {
            if with_crop.binary_search(&index).is_ok() {
                out.crops.push((clip.event_id, event_crop(&clip)));
            }
            if examples.contains(&index) {
                out.examples.push(clip);
            }
        }
    }
    Ok(out)
}

/// The clip of each event.
pub(super) fn of_all(footage: Footage<'_>, events: &[Event], progress: &dyn Progress) -> Result<Vec<Clip>, Error> {
    Ok(pass(footage, events, |_| true, progress)?.into_iter().filter_map(|(.., clip)| clip).collect())
}

/// Trace and, where wanted, clip of each event with its index, in one pass over the movie.
fn pass(
    footage: Footage<'_>,
    events: &[Event],
    has_clip: impl Fn(usize) -> bool,
    progress: &dyn Progress,
) -> Result<Vec<(usize, EventTrace, Option<Clip>)>, Error> {
    let shape = footage.source.shape();
    progress.begin("clips", shape.n_frames as u64);
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let half = footage.sampling.frames(FIT_S).ceil() as usize;
    let window = |e: &Event| Span::new(e.frames().start, e.frames().end).widened(half, shape.n_frames);
    // Windows start in the order of first frames, which is not quite that of peaks.
    let mut waiting: Vec<usize> = (0..events.len()).collect();
    waiting.sort_by_key(|&i| std::cmp::Reverse((window(&events[i]).start, i)));

    let mut open: Vec<Open> = Vec::new();
    let mut finished: Vec<(usize, EventTrace, Option<Clip>)> = Vec::new();
    for_each_registered_frame(footage.source, footage.drift, |t, frame| {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        while let Some(&index) = waiting.last().filter(|&&i| window(&events[i]).start <= t) {
            waiting.pop();
            let event = &events[index];
            let footprint = event.footprint().iter().map(|(y, x)| *y as usize * shape.width + *x as usize).collect();
            let clip = has_clip(index).then(|| empty_clip(event, shape.n_frames, shape.height, shape.width));
            open.push(Open { index, window: window(event), footprint, fluorescence: Vec::new(), clip });
        }
        let background = footage.background[t];
        open.par_iter_mut().for_each(|o| o.see(t, frame, background));
        let (done, still_open): (Vec<Open>, Vec<Open>) = open.drain(..).partition(|o| o.window.end == t + 1);
        open = still_open;
        finished.par_extend(done.into_par_iter().map(|o| o.close(events, footage.sampling)));
        progress.advance(1);
        Ok(())
    })?;
    finished.sort_by_key(|(index, ..)| *index);
    Ok(finished)
}

impl Open {
    /// Takes what concerns the event from frame `t`.
    fn see(&mut self, t: usize, frame: &Array2<f32>, background: f64) {
        let pixels = frame.as_slice().expect("registered frames are contiguous");
        let sum: f64 = self.footprint.iter().map(|&p| f64::from(pixels[p])).sum();
        self.fluorescence.push((sum / self.footprint.len() as f64 - background) as f32);
        if let Some(clip) = &mut self.clip {
            let (n, height, width) = clip.pixels.dim();
            if (clip.first_frame..clip.first_frame + n).contains(&t) {
                let region = frame.slice(s![clip.top..clip.top + height, clip.left..clip.left + width]);
                clip.pixels.index_axis_mut(ndarray::Axis(0), t - clip.first_frame).assign(&region);
            }
        }
    }

    /// Turns the fluorescence into dF/F0.
    fn close(self, events: &[Event], sampling: Sampling) -> (usize, EventTrace, Option<Clip>) {
        let samples: Vec<f64> = self.fluorescence.iter().map(|&v| f64::from(v)).collect();
        let lambda = lambda_for_cutoff(sampling.frames(CUTOFF_S));
        let f0 = baseline(&samples, ArplsParams { lambda, ..ArplsParams::default() });
        let dff = |i: usize| if f0[i] > 0.0 { ((samples[i] - f0[i]) / f0[i]) as f32 } else { f32::NAN };
        let frames = events[self.index].frames();
        let before = sampling.frames(SHOWN_BEFORE_S).round() as usize;
        let after = sampling.frames(SHOWN_AFTER_S).round() as usize;
        let shown = Span::new(
            frames.start.saturating_sub(before).max(self.window.start),
            (frames.end + after).min(self.window.end),
        );
        let dff: Vec<f32> = shown.range().map(|t| dff(t - self.window.start)).collect();
        let trace = EventTrace { first_frame: shown.start, dff };
        let clip = self.clip.map(|clip| Clip { trace: trace.dff.clone(), trace_first_frame: shown.start, ..clip });
        (self.index, trace, clip)
    }
}

/// The clip of an event before its pixels are known, with the event's mask.
fn empty_clip(event: &Event, n_frames: usize, height: usize, width: usize) -> Clip {
    let peak = event.peak;
    let first_frame = (peak.t as usize).saturating_sub(FRAMES_BEFORE);
    let n = (peak.t as usize + FRAMES_AFTER).min(n_frames) - first_frame;
    let (rows, columns) = (SIDE.min(height), SIDE.min(width));
    let top = (peak.y as usize).saturating_sub(rows / 2).min(height - rows);
    let left = (peak.x as usize).saturating_sub(columns / 2).min(width - columns);
    let mut mask = Array3::from_elem((n, rows, columns), false);
    for v in &event.voxels {
        let place = (
            (v.t as usize).checked_sub(first_frame).filter(|t| *t < n),
            (v.y as usize).checked_sub(top).filter(|y| *y < rows),
            (v.x as usize).checked_sub(left).filter(|x| *x < columns),
        );
        if let (Some(t), Some(y), Some(x)) = place {
            mask[[t, y, x]] = true;
        }
    }
    Clip {
        event_id: event.id,
        first_frame,
        top,
        left,
        pixels: Array3::zeros((n, rows, columns)),
        mask,
        peak_frame: peak.t as usize,
        trace: Vec::new(),
        trace_first_frame: first_frame,
    }
}

/// The events from the highest score to the lowest, as indices.
fn by_score(events: &[Event]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by(|&a, &b| events[b].score.total_cmp(&events[a].score).then(a.cmp(&b)));
    order
}

/// The `n` events with the highest scores, as sorted indices.
fn surest(events: &[Event], n: usize) -> Vec<usize> {
    let mut order = by_score(events);
    order.truncate(n);
    order.sort_unstable();
    order
}

/// `n` events spread evenly over the ranks of the scores, so that dim ones are shown beside bright ones.
fn spread(events: &[Event], n: usize) -> Vec<usize> {
    let order = by_score(events);
    let n = n.min(events.len());
    (0..n).map(|i| order[(2 * i + 1) * order.len() / (2 * n)]).collect()
}
