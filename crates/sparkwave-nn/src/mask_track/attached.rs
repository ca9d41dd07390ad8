//! What belongs to an object and what only looks like it: another wave, another cell.

use super::EDGE;

/// How far from where an object was a part of it may begin, cells.
const NEAR: usize = 4;

/// Takes away the parts (eight neighbours) of a mask that are not near where the object was, unless all are: `logits` of cells,
/// above 0 inside, and `hint`, above 0 where the object was.
pub(super) fn keep_attached(logits: &mut [f32], hint: &[f32]) {
    let mut attached = vec![false; logits.len()];
    let mut open: Vec<bool> = logits.iter().map(|&logit| logit > 0.0).collect();
    for start in 0..logits.len() {
        if open[start] && is_near(hint, 0.0, start) {
            grow(start, &mut open).into_iter().for_each(|i| attached[i] = true);
        }
    }
    if !attached.contains(&true) {
        return;
    }
    logits.iter_mut().zip(&attached).filter(|(_, attached)| !**attached).for_each(|(logit, _)| *logit = -logit.abs());
}

/// Whether any of the cells round one is above a limit.
pub(super) fn is_near(cells: &[f32], limit: f32, i: usize) -> bool {
    round(i, NEAR).any(|i| cells[i] > limit)
}

/// The cells that are no further than `reach` rows and columns from one, and that one.
pub(super) fn round(i: usize, reach: usize) -> impl Iterator<Item = usize> {
    let near = |at: usize| at.saturating_sub(reach)..(at + reach + 1).min(EDGE);
    let columns = near(i % EDGE);
    near(i / EDGE).flat_map(move |y| columns.clone().map(move |x| y * EDGE + x))
}

/// The cells that are open and hang together with one of them (eight neighbours); they are closed then.
pub(super) fn grow(start: usize, open: &mut [bool]) -> Vec<usize> {
    let mut region = vec![start];
    open[start] = false;
    let mut next = 0;
    while let Some(&i) = region.get(next) {
        next += 1;
        region.extend(round(i, 1).filter(|&beside| std::mem::take(&mut open[beside])));
    }
    region
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discs(discs: &[(usize, usize, usize)]) -> Vec<f32> {
        let inside = |y: usize, x: usize| {
            discs.iter().any(|&(cy, cx, r)| y.abs_diff(cy).pow(2) + x.abs_diff(cx).pow(2) <= r * r)
        };
        (0..EDGE * EDGE).map(|i| if inside(i / EDGE, i % EDGE) { 2.0 } else { -2.0 }).collect()
    }

    #[test]
    fn a_part_elsewhere_is_another_object_unless_there_is_no_part_here() {
        let before = discs(&[(30, 30, 6)]);
        let mut now = discs(&[(34, 34, 6), (40, 40, 4), (80, 70, 9)]);
        keep_attached(&mut now, &before);
        assert_eq!(now, discs(&[(34, 34, 6), (40, 40, 4)]));
        let mut far = discs(&[(80, 70, 9)]);
        keep_attached(&mut far, &before);
        assert_eq!(far, discs(&[(80, 70, 9)]));
        let mut nothing = discs(&[]);
        keep_attached(&mut nothing, &before);
        assert_eq!(nothing, discs(&[]));
    }
}
