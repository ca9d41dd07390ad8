//! The graphics card against the processor, for every network. These pass with a note where there is no card; a software
//! one, such as Mesa's lavapipe, will do if it is chosen (see [`gpu`]). Extents are small enough for its loops.

use std::sync::Arc;

use ndarray::{Array2, Array3, s};
use sparkwave_core::movie::Pixels;
use sparkwave_core::progress::Silent;
use sparkwave_core::recording::Recording;
use sparkwave_core::source::InMemory;
use sparkwave_core::weights::Weights;

use super::{Device, Tensor, card, cpu, gpu, read};
use crate::card::Architecture;
use crate::golden::{formula, scatter};
use crate::infer::{Piece, margin, predict};
use crate::loss::Loss;
use crate::models::attention_unet::AttentionUNetConfig;
use crate::models::stardist3d::StarDist3dConfig;
use crate::models::unet2d::UNet2dConfig;
use crate::models::unet3d::{UNet3d, UNet3dConfig};
use crate::models::unetr::UnetrConfig;
use crate::network::{Shown, StarNetwork, View, open, untrained};
use crate::parameters::replace;
use crate::stream::{Extent, Stream};
use crate::train::{TrainConfig, Training, begin};

/// How far the two may be apart: probabilities, distances in voxels, and parts of a gradient's norm.
const TOLERANCE: f64 = 1e-4;

#[allow(clippy::print_stderr)]
fn there() -> Option<Device> {
    match gpu() {
        Ok(device) => Some(device),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// A small one of each.
fn architectures() -> Vec<Architecture> {
    let window = [16, 16, 32];
    vec![
        Architecture::Unet3d(UNet3dConfig { width: 4, pools: vec![[1, 2, 2], [2; 3]], ..UNet3dConfig::sparks() }),
        Architecture::Unet3d(UNet3dConfig { width: 4, pools: vec![[2; 3]; 2], ..UNet3dConfig::published() }),
        Architecture::AttentionUnet(AttentionUNetConfig { channels: vec![4, 8, 16], ..Default::default() }),
        Architecture::Unetr(UnetrConfig {
            window,
            width: 4,
            hidden: 48,
            perceptron: 96,
            heads: 4,
            ..Default::default()
        }),
        Architecture::Unet2d(UNet2dConfig { width: 4, depth: 2, ..UNet2dConfig::frames() }),
        Architecture::Stardist3d(StarDist3dConfig { width: 4, features: 8, n_rays: 12, ..StarDist3dConfig::sparks() }),
        Architecture::Stardist3d(StarDist3dConfig {
            width: 4,
            features: 8,
            n_rays: 12,
            ..StarDist3dConfig::published()
        }),
    ]
}

fn filled(architecture: &Architecture) -> Weights {
    let mut weights = untrained(architecture, 4).expect("valid");
    formula(&mut weights);
    weights
}

fn movie(extent: [usize; 3], j: usize) -> Array3<f32> {
    Array3::from_shape_vec(extent, scatter(extent.iter().product(), j).collect()).expect("as many")
}

fn furthest<'a>(a: impl IntoIterator<Item = &'a f32>, b: impl IntoIterator<Item = &'a f32>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

#[test]
#[allow(clippy::print_stderr)]
fn every_network_says_the_same_on_both() {
    let Some(gpu) = there() else { return };
    assert!(card(&gpu).is_some_and(|name| !name.is_empty()) && card(&cpu()).is_none());
    for architecture in architectures() {
        let weights = filled(&architecture);
        let mut networks = [cpu(), gpu.clone()].map(|device| open(&architecture, &weights, &device).expect("they fit"));
        let extent = match networks[1].view() {
            View::Tiles { .. } => [16, 24, 40],
            View::Window(edge) => edge,
        };
        let input = movie(extent, 0);
        let [ours, theirs] = networks.each_mut().map(|network| network.whole(input.view()).expect("computed"));
        let apart = furthest(&ours, &theirs);
        eprintln!("{}: {apart:.1e} at most", architecture.name());
        assert!(apart <= TOLERANCE, "{architecture:?}: {apart}");
        let spread =
            ours.iter().fold(0.0f32, |most, &p| most.max(p)) - ours.iter().fold(1.0f32, |least, &p| least.min(p));
        assert!(f64::from(spread) > 100.0 * TOLERANCE, "{architecture:?} says the same everywhere: {spread}");
        if let Architecture::Stardist3d(shape) = &architecture {
            let distances = |device: &Device| {
                let network = StarNetwork::new(shape, &weights, device).expect("they fit");
                network.cells(&Shown::of(input.view()), true).expect("computed").distances
            };
            let apart = furthest(&distances(&cpu()), &distances(&gpu));
            eprintln!("{}: distances {apart:.1e} voxels at most", architecture.name());
            assert!(apart <= TOLERANCE, "{architecture:?}: distances {apart}");
        }
    }
}

#[test]
fn on_the_card_neither_tiles_nor_batches_matter() {
    let Some(gpu) = there() else { return };
    let shape = UNet3dConfig { width: 2, pools: vec![[1, 2, 2], [2, 2, 2]], ..UNet3dConfig::sparks() };
    let architecture = Architecture::Unet3d(shape.clone());
    let weights = filled(&architecture);
    let mut network = open(&architecture, &weights, &gpu).expect("they fit");
    let extent = [21, 75, 66];
    let values = movie(extent, 2);
    let mut part = |rows: std::ops::Range<usize>| {
        let margin = margin(network.as_ref())[1];
        let held = rows.start.saturating_sub(margin)..(rows.end + margin).min(75);
        let piece = Piece { values: values.slice(s![.., held.clone(), ..]), origin: [0, held.start, 0], movie: extent };
        predict(network.as_mut(), &piece, &[0..21, rows, 0..66], &|_, _| true, &Silent).expect("computed")
    };
    let whole = part(0..75);
    for rows in [30..75, 0..30, 41..44] {
        let apart = furthest(&part(rows.clone()), whole.slice(s![.., rows.clone(), ..]));
        assert!(apart <= 1e-6, "rows {rows:?}: {apart}");
    }

    let model = replace(UNet3d::new(&shape, 0, &gpu).expect("valid"), &weights).expect("they fit");
    let [a, b] = [3, 4].map(|j| scatter(8 * 16 * 16, j).collect::<Vec<f32>>());
    let say = |values: &[f32], n: usize| {
        let data = burn::tensor::TensorData::new(values.to_vec(), [n, 1, 8, 16, 16]);
        read(model.logits(Tensor::from_data(data, &gpu))).expect("computed")
    };
    let apart = furthest(&say(&[&a[..], &b[..]].concat(), 2), &[say(&a, 1), say(&b, 1)].concat());
    assert!(apart <= 1e-5, "in a batch: {apart}");
}

#[test]
fn a_tile_longer_than_a_card_must_bind_is_refused() {
    let Some(gpu) = there() else { return };
    for architecture in architectures() {
        let [mut ours, mut theirs] =
            [cpu(), gpu.clone()].map(|device| open(&architecture, &filled(&architecture), &device).expect("they fit"));
        let small = match theirs.view() {
            View::Tiles { multiple, .. } => multiple.map(|m| 8 * m),
            View::Window(edge) => edge,
        };
        assert!(ours.reserve(small) && theirs.reserve(small), "{architecture:?}");
        assert!(!theirs.reserve([512, 1024, 1024]), "{architecture:?}");
    }
}

/// Noise with two bright cubes, which are the events.
fn stream() -> Stream {
    let mut input = movie([48, 32, 64], 5);
    let mut label = Array3::zeros(input.dim());
    let mut events = Vec::new();
    for (i, [t, y, x]) in [[12, 8, 20], [30, 20, 40]].into_iter().enumerate() {
        input.slice_mut(s![t..t + 3, y..y + 4, x..x + 4]).mapv_inplace(|v| v + 2.0);
        label.slice_mut(s![t..t + 3, y..y + 4, x..x + 4]).fill(i as f32 + 1.0);
        events.push(Extent { first: [t, y, x], last: [t + 2, y + 3, x + 3] });
    }
    let source = |a: Array3<f32>| Arc::new(InMemory::new(Recording::default(), Pixels::F32(a)));
    let foreground = Array2::from_elem((32, 64), true);
    Stream { name: "0".into(), input: source(input), label: source(label), events, foreground }
}

fn config(architecture: &Architecture) -> TrainConfig {
    let crop = if let Architecture::Unetr(shape) = architecture { shape.window } else { [8, 16, 16] };
    TrainConfig { batch: 2, crop, pu_ratio: 1, loss: Loss::Bce, seed: 5, ..TrainConfig::default() }
}

#[test]
#[allow(clippy::print_stderr)]
fn every_network_learns_the_same_on_both() {
    let Some(gpu) = there() else { return };
    let streams = [stream()];
    for architecture in architectures() {
        let step = |device: &Device| {
            let mut training = begin(&config(&architecture), &architecture, &streams, device).expect("valid");
            let loss = training.advance(&streams).expect("a step");
            (f64::from(loss), training.checkpoint())
        };
        let ((ours, of_ours), (theirs, of_theirs)) = (step(&cpu()), step(&gpu));
        assert!((ours - theirs).abs() <= TOLERANCE * ours, "{architecture:?}: losses {ours} and {theirs}");
        // After one step the first moment is a tenth of the gradient. A gradient that is zero but for rounding, such as that
        // of a bias ahead of a normalisation, has no direction.
        let gradients = |name: &&String| name.starts_with("first_moment.");
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let all = of_ours.parameters.keys().filter(gradients).flat_map(|name| &of_ours.parameters[name].values);
        let whole = norm(&mut all.map(|&v| f64::from(v)));
        let mut most: f64 = 0.0;
        for name in of_ours.parameters.keys().filter(gradients) {
            let (a, b) = (&of_ours.parameters[name].values, &of_theirs.parameters[name].values);
            let apart = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b)));
            let part = apart / norm(&mut a.iter().map(|&v| f64::from(v))).max(1e-2 * whole);
            assert!(part <= TOLERANCE, "{architecture:?}, gradient of {name}: {part}");
            most = most.max(part);
        }
        eprintln!(
            "{}: loss {:.1e} apart, gradients {most:.1e} of their norm at most",
            architecture.name(),
            (ours - theirs).abs()
        );
        for (name, a) in of_ours.parameters.iter().filter(|(name, _)| name.contains("running")) {
            let apart = furthest(&a.values, &of_theirs.parameters[name].values);
            assert!(apart <= TOLERANCE, "{architecture:?}, {name}: {apart}");
        }
    }
}

#[test]
fn on_the_card_a_resumed_session_gives_the_same_bytes() {
    let Some(gpu) = there() else { return };
    let streams = [stream()];
    let architecture = &architectures()[0];
    let session = || begin(&config(architecture), architecture, &streams, &gpu).expect("valid");
    let steps = |training: &mut dyn Training, n: usize| {
        (0..n).for_each(|_| {
            training.advance(&streams).expect("a step");
        });
        training.checkpoint()
    };
    let whole = steps(session().as_mut(), 6);
    let half = steps(session().as_mut(), 3);
    let mut again = session();
    again.resume(&half).expect("its own checkpoint");
    assert!(steps(again.as_mut(), 3) == whole);
}
