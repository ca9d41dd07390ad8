//! The arithmetic of the published wave recordings (doi 10.1038/s41597-026-06580-1), to compare with their released
//! frames and figures. Nothing else should be computed with it: its images have no unit, and its areas assume a
//! calibration.
//!
//! [`crop`] brings an image to 512 x 512; [`interval`] divides smoothed images of a fixed number of files apart and
//! stretches every quotient to its own extremes; [`jet`] colours it; [`mask`] draws, smooths and measures outlines.
//! Integers are rounded as by MATLAB, halves away from zero. The sides of all windows are odd and so are the numbers of
//! their pixels, so that no mean lies halfway between two integers and the results are exact.
//!
//! Left out: the cover area of the publication encloses the outlines of all frames by a concave hull (an alpha shape
//! whose radius depends on the density of the corners). [`mask::cover_area_mm2`] takes the union of the masks instead,
//! with the published calibration.

pub mod box_mean;
pub mod crop;
pub mod interval;
pub mod jet;
pub mod mask;

/// Rows and columns of a published image.
pub const SIDE_PX: usize = 512;

/// The calibration of published distances and cover areas, mm a pixel: 10.5 mm on 512 px. Other published figures take
/// 10 or 11 mm.
pub const MM_PER_PX: f64 = 10.5 / 512.0;
