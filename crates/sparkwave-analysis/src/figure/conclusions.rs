//! Figures of conclusions: groups compared, subtypes, associations, classifiers and their scores.
//!
//! Every function takes plain numbers with their names, so that a figure can be drawn of what an analysis returned or of the
//! tables that it wrote, and keeps them as the data of the figure.

mod beeswarm;
mod curves;
mod density;
mod estimates;
mod map;
mod matrix;
mod montage;
mod null;
mod paired;
mod parts;
mod samples;
#[cfg(test)]
mod tests;

pub use beeswarm::beeswarm;
pub use curves::{Curve, CurvePanel, curves};
pub use estimates::{Row, estimates};
pub use map::map;
pub use matrix::{Cell, Matrix, Scale as MatrixScale, matrix};
pub use montage::{Shown, montage};
pub use null::null_distribution;
pub use paired::paired;
pub use parts::parts;
pub use samples::{Bracket, Reference, Sample, ScoreAxis, samples};

use super::Figure;
use super::axis::LABEL_SIZE;
use super::canvas::{Canvas, Text};
use super::palette;

/// A figure that says that there is nothing to draw.
fn nothing(name: &str) -> Figure {
    let mut canvas = Canvas::new(320.0, 60.0);
    canvas.text(Text::new((20.0, 34.0), "Nothing to show.", LABEL_SIZE).colored(palette::QUIET));
    canvas.into_figure(name, "There was nothing to show.".to_owned(), None)
}

/// A range that holds all finite values with some room, or `None` without any.
fn room(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return None;
    }
    let margin = if high > low { 0.05 * (high - low) } else { 0.5 * high.abs().max(1e-9) };
    Some((low - margin, high + margin))
}
