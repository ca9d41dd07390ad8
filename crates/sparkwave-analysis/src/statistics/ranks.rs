//! Ranks with ties.

/// Midranks (1-based, ties share the mean of their ranks) and the sizes of the groups of ties in ascending order.
pub(crate) fn midranks(values: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut sizes) = (vec![0.0; values.len()], Vec::new());
    let mut start = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        for &i in tied {
            ranks[i] = start as f64 + (tied.len() + 1) as f64 / 2.0;
        }
        start += tied.len();
        sizes.push(tied.len());
    }
    (ranks, sizes)
}

/// The sum of t^3 - t over groups of ties.
pub(super) fn tie_sum(sizes: &[usize]) -> f64 {
    sizes.iter().map(|&t| (t as f64).powi(3) - t as f64).sum()
}
