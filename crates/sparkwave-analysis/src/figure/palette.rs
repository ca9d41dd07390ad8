//! Colours. All of them keep their order for colour-blind readers and in print without colour.

use super::canvas::Rgb;

/// Text and axes.
pub(super) const INK: Rgb = [0x22, 0x22, 0x22];
/// Secondary text.
pub(super) const QUIET: Rgb = [0x5f, 0x5f, 0x5f];
/// Grid lines and hints.
pub(super) const FAINT: Rgb = [0xd4, 0xd4, 0xd4];
/// White, for rims and texts on pictures.
pub(super) const PAPER: Rgb = [0xff, 0xff, 0xff];
/// Okabe and Ito, "Color universal design" (2008): blue.
pub(super) const BLUE: Rgb = [0x00, 0x72, 0xb2];
/// Okabe and Ito (2008): vermillion.
pub(super) const VERMILLION: Rgb = [0xd5, 0x5e, 0x00];

/// Colours of waves, told apart on gray and on both arms of the map for changes: yellow, bluish green, reddish purple,
/// orange and sky blue of Okabe and Ito (2008).
const WAVES: [Rgb; 5] =
    [[0xf0, 0xe4, 0x42], [0x00, 0x9e, 0x73], [0xcc, 0x79, 0xa7], [0xe6, 0x9f, 0x00], [0x56, 0xb4, 0xe9]];

/// The colour of a wave, always the same for the same 1-based id.
pub(super) fn wave_color(id: u32) -> Rgb {
    WAVES[(id.max(1) as usize - 1) % WAVES.len()]
}

/// Colours of groups, told apart on white: blue, vermillion, bluish green, reddish purple, orange and sky blue of Okabe and
/// Ito (2008), then gray.
const GROUPS: [Rgb; 7] = [
    BLUE,
    VERMILLION,
    [0x00, 0x9e, 0x73],
    [0xcc, 0x79, 0xa7],
    [0xe6, 0x9f, 0x00],
    [0x56, 0xb4, 0xe9],
    [0x80, 0x80, 0x80],
];

/// The colour of a group by its 0-based number; they repeat after seven.
pub(super) fn group_color(number: usize) -> Rgb {
    GROUPS[number % GROUPS.len()]
}

/// A signed quantity, -1..=1: blue over white to red, equally dark on both sides.
pub(super) fn signed_color(value: f64) -> Rgb {
    // The ends of the map are too dark for a number on it.
    let color = colorous::RED_BLUE.eval_continuous(0.5 - 0.4 * value.clamp(-1.0, 1.0));
    [color.r, color.g, color.b]
}

/// Where something is in its range, 0..=1: blue for low to red for high, for marks on white.
pub(super) fn level_color(position: f64) -> Rgb {
    let mix = |low: u8, high: u8| {
        let position = position.clamp(0.0, 1.0);
        (f64::from(low) * (1.0 - position) + f64::from(high) * position).round() as u8
    };
    [mix(0x1f, 0xd6), mix(0x6f, 0x1f), mix(0xd6, 0x4f)]
}

/// Plasma from 0 to this value: beyond it the map becomes too light to be seen on white.
const TIME_MAP_END: f64 = 0.78;

/// The map for peak times, 0 = first, 1 = last: dark blue to orange, lightness rising throughout.
pub(super) fn time_color(position: f64) -> Rgb {
    let color = colorous::PLASMA.eval_continuous(position.clamp(0.0, 1.0) * TIME_MAP_END);
    [color.r, color.g, color.b]
}

/// A part of something, 0..=1: white to dark blue, lightness falling throughout.
pub(super) fn part_color(part: f64) -> Rgb {
    let color = colorous::BLUES.eval_continuous(part.clamp(0.0, 1.0));
    [color.r, color.g, color.b]
}

/// Ink or paper, whichever is read better on [`part_color`].
pub(super) fn text_on_part(part: f64) -> Rgb {
    if part > 0.66 { PAPER } else { INK }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(color: Rgb) -> f64 {
        let [r, g, b] = color.map(|v| {
            let c = f64::from(v) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// WCAG asks 3:1 of graphics; no map that is ordered by lightness and wide enough to read reaches it at its light
    /// end. 2:1 keeps the end visible, and every outline also lies on a fill and has its event's id in the data.
    #[test]
    fn later_is_lighter_and_still_visible_on_white() {
        let steps: Vec<f64> = (0..=20).map(|i| luminance(time_color(f64::from(i) / 20.0))).collect();
        assert!(steps.windows(2).all(|w| w[1] > w[0]), "{steps:?}");
        assert!(1.05 / (steps[20] + 0.05) > 2.0, "contrast with white at the end: {}", 1.05 / (steps[20] + 0.05));
    }

    /// Ink and paper meet at a contrast of 4.0: WCAG asks 3:1 of text of this size.
    #[test]
    fn numbers_are_read_on_every_part() {
        for i in 0..=100 {
            let part = f64::from(i) / 100.0;
            let (ground, text) = (luminance(part_color(part)), luminance(text_on_part(part)));
            let contrast = (ground.max(text) + 0.05) / (ground.min(text) + 0.05);
            assert!(contrast > 3.8, "{part}: {contrast}");
        }
    }

    #[test]
    fn text_has_the_contrast_of_wcag_aa() {
        for color in [INK, QUIET, BLUE] {
            assert!(1.05 / (luminance(color) + 0.05) > 4.5, "{color:?}");
        }
    }
}
