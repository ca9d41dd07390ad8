//! Sites: places that are active before a stimulus, after it, or both.
//!
//! A site that fires three times before the stimulus and once after it is one recurrent site, but three events of which at
//! most one has a partner of its own. Whether places fell silent is a question about sites.

use super::links::{MAX_LINKS, all_within, moved};
use super::{Error, Offset, Site};
use kodama::{Method, linkage};
use serde::Serialize;

/// What became of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteCategory {
    /// Active before the stimulus only.
    Silenced,
    /// Active after it only.
    New,
    /// Active on both sides.
    Recurrent,
}

impl SiteCategory {
    /// All three, in the order of their tables.
    pub const ALL: [Self; 3] = [Self::Silenced, Self::New, Self::Recurrent];

    /// The name in tables and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silenced => "silenced",
            Self::New => "new",
            Self::Recurrent => "recurrent",
        }
    }
}

/// A place with its events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActiveSite {
    /// The mean place of its events, as seen before the stimulus.
    pub at: Site,
    /// Its events before the stimulus, 0-based, rising.
    pub before: Vec<usize>,
    /// Those after it.
    pub after: Vec<usize>,
}

impl ActiveSite {
    /// What became of it.
    pub fn category(&self) -> SiteCategory {
        match (self.before.is_empty(), self.after.is_empty()) {
            (false, true) => SiteCategory::Silenced,
            (true, _) => SiteCategory::New,
            (false, false) => SiteCategory::Recurrent,
        }
    }
}

/// Groups the events of both recordings into sites: average linkage (R. R. Sokal, C. D. Michener, Univ. Kans. Sci. Bull. 38,
/// 1409-1438 (1958)) of their places, ended where events of two groups are `distance_um` apart on average. Sites come in the
/// order of their first event, those without events before the stimulus last.
///
/// # Errors
/// As [`super::categorize`]; more than 50 million pairs of events within the distance, or within one crowd of events, are
/// [`Error::TooManyLinks`].
pub fn active_sites(
    before: &[Site],
    after: &[Site],
    offset: Offset,
    distance_um: f64,
) -> Result<Vec<ActiveSite>, Error> {
    let after = moved(before, after, offset, distance_um)?;
    let events: Vec<Site> = before.iter().chain(&after).copied().collect();
    let mut sites = Vec::new();
    for crowd in crowds(&events, distance_um)? {
        for members in clusters(&events, &crowd, distance_um)? {
            let n = members.len() as f64;
            let mean = |axis: fn(&Site) -> f64| members.iter().map(|i| axis(&events[*i])).sum::<f64>() / n;
            let split = members.partition_point(|i| *i < before.len());
            sites.push(ActiveSite {
                at: Site { y_um: mean(|s| s.y_um), x_um: mean(|s| s.x_um) },
                before: members[..split].to_vec(),
                after: members[split..].iter().map(|i| i - before.len()).collect(),
            });
        }
    }
    sites.sort_by_key(|site| (site.before.is_empty(), site.before.first().copied(), site.after.first().copied()));
    Ok(sites)
}

/// Sets of events that chains of steps shorter than the distance connect, each rising. What average linkage joins lies
/// within one of them.
fn crowds(events: &[Site], distance_um: f64) -> Result<Vec<Vec<usize>>, Error> {
    let links = all_within(events, events, distance_um)?;
    let neighbours: Vec<&[super::Link]> = links.chunk_by(|a, b| a.before == b.before).collect();
    let mut is_found = vec![false; events.len()];
    let mut crowds = Vec::new();
    for start in 0..events.len() {
        if is_found[start] {
            continue;
        }
        is_found[start] = true;
        let mut crowd = vec![start];
        let mut next = 0;
        while next < crowd.len() {
            // Every event is its own neighbour, so that there is one list an event.
            for link in neighbours[crowd[next]] {
                if !std::mem::replace(&mut is_found[link.after], true) {
                    crowd.push(link.after);
                }
            }
            next += 1;
        }
        crowd.sort_unstable();
        crowds.push(crowd);
    }
    Ok(crowds)
}

/// Divides a crowd into clusters, each rising.
fn clusters(events: &[Site], crowd: &[usize], distance_um: f64) -> Result<Vec<Vec<usize>>, Error> {
    let n = crowd.len();
    if n.saturating_mul(n - 1) / 2 > MAX_LINKS {
        return Err(Error::TooManyLinks { limit: MAX_LINKS });
    }
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (crowd[i], crowd[j])));
    let apart = |(i, j): (usize, usize)| (events[i].y_um - events[j].y_um).hypot(events[i].x_um - events[j].x_um);
    let mut apart: Vec<f64> = pairs.map(apart).collect();
    let tree = linkage(&mut apart, n, Method::Average);
    // Clusters are numbered on from the events in the order in which they are joined.
    let mut groups: Vec<Vec<usize>> = crowd.iter().map(|i| vec![*i]).collect();
    for step in tree.steps().iter().take_while(|step| step.dissimilarity < distance_um) {
        let mut joined = std::mem::take(&mut groups[step.cluster1]);
        joined.append(&mut groups[step.cluster2]);
        joined.sort_unstable();
        groups.push(joined);
    }
    groups.retain(|group| !group.is_empty());
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(y_um: f64, x_um: f64) -> Site {
        Site { y_um, x_um }
    }

    #[test]
    fn a_burst_is_one_site_and_a_chain_is_not() {
        let before = [at(1.0, 1.0), at(1.1, 1.0), at(5.0, 5.0), at(1.0, 1.2)];
        let after = [at(3.05, 1.0), at(11.0, 9.0), at(11.0, 9.6)];
        let sites = active_sites(&before, &after, Offset { y_um: -2.0, x_um: 0.0 }, 0.96).expect("sites");
        let told: Vec<_> = sites.iter().map(|s| (s.category(), s.before.clone(), s.after.clone())).collect();
        let expected = [
            (SiteCategory::Recurrent, vec![0, 1, 3], vec![0]),
            (SiteCategory::Silenced, vec![2], vec![]),
            (SiteCategory::New, vec![], vec![1, 2]),
        ];
        assert_eq!(told, expected);
        assert!((sites[2].at.y_um - 9.0).abs() < 1e-12 && (sites[2].at.x_um - 9.3).abs() < 1e-12);
        // Steps of 0.6 um would join all of a dendrite to one.
        let chain: Vec<Site> = (0..8).map(|i| at(0.0, 0.6 * f64::from(i))).collect();
        let sites = active_sites(&chain, &[], Offset::default(), 0.96).expect("sites");
        assert!(sites.len() >= 3 && sites.iter().all(|s| s.before.len() <= 3), "{sites:?}");
    }

    #[test]
    fn nothing_has_no_sites_and_nowhere_is_refused() {
        assert!(active_sites(&[], &[], Offset::default(), 0.96).expect("no sites").is_empty());
        assert!(active_sites(&[at(f64::NAN, 0.0)], &[], Offset::default(), 0.96).is_err());
        assert!(active_sites(&[], &[], Offset::default(), 0.0).is_err());
    }

    proptest! {
        #[test]
        fn every_event_is_in_one_site_and_sites_are_apart(
            before in prop::collection::vec((0.0..6.0f64, 0.0..6.0f64), 0..30),
            after in prop::collection::vec((0.0..6.0f64, 0.0..6.0f64), 0..30),
        ) {
            let [before, after] = [before, after].map(|v| v.iter().map(|&(y, x)| at(y, x)).collect::<Vec<_>>());
            let sites = active_sites(&before, &after, Offset::default(), 0.96).expect("sites");
            let all = |of: fn(&ActiveSite) -> &Vec<usize>| {
                let mut all: Vec<usize> = sites.iter().flat_map(|s| of(s).clone()).collect();
                all.sort_unstable();
                all
            };
            prop_assert_eq!(all(|s| &s.before), (0..before.len()).collect::<Vec<_>>());
            prop_assert_eq!(all(|s| &s.after), (0..after.len()).collect::<Vec<_>>());
            let places = |s: &ActiveSite| -> Vec<Site> {
                s.before.iter().map(|i| before[*i]).chain(s.after.iter().map(|i| after[*i])).collect()
            };
            for (i, a) in sites.iter().enumerate() {
                for b in &sites[i + 1..] {
                    let (a, b) = (places(a), places(b));
                    let sum: f64 =
                        a.iter().flat_map(|p| b.iter().map(move |q| (p.y_um - q.y_um).hypot(p.x_um - q.x_um))).sum();
                    prop_assert!(sum / (a.len() * b.len()) as f64 >= 0.96 - 1e-9);
                }
            }
        }
    }
}
