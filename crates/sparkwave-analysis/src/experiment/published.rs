//! What was published (Digital Discovery 2025, 4, 105-119), to stand beside what was measured.
//!
//! All of it was measured on recordings of the authors: 10 test movies with 569 annotated events, 69 outlined events,
//! networks trained on 14 of 58 recordings (a quarter) unless said otherwise. Of the average precisions only one is in the
//! text; the others are in a supplement that was not at hand. Numbers said to be decoded were read from the vector
//! graphics of the authors' repository (FLClab/Calcium-Analysis), where each bar and each vertex has its coordinates.

use super::{Model, N_DFF_BINS, N_DIM_BINS, Outcomes};

/// Part of the training recordings behind most of the published numbers: 14 of 58.
pub const SUBSET: f64 = 0.25;

/// Average precision over 25 networks (section 3.2), with precision held beyond the recall that was reached:
/// [`super::Summary::ap_paper`].
pub fn ap(model: Model, ratio: u32) -> Option<f64> {
    (model == Model::UNet && ratio == 64).then_some(0.59)
}

/// Recalls of [`precision`].
pub const RECALLS: [f64; 7] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];

/// Mean precision of StarDist-3D at [`RECALLS`] (figure 3c, decoded): ratio, precision.
const STARDIST_PRECISION: [(u32, [f64; 7]); 10] = [
    (0, [0.716, 0.789, 0.799, 0.741, 0.677, 0.565, 0.369]),
    (1, [0.634, 0.724, 0.752, 0.705, 0.658, 0.586, 0.403]),
    (2, [0.631, 0.744, 0.770, 0.716, 0.670, 0.591, 0.426]),
    (4, [0.515, 0.572, 0.613, 0.579, 0.548, 0.497, 0.384]),
    (8, [0.624, 0.709, 0.746, 0.702, 0.662, 0.600, 0.462]),
    (16, [0.614, 0.681, 0.708, 0.669, 0.635, 0.576, 0.461]),
    (32, [0.637, 0.682, 0.711, 0.670, 0.642, 0.590, 0.466]),
    (64, [0.547, 0.591, 0.626, 0.595, 0.569, 0.525, 0.416]),
    (128, [0.553, 0.628, 0.667, 0.628, 0.589, 0.528, 0.384]),
    (256, [0.564, 0.638, 0.662, 0.624, 0.591, 0.534, 0.403]),
];

/// Mean precision at [`RECALLS`] over 25 networks (figure 3c).
pub fn precision(model: Model, ratio: u32) -> Option<[f64; 7]> {
    let found = STARDIST_PRECISION.iter().find(|(r, _)| *r == ratio);
    found.filter(|_| model == Model::StarDist).map(|(_, precision)| *precision)
}

/// Counts of one 3D U-Net a ratio by amplitude in steps of 0.5 from 0 to 6.5 (bar charts of the repository behind figures
/// 3d, f and g, decoded): ratio; found, spurious, missed. At 1:0 one of the 10 movies is missing. Found and spurious events
/// are in the class of the prediction.
const UNET_COUNTS: [(u32, [[usize; 13]; 3]); 4] = [
    (
        0,
        [
            [105, 127, 63, 27, 21, 8, 2, 4, 3, 0, 0, 0, 0],
            [365, 38, 5, 0, 1, 3, 0, 1, 0, 1, 0, 0, 0],
            [92, 18, 11, 7, 0, 2, 1, 0, 1, 0, 1, 0, 0],
        ],
    ),
    (
        1,
        [
            [59, 124, 70, 37, 31, 13, 3, 9, 2, 0, 1, 1, 0],
            [29, 33, 7, 2, 3, 1, 1, 0, 1, 1, 1, 0, 0],
            [172, 26, 12, 5, 0, 2, 1, 0, 0, 0, 1, 0, 0],
        ],
    ),
    (
        2,
        [
            [61, 120, 68, 39, 27, 11, 3, 8, 4, 0, 2, 0, 0],
            [37, 37, 7, 0, 3, 3, 0, 2, 1, 0, 1, 0, 0],
            [175, 31, 11, 5, 0, 2, 1, 0, 0, 0, 1, 0, 0],
        ],
    ),
    (
        4,
        [
            [58, 120, 75, 36, 29, 13, 3, 8, 3, 1, 0, 1, 0],
            [28, 30, 7, 1, 4, 1, 1, 1, 0, 1, 1, 0, 0],
            [175, 30, 9, 4, 1, 1, 1, 0, 0, 0, 1, 0, 0],
        ],
    ),
];

/// Ratios whose [`outcomes`] are known.
pub const RATIOS_WITH_OUTCOMES: [u32; 4] = [0, 1, 2, 4];

/// Counts of one network by amplitude, the classes from 3 merged (figures 3d, f and g).
pub fn outcomes(model: Model, ratio: u32) -> Option<[Outcomes; N_DFF_BINS]> {
    let (_, [found, spurious, missed]) =
        UNET_COUNTS.iter().find(|(r, _)| *r == ratio).filter(|_| model == Model::UNet)?;
    let of_bin = |bin: usize| {
        let steps = if bin + 1 < N_DFF_BINS { bin..bin + 1 } else { bin..found.len() };
        let sum = |counts: &[usize; 13]| counts[steps.clone()].iter().sum();
        Outcomes { found: sum(found), missed: sum(missed), spurious: sum(spurious) }
    };
    Some(std::array::from_fn(of_bin))
}

/// F1 of that network at its own threshold (figure 3g).
pub fn f1(model: Model, ratio: u32) -> Option<f64> {
    outcomes(model, ratio)?.into_iter().sum::<Outcomes>().f1()
}

/// Part of the dim events that the network missed (figure 3f shows their number).
pub fn missed_dim_part(model: Model, ratio: u32) -> Option<f64> {
    let dim: Outcomes = outcomes(model, ratio)?[..N_DIM_BINS].iter().copied().sum();
    dim.recall().map(|recall| 1.0 - recall)
}

/// Dice of one network with the second expert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dice {
    /// Mean over 69 events.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// The quantile 0.1.
    pub p10: f64,
    /// Where the density is largest.
    pub peak: f64,
}

const fn dice_of(mean: f64, median: f64, p10: f64, peak: f64) -> Dice {
    Dice { mean, median, p10, peak }
}

/// Dice by ratio, 3D U-Net then StarDist-3D (tables behind figure 4b, repository folder `experiments/fig4`). The U-Net was
/// compared with the expert's first session, StarDist with the second.
const DICE: [(u32, [Dice; 2]); 10] = [
    (0, [dice_of(0.602, 0.668, 0.304, 0.766), dice_of(0.513, 0.588, 0.0, 0.645)]),
    (1, [dice_of(0.586, 0.629, 0.255, 0.737), dice_of(0.472, 0.541, 0.0, 0.609)]),
    (2, [dice_of(0.591, 0.659, 0.272, 0.735), dice_of(0.504, 0.586, 0.0, 0.621)]),
    (4, [dice_of(0.586, 0.650, 0.224, 0.756), dice_of(0.506, 0.573, 0.0, 0.587)]),
    (8, [dice_of(0.579, 0.664, 0.159, 0.721), dice_of(0.487, 0.582, 0.0, 0.635)]),
    (16, [dice_of(0.507, 0.611, 0.0, 0.677), dice_of(0.505, 0.607, 0.0, 0.647)]),
    (32, [dice_of(0.582, 0.658, 0.206, 0.737), dice_of(0.432, 0.566, 0.0, 0.669)]),
    (64, [dice_of(0.567, 0.605, 0.123, 0.737), dice_of(0.512, 0.620, 0.0, 0.681)]),
    (128, [dice_of(0.590, 0.620, 0.332, 0.661), dice_of(0.451, 0.565, 0.0, 0.653)]),
    (256, [dice_of(0.531, 0.593, 0.100, 0.685), dice_of(0.459, 0.546, 0.0, 0.615)]),
];

/// Dice of a ratio (figure 4b).
pub fn dice(model: Model, ratio: u32) -> Option<Dice> {
    let (_, [unet, stardist]) = DICE.iter().find(|(r, _)| *r == ratio)?;
    Some(match model {
        Model::UNet => *unet,
        Model::StarDist => *stardist,
    })
}

/// Agreement of two outlines by people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Who was compared with whom.
    pub name: &'static str,
    /// Mean dice over 69 events.
    pub mean: f64,
    /// Where the density is largest.
    pub peak: f64,
}

/// Two experts, first sessions (figure 4a; the text says mean 0.63, its table 0.650). What the paper calls better than
/// experts has its peak above this one (section 2.8.2).
pub const INTER_EXPERT: Agreement = Agreement { name: "two experts", mean: 0.650, peak: 0.7355 };
/// The same expert two weeks apart, the first and the second of them (figure 4a and its tables).
pub const INTRA_EXPERT: [Agreement; 2] = [
    Agreement { name: "expert 1, twice", mean: 0.767, peak: 0.824 },
    Agreement { name: "expert 2, twice", mean: 0.759, peak: 0.814 },
];
