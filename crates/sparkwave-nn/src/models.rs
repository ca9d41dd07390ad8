//! The networks, one file each.

pub mod unet3d;
