//! Measures of events in physical units.
//!
//! [`measure_events`] turns events into the rows of `events.csv`. [`COLUMNS`] is its data dictionary: name, unit,
//! definition and when a value is undefined, in the order of the table. Undefined is always
//! [`Value::Empty`](sparkwave_core::table::Value::Empty), and no row is ever dropped.
//!
//! The features are those of the published analysis of miniature synaptic calcium transients (Digital Discovery 2025, 4,
//! 105-119), which mix pixels and frames, and beside them the same questions answered in micrometres, seconds and hertz.

mod axes;
mod centroid;
mod clock;
mod columns;
mod extent;
mod hull;
mod intensity;
mod kinetics;
mod neighbours;
mod propagation;
mod recurrence;
mod solidity;
pub mod waves;

pub use columns::{COLUMNS, ColumnDefinition};
pub use kinetics::EventTrace;
pub use neighbours::{NEIGHBOUR_DISTANCE, PUBLISHED_NEIGHBOUR_DISTANCE_PX};

use rayon::prelude::*;
use sparkwave_core::event::Event;
use sparkwave_core::recording::{FrameTimes, PixelSize, Recording};
use sparkwave_core::table::Table;

use clock::Clock;

/// What turns pixels and frames into micrometres and seconds. Unknown is `None`; the columns that need it are then empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// Edge lengths of a pixel.
    pub pixel_size: Option<PixelSize>,
    /// When the frames were taken.
    pub frame_times: Option<FrameTimes>,
    /// Number of frames of the recording, from which event frequencies take its duration. Without it the duration is
    /// known only if the frames are stamped.
    pub n_frames: Option<usize>,
}

impl Calibration {
    /// The calibration of a recording of `n_frames` frames.
    pub fn of(recording: &Recording, n_frames: usize) -> Self {
        Self {
            pixel_size: recording.pixel_size(),
            frame_times: recording.frame_times.as_ref().map(|sourced| sourced.value.clone()),
            n_frames: Some(n_frames),
        }
    }
}

/// Measures every event: one row each, in the order given, with the columns of [`COLUMNS`].
///
/// `source` names the detector. `traces`, where given, holds the trace of event `i` at position `i`; kinetics are empty
/// for events beyond its end. All events are taken to come from one recording: neighbours and intervals look at them all.
///
/// Same events, same bytes, at any thread count.
pub fn measure_events(
    events: &[Event],
    calibration: &Calibration,
    source: &str,
    traces: Option<&[EventTrace]>,
) -> Table {
    let clock = Clock::new(calibration);
    let pixel_size = calibration.pixel_size;
    let centroids: Vec<Option<centroid::Centroid>> = events.par_iter().map(centroid::weighted).collect();
    let neighbours = neighbours::measure(&centroids, pixel_size, &clock);
    let intervals = recurrence::intervals_s(events, &clock);

    let measured: Vec<columns::Measured> = events
        .par_iter()
        .enumerate()
        .map(|(i, event)| {
            let footprint = event.footprint();
            let extent = extent::measure(event, footprint.len());
            columns::Measured {
                event,
                source,
                pixel_size,
                centroid: centroids[i],
                t_peak_s: clock.at(f64::from(event.peak.t)),
                duration_s: clock.between(event.frames().start as f64, event.frames().end as f64),
                intensity: intensity::measure(event, extent.as_ref()),
                axes: axes::measure(event, &footprint, pixel_size),
                solidity: solidity::of_voxels(&event.voxels),
                footprint_solidity: solidity::of_footprint(&footprint),
                neighbours: neighbours[i],
                interval_s: intervals[i],
                propagation: propagation::measure(event, pixel_size, &clock),
                kinetics: traces
                    .and_then(|traces| traces.get(i))
                    .map(|trace| kinetics::measure(event, trace, &clock))
                    .unwrap_or_default(),
                extent,
            }
        })
        .collect();
    columns::table(&measured)
}

#[cfg(test)]
mod tests;
