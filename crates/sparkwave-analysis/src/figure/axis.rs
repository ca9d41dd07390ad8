//! Axes: round ticks, their labels, and a panel that maps data to the canvas.

use super::canvas::{Anchor, Canvas, Paint, Point, Text};
use super::{font, palette};

/// Size of tick labels.
pub(super) const TICK_SIZE: f64 = 11.0;
/// Size of axis titles and other plain text.
pub(super) const LABEL_SIZE: f64 = 12.0;
/// Length of a tick.
const TICK: f64 = 4.0;
/// Width of an axis line.
const SPINE: f64 = 0.9;

/// A rectangle of the canvas in which data are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// Data coordinates of the left and the right edge.
    pub(super) x: (f64, f64),
    /// Data coordinates of the bottom and the top edge; the first is the larger one where data run downwards.
    pub(super) y: (f64, f64),
}

impl Panel {
    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Canvas position of a data point.
    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        (self.left + fraction(x, self.x) * self.width, self.bottom() - fraction(y, self.y) * self.height)
    }

    /// Draws the lower axis with round ticks and its title.
    pub(super) fn draw_x_axis(&self, canvas: &mut Canvas, title: &str) {
        let ticks = Ticks::fitting(self.x, self.width);
        canvas.line((self.left, self.bottom()), (self.right(), self.bottom()), Paint::stroke(palette::INK, SPINE));
        for &value in &ticks.values {
            let (x, y) = self.at(value, self.y.0);
            canvas.line((x, y), (x, y + TICK), Paint::stroke(palette::INK, SPINE));
            let label = Text::new((x, y + TICK + 11.0), ticks.label(value), TICK_SIZE);
            canvas.text(label.anchored(Anchor::Middle));
        }
        let middle = self.left + self.width / 2.0;
        canvas.text(Text::new((middle, self.bottom() + 31.0), title, LABEL_SIZE).anchored(Anchor::Middle));
    }

    /// Draws the left axis with round ticks and its title.
    pub(super) fn draw_y_axis(&self, canvas: &mut Canvas, title: &str) {
        self.draw_vertical_axis(canvas, self.y, self.left, -1.0, title);
    }

    /// Draws an axis on the right in other units: `range` are its values at the bottom and the top edge.
    pub(super) fn draw_right_axis(&self, canvas: &mut Canvas, range: (f64, f64), title: &str) {
        self.draw_vertical_axis(canvas, range, self.right(), 1.0, title);
    }

    fn draw_vertical_axis(&self, canvas: &mut Canvas, range: (f64, f64), x: f64, side: f64, title: &str) {
        let n_most = (self.height / 26.0).clamp(2.0, 10.0) as usize;
        let ticks = Ticks::new(range, n_most);
        canvas.line((x, self.top), (x, self.bottom()), Paint::stroke(palette::INK, SPINE));
        let mut widest: f64 = 0.0;
        for &value in &ticks.values {
            let y = self.bottom() - fraction(value, range) * self.height;
            let label = ticks.label(value);
            widest = widest.max(font::width(&label, TICK_SIZE, false));
            canvas.line((x, y), (x + side * TICK, y), Paint::stroke(palette::INK, SPINE));
            let anchor = if side < 0.0 { Anchor::End } else { Anchor::Start };
            let at = (x + side * (TICK + 3.0), y + font::CAP_HEIGHT * TICK_SIZE / 2.0);
            canvas.text(Text::new(at, label, TICK_SIZE).anchored(anchor));
        }
        // Upward text has its baseline on its right: on the right side it needs the height of the letters as well.
        let gap = TICK + 3.0 + widest + if side < 0.0 { 8.0 } else { 8.0 + LABEL_SIZE * font::CAP_HEIGHT };
        let at = (x + side * gap, self.top + self.height / 2.0);
        canvas.text(Text::new(at, title, LABEL_SIZE).anchored(Anchor::Middle).upwards());
    }
}

/// Where `value` lies between the two ends of `range`; 0 if they coincide.
fn fraction(value: f64, range: (f64, f64)) -> f64 {
    if range.0 == range.1 { 0.0 } else { (value - range.0) / (range.1 - range.0) }
}

/// Round numbers in a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ticks {
    pub(super) values: Vec<f64>,
    decimals: usize,
}

impl Ticks {
    /// Multiples of 1, 2 or 5 times a power of ten inside the range, ends included, at most `n_most` (at least 2)
    /// steps apart.
    pub(super) fn new(range: (f64, f64), n_most: usize) -> Self {
        let (low, high) = (range.0.min(range.1), range.0.max(range.1));
        let length = high - low;
        // Below this the step itself could vanish; no measurement is that small.
        if !(length.is_finite() && length > 1e-290) {
            return Self { values: vec![low], decimals: 2 };
        }
        let step = round_up(length / n_most.max(2) as f64);
        // A thousandth of a step, so that 0.3 computed as 0.30000000000000004 still counts as inside.
        let slack = step * 1e-3;
        let first = ((low - slack) / step).ceil() as i64;
        let last = ((high + slack) / step).floor() as i64;
        let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0) as usize;
        Self { values: (first..=last).map(|i| i as f64 * step).collect(), decimals }
    }

    /// As many ticks as have room for their labels side by side on an axis of this length.
    fn fitting(range: (f64, f64), length: f64) -> Self {
        let has_room = |ticks: &Self| {
            let widest =
                ticks.values.iter().map(|&v| font::width(&ticks.label(v), TICK_SIZE, false)).fold(0.0, f64::max);
            (ticks.values.len() as f64) * (widest + 14.0) < length
        };
        (2..=8).rev().map(|n_most| Self::new(range, n_most)).find(has_room).unwrap_or_else(|| Self::new(range, 2))
    }

    /// The label of a tick, with a true minus sign.
    pub(super) fn label(&self, value: f64) -> String {
        fixed(value, self.decimals)
    }
}

/// The smallest of 1, 2, 5, 10, ... that is not below `value`; `value` must be positive.
pub(super) fn round_up(value: f64) -> f64 {
    let magnitude = 10f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * magnitude >= value * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * magnitude
}

/// A number with fixed decimals and a true minus sign, never "−0".
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.*}", decimals, value.abs());
    let is_zero = text.bytes().all(|b| b == b'0' || b == b'.');
    if value < 0.0 && !is_zero { format!("\u{2212}{text}") } else { text }
}

/// A number with three significant digits at most, for text: `0.0123`, `4.56`, `1234`.
pub(super) fn brief(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let decimals = (2 - value.abs().log10().floor() as i64).clamp(0, 9) as usize;
    let text = fixed(value, decimals);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_ticks(range: (f64, f64), n_most: usize, expected: &[&str]) {
        let ticks = Ticks::new(range, n_most);
        let labels: Vec<String> = ticks.values.iter().map(|&v| ticks.label(v)).collect();
        assert_eq!(labels, expected, "{range:?}");
    }

    #[test]
    fn ticks_are_round_and_inside() {
        check_ticks((0.0, 1.0), 5, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check_ticks((0.0, 59.9), 7, &["0", "10", "20", "30", "40", "50"]);
        check_ticks((511.0, 0.0), 3, &["0", "200", "400"]);
        check_ticks((-0.3, 0.3), 4, &["\u{2212}0.2", "0.0", "0.2"]);
        check_ticks((0.0012, 0.0031), 4, &["0.0015", "0.0020", "0.0025", "0.0030"]);
    }

    #[test]
    fn brief_numbers_keep_three_digits() {
        for (value, expected) in
            [(0.012345, "0.0123"), (4.5, "4.5"), (1234.4, "1234"), (-0.5, "\u{2212}0.5"), (0.0, "0")]
        {
            assert_eq!(brief(value), expected);
        }
    }

    #[test]
    fn an_empty_range_has_one_tick() {
        assert_eq!(Ticks::new((3.0, 3.0), 5).values, [3.0]);
        assert_eq!(Ticks::new((0.0, f64::NAN), 5).values.len(), 1);
    }
}
