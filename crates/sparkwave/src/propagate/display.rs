//! How pixels of any type become shades: what networks for pictures are shown.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::Span;
use sparkwave_core::source::FrameSource;

/// The values that are black and white; between them shades are linear.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Display {
    /// This value and what is below is black.
    pub black: f32,
    /// This value and what is above is white.
    pub white: f32,
}

impl Display {
    /// From 0, black, to 1, white; 0 for what is not a number.
    pub(super) fn shade(self, value: f32) -> f32 {
        let shade = (value - self.black) / (self.white - self.black);
        if shade.is_nan() { 0.0 } else { shade.clamp(0.0, 1.0) }
    }
}

/// Frames that are looked at to choose shades.
const LOOKS: usize = 9;

/// What was asked for, or the 0.1 and 99.9 percentiles of some frames spread over the movie.
pub(super) fn resolve(asked: Option<Display>, source: &dyn FrameSource) -> Result<Display, Error> {
    if let Some(display) = asked {
        let in_order = display.black < display.white;
        if !in_order || !(display.white - display.black).is_finite() {
            let found = format!("{} and {}", display.black, display.white);
            return Err(Error::Parameter { name: "display", expected: "a number, and a larger one", found });
        }
        return Ok(display);
    }
    let shape = source.shape();
    let step = shape.n_frames.div_ceil(LOOKS).max(1);
    let mut values = Vec::new();
    for frame in (0..shape.n_frames).step_by(step) {
        let pixels = source.read(Span::new(frame, frame + 1), Span::new(0, shape.height))?.to_f32();
        values.extend(pixels.iter().copied().filter(|v| v.is_finite()));
    }
    let (black, white) = sparkwave_io::display::percentiles(&mut values).unwrap_or((0.0, 1.0));
    // A movie of one value has no shades.
    Ok(Display { black, white: if white > black { white } else { (black + 1.0).max(black.next_up()) } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use sparkwave_core::movie::Pixels;
    use sparkwave_core::recording::Recording;
    use sparkwave_core::source::InMemory;

    #[test]
    fn shades_reach_from_percentile_to_percentile() {
        let movie = Array3::from_shape_fn((20, 40, 50), |(_, y, x)| (y * 50 + x) as u16);
        let source = InMemory::new(Recording::default(), Pixels::U16(movie));
        let display = resolve(None, &source).expect("readable");
        assert_eq!((display.black, display.white), (2.0, 1997.0));
        assert_eq!([0.0, 2.0, 999.5, 5000.0, f32::NAN].map(|v| display.shade(v)), [0.0, 0.0, 0.5, 1.0, 0.0]);
        let flat = InMemory::new(Recording::default(), Pixels::U8(Array3::from_elem((2, 3, 3), 7)));
        assert_eq!(resolve(None, &flat).expect("readable").shade(7.0), 0.0);
        assert!(resolve(Some(Display { black: 1.0, white: 1.0 }), &flat).is_err());
    }
}
