//! The columns of `events.csv`: what each is called, means and holds.

use sparkwave_core::event::Event;
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};

use super::axes::Axes;
use super::centroid::Centroid;
use super::extent::Extent;
use super::intensity::Intensity;
use super::kinetics::Kinetics;
use super::neighbours::Neighbours;
use super::propagation::Propagation;

/// A column of the table of events.
#[derive(Clone, Copy)]
pub struct ColumnDefinition {
    /// Header.
    pub name: &'static str,
    /// Unit of the values; empty for ids, words and truth values, `1` for ratios and counts.
    pub unit: &'static str,
    /// What the column holds.
    pub definition: &'static str,
    /// When a value is empty; an empty string if it never is.
    pub undefined: &'static str,
    value: fn(&Measured) -> Value,
}

impl std::fmt::Debug for ColumnDefinition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}]: {}", self.name, self.unit, self.definition)
    }
}

/// Everything measured of one event.
pub(super) struct Measured<'a> {
    pub(super) event: &'a Event,
    pub(super) source: &'a str,
    pub(super) pixel_size: Option<PixelSize>,
    pub(super) centroid: Option<Centroid>,
    pub(super) t_peak_s: Option<f64>,
    pub(super) duration_s: Option<f64>,
    pub(super) extent: Option<Extent>,
    pub(super) intensity: Intensity,
    pub(super) axes: Axes,
    pub(super) solidity: Option<f64>,
    pub(super) footprint_solidity: Option<f64>,
    pub(super) neighbours: Neighbours,
    pub(super) interval_s: Option<f64>,
    pub(super) propagation: Propagation,
    pub(super) kinetics: Kinetics,
}

impl Measured<'_> {
    fn area_um2(&self, area_px: usize) -> Option<f64> {
        self.pixel_size.map(|p| area_px as f64 * p.y.get() * p.x.get())
    }
}

/// The table with one row for each event.
pub(super) fn table(measured: &[Measured]) -> Table {
    let mut table = Table::new();
    for column in COLUMNS {
        table.push(column.name, measured.iter().map(column.value).collect());
    }
    table
}

fn int(value: impl Into<i64>) -> Value {
    Value::Int(value.into())
}

fn count(n: usize) -> Value {
    // A count of things in memory is below 2^63.
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

fn count_or_empty(n: Option<usize>) -> Value {
    n.map_or(Value::Empty, count)
}

/// Quotient of two axes; a point has none.
fn quotient(part: Option<f64>, whole: Option<f64>) -> Value {
    Value::maybe(part.zip(whole).filter(|(_, whole)| *whole > 0.0).map(|(part, whole)| part / whole))
}

const NO_PIXEL_SIZE: &str = "without pixel size";
const NO_CLOCK: &str = "without frame times";
const NO_TRACE: &str = "without frame times or without a trace over the event's frames";

/// The columns of `events.csv`, in order. "Centroid" is the mean position of the voxels weighted by max(dF/F0, 0), or the
/// plain mean where no weight is greater than zero; "footprint" is the set of pixels covered at any time.
pub const COLUMNS: &[ColumnDefinition] = &[
    ColumnDefinition {
        name: "event_id",
        unit: "",
        definition: "number of the event, and its value in labels.tif",
        undefined: "",
        value: |m| int(m.event.id),
    },
    ColumnDefinition {
        name: "region_id",
        unit: "",
        definition: "number of the site; events at one site share it",
        undefined: "",
        value: |m| int(m.event.region_id),
    },
    ColumnDefinition {
        name: "t_peak_frame",
        unit: "frame",
        definition: "frame in which the detector found the signal largest",
        undefined: "",
        value: |m| int(m.event.peak.t),
    },
    ColumnDefinition {
        name: "t_start_frame",
        unit: "frame",
        definition: "first frame of the event",
        undefined: "",
        value: |m| count(m.event.frames().start),
    },
    ColumnDefinition {
        name: "t_end_frame",
        unit: "frame",
        definition: "first frame after the event",
        undefined: "",
        value: |m| count(m.event.frames().end),
    },
    ColumnDefinition {
        name: "t_peak_s",
        unit: "s",
        definition: "time of the peak frame since the first frame of the recording",
        undefined: NO_CLOCK,
        value: |m| Value::maybe(m.t_peak_s),
    },
    ColumnDefinition {
        name: "duration_s",
        unit: "s",
        definition: "time from the start of the first frame to the end of the last",
        undefined: NO_CLOCK,
        value: |m| Value::maybe(m.duration_s),
    },
    ColumnDefinition {
        name: "y_px",
        unit: "px",
        definition: "row of the centroid; pixel centres are integers",
        undefined: "",
        value: |m| Value::maybe(m.centroid.map(|c| c.y)),
    },
    ColumnDefinition {
        name: "x_px",
        unit: "px",
        definition: "column of the centroid; pixel centres are integers",
        undefined: "",
        value: |m| Value::maybe(m.centroid.map(|c| c.x)),
    },
    ColumnDefinition {
        name: "y_um",
        unit: "um",
        definition: "y_px times the height of a pixel",
        undefined: NO_PIXEL_SIZE,
        value: |m| Value::maybe(m.centroid.zip(m.pixel_size).map(|(c, p)| c.y * p.y.get())),
    },
    ColumnDefinition {
        name: "x_um",
        unit: "um",
        definition: "x_px times the width of a pixel",
        undefined: NO_PIXEL_SIZE,
        value: |m| Value::maybe(m.centroid.zip(m.pixel_size).map(|(c, p)| c.x * p.x.get())),
    },
    ColumnDefinition {
        name: "n_voxels",
        unit: "1",
        definition: "number of voxels; the published area",
        undefined: "",
        value: |m| count(m.event.voxels.len()),
    },
    ColumnDefinition {
        name: "area_px",
        unit: "px",
        definition: "number of pixels of the footprint",
        undefined: "",
        value: |m| count(m.extent.map_or(0, |e| e.area_px)),
    },
    ColumnDefinition {
        name: "area_um2",
        unit: "um2",
        definition: "area of the footprint",
        undefined: NO_PIXEL_SIZE,
        value: |m| Value::maybe(m.extent.and_then(|e| m.area_um2(e.area_px))),
    },
    ColumnDefinition {
        name: "peak_dff",
        unit: "dF/F0",
        definition: "dF/F0 at the voxel that the detector gave as peak",
        undefined: "if that voxel is not part of the event",
        value: |m| Value::maybe(m.intensity.peak),
    },
    ColumnDefinition {
        name: "score",
        unit: "1",
        definition: "evidence for the event on the detector's scale, larger is surer",
        undefined: "if the detector gave a number that is not finite",
        value: |m| Value::float(m.event.score),
    },
    ColumnDefinition {
        name: "burst",
        unit: "",
        definition: "true if the event was cut out of an object with several peaks",
        undefined: "",
        value: |m| Value::Bool(m.event.burst),
    },
    ColumnDefinition {
        name: "source",
        unit: "",
        definition: "name of the detector",
        undefined: "",
        value: |m| Value::Text(m.source.to_owned()),
    },
    ColumnDefinition {
        name: "t_centroid_frame",
        unit: "frame",
        definition: "frame coordinate of the centroid",
        undefined: "",
        value: |m| Value::maybe(m.centroid.map(|c| c.t)),
    },
    ColumnDefinition {
        name: "n_frames",
        unit: "1",
        definition: "number of frames from the first to the last; the published duration",
        undefined: "",
        value: |m| count(m.extent.map_or(0, |e| e.n_frames)),
    },
    ColumnDefinition {
        name: "area_peak_px",
        unit: "px",
        definition: "number of pixels covered in the peak frame",
        undefined: "",
        value: |m| count(m.extent.map_or(0, |e| e.area_peak_px)),
    },
    ColumnDefinition {
        name: "area_peak_um2",
        unit: "um2",
        definition: "area covered in the peak frame",
        undefined: NO_PIXEL_SIZE,
        value: |m| Value::maybe(m.extent.and_then(|e| m.area_um2(e.area_peak_px))),
    },
    ColumnDefinition {
        name: "dff_mean",
        unit: "dF/F0",
        definition: "mean over voxels; the published mean intensity",
        undefined: "",
        value: |m| Value::maybe(m.intensity.mean),
    },
    ColumnDefinition {
        name: "dff_max",
        unit: "dF/F0",
        definition: "maximum over voxels; the published maximum intensity",
        undefined: "",
        value: |m| Value::maybe(m.intensity.max),
    },
    ColumnDefinition {
        name: "major_um",
        unit: "um",
        definition: "4 sqrt of the larger principal variance of the footprint's pixel centres",
        undefined: NO_PIXEL_SIZE,
        value: |m| Value::maybe(m.axes.major_um),
    },
    ColumnDefinition {
        name: "minor_um",
        unit: "um",
        definition: "4 sqrt of the smaller principal variance of the footprint's pixel centres; 0 for a straight footprint",
        undefined: NO_PIXEL_SIZE,
        value: |m| Value::maybe(m.axes.minor_um),
    },
    ColumnDefinition {
        name: "footprint_aspect",
        unit: "1",
        definition: "minor_um / major_um, 1 for a round footprint",
        undefined: "without pixel size, and for a footprint of one pixel",
        value: |m| quotient(m.axes.minor_um, m.axes.major_um),
    },
    ColumnDefinition {
        name: "footprint_solidity",
        unit: "1",
        definition: "pixels of the footprint over pixels of its convex hull",
        undefined: "for footprints beyond 250,000 px",
        value: |m| Value::maybe(m.footprint_solidity),
    },
    ColumnDefinition {
        name: "major_vox",
        unit: "voxel",
        definition: "published major axis: sqrt(20 v), v the largest principal variance of (t, y, x), frames counted like pixels",
        undefined: "",
        value: |m| Value::maybe(m.axes.major_vox),
    },
    ColumnDefinition {
        name: "minor_vox",
        unit: "voxel",
        definition: "published minor axis: sqrt(20 v), v the smallest principal variance of (t, y, x); 0 for a flat event",
        undefined: "",
        value: |m| Value::maybe(m.axes.minor_vox),
    },
    ColumnDefinition {
        name: "aspect",
        unit: "1",
        definition: "published aspect: minor_vox / major_vox",
        undefined: "for a single voxel",
        value: |m| quotient(m.axes.minor_vox, m.axes.major_vox),
    },
    ColumnDefinition {
        name: "spatial_aspect",
        unit: "1",
        definition: "published spatial aspect: short side over long side of the bounding box in pixels",
        undefined: "",
        value: |m| Value::maybe(m.extent.map(|e| e.spatial_aspect())),
    },
    ColumnDefinition {
        name: "solidity",
        unit: "1",
        definition: "published solidity: voxels over voxels of the convex hull in (t, y, x)",
        undefined: "for an event in one plane of (t, y, x), such as one of a single frame, and beyond 250,000 voxels in an axis",
        value: |m| Value::maybe(m.solidity),
    },
    ColumnDefinition {
        name: "integrated_profile",
        unit: "dF/F0 frame",
        definition: "sum over frames of the profile: the mean over the whole bounding box of dF/F0, 0 outside the event",
        undefined: "",
        value: |m| Value::maybe(m.intensity.profile_sum),
    },
    ColumnDefinition {
        name: "max_profile",
        unit: "dF/F0",
        definition: "maximum of the profile",
        undefined: "",
        value: |m| Value::maybe(m.intensity.profile_max),
    },
    ColumnDefinition {
        name: "std_profile",
        unit: "dF/F0",
        definition: "population standard deviation of the profile",
        undefined: "",
        value: |m| Value::maybe(m.intensity.profile_std),
    },
    ColumnDefinition {
        name: "nn_vox",
        unit: "voxel",
        definition: "distance of centroids to the nearest other event in (t, y, x), frames counted like pixels, as published",
        undefined: "for a single event",
        value: |m| Value::maybe(m.neighbours.nearest_vox),
    },
    ColumnDefinition {
        name: "spatial_nn_px",
        unit: "px",
        definition: "distance of centroids to the nearest other event in the image plane, at any time, as published",
        undefined: "for a single event",
        value: |m| Value::maybe(m.neighbours.nearest_px),
    },
    ColumnDefinition {
        name: "spatial_nn_um",
        unit: "um",
        definition: "distance of centroids to the nearest other event in the image plane, at any time",
        undefined: "without pixel size, and for a single event",
        value: |m| Value::maybe(m.neighbours.nearest_um),
    },
    ColumnDefinition {
        name: "n_neighbours",
        unit: "1",
        definition: "number of other events with a centroid less than 0.96 um away in the image plane, at any time",
        undefined: NO_PIXEL_SIZE,
        value: |m| count_or_empty(m.neighbours.n_within_um),
    },
    ColumnDefinition {
        name: "n_neighbours_published",
        unit: "1",
        definition: "published frequency: number of other events with a centroid less than 6 px away, at any time",
        undefined: "",
        value: |m| count_or_empty(m.neighbours.n_within_px),
    },
    ColumnDefinition {
        name: "frequency_hz",
        unit: "Hz",
        definition: "n_neighbours over the duration of the recording",
        undefined: "without pixel size, frame times or number of frames",
        value: |m| Value::maybe(m.neighbours.frequency_hz),
    },
    ColumnDefinition {
        name: "inter_event_interval_s",
        unit: "s",
        definition: "time from the peak of the previous event of the region to this one",
        undefined: "without frame times, and for the first event of a region",
        value: |m| Value::maybe(m.interval_s),
    },
    ColumnDefinition {
        name: "path_um",
        unit: "um",
        definition: "length of the path of the frame-wise centroid from the first frame to the last; 0 for one frame",
        undefined: NO_PIXEL_SIZE,
        value: |m| Value::maybe(m.propagation.path_um),
    },
    ColumnDefinition {
        name: "displacement_um",
        unit: "um",
        definition: "straight distance from the centroid of the first frame to that of the last; 0 for one frame",
        undefined: NO_PIXEL_SIZE,
        value: |m| Value::maybe(m.propagation.displacement_um),
    },
    ColumnDefinition {
        name: "speed_um_per_s",
        unit: "um/s",
        definition: "path_um over the time from the first frame to the last",
        undefined: "without pixel size or frame times, and for one frame",
        value: |m| Value::maybe(m.propagation.speed_um_per_s),
    },
    ColumnDefinition {
        name: "rise_time_s",
        unit: "s",
        definition: "time from 10 % to 90 % of the peak of the footprint's mean dF/F0, the last crossings before the peak",
        undefined: "without frame times or trace, and if the trace does not start below 10 %",
        value: |m| Value::maybe(m.kinetics.rise_time_s),
    },
    ColumnDefinition {
        name: "decay_time_s",
        unit: "s",
        definition: "exponential time constant of the falling phase, by the median slope of ln(dF/F0) over pairs of samples",
        undefined: "without frame times or trace, with fewer than 3 falling samples, and if the trace does not fall",
        value: |m| Value::maybe(m.kinetics.decay_time_s),
    },
    ColumnDefinition {
        name: "half_width_s",
        unit: "s",
        definition: "full width of the trace at half its peak",
        undefined: "without frame times or trace, and if the trace does not fall below half on both sides",
        value: |m| Value::maybe(m.kinetics.half_width_s),
    },
    ColumnDefinition {
        name: "auc_dff_s",
        unit: "dF/F0 s",
        definition: "integral of the trace over the event's frames",
        undefined: NO_TRACE,
        value: |m| Value::maybe(m.kinetics.auc_dff_s),
    },
    ColumnDefinition {
        name: "noise_sd",
        unit: "dF/F0",
        definition: "1.4826 times the median absolute deviation of the trace before the event",
        undefined: "without trace, and with fewer than 5 samples before the event",
        value: |m| Value::maybe(m.kinetics.noise_sd),
    },
    ColumnDefinition {
        name: "snr",
        unit: "1",
        definition: "peak of the trace in the event's frames over noise_sd",
        undefined: "where noise_sd is, and if it is 0",
        value: |m| Value::maybe(m.kinetics.snr),
    },
];
