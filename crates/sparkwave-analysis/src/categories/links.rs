//! Which events before and after a stimulus belong together.

use rstar::RTree;
use rstar::primitives::GeomWithData;
use serde::Serialize;
use sparkwave_core::units::Micrometers;

use super::{Category, Error, Offset, Site};
use crate::evaluate::matching::{Limits, match_within};
use crate::evaluate::points::Detection;
use crate::measure::NEIGHBOUR_DISTANCE;

/// Default distance within which an event recurs, 0.96 um: the published 6 px at 0.16 um per pixel.
pub const DEFAULT_DISTANCE: Micrometers = NEIGHBOUR_DISTANCE;

/// Most pairs held at once.
pub(super) const MAX_LINKS: usize = 50_000_000;

/// A distance this much below the limit, relatively, counts as equal to it, hence as outside: the conversion of pixels to
/// micrometres must not decide.
const ROUNDING: f64 = 1e-9;

/// When two events belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Rule {
    /// As published: whenever they are within the distance. One event after the stimulus can make a whole burst before it
    /// recurrent, and the more events there are, the more are recurrent by chance. The publication knows no offset between
    /// the recordings; 0 repeats it.
    AllWithin,
    /// One to one: as many pairs as possible within the distance and, among all ways to make that many, at the smallest
    /// total distance. For sites, give one position for each region instead of one for each event.
    OneToOne,
}

/// How events are linked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CategoryParams {
    /// The rule.
    pub rule: Rule,
    /// Events at least this far apart do not belong together, in micrometres, above 0.
    pub distance_um: f64,
}

impl Default for CategoryParams {
    /// One to one within [`DEFAULT_DISTANCE`].
    fn default() -> Self {
        Self { rule: Rule::OneToOne, distance_um: DEFAULT_DISTANCE.get() }
    }
}

/// Two events that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Link {
    /// 0-based position among the events before.
    pub before: usize,
    /// 0-based position among those after.
    pub after: usize,
    /// How far apart they are, the offset taken off.
    pub distance_um: f64,
}

/// What became of every event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Categories {
    /// How it was decided.
    pub params: CategoryParams,
    /// Of each event before: silenced or recurrent.
    pub before: Vec<Category>,
    /// Of each event after: new or recurrent.
    pub after: Vec<Category>,
    /// Every pair that belongs together, by event before, then by event after.
    pub links: Vec<Link>,
}

impl Categories {
    /// Number of events of a category.
    pub fn count(&self, category: Category) -> usize {
        self.before.iter().chain(&self.after).filter(|c| **c == category).count()
    }

    /// Each recurrent event before with the nearest of its counterparts, the first of equally near ones.
    pub fn nearest_links(&self) -> Vec<Link> {
        let by_event = self.links.chunk_by(|a, b| a.before == b.before);
        let nearer = |best: Link, next: Link| if next.distance_um < best.distance_um { next } else { best };
        by_event.filter_map(|links| links.iter().copied().reduce(nearer)).collect()
    }
}

/// Links events before a stimulus with events after it, by where they are and not by when.
///
/// # Errors
/// [`Error::NotFinite`], [`Error::Distance`], and [`Error::TooManyLinks`] beyond 50 million possible pairs.
pub fn categorize(
    before: &[Site],
    after: &[Site],
    offset: Offset,
    params: &CategoryParams,
) -> Result<Categories, Error> {
    let after = moved(before, after, offset, params.distance_um)?;
    let links = match params.rule {
        Rule::AllWithin => all_within(before, &after, params.distance_um)?,
        Rule::OneToOne => one_to_one(before, &after, params.distance_um)?,
    };
    let mut categories = Categories {
        params: *params,
        before: vec![Category::Silenced; before.len()],
        after: vec![Category::New; after.len()],
        links,
    };
    for link in &categories.links {
        categories.before[link.before] = Category::RecurrentBefore;
        categories.after[link.after] = Category::RecurrentAfter;
    }
    Ok(categories)
}

/// The places after the stimulus as they would have been seen before it, once everything is found to be finite.
pub(super) fn moved(before: &[Site], after: &[Site], offset: Offset, distance_um: f64) -> Result<Vec<Site>, Error> {
    if !(distance_um > 0.0 && distance_um.is_finite()) {
        return Err(Error::Distance { found: distance_um });
    }
    let back = |s: &Site| Site { y_um: s.y_um + offset.y_um, x_um: s.x_um + offset.x_um };
    let after: Vec<Site> = after.iter().map(back).collect();
    for (recording, sites) in [("before", before), ("after", &after)] {
        if let Some((index, s)) = sites.iter().enumerate().find(|(_, s)| !(s.y_um.is_finite() && s.x_um.is_finite())) {
            return Err(Error::NotFinite { recording, index, y_um: s.y_um, x_um: s.x_um });
        }
    }
    Ok(after)
}

/// Every pair within the distance, by first and then by second.
pub(super) fn all_within(before: &[Site], after: &[Site], distance_um: f64) -> Result<Vec<Link>, Error> {
    let points = after.iter().enumerate().map(|(i, s)| GeomWithData::new([s.y_um, s.x_um], i));
    let tree = RTree::bulk_load(points.collect());
    let limit = distance_um * (1.0 - ROUNDING);
    let mut links = Vec::new();
    for (i, site) in before.iter().enumerate() {
        let first = links.len();
        for point in tree.locate_within_distance([site.y_um, site.x_um], limit * limit) {
            let [y_um, x_um] = *point.geom();
            let distance_um = (y_um - site.y_um).hypot(x_um - site.x_um);
            links.push(Link { before: i, after: point.data, distance_um });
            if links.len() > MAX_LINKS {
                return Err(Error::TooManyLinks { limit: MAX_LINKS });
            }
        }
        links[first..].sort_unstable_by_key(|link| link.after);
    }
    Ok(links)
}

fn one_to_one(before: &[Site], after: &[Site], distance_um: f64) -> Result<Vec<Link>, Error> {
    // All at one moment, and a micrometre in the place of a pixel.
    let point = |s: &Site| Detection::new(0.0, s.y_um, s.x_um);
    let [before, after] = [before, after].map(|sites| sites.iter().map(point).collect::<Vec<_>>());
    let limits = Limits::new(distance_um, 1.0).ok_or(Error::Distance { found: distance_um })?;
    // Too many possible pairs is all that can be wrong with finite points.
    let pairs = match_within(&before, &after, &limits).map_err(|_| Error::TooManyLinks { limit: MAX_LINKS })?;
    let link =
        |p: crate::evaluate::matching::Pair| Link { before: p.truth, after: p.prediction, distance_um: p.distance_px };
    Ok(pairs.into_iter().map(link).collect())
}
