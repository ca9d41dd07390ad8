//! How dice is distributed, a ridge for each ratio.

use super::super::axis::{LABEL_SIZE, Panel, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Paint, Point, Text};
use super::super::{Figure, font, palette, projection};
use super::key::{self, Mark};
use super::{COLUMNS, Ratios, Series, draw_published, draw_rows_title, push_estimate, repetitions, series, table_of};
use crate::experiment::{Condition, DiceSummary, Summary, dice_at, published};
use sparkwave_core::table::{Table, Value};

const NAME: &str = "experiment_dice";
const WIDTH: f64 = 284.0;
const LEFT: f64 = 58.0;
const PITCH: f64 = 358.0;
/// From one ridge to the next, and the height of the highest.
const STEP: f64 = 34.0;
const HIGHEST: f64 = 50.0;
/// Marks of the peaks above the foot of the ridge, so that neither hides the other.
const OURS_ABOVE: f64 = 5.0;
const PUBLISHED_ABOVE: f64 = 16.0;
const ABOVE: f64 = 30.0;
const BELOW: f64 = 52.0;

/// Draws the density of the dice for each ratio (figure 4b of the paper) with the interval of its peak, the published
/// peaks as open diamonds, and the peaks of the experts' agreement as lines: what agrees better with an expert than
/// another expert does has its peak right of the dashed one.
///
/// The data hold one row a condition: `model, subset, ratio`, then `dice_mean, dice_median, dice_p10, dice_peak`, each
/// followed by `_ci_low`, `_ci_high` and `_published`.
pub fn dice_ridgelines(summaries: &[Summary]) -> Figure {
    let densities = || summaries.iter().filter_map(|s| s.dice.as_ref()).flat_map(|dice| dice.density.iter().copied());
    let highest = densities().fold(0.0, f64::max);
    if highest <= 0.0 {
        return super::nothing(NAME);
    }
    let (all, ratios) = (series(summaries), Ratios::of(summaries));
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, 0.0);
    let mut top = 0.0;
    for pair in all.chunks(COLUMNS) {
        for (column, of_training) in pair.iter().enumerate() {
            let corner = (LEFT + column as f64 * PITCH, top + ABOVE);
            draw_panel(&mut canvas, corner, of_training, &ratios, highest);
        }
        let n_rows = pair.iter().map(|s| s.of_ratios.len()).max().unwrap_or(0);
        top += ABOVE + height(n_rows) + BELOW;
    }
    let entries = [
        (Mark::Dot(Paint::fill(palette::INK)), "peak with interval".to_owned()),
        (Mark::Published(palette::INK), "published peak".to_owned()),
        (Mark::Line(inter_expert()), "two experts (published)".to_owned()),
        (Mark::Line(intra_expert()), "one expert, twice (published)".to_owned()),
    ];
    canvas.height = key::draw(&mut canvas, 24.0, projection::PAGE_WIDTH - 12.0, top - 6.0, &entries) + 6.0;
    let [first, second] = published::INTRA_EXPERT;
    let caption = format!(
        "Density of the dice of true events by the number of unlabeled crops for each positive one; missed events count as \
         0. Lines: where the published agreement of two experts ({:.2}) and of each expert with his own outlines of two \
         weeks before ({:.2} and {:.2}) is densest. {} Published peaks are of one network for each ratio on other \
         recordings (figure 4b).",
        published::INTER_EXPERT.peak,
        first.peak,
        second.peak,
        repetitions(summaries)
    );
    canvas.into_figure(NAME, caption, Some(table(summaries)))
}

fn height(n_rows: usize) -> f64 {
    HIGHEST + STEP * n_rows.saturating_sub(1) as f64
}

fn inter_expert() -> Paint {
    Paint::stroke(palette::INK, 1.2).dashed(6.0, 3.0)
}

fn intra_expert() -> Paint {
    Paint::stroke(palette::QUIET, 1.2).dashed(1.5, 2.5)
}

fn draw_panel(canvas: &mut Canvas, (left, top): Point, series: &Series<'_>, ratios: &Ratios, highest: f64) {
    let height = height(series.of_ratios.len());
    let panel = Panel { left, top, width: WIDTH, height, x: (0.0, 1.0), y: (0.0, height) };
    canvas.text(Text::new((left, top - 12.0), series.condition.training(), LABEL_SIZE).bold());
    let base = |row: usize| top + HIGHEST + STEP * row as f64;
    for (row, summary) in series.of_ratios.iter().enumerate() {
        let color = ratios.color(summary.condition.ratio);
        let label = Text::new((left - 7.0, base(row)), summary.condition.ratio_label(), TICK_SIZE);
        canvas.text(label.anchored(Anchor::End));
        let Some(dice) = &summary.dice else {
            let text = Text::new((left + 8.0, base(row)), "No outlines", TICK_SIZE).colored(palette::QUIET);
            canvas.text(text);
            continue;
        };
        let at = |(i, density): (usize, &f64)| (panel.at(dice_at(i), 0.0).0, base(row) - density / highest * HIGHEST);
        let ridge: Vec<Point> = dice.density.iter().enumerate().map(at).collect();
        let mut area = ridge.clone();
        area.extend([(panel.right(), base(row)), (left, base(row))]);
        canvas.polygon(area.clone(), Paint::fill(palette::PAPER).faded(0.7));
        canvas.polygon(area, Paint::fill(color).faded(0.28));
        canvas.polyline(ridge, Paint::stroke(color, 1.4));
    }
    let vertical = |canvas: &mut Canvas, dice: f64, paint: Paint| {
        let x = panel.at(dice, 0.0).0;
        canvas.line((x, top), (x, panel.bottom()), paint);
    };
    vertical(canvas, published::INTER_EXPERT.peak, inter_expert());
    for expert in published::INTRA_EXPERT {
        vertical(canvas, expert.peak, intra_expert());
    }
    for (row, summary) in series.of_ratios.iter().enumerate() {
        draw_peak(canvas, &panel, base(row), summary, ratios);
    }
    panel.draw_x_axis(canvas, "Dice");
    let widest = ratios.0.iter().map(|r| font::width(&format!("1:{r}"), TICK_SIZE, false)).fold(0.0, f64::max);
    draw_rows_title(canvas, (left - widest - 15.0, top), height);
}

fn draw_peak(canvas: &mut Canvas, panel: &Panel, y: f64, summary: &Summary, ratios: &Ratios) {
    let color = ratios.color(summary.condition.ratio);
    let at = |dice: f64, above: f64| (panel.at(dice, 0.0).0, y - above);
    if let Some(known) = published::dice(summary.condition.model, summary.condition.ratio) {
        draw_published(canvas, at(known.peak, PUBLISHED_ABOVE), color);
    }
    let Some(dice) = &summary.dice else { return };
    if let Some(interval) = dice.peak.interval {
        canvas.line(at(interval.low, OURS_ABOVE), at(interval.high, OURS_ABOVE), Paint::stroke(color, 1.8));
    }
    canvas.circle(at(dice.peak.value, OURS_ABOVE), 3.0, Paint::fill(color));
}

fn table(summaries: &[Summary]) -> Table {
    type Part = (&'static str, fn(&DiceSummary) -> crate::experiment::Estimate, fn(published::Dice) -> f64);
    const PARTS: [Part; 4] = [
        ("dice_mean", |d| d.mean, |d| d.mean),
        ("dice_median", |d| d.median, |d| d.median),
        ("dice_p10", |d| d.p10, |d| d.p10),
        ("dice_peak", |d| d.peak, |d| d.peak),
    ];
    let rows: Vec<(Condition, &Summary)> = summaries.iter().map(|s| (s.condition, s)).collect();
    let mut table = table_of(&rows);
    for (name, ours, theirs) in PARTS {
        push_estimate(&mut table, &rows, name, |(_, s)| s.dice.as_ref().map(ours));
        let known = |c: &Condition| published::dice(c.model, c.ratio).map(theirs);
        table.push(format!("{name}_published"), rows.iter().map(|(c, _)| Value::maybe(known(c))).collect());
    }
    table
}
