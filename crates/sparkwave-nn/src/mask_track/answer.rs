//! The network, and how far its word is to be trusted.

use burn::tensor::{Device, Tensor, TensorData};
use sparkwave_core::weights::Weights;

use super::{CHANNELS, EDGE, shape};
use crate::error::Result;
use crate::models::unet2d::UNet2d;
use crate::parameters::replace;
use crate::train::Voxelwise;

/// The network, ready to be asked.
#[derive(Debug)]
pub(super) struct Answering {
    network: UNet2d,
    device: Device,
}

/// What it says of a window.
pub(super) struct Answer {
    /// Of the cells; above 0 is inside.
    pub(super) logits: Vec<f32>,
    /// The overlap (IoU) that the mask is expected to have with the object if its probabilities are right, 0 to 1.
    pub(super) quality: f32,
    /// The probability of the surest patch of cells, 0 to 1.
    pub(super) presence: f32,
}

impl Answering {
    pub(super) fn new(weights: &Weights) -> Result<Self> {
        let device = Device::flex();
        Ok(Self { network: replace(UNet2d::new(&shape(), 0, &device)?, weights)?, device })
    }

    /// `[CHANNELS, EDGE, EDGE]` to an answer.
    pub(super) fn ask(&self, channels: Vec<f32>) -> Answer {
        let input = Tensor::from_data(TensorData::new(channels, [1, CHANNELS, 1, EDGE, EDGE]), &self.device);
        let logits: Vec<f32> = self.network.logits(input).into_data().iter::<f32>().collect();
        Answer { quality: expected_overlap(&logits), presence: presence(&logits), logits }
    }
}

/// The logistic function.
pub(super) fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Expected size of the overlap of mask and object over that of their union; 0 of an empty mask.
fn expected_overlap(logits: &[f32]) -> f32 {
    let (mut both, mut either) = (0.0f64, 0.0f64);
    for &logit in logits {
        let p = f64::from(probability(logit));
        if logit > 0.0 {
            both += p;
            either += 1.0;
        } else {
            either += p;
        }
    }
    if either > 0.0 { (both / either) as f32 } else { 0.0 }
}

/// Cells along the edge of the patch whose mean probability tells whether there is an object.
const PATCH: usize = 3;

fn presence(logits: &[f32]) -> f32 {
    let probabilities: Vec<f32> = logits.iter().map(|&l| probability(l)).collect();
    let mean = |y: usize, x: usize| {
        let rows = (y..y + PATCH).map(|y| &probabilities[y * EDGE + x..][..PATCH]);
        rows.flatten().sum::<f32>() / (PATCH * PATCH) as f32
    };
    let places = (0..=EDGE - PATCH).flat_map(|y| (0..=EDGE - PATCH).map(move |x| (y, x)));
    places.map(|(y, x)| mean(y, x)).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sure_mask_is_trusted_and_an_unsure_one_is_not() {
        let disc = |inside: f32, outside: f32| -> Vec<f32> {
            (0..EDGE * EDGE)
                .map(|i| {
                    if (i / EDGE).abs_diff(40).pow(2) + (i % EDGE).abs_diff(50).pow(2) < 200 { inside } else { outside }
                })
                .collect()
        };
        assert!(expected_overlap(&disc(8.0, -12.0)) > 0.98 && presence(&disc(8.0, -12.0)) > 0.99);
        assert!(expected_overlap(&disc(0.2, -2.0)) < 0.4);
        assert!(expected_overlap(&disc(-3.0, -9.0)) == 0.0 && presence(&disc(-3.0, -9.0)) < 0.1);
    }
}
