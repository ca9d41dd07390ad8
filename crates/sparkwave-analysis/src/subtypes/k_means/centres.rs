//! Centres side by side, so that a point is measured against several of them at once.

/// Centres in one group: a register of doubles, or two or four.
const LANES: usize = 4;

/// Centres in groups of four, feature by feature: `[group][feature][lane]`. Lanes without a centre are infinitely far.
pub(super) struct Centres {
    values: Vec<[f64; LANES]>,
    k: usize,
    n_features: usize,
}

impl Centres {
    pub(super) fn new(rows: &[Vec<f64>]) -> Self {
        let n_features = rows.first().map_or(0, Vec::len);
        let values = vec![[f64::INFINITY; LANES]; rows.len().div_ceil(LANES) * n_features];
        let mut centres = Self { values, k: rows.len(), n_features };
        rows.iter().enumerate().for_each(|(i, row)| centres.set(i, row));
        centres
    }

    /// Moves a centre.
    pub(super) fn set(&mut self, i: usize, row: &[f64]) {
        let group = &mut self.values[i / LANES * self.n_features..][..self.n_features];
        group.iter_mut().zip(row).for_each(|(lanes, v)| lanes[i % LANES] = *v);
    }

    /// The squared distance of a point to each centre, into `squared`. A centre's features are added one after the other,
    /// so that a distance is the same beside whichever other centres.
    #[inline(always)]
    pub(super) fn squared_distances(&self, point: &[f64], squared: &mut Vec<f64>) {
        squared.clear();
        for group in self.values.chunks_exact(self.n_features) {
            let mut sums = [0.0; LANES];
            for (v, lanes) in point.iter().zip(group) {
                for (sum, centre) in sums.iter_mut().zip(lanes) {
                    *sum += (v - centre) * (v - centre);
                }
            }
            squared.extend(sums);
        }
        squared.truncate(self.k);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_is_its_own_centre() {
        let rows: Vec<Vec<f64>> = (0..5).map(|i| vec![f64::from(i), 2.0 * f64::from(i)]).collect();
        let mut centres = Centres::new(&rows);
        let mut squared = Vec::new();
        centres.squared_distances(&[1.0, 2.0], &mut squared);
        assert_eq!(squared, [5.0, 0.0, 5.0, 20.0, 45.0]);
        centres.set(4, &[1.0, 1.0]);
        centres.squared_distances(&[1.0, 2.0], &mut squared);
        assert_eq!(squared, [5.0, 0.0, 5.0, 20.0, 1.0]);
    }
}
