//! When a single frame was taken, as the program that drove the camera wrote it into the file.

use super::index::{Header, Ifd};
use super::ome;
use super::page::tag;
use crate::civil::{self, SECOND_NS};
use crate::error::Error;
use crate::read_at::ReadAt;
use std::path::Path;

/// A time in the metadata of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CameraTime {
    /// The field that holds it.
    pub(crate) source: &'static str,
    /// Nanoseconds since 1970 or, if not `absolute`, since an origin of the writer's own.
    pub(crate) ns: i64,
    /// True if the field tells whole seconds only.
    pub(crate) whole_seconds: bool,
    /// True if the time counts from 1970.
    pub(crate) absolute: bool,
}

/// Longest text that is searched: that of one frame takes some kilobytes, and there may be half a million of them.
const MAX_TEXT_BYTES: usize = 1 << 16;

/// The times in the metadata of the first page, the most trustworthy field first. Reads no pixels.
///
/// Fields: `ElapsedTime-ms` of Micro-Manager (tag 51123), `DeltaT` and `AcquisitionDate` of OME-XML, and the tag
/// DateTime, with or without fractions of a second.
pub(crate) fn camera_times(path: &Path) -> Result<Vec<CameraTime>, Error> {
    let file = ReadAt::open(path)?;
    let header = Header::read(&file)?;
    let ifd = Ifd::read(&file, header, header.first_ifd, 0)?;
    let text = |tag| {
        // A field that cannot be read is a field without a time.
        let text = if ifd.has(tag) { ifd.text(&file, header, tag).ok().flatten() } else { None };
        text.filter(|text| text.len() <= MAX_TEXT_BYTES)
    };
    let relative = |source, seconds: f64| {
        let ns = (seconds * SECOND_NS as f64).round();
        let valid = ns.is_finite() && ns.abs() < 1e18;
        valid.then_some(CameraTime { source, ns: ns as i64, whole_seconds: false, absolute: false })
    };
    let absolute = |source, text: &str| {
        civil::parse(text).map(|(ns, fractions)| CameraTime { source, ns, whole_seconds: !fractions, absolute: true })
    };
    let mut times = Vec::new();
    if let Some(text) = text(tag::MICRO_MANAGER)
        && let Ok(document) = serde_json::from_str::<serde_json::Value>(&text)
    {
        let elapsed = document.get("ElapsedTime-ms").and_then(serde_json::Value::as_f64);
        times.extend(elapsed.and_then(|ms| relative("Micro-Manager ElapsedTime-ms", ms / 1000.0)));
    }
    let description = text(tag::DESCRIPTION).unwrap_or_default();
    if ome::is_ome(&description) {
        let (delta_s, date) = ome::times_of_frame(&description);
        times.extend(delta_s.and_then(|s| relative("OME Plane DeltaT", s)));
        times.extend(date.and_then(|date| absolute("OME AcquisitionDate", &date)));
    }
    times.extend(text(tag::DATE_TIME).and_then(|text| absolute("TIFF DateTime", &text)));
    Ok(times)
}
