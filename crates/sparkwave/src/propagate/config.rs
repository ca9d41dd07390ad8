//! Everything that a run of propagation depends on.

use super::{Course, Display, Merge};
use crate::error::Error;
use crate::export::Export;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Every parameter of a run. Written to `run.toml` in full; unknown keys are refused when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropagateConfig {
    /// The movie.
    pub input: PathBuf,
    /// What is to be followed, and from where: JSON, or labels of ISAT, a file or a folder.
    pub prompts: PathBuf,
    /// Who follows: a name of `models list`, or a checkpoint of SAM 2 or 2.1.
    pub model: PathBuf,
    /// Pixels along each edge of the square image that SAM 2 sees, 64 to 2048, a multiple of 32; what a checkpoint was fine-tuned with by
    /// default, or else the 1024 of the published ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_px: Option<usize>,
    /// The first frame to be followed to, and the last; from end to end by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_frame: Option<usize>,
    /// As above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_frame: Option<usize>,
    /// In which direction.
    pub course: Course,
    /// Masks of which the network, or the mask before, makes less than this are doubtful, 0 to 1.
    pub doubt: f32,
    /// Objects that move faster are doubtful, mm/min; needs a calibrated movie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_speed_mm_min: Option<f64>,
    /// Whether to stop at the first doubtful frame, to be asked.
    pub stop_at_doubt: bool,
    /// Frames of less than this part of the contrast or detail of those around them are not used, 0 to 1.
    pub blank_below: f64,
    /// Gaps of at most so many frames that are not used are filled from their neighbours.
    pub fill_frames: usize,
    /// Whether frames and ISAT labels are written as a data set.
    pub isat: bool,
    /// Further formats of the data set, which is then written, too.
    #[serde(default)]
    pub export: Vec<Export>,
    /// Edge of a pixel over that of the file, um.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_size_um: Option<f64>,
    /// Time between frames over that of the file, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_interval_s: Option<f64>,
    /// Whether Parquet is written beside every CSV.
    #[serde(default)]
    pub parquet: bool,
    /// The values that are shown black and white; the 0.1 and 99.9 percentiles of some frames by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
    /// Labels of someone else to be completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isat_into: Option<IsatFolder>,
}

/// A folder with labels of ISAT, beside their images, that may be written into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IsatFolder {
    /// The folder.
    pub folder: PathBuf,
    /// Which labels that are there give way.
    pub merge: Merge,
}

impl PropagateConfig {
    /// The defaults.
    #[must_use]
    pub fn new(input: &Path, prompts: &Path, model: &Path) -> Self {
        Self {
            input: input.to_path_buf(),
            prompts: prompts.to_path_buf(),
            model: model.to_path_buf(),
            image_px: None,
            first_frame: None,
            last_frame: None,
            course: Course::Both,
            doubt: 0.5,
            max_speed_mm_min: None,
            stop_at_doubt: false,
            blank_below: 0.25,
            fill_frames: 10,
            isat: false,
            export: Vec::new(),
            pixel_size_um: None,
            frame_interval_s: None,
            parquet: false,
            display: None,
            isat_into: None,
        }
    }

    /// Reads a parameter file, such as the `run.toml` of an earlier run.
    ///
    /// # Errors
    /// If the file cannot be read, a value has the wrong type, or a key is unknown.
    pub fn read(path: &Path) -> Result<Self, Error> {
        crate::run_folder::read_config(path)
    }

    /// Checks what can be checked without the movie.
    pub(super) fn check(&self) -> Result<(), Error> {
        let part = |name, value: f64| match value {
            v if (0.0..=1.0).contains(&v) => Ok(()),
            v => Err(Error::Parameter { name, expected: "a number from 0 to 1", found: v.to_string() }),
        };
        part("doubt", f64::from(self.doubt))?;
        part("blank_below", self.blank_below)?;
        Error::unless_positive(self.max_speed_mm_min.map(|speed| ("max_speed_mm_min", speed)))
    }
}
