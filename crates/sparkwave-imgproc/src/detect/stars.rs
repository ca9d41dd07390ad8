//! From star-convex polyhedra to events (M. Weigert et al., "Star-convex polyhedra for 3D object detection and segmentation
//! in microscopy", WACV 2020).
//!
//! Of polyhedra that overlap too much the most probable remains; where two that remain share voxels, these are of the more
//! probable one.

use super::{Found, highest_level, number};
use crate::link::sparse::{Active, SparseVolume};
use crate::sampling::Sampling;
use crate::star::Stars;
use crate::star::render::territories;
use crate::star::suppress::suppress;
use sparkwave_core::event::Event;
use std::collections::BTreeMap;

/// What makes an event out of a polyhedron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StarParams {
    /// A polyhedron is dropped if it shares more than this part of its volume, or of theirs, with a more probable one, 0 to 1.
    pub overlap: f32,
    /// Less probable polyhedra are dropped, 0 to 1.
    pub min_probability: f32,
}

/// Makes events of the candidates `stars` in a movie of this shape `[T, Y, X]`, ordered by peak time and numbered from 1.
///
/// An event holds the voxels of its polyhedron that are among `active`, where signals are known; a polyhedron without any is
/// no event. Its score is the polyhedron's.
pub fn assemble(
    active: Vec<Active>,
    stars: &Stars,
    shape: [usize; 3],
    params: StarParams,
    sampling: Sampling,
) -> Vec<Event> {
    let kept = suppress(stars, params.overlap);
    let probable: Vec<usize> = kept.into_iter().filter(|&i| stars.scores()[i] >= params.min_probability).collect();
    let stars = stars.select(&probable);
    let volume = SparseVolume::new(active, shape[1]);
    let known = volume.voxels();
    let mut found = Vec::new();
    for (voxels, &score) in territories(&stars, shape).iter().zip(stars.scores()) {
        let at = |v| known.binary_search_by_key(v, |a: &Active| a.voxel).ok();
        let voxels: Vec<Active> = voxels.iter().filter_map(at).map(|i| known[i]).collect();
        if let Some(peak) = highest_level(&voxels) {
            found.push(Found { voxels, peak, score, burst: false });
        }
    }
    mark_bursts(&mut found, shape[1]);
    number(found, sampling)
}

/// Marks events that touch another one.
fn mark_bursts(found: &mut [Found], height: usize) {
    let all = SparseVolume::new(found.iter().flat_map(|f| f.voxels.iter().copied()).collect(), height);
    let component = all.components();
    let components: Vec<u32> = found
        .iter()
        .map(|f| {
            let first = f.voxels.first().expect("events without voxels were left out").voxel;
            let i = all.voxels().binary_search_by_key(&first, |a| a.voxel).expect("it is one of them");
            component[i]
        })
        .collect();
    let mut n_events: BTreeMap<u32, usize> = BTreeMap::new();
    components.iter().for_each(|c| *n_events.entry(*c).or_default() += 1);
    for (event, component) in found.iter_mut().zip(&components) {
        event.burst = n_events[component] > 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::sparse::tests::active;
    use crate::star::Rays;
    use sparkwave_core::axes::Voxel;
    use sparkwave_core::recording::Recording;

    #[test]
    fn the_more_probable_of_overlapping_polyhedra_is_the_event() {
        let rays = Rays::golden_spiral(32, [1.0; 3]).unwrap();
        let at = |t, y, x| Voxel { t, y, x };
        let centres = vec![at(5, 8, 8), at(5, 9, 8), at(5, 8, 12), at(12, 20, 20), at(5, 28, 28)];
        let scores = vec![0.9, 0.8, 0.7, 0.95, 0.2];
        let stars = Stars::new(&rays, centres, scores, vec![3.0; 5 * 32]).unwrap();
        let mut everywhere = Vec::new();
        for (t, y, x) in (0..16 * 32 * 32u32).map(|i| (i / 1024, i / 32 % 32, i % 32)) {
            // Where the last one is, nothing is known.
            if y < 24 {
                everywhere.push(active(t, y, x, if (t, y, x) == (6, 8, 9) { 9.0 } else { 1.0 }));
            }
        }
        let params = StarParams { overlap: 0.4, min_probability: 0.1 };
        let sampling = Sampling::of(&Recording::default());
        let events = assemble(everywhere.clone(), &stars, [16, 32, 32], params, sampling);
        let scores: Vec<f32> = events.iter().map(|e| e.score).collect();
        assert_eq!(scores, [0.7, 0.9, 0.95], "in order of time and place");
        assert_eq!(events[1].peak, at(6, 8, 9));
        assert_eq!(events.iter().map(|e| e.burst).collect::<Vec<_>>(), [true, true, false]);
        let shared = events[1].voxels.iter().filter(|v| events[0].voxels.contains(v)).count();
        assert_eq!(shared, 0);
        let ball = 4.0 / 3.0 * std::f64::consts::PI * 27.0;
        assert!((events[2].voxels.len() as f64 / ball - 1.0).abs() < 0.25, "{}", events[2].voxels.len());
        assert!(events[0].voxels.len() < events[2].voxels.len(), "what both claim is the other's");
        let sure = assemble(everywhere, &stars, [16, 32, 32], StarParams { min_probability: 0.85, ..params }, sampling);
        assert_eq!(sure.len(), 2);
    }
}
