//! How long a site was quiet before an event.

use std::collections::BTreeMap;

use sparkwave_core::event::Event;

use super::clock::Clock;

/// For each event the time from the peak of the previous event of the same region to its own; `None` for the first of a
/// region. Events that peak in the same frame follow each other by id, 0 s apart.
pub(super) fn intervals_s(events: &[Event], clock: &Clock) -> Vec<Option<f64>> {
    let mut of_region: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        of_region.entry(event.region_id).or_default().push(i);
    }
    let mut intervals = vec![None; events.len()];
    for indices in of_region.values_mut() {
        indices.sort_by_key(|&i| (events[i].peak.t, events[i].id));
        for pair in indices.windows(2) {
            let [before, after] = [pair[0], pair[1]].map(|i| f64::from(events[i].peak.t));
            intervals[pair[1]] = clock.between(before, after);
        }
    }
    intervals
}
