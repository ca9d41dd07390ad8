//! What can be wrong with a call: sizes only.

use std::fmt;

/// Sizes that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
    /// A slice has another length than the sizes of the layer and of the batch imply.
    Length {
        /// Which argument.
        what: &'static str,
        /// Values it must hold.
        expected: usize,
        /// Values it holds.
        found: usize,
    },
    /// Another number of slices than the layer has inputs.
    Inputs {
        /// Inputs of the layer.
        expected: usize,
        /// Slices given.
        found: usize,
    },
    /// A kernel, a stride or a window, by axis, that these kernels do not compute.
    Unsupported {
        /// Which of them, and what would be supported.
        what: &'static str,
        /// Depth, height, width.
        found: [usize; 3],
    },
    /// The sizes multiply to more than can be addressed.
    TooLarge,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { what, expected, found } => write!(f, "{what} has {found} values, expected {expected}"),
            Self::Inputs { expected, found } => write!(f, "the layer has {expected} inputs, {found} were given"),
            Self::Unsupported { what, found: [d, h, w] } => write!(f, "unsupported {what}: {d} x {h} x {w}"),
            Self::TooLarge => f.write_str("the sizes multiply to more than can be addressed"),
        }
    }
}

impl std::error::Error for ShapeError {}

/// The product of sizes.
///
/// # Errors
///
/// If values of `f32` of that number could not be addressed.
pub(crate) fn product(sizes: &[usize]) -> Result<usize, ShapeError> {
    let n = sizes.iter().try_fold(1usize, |n, s| n.checked_mul(*s)).ok_or(ShapeError::TooLarge)?;
    if n > isize::MAX as usize / 16 { Err(ShapeError::TooLarge) } else { Ok(n) }
}

/// Checks the length of an argument.
///
/// # Errors
///
/// If it is another one.
pub(crate) fn expect_len(what: &'static str, found: usize, sizes: &[usize]) -> Result<(), ShapeError> {
    let expected = product(sizes)?;
    if found == expected { Ok(()) } else { Err(ShapeError::Length { what, expected, found }) }
}
