//! Sums that become the channels of tensors of the same size.

use super::{Place, Sink, Sums};
use crate::output::Output;
use crate::stack::Layout;

/// Tensors `[N, channels, D, H, W]` that follow each other.
pub(crate) struct Channels<'a> {
    pub(crate) layout: Layout,
    /// From a voxel to the same voxel of the next channel.
    pub(crate) stride: usize,
    /// Each with its number of channels.
    pub(crate) outputs: Vec<(usize, Output<'a>)>,
}

impl Sink for Channels<'_> {
    fn store(&self, place: Place, sums: &[Sums]) {
        let mut done = 0;
        for (sample, first, len) in self.layout.pieces(place.position, place.len) {
            let mut before = 0;
            for (channels, output) in &self.outputs {
                let of_place = place.channel..place.channel + place.channels;
                for channel in of_place.start.max(before)..of_place.end.min(before + channels) {
                    let row = &sums[0].0[channel - place.channel][done..done + len];
                    // SAFETY: every channel of every position comes once.
                    unsafe { output.write((sample * channels + channel - before) * self.stride + first, row) };
                }
                before += channels;
            }
            done += len;
        }
    }
}
