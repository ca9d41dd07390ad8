//! The elbow of the inertia over the number of groups.

use serde::Serialize;

/// Where another group ceases to help.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Elbow {
    /// The number of groups farthest below the straight line from the first to the last point of the curve, both axes
    /// scaled to 0..=1 (Satopaa et al. 2011, ICDCS Workshops, 166); `None` if the curve never is below.
    pub k: Option<usize>,
    /// The second difference of the inertia at each number of groups but the first and the last, as published: positive
    /// where the curve bends towards the horizontal.
    pub second_differences: Vec<(usize, f64)>,
}

/// The elbow of (number of groups, inertia), given by rising number, evenly spaced.
pub fn elbow(curve: &[(usize, f64)]) -> Elbow {
    let bend = |three: &[(usize, f64)]| (three[1].0, three[0].1 - 2.0 * three[1].1 + three[2].1);
    let second_differences = curve.windows(3).map(bend).collect();
    let (Some(&first), Some(&last)) = (curve.first(), curve.last()) else {
        return Elbow { k: None, second_differences };
    };
    let along = |k: usize| (k as f64 - first.0 as f64) / (last.0 as f64 - first.0 as f64);
    let down = |inertia: f64| (first.1 - inertia) / (first.1 - last.1);
    let below_line = curve.iter().map(|&(k, inertia)| (k, down(inertia) - along(k)));
    let below_line = below_line.filter(|(_, depth)| depth.is_finite() && *depth > 1e-12);
    let deepest = below_line.reduce(|best, next| if next.1 > best.1 { next } else { best });
    Elbow { k: deepest.map(|(k, _)| k), second_differences }
}
