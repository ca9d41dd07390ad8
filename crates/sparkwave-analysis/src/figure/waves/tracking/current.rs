//! The look that tells what was measured.

use super::super::super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::super::super::bitmap::Bitmap;
use super::super::super::canvas::{Anchor, Canvas, Paint, Point, Polyline, Rgb, Text};
use super::super::super::{axis, contour, palette, scale_bar};
use super::super::map::{FieldPanel, blended, draw_rimmed};
use super::super::{ColorMap, TrackPoint, WaveTrack, rate_title};
use super::{Layout, TrackingScene, TrackingVideo, clock, picture_px};

/// The longest side of the picture in units of the canvas: sets the size of texts against it.
const SIDE: f64 = 560.0;
const LEFT: f64 = 14.0;
const ROW: f64 = 19.0;
/// Room for the colour bar.
const RIGHT: f64 = 92.0;
/// Room for the key and the scale bar.
const FOOT: f64 = 48.0;
/// The page is at least this wide, for the texts above a narrow picture.
const NARROWEST: f64 = 470.0;
/// Waves that have a line above the picture.
const MOST_LINES: usize = 4;
/// The gray on which the colour bar stands: that of typical cortex.
const BAR_GROUND: f64 = 140.0;

pub(super) fn layout(scene: &TrackingScene<'_>) -> Layout {
    let (height_px, width_px) = picture_px(&scene.field, scene.image_px);
    let pixels_per_unit = height_px.max(width_px) as f64 / SIDE;
    let top = 12.0 + n_lines(scene) as f64 * ROW + 6.0;
    let left_px = (LEFT * pixels_per_unit).round() as usize;
    let top_px = (top * pixels_per_unit).round() as usize;
    let unit = |px: usize| px as f64 / pixels_per_unit;
    let mut plane = FieldPanel::new(&scene.field, (unit(left_px), unit(top_px)), SIDE);
    (plane.panel.width, plane.panel.height) = (unit(width_px), unit(height_px));
    let even = |length: f64| (length * pixels_per_unit / 2.0).ceil() as usize * 2;
    let page_px = (even((plane.panel.right() + RIGHT).max(NARROWEST)), even(plane.panel.bottom() + FOOT));
    Layout { pixels_per_unit, plane, left_px, top_px, width_px, height_px, page_px }
}

fn n_lines(scene: &TrackingScene<'_>) -> usize {
    scene.waves.len().clamp(2, MOST_LINES)
}

/// The colours with their opacity: what hardly changes lets the anatomy through.
pub(super) fn color_table(map: ColorMap) -> Vec<(Rgb, f32)> {
    let table = map.table();
    let last = (table.len() - 1) as f64;
    table.into_iter().enumerate().map(|(i, color)| (color, opacity(map, 2.0 * i as f64 / last - 1.0) as f32)).collect()
}

fn opacity(map: ColorMap, position: f64) -> f64 {
    match map {
        ColorMap::Diverging => 0.92 * (1.8 * position.abs()).min(1.0),
        ColorMap::Jet => 0.6,
    }
}

/// What does not move: colour bar, scale bar, key.
pub(super) fn draw_page(canvas: &mut Canvas, scene: &TrackingScene<'_>, layout: &Layout, step_s: f64) {
    let plane = layout.plane;
    let percent = 100.0 * f64::from(scene.limit);
    let bar = Panel {
        left: plane.panel.right() + 16.0,
        top: plane.panel.top + 8.0,
        width: 14.0,
        height: (plane.panel.height - 8.0).min(300.0),
        x: (0.0, 1.0),
        y: (-percent, percent),
    };
    let color = |part: f64| {
        let position = 2.0 * part - 1.0;
        blended(BAR_GROUND, scene.map.color(position), opacity(scene.map, position))
    };
    canvas.image((bar.left, bar.top), bar.width, bar.height, Bitmap::vertical_ramp(256, color), true);
    canvas.rect((bar.left, bar.top), bar.width, bar.height, Paint::stroke(palette::INK, 0.9));
    bar.draw_right_axis(canvas, bar.y, &rate_title(scene.intervals));
    let foot = plane.panel.bottom() + 14.0;
    let right = plane.panel.right();
    scale_bar::draw_any(canvas, &scene.field.scale(), scene.field.size().1, plane.zoom, (right, foot));
    draw_key(canvas, (LEFT, foot), scene, step_s);
}

/// What the lines mean, in two rows.
fn draw_key(canvas: &mut Canvas, (left, top): Point, scene: &TrackingScene<'_>, step_s: f64) {
    let color = palette::wave_color(scene.waves.first().map_or(1, |track| track.wave.id));
    let sample = |x: f64, y: f64| vec![Polyline { points: vec![(x, y), (x + 22.0, y)], closed: false }];
    let columns = [left, left + 122.0, left + 270.0];
    let at = |column: usize, row: usize| (columns[column], top + 17.0 * row as f64);
    let mut item = |(x, y): Point, width: f64, color: Rgb, dashed: bool, label: &str| {
        draw_rimmed(canvas, sample(x, y), color, width, dashed);
        canvas.text(Text::new((x + 28.0, y + 4.0), label, TICK_SIZE));
    };
    item(at(0, 0), 3.4, color, false, "leading front");
    item(at(0, 1), 1.6, palette::PAPER, false, "way of the front");
    item(at(1, 0), 1.6, color, false, "mask, measured");
    item(at(1, 1), 1.6, color, true, "mask, interpolated");
    let (x, y) = at(2, 0);
    canvas.path(sample(x, y), Paint::stroke(color, 1.0));
    let label = format!("isochrones every {} s", axis::brief(step_s));
    canvas.text(Text::new((x + 28.0, y + 4.0), label, TICK_SIZE));
}

pub(super) fn draw(canvas: &mut Canvas, video: &TrackingVideo<'_>, interval: usize) {
    let scene = &video.scene;
    let plane = video.layout.plane;
    if !video.window.is_empty() {
        canvas.path(video.window.clone(), Paint::stroke(palette::PAPER, 0.8).faded(0.7));
    }
    let now = scene.intervals.get(interval);
    for (track, prepared) in scene.waves.iter().zip(&video.waves) {
        let color = palette::wave_color(track.wave.id);
        let Some(end_s) = now.map(|i| i.end_s) else { continue };
        for isochrone in prepared.isochrones.iter().filter(|i| track.onset_s + i.lag_s < end_s) {
            canvas.path(plane.lines(&isochrone.lines), Paint::stroke(color, 0.8).faded(0.85));
        }
        for frame in track.wave.frames.iter().filter(|f| f.frame == interval) {
            plane.draw_mask(canvas, frame, color, 1.6);
        }
        let front = plane.lines(&contour::isolines(&prepared.arrival, end_s as f32));
        draw_rimmed(canvas, front, color, 3.4, false);
        draw_way(canvas, &plane, track, interval);
        if let Some(origin) = track.origin.filter(|_| end_s >= track.onset_s) {
            plane.draw_origin(canvas, origin, 4.0);
        }
    }
    draw_head(canvas, video, interval);
}

/// The way of the front so far, with a dot at its present place.
fn draw_way(canvas: &mut Canvas, plane: &FieldPanel, track: &WaveTrack<'_>, interval: usize) {
    let passed = track.points.iter().filter(|p| p.frame <= interval).filter_map(|p| p.front);
    let points: Vec<Point> = track.origin.into_iter().chain(passed).map(|p| plane.at(p)).collect();
    let is_present = track.points.iter().any(|p| p.frame == interval && p.front.is_some());
    let place = points.last().copied().filter(|_| is_present);
    if points.len() > 1 {
        draw_rimmed(canvas, vec![Polyline { points, closed: false }], palette::PAPER, 1.6, false);
    }
    if let Some(at) = place {
        canvas.circle(at, 4.6, Paint::fill(palette::INK));
        canvas.circle(at, 3.4, Paint::fill(palette::PAPER));
    }
}

/// The lines above the picture: a line a wave, and the time.
fn draw_head(canvas: &mut Canvas, video: &TrackingVideo<'_>, interval: usize) {
    let scene = &video.scene;
    let baseline = |row: usize| 12.0 + ROW * row as f64 + 12.0;
    let present = |track: &&WaveTrack<'_>| track.points.iter().any(|p| p.frame == interval);
    // Waves in sight come first if there are more than lines.
    let mut listed: Vec<&WaveTrack<'_>> = scene.waves.iter().collect();
    if listed.len() > MOST_LINES {
        let (seen, unseen): (Vec<_>, Vec<_>) = listed.into_iter().partition(present);
        listed = seen.into_iter().chain(unseen).take(MOST_LINES).collect();
        listed.sort_by_key(|track| track.wave.id);
    }
    for (row, track) in listed.into_iter().enumerate() {
        let y = baseline(row);
        let swatch = Polyline { points: vec![(LEFT + 1.0, y - 4.5), (LEFT + 17.0, y - 4.5)], closed: false };
        draw_rimmed(canvas, vec![swatch], palette::wave_color(track.wave.id), 5.0, false);
        canvas.text(Text::new((LEFT + 26.0, y), format!("Wave {}", track.wave.name), LABEL_SIZE + 1.0).bold());
        let point = track.points.iter().find(|p| p.frame == interval);
        let mut write = |x: f64, text: String, anchor: Anchor| {
            let color = if point.is_some() { palette::INK } else { palette::QUIET };
            canvas.text(Text::new((LEFT + x, y), text, LABEL_SIZE + 1.0).anchored(anchor).colored(color));
        };
        let (speed, area) = values(scene, point);
        write(196.0, speed, Anchor::End);
        write(296.0, area, Anchor::End);
        if point.is_some_and(|p| p.filled) {
            write(306.0, "interpolated".to_owned(), Anchor::Start);
        }
    }
    let right = video.layout.page_px.0 as f64 / video.layout.pixels_per_unit - LEFT;
    let Some(now) = scene.intervals.get(interval) else { return };
    let time = Text::new((right, baseline(0) + 1.0), clock(scene.started_s, now.end_s), LABEL_SIZE + 4.0).bold();
    canvas.text(time.anchored(Anchor::End));
    let elapsed = (now.end_s - scene.episode.start_s).round();
    let elapsed = match elapsed {
        e if e < 0.0 => format!("{} s before onset", axis::fixed(-e, 0)),
        e => format!("{} s after onset", axis::fixed(e, 0)),
    };
    let elapsed = if now.valid { elapsed } else { format!("gap, no data · {elapsed}") };
    canvas.text(Text::new((right, baseline(1) + 1.0), elapsed, LABEL_SIZE + 1.0).anchored(Anchor::End));
}

/// Speed and area as texts; a dash where unknown.
fn values(scene: &TrackingScene<'_>, point: Option<&TrackPoint>) -> (String, String) {
    let field = &scene.field;
    let speed = point.and_then(|p| p.speed).filter(|v| v.is_finite());
    let speed = speed.map_or_else(|| "–".to_owned(), |v| axis::fixed(v, if v < 100.0 { 1 } else { 0 }));
    let decimals = if field.pixel_size.is_some() { 2 } else { 0 };
    let area = point.map_or_else(|| "–".to_owned(), |p| axis::fixed(field.area(p.n_pixels), decimals));
    (format!("{speed} {}", field.speed_unit()), format!("{area} {}", field.area_unit()))
}
