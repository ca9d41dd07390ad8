//! A network as detector: from dF/F0 over noise to probabilities, from these to events.

use super::blocks::{Block, Halo};
use super::scratch::Scratch;
use super::stars::{self, LONGEST, StarFinder};
use super::{NOISE_NORMALISATION, PUBLISHED_NORMALISATION, Prepared, SparksConfig};
use crate::error::Error;
use crate::models::Model;
use ndarray::{Array3, ArrayView2};
use sparkwave_core::axes::Voxel;
use sparkwave_core::event::Event;
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::Recording;
use sparkwave_core::weights::Weights;
use sparkwave_imgproc::baseline::PixelNoise;
use sparkwave_imgproc::baseline::global::GlobalNormalisation;
use sparkwave_imgproc::detect::amplitude::Amplitude;
use sparkwave_imgproc::detect::{AssembleParams, MinPeak, assemble};
use sparkwave_imgproc::filter::gaussian::Kernel;
use sparkwave_imgproc::link::basins::Prominence;
use sparkwave_imgproc::link::sparse::Active;
use sparkwave_imgproc::sampling::Sampling;
use sparkwave_imgproc::traces::{Traces, extract};
use sparkwave_nn::Device;
use sparkwave_nn::card::Architecture;
use sparkwave_nn::infer::{Piece, margin, predict};
use sparkwave_nn::network::{self, Network, StarNetwork};

/// Voxels less probable than this are no part of any event.
pub(crate) const FLOOR: f32 = 0.1;

/// Standard deviation, in pixels, of the spot over which the amplitude of an event is measured: some 3 x 3 pixels.
const AMPLITUDE_PX: f64 = 0.8;

/// What a network is shown.
enum Input {
    /// dF/F0 in standard deviations of each pixel's noise ([`NOISE_NORMALISATION`]).
    DffOverNoise,
    /// The published global normalisation ([`PUBLISHED_NORMALISATION`]); fitted when the movie is known.
    Published(Option<GlobalNormalisation>),
}

/// What a network says.
enum Answers {
    /// Of every voxel, how probable it belongs to an event.
    Voxels(Box<dyn Network>),
    /// Of some voxels, how probable they are the middle of an event, and how far it reaches.
    Stars(Box<StarFinder>),
}

/// A network with its weights.
pub(super) struct Learned {
    answers: Answers,
    input: Input,
    threshold: f32,
    /// What it says, if that is to be kept.
    pub(super) kept: Option<Scratch>,
}

impl Learned {
    /// Reads the weights that `config` names, to compute on `device`.
    pub(super) fn read(config: &SparksConfig, device: &Device) -> Result<Self, Error> {
        let model = Model::open(config.model.as_deref().unwrap_or_else(|| std::path::Path::new("")))?;
        let card = model.card;
        let input = match card.normalisation.as_str() {
            NOISE_NORMALISATION => Input::DffOverNoise,
            PUBLISHED_NORMALISATION => Input::Published(None),
            _ => {
                let expected = "a network for movies of normalisation dff-over-noise or published-global";
                return Err(Error::Parameter { name: "model", expected, found: card.normalisation });
            }
        };
        let answers = match &card.architecture {
            Architecture::Stardist3d(shape) => {
                Answers::Stars(Box::new(StarFinder::new(StarNetwork::new(shape, &model.weights, device)?)))
            }
            other => Answers::Voxels(network::open(other, &model.weights, device)?),
        };
        let threshold = config.threshold.or(card.threshold).unwrap_or(0.5) as f32;
        Ok(Self { answers, input, threshold: threshold.max(FLOOR), kept: None })
    }

    /// Frames and rows beyond a block that its results depend on.
    pub(super) fn halo(&self) -> Halo {
        match &self.answers {
            Answers::Voxels(network) => {
                let [frames, rows, _] = margin(network.as_ref());
                Halo { frames, rows }
            }
            Answers::Stars(stars) => {
                let [frames, rows, _] = margin(&stars.network).map(|n| n + LONGEST);
                Halo { frames, rows }
            }
        }
    }

    /// The voxels of a block that may belong to events.
    pub(super) fn active_voxels(
        &mut self,
        traces: &Traces,
        noise: &PixelNoise,
        block: &Block,
        prepared: &Prepared<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Active>, Error> {
        let movie = prepared.source.shape();
        let (width, first_row) = (movie.width, block.rows.start);
        let signal = match &mut self.input {
            Input::DffOverNoise => dff_over_noise(traces, noise, block, width),
            Input::Published(fitted) => published(fitted, block, prepared)?,
        };
        let piece = Piece {
            values: signal.view(),
            origin: [block.frames.start, first_row, 0],
            movie: [movie.n_frames, movie.height, width],
        };
        let core = [block.core_frames.range(), block.core_rows.range(), 0..width];
        let searched = |y, x| prepared.foreground[[y, x]];
        // The voxels in question by frame: the index of the trace, and the strength.
        let chosen = match &mut self.answers {
            Answers::Voxels(network) => {
                let probability = predict(network.as_mut(), &piece, &core, &searched, progress)?;
                if let Some(kept) = &mut self.kept {
                    keep(kept, &probability, traces, block, width)?;
                }
                probable(&probability, traces, block, width)
            }
            Answers::Stars(stars) => {
                if let Some(kept) = &mut self.kept {
                    let probability = predict(&mut stars.network, &piece, &core, &searched, progress)?;
                    keep(kept, &probability, traces, block, width)?;
                }
                traced(&stars.covered(&piece, &core, &searched, progress)?, traces, block, width)
            }
        };
        let amplitude = Amplitude::new(traces, noise, block.rows, Kernel::new(AMPLITUDE_PX));
        let mut active = Vec::new();
        for (t, chosen) in chosen.iter().enumerate() {
            let at = block.core_frames.start + t;
            let pixels: Vec<usize> = chosen.iter().map(|(i, _)| *i).collect();
            let dff = amplitude.at(at - block.frames.start, &pixels);
            active.extend(chosen.iter().zip(dff).map(|(&(i, strength), dff)| {
                let p = traces.pixels()[i];
                let (y, x) = (p as usize / width, p as usize % width);
                let level = around(&signal, at - block.frames.start, y - first_row, x);
                Active { voxel: Voxel { t: at as u32, y: y as u32, x: x as u32 }, dff, strength, level }
            }));
        }
        Ok(active)
    }

    /// The events among the voxels of all blocks.
    pub(super) fn events(
        &mut self,
        active: Vec<Active>,
        movie: [usize; 3],
        sampling: Sampling,
    ) -> Result<Vec<Event>, Error> {
        match &mut self.answers {
            Answers::Voxels(_) => Ok(assemble(active, movie[1], &params(self.threshold), sampling)),
            Answers::Stars(stars) => stars.events(active, movie, self.threshold, sampling),
        }
    }
}

/// The probable voxels of each frame of a block.
fn probable(probability: &Array3<f32>, traces: &Traces, block: &Block, width: usize) -> Vec<Vec<(usize, f32)>> {
    let of_frame = |frame: ArrayView2<'_, f32>| {
        let strength = |(i, &p): (usize, &u32)| {
            let (y, x) = (p as usize / width, p as usize % width);
            let strength = block.core_rows.contains(y).then(|| frame[[y - block.core_rows.start, x]]);
            strength.filter(|s| *s >= FLOOR).map(|s| (i, s))
        };
        traces.pixels().iter().enumerate().filter_map(strength).collect()
    };
    probability.outer_iter().map(of_frame).collect()
}

/// Those of the voxels of a block that have a trace, frame by frame.
fn traced(voxels: &[Voxel], traces: &Traces, block: &Block, width: usize) -> Vec<Vec<(usize, f32)>> {
    let mut chosen = vec![Vec::new(); block.core_frames.len()];
    for v in voxels {
        if let Ok(i) = traces.pixels().binary_search(&(v.y * width as u32 + v.x)) {
            chosen[v.t as usize - block.core_frames.start].push((i, 0.0));
        }
    }
    chosen
}

/// Keeps what a network says of a block.
fn keep(
    kept: &mut Scratch,
    probability: &Array3<f32>,
    traces: &Traces,
    block: &Block,
    width: usize,
) -> Result<(), Error> {
    let (t0, y0) = (block.core_frames.start, block.core_rows.start);
    let inside = |p: &u32| block.core_rows.contains(*p as usize / width);
    let pixels: Vec<u32> = traces.pixels().iter().copied().filter(inside).collect();
    let at: Vec<(usize, usize)> = pixels.iter().map(|&p| (p as usize / width - y0, p as usize % width)).collect();
    kept.append_band(block.core_frames, pixels, |t, k| probability[[t - t0, at[k].0, at[k].1]])
}

/// dF/F0 over noise of a block; 0 where it was not computed.
fn dff_over_noise(traces: &Traces, noise: &PixelNoise, block: &Block, width: usize) -> Array3<f32> {
    let mut signal = Array3::<f32>::zeros((block.frames.len(), block.rows.len(), width));
    let weights = noise.weights();
    for t in 0..traces.n_frames() {
        for ((&p, dff), weight) in traces.pixels().iter().zip(traces.frame(t)).zip(&weights) {
            let (y, x) = (p as usize / width - block.rows.start, p as usize % width);
            signal[[t, y, x]] = dff * weight;
        }
    }
    signal
}

/// The registered counts of a block in the published normalisation.
fn published(
    fitted: &mut Option<GlobalNormalisation>,
    block: &Block,
    prepared: &Prepared<'_>,
) -> Result<Array3<f32>, Error> {
    let (source, width) = (prepared.source, prepared.source.shape().width);
    let normalisation = match fitted {
        Some(normalisation) => normalisation,
        None => fitted.insert(GlobalNormalisation::fit(source)?),
    };
    let pixels = (block.rows.start * width..block.rows.end * width).map(|p| p as u32).collect();
    // Its own baseline takes the place of the background.
    let nothing = vec![0.0; source.shape().n_frames];
    let counts = extract(source, &prepared.drift, &nothing, block.frames, pixels)?;
    let mut signal = Array3::zeros((block.frames.len(), block.rows.len(), width));
    for (t, mut frame) in signal.outer_iter_mut().enumerate() {
        let frame = frame.as_slice_mut().expect("a new array is contiguous");
        frame.copy_from_slice(counts.frame(t));
        normalisation.apply(block.frames.start + t, frame);
        frame.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
    }
    Ok(signal)
}

/// How probable voxels become events whose peak is at least as probable as `threshold`.
fn params(threshold: f32) -> AssembleParams {
    AssembleParams {
        min_peak: MinPeak::Fixed(threshold),
        // Half as probable as the peak: the edge of a blurred step.
        core_fraction: 0.5,
        grow: None,
        split: Some(Prominence { absolute: 0.1, relative: 0.3 }),
        min_extent_um: 0.0,
        min_frames: 1,
    }
}

/// All events that a network finds in a movie `[T, Y, X]`, however improbable, scored by their peak probability.
pub(crate) fn events(
    architecture: &Architecture,
    weights: &Weights,
    input: &Array3<f32>,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Vec<Event>, Error> {
    let (t, y, x) = input.dim();
    let level = |v: Voxel| around(input, v.t as usize, v.y as usize, v.x as usize);
    if let Architecture::Stardist3d(shape) = architecture {
        return stars::events(StarNetwork::new(shape, weights, device)?, input, &level, progress);
    }
    let mut network = network::open(architecture, weights, device)?;
    let piece = Piece { values: input.view(), origin: [0; 3], movie: [t, y, x] };
    let probability = predict(network.as_mut(), &piece, &[0..t, 0..y, 0..x], &|_, _| true, progress)?;
    let active = probability.indexed_iter().filter(|(_, p)| **p >= FLOOR).map(|((t, y, x), &strength)| {
        let voxel = Voxel { t: t as u32, y: y as u32, x: x as u32 };
        Active { voxel, dff: level(voxel), strength, level: level(voxel) }
    });
    Ok(assemble(active.collect(), y, &params(FLOOR), Sampling::of(&Recording::default())))
}

/// The mean of 3 x 3 pixels.
fn around(signal: &Array3<f32>, t: usize, y: usize, x: usize) -> f32 {
    let (_, height, width) = signal.dim();
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    let n = (rows.len() * columns.len()) as f32;
    signal.slice(ndarray::s![t, rows, columns]).sum() / n
}
