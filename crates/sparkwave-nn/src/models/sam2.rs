//! SAM 2 (Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos", arXiv 2408.00714): masks of what a person
//! points at, followed from image to image by a memory of what was seen. All eight published checkpoints (2 and 2.1; tiny,
//! small, base+, large) load by the names of their arrays.
//!
//! This module is what happens to one image: it is encoded, brought together with memories, decoded, and remembered.
//! Which memories are kept and asked for is not decided here. Maps of features are `[n, y, x, c]`.
//!
//! | File | Part |
//! |---|---|
//! | [`config`] | the checkpoints as a table |
//! | `hiera`, `neck` | the image encoder and its pyramid |
//! | `prompt_encoder` | points, boxes and masks as tokens |
//! | `mask_decoder`, `two_way` | from features and tokens to masks |
//! | `memory_encoder`, `memory_attention` | a memory is made, memories are looked at |
//! | `attention`, `conv`, `perceptron`, `position`, `resample` | what they are made of |

mod attention;
pub mod config;
mod conv;
#[cfg(test)]
pub(crate) mod golden;
mod hiera;
mod mask_decoder;
mod memory_attention;
mod memory_encoder;
mod neck;
mod perceptron;
mod position;
mod prompt_encoder;
pub(crate) mod resample;
mod two_way;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};
use sparkwave_core::weights::Weights;

use self::config::{Sam2Config, Version};
use self::conv::Conv;
use self::hiera::Hiera;
use self::mask_decoder::MaskDecoder;
use self::memory_attention::MemoryAttention;
use self::memory_encoder::MemoryEncoder;
use self::neck::Neck;
use self::perceptron::Perceptron;
use self::prompt_encoder::PromptEncoder;
use self::resample::{Kernel, resample};
use crate::error::Result;
use crate::layers::{Initial, Linear};
use crate::op::After;
use crate::parameters::{collect, load};

pub use self::mask_decoder::Decoded;
pub use self::prompt_encoder::{Mark, Point};

/// Length of a token.
const HIDDEN: usize = 256;
/// Channels of a memory.
const MEMORY: usize = 64;
/// How many frames back the network knows, the frames that were prompted counted as one.
pub const MEMORIES: usize = 7;
/// The logit of every pixel of an object that is not there.
pub const ABSENT: f32 = -1024.0;
/// Masks from outside, 0 and 1, are as sure as these logits: -10 and 10.
const SURE: (f32, f32) = (20.0, -10.0);

/// Trunk and pyramid.
#[derive(Module, Debug)]
struct ImageEncoder {
    trunk: Hiera,
    neck: Neck,
}

/// What is known of an image before anything is asked.
#[derive(Debug, Clone)]
pub struct Features {
    /// `[n, side, side, 256]`, at stride 16.
    pub image: Tensor<4>,
    /// `[n, 4 side, 4 side, 32]` and `[n, 2 side, 2 side, 64]`, at strides 4 and 8, as the mask decoder wants them.
    pub fine: [Tensor<4>; 2],
}

/// What is asked of an image, the same for each of n objects.
#[derive(Debug, Clone, Default)]
pub struct Prompt {
    /// Points of each object, as many for each; none at all means a frame on which nothing was said.
    pub points: Vec<Vec<Point>>,
    /// Logits of a mask of each object, `[n, 1, y, x]`.
    pub masks: Option<Tensor<4>>,
}

/// What is found of n objects.
#[derive(Debug, Clone)]
pub struct Answer {
    /// All masks that the prompt may mean, [`ABSENT`] everywhere where there is no object.
    pub all: Decoded,
    /// Logits of the best one, `[n, 1, 4 side, 4 side]`.
    pub mask: Tensor<4>,
    /// What is to be remembered of each object, `[n, 256]`.
    pub pointer: Tensor<2>,
    /// The logit that there is an object, `[n, 1]`.
    pub presence: Tensor<2>,
}

/// A frame that is remembered.
#[derive(Debug, Clone)]
pub struct Remembered<'a> {
    /// `[n, side, side, 64]`, as [`Sam2::remember`] made it.
    pub memory: &'a Tensor<4>,
    /// How many frames ago, 1 to 6, in the direction of tracking; 0 for a frame that was prompted, however far away.
    pub age: usize,
}

/// An object as it was in another frame.
#[derive(Debug, Clone)]
pub struct Pointed<'a> {
    /// `[n, 256]`, from [`Answer::pointer`].
    pub pointer: &'a Tensor<2>,
    /// How far back in the direction of tracking, as a part of the longest time over which pointers are kept.
    pub distance: f32,
}

/// The network.
#[derive(Module, Debug)]
pub struct Sam2 {
    image_encoder: ImageEncoder,
    memory_attention: MemoryAttention,
    memory_encoder: MemoryEncoder,
    sam_prompt_encoder: PromptEncoder,
    sam_mask_decoder: MaskDecoder,
    /// `[7, 1, 1, 64]`, added to the place of a memory: by its age from 1 on, the last for prompted frames.
    maskmem_tpos_enc: Param<Tensor<4>>,
    /// `[1, 1, 256]`, added to an image before which nothing was seen.
    no_mem_embed: Param<Tensor<3>>,
    /// Never used: checkpoints hold it for networks that look at an empty memory instead.
    no_mem_pos_enc: Param<Tensor<3>>,
    /// `[1, 256]`, the pointer to an object that is not there.
    no_obj_ptr: Param<Tensor<2>>,
    /// `[1, 64]`, added to the memory of a frame in which there is no object; 2.1 only.
    no_obj_embed_spatial: Option<Param<Tensor<2>>>,
    mask_downsample: Conv,
    obj_ptr_proj: Perceptron,
    /// From the sines of a pointer's distance to its place; 2.1 only.
    obj_ptr_tpos_proj: Option<Linear>,
    /// Places of the features of an image, `[1, side * side, 256]`, and of a memory, `[1, side * side, 64]`.
    places: [Tensor<3>; 2],
    /// Rotations of the features of an image.
    rotations: [Tensor<2>; 2],
    image_px: usize,
}

impl Sam2 {
    /// The network of this shape with the arrays of a checkpoint.
    ///
    /// # Errors
    /// If the image size is outside its range, or the arrays do not fit, all of them named at once.
    pub fn load(config: &Sam2Config, weights: &Weights, device: &Device) -> Result<Self> {
        Self::new(config, &mut Initial::zeros(device), device)?.reload(weights)
    }

    /// The network with the arrays of another checkpoint of the same shape.
    ///
    /// # Errors
    /// If the arrays do not fit, all of them named at once.
    pub(crate) fn reload(self, weights: &Weights) -> Result<Self> {
        let mut network = load(self, &checkpoint_name, weights)?;
        network.image_encoder.trunk = network.image_encoder.trunk.refreshed();
        network.sam_prompt_encoder = network.sam_prompt_encoder.refreshed();
        Ok(network)
    }

    /// The network with arrays drawn from `seed`: as fast as any, and as wise as none.
    ///
    /// # Errors
    /// If the image size is outside its range.
    pub fn untrained(config: &Sam2Config, seed: u64, device: &Device) -> Result<Self> {
        Self::new(config, &mut Initial::new(seed, device), device)
    }

    /// Its arrays, named as in a checkpoint.
    #[must_use]
    pub fn weights(&self) -> Weights {
        Weights { parameters: collect(self, &checkpoint_name), ..Weights::default() }
    }

    fn new(config: &Sam2Config, initial: &mut Initial, device: &Device) -> Result<Self> {
        config.check()?;
        let later = config.version == Version::V2_1;
        let trunk = config.trunk();
        let side = config.side();
        let place = |c| position::sine(side, c, device).reshape([1, side * side, c]);
        Ok(Self {
            image_encoder: ImageEncoder {
                trunk: Hiera::new(&trunk, config.image_px / 4, initial),
                neck: Neck::new(trunk.width, HIDDEN, initial),
            },
            memory_attention: MemoryAttention::new(HIDDEN, MEMORY, initial),
            memory_encoder: MemoryEncoder::new(HIDDEN, MEMORY, initial),
            sam_prompt_encoder: PromptEncoder::new(HIDDEN, config.image_px, initial),
            sam_mask_decoder: MaskDecoder::new(HIDDEN, initial),
            maskmem_tpos_enc: initial.constant([MEMORIES, 1, 1, MEMORY], 0.0),
            no_mem_embed: initial.constant([1, 1, HIDDEN], 0.0),
            no_mem_pos_enc: initial.constant([1, 1, HIDDEN], 0.0),
            no_obj_ptr: initial.constant([1, HIDDEN], 0.0),
            no_obj_embed_spatial: later.then(|| initial.constant([1, MEMORY], 0.0)),
            mask_downsample: Conv::new(1, 1, 4, initial),
            obj_ptr_proj: Perceptron::new(&[HIDDEN; 4], initial),
            obj_ptr_tpos_proj: later.then(|| Linear::new(HIDDEN, MEMORY, initial)),
            places: [place(HIDDEN), place(MEMORY)],
            rotations: position::rotations(side, HIDDEN, device),
            image_px: config.image_px,
        })
    }

    fn side(&self) -> usize {
        self.image_px / 16
    }

    /// Images `[n, 3, image_px, image_px]`, red, green and blue with the mean and the deviation of ImageNet taken out.
    #[must_use]
    pub fn encode(&self, images: Tensor<4>) -> Features {
        self.features(self.levels(images))
    }

    /// What the image encoder says of images: features `[n, y, x, 256]` at strides 4, 8 and 16.
    pub(crate) fn levels(&self, images: Tensor<4>) -> [Tensor<4>; 3] {
        self.image_encoder.neck.forward(self.image_encoder.trunk.forward(images))
    }

    /// The same as the other parts want it.
    pub(crate) fn features(&self, [finest, fine, image]: [Tensor<4>; 3]) -> Features {
        Features { image, fine: self.sam_mask_decoder.fine([finest, fine]) }
    }

    /// The features of an image before which nothing was seen.
    #[must_use]
    pub fn unconditioned(&self, image: Tensor<4>) -> Tensor<4> {
        image + self.no_mem_embed.val().unsqueeze()
    }

    /// The features `[1 or n, side, side, 256]` of an image in the light of what is remembered of n objects. There must be
    /// a frame that is remembered.
    #[must_use]
    pub fn condition(&self, image: Tensor<4>, frames: &[Remembered], pointers: &[Pointed]) -> Tensor<4> {
        let tokens = self.side().pow(2);
        let (mut memory, mut of_memory) = (Vec::new(), Vec::new());
        for frame in frames {
            let [n, ..] = frame.memory.dims();
            memory.push(frame.memory.clone().reshape([n, tokens, MEMORY]));
            let row = if frame.age == 0 { MEMORIES - 1 } else { frame.age - 1 };
            let when: Tensor<3> = self.maskmem_tpos_enc.val().narrow(0, row, 1).reshape([1, 1, MEMORY]);
            of_memory.push((self.places[1].clone() + when).expand([n, tokens, MEMORY]));
        }
        // A pointer is as long as four tokens of a memory, and becomes these.
        const PARTS: usize = HIDDEN / MEMORY;
        for pointed in pointers {
            let [n, _] = pointed.pointer.dims();
            memory.push(pointed.pointer.clone().reshape([n, PARTS, MEMORY]));
            let when: Tensor<3> = match &self.obj_ptr_tpos_proj {
                Some(proj) => {
                    let sines = position::sine_of_time(&[pointed.distance], HIDDEN, &pointed.pointer.device());
                    proj.forward(sines).reshape([1, 1, MEMORY])
                }
                None => Tensor::zeros([1, 1, MEMORY], &pointed.pointer.device()),
            };
            of_memory.push(when.expand([n, PARTS, MEMORY]));
        }
        let (memory, of_memory) = (Tensor::cat(memory, 1), Tensor::cat(of_memory, 1));
        let [n, ..] = memory.dims();
        let [_, side, _, c] = image.dims();
        let image: Tensor<3> = image.expand([n, side, side, c]).reshape([n, tokens, c]);
        let (places, placed) = (self.places[0].clone(), frames.len() * tokens);
        let seen = self.memory_attention.forward(image, places, memory, of_memory, placed, &self.rotations);
        seen.reshape([n, side, side, c])
    }

    /// What a prompt means in an image whose features are `image` and `fine`: three masks and the best of them if it can
    /// mean `several` things, one otherwise.
    #[must_use]
    pub fn segment(&self, image: Tensor<4>, fine: &[Tensor<4>; 2], prompt: &Prompt, several: bool) -> Answer {
        let [n, side, ..] = image.dims();
        let points = self.tokens(&prompt.points).unwrap_or_else(|| {
            // Two vectors that say that there is no point: one for it, one for a box.
            let none = self.sam_prompt_encoder.points(&[]);
            let objects = prompt.masks.as_ref().map_or(n, |masks| masks.dims()[0]);
            none.expand([objects, 2, HIDDEN])
        });
        let masks = prompt.masks.clone().map(|masks| resample(masks, Kernel::Antialiased, [4 * side; 2]));
        let mut all = self.decode(image, fine, Some(points), masks, several);
        let presence = all.presence.clone();
        let [objects, m, h, w] = all.masks.dims();
        let absent = presence.clone().lower_equal_elem(0.0).reshape([objects, 1, 1, 1]).expand([objects, m, h, w]);
        all.masks = all.masks.mask_fill(absent, ABSENT);
        let best = all.clone().best();
        let pointer = self.obj_ptr_proj.forward(best.tokens.reshape([objects, HIDDEN]), After::Relu);
        let pointer = self.or_nothing(pointer, presence.clone());
        Answer { all, mask: best.masks, pointer, presence }
    }

    /// What the points and the mask `[1, 1, 4 side, 4 side]` (logits) of one object may mean in an image by itself, whether
    /// there is an object or not: three masks if `several`, one otherwise.
    #[must_use]
    pub fn propose(&self, features: &Features, points: &[Point], mask: Option<Tensor<4>>, several: bool) -> Decoded {
        let points = if points.is_empty() { None } else { self.tokens(&[points.to_vec()]) };
        self.decode(self.unconditioned(features.image.clone()), &features.fine, points, mask, several)
    }

    /// The points of each object as tokens `[n, points + 1, 256]`; `None` without objects.
    fn tokens(&self, points: &[Vec<Point>]) -> Option<Tensor<3>> {
        let tokens: Vec<_> = points.iter().map(|points| self.sam_prompt_encoder.points(points)).collect();
        (!tokens.is_empty()).then(|| Tensor::cat(tokens, 0))
    }

    /// What the decoder makes of tokens and of logits of masks at a quarter of the resolution.
    fn decode(
        &self,
        image: Tensor<4>,
        fine: &[Tensor<4>; 2],
        points: Option<Tensor<3>>,
        masks: Option<Tensor<4>>,
        several: bool,
    ) -> Decoded {
        let masks = match masks {
            Some(logits) => self.sam_prompt_encoder.masks(logits.permute([0, 2, 3, 1])),
            None => self.sam_prompt_encoder.no_mask(),
        };
        let places = self.sam_prompt_encoder.places();
        let decoded = self.sam_mask_decoder.forward(image, fine, places, points, masks);
        if several {
            decoded.candidates()
        } else if self.device().is_autodiff() {
            // While it learns, the one mask answers for itself.
            decoded.single_if(0.0)
        } else {
            decoded.single()
        }
    }

    /// Without gradients of image and prompt encoder.
    pub(crate) fn with_encoders_frozen(self) -> Self {
        Self {
            image_encoder: self.image_encoder.no_grad(),
            sam_prompt_encoder: self.sam_prompt_encoder.no_grad(),
            ..self
        }
    }

    /// Whether an array of a checkpoint belongs to an encoder that stays as it is.
    pub(crate) fn is_frozen(name: &str) -> bool {
        name.starts_with("image_encoder.") || name.starts_with("sam_prompt_encoder.")
    }

    /// The pointer of each object that is there, `[n, 256]`, and that to nothing for the others.
    fn or_nothing(&self, pointer: Tensor<2>, presence: Tensor<2>) -> Tensor<2> {
        let there = presence.greater_elem(0.0).float();
        pointer * there.clone() + (-there + 1.0) * self.no_obj_ptr.val()
    }

    /// What masks from outside, 0 and 1 `[n, 1, image_px, image_px]`, say of an image: themselves, and the pointers that
    /// the decoder makes of them.
    #[must_use]
    pub fn accept(&self, image: Tensor<4>, fine: &[Tensor<4>; 2], masks: Tensor<4>) -> Answer {
        let [n, ..] = masks.dims();
        let logits = self.mask_downsample.patches(masks.clone().permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
        let prompt = Prompt { points: Vec::new(), masks: Some(logits) };
        let found = self.segment(image, fine, &prompt, false);
        let there: Tensor<2> = masks.clone().max_dim(3).max_dim(2).reshape([n, 1]).greater_elem(0.0).float();
        let presence = there * SURE.0 + SURE.1;
        let mask = resample(masks * SURE.0 + SURE.1, Kernel::Antialiased, [self.image_px / 4; 2]);
        let pointer = self.or_nothing(found.pointer, presence.clone());
        let all = Decoded { masks: mask.clone(), quality: presence.ones_like(), ..found.all };
        Answer { all, mask, pointer, presence }
    }

    /// Logits at a quarter of the resolution, `[n, m, 4 side, 4 side]`, at that of the image.
    #[must_use]
    pub fn enlarge(&self, masks: Tensor<4>) -> Tensor<4> {
        resample(masks, Kernel::Bilinear, [self.image_px; 2])
    }

    /// Where it computes.
    #[must_use]
    pub fn device(&self) -> Device {
        self.no_obj_ptr.val().device()
    }

    /// Pixels along each edge of the image that it sees.
    #[must_use]
    pub fn image_px(&self) -> usize {
        self.image_px
    }

    /// Makes a memory `[n, side, side, 64]` of the features `[1 or n, side, side, 256]` of an image (before memories were
    /// brought to them) and the logits of masks `[n, 1, image_px, image_px]`; `hard` for masks that a person made, of which
    /// nothing is unsure.
    #[must_use]
    pub fn remember(&self, image: Tensor<4>, masks: Tensor<4>, presence: Tensor<2>, hard: bool) -> Tensor<4> {
        let masks = if hard { masks.greater_elem(0.0).float() } else { activation::sigmoid(masks) };
        let memory = self.memory_encoder.forward(image, (masks * SURE.0 + SURE.1).permute([0, 2, 3, 1]));
        match &self.no_obj_embed_spatial {
            Some(nothing) => {
                let [n, _] = presence.dims();
                let absent = presence.lower_equal_elem(0.0).float().reshape([n, 1, 1, 1]);
                memory + absent * nothing.val().reshape([1, 1, 1, MEMORY])
            }
            None => memory,
        }
    }
}

/// The name of an array in the published checkpoints, given its path: where they keep convolutions, normalisations and
/// functions in one list, these have names here.
fn checkpoint_name(path: &str) -> String {
    [prompt_encoder::checkpoint_name, mask_decoder::checkpoint_name, memory_encoder::checkpoint_name]
        .iter()
        .find_map(|name| name(path))
        .unwrap_or_else(|| path.to_owned())
}
