//! Scale bars.

use super::Scale;
use super::axis::{self, LABEL_SIZE};
use super::canvas::{Anchor, Canvas, Paint, Point, Text};
use super::palette;

/// The length of a bar for an image `width_px` wide: round, at most a quarter of the image; `None` if the pixel size is
/// unknown.
pub(super) fn length_um(scale: &Scale, width_px: f64) -> Option<f64> {
    scale.pixel_size.map(|size| round_down(width_px * size.x.get() / 4.0))
}

/// Draws the bar of an image `width_px` wide so that it ends at `right_end`, its label below; `zoom` is canvas units per
/// image pixel. Draws nothing if the pixel size is unknown.
pub(super) fn draw(canvas: &mut Canvas, scale: &Scale, width_px: f64, zoom: f64, right_end: Point) {
    let (Some(size), Some(length_um)) = (scale.pixel_size, length_um(scale, width_px)) else { return };
    bar(canvas, length_um / size.x.get() * zoom, label(length_um), right_end);
}

fn bar(canvas: &mut Canvas, length: f64, label: String, (right, y): Point) {
    canvas.line((right - length, y), (right, y), Paint::stroke(palette::INK, 3.0));
    canvas.text(Text::new((right - length / 2.0, y + 15.0), label, LABEL_SIZE).anchored(Anchor::Middle));
}

/// Like [`draw`], but with a bar in pixels if the pixel size is unknown.
pub(super) fn draw_any(canvas: &mut Canvas, scale: &Scale, width_px: f64, zoom: f64, right_end: Point) {
    if scale.pixel_size.is_some() {
        return draw(canvas, scale, width_px, zoom, right_end);
    }
    let length_px = length_px(width_px);
    bar(canvas, length_px * zoom, format!("{length_px} px"), right_end);
}

/// What [`draw_any`] writes below its bar.
pub(super) fn any_label(scale: &Scale, width_px: f64) -> String {
    length_um(scale, width_px).map_or_else(|| format!("{} px", length_px(width_px)), label)
}

/// A round number of pixels, at most a quarter of the image, at least 1.
fn length_px(width_px: f64) -> f64 {
    round_down((width_px / 4.0).max(1.0))
}

/// A length with its unit.
pub(super) fn label(length_um: f64) -> String {
    if length_um >= 1000.0 {
        format!("{} mm", axis::brief(length_um / 1000.0))
    } else {
        format!("{} µm", axis::brief(length_um))
    }
}

/// The largest of 1, 2, 5, 10, ... that is not above `value`; `value` must be positive.
fn round_down(value: f64) -> f64 {
    let next = axis::round_up(value);
    if next <= value * (1.0 + 1e-9) {
        return next;
    }
    let magnitude = 10f64.powf(value.log10().floor());
    [5.0, 2.0, 1.0].into_iter().find(|f| f * magnitude <= value).unwrap_or(1.0) * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::recording::PixelSize;
    use sparkwave_core::units::Micrometers;

    #[test]
    fn the_bar_is_round_and_has_its_true_length() {
        // 512 px of 0.16 um: 81.92 um, a quarter is 20.48 um, so 20 um = 125 px.
        let scale = Scale { pixel_size: PixelSize::square(Micrometers::new(0.16)), frame_interval: None };
        let mut canvas = Canvas::new(600.0, 600.0);
        assert_eq!(length_um(&scale, 512.0), Some(20.0));
        draw(&mut canvas, &scale, 512.0, 1.1, (500.0, 10.0));
        let super::super::canvas::Mark::Path { lines, .. } = &canvas.marks[0] else { panic!("no bar") };
        let length = lines[0].points[1].0 - lines[0].points[0].0;
        assert!((length - 125.0 * 1.1).abs() < 1e-9, "{length}");
    }

    #[test]
    fn no_pixel_size_no_bar() {
        let mut canvas = Canvas::new(10.0, 10.0);
        draw(&mut canvas, &Scale::default(), 512.0, 1.0, (5.0, 5.0));
        assert!(canvas.marks.is_empty());
    }

    #[test]
    fn where_a_bar_must_be_it_is_in_pixels() {
        let mut canvas = Canvas::new(600.0, 600.0);
        draw_any(&mut canvas, &Scale::default(), 512.0, 1.1, (500.0, 10.0));
        let super::super::canvas::Mark::Path { lines, .. } = &canvas.marks[0] else { panic!("no bar") };
        assert!((lines[0].points[1].0 - lines[0].points[0].0 - 110.0).abs() < 1e-9);
        assert_eq!(any_label(&Scale::default(), 512.0), "100 px");
        assert_eq!(any_label(&Scale::default(), 2.0), "1 px");
    }
}
