//! Labelled objects of one image: what the annotation formats have in common.

use sparkwave_core::mask::Mask;

/// An object in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The name of its class; for waves the name of the wave.
    pub category: String,
    /// Its number, the same in every frame; for waves the id of the wave within the segment.
    pub group: u32,
    /// Its pixels.
    pub mask: Mask,
}
