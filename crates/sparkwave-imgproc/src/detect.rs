//! Detectors: from dF/F0 to events.
//!
//! A detector looks at one block of traces at a time and names the voxels that stand out ([`Active`]); [`assemble`]
//! joins what all blocks named into events. Only the few named voxels are held for the whole movie.

pub mod amplitude;
pub mod false_discovery;
pub mod idt;
pub mod matched;
pub mod stars;

use crate::link::basins::{Prominence, basins};
use crate::link::grow::{Reach, grow};
use crate::link::regions::{REGION_UM, regions};
use crate::link::sparse::{Active, SparseVolume};
use crate::sampling::Sampling;
use sparkwave_core::axes::{PointYx, Span, Voxel};
use sparkwave_core::event::Event;
use std::collections::BTreeMap;

/// The strength that the peak of an event reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MinPeak {
    /// This strength.
    Fixed(f32),
    /// The strength above which noise is expected to make up this share of the events ([`false_discovery`]).
    FalseDiscovery {
        /// Expected share of noise among the events, between 0 and 1.
        rate: f32,
        /// Strengths between which peaks are taken for noise.
        window: (f32, f32),
        /// Strength to use if there are too few peaks for an estimate.
        otherwise: f32,
    },
}

impl MinPeak {
    fn resolve(self, heights: &[f32]) -> f32 {
        match self {
            Self::Fixed(strength) => strength,
            Self::FalseDiscovery { rate, window: (low, high), otherwise } => {
                let window = (f64::from(low), f64::from(high));
                false_discovery::threshold(heights, window, f64::from(rate)).map_or(otherwise, |t| t as f32)
            }
        }
    }
}

/// How an event extends over voxels whose *level* is high, from a core where the *strength* is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Lowest level, as a fraction of the highest level in the core.
    pub fraction: f32,
    /// Lowest level, in standard deviations.
    pub level_sd: f32,
    /// Longest time from the peak to the end, s.
    pub after_s: f64,
}

/// What makes an event out of active voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AssembleParams {
    /// Strength that the peak of an event reaches.
    pub min_peak: MinPeak,
    /// Voxels weaker than this fraction of their event's peak strength are not part of its core.
    pub core_fraction: f32,
    /// How an event extends beyond its core; `None` leaves it at that.
    pub grow: Option<Growth>,
    /// When peaks within one connected object are separate events; `None` never splits.
    pub split: Option<Prominence>,
    /// Events whose bounding box is not larger than this along either spatial axis are dropped, µm.
    pub min_extent_um: f64,
    /// Events of fewer frames are dropped.
    pub min_frames: usize,
}

/// An event before it has an id.
struct Found {
    voxels: Vec<Active>,
    peak: Active,
    score: f32,
    burst: bool,
}

/// Joins active voxels into events, ordered by peak time and numbered from 1.
pub fn assemble(active: Vec<Active>, height: usize, params: &AssembleParams, sampling: Sampling) -> Vec<Event> {
    let volume = SparseVolume::new(active, height);
    let voxels = volume.voxels();
    let strength: Vec<f32> = voxels.iter().map(|a| a.strength).collect();
    let component = volume.components();
    let peak_of = match params.split {
        Some(prominence) => basins(&volume, &strength, prominence),
        None => peaks_of_components(&component, &strength),
    };
    let is_peak = |&i: &usize| peak_of[i] as usize == i;
    let heights: Vec<f32> = (0..voxels.len()).filter(is_peak).map(|i| strength[i]).collect();
    let min_peak = params.min_peak.resolve(&heights);
    let peaks: Vec<usize> = (0..voxels.len()).filter(is_peak).filter(|&i| strength[i] >= min_peak).collect();

    let mut labels = vec![0u32; voxels.len()];
    for (i, label) in labels.iter_mut().enumerate() {
        if let Ok(event) = peaks.binary_search(&(peak_of[i] as usize)) {
            let core = strength[i] >= params.core_fraction * strength[peaks[event]];
            *label = if core { event as u32 + 1 } else { 0 };
        }
    }
    if let Some(growth) = params.grow {
        extend(&volume, &mut labels, &peaks, growth, sampling);
    }

    let mut members: Vec<Vec<Active>> = vec![Vec::new(); peaks.len()];
    for (a, &label) in voxels.iter().zip(&labels).filter(|(_, label)| **label > 0) {
        members[label as usize - 1].push(*a);
    }
    let mut n_in_component: BTreeMap<u32, usize> = BTreeMap::new();
    let mut found: Vec<(u32, Found)> = Vec::new();
    for (members, &peak) in members.into_iter().zip(&peaks) {
        let voxels = connected_to(members, volume.voxels()[peak].voxel, height);
        if !large_enough(&voxels, params, sampling) {
            continue;
        }
        let Some(highest) = highest_level(&voxels) else { continue };
        *n_in_component.entry(component[peak]).or_default() += 1;
        found.push((component[peak], Found { voxels, peak: highest, score: strength[peak], burst: false }));
    }
    for (component, event) in &mut found {
        event.burst = n_in_component[component] > 1;
    }
    number(found.into_iter().map(|(_, f)| f).collect(), sampling)
}

/// For every voxel the strongest voxel of its component, the earlier one on ties.
fn peaks_of_components(component: &[u32], strength: &[f32]) -> Vec<u32> {
    let mut peak: Vec<u32> = component.to_vec();
    for (i, &c) in component.iter().enumerate() {
        if strength[i] > strength[peak[c as usize] as usize] {
            peak[c as usize] = i as u32;
        }
    }
    component.iter().map(|&c| peak[c as usize]).collect()
}

/// Grows the labelled cores. Where the level of a core is high enough, what lies below the event's floor is given up
/// first: the evidence is wider than the event by the width of the filter. The peak always stays.
fn extend(volume: &SparseVolume, labels: &mut [u32], peaks: &[usize], growth: Growth, sampling: Sampling) {
    let voxels = volume.voxels();
    let mut highest = vec![0.0f32; peaks.len()];
    for (a, &label) in voxels.iter().zip(labels.iter()).filter(|(_, label)| **label > 0) {
        let level = &mut highest[label as usize - 1];
        *level = level.max(a.level);
    }
    let after = sampling.frames(growth.after_s).round() as usize;
    let reaches: Vec<Reach> = peaks
        .iter()
        .zip(&highest)
        .map(|(&peak, &level)| {
            let t = voxels[peak].voxel.t as usize;
            let frames = Span::new(t.saturating_sub(1), t + after + 1);
            Reach { floor: growth.level_sd.max(growth.fraction * level), frames }
        })
        .collect();
    for (i, label) in labels.iter_mut().enumerate().filter(|(_, label)| **label > 0) {
        let event = *label as usize - 1;
        let floor = reaches[event].floor;
        if highest[event] >= floor && voxels[i].level < floor && peaks[event] != i {
            *label = 0;
        }
    }
    grow(volume, labels, &reaches);
}

/// The voxel of the highest level, the earlier one on ties.
fn highest_level(voxels: &[Active]) -> Option<Active> {
    voxels.iter().copied().reduce(|best, a| if a.level > best.level { a } else { best })
}

/// The voxels that hang together with `seed` (26-connected), in order.
fn connected_to(voxels: Vec<Active>, seed: Voxel, height: usize) -> Vec<Active> {
    let volume = SparseVolume::new(voxels, height);
    let component = volume.components();
    let Ok(seed) = volume.voxels().binary_search_by_key(&seed, |a| a.voxel) else { return Vec::new() };
    let root = component[seed];
    volume.voxels().iter().zip(&component).filter(|(_, c)| **c == root).map(|(a, _)| *a).collect()
}

fn large_enough(voxels: &[Active], params: &AssembleParams, sampling: Sampling) -> bool {
    let extent = |axis: fn(&Voxel) -> u32| {
        let values = voxels.iter().map(|a| axis(&a.voxel));
        values.clone().max().zip(values.min()).map_or(0, |(high, low)| high - low + 1)
    };
    let um = |n: u32| f64::from(n) * sampling.pixel_um;
    // Half a thousandth of a pixel of slack: 3 px of 0.16 µm must count as 0.48 µm whatever the rounding.
    let limit = params.min_extent_um + 5e-4 * sampling.pixel_um;
    um(extent(|v| v.y)) > limit && um(extent(|v| v.x)) > limit && extent(|v| v.t) as usize >= params.min_frames
}

/// Gives events their ids in order of peak time, and their regions.
fn number(mut found: Vec<Found>, sampling: Sampling) -> Vec<Event> {
    found.sort_by_key(|f| f.peak.voxel);
    let centroids: Vec<PointYx> = found.iter().map(|f| weighted_centroid(&f.voxels)).collect();
    let regions = regions(&centroids, sampling.px(REGION_UM));
    let events = found.into_iter().zip(regions).enumerate();
    events
        .map(|(i, (f, region_id))| Event {
            id: i as u32 + 1,
            region_id,
            peak: f.peak.voxel,
            voxels: f.voxels.iter().map(|a| a.voxel).collect(),
            dff: f.voxels.iter().map(|a| a.dff).collect(),
            score: f.score,
            burst: f.burst,
        })
        .collect()
}

/// The centroid weighted by positive dF/F0, or the plain one if no voxel is positive.
fn weighted_centroid(voxels: &[Active]) -> PointYx {
    let sum = |weight: &dyn Fn(&Active) -> f64| {
        voxels.iter().fold([0.0f64; 3], |[w, y, x], a| {
            let k = weight(a);
            [w + k, y + k * f64::from(a.voxel.y), x + k * f64::from(a.voxel.x)]
        })
    };
    let [w, y, x] = match sum(&|a| f64::from(a.dff.max(0.0))) {
        [w, ..] if w <= 0.0 => sum(&|_| 1.0),
        weighted => weighted,
    };
    PointYx { y: y / w, x: x / w }
}
