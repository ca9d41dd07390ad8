//! StarDist ready to run: where events may be, and how far each would reach.

use std::ops::Range;

use ndarray::ArrayViewMut3;

use burn::tensor::{Device, Tensor, TensorData, activation};
use sparkwave_core::weights::Weights;
use sparkwave_imgproc::star::Rays;

use super::{Network, Shown, View};
use crate::device::{holds, read};
use crate::error::Result;
use crate::models::stardist3d::{StarDist3d, StarDist3dConfig};
use crate::parameters::replace;
use crate::reach;

/// A StarDist-3D with its weights.
pub struct StarNetwork {
    config: StarDist3dConfig,
    rays: Rays,
    model: StarDist3d,
    device: Device,
}

/// What it says of a tile.
pub(crate) struct Cells {
    /// Cells along t, y and x.
    pub(crate) extent: [usize; 3],
    /// Object probability of each cell.
    pub(crate) probability: Vec<f32>,
    /// Distances in voxels, `[rays, t, y, x]`.
    pub(crate) distances: Vec<f32>,
}

impl StarNetwork {
    /// The network of this shape and these weights, named as in its checkpoint, on `device`.
    ///
    /// # Errors
    /// If an array is missing or of another shape, or a number of the configuration is outside its range.
    pub fn new(config: &StarDist3dConfig, weights: &Weights, device: &Device) -> Result<Self> {
        let model = replace(StarDist3d::new(config, 0, device)?, weights)?;
        Ok(Self { config: config.clone(), rays: config.rays()?, model, device: device.clone() })
    }

    /// The rays along which distances are told.
    #[must_use]
    pub fn rays(&self) -> &Rays {
        &self.rays
    }

    /// Voxels of the movie that a cell stands for.
    #[must_use]
    pub fn grid(&self) -> [usize; 3] {
        self.config.grid
    }

    /// The part of its volume that an event may share with a more probable one, 0 to 1.
    #[must_use]
    pub fn overlap(&self) -> f32 {
        self.config.overlap as f32
    }

    /// All that the network says of an input `[t, y, x]`; without the distances if only the probability is asked for.
    pub(crate) fn cells(&self, shown: &Shown<'_>, with_distances: bool) -> Result<Cells> {
        let extent = shown.extent();
        let shape = [1, 1, extent[0], extent[1], extent[2]];
        let volume = Tensor::from_data(TensorData::new(shown.to_vec(), shape), &self.device);
        let answer = self.model.answer(volume);
        Ok(Cells {
            extent: std::array::from_fn(|axis| extent[axis] / self.config.grid[axis]),
            probability: read(activation::sigmoid(answer.logits))?,
            distances: if with_distances { read(answer.distances)? } else { Vec::new() },
        })
    }
}

impl Network for StarNetwork {
    fn view(&self) -> View {
        View::Tiles { reach: reach::of_stars(&self.config), multiple: self.config.multiple() }
    }

    fn bytes(&self, extent: [usize; 3]) -> usize {
        let c = &self.config;
        let n_voxels: usize = extent.iter().product();
        let n_cells = n_voxels / c.grid.iter().product::<usize>();
        // What goes in and out of a convolution and its rectifier, at each resolution.
        let values = 3 * c.width * n_voxels + (8 * c.width + 2 * c.features + 2 * c.n_rays) * n_cells;
        size_of::<f32>() * values
    }

    fn reserve(&mut self, extent: [usize; 3]) -> bool {
        let bytes = self.bytes(extent);
        // Each array is counted twice, on its way in and out.
        holds(&self.device, bytes / 2) && Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
    }

    /// Of each voxel the probability of its cell.
    fn run(&mut self, shown: &Shown<'_>, keep: &[Range<usize>; 3], mut output: ArrayViewMut3<'_, f32>) -> Result<()> {
        let cells = self.cells(shown, false)?;
        let grid = self.config.grid;
        let [_, height, width] = cells.extent;
        for ((t, y, x), to) in output.indexed_iter_mut() {
            let [t, y, x] = [(0, t), (1, y), (2, x)].map(|(axis, at)| (keep[axis].start + at) / grid[axis]);
            *to = cells.probability[(t * height + y) * width + x];
        }
        Ok(())
    }
}
