//! Pixels: what a movie holds and of which type.

use ndarray::Array3;

/// The extent of a movie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovieShape {
    /// Number of frames (T).
    pub n_frames: usize,
    /// Number of rows (Y).
    pub height: usize,
    /// Number of columns (X).
    pub width: usize,
}

impl MovieShape {
    /// Pixels in one frame.
    pub fn frame_len(self) -> usize {
        self.height * self.width
    }
}

/// The number type of a pixel as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelType {
    /// 8-bit unsigned.
    U8,
    /// 16-bit unsigned.
    U16,
    /// 16-bit signed.
    I16,
    /// 32-bit unsigned.
    U32,
    /// 32-bit floating point.
    F32,
}

impl PixelType {
    /// Bytes per pixel.
    pub fn n_bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::F32 => 4,
        }
    }

    /// The usual short name, as NumPy spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::F32 => "float32",
        }
    }
}

/// A block of pixels `[T, Y, X]` in the type in which it is stored. Values are never rescaled.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 8-bit unsigned.
    U8(Array3<u8>),
    /// 16-bit unsigned.
    U16(Array3<u16>),
    /// 16-bit signed.
    I16(Array3<i16>),
    /// 32-bit unsigned.
    U32(Array3<u32>),
    /// 32-bit floating point.
    F32(Array3<f32>),
}

impl Pixels {
    /// Shape of the block.
    pub fn shape(&self) -> MovieShape {
        let (n_frames, height, width) = match self {
            Self::U8(a) => a.dim(),
            Self::U16(a) => a.dim(),
            Self::I16(a) => a.dim(),
            Self::U32(a) => a.dim(),
            Self::F32(a) => a.dim(),
        };
        MovieShape { n_frames, height, width }
    }

    /// The stored number type.
    pub fn pixel_type(&self) -> PixelType {
        match self {
            Self::U8(_) => PixelType::U8,
            Self::U16(_) => PixelType::U16,
            Self::I16(_) => PixelType::I16,
            Self::U32(_) => PixelType::U32,
            Self::F32(_) => PixelType::F32,
        }
    }

    /// The same values as 32-bit floats. Widens, never rescales; integers beyond 2^24 are rounded.
    pub fn to_f32(&self) -> Array3<f32> {
        match self {
            Self::U8(a) => a.mapv(f32::from),
            Self::U16(a) => a.mapv(f32::from),
            Self::I16(a) => a.mapv(f32::from),
            Self::U32(a) => a.mapv(|v| v as f32),
            Self::F32(a) => a.clone(),
        }
    }
}
