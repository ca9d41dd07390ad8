//! Figures as SVG and PNG, and the report.
//!
//! Every function here is pure: arrays and tables in, text and bytes out, the same bytes for the same input. A figure is
//! drawn once, on a canvas of a few kinds of marks, and the canvas is written twice: as SVG with live text, and as PNG
//! with the glyphs of an embedded font (Arimo, whose advances equal those of Arial and Helvetica, so that both agree).
//! No system font, browser or display is needed.
//!
//! Grey images are inverted as is customary for dendrites: bright fluorescence is dark on white.

mod axis;
mod bitmap;
mod canvas;
mod change;
pub mod conclusions;
mod contour;
mod crop;
mod distributions;
mod drift;
pub mod experiment;
mod filmstrip;
mod font;
mod gray;
mod kymograph;
mod outline;
mod pair;
mod palette;
mod precision_recall;
mod projection;
mod raster;
mod report;
mod scale_bar;
mod svg;
#[cfg(test)]
mod tests;
mod training;
pub mod waves;

pub use change::mean_ratios;
pub use crop::event_crop;
pub use distributions::distributions;
pub use drift::drift;
pub use filmstrip::filmstrips;
pub use kymograph::kymograph;
pub use pair::side_by_side;
pub use precision_recall::precision_recall;
pub use projection::max_projection;
pub use report::{
    AnalysisReport, ChangeReport, EpisodeSection, Report, Trace, WavesReport, analysis_report_html, change_report_html,
    report_html, waves_report_html,
};
pub use training::training_losses;

use ndarray::Array3;
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::Table;
use sparkwave_core::units::Seconds;

/// What a pixel and a frame are worth. Whatever is unknown is drawn in pixels and frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scale {
    /// Pixel size, if known.
    pub pixel_size: Option<PixelSize>,
    /// Time from one frame to the next, if known.
    pub frame_interval: Option<Seconds>,
}

impl Scale {
    /// Time of one frame and the unit of the product: seconds if the interval is known, otherwise frames.
    fn per_frame(&self) -> (f64, &'static str) {
        self.frame_interval.map_or((1.0, "frames"), |interval| (interval.get(), "s"))
    }

    /// Height of a pixel over its width, 1 if unknown.
    fn aspect(&self) -> f64 {
        self.pixel_size.map_or(1.0, |size| size.y.get() / size.x.get())
    }
}

/// A drawn figure: the same picture twice, the numbers behind it and the text below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// File stem, for example `max_projection`.
    pub name: String,
    /// A complete SVG document; images are embedded, text is text.
    pub svg: String,
    /// The same picture as an 8-bit PNG at twice the SVG's size (192 dpi).
    pub png: Vec<u8>,
    /// The numbers that were drawn, where they are not simply the input image.
    pub data: Option<Table>,
    /// What is shown, as plain sentences.
    pub caption: String,
}

/// A short movie around one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// The event's id.
    pub event_id: u32,
    /// Frame of the movie at which the clip begins.
    pub first_frame: usize,
    /// Row of the movie at which the clip begins.
    pub top: usize,
    /// Column of the movie at which the clip begins.
    pub left: usize,
    /// Registered counts `[T, Y, X]`.
    pub pixels: Array3<f32>,
    /// The event's voxels, same shape as `pixels`.
    pub mask: Array3<bool>,
    /// Frame of the movie (not of the clip) at which the event peaks.
    pub peak_frame: usize,
    /// dF/F0 averaged over the event's footprint, one value a frame from `trace_first_frame`; NaN where unknown.
    pub trace: Vec<f32>,
    /// Frame of the movie at which `trace` begins.
    pub trace_first_frame: usize,
}

impl Clip {
    /// The movie's frames that the mask occupies, `start..end`; empty at the peak if the mask is empty.
    fn event_frames(&self) -> (usize, usize) {
        let occupied = |t: &usize| self.mask.index_axis(ndarray::Axis(0), *t).iter().any(|&inside| inside);
        let n_frames = self.mask.dim().0;
        match ((0..n_frames).find(occupied), (0..n_frames).rev().find(occupied)) {
            (Some(first), Some(last)) => (self.first_frame + first, self.first_frame + last + 1),
            _ => (self.peak_frame, self.peak_frame),
        }
    }
}
