//! Components of a movie above all thresholds at once: the component tree, or max-tree.
//!
//! Components above a threshold lie within those above a lower one, so all of them form a tree: P. Salembier, A. Oliveras,
//! L. Garrido, "Antiextensive connected operators for image and sequence processing", IEEE Trans. Image Process. 7,
//! 555-570 (1998). Voxels are flooded from the strongest to the weakest while a union-find forest follows what is
//! connected: L. Najman, M. Couprie, "Building the component tree in quasi-linear time", IEEE Trans. Image Process. 15,
//! 3531-3539 (2006), with one node for each set of connected voxels that some threshold yields. A hundred thresholds cost
//! as much as one labelling and a sort.

mod component;
#[cfg(test)]
mod tests;

use super::sparse::{SparseVolume, find, union};
use component::Sums;
pub use component::{BoxFilter, Centroid, Component};

/// The component tree of a sparse volume with one strength a voxel and 26 neighbours. It takes some 120 bytes for each
/// different strength of a component, so at most for each voxel.
#[derive(Clone, Debug)]
pub struct ComponentTree<'a> {
    volume: &'a SparseVolume,
    strength: &'a [f32],
    /// Voxels as they were flooded; a voxel's place here is its rank.
    order: Vec<u32>,
    /// By voxel: the smallest node that holds it, or `NONE`.
    node_of: Vec<u32>,
    /// Parents come after their children.
    nodes: Vec<Node>,
}

/// All voxels of at least some level that are connected.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// The strength of its weakest voxel.
    level: f32,
    /// The next larger node, or `NONE`.
    parent: u32,
    merges_at: Option<f32>,
    sums: Sums,
}

/// Past every node and every rank.
const NONE: u32 = u32::MAX;

impl<'a> ComponentTree<'a> {
    /// Builds the tree. `strength` has one value per voxel of the volume; a voxel whose strength is not finite belongs to
    /// no component. Ties are broken by position, the earlier voxel counting as the stronger one.
    pub fn new(volume: &'a SparseVolume, strength: &'a [f32]) -> Self {
        let order = flooding_order(volume, strength);
        let parent = flood(volume, &order);
        let level = |rank: u32| strength[order[rank as usize] as usize];
        let parent = level_roots(parent, level);

        let mut nodes: Vec<Node> = Vec::new();
        let mut node_of_rank = vec![NONE; order.len()];
        let is_node = |rank: usize| parent[rank] as usize == rank || level(parent[rank]) < level(rank as u32);
        for rank in (0..order.len()).filter(|&rank| is_node(rank)) {
            node_of_rank[rank] = nodes.len() as u32;
            let voxel = volume.voxels()[order[rank] as usize].voxel;
            let sums = Sums::of(voxel, level(rank as u32), rank as u32);
            nodes.push(Node { level: level(rank as u32), parent: NONE, merges_at: None, sums });
        }
        let mut node_of = vec![NONE; volume.voxels().len()];
        for (rank, &i) in order.iter().enumerate() {
            let above = node_of_rank[parent[rank] as usize];
            if node_of_rank[rank] == NONE {
                node_of_rank[rank] = above;
                let sums = Sums::of(volume.voxels()[i as usize].voxel, level(rank as u32), rank as u32);
                nodes[above as usize].sums.add(&sums);
            } else if parent[rank] as usize != rank {
                nodes[node_of_rank[rank] as usize].parent = above;
            }
            node_of[i as usize] = node_of_rank[rank];
        }
        accumulate(&mut nodes);
        Self { volume, strength, order, node_of, nodes }
    }

    /// The components of the voxels stronger than each threshold, in the order of the thresholds, each in order of their
    /// peaks' positions; what `filter` does not keep is left out.
    pub fn sweep(&self, thresholds: &[f32], filter: BoxFilter) -> Vec<Vec<Component>> {
        let mut ascending: Vec<usize> = (0..thresholds.len()).collect();
        ascending.sort_by(|&a, &b| thresholds[a].total_cmp(&thresholds[b]));
        let n_below = |level: f32| ascending.partition_point(|&k| thresholds[k] < level);
        let mut found = vec![Vec::new(); thresholds.len()];
        for (n, node) in self.nodes.iter().enumerate() {
            // A node is a component above its parent's level, up to its own.
            let below_parent = if node.parent == NONE { 0 } else { n_below(self.nodes[node.parent as usize].level) };
            let yielding = below_parent..n_below(node.level);
            if !yielding.is_empty() && filter.keeps(node.sums.first, node.sums.last) {
                let component = self.component(n);
                ascending[yielding].iter().for_each(|&k| found[k].push(component));
            }
        }
        found.iter_mut().for_each(|components: &mut Vec<Component>| components.sort_unstable_by_key(|c| c.peak));
        found
    }

    /// The components of the voxels stronger than `low` in which one is stronger than `high`, in order of their peaks'
    /// positions: J. Canny, IEEE Trans. Pattern Anal. Mach. Intell. 8, 679-698 (1986). A `low` above `high` counts as
    /// `high`.
    pub fn hysteresis(&self, low: f32, high: f32) -> Vec<Component> {
        let mut components = self.sweep(&[low.min(high)], BoxFilter::ALL).pop().unwrap_or_default();
        components.retain(|c| c.peak_strength > high);
        components
    }

    /// For every voxel 0 or the 1-based place in `components`, which come from this tree, of the smallest one that holds
    /// it.
    pub fn labels(&self, components: &[Component]) -> Vec<u32> {
        let mut label = vec![0u32; self.nodes.len()];
        for (component, number) in components.iter().zip(1..) {
            label[component.node as usize] = number;
        }
        for n in (0..self.nodes.len()).rev() {
            let parent = self.nodes[n].parent;
            if label[n] == 0 && parent != NONE {
                label[n] = label[parent as usize];
            }
        }
        self.node_of.iter().map(|&n| if n == NONE { 0 } else { label[n as usize] }).collect()
    }

    fn component(&self, n: usize) -> Component {
        let node = &self.nodes[n];
        let peak = self.order[node.sums.peak as usize] as usize;
        let peak = (self.volume.voxels()[peak].voxel, self.strength[peak]);
        node.sums.component(n as u32, peak, node.merges_at)
    }
}

/// The voxels from the strongest to the weakest, but what is connected at any strength together, so that the flood stays
/// for long within memory that it used just before.
fn flooding_order(volume: &SparseVolume, strength: &[f32]) -> Vec<u32> {
    let component = volume.components();
    let voxels = (0..).zip(strength).zip(component).filter(|((_, s), _)| s.is_finite());
    let mut order: Vec<(u32, f32, u32)> = voxels.map(|((i, &s), c)| (c, s, i)).collect();
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    order.into_iter().map(|(_, _, i)| i).collect()
}

/// For each voxel, by rank, the voxel at whose flooding its component grew next; itself if it never did.
fn flood(volume: &SparseVolume, order: &[u32]) -> Vec<u32> {
    let mut rank = vec![NONE; volume.voxels().len()];
    order.iter().zip(0..).for_each(|(&i, r)| rank[i as usize] = r);
    let mut parent: Vec<u32> = (0..order.len() as u32).collect();
    // A union-find forest over ranks: the smallest rank of a tree is its highest peak.
    let mut peak = parent.clone();
    // By rank of a peak: the voxel of its component that was flooded last.
    let mut latest = parent.clone();
    for (r, &i) in (0..).zip(order) {
        let mut own = r;
        volume.for_each_neighbour(i as usize, |j| {
            // Voxels without a rank have none that is smaller, either.
            if rank[j] < r {
                let other = find(&mut peak, rank[j]);
                if other != own {
                    parent[latest[other as usize] as usize] = r;
                    union(&mut peak, own, other);
                    own = own.min(other);
                }
            }
        });
        latest[own as usize] = r;
    }
    parent
}

/// Lets every parent be the last of the connected voxels that share its level, which stands for all of them.
fn level_roots(mut parent: Vec<u32>, level: impl Fn(u32) -> f32) -> Vec<u32> {
    for rank in (0..parent.len()).rev() {
        let above = parent[rank];
        let next = parent[above as usize];
        if level(next) == level(above) {
            parent[rank] = next;
        }
    }
    parent
}

/// Adds what children have to their parents, and finds where peaks merge with higher ones.
fn accumulate(nodes: &mut [Node]) {
    for n in 0..nodes.len() {
        let Node { parent, sums, .. } = nodes[n];
        if let Some(parent) = nodes.get_mut(parent as usize) {
            parent.sums.add(&sums);
        }
    }
    for n in (0..nodes.len()).rev() {
        let Some(parent) = nodes.get(nodes[n].parent as usize) else { continue };
        let same_peak = parent.sums.peak == nodes[n].sums.peak;
        nodes[n].merges_at = if same_peak { parent.merges_at } else { Some(parent.level) };
    }
}
