//! Pixels as bytes: little-endian as they are stored, or native for encoders that order them.

use ndarray::Array3;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};

/// Calls `use_bytes` with the pixels as bytes, row-major, little-endian.
pub(crate) fn with_le_bytes<R>(block: &Pixels, use_bytes: impl FnOnce(&[u8]) -> R) -> R {
    with_ne_bytes(block, |bytes| {
        if cfg!(target_endian = "little") {
            return use_bytes(bytes);
        }
        let mut swapped = bytes.to_vec();
        crate::stored::swap_bytes(&mut swapped, block.pixel_type().n_bytes());
        use_bytes(&swapped)
    })
}

/// Calls `use_bytes` with the pixels as bytes, row-major, in native byte order.
pub(crate) fn with_ne_bytes<R>(block: &Pixels, use_bytes: impl FnOnce(&[u8]) -> R) -> R {
    match block {
        Pixels::U8(a) => with(a, use_bytes),
        Pixels::U16(a) => with(a, use_bytes),
        Pixels::I16(a) => with(a, use_bytes),
        Pixels::U32(a) => with(a, use_bytes),
        Pixels::F32(a) => with(a, use_bytes),
    }
}

/// The pixels as bytes to be written over, in native byte order, if the block has this shape and type and lies in one run.
pub(crate) fn overwrite(block: &mut Pixels, shape: MovieShape, pixel_type: PixelType) -> Option<&mut [u8]> {
    if block.shape() != shape || block.pixel_type() != pixel_type {
        return None;
    }
    Some(match block {
        Pixels::U8(a) => a.as_slice_mut()?,
        Pixels::U16(a) => bytemuck::cast_slice_mut(a.as_slice_mut()?),
        Pixels::I16(a) => bytemuck::cast_slice_mut(a.as_slice_mut()?),
        Pixels::U32(a) => bytemuck::cast_slice_mut(a.as_slice_mut()?),
        Pixels::F32(a) => bytemuck::cast_slice_mut(a.as_slice_mut()?),
    })
}

fn with<T: bytemuck::Pod, R>(array: &Array3<T>, use_bytes: impl FnOnce(&[u8]) -> R) -> R {
    // Arrays that are sliced or transposed are copied into row-major order first.
    let array = array.as_standard_layout();
    use_bytes(bytemuck::cast_slice(array.as_slice().expect("an array in standard layout is one slice")))
}
