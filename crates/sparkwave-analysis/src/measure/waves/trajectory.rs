//! The way of the front from the origin to the place it reached last.
//!
//! From the end the way runs against the direction of travel of the local fronts, the line of steepest arrival, until
//! it is within half a window of the origin, and straight from there. Unlike the way of a centroid it does not get
//! longer with noise or with more frames, and it stays on tissue that the wave visited.

use sparkwave_core::axes::PointYx;

use super::domain;
use super::scale::Scale;
use super::slowness::Fronts;

/// Part of the visited area that counts as reached last.
const LATE_FRACTION: f64 = 0.02;
const STEP_PX: f64 = 0.5;
/// A way with more steps than this for each row and column goes in circles.
const MAX_STEPS_PER_PX: usize = 8;

/// The last position of the front, in pixels of the crop: of the largest connected part of the 2 % of the visited area
/// that is reached last, the pixel nearest to its mean place. One extreme arrival does not move it. `None` where no
/// smoothed arrival is known.
pub(super) fn end(fronts: &Fronts) -> Option<(usize, usize)> {
    let mut reached: Vec<(f64, (usize, usize))> =
        fronts.at.indexed_iter().filter_map(|(at, front)| Some((front.as_ref()?.arrival_s, at))).collect();
    reached.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let n = ((LATE_FRACTION * reached.len() as f64).ceil() as usize).max(1);
    let last: Vec<(usize, usize)> = reached.iter().take(n).map(|r| r.1).collect();
    let part = domain::largest_component(&last, fronts.at.dim());
    let mean = |of: fn(&(usize, usize)) -> usize| part.iter().map(|p| of(p) as f64).sum::<f64>() / part.len() as f64;
    let (y, x) = (mean(|p| p.0), mean(|p| p.1));
    let off = |p: &(usize, usize)| (p.0 as f64 - y).powi(2) + (p.1 as f64 - x).powi(2);
    part.iter().copied().min_by(|a, b| off(a).total_cmp(&off(b)))
}

/// The way from `origin` to `end`, both in pixels of the crop and part of it, as points close to each other. `None` if
/// the local fronts do not lead back to the origin.
pub(super) fn between(fronts: &Fronts, origin: PointYx, end: (usize, usize), scale: Scale) -> Option<Vec<PointYx>> {
    let mut at = PointYx { y: end.0 as f64, x: end.1 as f64 };
    let mut way = vec![at];
    let step = STEP_PX * scale.y.min(scale.x);
    let most = MAX_STEPS_PER_PX * (fronts.at.nrows() + fronts.at.ncols());
    while scale.distance(at, origin) > fronts.half_window {
        if way.len() > most {
            return None;
        }
        let (y, x) = (at.y.round(), at.x.round());
        if y < 0.0 || x < 0.0 {
            return None;
        }
        let front = fronts.at.get((y as usize, x as usize))?.as_ref()?;
        let [dy, dx] = front.direction?;
        at = PointYx { y: at.y - step * dy / scale.y, x: at.x - step * dx / scale.x };
        way.push(at);
    }
    way.push(origin);
    way.reverse();
    Some(way)
}

/// Length of a way.
pub(super) fn length(way: &[PointYx], scale: Scale) -> f64 {
    way.windows(2).map(|w| scale.distance(w[0], w[1])).sum()
}
