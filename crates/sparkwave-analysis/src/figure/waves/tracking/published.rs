//! The look of the published program (RatCortex-IOS, `genTrackVideotest_english_on_pic.m`).
//!
//! Its picture is 512 px wide, and so is the canvas here whatever the size of the recording: texts stand where they stood.

use super::super::super::canvas::{Canvas, Paint, Point, Rgb, Text};
use super::super::super::{contour, font};
use super::super::map::FieldPanel;
use super::super::{ColorMap, Field, TrackPoint};
use super::{Layout, TrackingScene, TrackingVideo, picture_px};
use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::Mask;

/// How much of the anatomy and of the colour is added up. The published program takes 0.9 of the raw counts, which leave
/// most of the range empty; here the anatomy fills its range and would drown white texts.
pub(super) const GROUND: f32 = 0.5;
const COLOR: f32 = 0.5;
const WIDTH: f64 = 512.0;
/// From one wave's texts to the next one's.
const ROW: f64 = 60.0;
const TEXT_SIZE: f64 = 12.0;
const WHITE: Rgb = [255, 255, 255];
const RED: Rgb = [255, 0, 0];
const GREEN: Rgb = [0, 255, 0];
const YELLOW: Rgb = [255, 255, 0];
/// Length of the arrow head.
const HEAD: f64 = 10.0;

pub(super) fn layout(scene: &TrackingScene<'_>) -> Layout {
    let (height_px, width_px) = picture_px(&scene.field, scene.image_px);
    let pixels_per_unit = width_px as f64 / WIDTH;
    let mut plane = FieldPanel::new(&scene.field, (0.0, 0.0), WIDTH);
    (plane.panel.width, plane.panel.height) = (WIDTH, height_px as f64 / pixels_per_unit);
    let page_px = (width_px, height_px);
    Layout { pixels_per_unit, plane, left_px: 0, top_px: 0, width_px, height_px, page_px }
}

pub(super) fn color_table() -> Vec<(Rgb, f32)> {
    ColorMap::Jet.table().into_iter().map(|color| (color, COLOR)).collect()
}

pub(super) fn draw(canvas: &mut Canvas, video: &TrackingVideo<'_>, interval: usize) {
    let scene = &video.scene;
    let plane = video.layout.plane;
    let frames = || scene.waves.iter().flat_map(|track| track.wave.frames.iter().filter(|f| f.frame == interval));
    if let Some(merged) = Mask::of_pixels(frames().flat_map(|f| f.mask.pixels())) {
        canvas.path(plane.lines(&contour::outlines(&merged)), Paint::stroke(RED, 1.5));
    }
    for (k, track) in scene.waves.iter().enumerate() {
        let centroid = |p: &TrackPoint| p.centroid.map(|at| Seen { t_s: p.t_s, n_pixels: p.n_pixels, at });
        let seen: Vec<Seen> = track.points.iter().filter(|p| p.frame <= interval).filter_map(centroid).collect();
        if track.points.iter().any(|p| p.frame == interval && p.centroid.is_some()) {
            draw_wave(canvas, &scene.field, &plane, ROW * k as f64, &seen);
        }
    }
}

/// A wave in an interval in which it has a centroid.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    t_s: f64,
    n_pixels: usize,
    at: PointYx,
}

fn draw_wave(canvas: &mut Canvas, field: &Field<'_>, plane: &FieldPanel, shift: f64, seen: &[Seen]) {
    let Some((now, earlier)) = seen.split_last() else { return };
    if let (Some(first), Some(last)) = (earlier.first(), earlier.last()) {
        let way = seen.iter().map(|s| plane.at(s.at)).collect();
        canvas.polyline(way, Paint::stroke(RED, 2.0));
        let (from, to) = (plane.at(first.at), plane.at(now.at));
        canvas.line(from, to, Paint::stroke(GREEN, 3.0));
        if now.at != last.at {
            draw_arrow(canvas, plane.at(last.at), to);
            let (step, time) = (field.distance(last.at, now.at), now.t_s - last.t_s);
            let path: f64 = seen.windows(2).map(|w| field.distance(w[0].at, w[1].at)).sum();
            write(canvas, (20.0, 10.0 + shift), format!("Inst V: {}", speed(field, step, time)), WHITE);
            write(canvas, (200.0, 10.0 + shift), format!("Aver V: {}", speed(field, path, now.t_s - first.t_s)), WHITE);
        }
        let distance = field.distance(first.at, now.at);
        let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
        write(canvas, middle, format!("Distance: {distance:.2} {}", field.length_unit()), GREEN);
        write(canvas, from, format!("Original point: {}", place(first.at)), WHITE);
        write(canvas, (20.0, 40.0 + shift), format!("Last time: {} s", number(now.t_s - first.t_s)), WHITE);
    }
    let area = format!("Aera: {}{}", number(field.area(now.n_pixels)), field.area_unit());
    write(canvas, (350.0, 10.0 + shift), area, WHITE);
    write(canvas, plane.at(now.at), format!("Central point: {}", place(now.at)), WHITE);
}

/// The last step with a filled head whose sides stand at 45 degrees to it.
fn draw_arrow(canvas: &mut Canvas, from: Point, to: Point) {
    canvas.line(from, to, Paint::stroke(YELLOW, 2.0));
    let heading = (to.1 - from.1).atan2(to.0 - from.0);
    let side = |turn: f64| {
        let angle = heading + std::f64::consts::PI + turn;
        (to.0 + HEAD * angle.cos(), to.1 + HEAD * angle.sin())
    };
    let turn = std::f64::consts::FRAC_PI_4;
    canvas.polygon(vec![to, side(turn), side(-turn)], Paint::fill(YELLOW));
}

/// A text whose upper left corner is at a point.
fn write(canvas: &mut Canvas, (x, y): Point, text: String, color: Rgb) {
    canvas.text(Text::new((x, y + font::CAP_HEIGHT * TEXT_SIZE + 2.0), text, TEXT_SIZE).colored(color));
}

/// A way over a time; mm/min with a pixel size, otherwise px/s.
fn speed(field: &Field<'_>, way: f64, seconds: f64) -> String {
    let per_second = if seconds > 0.0 { way / seconds } else { f64::NAN };
    let speed = if field.pixel_size.is_some() { 60.0 * per_second } else { per_second };
    format!("{speed:.2} {}", field.speed_unit())
}

/// At most four decimals, of numbers below 1 five digits, as MATLAB's `num2str` writes them.
fn number(value: f64) -> String {
    let n_leading_zeros = (-value.abs().log10()).ceil().clamp(0.0, 9.0) as usize;
    let text = format!("{value:.*}", 4 + n_leading_zeros);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A point as the published program counts: x first, from 1.
fn place(point: PointYx) -> String {
    format!("({}, {})", number(point.x + 1.0), number(point.y + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_matlab_does() {
        assert_eq!(number(1.6081), "1.6081");
        assert_eq!(number(0.72699), "0.72699");
        assert_eq!(number(3.376), "3.376");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(75.0), "75");
        assert_eq!(place(PointYx { y: 392.248_94, x: 147.286_2 }), "(148.2862, 393.2489)");
    }
}
