//! PNG images: grey of 8 and 16 bits, RGB of 8 bits; also a single image as a movie of one frame.

use crate::atomic::write_atomic;
use crate::error::Error;
use crate::limits::MAX_FRAME_BYTES;
use crate::location::{AxisChoice, Location};
use crate::opened::Opened;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};
use png::{BitDepth, ColorType, Decoder, DecodingError, Encoder, EncodingError, Limits};
use sparkwave_core::movie::Pixels;
use sparkwave_core::recording::Recording;
use sparkwave_core::source::{FrameSource as _, InMemory};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// An image in memory.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// Grey, 8 bits `[Y, X]`.
    Gray8(Array2<u8>),
    /// Grey, 16 bits `[Y, X]`.
    Gray16(Array2<u16>),
    /// Red, green, blue, 8 bits each `[Y, X, 3]`.
    Rgb8(Array3<u8>),
}

/// Writes an 8-bit grey image `[Y, X]`.
///
/// # Errors
/// If the image is empty or the file cannot be written.
#[expect(clippy::needless_pass_by_value, reason = "a view is a pointer with extents, passed as ndarray does")]
pub fn write_gray8(path: &Path, image: ArrayView2<'_, u8>) -> Result<(), Error> {
    let bytes: Vec<u8> = image.iter().copied().collect();
    write(path, image.dim(), ColorType::Grayscale, BitDepth::Eight, &bytes)
}

/// Writes a 16-bit grey image `[Y, X]`.
///
/// # Errors
/// If the image is empty or the file cannot be written.
#[expect(clippy::needless_pass_by_value, reason = "a view is a pointer with extents, passed as ndarray does")]
pub fn write_gray16(path: &Path, image: ArrayView2<'_, u16>) -> Result<(), Error> {
    let bytes: Vec<u8> = image.iter().flat_map(|value| value.to_be_bytes()).collect();
    write(path, image.dim(), ColorType::Grayscale, BitDepth::Sixteen, &bytes)
}

/// Writes an 8-bit colour image `[Y, X, 3]` in the order red, green, blue.
///
/// # Errors
/// If the last axis is not 3, the image is empty or the file cannot be written.
#[expect(clippy::needless_pass_by_value, reason = "a view is a pointer with extents, passed as ndarray does")]
pub fn write_rgb8(path: &Path, image: ArrayView3<'_, u8>) -> Result<(), Error> {
    let (height, width, channels) = image.dim();
    if channels != 3 {
        return Err(Error::refused("write", path, "3 colour channels", format!("{channels}")));
    }
    let bytes: Vec<u8> = image.iter().copied().collect();
    write(path, (height, width), ColorType::Rgb, BitDepth::Eight, &bytes)
}

/// The colours that data sets of segmented videos (PASCAL VOC, DAVIS) give to objects, by number; 0 is black.
pub const PALETTE: [[u8; 3]; 256] = {
    let mut palette = [[0; 3]; 256];
    let mut i = 1;
    while i < 256 {
        // Three bits of the number at a time, for red, green and blue, from the highest bit of each downwards.
        let (mut rest, mut bit) = (i, 7);
        while rest > 0 {
            let mut c = 0;
            while c < 3 {
                palette[i][c] |= ((rest >> c & 1) << bit) as u8;
                c += 1;
            }
            rest >>= 3;
            bit -= 1;
        }
        i += 1;
    }
    palette
};

/// Writes an image `[Y, X]` of numbers that a palette shows in colour, as masks of video data sets are. [`read`] gives the
/// numbers.
///
/// # Errors
/// If the image is empty or the file cannot be written.
#[expect(clippy::needless_pass_by_value, reason = "a view is a pointer with extents, passed as ndarray does")]
pub fn write_indexed8(path: &Path, image: ArrayView2<'_, u8>, palette: &[[u8; 3]; 256]) -> Result<(), Error> {
    let bytes: Vec<u8> = image.iter().copied().collect();
    let palette = palette.as_flattened();
    write_with(path, image.dim(), ColorType::Indexed, BitDepth::Eight, &bytes, Some(palette))
}

/// The bytes of an 8-bit grey PNG image `[Y, X]`, or why there are none.
pub(crate) fn encode_gray8(image: ArrayView2<'_, u8>) -> Result<Vec<u8>, String> {
    let bytes: Vec<u8> = image.iter().copied().collect();
    let encoded = encode(image.dim(), ColorType::Grayscale, BitDepth::Eight, &bytes, None);
    encoded.ok_or_else(|| "an image without pixels".to_string())?.map_err(|e| e.to_string())
}

fn write(path: &Path, size: (usize, usize), color: ColorType, depth: BitDepth, pixels: &[u8]) -> Result<(), Error> {
    write_with(path, size, color, depth, pixels, None)
}

fn write_with(
    path: &Path,
    (height, width): (usize, usize),
    color: ColorType,
    depth: BitDepth,
    pixels: &[u8],
    palette: Option<&[u8]>,
) -> Result<(), Error> {
    let bytes = encode((height, width), color, depth, pixels, palette)
        .ok_or_else(|| Error::refused("write", path, "at least one pixel", format!("{height} x {width}")))?
        .map_err(|e| Error::refused("write", path, "pixels that PNG can hold", e.to_string()))?;
    write_atomic(path, &bytes)
}

/// `None` if a side is 0 or above 2^32 - 1.
fn encode(
    (height, width): (usize, usize),
    color: ColorType,
    depth: BitDepth,
    pixels: &[u8],
    palette: Option<&[u8]>,
) -> Option<Result<Vec<u8>, EncodingError>> {
    let (height, width) = (u32::try_from(height).ok()?, u32::try_from(width).ok()?);
    if height == 0 || width == 0 {
        return None;
    }
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if let Some(palette) = palette {
        encoder.set_palette(palette.to_vec());
    }
    let done = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(pixels)?;
        writer.finish()
    });
    Some(done.map(|()| bytes))
}

/// Reads an image; of indexed colours the indices, which in masks are what counts.
///
/// # Errors
/// If the file is damaged, larger than a frame may be, or has transparency or fewer than 8 bits.
pub fn read(path: &Path) -> Result<Image, Error> {
    let (header, mut reader) = start(path)?;
    let bad = |e: DecodingError| decoding_error(path, e);
    let n = reader.output_buffer_size().filter(|&n| n as u64 <= MAX_FRAME_BYTES).ok_or_else(|| {
        let found = format!("{} x {}", header.height, header.width);
        Error::limit("read", path, format!("an image of at most {MAX_FRAME_BYTES} bytes"), found)
    })?;
    // Deflate packs at most 1032 to 1: a tiny file cannot make us reserve much.
    let length = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.len();
    if n as u64 > length.saturating_mul(1100) {
        let expected = format!("enough data for {} x {} pixels", header.height, header.width);
        return Err(Error::malformed("read", path, expected, format!("a file of {length} bytes")));
    }
    let mut bytes = vec![0; n];
    let output = reader.next_frame(&mut bytes).map_err(bad)?;
    bytes.truncate(output.buffer_size());
    let (height, width) = (header.height as usize, header.width as usize);
    let shape_error = |_| Error::malformed("read", path, format!("{height} x {width} pixels"), "fewer");
    Ok(match (header.color, header.depth) {
        (ColorType::Grayscale | ColorType::Indexed, BitDepth::Eight) => {
            Image::Gray8(Array2::from_shape_vec((height, width), bytes).map_err(shape_error)?)
        }
        (ColorType::Grayscale, _) => {
            let values = bytes.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect();
            Image::Gray16(Array2::from_shape_vec((height, width), values).map_err(shape_error)?)
        }
        _ => Image::Rgb8(Array3::from_shape_vec((height, width, 3), bytes).map_err(shape_error)?),
    })
}

struct Header {
    height: u32,
    width: u32,
    color: ColorType,
    depth: BitDepth,
}

fn start(path: &Path) -> Result<(Header, png::Reader<BufReader<File>>), Error> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let limits = Limits { bytes: MAX_FRAME_BYTES as usize };
    let mut decoder = Decoder::new_with_limits(BufReader::new(file), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let reader = decoder.read_info().map_err(|e| decoding_error(path, e))?;
    let info = reader.info();
    let header = Header { height: info.height, width: info.width, color: info.color_type, depth: info.bit_depth };
    let readable = matches!(
        (header.color, header.depth),
        (ColorType::Grayscale, BitDepth::Eight | BitDepth::Sixteen)
            | (ColorType::Rgb | ColorType::Indexed, BitDepth::Eight)
    );
    if !readable || info.trns.is_some() {
        let found = format!("{:?} of {:?} bits", header.color, header.depth);
        return Err(Error::unsupported("read", path, "grey of 8 or 16 bits, RGB or indexed colours of 8 bits", found));
    }
    Ok((header, reader))
}

fn decoding_error(path: &Path, error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => Error::io("read", path, e),
        DecodingError::LimitsExceeded => {
            Error::limit("read", path, format!("an image of at most {MAX_FRAME_BYTES} bytes"), "more")
        }
        other => Error::malformed("read", path, "a PNG image", other.to_string()),
    }
}

/// A grey image as a movie of one frame.
pub(crate) fn open(location: &Location, recording: Recording) -> Result<Opened, Error> {
    AxisChoice::of(location)?;
    let pixels = read_frame(&location.path)?;
    let stored_type = pixels.pixel_type().name();
    let source = InMemory::new(recording, pixels);
    debug_assert_eq!(source.shape().n_frames, 1);
    Ok(Opened {
        source: Box::new(source),
        format: "PNG".into(),
        axes: "YX".into(),
        stored_type,
        compression: "deflate".into(),
    })
}

/// A grey image as a block of one frame.
pub(crate) fn read_frame(path: &Path) -> Result<Pixels, Error> {
    match read(path)? {
        Image::Gray8(image) => Ok(Pixels::U8(image.insert_axis(Axis(0)))),
        Image::Gray16(image) => Ok(Pixels::U16(image.insert_axis(Axis(0)))),
        Image::Rgb8(_) => Err(Error::unsupported("open", path, "one sample per pixel (grey values)", "an RGB image")),
    }
}

/// Writes the only frame of a block.
pub(crate) fn write_frame(path: &Path, block: &Pixels) -> Result<(), Error> {
    match block {
        Pixels::U8(a) => write_gray8(path, a.index_axis(Axis(0), 0)),
        Pixels::U16(a) => write_gray16(path, a.index_axis(Axis(0), 0)),
        other => {
            let found = other.pixel_type().name();
            Err(Error::refused("write", path, "8- or 16-bit unsigned pixels in a PNG image", found))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn images_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("图 1.png");
        let gray8 = Array2::from_shape_fn((5, 7), |(y, x)| (30 * y + x) as u8);
        let gray16 = Array2::from_shape_fn((5, 7), |(y, x)| (9000 * y + x) as u16);
        let rgb = Array3::from_shape_fn((5, 7, 3), |(y, x, c)| (30 * y + x + 70 * c) as u8);
        write_gray8(&path, gray8.view()).unwrap();
        assert_eq!(read(&path).unwrap(), Image::Gray8(gray8.clone()));
        write_indexed8(&path, gray8.view(), &PALETTE).unwrap();
        assert_eq!(read(&path).unwrap(), Image::Gray8(gray8.clone()));
        // The first colours of the data sets that it is from.
        assert_eq!(PALETTE[..4], [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]);
        assert_eq!((PALETTE[8], PALETTE[255]), ([64, 0, 0], [224, 224, 192]));
        write_gray16(&path, gray16.t()).unwrap();
        assert_eq!(read(&path).unwrap(), Image::Gray16(gray16.t().to_owned()));
        write_rgb8(&path, rgb.view()).unwrap();
        assert_eq!(read(&path).unwrap(), Image::Rgb8(rgb));
        write_gray8(&path, gray8.slice(ndarray::s![..1, ..1])).unwrap();
        assert!(write_gray8(&path, gray8.slice(ndarray::s![..0, ..])).is_err());
    }
}
