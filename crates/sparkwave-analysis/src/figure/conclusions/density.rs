//! How values lie along a line.

use std::collections::BTreeMap;

/// Positions at which a density is drawn.
const N_STEPS: usize = 80;

/// Kernel density of values between the smallest and the largest, as (value, density relative to the largest); Gaussian
/// kernel of Scott's width, sample standard deviation times `n^(-1/5)`. Empty for fewer than three values or equal ones.
pub(super) fn profile(values: &[f64]) -> Vec<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    if values.len() < 3 || !(sd > 0.0 && high > low) {
        return Vec::new();
    }
    let width = sd * n.powf(-0.2);
    let at = |i: usize| low + (high - low) * i as f64 / (N_STEPS - 1) as f64;
    let density = |x: f64| values.iter().map(|v| (-((x - v) / width).powi(2) / 2.0).exp()).sum::<f64>();
    let all: Vec<(f64, f64)> = (0..N_STEPS).map(|i| (at(i), density(at(i)))).collect();
    let largest = all.iter().map(|p| p.1).fold(0.0, f64::max);
    all.into_iter().map(|(x, d)| (x, d / largest)).collect()
}

/// Offsets across the line, -1..=1, so that marks at nearly the same value stand side by side: values are sorted into slots
/// of the given width, and those of a slot take places left and right of the middle, as far apart as the fullest slot allows.
pub(super) fn spread(values: &[f64], slot: f64) -> Vec<f64> {
    let slot_of = |v: f64| if slot > 0.0 { (v / slot).floor() as i64 } else { 0 };
    let mut slots: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    values.iter().enumerate().for_each(|(i, v)| slots.entry(slot_of(*v)).or_default().push(i));
    let fullest = slots.values().map(Vec::len).max().unwrap_or(1);
    let step = 2.0 / fullest.max(12) as f64;
    let mut offsets = vec![0.0; values.len()];
    for members in slots.values() {
        let n = members.len();
        // In order of values full slots would look like a herringbone: places are taken in strides of the golden section.
        let stride = if n < 8 { 1 } else { coprime_near(n as f64 * 0.618, n) };
        for (rank, &i) in members.iter().enumerate() {
            let place = rank * stride % n;
            // An even number of marks leaves the middle free.
            let shift = if n.is_multiple_of(2) { step / 2.0 } else { 0.0 };
            let side = if place.is_multiple_of(2) { 1.0 } else { -1.0 };
            offsets[i] = side * place.div_ceil(2) as f64 * step + shift;
        }
    }
    offsets
}

/// The first whole number from `near` on that has no divisor in common with `n`, so that its multiples visit every place.
fn coprime_near(near: f64, n: usize) -> usize {
    fn divisor(a: usize, b: usize) -> usize {
        if b == 0 { a } else { divisor(b, a % b) }
    }
    (near as usize..).find(|k| divisor(*k, n) == 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_a_slot_have_places_of_their_own() {
        for n in [1, 2, 7, 8, 9, 30, 31] {
            let mut offsets = spread(&vec![0.5; n], 1.0);
            offsets.sort_by(f64::total_cmp);
            assert!(offsets.windows(2).all(|two| two[1] - two[0] > 1e-9), "{n}: {offsets:?}");
            assert!(offsets[0] >= -1.0 - 1e-9 && offsets[n - 1] <= 1.0 + 1e-9, "{n}: {offsets:?}");
        }
        assert!(spread(&[], 1.0).is_empty());
        assert_eq!(spread(&[0.1, 5.0], 1.0), [0.0, 0.0], "alone in their slots");
    }

    #[test]
    fn a_profile_is_highest_where_values_are() {
        let profile = profile(&[1.0, 2.0, 2.0, 2.0, 3.0]);
        let top = profile.iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("a profile");
        assert!((top.0 - 2.0).abs() < 0.05 && top.1 == 1.0, "{top:?}");
        assert!(super::profile(&[1.0, 1.0, 1.0]).is_empty() && super::profile(&[1.0, 2.0]).is_empty());
    }
}
