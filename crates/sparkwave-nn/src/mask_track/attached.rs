//! What belongs to an object and what only looks like it: another wave, another cell.

use super::EDGE;

/// How far from where an object was a part of it may begin, cells.
const NEAR: usize = 4;

/// Takes away the parts (eight neighbours) of a mask that are not near where the object was, unless all are: `logits` of cells,
/// above 0 inside, and `hint`, above 0 where the object was.
pub(super) fn keep_attached(logits: &mut [f32], hint: &[f32]) {
    let near = |y: usize, x: usize| {
        let mut rows = y.saturating_sub(NEAR)..(y + NEAR + 1).min(EDGE);
        rows.any(|y| hint[y * EDGE..][x.saturating_sub(NEAR)..(x + NEAR + 1).min(EDGE)].iter().any(|&h| h > 0.0))
    };
    let mut attached = vec![false; logits.len()];
    let mut next: Vec<usize> = (0..logits.len()).filter(|&i| logits[i] > 0.0 && near(i / EDGE, i % EDGE)).collect();
    if next.is_empty() {
        return;
    }
    next.iter().for_each(|&i| attached[i] = true);
    while let Some(i) = next.pop() {
        let (y, x) = (i / EDGE, i % EDGE);
        for y in y.saturating_sub(1)..(y + 2).min(EDGE) {
            for x in x.saturating_sub(1)..(x + 2).min(EDGE) {
                let beside = y * EDGE + x;
                if logits[beside] > 0.0 && !attached[beside] {
                    attached[beside] = true;
                    next.push(beside);
                }
            }
        }
    }
    logits.iter_mut().zip(&attached).filter(|(_, attached)| !**attached).for_each(|(logit, _)| *logit = -logit.abs());
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
