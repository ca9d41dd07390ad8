//! A network ready to run, whichever it is.

mod stars;

pub use stars::StarNetwork;

use std::ops::Range;

use ndarray::{Array3, ArrayView3, ArrayViewMut3, s};

use burn::tensor::{Device, Tensor, TensorData, activation};
use sparkwave_core::weights::Weights;

use crate::card::Architecture;
use crate::device::{holds, read};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::infer::Piece;
use crate::models::attention_unet::AttentionUNet;
use crate::models::stardist3d::StarDist3d;
use crate::models::unet2d::UNet2d;
use crate::models::unet3d::UNet3d;
use crate::models::unetr::Unetr;
use crate::op::is_cpu;
use crate::parameters::replace;
use crate::reach;
use crate::train::Voxelwise;

/// How a network is shown a movie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Any extent whose axes are multiples of `multiple`; an output voxel depends on the input within `reach` of it.
    Tiles {
        /// Voxels `[t, y, x]` on each side.
        reach: [usize; 3],
        /// What its pooling divides an axis by.
        multiple: [usize; 3],
    },
    /// This extent alone; an output voxel may depend on all of it.
    Window([usize; 3]),
}

/// A network with its weights and buffers.
pub trait Network {
    /// How it is shown a movie.
    fn view(&self) -> View;

    /// Bytes of its buffers for a tile of this extent.
    fn bytes(&self, extent: [usize; 3]) -> usize;

    /// Makes room for tiles up to this extent; `false` if there is no memory for them.
    fn reserve(&mut self, extent: [usize; 3]) -> bool;

    /// Probabilities of the voxels `keep` of an input of a permitted extent, into an array of theirs.
    ///
    /// # Errors
    /// If the device could not compute them.
    ///
    /// # Panics
    /// If the array is of another extent.
    fn run(&mut self, shown: &Shown<'_>, keep: &[Range<usize>; 3], output: ArrayViewMut3<'_, f32>) -> Result<()>;

    /// Probabilities of all voxels of a volume of a permitted extent.
    ///
    /// # Errors
    /// If the device could not compute them.
    fn whole(&mut self, values: ArrayView3<'_, f32>) -> Result<Array3<f32>> {
        let shown = Shown::of(values);
        let mut output = Array3::zeros(values.dim());
        self.run(&shown, &shown.extent().map(|n| 0..n), output.view_mut())?;
        Ok(output)
    }
}

/// What a network is shown: some voxels of a volume, and zeros where these lie beyond it.
pub struct Shown<'a> {
    values: ArrayView3<'a, f32>,
    /// The voxels that are shown, in coordinates of a movie.
    read: [Range<usize>; 3],
    /// Where the volume begins in the movie.
    origin: [usize; 3],
}

impl<'a> Shown<'a> {
    /// All voxels of a volume.
    #[must_use]
    pub fn of(values: ArrayView3<'a, f32>) -> Self {
        let [t, y, x]: [usize; 3] = values.dim().into();
        Self { values, read: [0..t, 0..y, 0..x], origin: [0; 3] }
    }

    /// The voxels `read` of a movie, a piece of which is held.
    #[must_use]
    pub fn part(piece: &'a Piece<'_>, read: &[Range<usize>; 3]) -> Self {
        Self { values: piece.values.reborrow(), read: read.clone(), origin: piece.origin }
    }

    /// How many voxels are shown along each axis.
    #[must_use]
    pub fn extent(&self) -> [usize; 3] {
        self.read.clone().map(|r| r.len())
    }

    /// Copies some of the frames, counted from the first that is shown.
    ///
    /// # Panics
    /// If `to` is not as long as these.
    pub fn copy(&self, frames: &Range<usize>, to: &mut [f32]) {
        let [_, height, width] = self.extent();
        assert_eq!(to.len(), frames.len() * height * width, "as many as the frames have");
        to.fill(0.0);
        let dims: [usize; 3] = self.values.dim().into();
        let held = |axis: usize, range: &Range<usize>| {
            range.start.max(self.origin[axis])..range.end.min(self.origin[axis] + dims[axis])
        };
        let first = self.read[0].start + frames.start;
        let columns = held(2, &self.read[2]);
        for t in held(0, &(first..first + frames.len())) {
            for y in held(1, &self.read[1]) {
                let row = self.values.slice(s![
                    t - self.origin[0],
                    y - self.origin[1],
                    columns.start - self.origin[2]..columns.end.max(columns.start) - self.origin[2]
                ]);
                let start =
                    ((t - first) * height + y - self.read[1].start) * width + columns.start - self.read[2].start;
                to[start..start + row.len()].iter_mut().zip(row).for_each(|(to, from)| *to = *from);
            }
        }
    }

    /// All of them.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        let extent = self.extent();
        let mut values = vec![0.0; extent.iter().product()];
        self.copy(&(0..extent[0]), &mut values);
        values
    }
}

/// The network of this architecture with these weights, named as in its checkpoint, on `device`.
///
/// # Errors
/// If an array is missing or of another shape, a number of the architecture is outside its range, or it is not one movie that
/// it sees and one probability that it says.
pub fn open(architecture: &Architecture, weights: &Weights, device: &Device) -> Result<Box<dyn Network>> {
    /// The window of a network that could see more than fits.
    const WINDOW: [usize; 3] = [32, 64, 64];
    /// Values a voxel that the widest of those networks keep.
    const OF_WINDOWED: usize = 100;
    /// Values a voxel and channel of a stage at full size: what goes in and out of each layer, and a quarter of that below,
    /// and so on.
    const OF_STAGE: usize = 8;
    let channels = architecture.channels();
    if channels != [1, 1] {
        let expected = "1 of input and 1 of output".into();
        return Err(Error::Parameter { name: "channels", expected, found: format!("{channels:?}") });
    }
    Ok(match architecture {
        Architecture::Unet3d(config) if is_cpu(device) => Box::new(Engine::new(config, weights)?),
        Architecture::Unet3d(config) => {
            let model = replace(UNet3d::new(config, 0, device)?, weights)?;
            let view = View::Tiles { reach: reach::reach(config), multiple: config.multiple() };
            Box::new(Direct { model, view, n_values: OF_STAGE * config.width, device: device.clone() })
        }
        Architecture::AttentionUnet(config) => {
            let window = WINDOW.map(|n: usize| n.next_multiple_of(config.multiple()));
            let model = replace(AttentionUNet::new(config, 0, device)?, weights)?;
            Box::new(Direct { model, view: View::Window(window), n_values: OF_WINDOWED, device: device.clone() })
        }
        Architecture::Unetr(config) => {
            let model = replace(Unetr::new(config, 0, device)?, weights)?;
            Box::new(Direct { model, view: View::Window(config.window), n_values: OF_WINDOWED, device: device.clone() })
        }
        Architecture::Unet2d(config) => {
            let model = replace(UNet2d::new(config, 0, device)?, weights)?;
            let view = View::Tiles { reach: reach::of_frames(config), multiple: config.multiple() };
            Box::new(Direct { model, view, n_values: OF_STAGE * config.width, device: device.clone() })
        }
        Architecture::Stardist3d(config) => Box::new(StarNetwork::new(config, weights, device)?),
    })
}

/// The weights of an architecture before training, drawn from `seed`.
///
/// # Errors
/// If a number of the architecture is outside its range.
pub fn untrained(architecture: &Architecture, seed: u64) -> Result<Weights> {
    let device = Device::flex();
    Ok(match architecture {
        Architecture::Unet3d(config) => UNet3d::new(config, seed, &device)?.weights(),
        Architecture::AttentionUnet(config) => AttentionUNet::new(config, seed, &device)?.weights(),
        Architecture::Unetr(config) => Unetr::new(config, seed, &device)?.weights(),
        Architecture::Stardist3d(config) => StarDist3d::new(config, seed, &device)?.weights(),
        Architecture::Unet2d(config) => UNet2d::new(config, seed, &device)?.weights(),
    })
}

/// A network that runs as it is trained.
struct Direct<M> {
    model: M,
    view: View,
    /// Values a voxel that it keeps on its way.
    n_values: usize,
    device: Device,
}

impl<M: Voxelwise> Network for Direct<M> {
    fn view(&self) -> View {
        self.view
    }

    fn bytes(&self, extent: [usize; 3]) -> usize {
        size_of::<f32>() * self.n_values * extent.iter().product::<usize>()
    }

    fn reserve(&mut self, extent: [usize; 3]) -> bool {
        // The longest array, what is joined at full size, is a quarter of these.
        holds(&self.device, self.bytes(extent) / 4)
    }

    fn run(&mut self, shown: &Shown<'_>, keep: &[Range<usize>; 3], mut output: ArrayViewMut3<'_, f32>) -> Result<()> {
        let [t, y, x] = shown.extent();
        let volume = Tensor::from_data(TensorData::new(shown.to_vec(), [1, 1, t, y, x]), &self.device);
        let [t, y, x] = keep.clone();
        let kept = activation::sigmoid(self.model.logits(volume)).slice([0..1, 0..1, t, y, x]);
        output.iter_mut().zip(read(kept)?).for_each(|(to, from)| *to = from);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::unet3d::UNet3dConfig;

    #[test]
    fn a_network_that_says_more_than_one_thing_is_refused() {
        let config = UNet3dConfig { width: 2, n_out: 2, ..UNet3dConfig::sparks() };
        let architecture = Architecture::Unet3d(config);
        let weights = untrained(&architecture, 1).expect("valid");
        let error = open(&architecture, &weights, &crate::cpu()).err().expect("two probabilities a voxel");
        assert!(error.to_string().contains("[1, 2]"), "{error}");
    }
}
