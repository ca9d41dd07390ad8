//! Pixels as the little-endian bytes that all our writers store.

use ndarray::Array3;
use sparkwave_core::movie::Pixels;

/// Calls `use_bytes` with the pixels as bytes, row-major, little-endian.
pub(crate) fn with_le_bytes<R>(block: &Pixels, use_bytes: impl FnOnce(&[u8]) -> R) -> R {
    match block {
        Pixels::U8(a) => with(a, use_bytes),
        Pixels::U16(a) => with(a, use_bytes),
        Pixels::I16(a) => with(a, use_bytes),
        Pixels::U32(a) => with(a, use_bytes),
        Pixels::F32(a) => with(a, use_bytes),
    }
}

fn with<T: bytemuck::Pod, R>(array: &Array3<T>, use_bytes: impl FnOnce(&[u8]) -> R) -> R {
    // Arrays that are sliced or transposed are copied into row-major order first.
    let array = array.as_standard_layout();
    let values = array.as_slice().expect("an array in standard layout is one slice");
    if cfg!(target_endian = "little") || size_of::<T>() == 1 {
        return use_bytes(bytemuck::cast_slice(values));
    }
    let mut bytes = bytemuck::cast_slice::<T, u8>(values).to_vec();
    crate::stored::swap_bytes(&mut bytes, size_of::<T>());
    use_bytes(&bytes)
}
