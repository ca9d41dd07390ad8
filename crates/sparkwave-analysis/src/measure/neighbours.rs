//! How near other events are, and how many.

use rayon::prelude::*;
use rstar::primitives::GeomWithData;
use rstar::{Point, RTree};
use sparkwave_core::recording::PixelSize;
use sparkwave_core::units::Micrometers;

use super::centroid::Centroid;
use super::clock::Clock;

/// Events nearer than this, at any time, are neighbours: the published 6 px at 0.16 um per pixel.
pub const NEIGHBOUR_DISTANCE: Micrometers = Micrometers::new(0.96);
/// Events nearer than this many pixels are neighbours by the published rule.
pub const PUBLISHED_NEIGHBOUR_DISTANCE_PX: f64 = 6.0;

/// A distance this much below the limit, relatively, counts as equal to it, hence as outside: the conversion of pixels
/// to micrometres must not decide.
const ROUNDING: f64 = 1e-9;

/// The surroundings of an event among all events of its recording.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Neighbours {
    /// Distance to the nearest other event in (t, y, x), a frame counted like a pixel.
    pub(super) nearest_vox: Option<f64>,
    /// Distance to the nearest other event in the image plane, at any time.
    pub(super) nearest_px: Option<f64>,
    /// The same in micrometres.
    pub(super) nearest_um: Option<f64>,
    /// Number of other events within [`NEIGHBOUR_DISTANCE`].
    pub(super) n_within_um: Option<usize>,
    /// Number of other events within [`PUBLISHED_NEIGHBOUR_DISTANCE_PX`].
    pub(super) n_within_px: Option<usize>,
    /// `n_within_um` over the duration of the recording.
    pub(super) frequency_hz: Option<f64>,
}

/// Surroundings of events given by their centroids; an event without centroid has none and is nobody's neighbour.
pub(super) fn measure(centroids: &[Option<Centroid>], pixel_size: Option<PixelSize>, clock: &Clock) -> Vec<Neighbours> {
    let in_voxels = Site::among(centroids, |c| [c.t, c.y, c.x]);
    let in_px = Site::among(centroids, |c| [c.y, c.x]);
    let in_um = pixel_size.map(|p| Site::among(centroids, move |c| [c.y * p.y.get(), c.x * p.x.get()]));
    let recording_s = clock.recording_s();
    (0..centroids.len())
        .into_par_iter()
        .map(|i| {
            let n_within_um = in_um.as_ref().and_then(|sites| sites.n_within(i, NEIGHBOUR_DISTANCE.get()));
            Neighbours {
                nearest_vox: in_voxels.nearest(i),
                nearest_px: in_px.nearest(i),
                nearest_um: in_um.as_ref().and_then(|sites| sites.nearest(i)),
                n_within_um,
                n_within_px: in_px.n_within(i, PUBLISHED_NEIGHBOUR_DISTANCE_PX),
                frequency_hz: n_within_um.zip(recording_s).map(|(n, seconds)| n as f64 / seconds),
            }
        })
        .collect()
}

/// Positions of all events in one space, with an index over them.
struct Site<P: Point> {
    positions: Vec<Option<P>>,
    tree: RTree<GeomWithData<P, usize>>,
}

impl<P: Point<Scalar = f64>> Site<P> {
    fn among(centroids: &[Option<Centroid>], position: impl Fn(&Centroid) -> P) -> Self {
        let positions: Vec<Option<P>> = centroids.iter().map(|c| c.as_ref().map(&position)).collect();
        let known = positions.iter().enumerate().filter_map(|(i, p)| p.clone().map(|p| GeomWithData::new(p, i)));
        let tree = RTree::bulk_load(known.collect());
        Self { positions, tree }
    }

    /// Distance from event `i` to the nearest other one.
    fn nearest(&self, i: usize) -> Option<f64> {
        let position = self.positions[i].clone()?;
        self.tree
            .nearest_neighbor_iter_with_distance_2(position)
            .find(|(site, _)| site.data != i)
            .map(|(_, squared)| squared.sqrt())
    }

    /// Number of other events nearer to event `i` than a limit.
    fn n_within(&self, i: usize, limit: f64) -> Option<usize> {
        let position = self.positions[i].clone()?;
        let limit = limit * (1.0 - ROUNDING);
        Some(self.tree.locate_within_distance(position, limit * limit).filter(|site| site.data != i).count())
    }
}
