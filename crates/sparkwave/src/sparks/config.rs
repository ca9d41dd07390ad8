//! The parameters of a run, as they stand in `run.toml`.

use crate::error::Error;
use crate::models::SHIPPED;
use serde::{Deserialize, Serialize};
use sparkwave_imgproc::background::Rectangle;
use sparkwave_imgproc::baseline::BaselineParams;
use sparkwave_imgproc::detect::idt::IdtParams;
use sparkwave_imgproc::detect::matched::MatchedParams;
use sparkwave_imgproc::foreground::ForegroundParams;
use sparkwave_imgproc::register::RegisterParams;
use sparkwave_imgproc::threshold::Threshold;
use std::path::{Path, PathBuf};

/// How events are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// Matched filter ([`sparkwave_imgproc::detect::matched`]).
    Matched,
    /// Intensity-based detection threshold, as published ([`sparkwave_imgproc::detect::idt`]).
    Idt,
    /// A network ([`sparkwave_nn`]); [`SparksConfig::model`] says which.
    #[default]
    Network,
}

/// A movie that a run makes on its way and throws away unless it is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// `registered.tif`: the frames put back in place, counts, 32-bit float.
    Registered,
    /// `dff.tif`: dF/F0 of the pixels that were searched, NaN elsewhere, 32-bit float.
    Dff,
    /// `normalized.tif`: the published global normalisation ([`sparkwave_imgproc::baseline::global`]), 32-bit float.
    Normalized,
    /// `probability.tif`: what a network says of the pixels that were searched, 0 elsewhere, 32-bit float.
    Probability,
}

/// Every parameter of a run. Written to `run.toml` in full; unknown keys are refused when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparksConfig {
    /// The movie.
    pub input: PathBuf,
    /// How events are found.
    pub detector: Detector,
    /// The network, if that is the detector: the name of one that comes with the program ([`crate::models::SHIPPED`]), or
    /// a file of weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// Lowest peak probability of an event that a network finds, over that of its card; 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Seed of everything random. The present detectors draw nothing at random.
    #[serde(default)]
    pub seed: u64,
    /// Pixel size over that of the file, µm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_size_um: Option<f64>,
    /// Frame interval over that of the file, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_interval_s: Option<f64>,
    /// Movies to be kept.
    #[serde(default)]
    pub keep: Vec<Keep>,
    /// Whether tables are written as Parquet as well.
    #[serde(default)]
    pub parquet: bool,
    /// Where the background is measured; the darkest pixels by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Rectangle>,
    /// Registration.
    #[serde(default)]
    pub register: RegisterParams,
    /// Where events are looked for.
    pub foreground: ForegroundParams,
    /// F0.
    #[serde(default)]
    pub baseline: BaselineParams,
    /// The matched filter.
    #[serde(default)]
    pub matched: MatchedParams,
    /// The intensity-based detection threshold.
    #[serde(default)]
    pub idt: IdtParams,
}

impl SparksConfig {
    /// The defaults of a detector for a movie; of a network, those of the one that comes with the program.
    ///
    /// The threshold detector looks at the foreground, as published. The others look everywhere: many events light up
    /// spines that are too dim at rest to be foreground.
    pub fn new(input: &Path, detector: Detector) -> Self {
        let threshold = match detector {
            Detector::Matched | Detector::Network => Threshold::All,
            Detector::Idt => Threshold::Triangle,
        };
        Self {
            input: input.to_path_buf(),
            detector,
            model: (detector == Detector::Network).then(|| SHIPPED[0].name.into()),
            threshold: None,
            seed: 0,
            pixel_size_um: None,
            frame_interval_s: None,
            keep: Vec::new(),
            parquet: false,
            background: None,
            register: RegisterParams::default(),
            foreground: ForegroundParams { threshold, ..ForegroundParams::default() },
            baseline: BaselineParams::default(),
            matched: MatchedParams::default(),
            idt: IdtParams::default(),
        }
    }

    /// The name of the detector in tables: of a network, that of the model, or of its file without extension.
    pub fn detector_name(&self) -> String {
        match self.detector {
            Detector::Matched => "matched".to_owned(),
            Detector::Idt => "idt".to_owned(),
            Detector::Network => {
                let stem = self.model.as_deref().and_then(Path::file_stem);
                stem.map_or_else(|| "network".to_owned(), |s| s.to_string_lossy().into_owned())
            }
        }
    }

    /// Reads a parameter file, such as the `run.toml` of an earlier run.
    ///
    /// # Errors
    /// If the file cannot be read, a value has the wrong type, or a key is unknown.
    pub fn read(path: &Path) -> Result<Self, Error> {
        crate::run_folder::read_config(path)
    }

    /// The text of `run.toml`.
    ///
    /// # Errors
    /// If a parameter cannot be written, such as a path that is not text.
    pub fn to_toml(&self) -> Result<String, Error> {
        crate::run_folder::config_text(self)
    }

    /// Checks that every parameter has a meaning.
    ///
    /// # Errors
    /// Names the first that has none.
    pub fn check(&self) -> Result<(), Error> {
        let positive: [(&'static str, f64); 14] = [
            ("register.max_shift_um", self.register.max_shift_um),
            ("register.smooth_um", self.register.smooth_um),
            ("register.highpass_um", self.register.highpass_um),
            ("baseline.cutoff_s", self.baseline.cutoff_s),
            ("baseline.tolerance", self.baseline.tolerance),
            ("baseline.window_s", self.baseline.window_s),
            ("matched.threshold", self.matched.threshold.unwrap_or(1.0)),
            ("matched.clip_sd", self.matched.clip_sd),
            ("matched.before_s", self.matched.before_s),
            ("matched.extent_sd", self.matched.extent_sd),
            ("idt.detect_sd", self.idt.detect_sd),
            ("idt.extent_sd", self.idt.extent_sd),
            ("idt.window_s", self.idt.window_s),
            ("matched.split_fraction", self.matched.split_fraction),
        ];
        let lists = [("matched.spot_um", &self.matched.spot_um), ("matched.decay_s", &self.matched.decay_s)];
        let in_lists = lists.iter().flat_map(|(name, values)| values.iter().map(move |v| (*name, *v)));
        Error::unless_positive(positive.into_iter().chain(in_lists))?;
        for (name, values) in lists {
            if values.is_empty() {
                return Err(Error::Parameter { name, expected: "at least one number", found: "none".into() });
            }
        }
        let rate = self.matched.false_discovery_rate;
        if !(rate > 0.0 && rate < 1.0) {
            let expected = "a number between 0 and 1";
            return Err(Error::Parameter { name: "matched.false_discovery_rate", expected, found: rate.to_string() });
        }
        if !(0.0..=100.0).contains(&self.baseline.percentile) {
            let found = self.baseline.percentile.to_string();
            return Err(Error::Parameter { name: "baseline.percentile", expected: "a number from 0 to 100", found });
        }
        if let Some(threshold) = self.threshold.filter(|t| !(0.0..=1.0).contains(t)) {
            let found = threshold.to_string();
            return Err(Error::Parameter { name: "threshold", expected: "a probability from 0 to 1", found });
        }
        if self.keep.contains(&Keep::Probability) && self.detector != Detector::Network {
            let found = self.detector_name();
            return Err(Error::Parameter { name: "keep probability", expected: "a network as the detector", found });
        }
        if self.detector == Detector::Network && self.model.is_none() {
            let expected = "a file of weights";
            return Err(Error::Parameter { name: "model", expected, found: "none".into() });
        }
        if let Threshold::Manual(value) = self.foreground.threshold
            && !value.is_finite()
        {
            return Err(Error::Parameter { name: "foreground", expected: "a finite number", found: value.to_string() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_config_reads_back_and_unknown_keys_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("run.toml");
        for detector in [Detector::Matched, Detector::Idt] {
            let config = SparksConfig::new(Path::new("movie 影片.tif"), detector);
            let text = config.to_toml().expect("serialisable");
            std::fs::write(&path, &text).expect("writable");
            assert_eq!(SparksConfig::read(&path).expect("readable"), config);
            std::fs::write(&path, format!("thresold = 3\n{text}")).expect("writable");
            let error = SparksConfig::read(&path).expect_err("a misspelt key");
            let text = error.to_string();
            assert!(text.contains("thresold") && text.contains("line 1") && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn parameters_without_meaning_are_named() {
        let mut config = SparksConfig::new(Path::new("m.tif"), Detector::Matched);
        config.check().expect("the defaults have a meaning");
        config.matched.decay_s = vec![0.3, -1.0];
        assert!(config.check().expect_err("negative").to_string().contains("matched.decay_s"));
        config.matched.decay_s = vec![];
        assert!(config.check().expect_err("empty").to_string().contains("matched.decay_s"));
    }
}
