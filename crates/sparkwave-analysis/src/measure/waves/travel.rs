//! Where a wave came from, where it went, how fast and which way.

use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::Patch;

use super::curved;
use super::geodesic;
use super::origin::{self, Origin};
use super::scale::Scale;
use super::slowness::{self, Fronts};
use super::speed::{self, Speed};
use super::theil_sen::{self, Slope};
use super::trajectory;

/// The propagation of a wave. Lengths are in the unit of its [`Scale`], speeds in that unit per second, points in
/// pixels.
pub(super) struct Travel {
    pub(super) fronts: Fronts,
    pub(super) origin: Option<Origin>,
    /// Last position of the front.
    pub(super) end: Option<PointYx>,
    /// Smoothed arrival there, s.
    pub(super) last_arrival_s: Option<f64>,
    /// From the origin to the end, in pixels of the crop; empty where the fronts do not lead from one to the other.
    pub(super) way: Vec<PointYx>,
    pub(super) path_length: Option<f64>,
    pub(super) net_displacement: Option<f64>,
    /// Largest distance from the origin within the visited area.
    pub(super) max_radius: Option<f64>,
    pub(super) speed: Option<Speed>,
    pub(super) theil_sen: Option<Slope>,
    pub(super) axis: Option<Axis>,
}

/// The axis of travel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    /// Degrees counter-clockwise from the picture's right, up being 90, in 0..360.
    pub(super) direction_deg: f64,
    /// Length of the mean unit vector: 1 for a plane wave, 0 for a wave that spreads to all sides alike.
    pub(super) coherence: f64,
}

/// A mean direction shorter than this is none.
const MIN_COHERENCE: f64 = 0.1;

/// Measures how a wave with this arrival map travels.
pub(super) fn measure(arrival: &Patch, scale: Scale) -> Travel {
    let (fronts, origin) = fronts(arrival, scale);
    let in_crop = |at: PointYx| PointYx { y: at.y - fronts.y0 as f64, x: at.x - fronts.x0 as f64 };
    let start = origin.map(|o| in_crop(o.at));
    let last = trajectory::end(&fronts);
    let pixel = |at: PointYx| (at.y.round().max(0.0) as usize, at.x.round().max(0.0) as usize);
    let distance = start.map(|at| geodesic::distances(&fronts.domain, pixel(at), scale));
    let way = start.zip(last).and_then(|(start, end)| trajectory::between(&fronts, start, end, scale));
    // Where the fronts do not lead back to the origin, the shortest way through the visited area stands in.
    let shortest = distance.as_ref().zip(last).map(|(d, end)| d[end]).filter(|d| d.is_finite());
    let net = start.zip(last).map(|(a, b)| scale.distance(a, PointYx { y: b.0 as f64, x: b.1 as f64 }));
    // No way is shorter than the straight one, though the shortest starts at the nearest pixel to the origin.
    let path_length =
        way.as_ref().map(|way| trajectory::length(way, scale)).or(shortest).zip(net).map(|(a, b)| a.max(b));
    let theil_sen = distance.as_ref().and_then(|distance| {
        // One point for each window: their errors are independent.
        let [hy, hx] = fronts.half_window_px.map(|h| 2 * h + 1);
        let nodes = fronts.at.indexed_iter().filter(|((y, x), _)| y % hy == 0 && x % hx == 0);
        let points = nodes.filter_map(|(at, front)| Some((distance[at], front.as_ref()?.arrival_s)));
        theil_sen::speed(&points.filter(|p| p.0.is_finite()).collect::<Vec<_>>())
    });
    Travel {
        origin,
        end: last.map(|(y, x)| PointYx { y: (y + fronts.y0) as f64, x: (x + fronts.x0) as f64 }),
        last_arrival_s: last.and_then(|at| fronts.at[at].as_ref()).map(|front| front.arrival_s),
        way: way.unwrap_or_default(),
        path_length,
        net_displacement: net,
        max_radius: distance.and_then(|d| d.into_iter().filter(|d| d.is_finite()).max_by(f64::total_cmp)),
        speed: speed::measure(&fronts),
        theil_sen,
        axis: axis(&fronts),
        fronts,
    }
}

/// The fronts of an arrival map, and where they come from.
pub(super) fn fronts(arrival: &Patch, scale: Scale) -> (Fronts, Option<Origin>) {
    let mut fronts = slowness::fit(arrival, scale);
    let origin = origin::find(&fronts, scale);
    if let Some(origin) = origin {
        curved::refine_speeds(&mut fronts, origin.onset_s, scale);
    }
    (fronts, origin)
}

impl Travel {
    /// Path over net displacement, at least 1 but for rounding.
    pub(super) fn tortuosity(&self) -> Option<f64> {
        Some(self.path_length? / self.net_displacement.filter(|net| *net > 0.0)?)
    }
}

/// The mean of the unit vectors of travel over the visited area.
fn axis(fronts: &Fronts) -> Option<Axis> {
    let directions: Vec<[f64; 2]> = fronts.at.iter().filter_map(|front| front.as_ref()?.direction).collect();
    let mean = |axis: usize| directions.iter().map(|d| d[axis]).sum::<f64>() / directions.len().max(1) as f64;
    let (y, x) = (mean(0), mean(1));
    let coherence = y.hypot(x);
    // Rows grow downwards.
    let degrees = (-y).atan2(x).to_degrees().rem_euclid(360.0);
    (coherence >= MIN_COHERENCE)
        .then_some(Axis { direction_deg: if degrees >= 360.0 { 0.0 } else { degrees }, coherence })
}
