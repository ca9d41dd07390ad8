//! The networks, one file each; SAM 2 also has a folder.

pub mod attention_unet;
pub mod sam2;
pub mod unet3d;
pub mod unetr;
