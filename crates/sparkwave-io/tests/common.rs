//! Movies for tests, and where the shared data are.

use ndarray::Array3;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{PixelType, Pixels};
use sparkwave_core::recording::{FrameTimes, PixelSize, Recording, Sourced};
use sparkwave_core::source::FrameSource;
use sparkwave_core::units::{Micrometers, Seconds};
use std::path::PathBuf;

pub(crate) const ALL_TYPES: [PixelType; 5] =
    [PixelType::U8, PixelType::U16, PixelType::I16, PixelType::U32, PixelType::F32];

/// Pixels that differ from each other in every byte of their type, by a fixed rule.
pub(crate) fn pixels(kind: PixelType, shape: (usize, usize, usize)) -> Pixels {
    let value = |(t, y, x): (usize, usize, usize)| (t * 7919 + y * 104_729 + x * 1_299_709) as u32;
    match kind {
        PixelType::U8 => Pixels::U8(Array3::from_shape_fn(shape, |i| value(i) as u8)),
        PixelType::U16 => Pixels::U16(Array3::from_shape_fn(shape, |i| value(i) as u16)),
        PixelType::I16 => Pixels::I16(Array3::from_shape_fn(shape, |i| value(i) as i16)),
        PixelType::U32 => Pixels::U32(Array3::from_shape_fn(shape, |i| value(i).wrapping_mul(2_654_435_761))),
        PixelType::F32 => Pixels::F32(Array3::from_shape_fn(shape, |i| value(i) as f32 / 7.0 - 1e5)),
    }
}

pub(crate) fn recording() -> Recording {
    let size = PixelSize::new(Micrometers::new(0.16), Micrometers::new(0.2)).unwrap();
    let times = FrameTimes::Regular { interval: Seconds::new(0.1) };
    Recording {
        id: "test".into(),
        pixel_size: Some(Sourced::new(size, "test")),
        frame_times: Some(Sourced::new(times, "test")),
        ..Recording::default()
    }
}

pub(crate) fn read_all(source: &dyn FrameSource) -> Pixels {
    let shape = source.shape();
    source.read(Span::new(0, shape.n_frames), Span::new(0, shape.height)).unwrap()
}

/// The folder of shared data, three levels above this crate's manifest, beside the checkout; `None` with a printed note
/// where it is absent.
#[allow(clippy::print_stderr)]
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}
