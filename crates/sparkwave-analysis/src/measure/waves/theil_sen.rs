//! Speed as the robust slope of distance against arrival time.

use super::speed::quantile;

/// A speed with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slope {
    pub(super) speed: f64,
    /// Lower and upper end; an end is `None` where the slowness is not told from 0.
    pub(super) interval: (Option<f64>, Option<f64>),
}

/// Points that a slope needs.
const MIN_POINTS: usize = 8;
/// Two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The speed from `(distance, arrival_s)` of separate places.
///
/// The slope is that of the times over the distances (the median over all pairs of points; Theil, Proc. K. Ned. Akad.
/// Wet. 1950, 53, 386; Sen, J. Am. Stat. Assoc. 1968, 63, 1379), and the speed its reciprocal: the errors are in the
/// times, and a slope over variables with errors would be too flat. The interval is Sen's, from the variance of
/// Kendall's statistic; it holds for independent errors, so the points must not share their window. `None` for fewer
/// than eight points and if arrivals do not get later with distance.
pub(super) fn speed(points: &[(f64, f64)]) -> Option<Slope> {
    if points.len() < MIN_POINTS {
        return None;
    }
    let mut slopes: Vec<f64> = points
        .iter()
        .enumerate()
        .flat_map(|(i, a)| points[i + 1..].iter().map(move |b| (a, b)))
        .filter(|(a, b)| a.0 != b.0)
        .map(|(a, b)| (b.1 - a.1) / (b.0 - a.0))
        .collect();
    slopes.sort_by(f64::total_cmp);
    let slowness = quantile(&slopes, 0.5).filter(|s| *s > 0.0)?;
    let n = points.len() as f64;
    let reach = Z * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() / slopes.len() as f64 / 2.0;
    let end = |q: f64| quantile(&slopes, q.clamp(0.0, 1.0)).filter(|s| *s > 0.0).map(|s| 1.0 / s);
    Some(Slope { speed: 1.0 / slowness, interval: (end(0.5 + reach), end(0.5 - reach)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_outliers_and_its_interval() {
        let mut points: Vec<(f64, f64)> = (0..30).map(|i| f64::from(i) / 10.0).map(|d| (d, 7.0 + 20.0 * d)).collect();
        let exact = speed(&points).expect("30 points");
        assert!((exact.speed - 0.05).abs() < 1e-12);
        points.iter_mut().enumerate().for_each(|(i, p)| p.1 += 0.3 * (7.0 * i as f64).sin());
        for i in [3, 11, 20, 28] {
            points[i].1 += 40.0;
        }
        let found = speed(&points).expect("30 points");
        assert!((found.speed - 0.05).abs() < 2e-3, "{found:?}");
        let (Some(low), Some(high)) = found.interval else { panic!("{found:?}") };
        assert!(low <= found.speed && found.speed <= high && low < high);
    }

    #[test]
    fn sens_interval_is_near_that_of_scipy() {
        // scipy 1.17, stats.theilslopes(t, d): 17.9214, 17.2 to 18.6; scipy rounds the ranks, here they are
        // interpolated.
        let t = [5.7, 11.1, 14.7, 15.9, 24.8, 28.4, 30.9, 37.7, 41.7, 46.1, 50.1, 55.6];
        let points: Vec<(f64, f64)> = t.iter().enumerate().map(|(i, t)| (i as f64 / 4.0, *t)).collect();
        let found = speed(&points).expect("12 points");
        assert!((1.0 / found.speed - 17.921_428_571_428_57).abs() < 1e-12, "{found:?}");
        let (Some(low), Some(high)) = found.interval else { panic!("{found:?}") };
        assert!((1.0 / low - 18.6).abs() < 0.1 && (1.0 / high - 17.2).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn too_few_points_and_arrivals_that_do_not_get_later_have_no_speed() {
        assert_eq!(speed(&[(0.0, 1.0), (1.0, 2.0)]), None);
        let back: Vec<(f64, f64)> = (0..20).map(|i| (f64::from(i), -f64::from(i))).collect();
        assert_eq!(speed(&back), None);
    }
}
