//! Looking at a frame: what the network is asked, of which part of it, and what its answer says of the frame's pixels.

use ndarray::{Array2, ArrayView2};
use sparkwave_core::axes::PointYx;
use sparkwave_core::prompt::Prompt;

use super::EDGE;
use super::answer::{Answer, Answering, probability};
use super::attached::keep_attached;
use super::rivals::leave_to_others;
use super::view::{self, Contrast, Moment, View};
use super::window::Window;
use crate::error::{Error, Result};

/// Cells round a point that are hinted at with it.
const POINT_CELLS: f64 = 2.0;
/// How much larger than a box its window is.
const ROOM_ROUND_BOX: f64 = 2.0;
/// Edges of the windows in which an object is looked for of which only points are known, px; and all of the frame.
const EDGES_ROUND_POINTS_PX: [f64; 3] = [96.0, 192.0, 384.0];

/// Whether a mask shows anything.
pub(super) fn is_there(logits: &Array2<f32>) -> bool {
    logits.iter().any(|&logit| logit > 0.0)
}

/// What is seen at a second look, from where it was seen at the first one: what moved or grew by much is not seen whole at
/// once. Where either shows nothing, what the first one shows.
pub(super) fn look_twice(
    network: &Answering,
    moment: Moment<'_>,
    masks: [&Array2<f32>; 2],
    contrast: Option<Contrast>,
    window: Window,
    others: Option<&Array2<f32>>,
) -> (Array2<f32>, Answer) {
    let [mask, _] = masks;
    let others = others.map(|others| (mask, others));
    let first = look(network, moment, masks, contrast, window, others);
    let there = first.0.mapv(probability);
    let again = Window::round(&there).map(|window| look(network, moment, [&there, mask], contrast, window, others));
    again.filter(|(logits, _)| is_there(logits)).unwrap_or(first)
}

/// The logits of a frame's pixels `[y, x]`, given the probabilities in the frame before it and in the one before that, and, in the
/// frame before it, those of the object and where others were.
pub(super) fn look(
    network: &Answering,
    moment: Moment<'_>,
    [mask, earlier]: [&Array2<f32>; 2],
    contrast: Option<Contrast>,
    window: Window,
    others: Option<(&Array2<f32>, &Array2<f32>)>,
) -> (Array2<f32>, Answer) {
    let (hint, earlier) = (view::hint(window, mask), view::hint(window, earlier));
    let view = View { moment, hint, earlier, contrast };
    let mut answer = network.ask(view.channels(window));
    if let Some((own, others)) = others {
        leave_to_others(&mut answer.logits, &window.sample(own.view()), &window.sample(others.view()));
    }
    keep_attached(&mut answer.logits, &view.hint);
    let (height, width) = moment.frame.dim();
    (window.spread(&answer.logits, [height, width]), answer)
}

/// Whether a mask holds all points that are said to be inside and none that are said to be outside.
pub(super) fn agrees(mask: &Array2<f32>, prompt: &Prompt) -> bool {
    let is_inside = |p: &PointYx| {
        let index = |v: f64| (v.round() >= 0.0).then(|| v.round() as usize);
        let value = index(p.y).zip(index(p.x)).and_then(|at| mask.get(at));
        value.is_some_and(|p| *p > 0.5)
    };
    prompt.positive.iter().all(is_inside) && !prompt.negative.iter().any(is_inside)
}

/// The object that a person points at in a frame, in the window in which the network is surest of it.
pub(super) fn search(
    network: &Answering,
    prompt: &Prompt,
    frame: ArrayView2<'_, f32>,
    known: Option<&Array2<f32>>,
    size: [usize; 2],
) -> Result<(Window, Answer)> {
    let mut windows = Vec::new();
    let points = || prompt.positive.iter().chain(&prompt.negative);
    if let Some(window) = known.and_then(Window::round) {
        windows.push(window);
    } else if let Some(bounds) = prompt.bounds {
        let (from, to) = (bounds.from, bounds.to);
        let longer = (to.y - from.y).abs().max((to.x - from.x).abs()) + 1.0;
        windows.push(Window::new(
            [(from.y + to.y + 1.0) / 2.0, (from.x + to.x + 1.0) / 2.0],
            longer * ROOM_ROUND_BOX,
            size,
        ));
    } else if !prompt.positive.is_empty() {
        let n = prompt.positive.len() as f64;
        let mean = |of: fn(&PointYx) -> f64| prompt.positive.iter().map(of).sum::<f64>() / n + 0.5;
        let middle = [mean(|p| p.y), mean(|p| p.x)];
        let all = size[0].max(size[1]) as f64;
        windows.extend(EDGES_ROUND_POINTS_PX.into_iter().filter(|e| *e < all).map(|e| Window::new(middle, e, size)));
        windows.push(Window::new(middle, all, size));
    }
    let ask = |window: Window| {
        let mut hint = match (known, prompt.bounds) {
            (Some(mask), _) => view::hint(window, mask),
            (None, Some(bounds)) => {
                let corner = |p: PointYx| window.cell_of(p.y, p.x);
                box_hint(corner(bounds.from), corner(bounds.to))
            }
            (None, None) => vec![0.0; EDGE * EDGE],
        };
        for point in points() {
            let sign = if prompt.positive.contains(point) { 1.0 } else { -1.0 };
            point_hint(&mut hint, window.cell_of(point.y, point.x), sign);
        }
        let mut answer = network.ask(View::pointed_at(frame, hint.clone()).channels(window));
        keep_attached(&mut answer.logits, &hint);
        (window, answer)
    };
    let best = windows.into_iter().map(ask).max_by(|(_, a), (_, b)| a.quality.total_cmp(&b.quality));
    best.ok_or_else(|| {
        let expected = "a mask, a box, or a point inside of the object".to_owned();
        Error::Parameter {
            name: "prompt",
            expected,
            found: format!("object {} in frame {}", prompt.object, prompt.frame),
        }
    })
}

/// Unknown inside of a box, given by cells, and outside of the object beyond it.
pub(super) fn box_hint(from: [f64; 2], to: [f64; 2]) -> Vec<f32> {
    let within = |axis: usize, at: usize| {
        let (low, high) = (from[axis].min(to[axis]), from[axis].max(to[axis]));
        (low - 0.5..=high + 0.5).contains(&(at as f64))
    };
    (0..EDGE * EDGE).map(|i| if within(0, i / EDGE) && within(1, i % EDGE) { 0.0 } else { -1.0 }).collect()
}

/// Hints at the cells round a point.
pub(super) fn point_hint(hint: &mut [f32], [y, x]: [f64; 2], value: f32) {
    for (i, hint) in hint.iter_mut().enumerate() {
        if ((i / EDGE) as f64 - y).hypot((i % EDGE) as f64 - x) <= POINT_CELLS {
            *hint = value;
        }
    }
}
