//! Two movies of one neuron, before and after a stimulus whose effect is known, as files.

use super::SimulateSparks;
use super::sparks::write_scene;
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder, config_text};
use serde::{Deserialize, Serialize};
use sparkwave_core::progress::Progress;
use sparkwave_core::synth::sparks::Change;
use sparkwave_core::synth::{SparksPair, SparksParams, Stimulus};
use std::path::Path;

/// What is simulated. The rest follows the defaults of [`SparksParams`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatePair {
    /// Transients per minute if all sites were active and unchanged.
    pub events_per_minute: f64,
    /// Number of sites.
    pub n_sites: usize,
    /// Part of the sites that fall silent.
    pub silenced: f64,
    /// Part of the sites that are silent before and active after.
    pub new: f64,
    /// Part of the lasting sites whose rate changes.
    pub rate_part: f64,
    /// Their rate after over that before.
    pub rate_factor: f64,
    /// Part of the lasting sites whose peak dF/F0 changes.
    pub amplitude_part: f64,
    /// Their peak dF/F0 after over that before.
    pub amplitude_factor: f64,
    /// Largest displacement of the stage on either axis, px.
    pub shift_px: f64,
    /// Each of the two recordings.
    pub recording: SimulateSparks,
}

impl Default for SimulatePair {
    /// A stimulus that does nothing.
    fn default() -> Self {
        let Stimulus { n_sites, silenced, new, rate, amplitude, shift_px } = Stimulus::default();
        Self {
            events_per_minute: SparksParams::default().events_per_minute,
            n_sites,
            silenced,
            new,
            rate_part: rate.part,
            rate_factor: rate.factor,
            amplitude_part: amplitude.part,
            amplitude_factor: amplitude.factor,
            shift_px,
            recording: SimulateSparks::default(),
        }
    }
}

impl SimulatePair {
    /// Both scenes, without files.
    ///
    /// # Errors
    /// If a parameter makes no sense.
    pub fn scenes(&self) -> Result<SparksPair, Error> {
        let params = SparksParams { events_per_minute: self.events_per_minute, ..self.recording.params() };
        let stimulus = Stimulus {
            n_sites: self.n_sites,
            silenced: self.silenced,
            new: self.new,
            rate: Change { part: self.rate_part, factor: self.rate_factor },
            amplitude: Change { part: self.amplitude_part, factor: self.amplitude_factor },
            shift_px: self.shift_px,
        };
        Ok(SparksPair::new(&params, &stimulus, self.recording.seed)?)
    }
}

/// Simulates both recordings into `before/` and `after/`, as [`super::sparks`] does each, and writes `sites.csv`, what
/// became of each site.
///
/// # Errors
/// If a parameter makes no sense, the folder is not free, or a file cannot be written.
pub fn pair(
    request: &SimulatePair,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<SparksPair, Error> {
    crate::pool(threads)?.install(|| {
        progress.begin("scenes", 1);
        let pair = request.scenes()?;
        let config = config_text(request)?;
        let folder = RunFolder::open(out, existing, &config)?;
        for (name, scene) in [("before", &pair.before), ("after", &pair.after)] {
            write_scene(scene, &RunFolder::open(&folder.file(name), existing, &config)?, progress)?;
        }
        folder.write_table("sites", &pair.site_table(), false)?;
        folder.finish();
        Ok(pair)
    })
}
