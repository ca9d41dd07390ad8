//! The networks, one file each; SAM 2 also has a folder.

pub mod attention_unet;
pub mod sam2;
pub mod stardist3d;
pub mod unet2d;
pub mod unet3d;
pub mod unetr;
