//! Which pieces of which recordings a network is shown: positive and unlabeled crops.
//!
//! Positive-unlabeled learning (Digital Discovery 2025, 4, 105, "Positive unlabeled learning"): besides the crops around
//! known events, crops from the foreground where no event is known are shown as if nothing happened there, `ratio` of them
//! for each event.

use std::collections::HashSet;

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sparkwave_core::movie::MovieShape;

use crate::stream::Stream;

/// Edge in voxels of the published crops, from which training crops are cut.
pub const PUBLISHED_EDGE: usize = 64;

/// How unlabeled crops are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PuSampling {
    /// Centred on a foreground pixel, away from known events, every ratio contained in the larger ones.
    #[default]
    Nested,
    /// The published rule: a foreground pixel is the low corner of a crop of 64, known events are not avoided, and t is
    /// drawn at least 64 frames from both ends.
    Paper,
}

/// A piece of a recording: its centre, which may be anywhere inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Crop {
    /// Which recording.
    pub stream: usize,
    /// The voxel `[t, y, x]` in the middle (half the edge, rounded down, from the low corner).
    pub centre: [usize; 3],
    /// Whether it was drawn around a known event.
    pub labelled: bool,
}

/// A crop around each known event.
#[must_use]
pub fn positive(streams: &[Stream]) -> Vec<Crop> {
    let events = streams.iter().enumerate().flat_map(|(i, stream)| stream.events.iter().map(move |e| (i, e)));
    events.map(|(stream, event)| Crop { stream, centre: event.centre(), labelled: true }).collect()
}

/// Unlabeled crops of one recording, `ratio` for each of its events; fewer where there is not enough room.
///
/// With [`PuSampling::Nested`] the crops of a ratio begin with those of every smaller one: they are drawn one after the
/// other without repetition. A crop is refused where a known event, grown by `margin` voxels `[t, y, x]` on each side,
/// meets the crop's inner half.
#[must_use]
pub fn unlabeled(
    stream_index: usize,
    stream: &Stream,
    ratio: usize,
    sampling: PuSampling,
    margin: [usize; 3],
    edge: [usize; 3],
    seed: u64,
) -> Vec<Crop> {
    let n = stream.events.len() * ratio;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream_index as u64);
    let centres = match sampling {
        PuSampling::Nested => nested(stream, n, margin, edge, &mut rng),
        PuSampling::Paper => published(stream, n, &mut rng),
    };
    centres.into_iter().map(|centre| Crop { stream: stream_index, centre, labelled: false }).collect()
}

fn nested(stream: &Stream, n: usize, margin: [usize; 3], edge: [usize; 3], rng: &mut ChaCha8Rng) -> Vec<[usize; 3]> {
    /// Draws for each crop before giving up: a recording may be full of events.
    const MAX_DRAWS: usize = 50;
    let MovieShape { n_frames, .. } = stream.input.shape();
    let pixels = foreground_pixels(stream);
    if pixels.is_empty() {
        return Vec::new();
    }
    let reach: [usize; 3] = std::array::from_fn(|axis| edge[axis] / 4 + margin[axis]);
    let clear = |centre: [usize; 3]| {
        !stream.events.iter().any(|event| {
            (0..3).all(|a| centre[a] + reach[a] >= event.first[a] && centre[a] <= event.last[a] + reach[a])
        })
    };
    let mut seen = HashSet::new();
    let mut centres = Vec::with_capacity(n);
    for _ in 0..n * MAX_DRAWS {
        if centres.len() == n {
            break;
        }
        let (y, x) = pixels[rng.random_range(0..pixels.len())];
        let centre = [rng.random_range(0..n_frames), y, x];
        if clear(centre) && seen.insert(centre) {
            centres.push(centre);
        }
    }
    centres
}

/// The rule of the published code, with its faults.
fn published(stream: &Stream, n: usize, rng: &mut ChaCha8Rng) -> Vec<[usize; 3]> {
    const EDGE: usize = PUBLISHED_EDGE;
    let MovieShape { n_frames, height, width } = stream.input.shape();
    let inside = |p: &(usize, usize)| {
        (EDGE..height.saturating_sub(EDGE)).contains(&p.0) && (EDGE..width.saturating_sub(EDGE)).contains(&p.1)
    };
    let mut corners: Vec<(usize, usize)> = foreground_pixels(stream).into_iter().filter(inside).collect();
    if corners.is_empty() || n_frames <= 2 * EDGE {
        return Vec::new();
    }
    let drawn: Vec<(usize, usize)> = if corners.len() >= n {
        corners.shuffle(rng);
        corners.truncate(n);
        corners
    } else {
        (0..n).map(|_| corners[rng.random_range(0..corners.len())]).collect()
    };
    let half = EDGE / 2;
    drawn.into_iter().map(|(y, x)| [rng.random_range(EDGE..n_frames - EDGE) + half, y + half, x + half]).collect()
}

fn foreground_pixels(stream: &Stream) -> Vec<(usize, usize)> {
    stream.foreground.indexed_iter().filter(|(_, inside)| **inside).map(|(at, _)| at).collect()
}

/// The low corner along one axis of a crop of `edge` voxels around `centre`, kept inside `n` voxels where it fits.
#[must_use]
pub fn low_corner(centre: usize, edge: usize, n: usize) -> usize {
    centre.saturating_sub(edge / 2).min(n.saturating_sub(edge))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Extent;
    use ndarray::{Array2, Array3};
    use sparkwave_core::movie::Pixels;
    use sparkwave_core::recording::Recording;
    use sparkwave_core::source::InMemory;
    use std::sync::Arc;

    fn stream(n_frames: usize, edge: usize, events: &[[usize; 3]]) -> Stream {
        let movie =
            |_| Arc::new(InMemory::new(Recording::default(), Pixels::F32(Array3::zeros((n_frames, edge, edge)))));
        let foreground = Array2::from_shape_fn((edge, edge), |(y, x)| (y + x) % 3 == 0);
        let extent = |&[t, y, x]: &[usize; 3]| Extent { first: [t - 2, y - 2, x - 2], last: [t + 2, y + 2, x + 2] };
        let events = events.iter().map(extent).collect();
        Stream { name: "0".into(), input: movie(0), label: movie(1), events, foreground }
    }

    #[test]
    fn every_ratio_is_contained_in_the_larger_ones() {
        let stream = stream(100, 64, &[[20, 20, 20], [70, 40, 10], [50, 50, 50]]);
        let draw = |ratio| unlabeled(3, &stream, ratio, PuSampling::Nested, [2, 2, 2], [32; 3], 7);
        let largest = draw(256);
        assert_eq!(largest.len(), 3 * 256);
        assert_eq!(largest.iter().collect::<HashSet<_>>().len(), largest.len(), "no crop twice");
        for ratio in [0, 1, 2, 8, 16, 64, 128] {
            assert_eq!(draw(ratio), largest[..3 * ratio], "1:{ratio}");
        }
        for crop in &largest {
            let [_, y, x] = crop.centre;
            assert!(stream.foreground[[y, x]] && !crop.labelled && crop.stream == 3);
            for event in &stream.events {
                let apart = (0..3).any(|a| crop.centre[a] + 10 < event.first[a] || crop.centre[a] > event.last[a] + 10);
                assert!(apart, "{crop:?} is too near to {event:?}");
            }
        }
    }

    #[test]
    fn the_published_rule_takes_a_foreground_pixel_as_the_low_corner() {
        let stream = stream(200, 192, &[[90, 90, 90]]);
        for crop in unlabeled(0, &stream, 16, PuSampling::Paper, [2, 2, 2], [32; 3], 1) {
            let corner: [usize; 3] = std::array::from_fn(|a| low_corner(crop.centre[a], 64, 10_000));
            assert!(stream.foreground[[corner[1], corner[2]]]);
            assert!((64..136).contains(&corner[0]) && (64..128).contains(&corner[1]) && (64..128).contains(&corner[2]));
        }
        let small = self::stream(100, 64, &[[20, 20, 20]]);
        assert!(unlabeled(0, &small, 4, PuSampling::Paper, [2, 2, 2], [32; 3], 1).is_empty(), "no room for it");
    }

    #[test]
    fn crops_stay_inside() {
        assert_eq!(low_corner(3, 32, 100), 0);
        assert_eq!(low_corner(50, 32, 100), 34);
        assert_eq!(low_corner(99, 32, 100), 68);
        assert_eq!(low_corner(5, 32, 20), 0);
    }
}
