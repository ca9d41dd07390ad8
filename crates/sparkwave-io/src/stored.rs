//! Pixels in any number type that a file may use, on their way to the five types of [`Pixels`].
//!
//! | stored | given | how |
//! |---|---|---|
//! | uint8, uint16, int16, uint32, float32 | the same | unchanged |
//! | int8 | int16 | exact |
//! | float16 | float32 | exact |
//! | uint64 | uint32 | exact; a value above 2^32 - 1 is an error |
//! | int32, int64 | float32 | exact; a value beyond +-2^24 is an error |
//! | float64 | float32 | rounded to 24 bits, with a warning; a finite value beyond the range is an error |

use half::f16;
use ndarray::Array3;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};

/// The number type of a pixel as the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredType {
    U8,
    I8,
    U16,
    I16,
    /// Unsigned 16 bits that mean `value - 32768`: how ImageJ keeps signed data.
    OffsetI16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

impl StoredType {
    pub(crate) fn n_bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::OffsetI16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// True if pixels are given as they are stored, byte by byte.
    pub(crate) fn is_given_as_stored(self) -> bool {
        matches!(self, Self::U8 | Self::U16 | Self::I16 | Self::U32 | Self::F32)
    }

    /// The type in which its pixels are given.
    pub(crate) fn pixel_type(self) -> PixelType {
        match self {
            Self::U8 => PixelType::U8,
            Self::U16 => PixelType::U16,
            Self::I8 | Self::I16 | Self::OffsetI16 => PixelType::I16,
            Self::U32 | Self::U64 => PixelType::U32,
            Self::I32 | Self::I64 | Self::F16 | Self::F32 | Self::F64 => PixelType::F32,
        }
    }

    /// The usual short name, as NumPy spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 | Self::OffsetI16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// The type of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [
            Self::U8,
            Self::I8,
            Self::U16,
            Self::I16,
            Self::U32,
            Self::I32,
            Self::U64,
            Self::I64,
            Self::F16,
            Self::F32,
            Self::F64,
        ]
        .into_iter()
        .find(|stored| stored.name() == name)
    }

    /// What the user should know about the conversion, if it is not exact.
    pub(crate) fn warning(self) -> Option<&'static str> {
        match self {
            Self::F64 => Some("float64 pixels are rounded to float32"),
            Self::OffsetI16 => Some("ImageJ signed calibration applied: int16 value = stored uint16 value - 32768"),
            _ => None,
        }
    }
}

/// A value has no place in the type in which it should be given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the {stored} value {value}, which {given} cannot hold exactly")]
pub(crate) struct OutOfRange {
    pub(crate) stored: &'static str,
    pub(crate) given: &'static str,
    pub(crate) value: String,
}

/// Pixels in the type of the file, in native byte order, row-major.
pub(crate) enum Stored {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    OffsetI16(Vec<u16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    /// Bits of half-precision floats.
    F16(Vec<u16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

macro_rules! on_values {
    ($stored:expr, $values:ident => $body:expr) => {
        match $stored {
            Stored::U8($values) => $body,
            Stored::I8($values) => $body,
            Stored::U16($values) | Stored::OffsetI16($values) | Stored::F16($values) => $body,
            Stored::I16($values) => $body,
            Stored::U32($values) => $body,
            Stored::I32($values) => $body,
            Stored::U64($values) => $body,
            Stored::I64($values) => $body,
            Stored::F32($values) => $body,
            Stored::F64($values) => $body,
        }
    };
}

impl Stored {
    pub(crate) fn zeros(stored_type: StoredType, len: usize) -> Self {
        match stored_type {
            StoredType::U8 => Self::U8(vec![0; len]),
            StoredType::I8 => Self::I8(vec![0; len]),
            StoredType::U16 => Self::U16(vec![0; len]),
            StoredType::I16 => Self::I16(vec![0; len]),
            StoredType::OffsetI16 => Self::OffsetI16(vec![0; len]),
            StoredType::U32 => Self::U32(vec![0; len]),
            StoredType::I32 => Self::I32(vec![0; len]),
            StoredType::U64 => Self::U64(vec![0; len]),
            StoredType::I64 => Self::I64(vec![0; len]),
            StoredType::F16 => Self::F16(vec![0; len]),
            StoredType::F32 => Self::F32(vec![0.0; len]),
            StoredType::F64 => Self::F64(vec![0.0; len]),
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        on_values!(self, values => bytemuck::cast_slice_mut(values))
    }

    /// The pixels as a block of `shape`, whose extents multiply to the number of values.
    pub(crate) fn into_pixels(self, shape: MovieShape) -> Result<Pixels, OutOfRange> {
        Ok(match self {
            Self::U8(v) => Pixels::U8(block(v, shape)),
            Self::U16(v) => Pixels::U16(block(v, shape)),
            Self::I16(v) => Pixels::I16(block(v, shape)),
            Self::U32(v) => Pixels::U32(block(v, shape)),
            Self::F32(v) => Pixels::F32(block(v, shape)),
            Self::I8(v) => Pixels::I16(block(v.into_iter().map(i16::from).collect(), shape)),
            // Flipping the top bit of an unsigned number subtracts 2^15 in two's complement.
            Self::OffsetI16(v) => {
                Pixels::I16(block(v.into_iter().map(|x| (x ^ 0x8000).cast_signed()).collect(), shape))
            }
            Self::F16(v) => Pixels::F32(block(v.into_iter().map(|x| f16::from_bits(x).to_f32()).collect(), shape)),
            Self::U64(v) => Pixels::U32(block(convert(&v, "uint64", "uint32", |x| u32::try_from(x).ok())?, shape)),
            Self::I32(v) => Pixels::F32(block(convert(&v, "int32", "float32", |x| exact_f32(i64::from(x)))?, shape)),
            Self::I64(v) => Pixels::F32(block(convert(&v, "int64", "float32", exact_f32)?, shape)),
            Self::F64(v) => Pixels::F32(block(
                convert(&v, "float64", "float32", |x| {
                    let rounded = x as f32;
                    (rounded.is_finite() || !x.is_finite()).then_some(rounded)
                })?,
                shape,
            )),
        })
    }
}

/// Exchanges the byte order of every value of `width` bytes.
pub(crate) fn swap_bytes(bytes: &mut [u8], width: usize) {
    if width > 1 {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
}

fn block<T>(values: Vec<T>, shape: MovieShape) -> Array3<T> {
    Array3::from_shape_vec((shape.n_frames, shape.height, shape.width), values)
        .expect("callers allocate n_frames * height * width values")
}

/// Integers up to 2^24 in magnitude are exact in 24 bits of mantissa.
fn exact_f32(value: i64) -> Option<f32> {
    (value.unsigned_abs() <= 1 << 24).then_some(value as f32)
}

fn convert<A: Copy + std::fmt::Display + std::fmt::LowerExp, B>(
    values: &[A],
    stored: &'static str,
    given: &'static str,
    one: impl Fn(A) -> Option<B>,
) -> Result<Vec<B>, OutOfRange> {
    // No number needs more than 24 characters but those of many digits, which only an exponent keeps short.
    let text = |value: A| match value.to_string() {
        long if long.len() > 24 => format!("{value:e}"),
        short => short,
    };
    let out_of_range = |value: A| OutOfRange { stored, given, value: text(value) };
    values.iter().map(|&value| one(value).ok_or_else(|| out_of_range(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(stored: Stored) -> Result<Pixels, OutOfRange> {
        stored.into_pixels(MovieShape { n_frames: 1, height: 1, width: 1 })
    }

    #[test]
    fn conversions_are_exact_or_errors() {
        assert_eq!(one(Stored::OffsetI16(vec![0])), Ok(Pixels::I16(Array3::from_elem((1, 1, 1), -32768))));
        assert_eq!(one(Stored::OffsetI16(vec![32770])), Ok(Pixels::I16(Array3::from_elem((1, 1, 1), 2))));
        assert_eq!(one(Stored::I8(vec![-3])), Ok(Pixels::I16(Array3::from_elem((1, 1, 1), -3))));
        assert_eq!(one(Stored::F16(vec![0x3e00])), Ok(Pixels::F32(Array3::from_elem((1, 1, 1), 1.5))));
        assert_eq!(one(Stored::I32(vec![-(1 << 24)])), Ok(Pixels::F32(Array3::from_elem((1, 1, 1), -16_777_216.0))));
        assert!(one(Stored::I32(vec![(1 << 24) + 1])).is_err());
        assert!(one(Stored::U64(vec![1 << 32])).is_err());
        assert_eq!(one(Stored::F64(vec![1e300])).map_err(|e| e.value), Err("1e300".into()));
        assert_eq!(one(Stored::F64(vec![f64::INFINITY])), Ok(Pixels::F32(Array3::from_elem((1, 1, 1), f32::INFINITY))));
    }

    #[test]
    fn byte_order_is_exchanged_within_each_value() {
        let mut bytes = [1, 2, 3, 4];
        swap_bytes(&mut bytes, 2);
        assert_eq!(bytes, [2, 1, 4, 3]);
        swap_bytes(&mut bytes, 1);
        assert_eq!(bytes, [2, 1, 4, 3]);
    }
}
