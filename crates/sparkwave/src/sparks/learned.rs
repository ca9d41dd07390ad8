//! A network as detector: from dF/F0 over noise to probabilities, from these to events.

use super::blocks::{Block, Halo};
use super::scratch::Scratch;
use super::{NOISE_NORMALISATION, PUBLISHED_NORMALISATION, Prepared, SparksConfig};
use crate::error::Error;
use crate::models::Model;
use ndarray::Array3;
use sparkwave_core::axes::Voxel;
use sparkwave_core::event::Event;
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::Recording;
use sparkwave_imgproc::baseline::PixelNoise;
use sparkwave_imgproc::baseline::global::GlobalNormalisation;
use sparkwave_imgproc::detect::amplitude::Amplitude;
use sparkwave_imgproc::detect::{AssembleParams, MinPeak, assemble};
use sparkwave_imgproc::filter::gaussian::Kernel;
use sparkwave_imgproc::link::basins::Prominence;
use sparkwave_imgproc::link::sparse::Active;
use sparkwave_imgproc::sampling::Sampling;
use sparkwave_imgproc::traces::{Traces, extract};
use sparkwave_nn::infer::{Piece, margin, predict};
use sparkwave_nn::network::{self, Network};

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

/// A network with its weights.
pub(super) struct Learned {
    network: Box<dyn Network>,
    input: Input,
    threshold: f32,
    /// What it says, if that is to be kept.
    pub(super) kept: Option<Scratch>,
}

impl Learned {
    /// Reads the weights that `config` names.
    pub(super) fn read(config: &SparksConfig) -> Result<Self, Error> {
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
        let network = network::open(&card.architecture, &model.weights)?;
        let threshold = config.threshold.or(card.threshold).unwrap_or(0.5) as f32;
        Ok(Self { network, input, threshold: threshold.max(FLOOR), kept: None })
    }

    /// Frames and rows beyond a block that its results depend on.
    pub(super) fn halo(&self) -> Halo {
        let [frames, rows, _] = margin(self.network.as_ref());
        Halo { frames, rows }
    }

    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// The probable voxels of a block.
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
        let probability = predict(self.network.as_mut(), &piece, &core, &searched, progress)?;
        if let Some(kept) = &mut self.kept {
            let (t0, y0) = (block.core_frames.start, block.core_rows.start);
            let inside = |p: &u32| block.core_rows.contains(*p as usize / width);
            let pixels: Vec<u32> = traces.pixels().iter().copied().filter(inside).collect();
            let at: Vec<(usize, usize)> =
                pixels.iter().map(|&p| (p as usize / width - y0, p as usize % width)).collect();
            kept.append_band(block.core_frames, pixels, |t, k| probability[[t - t0, at[k].0, at[k].1]])?;
        }
        let amplitude = Amplitude::new(traces, noise, block.rows, Kernel::new(AMPLITUDE_PX));
        let mut active = Vec::new();
        for (t, frame) in probability.outer_iter().enumerate() {
            let at = block.core_frames.start + t;
            let probable = |&i: &usize| -> bool {
                let p = traces.pixels()[i] as usize;
                block.core_rows.contains(p / width) && frame[[p / width - block.core_rows.start, p % width]] >= FLOOR
            };
            let pixels: Vec<usize> = (0..traces.n_pixels()).filter(probable).collect();
            let dff = amplitude.at(at - block.frames.start, &pixels);
            active.extend(pixels.iter().zip(dff).map(|(&i, dff)| {
                let p = traces.pixels()[i];
                let (y, x) = (p as usize / width, p as usize % width);
                let level = around(&signal, at - block.frames.start, y - first_row, x);
                let strength = frame[[y - block.core_rows.start, x]];
                Active { voxel: Voxel { t: at as u32, y: y as u32, x: x as u32 }, dff, strength, level }
            }));
        }
        Ok(active)
    }
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
pub(crate) fn params(threshold: f32) -> AssembleParams {
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

/// All events of a movie `[T, Y, X]`, however improbable, scored by their peak probability.
pub(crate) fn events(probability: &Array3<f32>, signal: &Array3<f32>) -> Vec<Event> {
    let height = probability.dim().1;
    let active = probability.indexed_iter().filter(|(_, p)| **p >= FLOOR).map(|((t, y, x), &p)| {
        let level = around(signal, t, y, x);
        Active { voxel: Voxel { t: t as u32, y: y as u32, x: x as u32 }, dff: level, strength: p, level }
    });
    assemble(active.collect(), height, &params(FLOOR), Sampling::of(&Recording::default()))
}

/// The mean of 3 x 3 pixels.
fn around(signal: &Array3<f32>, t: usize, y: usize, x: usize) -> f32 {
    let (_, height, width) = signal.dim();
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    let n = (rows.len() * columns.len()) as f32;
    signal.slice(ndarray::s![t, rows, columns]).sum() / n
}
