//! The network against the published one, with `tests/reference/golden/sam2.json`; its formulas stand in
//! `sam2_goldens.py` and `networks.py`.

use burn::tensor::{Tensor, TensorData};
use serde_json::Value;

use super::config::{Sam2Config, Size, Version};
use super::*;
use crate::cpu;
use crate::golden::{formula, formula_where, scatter};
use crate::parameters::collect;

/// What may differ, relative to the largest value expected (or to 1).
const TOLERANCE: f64 = 2e-5;

pub(crate) fn golden(case: &str) -> Value {
    golden_of("sam2.json", case)
}

/// One part of a golden file.
pub(crate) fn golden_of(file: &str, case: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/golden/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).expect("the golden file is in the repository");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    all[case].clone()
}

pub(crate) fn name(config: &Sam2Config) -> String {
    let version = if config.version == Version::V2 { "2" } else { "2.1" };
    let size = match config.size {
        Size::Tiny => "tiny",
        Size::Small => "small",
        Size::BasePlus => "base_plus",
        Size::Large => "large",
    };
    format!("sam{version}_{size}")
}

/// Arrays of zeros.
fn zeros(config: &Sam2Config) -> Weights {
    let blank = Sam2::new(config, &mut Initial::zeros(&cpu()), &cpu()).expect("valid");
    Weights { parameters: collect(&blank, &checkpoint_name), ..Weights::default() }
}

/// FNV-1a of the names and shapes.
fn fingerprint(weights: &Weights) -> String {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for (name, array) in &weights.parameters {
        let shape: Vec<String> = array.shape.iter().map(ToString::to_string).collect();
        for byte in format!("{name} {}\n", shape.join("x")).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    format!("{hash:016x}")
}

/// The network with the weights of the formula.
pub(crate) fn filled(config: &Sam2Config) -> Sam2 {
    let mut weights = zeros(config);
    formula(&mut weights);
    Sam2::load(config, &weights, &cpu()).expect("all arrays fit")
}

/// The same, with the image encoder of the other version of this size, whose values are the same.
pub(crate) fn filled_but_for_images(config: &Sam2Config, other: &Sam2) -> Sam2 {
    let mut weights = zeros(config);
    formula_where(&mut weights, |name| !name.starts_with("image_encoder."));
    let network = Sam2::load(config, &weights, &cpu()).expect("all arrays fit");
    Sam2 { image_encoder: other.image_encoder.clone(), ..network }
}

fn network(version: Version) -> Sam2 {
    filled(&Sam2Config { version, size: Size::Tiny, image_px: 256 })
}

pub(crate) fn input<const D: usize>(shape: [usize; D], j: usize) -> Tensor<D> {
    let values: Vec<f32> = scatter(shape.iter().product(), j).collect();
    Tensor::from_data(TensorData::new(values, shape), &cpu())
}

/// `[n, c, y, x]` as `[n, y, x, c]`.
fn channels_last(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

/// `[n, y, x, c]` as `[n, c, y, x]`.
fn channels_first(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

fn features(n: usize) -> Features {
    let fine = [input([n, 32, 64, 64], 7), input([n, 64, 32, 32], 8)].map(channels_last);
    Features { image: channels_last(input([n, 256, 16, 16], 6)), fine }
}

/// Gives the decoder's last word on whether there is an object.
pub(crate) fn with_presence(mut network: Sam2, logit: f32) -> Sam2 {
    network.sam_mask_decoder.set_presence(logit);
    network
}

fn compare<const D: usize>(expected: &Value, key: &str, found: Tensor<D>) {
    let expected = &expected[key];
    let number = |name: &str| expected[name].as_f64().unwrap_or_else(|| panic!("{key} has no {name}"));
    let shape: Vec<usize> =
        expected["shape"].as_array().expect("a shape").iter().map(|n| n.as_u64().expect("a length") as usize).collect();
    assert_eq!(found.dims().to_vec(), shape, "{key}");
    let found: Vec<f64> = found.into_data().iter::<f32>().map(f64::from).collect();
    let norm = number("squares").sqrt();
    let found_norm = found.iter().map(|v| v * v).sum::<f64>().sqrt();
    assert!((found_norm - norm).abs() <= TOLERANCE * norm, "{key}: norm {found_norm} against {norm}");
    let sum: f64 = found.iter().sum();
    let slack = TOLERANCE * norm * (found.len() as f64).sqrt();
    assert!((sum - number("sum")).abs() <= slack, "{key}: sum {sum} against {}", number("sum"));
    let values: Vec<f64> =
        expected["values"].as_array().expect("values").iter().map(|v| v.as_f64().expect("a number")).collect();
    let largest = values.iter().fold(1.0f64, |largest, v| largest.max(v.abs()));
    let sampled: Vec<f64> = found.iter().step_by(number("step") as usize).copied().collect();
    assert_eq!(sampled.len(), values.len(), "{key}");
    let worst = sampled.iter().zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst <= TOLERANCE * largest, "{key}: {worst:e} off, of {largest}");
}

fn check_encoder(network: &Sam2, expected: &Value) {
    let px = network.image_px;
    let images = input([1, 3, px, px], 0);
    let stages = network.image_encoder.trunk.forward(images.clone());
    for (i, stage) in stages.iter().enumerate() {
        compare(expected, &format!("stage{i}"), channels_first(stage.clone()));
    }
    for (i, level) in network.image_encoder.neck.forward(stages).into_iter().enumerate() {
        let side = level.dims()[1];
        compare(expected, &format!("level{i}"), channels_first(level));
        compare(expected, &format!("position{i}"), channels_first(position::sine(side, HIDDEN, &cpu())));
    }
    let Features { image, fine: [s0, s1] } = network.encode(images);
    for (i, ready) in [s0, s1, image].into_iter().enumerate() {
        compare(expected, &format!("ready{i}"), channels_first(ready));
    }
}

#[test]
fn all_checkpoints_have_these_arrays_and_encoders_give_these_features() {
    for config in Sam2Config::all() {
        let expected = golden(&name(&config));
        let image_px = expected["image_px"].as_u64().expect("a length") as usize;
        let config = Sam2Config { image_px, ..config };
        let weights = zeros(&config);
        let n: usize = weights.parameters.values().map(|array| array.values.len()).sum();
        assert_eq!(n as u64, expected["n_values"].as_u64().expect("a number"), "{config:?}");
        assert_eq!(fingerprint(&weights), expected["arrays"].as_str().expect("text"), "{config:?}");
        if let Some(expected) = expected.get("encoder") {
            drop(weights);
            check_encoder(&filled(&config), expected);
        }
    }
}

#[test]
fn arrays_that_do_not_fit_are_named() {
    let config = Sam2Config { version: Version::V2, size: Size::Tiny, image_px: 64 };
    let later = Sam2Config { version: Version::V2_1, ..config };
    let error = Sam2::load(&later, &zeros(&config), &cpu()).expect_err("2.1 has more arrays").to_string();
    assert!(error.contains("missing: ") && error.contains("no_obj_embed_spatial"), "{error}");
    assert!(!error.contains("unexpected"), "{error}");
}

fn points(marks: &[(f32, f32, Mark)]) -> Vec<Point> {
    marks.iter().map(|&(x_px, y_px, mark)| Point { x_px, y_px, mark }).collect()
}

fn clicks() -> Vec<Point> {
    points(&[(30.0, 41.5, Mark::Inside), (200.0, 17.0, Mark::Outside), (128.0, 250.25, Mark::Inside)])
}

#[test]
fn prompts_become_these_tokens() {
    let expected = &golden("sam2.1_tiny")["prompts"];
    let encoder = network(Version::V2_1).sam_prompt_encoder;
    compare(expected, "clicks", encoder.points(&clicks()));
    let corners = points(&[(20.0, 31.0, Mark::FirstCorner), (180.5, 220.0, Mark::LastCorner)]);
    compare(expected, "box", encoder.points(&corners));
    compare(expected, "no_mask", channels_first(encoder.no_mask().expand([1, 16, 16, HIDDEN])));
    let mask = channels_last(input([1, 1, 64, 64], 5) * 4.0);
    compare(expected, "mask", channels_first(encoder.masks(mask)));
    compare(expected, "dense", channels_first(encoder.places().reshape([1, 16, 16, HIDDEN])));
}

#[test]
fn the_decoder_gives_these_masks() {
    let expected = &golden("sam2.1_tiny")["decoder"];
    let network = network(Version::V2_1);
    let encoder = &network.sam_prompt_encoder;
    let Features { image, fine } = features(1);
    let decoder = &network.sam_mask_decoder;
    let decoded = decoder.forward(image, &fine, encoder.places(), Some(encoder.points(&clicks())), encoder.no_mask());
    compare(expected, "masks", decoded.masks.clone());
    compare(expected, "quality", decoded.quality.clone());
    compare(expected, "tokens", decoded.tokens.clone());
    compare(expected, "presence", decoded.presence.clone());
    compare(expected, "steadiness", mask_decoder::steadiness(decoded.masks.clone()));
    for (name, least) in [("steady", 0.0), ("unsteady", 1.5)] {
        let single = decoded.clone().single_if(least);
        compare(expected, &format!("{name}_mask"), single.masks);
        compare(expected, &format!("{name}_quality"), single.quality);
    }
}

/// Binary masks `[n, 1, side, side]` of disks of different places and sizes, the last one empty.
fn disks(side: usize, n: usize) -> Tensor<4> {
    let inside = |i: usize, at: usize| {
        let (y, x, edge) = ((at / side) as f64, (at % side) as f64, side as f64);
        let radius = edge * (0.2 - 0.05 * i as f64);
        (y - 0.4 * edge).powi(2) + (x - (0.3 + 0.2 * i as f64) * edge).powi(2) < radius * radius
    };
    let value =
        |at: usize| f32::from(u8::from(at / (side * side) < n - 1 && inside(at / (side * side), at % (side * side))));
    let values: Vec<f32> = (0..n * side * side).map(value).collect();
    Tensor::from_data(TensorData::new(values, [n, 1, side, side]), &cpu())
}

#[test]
fn an_image_and_a_prompt_give_these_answers() {
    let expected = &golden("sam2.1_tiny")["heads"];
    let network = network(Version::V2_1);
    let Features { image, fine } = features(1);
    let one = Prompt { points: vec![clicks()[..1].to_vec()], masks: None };
    for (name, logit) in [("present", 5.0), ("absent", -5.0)] {
        let network = with_presence(network.clone(), logit);
        let answer = network.segment(image.clone(), &fine, &one, true);
        let key = |part: &str| format!("{name}_{part}");
        compare(expected, &key("low_all"), answer.all.masks.clone());
        compare(expected, &key("high_all"), network.enlarge(answer.all.masks));
        compare(expected, &key("quality"), answer.all.quality);
        compare(expected, &key("low"), answer.mask.clone());
        compare(expected, &key("high"), network.enlarge(answer.mask));
        compare(expected, &key("pointer"), answer.pointer);
        compare(expected, &key("presence"), answer.presence);
    }
    let network = with_presence(network, 5.0);
    let mask = Prompt { points: Vec::new(), masks: Some(input([1, 1, 100, 100], 5) * 4.0) };
    let answer = network.segment(image, &fine, &mask, false);
    compare(expected, "mask_prompt_quality", answer.all.quality);
    compare(expected, "mask_prompt_low", answer.mask.clone());
    compare(expected, "mask_prompt_high", network.enlarge(answer.mask));
    compare(expected, "mask_prompt_pointer", answer.pointer);
    compare(expected, "mask_prompt_presence", answer.presence);

    let Features { image, fine } = features(2);
    let answer = network.accept(image, &fine, disks(256, 2));
    compare(expected, "given_low", answer.mask);
    compare(expected, "given_pointer", answer.pointer);
    compare(expected, "given_presence", answer.presence);
}

#[test]
fn frames_become_these_memories() {
    for version in [Version::V2, Version::V2_1] {
        let network = network(version);
        let config = Sam2Config { version, size: Size::Tiny, image_px: 256 };
        let expected = &golden(&name(&config))["memories"];
        let seen: Tensor<4> = input([256, 2, HIDDEN], 9).swap_dims(0, 1).reshape([2, 16, 16, HIDDEN]);
        let logits = input([2, 1, 256, 256], 10) * 6.0;
        let presence: Tensor<2> = Tensor::from_data([[3.0f32], [-3.0]], &cpu());
        for (key, hard) in [("soft", false), ("hard", true)] {
            let memory = network.remember(seen.clone(), logits.clone(), presence.clone(), hard);
            compare(expected, key, channels_first(memory));
        }
        let place: Tensor<4> = network.places[1].clone().expand([2, 256, MEMORY]).reshape([2, 16, 16, MEMORY]);
        compare(expected, "position", channels_first(place));
    }
}

#[test]
fn memories_are_attended_to() {
    for version in [Version::V2, Version::V2_1] {
        let mut network = network(version);
        let config = Sam2Config { version, size: Size::Tiny, image_px: 256 };
        let expected = &golden(&name(&config))["attention"];
        let batch_first = |x: Tensor<3>| x.swap_dims(0, 1);
        let (here, place) = (batch_first(input([256, 2, 256], 11)), batch_first(input([256, 2, 256], 12)));
        let (memory, of_memory) = (batch_first(input([524, 2, 64], 13)), batch_first(input([524, 2, 64], 14)));
        let rotations = &network.rotations;
        let attention = &network.memory_attention;
        let seen = attention.forward(here.clone(), place.clone(), memory, of_memory, 512, rotations);
        compare(expected, "attended", batch_first(seen));

        // Frames 0 and 12 were prompted; each frame's memory, its place and its pointer have numbers of their own.
        let seed = |t: usize| match t {
            0 => 20,
            12 => 23,
            t => 26 + 3 * t,
        };
        let memory = |t: usize| channels_last(input([2, 64, 16, 16], seed(t)));
        let pointer = |t: usize| input([2, 256], seed(t) + 2);
        network.places[0] = place;
        let image: Tensor<4> = here.reshape([2, 16, 16, HIDDEN]);
        let conditioned = |frames: &[(usize, usize)], pointers: &[(usize, f32)]| {
            let memories: Vec<_> = frames.iter().map(|&(t, age)| (memory(t), age)).collect();
            let frames: Vec<_> = memories.iter().map(|(memory, age)| Remembered { memory, age: *age }).collect();
            let kept: Vec<_> = pointers.iter().map(|&(t, frames)| (pointer(t), frames / 15.0)).collect();
            let kept: Vec<_> =
                kept.iter().map(|(pointer, distance)| Pointed { pointer, distance: *distance }).collect();
            channels_first(network.condition(image.clone(), &frames, &kept))
        };
        let frames = [(0, 0), (12, 0), (6, 4), (8, 2), (9, 1)];
        let pointers = [(0, 10.0), (9, 1.0), (8, 2.0), (6, 4.0), (3, 7.0)];
        compare(expected, "forwards", conditioned(&frames, &pointers));
        let frames = [(0, 0), (12, 0), (9, 4), (8, 3), (6, 1)];
        let pointers = [(12, 7.0), (6, 1.0), (8, 3.0), (9, 4.0)];
        compare(expected, "backwards", conditioned(&frames, &pointers));
        compare(expected, "first", channels_first(network.unconditioned(image.clone())));
    }
}
