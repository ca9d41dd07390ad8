//! The scene: everything that is fixed by parameters and seed, and the frames made from it.

use super::anatomy::Anatomy;
use super::clock::Clock;
use super::course::CourseTable;
use super::grid::Grid;
use super::light::{Light, add_pulse};
use super::motion::Motion;
use super::params::{WavesError, WavesParams};
use super::spread::{Spread, spread};
use super::truth::{self, TrueEpisode, TrueWave};
use super::{Stream, plan, random_stream};
use crate::axes::PointYx;
use crate::wave::{Cortex, Interval};
use ndarray::{Array2, Zip};
use rand::Rng;
use rand_distr::StandardNormal;

/// Moments at which the scene is looked at for the mean of a second. They are not a multiple of any heartbeat or breath.
const LOOKS: usize = 9;

/// A simulated recording: anatomy, waves, motion and light, all fixed by (parameters, seed).
///
/// Memory is about 60 bytes a pixel and 8 bytes a pixel and wave; a frame adds four bytes.
pub struct WavesScene {
    params: WavesParams,
    seed: u64,
    grid: Grid,
    anatomy: Anatomy,
    cortex: Cortex,
    clock: Clock,
    motion: Motion,
    light: Light,
    spreads: Vec<Spread>,
    /// The course of each wave averaged over a frame and over a second.
    frame_tables: Vec<CourseTable>,
    second_tables: Vec<CourseTable>,
    intervals: Vec<Interval>,
    waves: Vec<TrueWave>,
    episodes: Vec<TrueEpisode>,
}

impl WavesScene {
    /// Makes the scene of `params` and `seed`.
    ///
    /// # Errors
    /// If a parameter is outside of its documented range, or a planned wave has no place to start.
    pub fn new(params: &WavesParams, seed: u64) -> Result<Self, WavesError> {
        params.validate()?;
        let grid = Grid::new(params);
        let anatomy = Anatomy::draw(params, &grid, seed);
        let plan = plan::waves(params, &anatomy, seed);
        let spreads = spread(params, &anatomy, plan, &grid, seed)?;
        let tables = |exposure_s: f64| spreads.iter().map(|s| s.plan.course.averaged(exposure_s)).collect::<Vec<_>>();
        let (frame_tables, second_tables) = (tables(1.0 / params.frame_rate_hz), tables(1.0));
        let clock = Clock::draw(params, seed);
        let intervals = truth::intervals(&clock);
        let waves = truth::waves(&spreads, &second_tables, intervals.len(), &grid);
        let episodes = truth::episodes(&waves, &intervals);
        let waves = truth::with_episodes(waves, &episodes);
        Ok(Self {
            params: params.clone(),
            seed,
            grid,
            cortex: anatomy.cortex(),
            anatomy,
            clock,
            motion: Motion::draw(params, seed),
            light: Light::draw(params, &grid, seed),
            spreads,
            frame_tables,
            second_tables,
            intervals,
            waves,
            episodes,
        })
    }

    /// The parameters it was made from.
    pub fn params(&self) -> &WavesParams {
        &self.params
    }

    /// The seed it was made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Number of frames that the camera delivered.
    pub fn n_frames(&self) -> usize {
        self.clock.n_frames()
    }

    /// When each of them was taken, s since the first; gaps are gaps.
    pub fn times_s(&self) -> Vec<f64> {
        self.clock.times_s()
    }

    /// Delivered frames of each second since the first frame; 0 in a gap.
    pub fn frames_per_second(&self) -> &[u32] {
        self.clock.per_second()
    }

    /// Frame `t` `[height, width]` in camera counts. Any order, any thread: always the same values.
    ///
    /// # Panics
    /// If `t` is not below [`WavesScene::n_frames`].
    pub fn frame(&self, t: usize) -> Array2<u16> {
        let (exposure, start_s) = self.clock.exposure(t);
        let middle_s = start_s + 0.5 / self.params.frame_rate_hz;
        let mut change = self.change(middle_s, &self.frame_tables);
        add_pulse(&self.anatomy.vessels, self.motion.pulse(middle_s), &mut change);
        let light = self.seen(change, &[middle_s], self.light.brightness(middle_s));
        let mut rng = random_stream(self.seed, Stream::Frame(exposure));
        // A float cast saturates, which is what a full well does.
        self.counts(light, 1, &mut rng).mapv(|counts| (counts + 0.5) as u16)
    }

    /// Mean of the frames of second `bin` `[height, width]` in camera counts; `None` if all of them are lost. Any order,
    /// any thread: always the same values. Statistically, not bit for bit, the mean of [`WavesScene::frame`].
    ///
    /// # Panics
    /// If the recording has no such second.
    pub fn second(&self, bin: usize) -> Option<Array2<f32>> {
        let n_frames = self.clock.per_second()[bin];
        if n_frames == 0 {
            return None;
        }
        let middle_s = bin as f64 + 0.5;
        let looks: [f64; LOOKS] = std::array::from_fn(|i| bin as f64 + (i as f64 + 0.5) / LOOKS as f64);
        let change = self.change(middle_s, &self.second_tables);
        let light = self.seen(change, &looks, self.light.brightness(middle_s));
        let mut rng = random_stream(self.seed, Stream::Second(bin));
        Some(self.counts(light, n_frames, &mut rng))
    }

    /// Relative change of the reflectance on the grid: waves and vasomotion.
    fn change(&self, middle_s: f64, tables: &[CourseTable]) -> Array2<f32> {
        let mut change = Array2::zeros(self.grid.shape());
        self.light.add_vasomotion(middle_s, &mut change);
        // What is not cortex does not change.
        change *= &self.anatomy.visible;
        for (wave, table) in self.spreads.iter().zip(tables) {
            wave.add(middle_s, table, &mut change);
        }
        change
    }

    /// Light that reaches the camera, as part of that of the median cortical pixel: the changed scene where motion has
    /// carried it, averaged over moments.
    fn seen(&self, mut change: Array2<f32>, looks: &[f64], brightness: f64) -> Array2<f32> {
        Zip::from(&mut change).and(&self.anatomy.rest).for_each(|c, &rest| *c = rest * (1.0 + *c));
        let mut light = Array2::zeros((self.grid.height, self.grid.width));
        for &t_s in looks {
            self.grid.add_resampled(&change, self.motion.at(t_s), &mut light);
        }
        let scale = (brightness / looks.len() as f64) as f32;
        Zip::from(&mut light).and(&self.anatomy.illumination).for_each(|l, &lamp| *l = (*l * lamp * scale).max(0.0));
        light
    }

    /// What the camera reports, as the mean of `n_frames` frames. At thousands of photoelectrons its noise is normal.
    fn counts(&self, mut light: Array2<f32>, n_frames: u32, rng: &mut impl Rng) -> Array2<f32> {
        let (camera, electrons) = self.params.camera();
        let flicker = 1.0 + self.params.flicker * rng.sample::<f64, _>(StandardNormal) / f64::from(n_frames).sqrt();
        let electrons = (electrons * flicker.max(0.0)) as f32;
        let share = 1.0 / n_frames as f32;
        for value in &mut light {
            let expected = electrons * *value;
            let noise: f32 = rng.sample(StandardNormal);
            *value = camera.mean_counts(expected) + (share * camera.variance_counts2(expected)).sqrt() * noise;
        }
        light
    }

    /// Camera counts of the scene at rest under mean light `[height, width]`, without noise.
    pub fn rest(&self) -> Array2<f32> {
        let (camera, electrons) = self.params.camera();
        let rest = self.anatomy.rest.slice(self.grid.field());
        Zip::from(&rest)
            .and(&self.anatomy.illumination)
            .map_collect(|&r, &i| camera.mean_counts(electrons as f32 * r * i))
    }

    /// The part of the field that shows cortex, and the midline.
    pub fn cortex(&self) -> &Cortex {
        &self.cortex
    }

    /// Displacement of the scene at a time, px: what is at (y, x) at rest is seen at (y + dy, x + dx).
    pub fn motion_px(&self, t_s: f64) -> PointYx {
        self.motion.at(t_s)
    }

    /// The intervals over which truth is given.
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// The waves, in order of `id`.
    pub fn waves(&self) -> &[TrueWave] {
        &self.waves
    }

    /// The episodes: waves that overlap in time belong to one.
    pub fn episodes(&self) -> &[TrueEpisode] {
        &self.episodes
    }

    /// Which wave owns each pixel in interval `i` `[height, width]`: its `id`, or 0.
    pub fn masks(&self, i: usize) -> Array2<u32> {
        truth::labels(&self.waves, i, (self.grid.height, self.grid.width))
    }

    /// Relative reflectance change over interval `i` `[height, width]`, of the waves alone.
    ///
    /// # Panics
    /// If `i` is not below the number of [`WavesScene::intervals`].
    pub fn rate(&self, i: usize) -> Array2<f32> {
        let mut change = Array2::zeros(self.grid.shape());
        let mut before = Array2::zeros(self.grid.shape());
        for (wave, table) in self.spreads.iter().zip(&self.second_tables) {
            wave.add(self.intervals[i].end_s, table, &mut change);
            wave.add(self.intervals[i].start_s, table, &mut before);
        }
        change -= &before;
        change.slice(self.grid.field()).to_owned()
    }
}

#[cfg(test)]
mod tests;
