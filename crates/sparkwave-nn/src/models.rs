//! The networks, one file each.

pub mod attention_unet;
pub mod stardist3d;
pub mod unet2d;
pub mod unet3d;
pub mod unetr;
