//! The mean time course of a wave: the traces of its cells, each shifted to its arrival.

use crate::waves::cells::Cells;
use crate::waves::fronts::Front;
use sparkwave_core::wave::Waveform;

/// The mean of the cells of a front at lags of whole bins, `first_lag..=last_lag`, weighted by their evidence, against
/// the mean over the lags before `quiet_until`. Cells whose lag lies outside the recording do not count there; lags
/// that no cell covers are left out.
pub fn waveform(cells: &Cells, front: &Front, bin_s: f64, lags: (i64, i64), quiet_until: i64) -> Waveform {
    let n = cells.dim().0 as f64;
    let mut out = Waveform::default();
    for lag in lags.0..=lags.1 {
        let (mut sum, mut weight) = (0.0f64, 0.0f64);
        for (y, x) in front.cells() {
            // The centre of bin k is at k + 1/2.
            let at = f64::from(front.arrival[[y, x]]) + lag as f64 - 0.5;
            if !(0.0..=n - 1.0).contains(&at) {
                continue;
            }
            let below = at.floor().min(n - 2.0).max(0.0) as usize;
            let above = at - below as f64;
            let next = (below + 1).min(cells.dim().0 - 1);
            let value = |t: usize| f64::from(cells.values[[t, y, x]]);
            let w = f64::from(front.strength[[y, x]]);
            sum += w * (value(below) * (1.0 - above) + value(next) * above);
            weight += w;
        }
        if weight > 0.0 {
            out.lag_s.push(lag as f64 * bin_s);
            out.drr.push(sum / weight);
        }
    }
    let early =
        || out.lag_s.iter().zip(&out.drr).filter(|(lag, _)| **lag < quiet_until as f64 * bin_s).map(|(_, v)| *v);
    let n_early = early().count();
    let level =
        if n_early > 0 { early().sum::<f64>() / n_early as f64 } else { out.drr.first().copied().unwrap_or(0.0) };
    out.drr.iter_mut().for_each(|v| *v -= level);
    out
}

/// The lags between which the rise over `interval_s` is at least `fraction` of the largest one, around it: from where
/// the earliest such interval starts to where the latest one ends, s. `None` if the waveform never rises.
pub fn rising_lags(waveform: &Waveform, interval_s: f64, fraction: f64) -> Option<(f64, f64)> {
    let step = waveform.lag_s.windows(2).map(|w| w[1] - w[0]).next()?;
    let ahead = ((interval_s / step).round() as usize).max(1);
    let rises: Vec<f64> = waveform.drr.iter().zip(waveform.drr.iter().skip(ahead)).map(|(a, b)| b - a).collect();
    // The front passes near lag zero; other rises of the course (recovery from an undershoot) are not its band.
    let near = |i: &usize| (-2.0 * interval_s..=interval_s).contains(&waveform.lag_s[*i]);
    let peak = (0..rises.len()).filter(near).max_by(|a, b| rises[*a].total_cmp(&rises[*b]))?;
    let floor = fraction * rises[peak];
    if rises[peak] <= 0.0 {
        return None;
    }
    let first = (0..peak).rev().take_while(|&i| rises[i] >= floor).last().unwrap_or(peak);
    let last = (peak..rises.len()).take_while(|&i| rises[i] >= floor).last().unwrap_or(peak);
    Some((waveform.lag_s[first], waveform.lag_s[last] + ahead as f64 * step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn cells_reached_at_different_times_share_one_course() {
        let course = |lag: f64| if lag < 0.0 { 0.0 } else { 0.05 * (lag / 4.0) * (1.0 - lag / 4.0).exp() };
        let time = |x: usize| 40.25 + 3.5 * x as f64;
        let counts =
            Array3::from_shape_fn((160, 1, 6), |(t, _, x)| (1000.0 * (1.0 + course(t as f64 + 0.5 - time(x)))) as f32);
        let mut front = Front::none(1, 6);
        for x in 0..6 {
            front.arrival[[0, x]] = time(x) as f32;
            front.strength[[0, x]] = 5.0;
        }
        let found = waveform(&Cells::new(counts, 8), &front, 1.0, (-20, 40), -5);
        let peak = found.drr.iter().zip(&found.lag_s).max_by(|a, b| a.0.total_cmp(b.0)).expect("lags");
        assert!((peak.0 - 0.05).abs() < 0.002 && (peak.1 - 4.0).abs() <= 1.0, "{peak:?}");
        let (from, to) = rising_lags(&found, 5.0, 0.2).expect("it rises");
        assert!((-5.0..=-3.0).contains(&from) && (5.0..=8.0).contains(&to), "{from} to {to}");
    }
}
