//! The shape of the neuron: dendrites, spines, axons with boutons, out-of-focus neurites and stray puncta.
//!
//! Positions are in µm in reference coordinates (the centre of pixel (0, 0) is the origin), depth in µm from the focal
//! plane. Proportions follow the published renderings: a tapering primary dendrite that crosses the field and divides at
//! acute angles, long daughters, thin winding twigs, spines of 0.4 to 2 µm.

use super::params::SparksParams;
use super::{Stream, random_stream};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};
use std::f64::consts::{PI, TAU};

/// Distance between neighbouring nodes of a branch, in µm.
pub(super) const STEP_UM: f64 = 0.15;

/// A point of a centre line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) y: f64,
    pub(super) x: f64,
    pub(super) depth: f64,
    pub(super) radius: f64,
    /// Fluorophore concentration relative to the primary dendrite.
    pub(super) concentration: f64,
}

/// What a branch is; only dendrites carry spines, fluctuate and fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BranchKind {
    Dendrite,
    Axon,
    Distant,
}

/// A neurite: nodes every [`STEP_UM`] along its centre line.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) kind: BranchKind,
    pub(super) nodes: Vec<Node>,
}

/// A spine: a head on a neck that starts at a node of a dendrite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spine {
    pub(super) branch: usize,
    pub(super) node: usize,
    pub(super) y: f64,
    pub(super) x: f64,
    pub(super) depth: f64,
    pub(super) radius: f64,
    pub(super) concentration: f64,
}

/// A bright spot that belongs to nothing: vesicle, debris, a bouton of another cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Punctum {
    pub(super) y: f64,
    pub(super) x: f64,
    pub(super) depth: f64,
    pub(super) radius: f64,
    pub(super) concentration: f64,
}

/// Everything that glows in the field.
#[derive(Clone, Debug)]
pub(super) struct Neuron {
    pub(super) branches: Vec<Branch>,
    pub(super) spines: Vec<Spine>,
    pub(super) puncta: Vec<Punctum>,
}

/// How a branch grows.
struct Growth {
    length: f64,
    radius: (f64, f64),
    concentration: f64,
    /// Standard deviation of the curvature of the path, per µm, and the length over which it is correlated, in µm.
    curvature: (f64, f64),
    /// Depth at the end.
    depth: f64,
    /// Standard deviation of the logarithm of calibre and of concentration along the branch.
    texture: f64,
}

impl Neuron {
    /// Grows a neuron in the field of `params`.
    pub(super) fn grow(params: &SparksParams, seed: u64) -> Self {
        let rng = &mut random_stream(seed, Stream::Neuron);
        let field = (params.height as f64 * params.pixel_size_um, params.width as f64 * params.pixel_size_um);
        let mut branches = grow_dendrites(field, rng);
        let spines = grow_spines(&branches, params.spine_density_per_um, rng);
        let mut puncta = Vec::new();
        add_lobes(&spines, &mut puncta, rng);
        let n_axons = if field.0.min(field.1) > 30.0 { 3 } else { 0 };
        for _ in 0..n_axons {
            let axon = grow_crossing(field, BranchKind::Axon, rng);
            add_boutons(&axon, &mut puncta, rng);
            branches.push(axon);
        }
        for _ in 0..4 {
            branches.push(grow_crossing(field, BranchKind::Distant, rng));
        }
        scatter_puncta(field, &mut puncta, rng);
        Self { branches, spines, puncta }
    }

    /// Moves all of it, as when the stage is moved, by µm down and to the right.
    pub(super) fn displace(&mut self, (y_um, x_um): (f64, f64)) {
        let nodes = self.branches.iter_mut().flat_map(|branch| &mut branch.nodes).map(|n| (&mut n.y, &mut n.x));
        let spines = self.spines.iter_mut().map(|s| (&mut s.y, &mut s.x));
        let puncta = self.puncta.iter_mut().map(|p| (&mut p.y, &mut p.x));
        for (y, x) in nodes.chain(spines).chain(puncta) {
            *y += y_um;
            *x += x_um;
        }
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    rng.sample(StandardNormal)
}

fn lognormal(median: f64, sigma: f64, rng: &mut ChaCha8Rng) -> f64 {
    median * (sigma * normal(rng)).exp()
}

/// An angle or side chosen by a fair coin.
fn side(rng: &mut ChaCha8Rng) -> f64 {
    if rng.random::<bool>() { 1.0 } else { -1.0 }
}

/// A point `outside` µm beyond a random edge of the field and the heading from there to near its centre.
fn entry(field: (f64, f64), outside: f64, spread: f64, rng: &mut ChaCha8Rng) -> (Node, f64, f64) {
    let along = rng.random_range(0.12..0.88);
    let (y, x) = match rng.random_range(0..4u8) {
        0 => (-outside, along * field.1),
        1 => (field.0 + outside, along * field.1),
        2 => (along * field.0, -outside),
        _ => (along * field.0, field.1 + outside),
    };
    let target = (field.0 * (0.5 + spread * normal(rng)), field.1 * (0.5 + spread * normal(rng)));
    let (dy, dx) = (target.0 - y, target.1 - x);
    (Node { y, x, depth: 0.0, radius: 0.0, concentration: 1.0 }, dy.atan2(dx), dy.hypot(dx))
}

fn grow_branch(kind: BranchKind, from: Node, heading: f64, growth: &Growth, rng: &mut ChaCha8Rng) -> Branch {
    // Lengths over which calibre and concentration, and depth, are correlated; size of the wander in depth; all in µm.
    const TEXTURE_UM: f64 = 1.2;
    const LEVEL_UM: f64 = 4.0;
    const WANDER_UM: f64 = 0.35;
    let [bend_keep, texture_keep, level_keep] =
        [growth.curvature.1, TEXTURE_UM, LEVEL_UM].map(|length| (-STEP_UM / length).exp());
    let kick = |keep: f64| (1.0 - keep * keep).sqrt();
    let n_nodes = (growth.length / STEP_UM).ceil().max(2.0) as usize;
    let mut bend = normal(rng);
    let (mut swelling, mut density, mut level) = (normal(rng), normal(rng), 0.0);
    let (mut y, mut x, mut heading) = (from.y, from.x, heading);
    let nodes = (0..n_nodes)
        .map(|i| {
            let part = i as f64 / n_nodes as f64;
            // Calibre falls fast behind the branch point and slowly later on.
            let radius = growth.radius.1 + (growth.radius.0 - growth.radius.1) * (1.0 - part).powf(1.4);
            let node = Node {
                y,
                x,
                depth: from.depth + (growth.depth - from.depth) * part.powf(1.5) + WANDER_UM * level,
                radius: radius * (growth.texture * swelling).exp(),
                concentration: growth.concentration * (growth.texture * density).exp(),
            };
            y += STEP_UM * heading.sin();
            x += STEP_UM * heading.cos();
            heading += STEP_UM * growth.curvature.0 * bend;
            bend = bend_keep * bend + kick(bend_keep) * normal(rng);
            swelling = texture_keep * swelling + kick(texture_keep) * normal(rng);
            density = texture_keep * density + kick(texture_keep) * normal(rng);
            level = level_keep * level + kick(level_keep) * normal(rng);
            node
        })
        .collect();
    Branch { kind, nodes }
}

/// Heading of a branch at a node.
pub(super) fn heading_at(nodes: &[Node], i: usize) -> f64 {
    let (a, b) = (&nodes[i.saturating_sub(1)], &nodes[(i + 1).min(nodes.len() - 1)]);
    (b.y - a.y).atan2(b.x - a.x)
}

fn grow_dendrites(field: (f64, f64), rng: &mut ChaCha8Rng) -> Vec<Branch> {
    let extent = field.0.min(field.1);
    let (from, heading, reach) = entry(field, 4.0, 0.1, rng);
    let radius = rng.random_range(0.5..0.8);
    let growth = Growth {
        length: reach * rng.random_range(1.7..2.2),
        radius: (radius, 0.28),
        concentration: 1.0,
        curvature: (0.014, 10.0),
        depth: side(rng) * rng.random_range(0.3..1.5),
        texture: 0.07,
    };
    let mut branches = vec![grow_branch(BranchKind::Dendrite, from, heading, &growth, rng)];
    let first_side = side(rng);
    for (turn, part) in [(first_side, rng.random_range(0.2..0.36)), (-first_side, rng.random_range(0.42..0.6))] {
        let parent = &branches[0].nodes;
        let at = (part * parent.len() as f64) as usize;
        let (from, heading) = (parent[at], heading_at(parent, at));
        let growth = Growth {
            length: extent * rng.random_range(0.55..0.95),
            radius: (0.82 * from.radius, 0.2),
            concentration: rng.random_range(0.85..1.05),
            curvature: (0.022, 8.0),
            depth: side(rng) * rng.random_range(0.2..2.5),
            texture: 0.1,
        };
        let turn = turn * rng.random_range(0.4..0.8);
        branches.push(grow_branch(BranchKind::Dendrite, from, heading + turn, &growth, rng));
    }
    for parent in 0..branches.len() {
        grow_twigs(&mut branches, parent, 6.0, extent, rng);
    }
    for parent in 3..branches.len() {
        grow_twigs(&mut branches, parent, 14.0, extent, rng);
    }
    branches
}

/// Thin branches on `parent`, one every `spacing` µm on average.
fn grow_twigs(branches: &mut Vec<Branch>, parent: usize, spacing: f64, extent: f64, rng: &mut ChaCha8Rng) {
    let mut at_um = -spacing * (1.0 - rng.random::<f64>()).ln();
    while let Some(&from) = branches[parent].nodes.get((at_um / STEP_UM) as usize) {
        let i = (at_um / STEP_UM) as usize;
        let heading = heading_at(&branches[parent].nodes, i) + side(rng) * rng.random_range(0.5..1.45);
        let growth = Growth {
            length: (3.0 + 10.0 * -(1.0 - rng.random::<f64>()).ln()).min(0.4 * extent),
            radius: (rng.random_range(0.18..0.38f64).min(0.8 * from.radius), 0.13),
            concentration: rng.random_range(0.6..1.1),
            curvature: (0.15, 2.0),
            depth: from.depth + 0.8 * normal(rng),
            texture: 0.22,
        };
        let twig = grow_branch(BranchKind::Dendrite, from, heading, &growth, rng);
        branches.push(twig);
        at_um += spacing * (0.3 - 0.7 * (1.0 - rng.random::<f64>()).ln());
    }
}

fn grow_spines(branches: &[Branch], density: f64, rng: &mut ChaCha8Rng) -> Vec<Spine> {
    let mut spines = Vec::new();
    if density <= 0.0 {
        return spines;
    }
    for (branch, Branch { nodes, .. }) in branches.iter().enumerate() {
        let mut at_um = 0.0;
        loop {
            at_um += -(1.0 - rng.random::<f64>()).ln() / density;
            let node = (at_um / STEP_UM) as usize;
            let Some(base) = nodes.get(node) else { break };
            let away = heading_at(nodes, node) + side(rng) * (0.5 * PI + 0.35 * normal(rng));
            let reach = lognormal(0.35, 0.55, rng).clamp(0.1, 1.6);
            let length = 0.8 * base.radius + reach;
            spines.push(Spine {
                branch,
                node,
                y: base.y + length * away.sin(),
                x: base.x + length * away.cos(),
                depth: base.depth + 0.3 * normal(rng),
                radius: lognormal(0.22, 0.35, rng).clamp(0.13, 0.55),
                concentration: base.concentration * rng.random_range(0.45..1.1),
            });
        }
    }
    spines
}

/// Heads are not balls: one or two smaller bulges on most of them.
fn add_lobes(spines: &[Spine], puncta: &mut Vec<Punctum>, rng: &mut ChaCha8Rng) {
    for spine in spines {
        for _ in 0..rng.random_range(0..=2) {
            let (angle, distance) = (rng.random_range(0.0..TAU), spine.radius * rng.random_range(0.7..1.3));
            puncta.push(Punctum {
                y: spine.y + distance * angle.sin(),
                x: spine.x + distance * angle.cos(),
                depth: spine.depth,
                radius: spine.radius * rng.random_range(0.4..0.8),
                concentration: spine.concentration * rng.random_range(0.6..1.0),
            });
        }
    }
}

/// A neurite that passes through: a thin axon near the focus, or a thick neurite far from it.
fn grow_crossing(field: (f64, f64), kind: BranchKind, rng: &mut ChaCha8Rng) -> Branch {
    let (mut from, heading, reach) = entry(field, 6.0, 0.3, rng);
    let growth = if kind == BranchKind::Distant {
        from.depth = rng.random_range(2.5..8.0);
        Growth {
            length: 2.2 * reach,
            radius: (rng.random_range(0.5..1.0), 0.4),
            concentration: rng.random_range(0.3..0.8),
            curvature: (0.02, 10.0),
            depth: rng.random_range(2.0..8.0),
            texture: 0.1,
        }
    } else {
        from.depth = 0.6 * normal(rng);
        Growth {
            length: reach * rng.random_range(0.8..2.2),
            radius: (0.11, 0.1),
            concentration: rng.random_range(0.25..0.7),
            curvature: (0.09, 3.0),
            depth: 0.9 * normal(rng),
            texture: 0.2,
        }
    };
    grow_branch(kind, from, heading, &growth, rng)
}

fn add_boutons(axon: &Branch, puncta: &mut Vec<Punctum>, rng: &mut ChaCha8Rng) {
    let mut at_um = 0.0;
    loop {
        at_um += 1.2 - 3.0 * (1.0 - rng.random::<f64>()).ln();
        let Some(node) = axon.nodes.get((at_um / STEP_UM) as usize) else { break };
        puncta.push(Punctum {
            y: node.y,
            x: node.x,
            depth: node.depth,
            radius: rng.random_range(0.18..0.38),
            concentration: node.concentration * rng.random_range(0.5..1.1),
        });
    }
}

/// Clusters of dim spots: membrane sheets and debris of other cells.
fn scatter_puncta(field: (f64, f64), puncta: &mut Vec<Punctum>, rng: &mut ChaCha8Rng) {
    const CLUSTERS_PER_UM2: f64 = 28.0 / (82.0 * 82.0);
    let Ok(number) = Poisson::new(CLUSTERS_PER_UM2 * field.0 * field.1) else { return };
    for _ in 0..number.sample(rng) as usize {
        let (cy, cx) = (rng.random_range(0.0..field.0), rng.random_range(0.0..field.1));
        let depth = 1.2 * normal(rng).abs();
        for _ in 0..rng.random_range(1..9) {
            let (angle, distance) = (rng.random_range(0.0..TAU), 3.0 * normal(rng).abs());
            puncta.push(Punctum {
                y: cy + distance * angle.sin(),
                x: cx + distance * angle.cos(),
                depth: depth + 0.3 * normal(rng),
                radius: rng.random_range(0.15..0.45),
                concentration: lognormal(0.14, 0.6, rng).min(0.7),
            });
        }
    }
}
