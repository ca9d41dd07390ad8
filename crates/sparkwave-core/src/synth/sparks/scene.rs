//! The scene: everything that is fixed by parameters and seed, and the frames made from it.

use super::fluctuation::Fluctuation;
use super::grid::Grid;
use super::neuron::Neuron;
use super::params::{SparksError, SparksParams};
use super::plan::{self, Extents, Plan};
use super::restlessness::Restlessness;
use super::structure::{Structure, illumination};
use super::truth::{self, TrueEvent};
use super::{Stream, drift, random_stream};
use crate::axes::PointYx;
use crate::movie::MovieShape;
use crate::table::Table;
use ndarray::{Array2, s};
use rand::Rng;
use rand_distr::{Distribution, Poisson};

/// A simulated recording: static structure, transients, drift and brightness, all fixed by (parameters, seed).
///
/// Memory is that of the structure (about 30 bytes a pixel) and of the sites; the number of frames adds about a kilobyte
/// each, and more if anything is restless.
pub struct SparksScene {
    params: SparksParams,
    seed: u64,
    grid: Grid,
    rest: Array2<f32>,
    illumination: Array2<f32>,
    fluctuation: Fluctuation,
    /// What is restless, with the light of the structure that it multiplies.
    restlessness: Option<(Restlessness, Array2<f32>)>,
    drift: Vec<PointYx>,
    plan: Plan,
    active: Vec<Vec<u32>>,
    truth: Vec<TrueEvent>,
}

impl SparksScene {
    /// Makes the scene of `params` and `seed`.
    ///
    /// # Errors
    /// If a parameter is outside of its documented range.
    pub fn new(params: &SparksParams, seed: u64) -> Result<Self, SparksError> {
        params.validate()?;
        let neuron = Neuron::grow(params, seed);
        let mut rng = random_stream(seed, Stream::Events);
        let sites = plan::sites(params, &neuron, plan::usual_number(params), plan::EDGE_PX, &mut rng);
        Ok(Self::record(params, &neuron, (seed, seed), |structure, grid| {
            Plan::draw(params, (&neuron, &sites), 1.0, &mut Extents::new(), (structure, grid), &mut rng)
        }))
    }

    /// A recording of `neuron` with the transients that `draw` plans. What belongs to the microscope follows from the first
    /// seed, what differs from one recording to the next from the second.
    pub(super) fn record(
        params: &SparksParams,
        neuron: &Neuron,
        (microscope, seed): (u64, u64),
        draw: impl FnOnce(&Structure, &Grid) -> Plan,
    ) -> Self {
        let grid = Grid::new(params);
        let structure = Structure::draw(params, neuron, &grid, microscope);
        let illumination = illumination(params, microscope);
        let plan = draw(&structure, &grid);
        let fluctuation = Fluctuation::simulate(params, neuron, &grid, &structure.structure, seed);
        let restlessness = Restlessness::draw(params, &grid, seed).map(|r| (r, structure.structure));
        let rest = structure.total;
        let (plan, truth) = truth::settle(params, plan, |voxel| {
            let (y, x) = (voxel.y as usize, voxel.x as usize);
            illumination[[y, x]]
                * fluctuation.brightness[voxel.t as usize]
                * rest[[grid.fine_of_pixel(y), grid.fine_of_pixel(x)]]
        });
        let active = truth::active(params.n_frames, &plan.events);
        let drift = drift::simulate(params, seed);
        let params = params.clone();
        Self { params, seed, grid, rest, illumination, fluctuation, restlessness, drift, plan, active, truth }
    }

    /// The parameters it was made from.
    pub fn params(&self) -> &SparksParams {
        &self.params
    }

    /// The seed it was made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Number of frames.
    pub fn n_frames(&self) -> usize {
        self.params.n_frames
    }

    /// Extent of the movie.
    pub fn shape(&self) -> MovieShape {
        MovieShape { n_frames: self.params.n_frames, height: self.params.height, width: self.params.width }
    }

    /// Frame `t` `[height, width]` in camera counts. Any order, any thread: always the same values.
    ///
    /// # Panics
    /// If `t` is not below [`SparksScene::n_frames`].
    pub fn frame(&self, t: usize) -> Array2<u16> {
        let mut electrons = self.photoelectrons(t);
        let mut rng = random_stream(self.seed, Stream::Frame(t));
        self.add_cosmic_rays(&mut electrons, &mut rng);
        electrons.mapv(|expected| self.params.camera.sample(expected, &mut rng))
    }

    /// Expected photoelectrons of frame `t` `[height, width]`: the frame without camera noise and cosmic rays, drift
    /// included.
    ///
    /// # Panics
    /// If `t` is not below [`SparksScene::n_frames`].
    pub fn photoelectrons(&self, t: usize) -> Array2<f32> {
        let mut fine = self.rest.clone();
        self.fluctuation.add(t, &mut fine);
        if let Some((restlessness, structure)) = &self.restlessness {
            restlessness.add(t, structure, &mut fine);
        }
        let (start, interval) = (t as f64 * self.params.frame_interval_s, self.params.frame_interval_s);
        for &i in &self.active[t] {
            let event = &self.plan.events[i as usize];
            let strength = |lag: f64| event.strength * event.course.mean(start, interval, lag);
            self.plan.footprints[event.footprint].add(&mut fine, strength);
        }
        let mut electrons = self.grid.resample(&fine, self.drift[t]);
        electrons *= &self.illumination;
        electrons *= self.fluctuation.brightness[t];
        electrons
    }

    /// Light at rest in reference coordinates `[height, width]`, in photoelectrons per frame at the start: structure,
    /// haze and background, without illumination, bleaching, fluctuations and transients.
    pub fn rest(&self) -> Array2<f32> {
        let first = self.grid.fine_of_pixel(0);
        let (height, width) = (self.params.height, self.params.width);
        let (end_y, end_x) = (self.grid.fine_of_pixel(height), self.grid.fine_of_pixel(width));
        self.rest.slice(s![first..end_y; 2, first..end_x; 2]).to_owned()
    }

    /// Noise-free dF/F0 of all transients in frame `t` `[height, width]`, reference coordinates. Pixels
    /// below 2 % of the strongest of a transient are left out of it.
    ///
    /// # Panics
    /// If `t` is not below [`SparksScene::n_frames`].
    pub fn dff(&self, t: usize) -> Array2<f32> {
        let mut dff = Array2::zeros((self.params.height, self.params.width));
        for &i in &self.active[t] {
            let event = &self.plan.events[i as usize];
            let footprint = &self.plan.footprints[event.footprint];
            truth::visit_dff(event, footprint, t, self.params.frame_interval_s, |y, x, value| {
                dff[[y as usize, x as usize]] += value;
            });
        }
        dff
    }

    /// Which event owns each pixel of frame `t` `[height, width]`: an `event_id`, or 0. Reference coordinates, that is
    /// those of frame 0 and of a perfectly registered movie.
    ///
    /// # Panics
    /// If `t` is not below [`SparksScene::n_frames`].
    pub fn labels(&self, t: usize) -> Array2<u32> {
        truth::labels(&self.params, &self.plan, &self.active[t], t)
    }

    /// The transients, in order of `event_id`.
    pub fn truth(&self) -> &[TrueEvent] {
        &self.truth
    }

    /// Displacement of every frame relative to frame 0, in pixels: what is at (y, x) in reference coordinates is seen at
    /// (y + dy, x + dx). The first is zero.
    pub fn drift(&self) -> &[PointYx] {
        &self.drift
    }

    /// The transients as a table: `event_id, t_frame` (peak), `y_px, x_px, t_start_frame, t_end_frame` (exclusive),
    /// `t_s, y_um, x_um, peak_dff, window_dff, peak_snr, onset_s, tau_s, area_px` (in the peak frame)`, area_um2, n_voxels, kind,
    /// burst_id` (empty if none)`, propagating, dim, site_id`.
    pub fn truth_table(&self) -> Table {
        truth::table(&self.params, &self.truth)
    }

    /// Adds single-frame spots of one or two pixels, far brighter than any light.
    fn add_cosmic_rays(&self, electrons: &mut Array2<f32>, rng: &mut impl Rng) {
        let expected = self.params.cosmic_rays_per_minute * self.params.frame_interval_s / 60.0;
        let n_rays = Poisson::new(expected).map_or(0, |number| number.sample(rng) as usize);
        let (height, width) = electrons.dim();
        for _ in 0..n_rays {
            let (y, x) = (rng.random_range(0..height), rng.random_range(0..width));
            let charge = rng.random_range(200.0..1500.0);
            electrons[[y, x]] += charge;
            electrons[[y, (x + 1).min(width - 1)]] += charge * rng.random_range(0.0..0.5f32);
        }
    }
}

#[cfg(test)]
mod tests;
