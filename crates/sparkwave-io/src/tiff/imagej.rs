//! The description that ImageJ writes into tag 270: lines `key=value` after `ImageJ=version`.

use super::axes::Axes;
use crate::calibration;
use sparkwave_core::recording::Recording;
use std::collections::HashMap;

/// A parsed description.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Description {
    values: HashMap<String, String>,
}

impl Description {
    /// Parses the text; `None` if it is not ImageJ's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.starts_with("ImageJ=") {
            return None;
        }
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Some(Self { values: pairs.map(|(key, value)| (key.trim().into(), value.trim().into())).collect() })
    }

    fn count(&self, key: &str) -> Option<u64> {
        self.values.get(key)?.parse().ok()
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.values.get(key)?.parse().ok()
    }

    /// Number of images that the description announces.
    pub(super) fn n_images(&self) -> Option<u64> {
        self.count("images")
    }

    /// The axes, if their extents agree with the number of pages. Pages run through TZC, C fastest.
    ///
    /// `slices=N` with one frame and one channel is how a movie looks that was never declared one in ImageJ: it is
    /// taken as N frames, with a warning.
    pub(super) fn axes(&self, n_pages: u64, warnings: &mut Vec<String>) -> Axes {
        let extent = |key| self.count(key).unwrap_or(1).max(1);
        let order = ['C', 'Z', 'T'];
        let mut axes =
            Axes { stated_by: "ImageJ", c: extent("channels"), z: extent("slices"), t: extent("frames"), order };
        if axes.n_pages() != Some(n_pages) {
            let Axes { c, z, t, .. } = axes;
            if (c, z, t) != (1, 1, 1) {
                let text = format!(
                    "ImageJ description: channels={c}, slices={z}, frames={t} do not make {n_pages} pages; \
                     every page is taken as a frame"
                );
                warnings.push(text);
            }
            return Axes { c: 1, z: 1, t: n_pages, ..axes };
        }
        if axes.z > 1 && axes.t == 1 && axes.c == 1 {
            warnings.push(format!(
                "ImageJ description: slices={}, frames=1; the slices are taken as frames of a movie",
                axes.z
            ));
            (axes.z, axes.t) = (1, axes.z);
        }
        axes
    }

    /// True if 16-bit values stand for `value - 32768`: calibration function 0 (straight line), y = -32768 + x.
    pub(super) fn is_signed_16_bit(&self) -> bool {
        self.is_linear() && self.number("c0") == Some(-32768.0) && self.number("c1").is_none_or(|c1| c1 == 1.0)
    }

    fn is_linear(&self) -> bool {
        self.number("cf") == Some(0.0)
    }

    /// Reads calibration in space and time. `resolution` is pixels per unit along (y, x).
    pub(super) fn calibrate(&self, resolution: (Option<f64>, Option<f64>), recording: &mut Recording) {
        if let Some(unit) = self.values.get("unit")
            && !matches!(unit.as_str(), "" | "pixel" | "pixels" | "null")
        {
            self.calibrate_space(unit, resolution, recording);
        }
        let unit = self.values.get("tunit").map_or("s", String::as_str);
        match (self.number("finterval"), calibration::seconds_per(unit)) {
            // ImageJ writes 0 when it does not know.
            (None | Some(0.0), _) => {
                if let Some(fps) = self.number("fps").filter(|fps| *fps > 0.0 && fps.is_finite()) {
                    let text = "ImageJ fps is taken as the frame rate; it may be the speed of its player";
                    recording.warnings.push(text.into());
                    calibration::set_interval(recording, 1.0 / fps, "ImageJ fps");
                }
            }
            (Some(_), None) => {
                recording.warnings.push(format!("ImageJ tunit={unit} is unknown: frame interval unknown"));
            }
            (Some(value), Some(seconds)) => {
                calibration::set_interval(recording, value * seconds, "ImageJ finterval");
            }
        }
        self.warn_of_value_calibration(recording);
    }

    fn calibrate_space(&self, unit: &str, resolution: (Option<f64>, Option<f64>), recording: &mut Recording) {
        let Some(micrometers) = calibration::micrometers_per(unit) else {
            recording.warnings.push(format!("ImageJ unit={unit} is unknown: pixel size unknown"));
            return;
        };
        match resolution {
            (y, Some(x)) => {
                let y = y.unwrap_or(x);
                // One pixel per unit is what ImageJ leaves when a unit was chosen and no scale set; no microscope
                // gives pixels of exactly 1 um often enough to keep silent about it.
                if unit_only(y, x) {
                    let text = format!("ImageJ unit={unit} comes with 1 pixel per unit, which may be no calibration");
                    recording.warnings.push(text);
                }
                calibration::set_pixel_size(recording, micrometers / y, micrometers / x, "ImageJ unit and XResolution");
            }
            (_, None) => {
                let text = format!("ImageJ unit={unit} comes without XResolution: pixel size unknown");
                recording.warnings.push(text);
            }
        }
    }

    fn warn_of_value_calibration(&self, recording: &mut Recording) {
        if self.values.contains_key("cf") && !self.is_signed_16_bit() {
            let c0 = self.values.get("c0").map_or("?", String::as_str);
            let c1 = self.values.get("c1").map_or("?", String::as_str);
            if !(self.is_linear() && self.number("c0") == Some(0.0) && self.number("c1") == Some(1.0)) {
                recording.warnings.push(format!(
                    "ImageJ value calibration (c0={c0}, c1={c1}) is not applied: stored values are given"
                ));
            }
        }
    }
}

fn unit_only(y: f64, x: f64) -> bool {
    y == 1.0 && x == 1.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Description {
        Description::parse(&format!("ImageJ=1.54f\n{text}")).unwrap()
    }

    #[test]
    fn a_movie_declared_as_slices_is_a_movie_with_a_warning() {
        let mut warnings = Vec::new();
        let axes = parse("images=600\nslices=600\n").axes(600, &mut warnings);
        assert_eq!((axes.c, axes.z, axes.t), (1, 1, 600));
        assert!(warnings[0].contains("slices=600"), "{warnings:?}");
    }

    #[test]
    fn hyperstacks_keep_their_axes() {
        let mut warnings = Vec::new();
        let axes = parse("images=480\nslices=2\nframes=240\nhyperstack=true").axes(480, &mut warnings);
        assert_eq!((axes.c, axes.z, axes.t, warnings.len()), (1, 2, 240, 0));
        let axes = parse("images=480\nslices=2\nframes=240").axes(479, &mut warnings);
        assert_eq!((axes.z, axes.t, warnings.len()), (1, 479, 1));
        let huge = parse("channels=18446744073709551615\nslices=3").axes(4, &mut warnings);
        assert_eq!(huge.t, 4);
    }

    #[test]
    fn calibration_is_read_with_its_source() {
        let mut recording = Recording::default();
        parse("unit=\\u00B5m\nfinterval=100\ntunit=ms").calibrate((Some(6.25), Some(6.25)), &mut recording);
        assert!((recording.pixel_size().unwrap().x.get() - 0.16).abs() < 1e-12);
        assert!((recording.frame_interval().unwrap().get() - 0.1).abs() < 1e-12);
        assert!(recording.warnings.is_empty(), "{:?}", recording.warnings);
    }

    #[test]
    fn unknown_or_impossible_calibration_stays_unknown() {
        for text in ["unit=pixel", "unit=parsec", "unit=um", "finterval=-1", "finterval=NaN", "finterval=0"] {
            let mut recording = Recording::default();
            let resolution = if text == "unit=um" { (Some(0.0), Some(0.0)) } else { (None, None) };
            parse(text).calibrate(resolution, &mut recording);
            assert_eq!((recording.pixel_size.as_ref(), recording.frame_times.as_ref()), (None, None), "{text}");
        }
    }

    #[test]
    fn the_signed_calibration_is_recognised_and_others_are_reported() {
        assert!(parse("cf=0\nc0=-32768.0\nc1=1.0\nvunit=gray value").is_signed_16_bit());
        let other = parse("cf=0\nc0=2.0\nc1=3.0");
        assert!(!other.is_signed_16_bit());
        let mut recording = Recording::default();
        other.calibrate((None, None), &mut recording);
        assert!(recording.warnings[0].contains("c1=3.0"));
    }
}
