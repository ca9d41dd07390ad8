//! Two recordings of one neuron, before and after a stimulus whose effect is known.
//!
//! Both show the same structure and the same sites under the same microscope. Drift, baseline, noise and the moments of the
//! transients differ, the stage may have been moved in between, and the stimulus changes what some sites do.

use super::neuron::Neuron;
use super::params::{SparksError, SparksParams};
use super::plan::{self, Extents, Plan, Site};
use super::scene::SparksScene;
use super::{Stream, random_stream};
use crate::axes::PointYx;
use crate::table::{Table, Value};
use rand::Rng;

/// A change of some of the sites that are active on both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Part of them that changes, 0 to 1.
    pub part: f64,
    /// After over before, 0.1 to 10.
    pub factor: f64,
}

/// What a stimulus does to the sites of a neuron. The default does nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stimulus {
    /// Number of sites, 1 to 10 000.
    pub n_sites: usize,
    /// Part of the sites that fall silent, 0 to 1.
    pub silenced: f64,
    /// Part of the sites that are silent before and active after, 0 to 1; with `silenced` at most 1.
    pub new: f64,
    /// Change of the rate of sites that last.
    pub rate: Change,
    /// Change of the peak dF/F0 of sites that last.
    pub amplitude: Change,
    /// Largest displacement of the stage on either axis, in pixels; 0 to 50.
    pub shift_px: f64,
}

impl Default for Stimulus {
    /// Twelve sites to which nothing happens, and a stage that moves by up to six pixels.
    fn default() -> Self {
        let same = Change { part: 1.0, factor: 1.0 };
        Self { n_sites: 12, silenced: 0.0, new: 0.0, rate: same, amplitude: same, shift_px: 6.0 }
    }
}

impl Stimulus {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    /// Names the first field that is outside, its range and its value.
    pub fn validate(&self) -> Result<(), SparksError> {
        let ranges = [
            ("n_sites", self.n_sites as f64, 1.0, 1e4),
            ("silenced", self.silenced, 0.0, 1.0),
            ("new", self.new, 0.0, 1.0),
            ("silenced + new", self.silenced + self.new, 0.0, 1.0),
            ("rate.part", self.rate.part, 0.0, 1.0),
            ("rate.factor", self.rate.factor, 0.1, 10.0),
            ("amplitude.part", self.amplitude.part, 0.0, 1.0),
            ("amplitude.factor", self.amplitude.factor, 0.1, 10.0),
            ("shift_px", self.shift_px, 0.0, 50.0),
        ];
        match ranges.into_iter().find(|&(_, found, low, high)| !(low..=high).contains(&found)) {
            Some((name, found, low, high)) => Err(SparksError::OutOfRange { name, low, high, found }),
            None => Ok(()),
        }
    }
}

/// What a stimulus does to a site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// It is active before and never after.
    Silenced,
    /// It is active after and never before.
    New,
    /// It is active on both sides.
    Lasting {
        /// Rate after over rate before.
        rate: f64,
        /// Peak dF/F0 after over before.
        amplitude: f64,
    },
}

impl Fate {
    /// The word used in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silenced => "silenced",
            Self::New => "new",
            Self::Lasting { .. } => "lasting",
        }
    }

    fn draw(stimulus: &Stimulus, rng: &mut impl Rng) -> Self {
        let drawn: f64 = rng.random();
        let mut factor = |change: Change| if rng.random::<f64>() < change.part { change.factor } else { 1.0 };
        let (rate, amplitude) = (factor(stimulus.rate), factor(stimulus.amplitude));
        if drawn < stimulus.silenced {
            Self::Silenced
        } else if drawn < stimulus.silenced + stimulus.new {
            Self::New
        } else {
            Self::Lasting { rate, amplitude }
        }
    }
}

/// The truth about one site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairSite {
    /// 1-based, as in the tables of events of both recordings.
    pub site_id: u32,
    /// Where it is in frame 0 of the first recording, in pixels.
    pub at: PointYx,
    /// What the stimulus does to it.
    pub fate: Fate,
    /// Transients in the first recording.
    pub n_before: usize,
    /// Transients in the second. A site may happen to show none although it is not silent.
    pub n_after: usize,
}

/// Two recordings of one neuron.
pub struct SparksPair {
    /// The recording before the stimulus.
    pub before: SparksScene,
    /// The one after it, in coordinates of its own.
    pub after: SparksScene,
    /// Displacement of the second recording, in pixels: what is at (y, x) in frame 0 of the first is at (y + dy, x + dx) in
    /// frame 0 of the second.
    pub shift: PointYx,
    /// All sites, in order of `site_id`.
    pub sites: Vec<PairSite>,
}

impl SparksPair {
    /// Makes both recordings. [`SparksParams::events_per_minute`] is what the neuron would show if all sites were active
    /// and unchanged.
    ///
    /// # Errors
    /// If a parameter of either is outside of its documented range.
    pub fn new(params: &SparksParams, stimulus: &Stimulus, seed: u64) -> Result<Self, SparksError> {
        params.validate()?;
        stimulus.validate()?;
        let mut neuron = Neuron::grow(params, seed);
        let mut rng = random_stream(seed, Stream::Stimulus);
        let mut along = || if stimulus.shift_px > 0.0 { rng.random_range(-1.0..1.0) * stimulus.shift_px } else { 0.0 };
        let shift = PointYx { y: along(), x: along() };
        let edge_px = plan::EDGE_PX + stimulus.shift_px;
        let places = plan::sites(params, &neuron, stimulus.n_sites, edge_px, &mut rng);
        let fates: Vec<Fate> = places.iter().map(|_| Fate::draw(stimulus, &mut rng)).collect();
        let positions: Vec<(f64, f64)> = places.iter().map(|site| site.position_um(&neuron)).collect();

        let mut extents = Extents::new();
        let mut record = |neuron: &Neuron, own_seed: u64, of_fate: fn(Fate) -> (f64, f64)| {
            let sites: Vec<Site> = places.iter().zip(&fates).map(|(site, fate)| site.changed(of_fate(*fate))).collect();
            let total = |sites: &[Site]| sites.iter().map(|site| site.rate).sum::<f64>();
            let activity = if places.is_empty() { 0.0 } else { total(&sites) / total(&places) };
            SparksScene::record(params, neuron, (seed, own_seed), |structure, grid| {
                let mut rng = random_stream(own_seed, Stream::Events);
                Plan::draw(params, (neuron, &sites), activity, &mut extents, (structure, grid), &mut rng)
            })
        };
        let before = record(&neuron, seed, |fate| match fate {
            Fate::New => (0.0, 1.0),
            Fate::Silenced | Fate::Lasting { .. } => (1.0, 1.0),
        });
        neuron.displace((shift.y * params.pixel_size_um, shift.x * params.pixel_size_um));
        let after = record(&neuron, !seed, |fate| match fate {
            Fate::Silenced => (0.0, 1.0),
            Fate::New => (1.0, 1.0),
            Fate::Lasting { rate, amplitude } => (rate, amplitude),
        });

        let count = |scene: &SparksScene, id: u32| scene.truth().iter().filter(|e| e.site_id == id).count();
        let site = |((site_id, (y_um, x_um)), fate): ((u32, &(f64, f64)), &Fate)| PairSite {
            site_id,
            at: PointYx { y: y_um / params.pixel_size_um, x: x_um / params.pixel_size_um },
            fate: *fate,
            n_before: count(&before, site_id),
            n_after: count(&after, site_id),
        };
        let sites = (1..).zip(&positions).zip(&fates).map(site).collect();
        Ok(Self { before, after, shift, sites })
    }

    /// The sites as a table: `site_id, y_px, x_px, y_um, x_um` (in frame 0 of the first recording)`, fate, rate_factor,
    /// amplitude_factor` (empty unless it lasts)`, n_before, n_after`.
    pub fn site_table(&self) -> Table {
        let um = self.before.params().pixel_size_um;
        let mut table = Table::new();
        let mut column = |name: &str, value: &dyn Fn(&PairSite) -> Value| {
            table.push(name, self.sites.iter().map(value).collect());
        };
        let factor = |fate: Fate, of: fn(f64, f64) -> f64| match fate {
            Fate::Lasting { rate, amplitude } => Value::float(of(rate, amplitude)),
            Fate::Silenced | Fate::New => Value::Empty,
        };
        column("site_id", &|s| Value::Int(s.site_id.into()));
        column("y_px", &|s| Value::float(s.at.y));
        column("x_px", &|s| Value::float(s.at.x));
        column("y_um", &|s| Value::float(s.at.y * um));
        column("x_um", &|s| Value::float(s.at.x * um));
        column("fate", &|s| Value::Text(s.fate.name().into()));
        column("rate_factor", &|s| factor(s.fate, |rate, _| rate));
        column("amplitude_factor", &|s| factor(s.fate, |_, amplitude| amplitude));
        column("n_before", &|s| Value::Int(s.n_before as i64));
        column("n_after", &|s| Value::Int(s.n_after as i64));
        table
    }
}

#[cfg(test)]
mod tests;
