//! Detectors: from dF/F0 to events.
//!
//! A detector looks at one block of traces at a time and names the voxels that stand out ([`Active`]); [`assemble`]
//! joins what all blocks named into events. Only the few named voxels are held for the whole movie.

pub mod false_discovery;
pub mod idt;
pub mod matched;

use crate::link::basins::{Prominence, basins};
use crate::link::regions::{REGION_UM, regions};
use crate::link::sparse::{Active, SparseVolume};
use crate::sampling::Sampling;
use sparkwave_core::axes::{PointYx, Voxel};
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

/// What makes an event out of active voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AssembleParams {
    /// Strength that the peak of an event reaches.
    pub min_peak: MinPeak,
    /// Voxels weaker than this fraction of their event's peak strength are not part of it.
    pub extent_fraction: f32,
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
    burst: bool,
}

/// Joins active voxels into events, ordered by peak time and numbered from 1.
pub fn assemble(active: Vec<Active>, height: usize, params: &AssembleParams, sampling: Sampling) -> Vec<Event> {
    let volume = SparseVolume::new(active, height);
    let strength: Vec<f32> = volume.voxels().iter().map(|a| a.strength).collect();
    let component = volume.components();
    let basin = match params.split {
        Some(prominence) => basins(&volume, &strength, prominence),
        None => component.clone(),
    };
    let mut objects: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (i, &b) in basin.iter().enumerate() {
        objects.entry(b).or_default().push(i);
    }
    let strongest = |members: &[usize]| {
        members.iter().copied().fold(None, |best: Option<usize>, i| match best {
            Some(b) if strength[b] >= strength[i] => Some(b),
            _ => Some(i),
        })
    };
    let peaks: Vec<usize> = objects.values().filter_map(|members| strongest(members)).collect();
    let heights: Vec<f32> = peaks.iter().map(|&peak| strength[peak]).collect();
    let min_peak = params.min_peak.resolve(&heights);
    let mut peaks_of: BTreeMap<u32, usize> = BTreeMap::new();
    let mut found: Vec<(u32, Found)> = Vec::new();
    for (members, peak) in objects.values().zip(peaks) {
        if strength[peak] < min_peak {
            continue;
        }
        let floor = params.extent_fraction * strength[peak];
        let kept: Vec<Active> =
            members.iter().filter(|&&i| strength[i] >= floor).map(|&i| volume.voxels()[i]).collect();
        let peak_voxel = volume.voxels()[peak];
        let voxels = connected_to(kept, peak_voxel.voxel, height);
        if !large_enough(&voxels, params, sampling) {
            continue;
        }
        *peaks_of.entry(component[peak]).or_default() += 1;
        found.push((component[peak], Found { voxels, peak: peak_voxel, burst: false }));
    }
    for (component, event) in &mut found {
        event.burst = peaks_of[component] > 1;
    }
    number(found.into_iter().map(|(_, f)| f).collect(), sampling)
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
            score: f.peak.strength,
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
