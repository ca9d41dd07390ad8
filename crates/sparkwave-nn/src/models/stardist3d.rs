//! StarDist-3D (M. Weigert, U. Schmidt, R. Haase, K. Sugawara, G. Myers, "Star-convex polyhedra for 3D object detection and
//! segmentation in microscopy", WACV 2020), in the form of the StarDist package 0.9 with the U-Net of CSBDeep, whose
//! checkpoints load: of every cell of a grid it says how probable it is the middle of an event, and how far the event
//! reaches along each of many rays. One of the two networks of the paper (Digital Discovery 2025, 4, 105), which left all
//! but rays, grid and anisotropy at the package's defaults. Ours is narrower and looks less far.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use sparkwave_imgproc::star::Rays;

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::layers::{Conv3d, Initial};
use crate::loss::{Loss, stars};
use crate::op;
use crate::train::Voxelwise;

/// The shape of a StarDist-3D.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StarDist3dConfig {
    /// Channels of the input.
    pub n_in: usize,
    /// Voxels of the input along t, y and x that one cell of the output stands for: 1, 2 or 4.
    pub grid: [usize; 3],
    /// Poolings by 2 of the U-Net on that grid.
    pub depth: usize,
    /// Convolutions of a level.
    pub convolutions: usize,
    /// Channels of the first level; each further level has twice as many.
    pub width: usize,
    /// Channels of the convolution before the answers; 0 if there is none.
    pub features: usize,
    /// Rays.
    pub n_rays: usize,
    /// Typical extents of events along t, y and x, relative to each other.
    pub anisotropy: [f64; 3],
    /// An event is dropped if it shares more than this part of its volume, or of theirs, with a more probable one, 0 to 1.
    pub overlap: f64,
}

impl StarDist3dConfig {
    /// The network of the paper.
    #[must_use]
    pub fn published() -> Self {
        Self {
            n_in: 1,
            grid: [1, 2, 2],
            depth: 2,
            convolutions: 2,
            width: 32,
            features: 128,
            n_rays: 96,
            anisotropy: [1.7, 1.08, 1.0],
            overlap: 0.4,
        }
    }

    /// Our network for events of a few frames and a few pixels: it looks about as far as they reach, and costs a tenth.
    #[must_use]
    pub fn sparks() -> Self {
        Self { depth: 1, width: 16, features: 32, ..Self::published() }
    }

    /// The lengths of whose multiples every axis of an input must be.
    #[must_use]
    pub fn multiple(&self) -> [usize; 3] {
        self.grid.map(|g| g << self.depth)
    }

    /// The strides of the poolings that make the grid, as the package orders them: every axis that is not there yet is
    /// halved.
    #[must_use]
    pub fn grid_pools(&self) -> Vec<[usize; 3]> {
        let mut pooled = [1; 3];
        let mut pools = Vec::new();
        while pooled != self.grid {
            let pool: [usize; 3] = std::array::from_fn(|axis| if pooled[axis] < self.grid[axis] { 2 } else { 1 });
            pooled = std::array::from_fn(|axis| pooled[axis] * pool[axis]);
            pools.push(pool);
        }
        pools
    }

    /// The rays, as the package lays them.
    ///
    /// # Errors
    /// If there are too few or too many, or the anisotropy is none.
    pub fn rays(&self) -> Result<Rays> {
        Rays::golden_spiral(self.n_rays, self.anisotropy).map_err(Error::Stars)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let fail =
            |name, expected: &str, found: String| Err(Error::Parameter { name, expected: expected.to_owned(), found });
        if !(1..=64).contains(&self.n_in) {
            return fail("n_in", "1 to 64", self.n_in.to_string());
        }
        if !self.grid.iter().all(|g| [1, 2, 4].contains(g)) {
            return fail("grid", "steps of 1, 2 or 4 voxels", format!("{:?}", self.grid));
        }
        if !(1..=4).contains(&self.depth) {
            return fail("depth", "1 to 4", self.depth.to_string());
        }
        if !(1..=8).contains(&self.convolutions) {
            return fail("convolutions", "1 to 8 a level", self.convolutions.to_string());
        }
        if !(1..=128).contains(&self.width) {
            return fail("width", "1 to 128", self.width.to_string());
        }
        if self.features > 1024 {
            return fail("features", "at most 1024", self.features.to_string());
        }
        if !(0.0..=1.0).contains(&self.overlap) {
            return fail("overlap", "0 to 1", self.overlap.to_string());
        }
        self.rays().map(|_| ())
    }
}

/// Convolutions with rectifiers.
#[derive(Module, Debug)]
struct Stage {
    convs: Vec<Conv3d>,
}

impl Stage {
    /// `n - 1` convolutions to `between` channels and one to `n_out`.
    fn new(n: usize, n_in: usize, between: usize, n_out: usize, initial: &mut Initial) -> Self {
        let ins = std::iter::once(n_in).chain(std::iter::repeat(between));
        let outs = (0..n).map(|i| if i + 1 == n { n_out } else { between });
        Self { convs: ins.zip(outs).map(|(n_in, n_out)| Conv3d::rectified(n_in, n_out, [3; 3], initial)).collect() }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        self.convs.iter().fold(x, |x, conv| op::rectify(conv.forward(x), 0.0))
    }
}

/// What the network says.
pub(crate) struct Answer {
    /// Logits of the object probability, `[n, 1, t/g, y/g, x/g]`.
    pub(crate) logits: Tensor<5>,
    /// Distances along the rays in voxels, `[n, rays, t/g, y/g, x/g]`.
    pub(crate) distances: Tensor<5>,
}

/// The network.
#[derive(Module, Debug)]
pub struct StarDist3d {
    before: Vec<Stage>,
    down: Vec<Stage>,
    middle: Stage,
    up: Vec<Stage>,
    features: Option<Conv3d>,
    prob: Conv3d,
    dist: Conv3d,
    #[module(skip)]
    config: StarDist3dConfig,
    #[module(skip)]
    rays: Rays,
}

impl StarDist3d {
    /// A network with initial values drawn from `seed`.
    ///
    /// # Errors
    /// If a number of `config` is outside its range.
    pub fn new(config: &StarDist3dConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let initial = &mut Initial::new(seed, device);
        let (n, depth) = (config.convolutions, config.depth);
        let width = |level: usize| config.width << level;
        let grid_pools = config.grid_pools();
        let before = (0..grid_pools.len())
            .map(|i| Stage::new(n, if i == 0 { config.n_in } else { width(0) }, width(0), width(0), initial))
            .collect::<Vec<_>>();
        let first_in = if before.is_empty() { config.n_in } else { width(0) };
        let down = (0..depth)
            .map(|level| {
                let n_in = if level == 0 { first_in } else { width(level - 1) };
                Stage::new(n, n_in, width(level), width(level), initial)
            })
            .collect();
        // The last convolution of a level already has the channels of the level above.
        let middle = Stage::new(n, width(depth - 1), width(depth), width(depth - 1), initial);
        let up = (0..depth)
            .rev()
            .map(|level| Stage::new(n, 2 * width(level), width(level), width(level.saturating_sub(1)), initial))
            .collect();
        let features = (config.features > 0).then(|| Conv3d::rectified(width(0), config.features, [3; 3], initial));
        let n_features = if config.features > 0 { config.features } else { width(0) };
        Ok(Self {
            before,
            down,
            middle,
            up,
            features,
            prob: Conv3d::head(n_features, 1, initial),
            dist: Conv3d::rectified(n_features, config.n_rays, [1; 3], initial),
            config: config.clone(),
            rays: config.rays()?,
        })
    }

    /// `[n, n_in, t, y, x]`, each axis a multiple of [`StarDist3dConfig::multiple`].
    pub(crate) fn answer(&self, x: Tensor<5>) -> Answer {
        let mut x = x;
        for (stage, pool) in self.before.iter().zip(self.config.grid_pools()) {
            x = op::max_pool(stage.forward(x), pool);
        }
        let mut skips = Vec::with_capacity(self.down.len());
        for stage in &self.down {
            let skip = stage.forward(x);
            x = op::max_pool(skip.clone(), [2; 3]);
            skips.push(skip);
        }
        x = self.middle.forward(x);
        for stage in &self.up {
            let skip = skips.pop().expect("one skip a level");
            x = stage.forward(Tensor::cat(vec![op::repeat(x, [2; 3]), skip], 1));
        }
        if let Some(features) = &self.features {
            x = op::rectify(features.forward(x), 0.0);
        }
        Answer { logits: self.prob.forward(x.clone()), distances: self.dist.forward(x) }
    }
}

impl Voxelwise for StarDist3d {
    /// Of the object probability, on the grid.
    fn logits(&self, x: Tensor<5>) -> Tensor<5> {
        self.answer(x).logits
    }

    fn multiple(&self) -> [usize; 3] {
        self.config.multiple()
    }

    fn loss(&self, x: Tensor<5>, batch: &Batch, loss: Loss) -> Result<Tensor<1>> {
        if loss != Loss::Bce {
            let expected = "bce (the distances have a loss of their own)".into();
            return Err(Error::Parameter { name: "loss of stardist3d", expected, found: format!("{loss:?}") });
        }
        let device = x.device();
        let targets = stars::Targets::of(batch, &self.rays, self.config.anisotropy, self.config.grid)?;
        let answer = self.answer(x);
        Ok(stars::loss(answer.logits, answer.distances, &targets, &device))
    }

    /// The names of layers in the package; the last convolution of a level of the way up is numbered one too high there.
    fn checkpoint_name(&self, path: &str) -> String {
        let parts: Vec<&str> = path.split('.').collect();
        let number = |part: &str| part.parse::<usize>().unwrap_or(0);
        let last = |conv: usize| number_on_the_way_up(conv, self.middle.convs.len());
        match parts.as_slice() {
            ["before", stage, "convs", conv, array] => {
                format!("{}.{array}", unnamed(number(stage) * self.middle.convs.len() + number(conv)))
            }
            ["down", level, "convs", conv, array] => format!("down_level_{level}_no_{conv}.{array}"),
            ["middle", "convs", conv, array] => format!("middle_{}.{array}", last(number(conv))),
            ["up", stage, "convs", conv, array] => {
                let level = self.down.len() - 1 - number(stage).min(self.down.len() - 1);
                format!("up_level_{level}_no_{}.{array}", last(number(conv)))
            }
            _ => path.to_owned(),
        }
    }
}

/// What Keras calls a convolution that was given no name, those that make the grid.
pub(crate) fn unnamed(number: usize) -> String {
    if number == 0 { "conv3d".to_owned() } else { format!("conv3d_{number}") }
}

/// The number in the package of a convolution in the middle or on the way up, of `n` a level: that of the last is one too
/// high.
pub(crate) fn number_on_the_way_up(conv: usize, n: usize) -> usize {
    if conv + 1 == n { n } else { conv }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{Golden, formula, scatter};
    use crate::parameters::{replace, values};
    use burn::tensor::TensorData;

    fn small() -> StarDist3dConfig {
        StarDist3dConfig { width: 4, features: 8, n_rays: 12, ..StarDist3dConfig::published() }
    }

    #[test]
    fn it_equals_the_description_in_pytorch() {
        let golden = Golden::read("stardist3d");
        golden.check(|device| StarDist3d::new(&small(), 0, device).expect("valid"), 2e-3);
        let device = Device::flex();
        let model = StarDist3d::new(&small(), 0, &device).expect("valid");
        let mut weights = model.weights();
        formula(&mut weights);
        let shape = golden.shape();
        let n = shape.iter().product();
        let input = TensorData::new(scatter(n, 0).collect::<Vec<f32>>(), shape);
        let model = replace(model, &weights).expect("all arrays fit");
        let distances = model.answer(Tensor::from_data(input, &device)).distances;
        golden.compare("distances", &values(&distances), 1e-5);
        let published = StarDist3d::new(&StarDist3dConfig::published(), 0, &device).expect("valid").weights();
        assert_eq!(Golden::n_learned(&published), Golden::read("n_parameters").number("stardist3d") as usize);
    }

    #[test]
    fn an_untrained_network_sees_its_input() {
        let device = Device::flex();
        let model = StarDist3d::new(&StarDist3dConfig::published(), 5, &device).expect("valid");
        let shape = [1, 1, 8, 16, 16];
        let noise = TensorData::new(scatter(8 * 256, 0).collect::<Vec<f32>>(), shape);
        let distances = values(&model.answer(Tensor::from_data(noise, &device)).distances).values;
        let n = distances.len() as f32;
        let mean = distances.iter().sum::<f32>() / n;
        let deviation = (distances.iter().map(|d| (d - mean).powi(2)).sum::<f32>() / n).sqrt();
        // With PyTorch's initial values all but some thousandths would fade.
        assert!(deviation > 0.1, "{deviation}");
    }

    #[test]
    fn numbers_without_meaning_are_named() {
        let fails = |config: StarDist3dConfig| config.check().expect_err("no network").to_string();
        assert!(fails(StarDist3dConfig { grid: [1, 3, 2], ..small() }).contains("[1, 3, 2]"));
        assert!(fails(StarDist3dConfig { n_rays: 2, ..small() }).contains("2 rays"));
        assert!(fails(StarDist3dConfig { anisotropy: [0.0; 3], ..small() }).contains("anisotropy"));
        assert!(fails(StarDist3dConfig { depth: 9, ..small() }).contains("depth"));
        let pools = StarDist3dConfig { grid: [1, 4, 2], ..small() }.grid_pools();
        assert_eq!(pools, [[1, 2, 2], [1, 2, 1]]);
    }
}
