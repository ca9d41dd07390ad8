//! What looks like the object and is not: another wave, another cell, of which nothing was said. Where it was seen apart from the
//! object before, it is told from it when they touch.

use std::collections::VecDeque;

use ndarray::{Array2, ArrayView2};

use super::EDGE;
use super::attached::{grow, is_near, round};
use super::blur::blur;
use super::view::Contrast;
use super::window::Window;

/// What is at least this bright, in units of the object's contrast, is like the object.
const LIT: f32 = 0.65;
/// Radius over which brightness is averaged, cells: noise is not like an object.
const SMOOTHED: usize = 1;
/// What is smaller than this part of the object does not count.
const LEAST_AREA: f32 = 0.3;
/// What was of another for this part in the frame before is of another now, even where it is near to the object.
const KEPT: f32 = 0.3;

/// Where others are, 1, in a frame `[y, x]` in which the object's `mask` is known; `before` is where they were in the frame
/// before.
pub(super) fn others(
    frame: ArrayView2<'_, f32>,
    mask: &Array2<f32>,
    before: &Array2<f32>,
    contrast: Option<Contrast>,
) -> Array2<f32> {
    let size = [frame.nrows(), frame.ncols()];
    let (Some(window), Some(contrast)) = (Window::round(mask), contrast) else { return Array2::zeros(size) };
    let (own, before) = (window.sample(mask.view()), window.sample(before.view()));
    let values = contrast.in_units(window.sample(frame));
    let values = blur(Array2::from_shape_vec((EDGE, EDGE), values).expect("a value a cell").view(), SMOOTHED);
    let mut open: Vec<bool> = values.iter().zip(&own).map(|(&v, &own)| v > LIT && own <= 0.5).collect();
    let n_own = own.iter().filter(|own| **own > 0.5).count();
    let mut cells = vec![-1.0; EDGE * EDGE];
    for start in 0..cells.len() {
        if !open[start] {
            continue;
        }
        let region = grow(start, &mut open);
        let n_before = region.iter().filter(|&&i| before[i] > 0.5).count();
        let is_apart = region.iter().all(|&i| !is_near(&own, 0.5, i));
        if region.len() as f32 >= LEAST_AREA * n_own as f32
            && (is_apart || n_before as f32 >= KEPT * region.len() as f32)
        {
            region.iter().for_each(|&i| cells[i] = 1.0);
        }
    }
    window.spread(&cells, size).mapv(|inside| if inside > 0.0 { 1.0 } else { 0.0 })
}

/// Takes away the parts of a mask, `logits` of cells above 0 inside, that are nearer to where others were than to where the object
/// was, `own` and `others` above one half.
pub(super) fn leave_to_others(logits: &mut [f32], own: &[f32], others: &[f32]) {
    let is = |cells: &[f32], i: usize| cells[i] > 0.5;
    let of_others = |i: usize| is(others, i) && !is(own, i);
    if !(0..logits.len()).any(|i| is(own, i)) {
        return;
    }
    let mut owner: Vec<Option<bool>> = vec![None; logits.len()];
    // The object comes first, so a cell as near to either is its own.
    let sources = (0..logits.len()).filter(|&i| is(own, i)).map(|i| (i, true));
    let mut next: VecDeque<(usize, bool)> =
        sources.chain((0..logits.len()).filter(|&i| of_others(i)).map(|i| (i, false))).collect();
    next.iter().for_each(|&(i, own)| owner[i] = Some(own));
    while let Some((i, own)) = next.pop_front() {
        for beside in round(i, 1) {
            if owner[beside].is_none() {
                owner[beside] = Some(own);
                next.push_back((beside, own));
            }
        }
    }
    let lost = logits.iter_mut().zip(owner).filter(|(_, owner)| *owner == Some(false));
    lost.for_each(|(logit, _)| *logit = -logit.abs());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(middle: [usize; 2], radius: usize) -> Array2<f32> {
        let inside =
            |(y, x): (usize, usize)| y.abs_diff(middle[0]).pow(2) + x.abs_diff(middle[1]).pow(2) <= radius.pow(2);
        Array2::from_shape_fn((96, 96), |at| if inside(at) { 1.0 } else { 0.0 })
    }

    #[test]
    fn another_is_known_while_it_is_apart_and_told_from_the_object_when_they_touch() {
        let nothing = Array2::zeros((96, 96));
        let (own, other, speck) = (disc([40, 30], 8), disc([40, 60], 8), disc([70, 30], 2));
        let frame = &own + &other + &speck;
        let contrast = Contrast::of(frame.view(), &own);
        let found = others(frame.view(), &own, &nothing, contrast);
        let overlap = |a: &Array2<f32>, b: &Array2<f32>| 2.0 * (a * b).sum() / (a.sum() + b.sum());
        assert!(overlap(&found, &other) > 0.9, "{}", overlap(&found, &other));
        // Near to the object it is one only if it was one before.
        let near = disc([40, 48], 8);
        let frame = &own + &near;
        assert_eq!(others(frame.view(), &own, &nothing, contrast).sum(), 0.0);
        assert!(others(frame.view(), &own, &disc([40, 52], 8), contrast).sum() > 0.0);
        assert_eq!(others(frame.view(), &own, &nothing, None).sum(), 0.0);

        // Both have moved towards each other, and are found as one.
        let (own_now, other_now) = (disc([40, 37], 8), disc([40, 53], 8));
        let mut logits: Vec<f32> = (&own_now + &other_now).iter().map(|&v| if v > 0.0 { 2.0 } else { -2.0 }).collect();
        let cells = |mask: &Array2<f32>| mask.iter().copied().collect::<Vec<f32>>();
        leave_to_others(&mut logits, &cells(&own), &cells(&other));
        let left =
            Array2::from_shape_vec((96, 96), logits.clone()).expect("cells").mapv(|l| f32::from(u8::from(l > 0.0)));
        assert!(overlap(&left, &own_now) > 0.97, "{}", overlap(&left, &own_now));
        let before = logits.clone();
        leave_to_others(&mut logits, &cells(&nothing), &cells(&other));
        assert_eq!(logits, before, "where nothing is known of the object, nothing is taken away");
    }
}
