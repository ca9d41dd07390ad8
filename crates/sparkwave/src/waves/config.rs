//! Everything a wave run depends on.

pub use crate::export::Export;

use crate::error::Error;
use crate::propagate::EMBEDDED;
use serde::{Deserialize, Serialize};
use sparkwave_analysis::figure::waves::{ColorMap, Look};
use sparkwave_imgproc::register::RegisterParams;
use sparkwave_imgproc::waves::WaveParams;
use std::path::{Path, PathBuf};

/// The parameters of `waves run`, as they stand in `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WavesConfig {
    /// The raw recording.
    pub input: PathBuf,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// Edge of a pixel over that of the file, µm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_size_um: Option<f64>,
    /// Time between frames over that of the file, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_interval_s: Option<f64>,
    /// Length of a time bin, s.
    #[serde(default = "one_second")]
    pub bin_s: f64,
    /// Time over which a frame of the rate map is a difference, s.
    #[serde(default = "five_seconds")]
    pub interval_s: f64,
    /// Standard deviation of the smoothing of the rate map inside the window, µm; 0 leaves it as measured.
    #[serde(default = "rate_smoothing")]
    pub rate_smooth_um: f64,
    /// Corners of the cortical window as rows and columns, px; proposed from the recording if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Vec<[f64; 2]>>,
    /// Ends of the midline as rows and columns, px; proposed from the recording if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub midline: Option<[[f64; 2]; 2]>,
    /// A file of prompts: what a person wants to have followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<PathBuf>,
    /// Who outlines the waves.
    #[serde(default)]
    pub propagator: Propagator,
    /// Colours of the rate maps.
    #[serde(default)]
    pub colors: Colors,
    /// Also repeat the published arithmetic and look.
    #[serde(default)]
    pub legacy: bool,
    /// Whether to draw the tracking videos.
    #[serde(default = "yes")]
    pub videos: bool,
    /// Large files to keep besides the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<Keep>,
    /// Further formats of the labelled segments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub export: Vec<Export>,
    /// Write Parquet beside every CSV.
    #[serde(default)]
    pub parquet: bool,
    /// Registration of the time bins.
    #[serde(default = "registration")]
    pub register: RegisterParams,
    /// Finding and following waves.
    #[serde(default)]
    pub waves: WaveParams,
}

/// Who outlines the waves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Propagator {
    /// The arrival times of [`sparkwave_imgproc::waves::track`], which know of the whole recording.
    #[default]
    Embedded,
    /// The small network inside the program, from the clearest mask of each wave.
    MaskTrack,
    /// SAM 2 from a checkpoint, likewise.
    Checkpoint(PathBuf),
}

impl Propagator {
    /// The name or file of the network that outlines the waves, if it is one.
    pub(super) fn model(&self) -> Option<&Path> {
        match self {
            Self::Embedded => None,
            Self::MaskTrack => Some(Path::new(EMBEDDED)),
            Self::Checkpoint(file) => Some(file),
        }
    }
}

/// Colours of a rate map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colors {
    /// Red rises, blue falls, near-white stays.
    #[default]
    Diverging,
    /// The rainbow of the published frames.
    Jet,
}

impl Colors {
    pub(super) fn map(self) -> ColorMap {
        match self {
            Self::Diverging => ColorMap::Diverging,
            Self::Jet => ColorMap::Jet,
        }
    }
}

/// A large file to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// `amplitude.tif`: dR/R0 of every time bin against the image at rest.
    Amplitude,
    /// `registered.tif`: the time bins put back in place, counts.
    Registered,
}

fn one_second() -> f64 {
    1.0
}

fn five_seconds() -> f64 {
    5.0
}

fn rate_smoothing() -> f64 {
    40.0
}

fn yes() -> bool {
    true
}

/// Registration for the optics of a cortical window: pixels of some 20 µm, vessels of 50 to 500 µm.
pub(super) fn registration() -> RegisterParams {
    RegisterParams { max_shift_um: 400.0, smooth_um: 20.0, highpass_um: 400.0, ..RegisterParams::default() }
}

impl WavesConfig {
    /// The defaults for a recording.
    pub fn new(input: &Path) -> Self {
        Self {
            input: input.to_path_buf(),
            seed: 0,
            pixel_size_um: None,
            frame_interval_s: None,
            bin_s: one_second(),
            interval_s: five_seconds(),
            rate_smooth_um: rate_smoothing(),
            window: None,
            midline: None,
            prompts: None,
            propagator: Propagator::default(),
            colors: Colors::default(),
            legacy: false,
            videos: true,
            keep: Vec::new(),
            export: Vec::new(),
            parquet: false,
            register: registration(),
            waves: WaveParams::default(),
        }
    }

    /// The look of the videos.
    pub(super) fn look(&self) -> Look {
        if self.legacy { Look::Legacy } else { Look::Current }
    }

    /// Reads a parameter file, such as the `run.toml` of an earlier run.
    ///
    /// # Errors
    /// If the file cannot be read, a value has the wrong type, or a key is unknown.
    pub fn read(path: &Path) -> Result<Self, Error> {
        crate::run_folder::read_config(path)
    }

    /// Checks that every parameter has a meaning.
    ///
    /// # Errors
    /// Names the first that has none.
    pub fn check(&self) -> Result<(), Error> {
        let w = &self.waves;
        let positive: [(&'static str, f64); 15] = [
            ("bin_s", self.bin_s),
            ("interval_s", self.interval_s),
            ("register.max_shift_um", self.register.max_shift_um),
            ("register.smooth_um", self.register.smooth_um),
            ("register.highpass_um", self.register.highpass_um),
            ("waves.cell_um", w.cell_um),
            ("waves.rise_s", w.rise_s),
            ("waves.seed_sd", w.seed_sd),
            ("waves.follow_sd", w.follow_sd),
            ("waves.min_speed_mm_min", w.min_speed_mm_min),
            ("waves.max_speed_mm_min", w.max_speed_mm_min),
            ("waves.false_per_hour", w.false_per_hour),
            ("waves.split_s", w.split_s),
            ("waves.smooth_um", w.smooth_um),
            ("waves.band_fraction", w.band_fraction),
        ];
        let not_negative = [
            ("rate_smooth_um", self.rate_smooth_um),
            ("waves.min_duration_s", w.min_duration_s),
            ("waves.min_area_mm2", w.min_area_mm2),
        ];
        Error::unless_positive(positive)?;
        for (name, value) in not_negative {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Parameter {
                    name,
                    expected: "a finite number, at least zero",
                    found: value.to_string(),
                });
            }
        }
        if self.interval_s < self.bin_s {
            let found = format!("{} s", self.interval_s);
            return Err(Error::Parameter { name: "interval_s", expected: "at least one time bin", found });
        }
        if let Some(window) = &self.window
            && (window.len() < 3 || !window.iter().flatten().all(|v| v.is_finite()))
        {
            let found = format!("{} corners", window.len());
            return Err(Error::Parameter { name: "window", expected: "at least three corners, all finite", found });
        }
        if let Some(ends) = &self.midline
            && (ends[0] == ends[1] || !ends.iter().flatten().all(|v| v.is_finite()))
        {
            let found = format!("{ends:?}");
            return Err(Error::Parameter { name: "midline", expected: "two different, finite points", found });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_config_reads_back_and_what_makes_no_sense_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("run.toml");
        let mut config = WavesConfig::new(Path::new("原始 raw"));
        config.window = Some(vec![[1.0, 2.0], [3.0, 4.0], [5.0, 0.5]]);
        config.export = vec![Export::YoutubeVis];
        std::fs::write(&path, crate::run_folder::config_text(&config).expect("serialisable")).expect("writable");
        assert_eq!(WavesConfig::read(&path).expect("readable"), config);
        config.check().expect("a meaning");
        config.interval_s = 0.5;
        assert!(config.check().expect_err("shorter than a bin").to_string().contains("interval_s"));
        config.interval_s = f64::NAN;
        assert!(config.check().expect_err("no number").to_string().contains("interval_s"));
    }
}
