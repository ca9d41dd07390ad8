//! Baseline as a running percentile.
//!
//! The simplest estimator that ignores brief transients; it follows drift with a lag of half a window and is biased by
//! the noise unless the percentile is 50.

/// Windows beyond twice this length are cut to it.
const MAX_HALF_WINDOW: usize = 50_000;

/// The running percentile of a trace: at each sample the value of rank `⌊window · percentile / 100⌋` (0-based, at most the
/// largest; percentile from 0 to 100) in the sorted centred window of `window` samples, made odd by rounding up. Beyond
/// the ends the first and the last sample repeat. A percentile of 50 is the running median.
pub fn running(trace: &[f64], window: usize, percentile: f64) -> Vec<f64> {
    let Some((&first, &last)) = trace.first().zip(trace.last()) else { return Vec::new() };
    let n = trace.len();
    let half = (window / 2).min(MAX_HALF_WINDOW);
    let size = 2 * half + 1;
    let rank = ((percentile.clamp(0.0, 100.0) * size as f64 / 100.0).floor() as usize).min(size - 1);
    let at = |i: isize| match i {
        i if i < 0 => first,
        i if i >= n as isize => last,
        i => trace[i as usize],
    };
    let mut sorted: Vec<f64> = (-(half as isize)..=half as isize).map(at).collect();
    sorted.sort_by(f64::total_cmp);
    let mut out = Vec::with_capacity(n);
    for t in 0..n as isize {
        out.push(sorted[rank]);
        let (leaving, entering) = (at(t - half as isize), at(t + half as isize + 1));
        let gone = sorted.partition_point(|v| v.total_cmp(&leaving).is_lt());
        sorted.remove(gone);
        let place = sorted.partition_point(|v| v.total_cmp(&entering).is_lt());
        sorted.insert(place, entering);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_sorting_each_window() {
        let trace: Vec<f64> = (0..50).map(|i| f64::from((i * 37) % 23)).collect();
        for (window, percentile) in [(1, 50.0), (5, 50.0), (9, 0.0), (9, 100.0), (21, 20.0), (500, 50.0)] {
            let half = (window / 2) as isize;
            let found = running(&trace, window, percentile);
            for t in 0..50isize {
                let mut all: Vec<f64> = (t - half..=t + half).map(|i| trace[i.clamp(0, 49) as usize]).collect();
                all.sort_by(f64::total_cmp);
                let rank = ((percentile / 100.0 * all.len() as f64).floor() as usize).min(all.len() - 1);
                assert_eq!(found[t as usize], all[rank], "window {window}, percentile {percentile}, sample {t}");
            }
        }
        assert!(running(&[], 5, 50.0).is_empty());
    }
}
