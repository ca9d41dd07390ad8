//! Waves and episodes as nouns: who owns which pixel, what is a frame of a wave, what overlaps with what.

use super::find::Setting;
use ndarray::Array2;
use sparkwave_core::mask::{Mask, Patch};
use sparkwave_core::wave::{Episode, Interval, Wave, WaveFrame, Waveform};
use sparkwave_imgproc::sampling::Sampling;
use sparkwave_imgproc::waves::bands::Bands;
use sparkwave_imgproc::waves::fronts::Front;
use std::collections::BTreeMap;

/// The waves of a recording and the episodes that they form.
pub(super) struct Shaped {
    pub(super) waves: Vec<Wave>,
    pub(super) episodes: Vec<Episode>,
}

/// Parts of a band smaller than this are specks of noise, mm².
const MIN_PART_MM2: f64 = 0.03;
/// A frame of a wave has this area, mm².
pub(crate) const MIN_FRAME_MM2: f64 = 0.06;
/// Evidence from which a frame counts as clear, standard deviations.
const CLEAR_SD: f64 = 6.0;

/// Makes waves of bands, in order of their first arrival.
pub(super) fn shape(
    read: Vec<(Front, Waveform, Bands)>,
    intervals: &[Interval],
    setting: &Setting<'_>,
    sampling: Sampling,
    size: (usize, usize),
) -> Shaped {
    let px_mm2 = (sampling.pixel_um / 1000.0).powi(2);
    let min_part = (MIN_PART_MM2 / px_mm2).ceil() as usize;
    let min_frame = (MIN_FRAME_MM2 / px_mm2).ceil() as usize;
    let owned = own(&read, size);
    let (mut waves, mut clarity) = (Vec::new(), Vec::new());
    for ((front, course, bands), frames) in read.into_iter().zip(owned) {
        let frames: Vec<WaveFrame> = frames
            .into_iter()
            .filter_map(|(frame, pixels)| {
                let mask = Mask::of_pixels(without_specks(pixels, min_part))?;
                (mask.n_pixels() >= min_frame).then(|| WaveFrame { frame, mask, filled: !intervals[frame].valid })
            })
            .collect();
        let frames = longest_stretch(frames);
        if frames.is_empty() {
            continue;
        }
        clarity.push(frames.iter().map(|f| evidence_in(&front, intervals[f.frame], setting)).collect());
        let id = waves.len() as u32 + 1;
        waves.push(wave(id, frames, course, &bands, size));
    }
    let episodes = episodes(&mut waves, &clarity, intervals);
    Shaped { waves, episodes }
}

/// Per wave and interval the pixels of its band; where two overlap, the larger rise owns the pixel.
fn own(read: &[(Front, Waveform, Bands)], size: (usize, usize)) -> Vec<BTreeMap<usize, Vec<(usize, usize)>>> {
    // By interval, the waves that are there and which of their frames it is.
    let mut by_interval: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for (wave, (_, _, bands)) in read.iter().enumerate() {
        for (i, (interval, _)) in bands.frames.iter().enumerate() {
            by_interval.entry(*interval).or_default().push((wave, i));
        }
    }
    let mut owned = vec![BTreeMap::new(); read.len()];
    for (interval, present) in by_interval {
        let mut owner = Array2::from_elem(size, (f32::NEG_INFINITY, usize::MAX));
        for (wave, i) in present {
            let (_, _, bands) = &read[wave];
            for ((y, x), &r) in bands.frames[i].1.indexed_iter().filter(|(_, r)| r.is_finite()) {
                let best = &mut owner[[y + bands.corner.0, x + bands.corner.1]];
                if r > best.0 {
                    *best = (r, wave);
                }
            }
        }
        for (at, &(_, wave)) in owner.indexed_iter().filter(|(_, (_, wave))| *wave != usize::MAX) {
            owned[wave].entry(interval).or_insert_with(Vec::new).push(at);
        }
    }
    owned
}

/// Pixels without the connected parts (eight neighbours) of fewer than `min_part`.
fn without_specks(pixels: Vec<(usize, usize)>, min_part: usize) -> Vec<(usize, usize)> {
    let Some(mask) = Mask::of_pixels(pixels) else { return Vec::new() };
    let (height, width) = mask.bits().dim();
    let mut seen = Array2::from_elem((height, width), false);
    let mut kept = Vec::new();
    for (start, _) in mask.bits().indexed_iter().filter(|(_, b)| **b) {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let mut part = vec![start];
        let mut next = 0;
        while let Some(&(y, x)) = part.get(next) {
            next += 1;
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    if mask.bits()[[ny, nx]] && !seen[[ny, nx]] {
                        seen[[ny, nx]] = true;
                        part.push((ny, nx));
                    }
                }
            }
        }
        if part.len() >= min_part {
            kept.extend(part.into_iter().map(|(y, x)| (y + mask.y0(), x + mask.x0())));
        }
    }
    kept
}

/// The stretch of frames around the largest one that is not interrupted for more than one interval.
fn longest_stretch(frames: Vec<WaveFrame>) -> Vec<WaveFrame> {
    let mut stretches: Vec<Vec<WaveFrame>> = Vec::new();
    for frame in frames {
        match stretches.last_mut() {
            Some(s) if s.last().is_some_and(|l| frame.frame - l.frame <= 2) => s.push(frame),
            _ => stretches.push(vec![frame]),
        }
    }
    let area = |s: &[WaveFrame]| s.iter().map(|f| f.mask.n_pixels()).sum::<usize>();
    stretches.into_iter().max_by_key(|s| area(s)).unwrap_or_default()
}

/// The median evidence of the cells that a front reaches during an interval.
fn evidence_in(front: &Front, interval: Interval, setting: &Setting<'_>) -> Option<f64> {
    let during = |at: &(usize, usize)| {
        let t = setting.start_s + f64::from(front.arrival[*at]) * setting.bin_s;
        (interval.start_s..interval.end_s).contains(&t)
    };
    let mut found: Vec<f32> = front.cells().filter(during).map(|at| front.strength[at]).collect();
    found.sort_by(f32::total_cmp);
    found.get(found.len() / 2).map(|v| f64::from(*v))
}

fn wave(id: u32, frames: Vec<WaveFrame>, waveform: Waveform, bands: &Bands, size: (usize, usize)) -> Wave {
    let mut arrival = Array2::from_elem(size, f32::NAN);
    let mut peak = Array2::from_elem(size, f32::NAN);
    for (y, x) in frames.iter().flat_map(|f| f.mask.pixels()) {
        let at = (y - bands.corner.0, x - bands.corner.1);
        arrival[[y, x]] = bands.arrival_s[at];
        peak[[y, x]] = bands.peak[at];
    }
    Wave {
        id,
        episode_id: 0,
        name: String::new(),
        frames,
        arrival_s: Patch::of_image(&arrival),
        peak_drr: Patch::of_image(&peak),
        waveform,
    }
}

/// Joins waves that overlap in time, and names them.
fn episodes(waves: &mut [Wave], clarity: &[Vec<Option<f64>>], intervals: &[Interval]) -> Vec<Episode> {
    let span = |w: &Wave| (w.frames[0].frame, w.frames[w.frames.len() - 1].frame + 1);
    let mut order: Vec<usize> = (0..waves.len()).collect();
    order.sort_by_key(|&i| span(&waves[i]));
    let mut groups: Vec<(usize, usize, Vec<usize>)> = Vec::new();
    for i in order {
        let (start, end) = span(&waves[i]);
        match groups.last_mut() {
            Some((_, last, members)) if start < *last => {
                *last = end.max(*last);
                members.push(i);
            }
            _ => groups.push((start, end, vec![i])),
        }
    }
    let mut episodes = Vec::new();
    for (n, (start_frame, end_frame, members)) in groups.into_iter().enumerate() {
        let id = n as u32 + 1;
        for (k, &i) in members.iter().enumerate() {
            waves[i].episode_id = id;
            waves[i].name = if members.len() == 1 { id.to_string() } else { format!("{id}-{}", k + 1) };
        }
        let (start_s, start_uncertainty_s) = onset(&waves[members[0]], intervals);
        let seen: Vec<Option<f64>> = members.iter().flat_map(|&i| clarity[i].iter().copied()).collect();
        let n_blank = seen.iter().filter(|c| c.is_none()).count();
        let quality = seen.iter().map(|c| c.map_or(0.0, |c| (c / CLEAR_SD).min(1.0))).sum::<f64>() / seen.len() as f64;
        let n_filled = members.iter().flat_map(|&i| &waves[i].frames).filter(|f| f.filled).count();
        episodes.push(Episode {
            id,
            start_frame,
            end_frame,
            start_s,
            end_s: intervals[end_frame - 1].end_s,
            start_uncertainty_s,
            n_waves: members.len() as u32,
            quality,
            level: match quality {
                q if q >= 0.75 && n_filled == 0 => 1,
                q if q >= 0.5 => 2,
                _ => 3,
            },
            reasons: reasons(start_frame, end_frame, n_blank, n_filled, intervals.len()),
        });
    }
    episodes
}

/// What is doubtful about an episode.
fn reasons(start: usize, end: usize, n_blank: usize, n_filled: usize, n_intervals: usize) -> Vec<String> {
    let mut reasons = Vec::new();
    if start == 0 {
        reasons.push("cut by the start of the recording".to_owned());
    }
    if end == n_intervals {
        reasons.push("cut by the end of the recording".to_owned());
    }
    if n_filled > 0 {
        reasons.push(format!("{n_filled} intervals without data were filled"));
    }
    if n_blank > 0 {
        reasons.push(format!("in {n_blank} intervals no new tissue was reached"));
    }
    reasons
}

/// When a wave starts: a line through the areas of its first masks, extrapolated back to zero, with its standard
/// uncertainty, s. The band of a wave that leaves a site lengthens evenly, so its area does.
fn onset(wave: &Wave, intervals: &[Interval]) -> (f64, f64) {
    let first: Vec<(f64, f64)> = wave
        .frames
        .iter()
        .take(4)
        .map(|f| ((intervals[f.frame].start_s + intervals[f.frame].end_s) / 2.0, f.mask.n_pixels() as f64))
        .collect();
    let interval = intervals[wave.frames[0].frame];
    // An onset that falls anywhere in an interval is known to its length over the root of 12.
    let coarse = (interval.start_s, interval.duration_s() / 12f64.sqrt());
    if first.len() < 3 {
        return coarse;
    }
    let n = first.len() as f64;
    let (t, a) = (first.iter().map(|p| p.0).sum::<f64>() / n, first.iter().map(|p| p.1).sum::<f64>() / n);
    let spread: f64 = first.iter().map(|p| (p.0 - t).powi(2)).sum();
    let slope = first.iter().map(|p| (p.0 - t) * (p.1 - a)).sum::<f64>() / spread;
    if slope <= 0.0 {
        return coarse;
    }
    let residual = first.iter().map(|p| (p.1 - a - slope * (p.0 - t)).powi(2)).sum::<f64>() / (n - 2.0);
    let start = (t - a / slope).clamp(interval.start_s - interval.duration_s(), interval.end_s);
    let uncertainty = (residual * (1.0 / n + (start - t).powi(2) / spread)).sqrt() / slope;
    (start, uncertainty.max(coarse.1 / 2.0))
}
