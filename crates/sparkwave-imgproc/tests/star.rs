//! Stars against the StarDist package, and against what must hold for any of them.
//!
//! The numbers are in `tests/reference/golden/stardist_geometry.json` at the root of the workspace, written by
//! `tests/reference/stardist_geometry.py`, which says how labels, shapes and predictions are made.
#![allow(clippy::unwrap_used)]

use ndarray::{Array3, Array4, s};
use proptest::prelude::*;
use serde_json::Value;
use sparkwave_core::axes::Voxel;
use sparkwave_imgproc::star::distances::star_distances;
use sparkwave_imgproc::star::instances::{InstanceParams, instances};
use sparkwave_imgproc::star::probability::object_probability;
use sparkwave_imgproc::star::render::{Fill, labels};
use sparkwave_imgproc::star::suppress::suppress;
use sparkwave_imgproc::star::{Rays, StarError, Stars, volume};
use std::collections::BTreeSet;
use std::path::Path;

const ANISOTROPY: [f64; 3] = [1.7, 1.08, 1.0];
const GRID: [usize; 3] = [1, 2, 2];

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/stardist_geometry.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases(golden: &Value, name: &str) -> Vec<Value> {
    golden[name].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

fn triple<T: Copy>(values: &[T]) -> [T; 3] {
    values.try_into().ok().unwrap()
}

fn mix(i: u64, j: u64) -> u64 {
    let mut h = i.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(j.wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
    h ^= h >> 29;
    h = h.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h ^= h >> 32;
    h >> 32
}

fn scatter(i: usize, j: u64) -> f64 {
    mix(i as u64, j) as f64 / 4_294_967_296.0
}

fn checksum(values: impl IntoIterator<Item = u64>) -> u64 {
    let terms = values.into_iter().enumerate().map(|(k, v)| (2 * k as u64 + 1).wrapping_mul(v));
    terms.fold(0, u64::wrapping_add)
}

fn rays() -> Rays {
    Rays::golden_spiral(96, ANISOTROPY).unwrap()
}

/// The labels of the ellipsoids, and 1 minus the squared radius in units of theirs.
fn depth(golden: &Value) -> (Array3<u32>, Array3<f64>) {
    let shape = triple(&sizes(&golden["distances"]["shape"]));
    let (mut labels, mut inside) = (Array3::zeros(shape), Array3::zeros(shape));
    for (k, ellipsoid) in cases(&golden["distances"], "ellipsoids").iter().enumerate() {
        let e = numbers(ellipsoid);
        for ((t, y, x), label) in labels.indexed_iter_mut() {
            let (a, b, c) = ((t as f64 - e[0]) / e[3], (y as f64 - e[1]) / e[4], (x as f64 - e[2]) / e[5]);
            let rest = 1.0 - (a * a + b * b + c * c);
            if rest >= 0.0 {
                *label = k as u32 + 1;
                inside[[t, y, x]] = rest;
            }
        }
    }
    (labels, inside)
}

fn stars<'a>(rays: &'a Rays, case: &Value, shape: [usize; 3]) -> Stars<'a> {
    let (n, seed) = (case["n"].as_u64().unwrap() as usize, case["seed"].as_u64().unwrap());
    let (radius, roughness) = (numbers(&case["radius"]), case["roughness"].as_f64().unwrap());
    let first = [0, 0, case["first_x"].as_u64().unwrap()];
    let coordinate = |i: usize, axis: usize| {
        (first[axis] + mix(i as u64, seed + axis as u64) % (shape[axis] as u64 - first[axis])) as u32
    };
    let centres = (0..n).map(|i| Voxel { t: coordinate(i, 0), y: coordinate(i, 1), x: coordinate(i, 2) }).collect();
    let scores = (0..n).map(|i| scatter(i, seed + 3) as f32).collect();
    let distance = |k: usize| {
        let (i, ray) = (k / rays.len(), k % rays.len());
        let size = radius[0] + (radius[1] - radius[0]) * scatter(i, seed + 4);
        let off = 1.0 + roughness * (2.0 * scatter(i * 4096 + ray, seed + 5) - 1.0);
        (size * off).max(1e-3) as f32
    };
    Stars::new(rays, centres, scores, (0..n * rays.len()).map(distance).collect()).unwrap()
}

fn one_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(work)
}

#[test]
fn rays_and_triangles_are_those_of_the_package() {
    for case in cases(&golden(), "rays") {
        let n = case["n"].as_u64().unwrap() as usize;
        let rays = Rays::golden_spiral(n, triple(&numbers(&case["anisotropy"]))).unwrap();
        for (found, expected) in rays.vertices().iter().flatten().zip(numbers(&case["vertices"])) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{n} rays: {found} against {expected}");
        }
        let turned = |f: &[usize]| {
            let first = (0..3).min_by_key(|&i| f[i]).unwrap();
            [f[first], f[(first + 1) % 3], f[(first + 2) % 3]]
        };
        let expected: BTreeSet<[usize; 3]> = sizes(&case["faces"]).chunks(3).map(turned).collect();
        let found: BTreeSet<[usize; 3]> = rays.faces().iter().map(|f| turned(&f.map(|i| i as usize))).collect();
        assert_eq!(found, expected, "{n} rays");
    }
}

#[test]
fn star_distances_are_those_of_the_package() {
    let golden = golden();
    let (labels, _) = depth(&golden);
    let case = &golden["distances"];
    assert_eq!(checksum(labels.iter().map(|&v| u64::from(v))), case["labels"].as_u64().unwrap());
    let squares = |grid: [usize; 3]| {
        let found = star_distances(labels.view(), &rays(), grid).unwrap();
        checksum(found.iter().map(|&d| (f64::from(d) * f64::from(d)).round() as u64))
    };
    assert_eq!(squares(triple(&sizes(&case["grid"]))), case["squares"].as_u64().unwrap());
    assert_eq!(squares([1, 1, 1]), case["squares_without_grid"].as_u64().unwrap());
}

#[test]
fn object_probability_is_that_of_the_package() {
    let golden = golden();
    let (labels, _) = depth(&golden);
    for case in cases(&golden, "probability") {
        let found = object_probability(labels.view(), triple(&numbers(&case["anisotropy"])), [1, 1, 1]).unwrap();
        let total: f64 = found.iter().map(|&v| f64::from(v)).sum();
        let expected = case["total"].as_f64().unwrap();
        assert!((total - expected).abs() < 1e-6 * expected, "{total} against {expected}");
        let every = case["every"].as_u64().unwrap() as usize;
        for (found, expected) in found.iter().step_by(every).zip(numbers(&case["values"])) {
            assert!((f64::from(*found) - expected).abs() < 1e-6);
        }
    }
    let found = object_probability(Array3::from_elem((5, 6, 7), 3).view(), ANISOTROPY, [1, 1, 1]).unwrap();
    for (found, expected) in found.iter().zip(numbers(&golden["probability_one_object"])) {
        assert!((f64::from(*found) - expected).abs() < 1e-6);
    }
}

#[test]
fn labels_are_those_of_the_package() {
    let (golden, rays) = (golden(), rays());
    let fills = [
        ("full", Fill::Full, None),
        ("kernel", Fill::Kernel, None),
        ("hull", Fill::Hull, None),
        ("bbox", Fill::Box, None),
        ("overlap", Fill::Full, Some(1000)),
    ];
    for case in cases(&golden, "render") {
        let shape = triple(&sizes(&case["shape"]));
        let stars = stars(&rays, &case, shape);
        for (name, fill, overlap) in fills.into_iter().filter(|(name, ..)| case["labels"].get(name).is_some()) {
            let found = labels(&stars, shape, fill, overlap);
            let size = |label: usize| found.iter().filter(|&&v| v as usize == label).count();
            let found_sizes: Vec<usize> = (0..=stars.len()).map(size).collect();
            assert_eq!(found_sizes, sizes(&case["labels"][name]["sizes"]), "{name}, seed {}", case["seed"]);
            let expected = case["labels"][name]["checksum"].as_u64().unwrap();
            assert_eq!(checksum(found.iter().map(|&v| u64::from(v))), expected, "{name}, seed {}", case["seed"]);
        }
        for (i, expected) in numbers(&case["volumes"]).into_iter().enumerate() {
            let found = f64::from(volume(stars.distances(i), &rays));
            assert!((found - expected).abs() < 1e-5 * expected, "{found} against {expected}");
        }
    }
}

#[test]
fn survivors_are_those_of_the_package() {
    let (golden, rays) = (golden(), rays());
    for case in cases(&golden, "suppress") {
        let stars = stars(&rays, &case, triple(&sizes(&case["shape"])));
        for kept in cases(&case, "kept") {
            let overlap = kept["overlap"].as_f64().unwrap() as f32;
            let found = suppress(&stars, overlap);
            assert!(found.windows(2).all(|w| stars.scores()[w[0]] >= stars.scores()[w[1]]));
            let found: BTreeSet<usize> = found.into_iter().collect();
            let expected: BTreeSet<usize> = sizes(&kept["indices"]).into_iter().collect();
            assert_eq!(found, expected, "seed {}, overlap {overlap}", case["seed"]);
        }
    }
}

#[test]
fn instances_are_those_of_the_package() {
    let (golden, rays) = (golden(), rays());
    let (truth, inside) = depth(&golden);
    let shape: [usize; 3] = truth.dim().into();
    let mut distances = star_distances(truth.view(), &rays, GRID).unwrap();
    for (m, d) in distances.iter_mut().enumerate() {
        let off = 1.0 + 0.12 * (2.0 * scatter(m, 81) - 1.0);
        *d = (f64::from(*d) * off - 0.4) as f32;
    }
    let (truth, inside) = (truth.slice(s![.., ..;2, ..;2]), inside.slice(s![.., ..;2, ..;2]));
    let mut probability = Array3::<f32>::zeros(truth.dim());
    for (k, ((p, label), inside)) in probability.iter_mut().zip(truth).zip(inside).enumerate() {
        let clean = if *label > 0 { 0.2 + 0.7 * inside } else { 0.0 };
        *p = (clean + 0.1 * scatter(k, 80)) as f32;
    }
    for case in cases(&golden, "instances") {
        let params = InstanceParams {
            probability: case["probability"].as_f64().unwrap() as f32,
            overlap: case["overlap"].as_f64().unwrap() as f32,
            border: case["border"].as_u64().unwrap() as usize,
        };
        let above = probability.iter().filter(|&&p| p > params.probability).count();
        assert_eq!(above as u64, case["candidates"].as_u64().unwrap(), "the prediction is the same");
        let found = instances(probability.view(), distances.view(), &rays, GRID, shape, &params).unwrap();
        assert_eq!(
            checksum(found.labels.iter().map(|&v| u64::from(v))),
            case["labels"].as_u64().unwrap(),
            "{params:?}"
        );
        let sizes = sizes(&case["sizes"]);
        assert_eq!(found.stars.len() + 1, sizes.len());
        for (label, &size) in sizes.iter().enumerate() {
            assert_eq!(found.labels.iter().filter(|&&v| v as usize == label).count(), size);
        }
        let scores = numbers(&case["scores"]);
        if scores.len() == found.stars.len() {
            assert_eq!(found.stars.scores(), scores.iter().map(|&s| s as f32).collect::<Vec<_>>());
            let centres: Vec<f64> = found.stars.centres().iter().flat_map(|c| [c.t, c.y, c.x]).map(f64::from).collect();
            assert_eq!(centres, numbers(&case["centres"]));
        }
    }
}

#[test]
fn a_drawn_sphere_has_its_volume() {
    let rays = Rays::golden_spiral(400, [1.0; 3]).unwrap();
    let centre = Voxel { t: 16, y: 15, x: 17 };
    let stars = Stars::new(&rays, vec![centre], vec![1.0], vec![12.3; 400]).unwrap();
    let sphere = 4.0 / 3.0 * std::f64::consts::PI * 12.3f64.powi(3);
    let exact = f64::from(volume(stars.distances(0), &rays));
    assert!((0.97..1.0).contains(&(exact / sphere)), "the polyhedron is inscribed: {}", exact / sphere);
    let drawn = labels(&stars, [33, 33, 33], Fill::Full, None);
    let n = drawn.iter().filter(|&&v| v == 1).count() as f64;
    assert!((n / exact - 1.0).abs() < 0.01, "{n} voxels of {exact}");
    for ((t, y, x), &label) in drawn.indexed_iter() {
        let d = |a: usize, b: u32| (a as f64 - f64::from(b)).powi(2);
        let r = (d(t, centre.t) + d(y, centre.y) + d(x, centre.x)).sqrt();
        assert!((r < 11.8) <= (label == 1) && (label == 1) <= (r <= 12.3), "{r}");
    }
    assert_eq!(labels(&stars, [33, 33, 33], Fill::Kernel, None), drawn, "a convex body is its own kernel");
    assert_eq!(labels(&stars, [33, 33, 33], Fill::Hull, None), drawn, "and its own hull");
}

#[test]
fn two_spheres_suppress_each_other_by_their_lens() {
    let rays = Rays::golden_spiral(400, [1.0; 3]).unwrap();
    let r = 10.0f64;
    for d in [3u32, 6, 9, 12, 15] {
        // Two caps of height r - d/2.
        let h = r - f64::from(d) / 2.0;
        let lens = 2.0 * std::f64::consts::PI / 3.0 * h * h * (3.0 * r - h);
        let share = lens / (4.0 / 3.0 * std::f64::consts::PI * r.powi(3));
        let centres = [40, 40 + d].map(|x| Voxel { t: 30, y: 30, x });
        let stars = Stars::new(&rays, centres.to_vec(), vec![0.4, 0.8], vec![r as f32; 800]).unwrap();
        assert_eq!(suppress(&stars, (share * 0.94) as f32), [1], "d {d}");
        assert_eq!(suppress(&stars, (share * 1.06) as f32), [1, 0], "d {d}");
    }
}

#[test]
fn survivors_survive() {
    let (golden, rays) = (golden(), rays());
    for case in cases(&golden, "suppress") {
        let stars = stars(&rays, &case, triple(&sizes(&case["shape"])));
        for overlap in [0.1, 0.3, 0.5, 0.7] {
            let left = stars.select(&suppress(&stars, overlap));
            assert_eq!(suppress(&left, overlap), (0..left.len()).collect::<Vec<_>>(), "seed {}", case["seed"]);
        }
    }
}

#[test]
fn what_is_no_object_is_refused() {
    let rays = rays();
    let at = |t: u32| vec![Voxel { t, y: 0, x: 0 }];
    let new = |t, score, d| Stars::new(&rays, at(t), vec![score], vec![d; 96]).map(|s| s.len());
    assert_eq!(new(0, 0.5, 3.0), Ok(1));
    assert!(matches!(new(0, 0.5, f32::NAN), Err(StarError::Distance { .. })));
    assert!(matches!(new(0, 0.5, 0.0), Err(StarError::Distance { .. })));
    assert!(matches!(new(0, 0.5, 1e9), Err(StarError::Distance { .. })));
    assert!(matches!(new(0, f32::NAN, 3.0), Err(StarError::Score { .. })));
    assert!(matches!(new(u32::MAX, 0.5, 3.0), Err(StarError::Far { .. })));
    let probability = Array3::from_elem((5, 5, 5), 0.9f32);
    let find = |distances: Array4<f32>, border| {
        let params = InstanceParams { border, ..InstanceParams::default() };
        instances(probability.view(), distances.view(), &rays, [1, 1, 1], [5, 5, 5], &params).map(|i| i.stars.len())
    };
    assert!(matches!(find(Array4::zeros((5, 5, 5, 95)), 2), Err(StarError::Shape { .. })));
    assert!(matches!(find(Array4::from_elem((5, 5, 5, 96), f32::NAN), 2), Err(StarError::Distance { .. })));
    assert_eq!(find(Array4::from_elem((5, 5, 5, 96), f32::NAN), 3), Ok(0), "no candidate, no error");
    assert_eq!(find(Array4::from_elem((5, 5, 5, 96), -1.0), 2), Ok(1), "the smallest polyhedron holds its centre");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_depends_on_threads(
        seed in 0u64..1000, roughness in 0.0f64..0.6, overlap in 0.05f32..0.9,
    ) {
        let rays = Rays::golden_spiral(32, ANISOTROPY).unwrap();
        let case = serde_json::json!({ "n": 80, "seed": seed, "first_x": 0, "radius": [1.0, 6.0], "roughness": roughness });
        let stars = stars(&rays, &case, [16, 24, 24]);
        let kept = suppress(&stars, overlap);
        prop_assert_eq!(&kept, &one_thread(|| suppress(&stars, overlap)));
        prop_assert!(kept.windows(2).all(|w| stars.scores()[w[0]] >= stars.scores()[w[1]]));
        let drawn = labels(&stars, [16, 24, 24], Fill::Full, None);
        prop_assert_eq!(&drawn, &one_thread(|| labels(&stars, [16, 24, 24], Fill::Full, None)));
    }
}
