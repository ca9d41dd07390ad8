//! The operations as they are defined, in double precision and without any care for speed.

/// Sizes of a layer and its batch.
pub(crate) struct Layer {
    pub(crate) samples: usize,
    pub(crate) volume: [usize; 3],
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: [usize; 3],
    pub(crate) stride: [usize; 3],
}

fn places([d, h, w]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..d * h * w).map(move |i| [i / h / w, i / w % h, i % w])
}

fn index(channels: usize, size: [usize; 3], sample: usize, channel: usize, at: [usize; 3]) -> usize {
    (((sample * channels + channel) * size[0] + at[0]) * size[1] + at[1]) * size[2] + at[2]
}

/// PyTorch's `conv3d` with padding `kernel / 2`.
pub(crate) fn conv3d(layer: &Layer, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let mut y = Vec::new();
    for sample in 0..layer.samples {
        for output in 0..layer.outputs {
            for at in places(layer.volume) {
                let mut sum = f64::from(bias[output]);
                for input in 0..layer.inputs {
                    for k in places(layer.kernel) {
                        let from: [usize; 3] =
                            std::array::from_fn(|i| (at[i] + k[i]).wrapping_sub(layer.kernel[i] / 2));
                        if (0..3).all(|i| from[i] < layer.volume[i]) {
                            let w = weight[index(layer.inputs, layer.kernel, output, input, k)];
                            sum += f64::from(w) * f64::from(x[index(layer.inputs, layer.volume, sample, input, from)]);
                        }
                    }
                }
                y.push(sum as f32);
            }
        }
    }
    y
}

/// PyTorch's `conv_transpose3d` whose output is `stride` times the input; padding 1 along axes with a kernel of 3.
pub(crate) fn transposed(layer: &Layer, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let large: [usize; 3] = std::array::from_fn(|i| layer.volume[i] * layer.stride[i]);
    let voxels: usize = large.iter().product();
    let mut y: Vec<f64> =
        (0..layer.samples * layer.outputs * voxels).map(|i| f64::from(bias[i / voxels % layer.outputs])).collect();
    for sample in 0..layer.samples {
        for (input, output) in (0..layer.inputs).flat_map(|i| (0..layer.outputs).map(move |o| (i, o))) {
            for at in places(layer.volume) {
                for k in places(layer.kernel) {
                    let to: [usize; 3] = std::array::from_fn(|i| {
                        (at[i] * layer.stride[i] + k[i]).wrapping_sub(usize::from(layer.kernel[i] == 3))
                    });
                    if (0..3).all(|i| to[i] < large[i]) {
                        let w = weight[index(layer.outputs, layer.kernel, input, output, k)];
                        y[index(layer.outputs, large, sample, output, to)] +=
                            f64::from(w) * f64::from(x[index(layer.inputs, layer.volume, sample, input, at)]);
                    }
                }
            }
        }
    }
    y.into_iter().map(|v| v as f32).collect()
}

/// Batch normalisation with the batch's own statistics, then a leaky slope.
pub(crate) fn norm(samples: usize, voxels: usize, x: &[f32], scale: &[f32], shift: &[f32], slope: f32) -> Vec<f32> {
    let channels = scale.len();
    let mut y = vec![0.0; x.len()];
    for channel in 0..channels {
        let places: Vec<usize> =
            (0..samples).flat_map(|s| (0..voxels).map(move |v| (s * channels + channel) * voxels + v)).collect();
        let n = places.len() as f64;
        let mean = places.iter().map(|p| f64::from(x[*p])).sum::<f64>() / n;
        let variance = places.iter().map(|p| (f64::from(x[*p]) - mean).powi(2)).sum::<f64>() / n;
        for place in places {
            let z = (f64::from(x[place]) - mean) / (variance + 1e-5).sqrt() * f64::from(scale[channel])
                + f64::from(shift[channel]);
            y[place] = (if z > 0.0 { z } else { f64::from(slope) * z }) as f32;
        }
    }
    y
}
