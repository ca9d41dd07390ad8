//! Planes of a volume: the same bits as the whole volume gives, wherever they lie.

use crate::random::{sets, values};
use sparkwave_kernels::activation::Activation;
use sparkwave_kernels::conv3d::{self, Conv3d};
use sparkwave_kernels::transposed::{self, Transposed};
use sparkwave_kernels::{Batch, Planes, PlanesMut, Volume, pool};
use std::ops::Range;

const VOLUMES: [Volume; 3] = [Volume::new(9, 4, 6), Volume::new(6, 40, 70), Volume::new(4, 1, 2)];

/// A tensor whose channels lie `gap` values further apart than they are long, from its plane `first` on.
struct Spread {
    data: Vec<f32>,
    stride: usize,
}

impl Spread {
    fn of(tensor: &[f32], channels: usize, volume: Volume, gap: usize) -> Self {
        let n = volume.voxels().unwrap();
        let mut data = Vec::new();
        for channel in 0..channels {
            data.extend_from_slice(&tensor[channel * n..][..n]);
            data.extend(std::iter::repeat_n(f32::NAN, gap));
        }
        Self { data, stride: n + gap }
    }

    fn from(&self, plane: usize, volume: Volume) -> Planes<'_> {
        Planes { data: &self.data[plane * volume.height * volume.width..], channel_stride: self.stride }
    }
}

/// Every range of planes, with one more on each side where there is one: the planes of the input that it needs, and which of
/// these it is.
fn ranges(depth: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>, Range<usize>)> {
    let all = (0..depth).flat_map(move |start| (start + 1..=depth).map(move |end| start..end));
    all.map(move |range| {
        let held = range.start.saturating_sub(1)..(range.end + 1).min(depth);
        let inner = range.start - held.start..range.end - held.start;
        (range, held, inner)
    })
}

/// Compares planes `range` of each channel of the whole with what was written, and what lies between with what was there.
fn assert_planes(found: &Spread, whole: &[f32], channels: usize, volume: Volume, range: Range<usize>, what: &str) {
    let (n, plane) = (volume.voxels().unwrap(), volume.height * volume.width);
    for channel in 0..channels {
        let expected = &whole[channel * n + range.start * plane..][..range.len() * plane];
        let row = &found.data[channel * found.stride..];
        assert!(row[..expected.len()] == *expected, "{what}, planes {range:?} of channel {channel}");
        let gap = &row[expected.len()..row.len().min(found.stride)];
        assert!(gap.iter().all(|v| *v == 7.0), "{what} wrote beyond planes {range:?}");
    }
}

#[test]
fn a_convolution_of_planes_is_part_of_that_of_the_volume() {
    for (volume, isa) in VOLUMES.into_iter().flat_map(|v| sets().into_iter().map(move |isa| (v, isa))) {
        let n = volume.voxels().unwrap();
        let (x, other) = (values(1, 3 * n), values(2, 2 * n));
        let layer = Conv3d::of_two([3, 2], 9, [3; 3]).unwrap();
        let packed = layer.pack(&values(3, layer.weights())).unwrap();
        let bias = values(4, 9);
        let mut whole = vec![0.0; 9 * n];
        let activation = Activation::Sigmoid;
        conv3d::forward(isa, &packed, Some(&bias), activation, &[&x, &other], Batch::new(1, volume), &mut whole)
            .unwrap();
        let (x, other) = (Spread::of(&x, 3, volume, 5), Spread::of(&other, 2, volume, 0));
        for (range, held, inner) in ranges(volume.depth) {
            let of_held = Volume { depth: held.len(), ..volume };
            let inputs = [x.from(held.start, volume), other.from(held.start, volume)];
            let stride = n + 11;
            let mut found = Spread { data: vec![7.0; 9 * stride], stride };
            let output = PlanesMut { data: &mut found.data, channel_stride: stride };
            conv3d::forward_planes(isa, &packed, Some(&bias), activation, &inputs, of_held, inner, output).unwrap();
            assert_planes(&found, &whole, 9, volume, range, &format!("{isa:?} {volume:?}"));
        }
    }
}

#[test]
fn a_transposed_convolution_of_planes_is_part_of_that_of_the_volume() {
    for (volume, isa) in VOLUMES.into_iter().flat_map(|v| sets().into_iter().map(move |isa| (v, isa))) {
        let x = values(1, 3 * volume.voxels().unwrap());
        for stride in [[2, 2, 2], [1, 2, 2]] {
            let layer = Transposed::new(3, 5, [3; 3], stride).unwrap();
            let packed = layer.pack(&values(3, layer.weights())).unwrap();
            let (bias, large) = (values(4, 5), layer.output(volume).unwrap());
            let n = large.voxels().unwrap();
            let mut whole = vec![0.0; 5 * n];
            let (batch, none) = (Batch::new(1, volume), Activation::Identity);
            transposed::forward(isa, &packed, Some(&bias), none, &x, batch, &mut whole).unwrap();
            let x = Spread::of(&x, 3, volume, 5);
            for (range, held, inner) in ranges(volume.depth) {
                let of_held = Volume { depth: held.len(), ..volume };
                let mut found = Spread { data: vec![7.0; 5 * (n + 11)], stride: n + 11 };
                let output = PlanesMut { data: &mut found.data, channel_stride: n + 11 };
                let input = x.from(held.start, volume);
                transposed::forward_planes(isa, &packed, Some(&bias), input, of_held, inner, output).unwrap();
                let range = range.start * stride[0]..range.end * stride[0];
                assert_planes(&found, &whole, 5, large, range, &format!("{isa:?} {volume:?} {stride:?}"));
            }
        }
    }
}

#[test]
fn pooled_planes_are_part_of_the_pooled_volume() {
    for (volume, isa) in VOLUMES.into_iter().flat_map(|v| sets().into_iter().map(move |isa| (v, isa))) {
        let x = values(1, 3 * volume.voxels().unwrap());
        for window in [[2, 2, 2], [1, 2, 2]] {
            let small = pool::output(volume, window).unwrap();
            let n = small.voxels().unwrap();
            let mut whole = vec![0.0; 3 * n];
            pool::forward(isa, &x, 3, volume, window, &mut whole, None).unwrap();
            let spread = Spread::of(&x, 3, volume, 5);
            for (range, ..) in ranges(small.depth) {
                let of_range = Volume { depth: range.len() * window[0], ..volume };
                let mut found = Spread { data: vec![7.0; 3 * (n + 11)], stride: n + 11 };
                let output = PlanesMut { data: &mut found.data, channel_stride: n + 11 };
                let input = spread.from(range.start * window[0], volume);
                pool::forward_planes(isa, input, 3, of_range, window, output).unwrap();
                assert_planes(&found, &whole, 3, small, range, &format!("{isa:?} {volume:?} {window:?}"));
            }
        }
    }
}

#[test]
fn planes_that_do_not_fit_are_refused() {
    let volume = Volume::new(3, 4, 5);
    let layer = Conv3d::new(2, 2, [3; 3]).unwrap();
    let packed = layer.pack(&values(1, layer.weights())).unwrap();
    let x = values(2, 2 * 60);
    let isa = sets()[0];
    let run = |n: usize, stride: usize, planes: Range<usize>, room: usize, out_stride: usize| {
        let mut y = vec![0.0; room];
        let input = Planes { data: &x[..n], channel_stride: stride };
        let output = PlanesMut { data: &mut y, channel_stride: out_stride };
        conv3d::forward_planes(isa, &packed, None, Activation::Identity, &[input], volume, planes, output)
    };
    assert!(run(120, 60, 1..2, 40, 20).is_ok());
    assert!(run(119, 60, 1..2, 40, 20).is_err(), "an input that ends too early");
    assert!(run(120, 59, 1..2, 40, 20).is_err(), "channels that overlap");
    assert!(run(120, 60, 1..4, 200, 60).is_err(), "planes beyond the volume");
    assert!(run(120, 60, 1..2, 39, 20).is_err(), "an output that ends too early");
    assert!(run(120, 60, 0..2, 60, 20).is_err(), "channels of the output that overlap");
}
