//! 8-bit images and their PNG files.

use super::canvas::Rgb;

/// An 8-bit image, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bitmap {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Samples,
}

/// The pixels of a [`Bitmap`], row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Samples {
    /// One byte a pixel, 0 = black.
    Gray(Vec<u8>),
    /// Three bytes a pixel.
    Rgb(Vec<u8>),
}

impl Bitmap {
    /// A vertical ramp one pixel wide; `color` gets 0 at the bottom and 1 at the top.
    pub(super) fn vertical_ramp(n: usize, color: impl Fn(f64) -> Rgb) -> Self {
        let last = n.max(2) - 1;
        let pixels = (0..=last).flat_map(|row| color(1.0 - row as f64 / last as f64)).collect();
        Self { width: 1, height: last + 1, pixels: Samples::Rgb(pixels) }
    }

    /// The colour of a pixel.
    pub(super) fn rgb(&self, index: usize) -> Rgb {
        match &self.pixels {
            Samples::Gray(g) => [g[index]; 3],
            Samples::Rgb(p) => [p[3 * index], p[3 * index + 1], p[3 * index + 2]],
        }
    }

    /// The image as a PNG file.
    pub(super) fn to_png(&self) -> Vec<u8> {
        let (color, bytes) = match &self.pixels {
            Samples::Gray(bytes) => (png::ColorType::Grayscale, bytes),
            Samples::Rgb(bytes) => (png::ColorType::Rgb, bytes),
        };
        let mut header = png::Info::with_size(self.width as u32, self.height as u32);
        header.color_type = color;
        header.bit_depth = png::BitDepth::Eight;
        encode(header, bytes, png::Filter::Adaptive, png::Compression::Balanced)
    }
}

/// Writes a PNG file.
///
/// # Panics
/// Only if the buffer does not have the declared size, which is a bug of the caller.
pub(super) fn encode(
    header: png::Info<'_>,
    bytes: &[u8],
    filter: png::Filter,
    compression: png::Compression,
) -> Vec<u8> {
    let mut file = Vec::new();
    let write = |file: &mut Vec<u8>| -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::with_info(file, header)?;
        encoder.set_compression(compression);
        encoder.set_filter(filter);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(bytes)?;
        writer.finish()
    };
    write(&mut file).expect("a Vec takes every byte, and the callers pass non-empty images with matching buffers");
    file
}
