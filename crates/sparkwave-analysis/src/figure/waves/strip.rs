//! An episode at a glance: eight rate maps with the masks of its waves.

use super::super::axis::{LABEL_SIZE, TICK_SIZE};
use super::super::canvas::{Anchor, Canvas, Text};
use super::super::{Figure, axis, palette, projection};
use super::map::FieldPanel;
use super::{ColorMap, Field, WaveTrack, rate_title};
use ndarray::Array2;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::{Episode, Interval};

/// Maps in a strip.
const N_MAPS: usize = 8;
const COLUMNS: usize = 4;
const LEFT: f64 = 12.0;
const TOP: f64 = 44.0;
const GAP: f64 = 6.0;
/// Below a map: its time.
const ROW_GAP: f64 = 22.0;
const SIDE: f64 = 148.0;
/// Opacity of the colours over the anatomy.
const OPACITY: f64 = 0.9;

/// Up to eight intervals spread evenly over an episode, its first and its last among them.
pub fn strip_intervals(episode: &Episode) -> Vec<usize> {
    let n = episode.end_frame.saturating_sub(episode.start_frame);
    let count = n.min(N_MAPS);
    (0..count).map(|i| episode.start_frame + if count > 1 { i * (n - 1) / (count - 1) } else { 0 }).collect()
}

/// Draws rate maps of an episode, given as pairs of interval and map `[Y, X]`, on the recording's scale of `-limit` to
/// `limit`, with the masks of its waves in their colours, dashed where interpolated. At most eight are drawn.
///
/// The data hold one row a map: `frame, t_start_s, t_end_s`.
pub fn rate_strip(
    field: &Field<'_>,
    episode: &Episode,
    maps: &[(usize, Array2<f32>)],
    waves: &[WaveTrack<'_>],
    intervals: &[Interval],
    (limit, map): (f32, ColorMap),
) -> Figure {
    let shown = &maps[..maps.len().min(N_MAPS)];
    let first = FieldPanel::new(field, (LEFT, TOP), SIDE);
    let (width, height) = (first.panel.width, first.panel.height);
    let n_rows = shown.len().div_ceil(COLUMNS).max(1);
    let bottom = TOP + n_rows as f64 * (height + ROW_GAP);
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, bottom + 30.0);
    let title = format!("Episode {}: rate maps, time after onset", episode.id);
    canvas.text(Text::new((LEFT, 18.0), title, LABEL_SIZE).bold());
    draw_key(&mut canvas, waves);
    let mut last = first;
    for (i, (frame, rate)) in shown.iter().enumerate() {
        let (row, column) = (i / COLUMNS, i % COLUMNS);
        let corner = (LEFT + column as f64 * (width + GAP), TOP + row as f64 * (height + ROW_GAP));
        let plane = FieldPanel::new(field, corner, SIDE);
        let colors = super::rate_colors(rate, limit, map, &field.cortex.inside);
        plane.draw_image(&mut canvas, field, |at| {
            let (y, x) = at;
            let known = field.is_inside(at) && rate.get(at).is_some_and(|v| v.is_finite());
            known.then(|| ([0, 1, 2].map(|c| colors[[y, x, c]]), OPACITY))
        });
        for track in waves {
            let masks = track.wave.frames.iter().filter(|f| f.frame == *frame);
            masks.for_each(|f| plane.draw_mask(&mut canvas, f, palette::wave_color(track.wave.id), 1.1));
        }
        let label = time_label(intervals.get(*frame), episode.start_s);
        let at = (corner.0 + width / 2.0, corner.1 + height + 13.0);
        canvas.text(Text::new(at, label, TICK_SIZE).anchored(Anchor::Middle));
        last = plane;
    }
    if shown.is_empty() {
        canvas.text(Text::new((LEFT, TOP + 30.0), "No maps to show.", LABEL_SIZE).colored(palette::QUIET));
    } else {
        let right = LEFT + shown.len().min(COLUMNS) as f64 * (width + GAP) - GAP;
        let percent = f64::from(limit) * 100.0;
        let mut bar = first;
        bar.panel.left = right - width;
        bar.panel.height = (bottom - ROW_GAP - TOP).max(height);
        bar.draw_color_bar(&mut canvas, (-percent, percent), &rate_title(intervals), |p| map.color(2.0 * p - 1.0));
        last.panel.left = right - width;
        last.panel.top += 18.0;
        last.draw_scale_bar(&mut canvas, field);
    }
    let mut table = Table::new();
    let time = |of: fn(&Interval) -> f64| {
        shown.iter().map(|(i, _)| Value::maybe(intervals.get(*i).map(of))).collect::<Vec<Value>>()
    };
    table.push("frame", shown.iter().map(|(i, _)| Value::Int(*i as i64)).collect());
    table.push("t_start_s", time(|i| i.start_s));
    table.push("t_end_s", time(|i| i.end_s));
    canvas.into_figure(&format!("strip_{}", episode.id), caption(episode, limit, field), Some(table))
}

/// The waves' colours, beside the title.
fn draw_key(canvas: &mut Canvas, waves: &[WaveTrack<'_>]) {
    const MOST: usize = 6;
    for (i, track) in waves.iter().take(MOST).enumerate() {
        let x = LEFT + 104.0 * i as f64;
        let swatch = super::super::canvas::Polyline { points: vec![(x, 33.0), (x + 20.0, 33.0)], closed: false };
        super::map::draw_rimmed(canvas, vec![swatch], palette::wave_color(track.wave.id), 2.4, false);
        canvas.text(Text::new((x + 26.0, 37.0), format!("wave {}", track.wave.name), TICK_SIZE));
    }
}

fn time_label(interval: Option<&Interval>, onset_s: f64) -> String {
    match interval {
        Some(i) if !i.valid => "gap".to_owned(),
        Some(i) => {
            let lag = axis::fixed((i.end_s - onset_s).round(), 0);
            if lag.starts_with('\u{2212}') || lag == "0" { format!("{lag} s") } else { format!("+{lag} s") }
        }
        None => String::new(),
    }
}

fn caption(episode: &Episode, limit: f32, field: &Field<'_>) -> String {
    format!(
        "Episode {}: change of reflectance over single intervals, red rises and blue falls, on the scale of the whole \
         recording (±{} %). Below each map: the end of its interval after the onset of the episode. Outlines are the \
         masks of the waves, dashed where interpolated. Scale bar: {}.",
        episode.id,
        axis::brief(f64::from(limit) * 100.0),
        super::super::scale_bar::any_label(&field.scale(), field.size().1)
    )
}
