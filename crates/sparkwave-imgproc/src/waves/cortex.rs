//! Where the cortex is: a proposal that a person may replace by a polygon.
//!
//! Living tissue fluctuates: blood flow and volume wander by tenths of a per cent over seconds, bone and plastic do not.
//! The proposal is the part of the coarse grid that fluctuates, told from the rest by Otsu's threshold on the logarithm
//! of each cell's fluctuation. If that does not tell two parts, the brightness is tried; if that does not either, all
//! of the image is cortex.

use crate::filter::gaussian::{Kernel, Scratch, smooth};
use crate::threshold::{Histogram, otsu};
use crate::waves::cells::{Cells, enlarge};
use crate::waves::light::median;
use crate::waves::rise::robust_sd;
use ndarray::{Array2, s};
use rayon::prelude::*;
use sparkwave_core::axes::PointYx;
use sparkwave_core::wave::Midline;
use std::collections::VecDeque;

/// What told the window from the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It fluctuates and the rest does not.
    Fluctuation,
    /// Its brightness differs.
    Brightness,
    /// Nothing did: all of the image was taken.
    None,
}

/// The two parts must differ by this factor.
const MIN_CONTRAST: f32 = 1.5;
/// A window is at least and at most this part of the image.
const PLAUSIBLE_AREA: std::ops::RangeInclusive<f64> = 0.08..=0.97;

/// Proposes the window on the coarse grid. `bin_s` is the length of a time bin, s.
pub fn propose_window(cells: &Cells, bin_s: f64) -> (Array2<bool>, Evidence) {
    let fluctuation = fluctuation(cells, bin_s);
    if let Some(window) = above_otsu(&fluctuation, &cells.usable, false) {
        return (window, Evidence::Fluctuation);
    }
    if let Some(window) = above_otsu(&cells.mean, &cells.usable, true) {
        return (window, Evidence::Brightness);
    }
    (cells.usable.clone(), Evidence::None)
}

/// How much a cell changes within ten seconds, a robust standard deviation, after taking away what all cells do.
fn fluctuation(cells: &Cells, bin_s: f64) -> Array2<f32> {
    let (n, height, width) = cells.dim();
    let lag = ((10.0 / bin_s).round() as usize).clamp(1, (n / 2).max(1));
    let common: Vec<f32> = cells
        .values
        .outer_iter()
        .into_par_iter()
        .map(|plane| {
            median(&mut plane.iter().zip(&cells.usable).filter(|(_, u)| **u).map(|(v, _)| *v).collect::<Vec<_>>())
        })
        .collect();
    let mut out = Array2::zeros((height, width));
    let values: Vec<f32> = (0..height * width)
        .into_par_iter()
        .map(|i| {
            let trace = cells.values.slice(s![.., i / width, i % width]);
            let half = (lag / 2).max(1);
            // Means over half the lag on either side keep camera noise out.
            let mean = |t: usize| (t..(t + half).min(n)).map(|k| trace[k] - common[k]).sum::<f32>() / half as f32;
            let mut changes: Vec<f32> =
                (0..n.saturating_sub(lag + half)).map(|t| (mean(t + lag) - mean(t)).abs()).collect();
            1.4826 * median(&mut changes)
        })
        .collect();
    out.iter_mut().zip(values).for_each(|(o, v)| *o = v);
    out
}

/// The connected part above Otsu's threshold of the logarithm, closed and filled; or below it, if `either` and the
/// centre lies there. `None` if the parts hardly differ or the window would be implausibly small or large.
fn above_otsu(values: &Array2<f32>, usable: &Array2<bool>, either: bool) -> Option<Array2<bool>> {
    let logs = values.mapv(|v| if v > 0.0 { v.ln() } else { f32::NAN });
    let finite = || logs.iter().zip(usable).filter(|(v, u)| v.is_finite() && **u).map(|(v, _)| *v);
    let threshold = otsu(&Histogram::new(finite())?) as f32;
    let part = |high: bool| -> Vec<f32> { finite().filter(|v| (*v > threshold) == high).collect() };
    let (mut high, mut low) = (part(true), part(false));
    if high.is_empty() || low.is_empty() || (median(&mut high) - median(&mut low)).exp() < MIN_CONTRAST {
        return None;
    }
    let (height, width) = values.dim();
    let mut mask = logs.mapv(|v| v > threshold);
    if either {
        let middle = mask.slice(s![height / 3..(2 * height).div_ceil(3), width / 3..(2 * width).div_ceil(3)]);
        if 2 * middle.iter().filter(|m| **m).count() < middle.len() {
            mask.mapv_inplace(|m| !m);
        }
    }
    let reach = (height.min(width) / 32).max(1);
    let window = largest_part(&rounded(&filled(&largest_part(&closed(&mask, reach))), reach));
    let area = window.iter().filter(|m| **m).count() as f64 / window.len() as f64;
    PLAUSIBLE_AREA.contains(&area).then_some(window)
}

/// Closes gaps of up to `2 reach` cells.
fn closed(mask: &Array2<bool>, reach: usize) -> Array2<bool> {
    let spread = |mask: &Array2<bool>, wanted: bool| {
        let (height, width) = mask.dim();
        Array2::from_shape_fn((height, width), |(y, x)| {
            let rows = y.saturating_sub(reach)..(y + reach + 1).min(height);
            let columns = x.saturating_sub(reach)..(x + reach + 1).min(width);
            if mask.slice(s![rows, columns]).iter().any(|m| *m == wanted) { wanted } else { !wanted }
        })
    };
    // Beyond the border counts as inside for the second step, or closing would eat a window that fills the image.
    spread(&spread(mask, true), false)
}

/// The parts of a mask that hang together (four neighbours), each with its cells.
fn parts(mask: &Array2<bool>) -> Vec<Vec<(usize, usize)>> {
    let (height, width) = mask.dim();
    let mut seen = Array2::from_elem((height, width), false);
    let mut found = Vec::new();
    for (start, _) in mask.indexed_iter().filter(|(_, m)| **m) {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let mut waiting = VecDeque::from([start]);
        let mut cells = Vec::new();
        while let Some((y, x)) = waiting.pop_front() {
            cells.push((y, x));
            let around = [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)];
            for near in around.into_iter().filter(|&(ny, nx)| ny < height && nx < width) {
                if mask[near] && !seen[near] {
                    seen[near] = true;
                    waiting.push_back(near);
                }
            }
        }
        found.push(cells);
    }
    found
}

fn largest_part(mask: &Array2<bool>) -> Array2<bool> {
    let mut out = Array2::from_elem(mask.dim(), false);
    if let Some(largest) = parts(mask).into_iter().max_by_key(Vec::len) {
        largest.into_iter().for_each(|at| out[at] = true);
    }
    out
}

/// The border of a mask without its teeth: where a Gaussian of `reach` cells says that most of the surroundings are inside.
fn rounded(mask: &Array2<bool>, reach: usize) -> Array2<bool> {
    let blurred = |image: Array2<f32>| {
        let mut pixels: Vec<f32> = image.iter().copied().collect();
        smooth(&mut pixels, image.dim().1, &Kernel::new(reach as f64), &mut Scratch::default());
        pixels
    };
    let inside = blurred(mask.mapv(|m| if m { 1.0 } else { 0.0 }));
    // Beyond the border of the image there is nothing to ask.
    let all = blurred(Array2::ones(mask.dim()));
    let most = inside.into_iter().zip(all).map(|(i, a)| i > 0.5 * a).collect();
    Array2::from_shape_vec(mask.dim(), most).expect("one value a cell")
}

/// Fills what does not touch the border.
fn filled(mask: &Array2<bool>) -> Array2<bool> {
    let (height, width) = mask.dim();
    let mut out = mask.clone();
    let at_border = |&(y, x): &(usize, usize)| y == 0 || x == 0 || y + 1 == height || x + 1 == width;
    for hole in parts(&mask.mapv(|m| !m)).into_iter().filter(|cells| !cells.iter().any(at_border)) {
        hole.into_iter().for_each(|at| out[at] = true);
    }
    out
}

/// The window at the pixels of the image, its border smoothed to half a cell.
pub fn window_at_pixels(window: &Array2<bool>, cell_px: usize, height: usize, width: usize) -> Array2<bool> {
    enlarge(&window.mapv(|m| if m { 1.0 } else { 0.0 }), cell_px, height, width).mapv(|v| v >= 0.5)
}

/// Width of the sinus that is looked for, µm (standard deviation of a dark line).
const SINUS_UM: f64 = 120.0;
/// Least darkness of the line, as a fraction of its surroundings.
const MIN_SINUS_DEPTH: f64 = 0.02;
/// Depth of the line compared with the median of all lines that were tried, in robust standard deviations of these.
const MIN_SINUS_SD: f64 = 5.0;

/// Proposes the midline: the dark straight line of the superior sagittal sinus, within 30° of the vertical or of the
/// horizontal and near the middle of the window. `None` if no line stands out.
pub fn propose_midline(rest: &Array2<f32>, inside: &Array2<bool>, pixel_um: f64) -> Option<Midline> {
    let dark = darkness(rest, inside, (SINUS_UM / pixel_um).max(1.0));
    let at: Vec<(usize, usize)> = inside.indexed_iter().filter(|(_, m)| **m).map(|(at, _)| at).collect();
    let n = at.len().max(1) as f64;
    let centre = PointYx {
        y: at.iter().map(|p| p.0 as f64).sum::<f64>() / n,
        x: at.iter().map(|p| p.1 as f64).sum::<f64>() / n,
    };
    let radius = (n / std::f64::consts::PI).sqrt();
    // Angles from the vertical, and offsets across the line.
    let angles = (-60..=120).filter(|a| (-30..=30).contains(a) || (60..=120).contains(a));
    let lines: Vec<(f64, f64, f64)> = angles
        .flat_map(|a| (-40..=40).map(move |o| (f64::from(a), f64::from(o) / 40.0 * 0.4)))
        .collect::<Vec<_>>()
        .into_par_iter()
        .filter_map(|(degrees, offset)| {
            let depth = depth_along(&dark, inside, centre, degrees.to_radians(), offset * radius, radius)?;
            Some((depth, degrees.to_radians(), offset * radius))
        })
        .collect();
    let best = lines.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let depths: Vec<f32> = lines.iter().map(|l| l.0 as f32).collect();
    let middle = median(&mut depths.clone());
    let spread = robust_sd(&depths);
    if best.0 < MIN_SINUS_DEPTH || best.0 - f64::from(middle) < MIN_SINUS_SD * f64::from(spread) {
        return None;
    }
    let (from, to) = ends(inside, centre, best.1, best.2)?;
    Some(if (to.y, to.x) < (from.y, from.x) { Midline { from: to, to: from } } else { Midline { from, to } })
}

/// How much darker a pixel is than its surroundings, relative to them, clipped so that one vessel counts as one vessel.
fn darkness(rest: &Array2<f32>, inside: &Array2<bool>, width_px: f64) -> Array2<f32> {
    let (height, width) = rest.dim();
    let blurred = |sigma: f64| {
        let mut values: Vec<f32> =
            rest.iter().zip(inside).map(|(v, m)| if *m && v.is_finite() { *v } else { 0.0 }).collect();
        let mut weights: Vec<f32> = rest.iter().zip(inside).map(|(v, m)| f32::from(*m && v.is_finite())).collect();
        let kernel = Kernel::new(sigma);
        smooth(&mut values, width, &kernel, &mut Scratch::default());
        smooth(&mut weights, width, &kernel, &mut Scratch::default());
        let ratio = values.iter().zip(&weights).map(|(v, w)| if *w > 1e-3 { v / w } else { f32::NAN }).collect();
        Array2::from_shape_vec((height, width), ratio).expect("one value a pixel")
    };
    let (fine, wide) = (blurred(0.7 * width_px), blurred(3.0 * width_px));
    ndarray::Zip::from(&fine).and(&wide).map_collect(|f, w| (1.0 - f / w).clamp(-0.05, 0.15))
}

/// The point at `along` on the line, and whether it lies inside.
fn point(centre: PointYx, angle: f64, offset: f64, along: f64) -> PointYx {
    let (sin, cos) = angle.sin_cos();
    PointYx { y: centre.y + along * cos + offset * sin, x: centre.x - along * sin + offset * cos }
}

fn pixel_inside(inside: &Array2<bool>, p: PointYx) -> Option<(usize, usize)> {
    let at = (p.y.round(), p.x.round());
    let index = (at.0 as usize, at.1 as usize);
    (at.0 >= 0.0 && at.1 >= 0.0 && inside.get(index).copied().unwrap_or(false)).then_some(index)
}

/// The mean darkness along a line inside the window; `None` if it is short.
fn depth_along(
    dark: &Array2<f32>,
    inside: &Array2<bool>,
    centre: PointYx,
    angle: f64,
    offset: f64,
    radius: f64,
) -> Option<f64> {
    let steps = (3.0 * radius).ceil() as i64;
    let (mut sum, mut n) = (0.0, 0usize);
    for i in -steps..=steps {
        let Some(at) = pixel_inside(inside, point(centre, angle, offset, i as f64)) else { continue };
        let depth = f64::from(dark[at]);
        if depth.is_finite() {
            sum += depth;
            n += 1;
        }
    }
    (n as f64 > radius).then(|| sum / n as f64)
}

fn ends(inside: &Array2<bool>, centre: PointYx, angle: f64, offset: f64) -> Option<(PointYx, PointYx)> {
    let steps = (inside.dim().0 + inside.dim().1) as i64;
    let on: Vec<i64> =
        (-steps..=steps).filter(|i| pixel_inside(inside, point(centre, angle, offset, *i as f64)).is_some()).collect();
    let (first, last) = (*on.first()?, *on.last()?);
    Some((point(centre, angle, offset, first as f64), point(centre, angle, offset, last as f64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn disc(n: usize, y: usize, x: usize) -> bool {
        let c = n as f64 / 2.0;
        (y as f64 - c).hypot(x as f64 - c) < 0.4 * n as f64
    }

    #[test]
    fn the_part_that_fluctuates_is_proposed_and_its_still_holes_are_filled() {
        let counts = Array3::from_shape_fn((120, 40, 40), |(t, y, x)| {
            let phase = (y * 13 + x * 7) as f64;
            let swing = if disc(40, y, x) && (y, x) != (20, 20) { 2.0 } else { 0.1 };
            (100.0 + swing * (t as f64 * 0.21 + phase).sin()) as f32
        });
        let (window, evidence) = propose_window(&Cells::new(counts, 8), 1.0);
        assert_eq!(evidence, Evidence::Fluctuation);
        let wrong = window.indexed_iter().filter(|((y, x), m)| **m != disc(40, *y, *x)).count();
        assert!(wrong < 60, "{wrong} of 1600 cells");
        assert!(window[[20, 20]]);
    }

    #[test]
    fn a_uniform_image_is_all_cortex() {
        let counts = Array3::from_shape_fn((60, 12, 12), |(t, y, x)| 100.0 + ((t * 31 + y * 7 + x * 3) % 5) as f32);
        let (window, evidence) = propose_window(&Cells::new(counts, 8), 1.0);
        assert_eq!(evidence, Evidence::None);
        assert!(window.iter().all(|m| *m));
    }

    #[test]
    fn a_dark_straight_sinus_is_the_midline_and_texture_has_none() {
        let inside = Array2::from_shape_fn((200, 200), |(y, x)| disc(200, y, x));
        let texture = |y: usize, x: usize| 100.0 + ((y * 37 + x * 101) % 17) as f32;
        let line = |y: usize| 95.0 + 0.1 * y as f64;
        let rest = Array2::from_shape_fn((200, 200), |(y, x)| {
            let d = x as f64 - line(y);
            texture(y, x) * (1.0 - 0.3 * (-0.5 * (d / 3.0).powi(2)).exp()) as f32
        });
        let midline = propose_midline(&rest, &inside, 40.0).expect("a deep line");
        for end in [midline.from, midline.to] {
            assert!((end.x - line(end.y.round() as usize)).abs() < 3.0, "{midline:?}");
        }
        assert!(midline.from.y < 30.0 && midline.to.y > 170.0, "{midline:?}");
        let plain = Array2::from_shape_fn((200, 200), |(y, x)| texture(y, x));
        assert_eq!(propose_midline(&plain, &inside, 40.0), None);
    }
}
