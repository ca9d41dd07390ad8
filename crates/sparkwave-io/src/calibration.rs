//! Units and plausibility of what files say about pixels and frames.

use sparkwave_core::recording::{FRAME_INTERVALS_S, FrameTimes, PIXEL_SIZES_UM, PixelSize, Recording, Sourced};
use sparkwave_core::units::{Micrometers, Seconds};

/// Micrometres per unit of length, by any of the names in use; `None` for pixels and unknown words.
pub(crate) fn micrometers_per(unit: &str) -> Option<f64> {
    // Files hold the micro sign (U+00B5), the Greek letter (U+03BC), and ImageJ's escape of the former.
    let unit = unit.trim().replace("\\u00B5", "u").replace("\\u00b5", "u").replace(['\u{b5}', '\u{3bc}'], "u");
    match unit.to_lowercase().as_str() {
        "um" | "micron" | "microns" | "micrometer" | "micrometers" | "micrometre" | "micrometres" => Some(1.0),
        "nm" | "nanometer" | "nanometers" | "nanometre" => Some(1e-3),
        "mm" | "millimeter" | "millimeters" | "millimetre" => Some(1e3),
        "cm" | "centimeter" | "centimetre" => Some(1e4),
        "m" | "meter" | "meters" | "metre" => Some(1e6),
        "in" | "inch" | "inches" => Some(25_400.0),
        "a" | "angstrom" | "\u{e5}" => Some(1e-4),
        "pm" | "picometer" => Some(1e-6),
        _ => None,
    }
}

/// Seconds per unit of time; `None` for unknown words.
pub(crate) fn seconds_per(unit: &str) -> Option<f64> {
    let unit = unit.trim().replace("\\u00B5", "u").replace(['\u{b5}', '\u{3bc}'], "u");
    match unit.to_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1.0),
        "ms" | "msec" | "millisecond" | "milliseconds" => Some(1e-3),
        "us" | "usec" | "microsecond" | "microseconds" => Some(1e-6),
        "ns" | "nanosecond" => Some(1e-9),
        "min" | "minute" | "minutes" => Some(60.0),
        "h" | "hr" | "hour" | "hours" => Some(3600.0),
        "d" | "day" | "days" => Some(86_400.0),
        _ => None,
    }
}

/// Sets the pixel size, given in micrometres; an impossible one becomes a warning and stays unknown.
pub(crate) fn set_pixel_size(recording: &mut Recording, y_um: f64, x_um: f64, source: &str) {
    let plausible = [y_um, x_um].iter().all(|um| PIXEL_SIZES_UM.contains(um));
    match PixelSize::new(Micrometers::new(y_um), Micrometers::new(x_um)).filter(|_| plausible) {
        Some(size) => recording.pixel_size = Some(Sourced::new(size, source)),
        None => recording
            .warnings
            .push(format!("{source} gives a pixel of {y_um} x {x_um} um, which is impossible: pixel size unknown")),
    }
}

/// Sets a regular frame interval in seconds; an impossible one becomes a warning and stays unknown.
pub(crate) fn set_interval(recording: &mut Recording, interval_s: f64, source: &str) {
    if FRAME_INTERVALS_S.contains(&interval_s) {
        let times = FrameTimes::Regular { interval: Seconds::new(interval_s) };
        recording.frame_times = Some(Sourced::new(times, source));
    } else {
        let text = format!("{source} gives a frame interval of {interval_s} s, which is impossible: interval unknown");
        recording.warnings.push(text);
    }
}

/// Sets one time a frame. Times that are not finite, or that do not increase from most frames to the next, become a
/// warning and stay unknown; single ones that repeat or go back, as when a clock is set, are kept with a warning. True if
/// they were taken.
pub(crate) fn set_stamps(recording: &mut Recording, stamps_s: Vec<f64>, n_frames: usize, source: &str) -> bool {
    let warnings = &mut recording.warnings;
    if stamps_s.len() != n_frames {
        let found = stamps_s.len();
        warnings.push(format!("{source} has {found} times for {n_frames} frames: they are ignored"));
        return false;
    }
    if let Some(frame) = stamps_s.iter().position(|s| !s.is_finite()) {
        warnings.push(format!("{source}: the time of frame {frame} is not a number: times unknown"));
        return false;
    }
    let stuck = |(_, w): &(usize, &[f64])| w[1] <= w[0];
    let n_stuck = stamps_s.windows(2).enumerate().filter(stuck).count();
    if let Some((frame, w)) = stamps_s.windows(2).enumerate().find(stuck) {
        let example = format!("frame {} at {} s does not follow frame {frame} at {} s", frame + 1, w[1], w[0]);
        if 2 * n_stuck > n_frames - 1 {
            warnings.push(format!("{source}: {example}, and so for {n_stuck} of {n_frames} frames: times unknown"));
            return false;
        }
        warnings.push(format!("{source}: {n_stuck} of {n_frames} times repeat or go back, the first: {example}"));
    }
    let times = FrameTimes::Stamped(stamps_s);
    if let Some(interval) = times.interval().filter(|interval| !FRAME_INTERVALS_S.contains(&interval.get())) {
        let text = format!("{source}: frames {} s apart are impossible: times unknown", interval.get());
        recording.warnings.push(text);
        return false;
    }
    recording.frame_times = Some(Sourced::new(times, source));
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_spelling_of_the_micrometre_is_one() {
        for unit in ["um", "\u{b5}m", "\u{3bc}m", "\\u00B5m", "micron", "Micrometer", " microns "] {
            assert_eq!(micrometers_per(unit), Some(1.0), "{unit}");
        }
        assert_eq!(micrometers_per("pixel"), None);
        assert_eq!(micrometers_per("nm"), Some(1e-3));
        assert_eq!(seconds_per("ms"), Some(1e-3));
    }

    #[test]
    fn impossible_calibrations_are_unknown_and_said_so() {
        let mut recording = Recording::default();
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, 1e300] {
            set_pixel_size(&mut recording, bad, 1.0, "test");
            set_interval(&mut recording, bad, "test");
        }
        assert_eq!((recording.warnings.len(), &recording.pixel_size, &recording.frame_times), (12, &None, &None));
        assert!(!set_stamps(&mut recording, vec![0.0, 1.0, 1.0, 0.5], 4, "stamps"));
        let text = &recording.warnings[12];
        assert!(text.contains("frame 2 at 1 s does not follow frame 1"), "{text}");
        assert!(!set_stamps(&mut recording, vec![0.0, f64::NAN], 2, "stamps"));
        assert!(!set_stamps(&mut recording, vec![0.0, 1e-300, 2e-300], 3, "stamps"));
        assert!(set_stamps(&mut recording, vec![0.0, 1.0, 2.5], 3, "stamps"));
        assert_eq!(recording.frame_interval().map(Seconds::get), Some(1.5));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_its_times_with_a_warning() {
        let mut recording = Recording::default();
        assert!(set_stamps(&mut recording, vec![0.0, 1.0, 2.0, 2.0, -3598.0, -3597.0, -3596.0], 7, "names"));
        assert!(recording.warnings[0].contains("2 of 7") && recording.warnings[0].contains("frame 3 at 2 s"));
        assert_eq!(recording.frame_interval().map(Seconds::get), Some(1.0));
    }
}
