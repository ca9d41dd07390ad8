//! What all of the cortex does at once: lamp drift, flicker and breathing of the illumination.
//!
//! In every time bin it is the median over the cells. A wave covers a part of the cortex and would pull the median with
//! it, so cells that are known to be under a wave do not vote.

use crate::waves::cells::Cells;
use ndarray::{Array2, Axis};
use rayon::prelude::*;

/// The common relative change, one value a bin, over the cells `voters`; `busy(bin, y, x)` takes away the vote of a
/// cell in a bin. A bin in which too few cells vote is judged by all of them.
pub fn common_change(
    cells: &Cells,
    voters: &Array2<bool>,
    busy: impl Fn(usize, usize, usize) -> bool + Sync,
) -> Vec<f32> {
    let n_voters = voters.iter().filter(|v| **v).count();
    (0..cells.dim().0)
        .into_par_iter()
        .map(|bin| {
            let plane = cells.values.index_axis(Axis(0), bin);
            let vote = |use_busy: bool| -> Vec<f32> {
                let at = plane.indexed_iter().zip(voters).filter(|((_, _), voter)| **voter);
                at.filter(|(((y, x), _), _)| use_busy || !busy(bin, *y, *x)).map(|((_, v), _)| *v).collect()
            };
            let mut votes = vote(false);
            if votes.len() < n_voters / 5 {
                votes = vote(true);
            }
            median(&mut votes)
        })
        .collect()
}

/// Takes the common change away.
pub fn remove(cells: &mut Cells, common: &[f32]) {
    for (mut plane, &c) in cells.values.outer_iter_mut().zip(common) {
        ndarray::Zip::from(&mut plane).and(&cells.usable).for_each(|v, &usable| *v -= if usable { c } else { 0.0 });
    }
}

/// The median of some numbers; 0 of none.
pub(super) fn median(values: &mut [f32]) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn flicker_goes_and_a_wave_under_which_cells_do_not_vote_stays() {
        // Three of five cells brighten by 10 % in bin 2; everything flickers by 2 % in bin 1.
        let counts = Array3::from_shape_fn((80, 1, 5), |(t, _, x)| match t {
            1 => 102.0,
            2 if x < 3 => 110.0,
            _ => 100.0,
        });
        let mut cells = Cells::new(counts, 1);
        let voters = Array2::from_elem((1, 5), true);
        let common = common_change(&cells, &voters, |bin, _, x| bin == 2 && x < 3);
        remove(&mut cells, &common);
        let step = |x: usize| cells.values[[2, 0, x]] - cells.values[[0, 0, x]];
        assert!((step(0) - 0.097).abs() < 2e-3, "{}", step(0));
        assert!((cells.values[[1, 0, 4]] - cells.values[[0, 0, 4]]).abs() < 1e-3);
        let naive = common_change(&cells, &voters, |_, _, _| false);
        assert!(naive[2] > 0.05, "without the exception the wave is taken for light: {naive:?}");
    }
}
