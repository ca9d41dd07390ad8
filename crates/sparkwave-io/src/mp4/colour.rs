//! From RGB to the luma and chroma of BT.709, and how a stream tells its decoder so.
//!
//! Without such a note players guess by size, and small videos are taken for standard definition, whose colours are mixed
//! otherwise. The encoder writes none, hence [`declare_bt709`].

use ndarray::ArrayView3;
use rusty_h264::YuvFrame;

/// Shares of red, green and blue in luma (BT.709, item 3.2).
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];
/// Ranges of luma and chroma in "limited" 8-bit video.
const LUMA_RANGE: f32 = 219.0;
const CHROMA_RANGE: f32 = 224.0;

/// An image `[Y, X, 3]` in 4:2:0 of limited range. Odd sides are extended by a copy of the last row or column.
pub(super) fn to_yuv(rgb: &ArrayView3<'_, u8>) -> YuvFrame {
    let (height, width, _) = rgb.dim();
    let (even_height, even_width) = (height.next_multiple_of(2), width.next_multiple_of(2));
    let at = |y: usize, x: usize| [0, 1, 2].map(|c| f32::from(rgb[[y.min(height - 1), x.min(width - 1), c]]) / 255.0);
    let luma = |[r, g, b]: [f32; 3]| LUMA[0] * r + LUMA[1] * g + LUMA[2] * b;
    let pixels = |height, width| (0..height).flat_map(move |y| (0..width).map(move |x| (y, x)));
    let y = pixels(even_height, even_width).map(|(y, x)| (16.0 + LUMA_RANGE * luma(at(y, x))).round() as u8).collect();
    // The conversion is linear: the chroma of a mean is the mean chroma.
    let blocks = pixels(even_height / 2, even_width / 2).map(|(y, x)| {
        let corners = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dy, dx)| at(2 * y + dy, 2 * x + dx));
        [0, 1, 2].map(|c| corners.iter().map(|corner| corner[c]).sum::<f32>() / 4.0)
    });
    let blocks: Vec<[f32; 3]> = blocks.collect();
    let chroma = |channel: usize| {
        let scale = CHROMA_RANGE / (2.0 * (1.0 - LUMA[channel]));
        blocks.iter().map(|&mean| (128.0 + scale * (mean[channel] - luma(mean))).round() as u8).collect()
    };
    YuvFrame { width: even_width, height: even_height, y, u: chroma(2), v: chroma(0) }
}

/// Type of a slice of a picture that stands by itself.
pub(super) const KEY_SLICE: u8 = 5;
/// Type of a sequence parameter set.
const SEQUENCE_PARAMETERS: u8 = 7;

/// The type of a unit (H.264, 7.4.1).
pub(super) fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & 0x1f)
}

/// The units of a stream with start codes (H.264, annex B).
pub(super) fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(stream);
    std::iter::from_fn(move || {
        let unit = rest?;
        let end = unit.windows(3).position(|w| w == [0, 0, 1]).unwrap_or(unit.len());
        rest = after_start_code(&unit[end..]);
        // A start code may have one zero more, and a unit never ends in one.
        let trimmed = unit[..end].iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        Some(&unit[..trimmed])
    })
}

fn after_start_code(stream: &[u8]) -> Option<&[u8]> {
    let at = stream.windows(3).position(|w| w == [0, 0, 1])?;
    Some(&stream[at + 3..])
}

/// Adds to each sequence parameter set without one a note of the colours: primaries, transfer and matrix of BT.709, and
/// limited range.
pub(super) fn declare_bt709(stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stream.len() + 16);
    for unit in nal_units(stream) {
        out.extend([0, 0, 0, 1]);
        if kind(unit) == SEQUENCE_PARAMETERS {
            out.extend(with_colours(unit));
        } else {
            out.extend(unit);
        }
    }
    out
}

/// The set ends with the flag for "video usability information", the stop bit 1 and zeros; without the information the
/// flag is 0 (H.264, 7.3.2.1.1 and annex E.1.1).
fn with_colours(unit: &[u8]) -> Vec<u8> {
    let plain = without_escapes(unit);
    let mut bits: Vec<bool> = plain.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1 == 1)).collect();
    let Some(stop) = bits.iter().rposition(|bit| *bit) else { return unit.to_vec() };
    if stop == 0 || bits[stop - 1] {
        return unit.to_vec();
    }
    bits.truncate(stop - 1);
    let mut put = |value: u32, n: u32| bits.extend((0..n).rev().map(|i| value >> i & 1 == 1));
    put(1, 1); // the information follows
    put(0, 2); // no aspect ratio, no overscan
    put(1, 1); // type of the signal:
    put(5, 3); // of no television system
    put(0, 1); // limited range
    put(1, 1); // colours:
    (0..3).for_each(|_| put(1, 8)); // primaries, transfer and matrix: 1 is BT.709
    put(0, 6); // no chroma location, timing, two buffer models, picture structure, restrictions
    put(1, 1); // stop
    let bytes = bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |b, (i, bit)| b | u8::from(*bit) << (7 - i)));
    with_escapes(&bytes.collect::<Vec<u8>>())
}

/// Drops the byte 3 that stands behind two zeros so that no start code arises.
fn without_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut n_zeros = 0;
    for &byte in bytes {
        if n_zeros >= 2 && byte == 3 {
            n_zeros = 0;
            continue;
        }
        n_zeros = if byte == 0 { n_zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

fn with_escapes(plain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(plain.len() + 2);
    let mut n_zeros = 0;
    for &byte in plain {
        if n_zeros >= 2 && byte <= 3 {
            bytes.push(3);
            n_zeros = 0;
        }
        n_zeros = if byte == 0 { n_zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}

/// The reverse of [`to_yuv`], for tests.
#[cfg(test)]
pub(super) fn to_rgb(frame: &YuvFrame) -> ndarray::Array3<u8> {
    ndarray::Array3::from_shape_fn((frame.height, frame.width, 3), |(y, x, c)| {
        let chroma = |plane: &[u8], channel: usize| {
            let value = f32::from(plane[y / 2 * (frame.width / 2) + x / 2]) - 128.0;
            value / CHROMA_RANGE * 2.0 * (1.0 - LUMA[channel])
        };
        let luma = (f32::from(frame.y[y * frame.width + x]) - 16.0) / LUMA_RANGE;
        let (red, blue) = (luma + chroma(&frame.v, 0), luma + chroma(&frame.u, 2));
        let green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1];
        ([red, green, blue][c] * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn colours_have_the_values_of_the_standard() {
        let one = |rgb: [u8; 3]| {
            let frame = to_yuv(&Array3::from_shape_fn((2, 2, 3), |(_, _, c)| rgb[c]).view());
            [frame.y[0], frame.u[0], frame.v[0]]
        };
        // 75 % bars are elsewhere; these are the corners of the cube (BT.709, item 3, in 8 bits).
        assert_eq!(one([255, 255, 255]), [235, 128, 128]);
        assert_eq!(one([0, 0, 0]), [16, 128, 128]);
        assert_eq!(one([255, 0, 0]), [63, 102, 240]);
        assert_eq!(one([0, 255, 0]), [173, 42, 26]);
        assert_eq!(one([0, 0, 255]), [32, 240, 118]);
    }

    #[test]
    fn odd_sides_are_extended_by_their_neighbours() {
        let image = Array3::from_shape_fn((3, 1, 3), |(y, _, _)| 100 * y as u8);
        let frame = to_yuv(&image.view());
        assert_eq!((frame.height, frame.width, frame.u.len()), (4, 2, 2));
        assert_eq!(frame.y[..2], [16, 16]);
        assert_eq!(frame.y[6], frame.y[4]);
    }

    #[test]
    fn a_parameter_set_tells_its_colours_once() {
        // Three bits that stand for all before the flag, the flag 0 and the stop bit.
        let plain = [0, 0, 1, 0x67, 0b1000_1000, 0, 0, 1, 0x65, 7];
        let declared = declare_bt709(&plain);
        // 100, then 1 00 1 101 0 1, three times 00000001, 000000 and the stop bit (H.264, E.1.1).
        let set = [0x67, 0x93, 0x50, 0x10, 0x10, 0x10, 0x20];
        assert_eq!(declared, [&[0, 0, 0, 1][..], &set, &[0, 0, 0, 1, 0x65, 7]].concat());
        assert_eq!(
            declare_bt709(&[0, 0, 1, 0x67, 0b1001_1000]),
            [0, 0, 0, 1, 0x67, 0b1001_1000],
            "information is there"
        );
    }

    #[test]
    fn streams_fall_apart_into_their_units() {
        let stream = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0, 0, 3, 1];
        let units: Vec<&[u8]> = nal_units(&stream).collect();
        assert_eq!(units, [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 0, 0, 3, 1]]);
        assert_eq!((nal_units(&[]).count(), kind(units[2])), (0, KEY_SLICE));
        let plain = [0, 0, 0, 1, 0, 0, 3, 9];
        assert_eq!(with_escapes(&plain), [0, 0, 3, 0, 1, 0, 0, 3, 3, 9]);
        assert_eq!(without_escapes(&with_escapes(&plain)), plain);
    }
}
