//! What each feature is and which columns it follows from.

/// A number that describes an event or a wave.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Name, with its unit as a suffix where it has one.
    pub name: &'static str,
    /// Unit; `1` for ratios.
    pub unit: &'static str,
    /// What it is.
    pub definition: &'static str,
    /// When it is unknown; an empty string if it never is.
    pub undefined: &'static str,
    /// The published feature that it stands for.
    pub published: Option<&'static str>,
    /// The columns it is computed from.
    pub(super) columns: &'static [&'static str],
    /// Its value from those columns, all of them known; a result that is not finite is unknown.
    pub(super) value: fn(&[f64]) -> f64,
}

impl Feature {
    /// A column of the table as it is.
    const fn column(name: &'static [&'static str; 1], unit: &'static str, definition: &'static str) -> Self {
        Self { name: name[0], unit, definition, undefined: "", published: None, columns: name, value: |v| v[0] }
    }

    /// A number that follows from several columns.
    const fn derived(
        name: &'static str,
        unit: &'static str,
        definition: &'static str,
        columns: &'static [&'static str],
        value: fn(&[f64]) -> f64,
    ) -> Self {
        Self { name, unit, definition, undefined: "", published: None, columns, value }
    }

    const fn undefined(self, undefined: &'static str) -> Self {
        Self { undefined, ..self }
    }

    const fn published_as(self, published: &'static str) -> Self {
        Self { published: Some(published), ..self }
    }
}

const NO_PIXEL_SIZE: &str = "without pixel size";
const NO_CLOCK: &str = "without frame times";
const NO_TRACE: &str = "without frame times or a trace over the event's frames";

/// Features of sparks, from the columns of `events.csv` ([`crate::measure::COLUMNS`]).
///
/// Of the published ones, two have no counterpart: the major and minor axis in (t, y, x) and the distance to the nearest
/// event in (t, y, x), in which a frame counts like a pixel. The axes of the footprint, the nearest event in the image
/// plane and the interval to the previous event of the region say the same in units. Where frames are not regular, "the
/// frame interval" is the mean one of the event.
pub const SPARKS: &[Feature] = &[
    Feature::derived(
        "volume_um2_s",
        "um2 s",
        "area integrated over time: voxels times the area of a pixel and the frame interval",
        &["n_voxels", "area_um2", "area_px", "duration_s", "n_frames"],
        |v| v[0] * (v[1] / v[2]) * (v[3] / v[4]),
    )
    .undefined("without pixel size or frame times")
    .published_as("area"),
    Feature::column(&["dff_max"], "dF/F0", "maximum over voxels").published_as("intensity_max"),
    Feature::column(&["dff_mean"], "dF/F0", "mean over voxels").published_as("intensity_mean"),
    Feature::column(&["duration_s"], "s", "from the start of the first frame to the end of the last")
        .undefined(NO_CLOCK)
        .published_as("duration"),
    Feature::column(&["footprint_aspect"], "1", "short over long axis of the footprint, 1 for a round one")
        .undefined("without pixel size, and for a footprint of one pixel")
        .published_as("aspect"),
    Feature::column(
        &["solidity"],
        "1",
        "voxels over voxels of the convex hull in (t, y, x); the same in any unit of time and length",
    )
    .undefined("for an event in one plane of (t, y, x), such as one of a single frame")
    .published_as("solidity"),
    Feature::derived(
        "integrated_dff_s",
        "dF/F0 s",
        "integral over time of the profile, the mean over the whole bounding box of dF/F0, 0 outside the event",
        &["integrated_profile", "duration_s", "n_frames"],
        |v| v[0] * (v[1] / v[2]),
    )
    .undefined(NO_CLOCK)
    .published_as("integrated_profile_intensity"),
    Feature::column(
        &["frequency_hz"],
        "Hz",
        "other events less than 0.96 um away, at any time, over the duration of the recording; 0 for a single event",
    )
    .undefined("without pixel size, frame times or number of frames")
    .published_as("frequency"),
    Feature::column(&["area_um2"], "um2", "area of the footprint").undefined(NO_PIXEL_SIZE),
    Feature::column(&["area_peak_um2"], "um2", "area covered in the peak frame").undefined(NO_PIXEL_SIZE),
    Feature::column(&["major_um"], "um", "long axis of the footprint; 0 for one pixel")
        .undefined(NO_PIXEL_SIZE)
        .published_as("major"),
    Feature::column(&["minor_um"], "um", "short axis of the footprint; 0 for a straight one")
        .undefined(NO_PIXEL_SIZE)
        .published_as("minor"),
    Feature::column(&["footprint_solidity"], "1", "pixels of the footprint over pixels of its convex hull")
        .undefined("for footprints beyond 250,000 px"),
    Feature::column(&["spatial_aspect"], "1", "short over long side of the bounding box, in pixels")
        .published_as("spatial-aspect"),
    Feature::column(&["max_profile"], "dF/F0", "maximum of the profile").published_as("max_profile_intensity"),
    Feature::column(&["std_profile"], "dF/F0", "standard deviation of the profile; 0 for one frame")
        .published_as("std_profile_intensity"),
    Feature::column(&["spatial_nn_um"], "um", "distance to the nearest other event in the image plane, at any time")
        .undefined("without pixel size, and for a single event")
        .published_as("spatial-nn-1"),
    Feature::column(&["inter_event_interval_s"], "s", "time from the peak of the previous event of the region")
        .undefined("without frame times, and for the first event of a region"),
    Feature::column(&["path_um"], "um", "length of the path of the frame-wise centroid; 0 for one frame")
        .undefined(NO_PIXEL_SIZE),
    Feature::column(&["speed_um_per_s"], "um/s", "path over the time from the first frame to the last")
        .undefined("without pixel size or frame times, and for one frame"),
    Feature::column(&["rise_time_s"], "s", "from 10 % to 90 % of the peak").undefined(NO_TRACE),
    Feature::column(&["decay_time_s"], "s", "time constant of the decay").undefined(NO_TRACE),
    Feature::column(&["half_width_s"], "s", "full width at half of the peak").undefined(NO_TRACE),
    Feature::column(&["auc_dff_s"], "dF/F0 s", "integral of the trace over the event").undefined(NO_TRACE),
    Feature::column(&["snr"], "1", "peak of the trace over its noise").undefined(NO_TRACE),
    Feature::column(&["t_peak_s"], "s", "time of the peak; where and when, not what, so not for grouping")
        .undefined(NO_CLOCK)
        .published_as("t"),
    Feature::column(&["y_um"], "um", "row of the centroid; not for grouping")
        .undefined(NO_PIXEL_SIZE)
        .published_as("y"),
    Feature::column(&["x_um"], "um", "column of the centroid; not for grouping")
        .undefined(NO_PIXEL_SIZE)
        .published_as("x"),
];

/// The features of [`SPARKS`] that stand for the eight by which subtypes were published, in the published order.
pub const CLUSTERING: [&str; 8] = [
    "volume_um2_s",
    "dff_max",
    "dff_mean",
    "duration_s",
    "footprint_aspect",
    "solidity",
    "integrated_dff_s",
    "frequency_hz",
];

/// The eight published features as they were, in voxels and frames, from the columns of `events.csv`.
pub const PUBLISHED: &[Feature] = &[
    Feature::column(&["n_voxels"], "voxel", "number of voxels").published_as("area"),
    Feature::column(&["dff_max"], "dF/F0", "maximum over voxels").published_as("intensity_max"),
    Feature::column(&["dff_mean"], "dF/F0", "mean over voxels").published_as("intensity_mean"),
    Feature::column(&["n_frames"], "frame", "number of frames").published_as("duration"),
    Feature::column(&["aspect"], "1", "short over long axis in (t, y, x), a frame counted like a pixel")
        .undefined("for a single voxel")
        .published_as("aspect"),
    Feature::column(&["solidity"], "1", "voxels over voxels of the convex hull in (t, y, x)")
        .undefined("for an event in one plane of (t, y, x)")
        .published_as("solidity"),
    Feature::column(&["integrated_profile"], "dF/F0 frame", "sum over frames of the profile")
        .published_as("integrated_profile_intensity"),
    Feature::column(&["n_neighbours_published"], "1", "number of other events less than 6 px away, at any time")
        .published_as("frequency"),
];

const NO_ARRIVAL: &str = "without pixel size or arrivals";
const NO_WAVEFORM: &str = "without a time course";
const NO_DIRECTION: &str = "where no front can be made out or the wave spreads to all sides";

/// Features of waves, from the columns of `waves.csv` ([`crate::measure::waves`]).
///
/// Those of sparks that can be said of a wave name their counterpart. Mean intensity and the profile in a bounding box are
/// not measured of waves; aspect and solidity would describe the union of the masks, so the path and not the wave.
pub const WAVES: &[Feature] = &[
    Feature::column(&["cover_area_mm2"], "mm2", "area of the union of the masks")
        .undefined(NO_PIXEL_SIZE)
        .published_as("area"),
    Feature::column(&["max_area_mm2"], "mm2", "area of the largest mask").undefined(NO_PIXEL_SIZE),
    Feature::column(&["peak_drr_pct"], "%", "value of the mean time course farthest from 0, signed")
        .undefined(NO_WAVEFORM)
        .published_as("intensity_max"),
    Feature::column(&["auc_pct_s"], "% s", "integral of the mean time course around its peak")
        .undefined(NO_WAVEFORM)
        .published_as("integrated_profile_intensity"),
    Feature::column(&["duration_s"], "s", "from the first mask to the end of the last")
        .undefined("without the times of its intervals")
        .published_as("duration"),
    Feature::column(&["time_to_peak_s"], "s", "from the onset to the peak of the mean time course")
        .undefined(NO_WAVEFORM),
    Feature::column(&["half_width_s"], "s", "full width of the mean time course at half of its peak")
        .undefined("without a time course, and if it does not fall below half on both sides"),
    Feature::column(&["speed_mm_min"], "mm/min", "median speed of the local front")
        .undefined("without pixel size, and where no front can be made out"),
    Feature::column(&["path_length_mm"], "mm", "length of the path from the origin to the end").undefined(NO_ARRIVAL),
    Feature::column(&["net_displacement_mm"], "mm", "straight distance from the origin to the end")
        .undefined(NO_ARRIVAL),
    Feature::column(&["max_radius_mm"], "mm", "largest distance from the origin within the visited area")
        .undefined(NO_ARRIVAL),
    Feature::column(&["tortuosity"], "1", "path length over net displacement")
        .undefined("without arrivals, and if the net displacement is 0"),
    Feature::column(&["direction_coherence"], "1", "length of the mean unit vector of travel: 1 for a plane wave")
        .undefined(NO_DIRECTION),
    // An angle has no mean and no distance: 1 and 359 degrees are neighbours.
    Feature::derived("direction_cos", "1", "cosine of direction_deg", &["direction_deg"], |v| v[0].to_radians().cos())
        .undefined(NO_DIRECTION),
    Feature::derived("direction_sin", "1", "sine of direction_deg", &["direction_deg"], |v| v[0].to_radians().sin())
        .undefined(NO_DIRECTION),
    Feature::column(&["interval_since_previous_s"], "s", "from the onset of the wave before it to its own")
        .undefined("for the first wave"),
    Feature::column(&["origin_y_mm"], "mm", "row of the origin; where, not what, so not for grouping")
        .undefined(NO_ARRIVAL)
        .published_as("y"),
    Feature::column(&["origin_x_mm"], "mm", "column of the origin; not for grouping")
        .undefined(NO_ARRIVAL)
        .published_as("x"),
];
