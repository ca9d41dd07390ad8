//! A picture as a list of marks, before it is known whether it becomes SVG or PNG.

use super::bitmap::Bitmap;
use super::{Figure, raster, svg};
use sparkwave_core::table::Table;

/// 8-bit sRGB.
pub(super) type Rgb = [u8; 3];

/// A position on the canvas in CSS pixels (1/96 inch), origin at the top left, y downwards.
pub(super) type Point = (f64, f64);

/// How an outline is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) color: Rgb,
    pub(super) opacity: f64,
    pub(super) width: f64,
    /// Lengths of dash and gap.
    pub(super) dash: Option<[f64; 2]>,
}

/// How a shape is painted; the stroke lies over the fill.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paint {
    /// Colour and opacity 0..=1.
    pub(super) fill: Option<(Rgb, f64)>,
    pub(super) stroke: Option<Stroke>,
}

impl Paint {
    pub(super) fn fill(color: Rgb) -> Self {
        Self { fill: Some((color, 1.0)), stroke: None }
    }

    pub(super) fn stroke(color: Rgb, width: f64) -> Self {
        Self { fill: None, stroke: Some(Stroke { color, opacity: 1.0, width, dash: None }) }
    }

    /// The same with another opacity of everything.
    pub(super) fn faded(mut self, opacity: f64) -> Self {
        self.fill = self.fill.map(|(color, _)| (color, opacity));
        self.stroke = self.stroke.map(|stroke| Stroke { opacity, ..stroke });
        self
    }

    /// The same with a dashed outline.
    pub(super) fn dashed(mut self, dash: f64, gap: f64) -> Self {
        self.stroke = self.stroke.map(|stroke| Stroke { dash: Some([dash, gap]), ..stroke });
        self
    }
}

/// One run of straight lines.
#[derive(Clone, Debug)]
pub(super) struct Polyline {
    pub(super) points: Vec<Point>,
    pub(super) closed: bool,
}

/// Where a text stands relative to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A line of text; `at` is on its baseline.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) at: Point,
    pub(super) content: String,
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) bold: bool,
    pub(super) color: Rgb,
    /// True if the text reads upwards.
    pub(super) upwards: bool,
    /// True if a white rim sets the text off from an image.
    pub(super) halo: bool,
}

impl Text {
    pub(super) fn new(at: Point, content: impl Into<String>, size: f64) -> Self {
        Self {
            at,
            content: content.into(),
            size,
            anchor: Anchor::Start,
            bold: false,
            color: super::palette::INK,
            upwards: false,
            halo: false,
        }
    }

    pub(super) fn anchored(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    pub(super) fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    pub(super) fn colored(mut self, color: Rgb) -> Self {
        self.color = color;
        self
    }

    pub(super) fn upwards(mut self) -> Self {
        self.upwards = true;
        self
    }

    pub(super) fn haloed(mut self) -> Self {
        self.halo = true;
        self
    }
}

/// Something drawn.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Path { lines: Vec<Polyline>, paint: Paint },
    Circle { center: Point, radius: f64, paint: Paint },
    Text(Text),
    Image { at: Point, width: f64, height: f64, bitmap: Bitmap, smooth: bool },
}

/// A picture on white, measured in CSS pixels.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) marks: Vec<Mark>,
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, marks: Vec::new() }
    }

    pub(super) fn line(&mut self, from: Point, to: Point, paint: Paint) {
        self.polyline(vec![from, to], paint);
    }

    pub(super) fn polyline(&mut self, points: Vec<Point>, paint: Paint) {
        self.path(vec![Polyline { points, closed: false }], paint);
    }

    pub(super) fn polygon(&mut self, points: Vec<Point>, paint: Paint) {
        self.path(vec![Polyline { points, closed: true }], paint);
    }

    pub(super) fn rect(&mut self, (x, y): Point, width: f64, height: f64, paint: Paint) {
        self.polygon(vec![(x, y), (x + width, y), (x + width, y + height), (x, y + height)], paint);
    }

    /// Several lines as one shape; holes follow the even-odd rule.
    pub(super) fn path(&mut self, lines: Vec<Polyline>, paint: Paint) {
        self.marks.push(Mark::Path { lines, paint });
    }

    pub(super) fn circle(&mut self, center: Point, radius: f64, paint: Paint) {
        self.marks.push(Mark::Circle { center, radius, paint });
    }

    pub(super) fn text(&mut self, text: Text) {
        self.marks.push(Mark::Text(text));
    }

    /// Stretches a bitmap over a rectangle; `smooth` interpolates, otherwise every pixel stays a visible square.
    pub(super) fn image(&mut self, at: Point, width: f64, height: f64, bitmap: Bitmap, smooth: bool) {
        self.marks.push(Mark::Image { at, width, height, bitmap, smooth });
    }

    /// Writes the picture both ways.
    pub(super) fn into_figure(self, name: &str, caption: String, data: Option<Table>) -> Figure {
        Figure { name: name.to_owned(), svg: svg::write(&self, &caption), png: raster::write(&self), data, caption }
    }
}
