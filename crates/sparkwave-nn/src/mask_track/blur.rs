//! Smoothing of small images.

use ndarray::{Array2, ArrayView2, Axis};

/// Means over squares, three times: nearly a normal blur.
pub(super) fn blur(frame: ArrayView2<'_, f32>, radius: usize) -> Array2<f32> {
    let mut frame = frame.to_owned();
    for _ in 0..3 {
        for axis in [Axis(0), Axis(1)] {
            for mut lane in frame.lanes_mut(axis) {
                let values = lane.to_vec();
                let n = values.len();
                for (i, value) in lane.iter_mut().enumerate() {
                    let near = &values[i.saturating_sub(radius)..(i + radius + 1).min(n)];
                    *value = near.iter().sum::<f32>() / near.len() as f32;
                }
            }
        }
    }
    frame
}
