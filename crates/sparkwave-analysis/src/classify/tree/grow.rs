//! How a tree grows: the best question at every node, until there is none.

use ndarray::ArrayView2;

use super::{Node, Split, Tree, TreeLimits};

/// An impurity below this is none.
const PURE: f64 = f64::EPSILON;

/// Features by columns, with the order of their values: sorted once for any number of trees.
pub(in crate::classify) struct Sorted {
    columns: Vec<Vec<f64>>,
    /// For each feature all rows by rising value, equal ones by number.
    orders: Vec<Vec<u32>>,
}

impl Sorted {
    /// Finite features, `[N, M]`.
    pub(in crate::classify) fn new(features: ArrayView2<f64>) -> Self {
        let columns: Vec<Vec<f64>> = features.columns().into_iter().map(|c| c.to_vec()).collect();
        let order = |column: &Vec<f64>| {
            let mut order: Vec<u32> = (0..column.len() as u32).collect();
            order.sort_by(|&a, &b| column[a as usize].total_cmp(&column[b as usize]));
            order
        };
        Self { orders: columns.iter().map(order).collect(), columns }
    }

    pub(in crate::classify) fn value(&self, row: usize, feature: usize) -> f64 {
        self.columns[feature][row]
    }

    pub(in crate::classify) fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }
}

/// What a tree learns.
pub(in crate::classify) struct Targets<'a> {
    /// `[N][K]`, one after the other.
    pub(in crate::classify) values: &'a [f64],
    pub(in crate::classify) n_outputs: usize,
    /// Weight of each event, above 0.
    pub(in crate::classify) weights: &'a [f64],
}

/// Grows a tree over the events that `is_used` marks, of which there must be one, towards the weighted means of their
/// targets (Breiman, Friedman, Olshen & Stone 1984).
///
/// A question is the better the smaller the weighted sum of squared deviations it leaves. For targets that are 1 for the
/// class of an event and 0 for the others this sum is the Gini impurity, so one rule serves classes and numbers. Of equally
/// good questions the one of the first feature and there of the lowest threshold is taken; scikit-learn, which does the
/// same otherwise, takes features in an order drawn at random. Thresholds lie halfway between two values.
pub(in crate::classify) fn grow(sorted: &Sorted, targets: &Targets, is_used: &[bool], limits: &TreeLimits) -> Tree {
    let used = |order: &Vec<u32>| order.iter().copied().filter(|&row| is_used[row as usize]).collect();
    let orders: Vec<Vec<u32>> = sorted.orders.iter().map(used).collect();
    let mut grower = Grower { sorted, targets, limits, nodes: Vec::new(), goes_left: vec![false; sorted.n_rows()] };
    grower.node(orders, 0);
    Tree { nodes: grower.nodes }
}

struct Grower<'a> {
    sorted: &'a Sorted,
    targets: &'a Targets<'a>,
    limits: &'a TreeLimits,
    nodes: Vec<Node>,
    /// Scratch of a split.
    goes_left: Vec<bool>,
}

/// The best question at a node.
struct Best {
    feature: usize,
    /// Number of events that go left.
    n_left: usize,
    threshold: f64,
    gain: f64,
}

impl Grower<'_> {
    /// Adds a node over the rows, which every feature has in its own order, and all below it; returns its index.
    fn node(&mut self, orders: Vec<Vec<u32>>, depth: usize) -> usize {
        let rows = &orders[0];
        let (sums, cover) = self.sums(rows);
        let value: Vec<f64> = sums.iter().map(|sum| sum / cover).collect();
        let is_leaf = depth >= self.limits.max_depth
            || rows.len() < self.limits.min_split
            || rows.len() < 2 * self.limits.min_leaf
            || self.impurity(rows, &value, cover) <= PURE;
        let index = self.nodes.len();
        self.nodes.push(Node { value, cover, n_events: rows.len(), split: None });
        let best = if is_leaf { None } else { self.best(&orders, &sums, cover) };
        if let Some(Best { feature, n_left, threshold, .. }) = best {
            for (i, &row) in orders[feature].iter().enumerate() {
                self.goes_left[row as usize] = i < n_left;
            }
            let (mut to_left, mut to_right) = (Vec::new(), Vec::new());
            for order in orders {
                let (left, right): (Vec<u32>, Vec<u32>) =
                    order.into_iter().partition(|&row| self.goes_left[row as usize]);
                to_left.push(left);
                to_right.push(right);
            }
            let left = self.node(to_left, depth + 1);
            let right = self.node(to_right, depth + 1);
            self.nodes[index].split = Some(Split { feature, threshold, left, right });
        }
        index
    }

    fn target(&self, row: u32) -> (&[f64], f64) {
        let (row, k) = (row as usize, self.targets.n_outputs);
        (&self.targets.values[row * k..(row + 1) * k], self.targets.weights[row])
    }

    /// Weighted sums of the targets, and the sum of the weights.
    fn sums(&self, rows: &[u32]) -> (Vec<f64>, f64) {
        let mut sums = vec![0.0; self.targets.n_outputs];
        let mut cover = 0.0;
        for &row in rows {
            let (target, weight) = self.target(row);
            sums.iter_mut().zip(target).for_each(|(sum, t)| *sum += weight * t);
            cover += weight;
        }
        (sums, cover)
    }

    /// Weighted mean of the squared deviations from the mean.
    fn impurity(&self, rows: &[u32], mean: &[f64], cover: f64) -> f64 {
        let squares = rows.iter().map(|&row| {
            let (target, weight) = self.target(row);
            weight * target.iter().zip(mean).map(|(t, m)| (t - m) * (t - m)).sum::<f64>()
        });
        squares.sum::<f64>() / cover
    }

    /// The question of the largest gain; `None` if the limits allow none, or no feature has two values.
    fn best(&self, orders: &[Vec<u32>], sums: &[f64], cover: f64) -> Option<Best> {
        let mut best: Option<Best> = None;
        let mut left = vec![0.0; sums.len()];
        for (feature, order) in orders.iter().enumerate() {
            left.fill(0.0);
            let mut left_cover = 0.0;
            for n_left in 1..order.len() {
                let (target, weight) = self.target(order[n_left - 1]);
                left.iter_mut().zip(target).for_each(|(sum, t)| *sum += weight * t);
                left_cover += weight;
                let [below, above] = [n_left - 1, n_left].map(|i| self.sorted.value(order[i] as usize, feature));
                let n_smaller = n_left.min(order.len() - n_left);
                if below >= above || n_smaller < self.limits.min_leaf {
                    continue;
                }
                let right_cover = cover - left_cover;
                let (mut of_left, mut of_right) = (0.0, 0.0);
                for (l, sum) in left.iter().zip(sums) {
                    of_left += l * l;
                    of_right += (sum - l) * (sum - l);
                }
                // What is left over falls as this sum rises: the squared targets do not depend on the question.
                let gain = of_left / left_cover + of_right / right_cover;
                if best.as_ref().is_none_or(|best| gain > best.gain) {
                    best = Some(Best { feature, n_left, threshold: halfway(below, above), gain });
                }
            }
        }
        best
    }
}

/// The middle of two values, the first below the second, such that it is below the second after rounding too.
fn halfway(below: f64, above: f64) -> f64 {
    let middle = below / 2.0 + above / 2.0;
    if middle < above { middle } else { below }
}
