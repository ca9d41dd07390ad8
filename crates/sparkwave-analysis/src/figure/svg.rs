//! A canvas as an SVG document with live text and embedded images.

use super::canvas::{Anchor, Canvas, Mark, Paint, Point, Polyline, Rgb, Text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

/// Families with the advances of the embedded font come first.
const FAMILIES: &str = "Arimo, Arial, 'Liberation Sans', Helvetica, sans-serif";

/// Writes the document; `label` becomes its accessible name (not a `title` element, which browsers show as a
/// tooltip over the whole picture).
pub(super) fn write(canvas: &Canvas, label: &str) -> String {
    let (width, height) = (Number(canvas.width), Number(canvas.height));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"{}\" font-family=\"{FAMILIES}\" fill-rule=\"evenodd\" \
         stroke-linejoin=\"round\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
        escape(label)
    );
    for mark in &canvas.marks {
        match mark {
            Mark::Path { lines, paint } => {
                out.push_str("<path d=\"");
                lines.iter().for_each(|line| push_line(&mut out, line));
                out.push('"');
                push_paint(&mut out, paint);
                out.push_str("/>\n");
            }
            Mark::Circle { center, radius, paint } => {
                push(&mut out, format_args!("<circle cx=\"{}\" cy=\"{}\"", Number(center.0), Number(center.1)));
                push(&mut out, format_args!(" r=\"{}\"", Number(*radius)));
                push_paint(&mut out, paint);
                out.push_str("/>\n");
            }
            Mark::Text(text) => push_text(&mut out, text),
            Mark::Image { at, width, height, bitmap, smooth } => {
                push(&mut out, format_args!("<image x=\"{}\" y=\"{}\"", Number(at.0), Number(at.1)));
                push(&mut out, format_args!(" width=\"{}\" height=\"{}\"", Number(*width), Number(*height)));
                out.push_str(if *smooth { "" } else { " style=\"image-rendering:pixelated\"" });
                out.push_str(" preserveAspectRatio=\"none\" href=\"data:image/png;base64,");
                STANDARD.encode_string(bitmap.to_png(), &mut out);
                out.push_str("\"/>\n");
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

/// A text with the characters escaped that mean something in XML and HTML, in content and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0, section 2.2: other control characters must not occur at all, not even escaped.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Two decimals are finer than any printer.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Adding 0 turns a negative zero into a positive one.
        let rounded = (self.0 * 100.0).round() / 100.0 + 0.0;
        write!(f, "{rounded}")
    }
}

struct Hex(Rgb);

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self([r, g, b]) = self;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes every character");
}

fn push_line(out: &mut String, line: &Polyline) {
    // Outlines of pixels have horizontal and vertical edges only, and there may be thousands of them.
    let mut previous: Option<Point> = None;
    for &(x, y) in &line.points {
        match previous {
            None => push(out, format_args!("M{} {}", Number(x), Number(y))),
            Some(from) if from.1 == y => push(out, format_args!("H{}", Number(x))),
            Some(from) if from.0 == x => push(out, format_args!("V{}", Number(y))),
            Some(_) => push(out, format_args!("L{} {}", Number(x), Number(y))),
        }
        previous = Some((x, y));
    }
    if line.closed {
        out.push('Z');
    }
}

fn push_paint(out: &mut String, paint: &Paint) {
    match paint.fill {
        Some((color, opacity)) => {
            push(out, format_args!(" fill=\"{}\"", Hex(color)));
            if opacity < 1.0 {
                push(out, format_args!(" fill-opacity=\"{}\"", Number(opacity)));
            }
        }
        None => out.push_str(" fill=\"none\""),
    }
    if let Some(stroke) = paint.stroke {
        push(out, format_args!(" stroke=\"{}\" stroke-width=\"{}\"", Hex(stroke.color), Number(stroke.width)));
        if stroke.opacity < 1.0 {
            push(out, format_args!(" stroke-opacity=\"{}\"", Number(stroke.opacity)));
        }
        if let Some([dash, gap]) = stroke.dash {
            push(out, format_args!(" stroke-dasharray=\"{} {}\"", Number(dash), Number(gap)));
        }
    }
}

fn push_text(out: &mut String, text: &Text) {
    let (x, y) = (Number(text.at.0), Number(text.at.1));
    push(
        out,
        format_args!("<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\"", Number(text.size), Hex(text.color)),
    );
    out.push_str(match text.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    });
    if text.bold {
        out.push_str(" font-weight=\"bold\"");
    }
    if text.halo {
        out.push_str(" stroke=\"#fff\" stroke-width=\"3\" paint-order=\"stroke\"");
    }
    if text.upwards {
        push(out, format_args!(" transform=\"rotate(-90 {x} {y})\""));
    }
    push(out, format_args!(">{}</text>\n", escape(&text.content)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_negative_zero() {
        assert_eq!(Number(-0.001).to_string(), "0");
        assert_eq!(Number(12.3456).to_string(), "12.35");
    }

    #[test]
    fn hostile_text_stays_text() {
        let mut canvas = Canvas::new(10.0, 10.0);
        canvas.text(Text::new((0.0, 0.0), "</text><script>\u{0}&\"'", 10.0));
        let svg = write(&canvas, "<script>");
        assert!(!svg.contains("<script>") && !svg.contains('\u{0}'), "{svg}");
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;\u{fffd}&amp;&quot;&#39;"), "{svg}");
    }
}
