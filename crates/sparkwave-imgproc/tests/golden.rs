//! Every step of the pipeline against an independent implementation.
//!
//! The numbers are in `tests/reference/golden` at the root of the workspace, written by `tests/reference/goldens.py` with
//! NumPy, SciPy, scikit-image and pybaselines; its README gives the tolerances and why.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use ndarray::{Array2, Array3};
use serde_json::Value;
use sparkwave_core::axes::{Span, Voxel};
use sparkwave_core::movie::Pixels;
use sparkwave_core::recording::Recording;
use sparkwave_core::source::InMemory;
use sparkwave_imgproc::baseline::arpls::{ArplsParams, Deviation, baseline};
use sparkwave_imgproc::baseline::{PixelNoise, global::GlobalNormalisation, percentile};
use sparkwave_imgproc::classic::components::independent::{FastIcaParams, independent};
use sparkwave_imgproc::classic::components::principal::principal;
use sparkwave_imgproc::detect::{assemble, idt};
use sparkwave_imgproc::filter::median::median_3x3;
use sparkwave_imgproc::legacy;
use sparkwave_imgproc::link::sparse::{Active, SparseVolume};
use sparkwave_imgproc::link::tree::{BoxFilter, Centroid, ComponentTree};
use sparkwave_imgproc::noise::iterative_exclusion;
use sparkwave_imgproc::register::shift::{Reference, Weighting};
use sparkwave_imgproc::sampling::Sampling;
use sparkwave_imgproc::threshold::Threshold;
use sparkwave_imgproc::traces::Traces;
use std::path::{Path, PathBuf};
use std::process::Command;

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference")
}

fn golden(name: &str) -> Value {
    let path = reference().join("golden").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}, sample {i}: {a} against {b}");
    }
}

#[test]
fn arpls_equals_pybaselines_and_the_published_variant() {
    let mut n = 0;
    for file in ["arpls_short", "arpls_long"] {
        for case in golden(file)["cases"].as_array().unwrap() {
            let trace = numbers(&case["y"]);
            for run in case["runs"].as_array().unwrap() {
                for (deviation, key) in [(Deviation::Sample, "pybaselines"), (Deviation::Population, "population_sd")] {
                    // The reference counts the first, unweighted solve as one of its iterations.
                    let params = ArplsParams {
                        lambda: run["lam"].as_f64().unwrap(),
                        tolerance: run["tol"].as_f64().unwrap(),
                        max_iterations: run["max_iter"].as_u64().unwrap() as usize,
                        deviation,
                    };
                    let Some(expected) = run[key].get("baseline") else { continue };
                    let what = format!("{} {key} λ {} tolerance {}", case["name"], params.lambda, params.tolerance);
                    assert_close(&baseline(&trace, params), &numbers(expected), 1e-6, &what);
                    n += 1;
                }
            }
        }
    }
    assert!(n > 20, "{n} baselines compared");
}

#[test]
fn arpls_equals_pybaselines_on_a_real_trace() {
    let trace_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/msct/trace_neuron10.csv");
    let Ok(text) = std::fs::read_to_string(&trace_file) else {
        println!("skipped: ../shared/data is absent");
        return;
    };
    let trace: Vec<f64> = text.lines().skip(1).map(|l| l.split(',').nth(1).unwrap().parse().unwrap()).collect();
    for (lambda, tolerance) in [("1e3", "1e-6"), ("1e6", "1e-10")] {
        let program = reference().join("arpls_real_trace.py");
        let run = Command::new("python3")
            .args([program.as_os_str(), trace_file.as_os_str()])
            .args(["--lam", lambda, "--tol", tolerance])
            .output();
        let Some(output) = run.ok().filter(|o| o.status.success()) else {
            println!("skipped: python3 with pybaselines is absent");
            return;
        };
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        let (lambda, tolerance) = (lambda.parse().unwrap(), tolerance.parse().unwrap());
        for (deviation, key) in [(Deviation::Sample, "pybaselines"), (Deviation::Population, "population_sd")] {
            let found = baseline(&trace, ArplsParams { lambda, tolerance, max_iterations: 100, deviation });
            assert_close(&found, &numbers(&printed[key]), 1e-6, key);
        }
    }
}

#[test]
fn displacements_equal_phase_cross_correlation() {
    let golden = golden("registration");
    let background = golden["background"].as_f64().unwrap();
    let mut spots: Vec<[f64; 4]> = Vec::new();
    for case in golden["cases"].as_array().unwrap() {
        let shape = sizes(&case["shape"]);
        if let Some(given) = case["spots"].as_array() {
            spots = given.iter().map(|s| numbers(s).try_into().unwrap()).collect();
        }
        let displacement = numbers(&case["content_displacement"]);
        let image = |dy: f64, dx: f64| {
            Array2::from_shape_fn((shape[0], shape[1]), |(y, x)| {
                let spot = |[a, cy, cx, s]: &[f64; 4]| {
                    let (ry, rx) = (y as f64 - cy - dy, x as f64 - cx - dx);
                    a * (-(ry * ry + rx * rx) / (2.0 * s * s)).exp()
                };
                (background + spots.iter().map(spot).sum::<f64>()) as f32
            })
        };
        let prepared = Reference::new(image(0.0, 0.0).view(), Weighting::None, false);
        let found = prepared.displacement_of(image(displacement[0], displacement[1]).view(), 20.0).displacement;
        let expected = numbers(&case["unnormalised"]["shift"]);
        // Their shift puts the image back; ours says how far it went. Their grid has steps of 0.01 px.
        let error = (found.y + expected[0]).abs().max((found.x + expected[1]).abs());
        assert!(error <= 0.0101, "{displacement:?}: {found:?} against {expected:?}");
    }
}

#[test]
fn thresholds_equal_scikit_image() {
    for case in golden("thresholds")["cases"].as_array().unwrap() {
        if case["integer"].as_bool() == Some(true) {
            // scikit-image gives integer images one bin a count; ours always has 256.
            continue;
        }
        let values: Vec<f32> = numbers(&case["values"]).iter().map(|&v| v as f32).collect();
        for (threshold, key) in [(Threshold::Triangle, "triangle"), (Threshold::Otsu, "otsu")] {
            let Some(found) = threshold.of(values.iter().copied()) else {
                assert_eq!(case["name"], "constant", "only a constant has no threshold here");
                continue;
            };
            let expected = case[key].as_f64().unwrap();
            let range = values.iter().copied().fold(0.0, f32::max) - values.iter().copied().fold(0.0, f32::min);
            // Bin edges in single and in double precision differ in the last digits.
            assert!((found - expected).abs() <= 1e-5 * f64::from(range), "{}: {key} {found}, {expected}", case["name"]);
        }
    }
}

#[test]
fn filters_equal_scipy() {
    let golden = golden("filters");
    for case in golden["median_3x3"].as_array().unwrap() {
        let shape = sizes(&case["shape"]);
        let image = |key: &str| {
            let values = numbers(&case[key]).iter().map(|&v| v as f32).collect();
            Array2::from_shape_vec((shape[0], shape[1]), values).unwrap()
        };
        assert_eq!(median_3x3(image("values").view()), image("nearest"));
    }
    let mut n = 0;
    for case in golden["running_percentile"].as_array().unwrap() {
        for run in case["runs"].as_array().unwrap() {
            let window = run["window"].as_u64().unwrap() as usize;
            if window.is_multiple_of(2) {
                continue;
            }
            let found = percentile::running(&numbers(&case["values"]), window, run["percentile"].as_f64().unwrap());
            assert_eq!(found, numbers(&run["out"]), "window {window}, {}", run["percentile"]);
            n += 1;
        }
    }
    assert!(n > 10);
}

#[test]
fn noise_equals_the_same_rule_in_numpy() {
    for case in golden("noise")["cases"].as_array().unwrap() {
        let mut values: Vec<f32> = numbers(&case["values"]).iter().map(|&v| v as f32).collect();
        let (found, expected) = (iterative_exclusion(&mut values), case["sigma"].as_f64().unwrap());
        // The samples are rounded to single precision here.
        assert!((found - expected).abs() <= 1e-6 * expected, "{}: {found} against {expected}", case["name"]);
    }
}

#[test]
fn components_equal_scipy() {
    for case in golden("components")["cases"].as_array().unwrap() {
        let shape = sizes(&case["shape"]);
        let rows = case["rows"].as_array().unwrap();
        let mut active = Vec::new();
        for (r, row) in rows.iter().enumerate() {
            let (t, y) = ((r / shape[1]) as u32, (r % shape[1]) as u32);
            for (x, _) in row.as_str().unwrap().bytes().enumerate().filter(|(_, b)| *b == b'#') {
                active.push(Active { voxel: Voxel { t, y, x: x as u32 }, dff: 1.0, strength: 1.0, level: 1.0 });
            }
        }
        let mut counts = std::collections::BTreeMap::<u32, usize>::new();
        for component in SparseVolume::new(active, shape[1]).components() {
            *counts.entry(component).or_default() += 1;
        }
        let mut found: Vec<usize> = counts.into_values().collect();
        let mut expected = sizes(&case["sizes"]);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(found.len() as u64, case["count"].as_u64().unwrap());
    }
}

#[test]
fn instances_equal_scikit_image() {
    let golden = golden("instances");
    let active = golden["voxels_t_y_x_64ths"].as_array().unwrap().iter().map(|v| {
        let [t, y, x, strength] = numbers(v).try_into().unwrap();
        let strength = strength as f32 / 64.0;
        Active { voxel: Voxel { t: t as u32, y: y as u32, x: x as u32 }, dff: 1.0, strength, level: 1.0 }
    });
    let [_, height, width] = sizes(&golden["shape"]).try_into().unwrap();
    let volume = SparseVolume::new(active.collect(), height);
    let strength: Vec<f32> = volume.voxels().iter().map(|a| a.strength).collect();
    let tree = ComponentTree::new(&volume, &strength);

    let cases = golden["sweep"].as_array().unwrap();
    let thresholds: Vec<f32> = cases.iter().map(|c| c["threshold"].as_f64().unwrap() as f32).collect();
    let triple = |c: Centroid| [c.t_frame, c.y_px, c.x_px];
    let mut n = 0;
    for filter in [BoxFilter::ALL, BoxFilter::PUBLISHED, BoxFilter::PUBLISHED_SCORES] {
        for (found, case) in tree.sweep(&thresholds, filter).iter().zip(cases) {
            let mut expected: Vec<&Value> = case["regions"].as_array().unwrap().iter().collect();
            expected.retain(|region| {
                let [t, y, x, t_end, y_end, x_end] = sizes(&region["box"]).try_into().unwrap();
                t_end - t >= filter.min_frames && (y_end - y).min(x_end - x) >= filter.min_side_px
            });
            assert_eq!(found.len(), expected.len(), "{} with {filter:?}", case["threshold"]);
            for component in found {
                let is_same = |region: &&Value| -> bool {
                    let bounds = [component.first, component.last].map(|v| [v.t, v.y, v.x].map(|c| c as usize));
                    let bounds = [bounds[0], bounds[1].map(|c| c + 1)].concat();
                    let close = |a: f64, key: &str| (a - region[key].as_f64().unwrap()).abs() <= 1e-12;
                    let all_close = |a: [f64; 3], key: &str| {
                        a.iter().zip(numbers(&region[key])).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1.0))
                    };
                    bounds == sizes(&region["box"])
                        && region["n"].as_u64() == Some(component.n_voxels as u64)
                        && region["max"].as_f64() == Some(f64::from(component.peak_strength))
                        && close(component.mean(), "mean")
                        && all_close(triple(component.centroid), "centroid")
                        && all_close(triple(component.weighted_centroid), "weighted")
                };
                let same = expected.iter().position(is_same);
                expected.swap_remove(same.unwrap_or_else(|| panic!("nothing is like {component:?}")));
                n += 1;
            }
        }
    }
    assert_eq!(n, 259, "components compared");

    for case in golden["hysteresis"].as_array().unwrap() {
        let (low, high) = (case["low"].as_f64().unwrap() as f32, case["high"].as_f64().unwrap() as f32);
        let labels = tree.labels(&tree.hysteresis(low, high));
        let mut rows = vec![vec![b'.'; width]; golden["shape"][0].as_u64().unwrap() as usize * height];
        for (a, _) in volume.voxels().iter().zip(&labels).filter(|(_, label)| **label > 0) {
            rows[a.voxel.t as usize * height + a.voxel.y as usize][a.voxel.x as usize] = b'#';
        }
        let rows: Vec<String> = rows.into_iter().map(|row| String::from_utf8(row).unwrap()).collect();
        assert_eq!(serde_json::json!(rows), case["rows"], "between {low} and {high}");
    }
}

fn movie(golden: &Value) -> Array3<f32> {
    let shape = sizes(&golden["shape"]);
    let values = numbers(&golden["movie"]).iter().map(|&v| v as f32).collect();
    Array3::from_shape_vec((shape[0], shape[1], shape[2]), values).unwrap()
}

#[test]
fn the_global_normalisation_equals_the_published_one() {
    let golden = golden("normalisation");
    let mut pixels = movie(&golden);
    let source = InMemory::new(Recording::default(), Pixels::F32(pixels.clone()));
    let fitted = GlobalNormalisation::fit(&source).unwrap();
    assert!((fitted.foreground_mean / golden["bright_mean"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    assert_close(&fitted.baseline, &numbers(&golden["baseline"]), 1e-6, "baseline");
    for (t, mut frame) in pixels.outer_iter_mut().enumerate() {
        fitted.apply(t, frame.as_slice_mut().unwrap());
    }
    let found: Vec<f64> = pixels.iter().map(|&v| f64::from(v)).collect();
    assert_close(&found, &numbers(&golden["output"]), 1e-6, "output");
}

#[test]
fn runs_equal_the_reference() {
    for case in golden("runs")["cases"].as_array().unwrap() {
        let sigma = case["sigma"].as_f64().unwrap();
        let z: Vec<f32> = numbers(&case["values"]).iter().map(|v| (v / sigma) as f32).collect();
        let window = case["half_window"].as_u64().unwrap() as usize;
        let found: Vec<Vec<usize>> = idt::extents(&z, 4.0, 2.0, window).iter().map(|s| vec![s.start, s.end]).collect();
        let expected: Vec<Vec<usize>> = case["runs"].as_array().unwrap().iter().map(sizes).collect();
        assert_eq!(found, expected, "{}", case["name"]);
    }
}

#[test]
fn the_threshold_detector_equals_the_reference_step_by_step() {
    let golden = golden("idt");
    let movie = movie(&golden);
    let (n_frames, height, width) = movie.dim();
    let arpls = &golden["arpls"];
    let params = ArplsParams {
        lambda: arpls["lam"].as_f64().unwrap(),
        tolerance: arpls["ratio"].as_f64().unwrap(),
        max_iterations: arpls["max_iter"].as_u64().unwrap() as usize,
        deviation: Deviation::Population,
    };
    let rows = golden["foreground"].as_array().unwrap();
    let inside = |y: usize, x: usize| rows[y].as_str().unwrap().as_bytes()[x] == b'#';
    // The reference works on the movie as it is: no registration and no background to subtract.
    let mut dff = movie.clone();
    let mut sigma = vec![0.0f32; height * width];
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let mut trace = dff.slice_mut(ndarray::s![.., y, x]);
        let fluorescence: Vec<f64> = trace.iter().map(|&v| f64::from(v)).collect();
        let f0 = baseline(&fluorescence, params);
        for (i, v) in trace.iter_mut().enumerate() {
            *v = ((fluorescence[i] - f0[i]) / f0[i]) as f32;
        }
        if inside(y, x) {
            sigma[y * width + x] = iterative_exclusion(&mut trace.to_vec()) as f32;
        }
    }
    for case in golden["sigma"].as_array().unwrap() {
        let case = numbers(case);
        let found = f64::from(sigma[case[0] as usize * width + case[1] as usize]);
        assert!((found / case[2] - 1.0).abs() < 1e-5, "{case:?}: {found}");
    }
    for case in golden["traces"].as_array().unwrap() {
        let (y, x) = (case["y"].as_u64().unwrap() as usize, case["x"].as_u64().unwrap() as usize);
        let found: Vec<f64> = dff.slice(ndarray::s![.., y, x]).iter().map(|&v| f64::from(v)).collect();
        assert_close(&found, &numbers(&case["dff"]), 1e-5, "dF/F0");
    }

    let sampling = Sampling { pixel_um: 0.16, interval_s: 0.1 };
    let detector = idt::IdtParams { split: false, ..idt::IdtParams::default() };
    let noise = PixelNoise { f0: vec![1.0; sigma.len()], sigma };
    let traces = Traces::from_movie(dff.view());
    let active = idt::active_voxels(&traces, &noise, Span::new(0, n_frames), &detector, sampling);
    let n_run_voxels: usize =
        golden["runs_y_x_start_end"].as_array().unwrap().iter().map(|r| sizes(r)[3] - sizes(r)[2]).sum();
    assert_eq!(active.len(), n_run_voxels);

    let events = assemble(active, height, &detector.assemble(), sampling);
    let mut found: Vec<(usize, u32)> = events.iter().map(|e| (e.voxels.len(), e.region_id)).collect();
    let kept = golden["components"].as_array().unwrap().iter().filter(|c| c["kept"].as_bool() == Some(true));
    let mut expected: Vec<usize> = kept.map(|c| c["n_voxels"].as_u64().unwrap() as usize).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), expected);
    let n_regions = found.iter().map(|f| f.1).max();
    assert_eq!(n_regions, Some(2), "two of the three events share a site");
}

fn counts(rows: &Value) -> Array2<u16> {
    let rows: Vec<Vec<usize>> = rows.as_array().unwrap().iter().map(sizes).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(y, x)| u16::try_from(rows[y][x]).unwrap())
}

fn bits(rows: &Value) -> Array2<bool> {
    let rows: Vec<&[u8]> = rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap().as_bytes()).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(y, x)| rows[y][x] == b'#')
}

#[test]
fn the_published_arithmetic_of_waves_equals_numpy() {
    let golden = golden("legacy_waves");
    let mut n = 0;
    for case in golden["intervals"].as_array().unwrap() {
        let mut intervals = legacy::interval::Intervals::default();
        let images = case["images"].as_array().unwrap();
        let found: Vec<_> = images.iter().filter_map(|image| intervals.push(counts(image).view())).collect();
        let expected: Vec<_> = case["intervals"].as_array().unwrap().iter().map(counts).collect();
        assert_eq!(found, expected, "{}", case["name"]);
        n += found.len();
    }
    assert_eq!(n, 8, "intervals compared");
    for case in golden["crops"].as_array().unwrap() {
        let side = case["side"].as_u64().unwrap() as usize;
        assert_eq!(legacy::crop::crop(counts(&case["image"]).view(), side), counts(&case["cropped"]));
    }
    for case in golden["masks"].as_array().unwrap() {
        let mask = bits(&case["mask"]);
        assert_eq!(legacy::mask::smoothed(mask.view()), bits(&case["mean_11"]));
        assert_eq!(legacy::mask::smoothed_for_scores(mask.view()), bits(&case["mean_7"]));
    }
    for (entry, expected) in golden["jet"].as_array().unwrap().iter().enumerate() {
        let found = legacy::jet::jet(u8::try_from(entry).unwrap()).map(usize::from);
        assert_eq!(found.to_vec(), sizes(expected), "entry {entry}");
    }
    let values = counts(&serde_json::json!([golden["indices"]["values"]]));
    let found: Vec<usize> = legacy::jet::indices(values.view()).iter().map(|&v| usize::from(v)).collect();
    assert_eq!(found, sizes(&golden["indices"]["indices"]));
}

/// The correlation of two lists of numbers.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let product = |a: &[f64], b: &[f64]| {
        let (mean_a, mean_b) = (mean(a), mean(b));
        a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>()
    };
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// For each expected map, the found map that resembles it most: one each, and all with at least this correlation.
fn assert_same_maps(found: &Array3<f32>, expected: &Value, at_least: f64, what: &str) {
    let found: Vec<Vec<f64>> =
        found.outer_iter().map(|map| map.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v)).collect()).collect();
    let mut taken = Vec::new();
    for (k, map) in expected.as_array().unwrap().iter().map(numbers).enumerate() {
        let like = |i: &usize| correlation(&found[*i], &map).abs();
        let best = (0..found.len()).max_by(|a, b| like(a).total_cmp(&like(b))).unwrap();
        assert!(like(&best) >= at_least, "{what} {k}: {}", like(&best));
        taken.push(best);
    }
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), found.len(), "{what}: one each");
}

#[test]
fn components_equal_scikit_learn() {
    let golden = golden("decompositions");
    let usable = bits(&golden["usable"]);
    for case in golden["cases"].as_array().unwrap() {
        let n_bins = case["n_bins"].as_u64().unwrap() as usize;
        let values: Vec<f32> = numbers(&case["values"]).iter().map(|&v| v as f32).collect();
        let (height, width) = usable.dim();
        let values = Array3::from_shape_vec((n_bins, height, width), values).unwrap();
        let found = principal(values.view(), &usable, 4).unwrap();
        let what = format!("{n_bins} bins");
        assert_close(&found.variances, &numbers(&case["explained_variance"]), 1e-9, &what);
        assert_close(&found.variance_fractions, &numbers(&case["explained_variance_ratio"]), 1e-9, &what);
        assert_same_maps(&found.maps, &case["principal_maps"], 1.0 - 1e-9, &what);
        for seed in 0..3 {
            let params = FastIcaParams { seed, ..FastIcaParams::default() };
            let found = independent(values.view(), &usable, 4, &params).unwrap();
            assert!(found.converged, "{what}, seed {seed}");
            assert_same_maps(&found.components.maps, &case["independent_maps"], 0.9999, &what);
            assert_same_maps(&found.components.maps, &case["true_maps"], 0.99, &what);
        }
    }
}
