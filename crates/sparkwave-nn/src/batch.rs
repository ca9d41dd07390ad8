//! Batches: which crops are shown at a step, and how they are cut and varied.

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::Span;
use sparkwave_core::source::FrameSource;

use crate::crops::{Crop, low_corner};
use crate::error::{Error, Result};
use crate::stream::Stream;

/// How crops are varied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augment {
    /// As they are.
    None,
    /// Mirrored in y, in x or not at all, a third of the time each, as published.
    Paper,
    /// Mirrored in y and in x, axes exchanged, each half of the time, and brightened by 0.7 to 1.4. Time is never
    /// reversed: events rise faster than they decay.
    #[default]
    Full,
}

/// The order in which crops are shown: a new permutation each time all were seen.
pub(crate) struct Order {
    crops: Vec<Crop>,
    seed: u64,
    epoch: Option<u64>,
    permutation: Vec<u32>,
}

/// Streams of random numbers of one seed; those below are of the crops' positions.
const EPOCHS: u64 = 1 << 40;
const STEPS: u64 = 1 << 41;

impl Order {
    pub(crate) fn new(crops: Vec<Crop>, seed: u64) -> Self {
        Self { crops, seed, epoch: None, permutation: Vec::new() }
    }

    /// The crops of a step.
    pub(crate) fn at(&mut self, step: usize, batch: usize) -> Vec<Crop> {
        let n = self.crops.len();
        (step * batch..(step + 1) * batch)
            .map(|i| {
                self.shuffle((i / n) as u64);
                self.crops[self.permutation[i % n] as usize]
            })
            .collect()
    }

    fn shuffle(&mut self, epoch: u64) {
        if self.epoch != Some(epoch) {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(EPOCHS + epoch);
            self.permutation = (0..self.crops.len() as u32).collect();
            self.permutation.shuffle(&mut rng);
            self.epoch = Some(epoch);
        }
    }
}

/// What a network is shown at a step.
pub(crate) struct Batch {
    /// `[n, 1, t, y, x]`.
    pub(crate) input: Vec<f32>,
    /// The numbers of known events on their voxels, 0 elsewhere; of the same shape.
    pub(crate) labels: Vec<u32>,
    /// Whether a crop was drawn around a known event, `[n]`.
    pub(crate) labelled: Vec<bool>,
    /// Voxels of a crop along t, y and x.
    pub(crate) edge: [usize; 3],
}

impl Batch {
    /// Cuts crops of `edge` voxels, each displaced at random by up to half of it, and varies them.
    pub(crate) fn cut(
        crops: &[Crop],
        streams: &[Stream],
        edge: [usize; 3],
        augment: Augment,
        seed: u64,
        step: usize,
    ) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STEPS + step as u64);
        let n: usize = edge.iter().product();
        let mut batch = Self {
            input: Vec::with_capacity(n * crops.len()),
            labels: Vec::with_capacity(n * crops.len()),
            labelled: Vec::new(),
            edge,
        };
        for crop in crops {
            let stream = &streams[crop.stream];
            let shape = stream.input.shape();
            let extent = [shape.n_frames, shape.height, shape.width];
            let corner = std::array::from_fn(|axis| {
                let half = edge[axis] / 2;
                let displaced = (crop.centre[axis] + rng.random_range(0..=2 * half)).saturating_sub(half);
                low_corner(displaced, edge[axis], extent[axis])
            });
            let varied = Variation::draw(augment, edge, &mut rng);
            let input = read_crop(stream.input.as_ref(), corner, edge)?;
            let label = read_crop(stream.label.as_ref(), corner, edge)?;
            varied.apply(&input, edge, |v| v * varied.gain, &mut batch.input);
            varied.apply(&label, edge, |v| v as u32, &mut batch.labels);
            batch.labelled.push(crop.labelled);
        }
        Ok(batch)
    }
}

/// Reads a crop; where the movie is smaller than the crop the rest is 0.
fn read_crop(source: &dyn FrameSource, corner: [usize; 3], edge: [usize; 3]) -> Result<Vec<f32>> {
    let shape = source.shape();
    let end = |axis: usize, n: usize| (corner[axis] + edge[axis]).min(n);
    let frames = Span::new(corner[0], end(0, shape.n_frames));
    let rows = Span::new(corner[1], end(1, shape.height));
    let columns = corner[2]..end(2, shape.width);
    let pixels = source.read(frames, rows).map_err(Error::Source)?.to_f32();
    let mut crop = vec![0.0; edge.iter().product()];
    for (t, frame) in pixels.outer_iter().enumerate() {
        for (y, row) in frame.outer_iter().enumerate() {
            let to = &mut crop[(t * edge[1] + y) * edge[2]..][..columns.len()];
            for (to, x) in to.iter_mut().zip(columns.clone()) {
                *to = if row[x].is_finite() { row[x] } else { 0.0 };
            }
        }
    }
    Ok(crop)
}

/// How one crop is varied.
struct Variation {
    mirror_y: bool,
    mirror_x: bool,
    exchange: bool,
    gain: f32,
}

impl Variation {
    fn draw(augment: Augment, edge: [usize; 3], rng: &mut ChaCha8Rng) -> Self {
        let none = Self { mirror_y: false, mirror_x: false, exchange: false, gain: 1.0 };
        match augment {
            Augment::None => none,
            Augment::Paper => match rng.random_range(0..3) {
                0 => Self { mirror_y: true, ..none },
                1 => Self { mirror_x: true, ..none },
                _ => none,
            },
            Augment::Full => Self {
                mirror_y: rng.random(),
                mirror_x: rng.random(),
                exchange: rng.random::<bool>() && edge[1] == edge[2],
                gain: rng.random_range(0.7..1.4),
            },
        }
    }

    fn apply<T>(&self, crop: &[f32], edge: [usize; 3], value: impl Fn(f32) -> T, out: &mut Vec<T>) {
        let [nt, ny, nx] = edge;
        for t in 0..nt {
            for y in 0..ny {
                for x in 0..nx {
                    let (y, x) = if self.exchange { (x, y) } else { (y, x) };
                    let y = if self.mirror_y { ny - 1 - y } else { y };
                    let x = if self.mirror_x { nx - 1 - x } else { x };
                    out.push(value(crop[(t * ny + y) * nx + x]));
                }
            }
        }
    }
}
