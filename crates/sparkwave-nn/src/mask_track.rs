//! Objects followed through a movie by a small network that needs no download: it is shown a frame, the frames round it and the
//! mask of the object in the one before, and says where the object is now. After MaskTrack (F. Perazzi et al., "Learning Video
//! Object Segmentation from Static Images", CVPR 2017), with what is specific to faint signals added: the frame is also shown in
//! units of the object's own contrast, as the prompt told it, so that "a third of its height" means the same in every frame;
//! and [`BESIDE`] frames on either side are shown with it, as what fluctuates from frame to frame goes out in their mean.
//!
//! The network is a [`UNet2d`](crate::models::unet2d) over a square window round the object of [`EDGE`] x [`EDGE`] cells, which
//! are means over pixels where the window is larger. A point or a box is the mask of an object of which less is known.

mod answer;
mod attached;
mod blur;
mod clip;
mod learn;
mod look;
mod rivals;
mod tracker;
mod view;
mod window;

pub use clip::Clip;
pub use learn::{MaskTraining, MaskTrainingConfig, dice_of_followed};
pub use tracker::MaskTracker;

use crate::models::unet2d::UNet2dConfig;

/// Cells along each edge of what the network sees.
pub const EDGE: usize = 96;

/// Frames before a frame, and frames after it, that are shown with it.
pub const BESIDE: usize = 2;

/// What the network is shown of a cell: the frame, those beside it, the mask in the frame before, the mask before that, and the
/// frame in units of the object's contrast.
const CHANNELS: usize = 1 + 2 * BESIDE + 3;

/// The network's shape: some 480,000 parameters.
#[must_use]
pub fn shape() -> UNet2dConfig {
    UNet2dConfig { n_in: CHANNELS, n_out: 1, width: 16, depth: 3 }
}
