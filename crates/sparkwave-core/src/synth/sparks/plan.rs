//! Which transients happen, where, when and how strongly.

use super::footprint::{Extent, Footprint};
use super::grid::Grid;
use super::neuron::{BranchKind, Neuron};
use super::params::SparksParams;
use super::structure::Structure;
use super::transient::{EventKind, TimeCourse};
use crate::axes::Span;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};
use std::collections::BTreeMap;

/// Transients of one site never start closer than this, in s: below it they could not be told apart at 10 Hz.
const REFRACTORY_S: f64 = 0.3;
/// Light below this part of a transient's strength is not drawn.
const NEGLIGIBLE: f64 = 0.004;

/// A transient that will be drawn.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    /// Sites are numbered; transients of one site share its place.
    pub(super) site: usize,
    /// Index into the footprints.
    pub(super) footprint: usize,
    pub(super) kind: EventKind,
    pub(super) course: TimeCourse,
    /// Strength: multiplies footprint and time course.
    pub(super) strength: f64,
    /// Largest noise-free dF/F0 of the transient on any pixel in any frame.
    pub(super) peak_dff: f32,
    /// Frame and pixel (index into the footprint's pixels) where that is.
    pub(super) peak_frame: usize,
    pub(super) peak_pixel: usize,
    /// Frames in which the transient adds light.
    pub(super) frames: Span,
}

/// The transients of a recording, in order of onset, and the footprints that they use.
pub(super) struct Plan {
    pub(super) footprints: Vec<Footprint>,
    pub(super) events: Vec<Planned>,
}

/// A place that fires.
#[derive(Clone, Debug)]
pub(super) struct Site {
    kind: EventKind,
    branch: usize,
    node: usize,
    spine: Option<usize>,
    /// How often it fires, relative to the others.
    pub(super) rate: f64,
    /// How strongly, relative to the others.
    strength: f64,
}

impl Site {
    /// The same site with rate and strength multiplied.
    pub(super) fn changed(&self, (rate, strength): (f64, f64)) -> Self {
        Self { rate: self.rate * rate, strength: self.strength * strength, ..self.clone() }
    }

    /// Where it is, in reference coordinates, µm down and to the right.
    pub(super) fn position_um(&self, neuron: &Neuron) -> (f64, f64) {
        match self.spine {
            Some(i) => (neuron.spines[i].y, neuron.spines[i].x),
            None => {
                let node = &neuron.branches[self.branch].nodes[self.node];
                (node.y, node.x)
            }
        }
    }
}

/// How far transients of each site and kind reach. Recordings that share them show the same transients of a site.
pub(super) type Extents = BTreeMap<(usize, EventKind), Extent>;

/// A transient before its footprint is known.
struct Draft {
    site: usize,
    kind: EventKind,
    onset_s: f64,
}

impl Plan {
    /// Draws the transients of a recording of `sites`, whose number is as the parameters say times `activity`. Extents that
    /// are not known yet are added.
    pub(super) fn draw(
        params: &SparksParams,
        (neuron, sites): (&Neuron, &[Site]),
        activity: f64,
        extents: &mut Extents,
        (structure, grid): (&Structure, &Grid),
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let drafts = drafts(params, sites, activity, rng);
        let mut footprints = Vec::new();
        let mut known = BTreeMap::new();
        let mut events = Vec::new();
        for draft in drafts {
            let site = &sites[draft.site];
            let drawn = extent(site, draft.kind, rng);
            let extent = *extents.entry((draft.site, draft.kind)).or_insert(drawn);
            let footprint = *known.entry((draft.site, draft.kind)).or_insert_with(|| {
                footprints.push(Footprint::draw(neuron, structure, grid, &extent));
                footprints.len() - 1
            });
            let radius = neuron.branches[site.branch].nodes[site.node].radius;
            let (target, course) = strength(params, site, &draft, radius, rng);
            events.extend(scale(params, &draft, footprint, &footprints[footprint], target, course));
        }
        Self { footprints, events }
    }
}

fn lognormal(median: f64, sigma: f64, rng: &mut ChaCha8Rng) -> f64 {
    median * (sigma * rng.sample::<f64, _>(StandardNormal)).exp()
}

/// How near to the border of the field a site may be, px.
pub(super) const EDGE_PX: f64 = 5.0;

/// As many sites as give two transients each on average. A longer recording shows more transients of the same synapses,
/// not more synapses.
pub(super) fn usual_number(params: &SparksParams) -> usize {
    let expected = params.events_per_minute * params.duration_s() / 60.0;
    ((0.45 * expected.min(params.events_per_minute)).ceil() as usize).max(1)
}

/// `n_sites` places at least `edge_px` inside the field, two in three on a spine, rates heavy-tailed.
pub(super) fn sites(
    params: &SparksParams,
    neuron: &Neuron,
    n_sites: usize,
    edge_px: f64,
    rng: &mut ChaCha8Rng,
) -> Vec<Site> {
    const DEEPEST_UM: f64 = 2.0;
    let inside = |y: f64, x: f64| {
        let (y, x) = (y / params.pixel_size_um, x / params.pixel_size_um);
        let within = |p: f64, n: usize| p >= edge_px && p <= n as f64 - 1.0 - edge_px;
        within(y, params.height) && within(x, params.width)
    };
    let spines: Vec<usize> = (0..neuron.spines.len())
        .filter(|&i| inside(neuron.spines[i].y, neuron.spines[i].x) && neuron.spines[i].depth.abs() < DEEPEST_UM)
        .collect();
    let shafts: Vec<(usize, usize)> = neuron
        .branches
        .iter()
        .enumerate()
        .filter(|(_, branch)| branch.kind == BranchKind::Dendrite)
        .flat_map(|(b, branch)| (0..branch.nodes.len()).map(move |n| (b, n)))
        .filter(|&(b, n)| {
            let node = &neuron.branches[b].nodes[n];
            inside(node.y, node.x) && node.depth.abs() < DEEPEST_UM
        })
        .collect();
    let mut sites = Vec::new();
    for _ in 0..n_sites {
        let on_spine = rng.random_bool(0.67);
        let (kind, branch, node, spine) = if on_spine && !spines.is_empty() {
            // Of two spines the larger fires: strong synapses have large heads.
            let [a, b] = [(); 2].map(|()| spines[rng.random_range(0..spines.len())]);
            let i = if neuron.spines[a].radius >= neuron.spines[b].radius { a } else { b };
            (EventKind::Spine, neuron.spines[i].branch, neuron.spines[i].node, Some(i))
        } else if !shafts.is_empty() {
            let (branch, node) = shafts[rng.random_range(0..shafts.len())];
            (EventKind::Shaft, branch, node, None)
        } else {
            continue;
        };
        let (rate, strength) = (lognormal(1.0, 0.9, rng), lognormal(1.0, 0.5, rng));
        sites.push(Site { kind, branch, node, spine, rate, strength });
    }
    sites
}

/// Times and kinds: a Poisson number over the sites, some followed by a burst; sorted by onset.
fn drafts(params: &SparksParams, sites: &[Site], activity: f64, rng: &mut ChaCha8Rng) -> Vec<Draft> {
    const MEAN_FOLLOWERS: f64 = 2.0;
    let expected = activity * params.events_per_minute * params.duration_s()
        / 60.0
        / (1.0 + MEAN_FOLLOWERS * params.burst_fraction);
    // The last onset leaves three frames to rise.
    let latest = params.duration_s() - 3.0 * params.frame_interval_s;
    let (Ok(number), false) = (Poisson::new(expected), sites.is_empty() || latest <= 0.0) else { return Vec::new() };
    let cumulative: Vec<f64> = sites
        .iter()
        .scan(0.0, |sum, site| {
            *sum += site.rate;
            Some(*sum)
        })
        .collect();
    let total = cumulative[cumulative.len() - 1];
    let mut drafts = Vec::new();
    for _ in 0..number.sample(rng) as usize {
        let u = rng.random::<f64>() * total;
        let site = cumulative.partition_point(|&c| c < u).min(sites.len() - 1);
        let drawn: f64 = rng.random();
        let kind = if drawn < params.large_fraction {
            EventKind::Large
        } else if drawn < params.large_fraction + params.propagating_fraction {
            EventKind::Propagating
        } else {
            sites[site].kind
        };
        let mut onset_s = rng.random::<f64>() * latest;
        drafts.push(Draft { site, kind, onset_s });
        if rng.random_bool(params.burst_fraction) {
            for _ in 0..rng.random_range(1..=3) {
                onset_s += rng.random_range(0.4..1.3);
                if onset_s < latest {
                    drafts.push(Draft { site, kind: sites[site].kind, onset_s });
                }
            }
        }
    }
    drafts.sort_by(|a, b| a.site.cmp(&b.site).then(a.onset_s.total_cmp(&b.onset_s)));
    let mut previous: Option<(usize, f64)> = None;
    drafts.retain(|d| {
        let free = previous.is_none_or(|(site, onset)| site != d.site || d.onset_s - onset >= REFRACTORY_S);
        if free {
            previous = Some((d.site, d.onset_s));
        }
        free
    });
    drafts.sort_by(|a, b| a.onset_s.total_cmp(&b.onset_s));
    drafts
}

/// How far a transient of `kind` reaches at `site`.
fn extent(site: &Site, kind: EventKind, rng: &mut ChaCha8Rng) -> Extent {
    let (stretch_weight, stretch_um) = match kind {
        EventKind::Spine => (rng.random_range(0.05..0.5), lognormal(0.5, 0.4, rng).clamp(0.25, 1.2)),
        EventKind::Shaft => (1.0, lognormal(0.45, 0.4, rng).clamp(0.2, 1.2)),
        EventKind::Large => (rng.random_range(0.6..1.0), lognormal(1.6, 0.3, rng).clamp(0.9, 2.6)),
        EventKind::Propagating => (rng.random_range(0.7..1.0), rng.random_range(1.5..3.5)),
    };
    let speed_um_per_s = (kind == EventKind::Propagating).then(|| rng.random_range(10.0..50.0));
    Extent { branch: site.branch, node: site.node, spine: site.spine, stretch_weight, stretch_um, speed_um_per_s }
}

/// Peak dF/F0 and time course of a transient; `radius` of the dendrite in µm.
///
/// The same influx raises calcium less in a thick dendrite: on the dendrite itself the strength falls with its calibre.
fn strength(params: &SparksParams, site: &Site, draft: &Draft, radius: f64, rng: &mut ChaCha8Rng) -> (f64, TimeCourse) {
    let diluted = (0.25 / radius).clamp(0.25, 1.2);
    let (of_kind, slower) = match draft.kind {
        EventKind::Spine => (1.15, 1.0),
        EventKind::Shaft => (0.8 * diluted, 1.0),
        EventKind::Large => (2.4 * diluted, 1.5),
        EventKind::Propagating => (1.5 * diluted, 1.2),
    };
    let target = lognormal(params.median_peak_dff * of_kind * site.strength, 0.5, rng).clamp(0.12, 8.0);
    let median_s = params.median_decay_s;
    let decay_s = (slower * lognormal(median_s, 0.4, rng)).clamp(0.4 * median_s, 8.0 / 3.0 * median_s);
    let rise_s = rng.random_range(0.015..0.06);
    (target, TimeCourse { onset_s: draft.onset_s, rise_s, decay_s })
}

/// Finds the strength that gives the wanted peak, and where and when the peak is; `None` outside the field.
fn scale(
    params: &SparksParams,
    draft: &Draft,
    index: usize,
    footprint: &Footprint,
    target: f64,
    course: TimeCourse,
) -> Option<Planned> {
    let dt = params.frame_interval_s;
    let latest_lag = footprint.pixels.iter().map(|p| p.lag).fold(0f32, f32::max);
    let light_lag = footprint.lag.as_ref().map_or(0.0, |l| f64::from(l.iter().copied().fold(0f32, f32::max)));
    let first = (course.onset_s / dt).floor().max(0.0) as usize;
    let frame_after = |s: f64| ((course.onset_s + s) / dt).ceil() as usize + 1;
    let rising = frame_after(f64::from(latest_lag) + 8.0 * course.rise_s).min(params.n_frames);
    let mut peak = (0f64, 0, 0);
    for t in first..rising {
        let at_once = course.mean(t as f64 * dt, dt, 0.0);
        for (i, pixel) in footprint.pixels.iter().enumerate() {
            let strength = if pixel.lag > 0.0 { course.mean(t as f64 * dt, dt, f64::from(pixel.lag)) } else { at_once };
            let dff = strength * f64::from(pixel.dff);
            if dff > peak.0 {
                peak = (dff, t, i);
            }
        }
    }
    let (dff, peak_frame, peak_pixel) = peak;
    if dff <= 0.0 {
        return None;
    }
    let last = frame_after(light_lag + course.length_s(NEGLIGIBLE)).min(params.n_frames);
    Some(Planned {
        site: draft.site,
        footprint: index,
        kind: draft.kind,
        course,
        strength: target / dff,
        peak_dff: target as f32,
        peak_frame,
        peak_pixel,
        frames: Span::new(first, last),
    })
}
