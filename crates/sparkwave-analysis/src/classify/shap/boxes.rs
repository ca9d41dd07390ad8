//! Trees as boxes, one a leaf.

use crate::classify::tree::{Node, Tree};

/// The rows that come to a leaf.
pub(super) struct LeafBox<'a> {
    /// One for each feature that is asked on the way, in the order of the first question.
    pub(super) sides: Vec<Side>,
    /// The leaf's answer.
    pub(super) value: &'a [f64],
}

/// What a box asks of one feature.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub(super) feature: usize,
    /// Values above `low`, up to and including `high`.
    low: f64,
    high: f64,
    /// Of the events in training, the part that followed the way wherever it asked this feature: a product over these
    /// questions.
    pub(super) cover_part: f64,
}

impl Side {
    pub(super) fn holds(&self, value: f64) -> bool {
        self.low < value && value <= self.high
    }
}

/// The boxes of a tree.
pub(super) fn of_tree(tree: &Tree) -> Vec<LeafBox<'_>> {
    let mut boxes = Vec::new();
    // Each node with the sides of the way to it; a node comes before those below it.
    let mut waiting: Vec<(&Node, Vec<Side>)> =
        tree.nodes().first().map(|root| (root, Vec::new())).into_iter().collect();
    while let Some((node, sides)) = waiting.pop() {
        let Some(split) = node.split else {
            boxes.push(LeafBox { sides, value: &node.value });
            continue;
        };
        for (child, is_left) in [(split.right, false), (split.left, true)] {
            let child = &tree.nodes()[child];
            let (low, high) =
                if is_left { (f64::NEG_INFINITY, split.threshold) } else { (split.threshold, f64::INFINITY) };
            let part = child.cover / node.cover;
            let mut sides = sides.clone();
            match sides.iter_mut().find(|side| side.feature == split.feature) {
                Some(side) => {
                    side.low = side.low.max(low);
                    side.high = side.high.min(high);
                    side.cover_part *= part;
                }
                None => sides.push(Side { feature: split.feature, low, high, cover_part: part }),
            }
            waiting.push((child, sides));
        }
    }
    boxes
}
