//! The embedded font: advances for layout, outlines for pixels.
//!
//! Arimo, SIL Open Font License 1.1 (`font/OFL.txt`), reduced by `font/subset.py`.

use ttf_parser::{Face, OutlineBuilder};

static REGULAR: &[u8] = include_bytes!("font/arimo-regular.ttf");
static BOLD: &[u8] = include_bytes!("font/arimo-bold.ttf");

/// Height of capitals in ems, to centre text on a line.
pub(super) const CAP_HEIGHT: f64 = 1409.0 / 2048.0;

fn face(bold: bool) -> Face<'static> {
    let bytes = if bold { BOLD } else { REGULAR };
    Face::parse(bytes, 0).expect("the embedded fonts are valid: a test parses both")
}

/// Width of a line of text in the units of `size`.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let face = face(bold);
    let units: f64 = glyphs(&face, text).map(|(_, advance)| advance).sum();
    units * size / f64::from(face.units_per_em())
}

/// The text cut to a width, with an ellipsis at its end if anything had to go.
pub(super) fn shortened(text: &str, size: f64, bold: bool, most: f64) -> String {
    if width(text, size, bold) <= most {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while kept.pop().is_some() && width(&format!("{kept}…"), size, bold) > most {}
    format!("{}…", kept.trim_end())
}

/// Feeds the outlines of a line of text to `pen`, in font units, y upwards, from the origin to the right; `advance`
/// tells the pen where the next glyph begins. Gives the number of font units per em.
pub(super) fn outline<P: OutlineBuilder>(
    text: &str,
    bold: bool,
    pen: &mut P,
    mut advance: impl FnMut(&mut P, f64),
) -> f64 {
    let face = face(bold);
    let mut position = 0.0;
    for (glyph, step) in glyphs(&face, text) {
        advance(pen, position);
        face.outline_glyph(glyph, pen);
        position += step;
    }
    f64::from(face.units_per_em())
}

/// Glyphs with their advances in font units; what the font lacks becomes its empty box.
fn glyphs<'a>(face: &'a Face<'static>, text: &'a str) -> impl Iterator<Item = (ttf_parser::GlyphId, f64)> + 'a {
    text.chars().map(|c| {
        let glyph = face.glyph_index(c).unwrap_or(ttf_parser::GlyphId(0));
        (glyph, f64::from(face.glyph_hor_advance(glyph).unwrap_or(0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_arial() {
        // Advances of Arial and Helvetica from their AFM files, in 1/1000 em: "H" 722, "i" 222, bold "i" 278.
        for (text, bold, expected) in
            [("H", false, 0.722), ("i", false, 0.222), ("Hi", false, 0.944), ("i", true, 0.278)]
        {
            assert!((width(text, 1.0, bold) - expected).abs() < 0.001, "{text}: {}", width(text, 1.0, bold));
        }
    }

    #[test]
    fn long_texts_are_cut_to_their_place() {
        assert_eq!(shortened("short", 12.0, false, 100.0), "short");
        let cut = shortened("a rather long text that has no room", 12.0, true, 100.0);
        assert!(cut.ends_with('…') && cut.len() > 10 && width(&cut, 12.0, true) <= 100.0, "{cut}");
    }

    #[test]
    fn every_sign_used_in_labels_has_a_glyph() {
        for bold in [false, true] {
            let face = face(bold);
            for c in "ΔF/F₀ µm² −1.5 × · – … ≤ ≥ ± 10³".chars() {
                assert!(face.glyph_index(c).is_some(), "{c:?}");
            }
        }
    }
}
