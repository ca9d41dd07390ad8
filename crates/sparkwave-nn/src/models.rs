//! The networks, one file each.

pub mod attention_unet;
pub mod unet3d;
pub mod unetr;
