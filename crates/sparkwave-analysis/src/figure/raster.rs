//! A canvas as pixels.

use super::bitmap::{self, Bitmap};
use super::canvas::{Anchor, Canvas, Mark, Paint, Polyline, Rgb, Stroke, Text};
use super::{font, palette};
use tiny_skia::{
    Color, FillRule, FilterQuality, LineJoin, Path, PathBuilder, Pixmap, PixmapPaint, StrokeDash, Transform,
};

/// PNG pixels per canvas pixel: 192 dpi.
pub(super) const PIXELS_PER_UNIT: f32 = 2.0;

/// Draws the canvas and encodes it as an 8-bit RGB PNG.
pub(super) fn write(canvas: &Canvas) -> Vec<u8> {
    let size = |length: f64| ((length as f32 * PIXELS_PER_UNIT).round() as u32).max(1);
    let (width, height) = (size(canvas.width), size(canvas.height));
    let mut page = Pixmap::new(width, height).expect("every figure bounds its size to a few thousand pixels");
    page.fill(Color::WHITE);
    draw_marks(&mut page, &canvas.marks, PIXELS_PER_UNIT);
    // The page is opaque, so premultiplied and plain colours are the same.
    let rgb: Vec<u8> = page.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut header = png::Info::with_size(width, height);
    header.color_type = png::ColorType::Rgb;
    header.bit_depth = png::BitDepth::Eight;
    let pixels_per_meter = (96.0 * f64::from(PIXELS_PER_UNIT) / 0.0254).round() as u32;
    header.pixel_dims =
        Some(png::PixelDimensions { xppu: pixels_per_meter, yppu: pixels_per_meter, unit: png::Unit::Meter });
    bitmap::encode(header, &rgb, png::Filter::Adaptive, png::Compression::Balanced)
}

/// Draws marks over what is on the page.
pub(super) fn draw_marks(page: &mut Pixmap, marks: &[Mark], pixels_per_unit: f32) {
    let to_page = Transform::from_scale(pixels_per_unit, pixels_per_unit);
    for mark in marks {
        draw(page, mark, to_page);
    }
}

fn draw(page: &mut Pixmap, mark: &Mark, to_page: Transform) {
    match mark {
        Mark::Path { lines, paint } => {
            if let Some(path) = path_of(lines) {
                paint_path(page, &path, paint, to_page);
            }
        }
        Mark::Circle { center, radius, paint } => {
            if let Some(path) = PathBuilder::from_circle(center.0 as f32, center.1 as f32, *radius as f32) {
                paint_path(page, &path, paint, to_page);
            }
        }
        Mark::Text(text) => draw_text(page, text, to_page),
        Mark::Image { at, width, height, bitmap, smooth } => {
            let Some(image) = pixmap_of(bitmap) else { return };
            let scale = (*width as f32 / bitmap.width as f32, *height as f32 / bitmap.height as f32);
            let place = to_page.pre_translate(at.0 as f32, at.1 as f32).pre_scale(scale.0, scale.1);
            let quality = if *smooth { FilterQuality::Bicubic } else { FilterQuality::Nearest };
            page.draw_pixmap(0, 0, image.as_ref(), &PixmapPaint { quality, ..PixmapPaint::default() }, place, None);
        }
    }
}

fn path_of(lines: &[Polyline]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for line in lines {
        for (i, &(x, y)) in line.points.iter().enumerate() {
            if i == 0 {
                builder.move_to(x as f32, y as f32);
            } else {
                builder.line_to(x as f32, y as f32);
            }
        }
        if line.closed {
            builder.close();
        }
    }
    builder.finish()
}

fn ink(color: Rgb, opacity: f64) -> tiny_skia::Paint<'static> {
    let mut paint = tiny_skia::Paint::default();
    paint.set_color_rgba8(color[0], color[1], color[2], (opacity.clamp(0.0, 1.0) * 255.0).round() as u8);
    paint
}

fn paint_path(page: &mut Pixmap, path: &Path, paint: &Paint, transform: Transform) {
    if let Some((color, opacity)) = paint.fill {
        page.fill_path(path, &ink(color, opacity), FillRule::EvenOdd, transform, None);
    }
    if let Some(Stroke { color, opacity, width, dash }) = paint.stroke {
        let stroke = tiny_skia::Stroke {
            width: width as f32,
            line_join: LineJoin::Round,
            dash: dash.and_then(|lengths| StrokeDash::new(lengths.map(|v| v as f32).to_vec(), 0.0)),
            ..tiny_skia::Stroke::default()
        };
        page.stroke_path(path, &ink(color, opacity), &stroke, transform, None);
    }
}

fn draw_text(page: &mut Pixmap, text: &Text, to_page: Transform) {
    let mut pen = Pen { builder: PathBuilder::new(), x: 0.0 };
    let em = font::outline(&text.content, text.bold, &mut pen, |pen, x| pen.x = x as f32);
    let Some(path) = pen.builder.finish() else { return };
    let shift = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -0.5 * font::width(&text.content, text.size, text.bold),
        Anchor::End => -font::width(&text.content, text.size, text.bold),
    };
    let turn = Transform::from_rotate(if text.upwards { -90.0 } else { 0.0 });
    let scale = (text.size / em) as f32;
    let place = to_page
        .pre_translate(text.at.0 as f32, text.at.1 as f32)
        .pre_concat(turn)
        .pre_translate(shift as f32, 0.0)
        .pre_scale(scale, -scale);
    if text.halo {
        let rim = tiny_skia::Stroke { width: 3.0 / scale, line_join: LineJoin::Round, ..tiny_skia::Stroke::default() };
        page.stroke_path(&path, &ink(palette::PAPER, 1.0), &rim, place, None);
    }
    // TrueType outlines overlap where glyphs are built from parts: non-zero winding, unlike the figures' own shapes.
    page.fill_path(&path, &ink(text.color, 1.0), FillRule::Winding, place, None);
}

/// Collects glyph outlines side by side.
struct Pen {
    builder: PathBuilder,
    x: f32,
}

impl ttf_parser::OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.builder.move_to(self.x + x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.builder.line_to(self.x + x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.builder.quad_to(self.x + x1, y1, self.x + x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.builder.cubic_to(self.x + x1, y1, self.x + x2, y2, self.x + x, y);
    }

    fn close(&mut self) {
        self.builder.close();
    }
}

fn pixmap_of(bitmap: &Bitmap) -> Option<Pixmap> {
    let mut image = Pixmap::new(bitmap.width as u32, bitmap.height as u32)?;
    for (index, pixel) in image.data_mut().chunks_exact_mut(4).enumerate() {
        let [r, g, b] = bitmap.rgb(index);
        pixel.copy_from_slice(&[r, g, b, 255]);
    }
    Some(image)
}
