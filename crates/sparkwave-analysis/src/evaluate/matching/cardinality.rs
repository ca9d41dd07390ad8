//! The size of the largest matching for every prefix of a ranking, in one pass.
//!
//! The predictions that can be matched together form a transversal matroid, so taking them greedily by rank gives a
//! largest matching of *every* prefix: a prediction that raises the size when it is added counts as a true positive at
//! its own threshold and at every lower one, and one that does not never will.

/// Adds predictions in the given order and tells for each, by its index, whether it raised the size of the largest
/// matching. `truths_of[p]` lists the truths that prediction `p` may be paired with, all below `n_truths`.
///
/// Augmenting paths by breadth-first search. A failed search proves that the truths it saw reach no free truth, now or
/// later, so they are removed: all failed searches together look at each edge once.
pub(in crate::evaluate) fn greedy_by_rank(truths_of: &[Vec<u32>], n_truths: usize, order: &[usize]) -> Vec<bool> {
    let mut prediction_of: Vec<Option<usize>> = vec![None; n_truths];
    let mut truth_of: Vec<Option<usize>> = vec![None; truths_of.len()];
    let mut is_dead = vec![false; n_truths];
    let mut seen_in = vec![usize::MAX; n_truths];
    let mut reached_from = vec![0usize; n_truths];
    let mut raised = vec![false; truths_of.len()];
    let mut queue: Vec<usize> = Vec::new();
    let mut seen: Vec<usize> = Vec::new();

    for (round, &new) in order.iter().enumerate() {
        queue.clear();
        seen.clear();
        queue.push(new);
        let mut head = 0;
        let mut free = None;
        'search: while head < queue.len() {
            let prediction = queue[head];
            head += 1;
            for &truth in &truths_of[prediction] {
                let truth = truth as usize;
                if is_dead[truth] || seen_in[truth] == round {
                    continue;
                }
                seen_in[truth] = round;
                seen.push(truth);
                reached_from[truth] = prediction;
                match prediction_of[truth] {
                    Some(owner) => queue.push(owner),
                    None => {
                        free = Some(truth);
                        break 'search;
                    }
                }
            }
        }
        let Some(mut truth) = free else {
            for &truth in &seen {
                is_dead[truth] = true;
            }
            continue;
        };
        raised[new] = true;
        loop {
            let prediction = reached_from[truth];
            prediction_of[truth] = Some(prediction);
            match truth_of[prediction].replace(truth) {
                Some(given_up) => truth = given_up,
                None => break,
            }
        }
    }
    raised
}
