#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;
use sparkwave_core::axes::Voxel;
use sparkwave_core::table::Value;
use sparkwave_core::units::{Micrometers, Seconds};

use super::*;

fn event(voxels: &[[u32; 3]]) -> Event {
    let mut voxels: Vec<Voxel> = voxels.iter().map(|&[t, y, x]| Voxel { t, y, x }).collect();
    voxels.sort_unstable();
    let dff = vec![1.0; voxels.len()];
    Event { id: 1, region_id: 1, peak: voxels[0], voxels, dff, score: 0.5, burst: false }
}

fn block(nt: u32, ny: u32, nx: u32) -> Event {
    let voxels: Vec<[u32; 3]> =
        (0..nt).flat_map(|t| (0..ny).flat_map(move |y| (0..nx).map(move |x| [t + 3, y + 4, x + 5]))).collect();
    event(&voxels)
}

fn calibrated() -> Calibration {
    Calibration {
        pixel_size: PixelSize::square(Micrometers::new(0.5)),
        frame_times: Some(FrameTimes::Regular { interval: Seconds::new(0.1) }),
        n_frames: Some(600),
    }
}

fn measured(event: Event) -> Table {
    measure_events(&[event], &calibrated(), "test", None)
}

#[track_caller]
fn check(table: &Table, row: usize, expected: &[(&str, Option<f64>)]) {
    for &(name, expected) in expected {
        let value = &table.column(name).unwrap_or_else(|| panic!("no column {name}"))[row];
        match (value.as_f64(), expected) {
            (Some(v), Some(e)) if (v - e).abs() <= 1e-12 * (1.0 + e.abs()) => {}
            (None, None) if *value == Value::Empty => {}
            _ => panic!("{name}: {value:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn the_columns_of_the_contract_come_first_and_each_has_its_definition() {
    let table = measured(block(1, 1, 1));
    let names: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
    let contract = [
        "event_id",
        "region_id",
        "t_peak_frame",
        "t_start_frame",
        "t_end_frame",
        "t_peak_s",
        "duration_s",
        "y_px",
        "x_px",
        "y_um",
        "x_um",
        "n_voxels",
        "area_px",
        "area_um2",
        "peak_dff",
        "score",
        "burst",
        "source",
    ];
    assert_eq!(&names[..contract.len()], contract);
    assert_eq!(names, COLUMNS.iter().map(|c| c.name).collect::<Vec<_>>());
    assert!(COLUMNS.iter().all(|c| !c.definition.is_empty()));
}

#[test]
fn a_single_voxel() {
    let table = measured(block(1, 1, 1));
    check(
        &table,
        0,
        &[
            ("event_id", Some(1.0)),
            ("t_peak_frame", Some(3.0)),
            ("t_start_frame", Some(3.0)),
            ("t_end_frame", Some(4.0)),
            ("t_peak_s", Some(0.3)),
            ("duration_s", Some(0.1)),
            ("y_px", Some(4.0)),
            ("x_px", Some(5.0)),
            ("y_um", Some(2.0)),
            ("x_um", Some(2.5)),
            ("n_voxels", Some(1.0)),
            ("area_px", Some(1.0)),
            ("area_um2", Some(0.25)),
            ("area_peak_px", Some(1.0)),
            ("area_peak_um2", Some(0.25)),
            ("peak_dff", Some(1.0)),
            ("score", Some(0.5)),
            ("dff_mean", Some(1.0)),
            ("dff_max", Some(1.0)),
            ("major_vox", Some(0.0)),
            ("minor_vox", Some(0.0)),
            ("aspect", None),
            ("major_um", Some(0.0)),
            ("minor_um", Some(0.0)),
            ("footprint_aspect", None),
            ("footprint_solidity", Some(1.0)),
            ("spatial_aspect", Some(1.0)),
            ("solidity", None),
            ("integrated_profile", Some(1.0)),
            ("max_profile", Some(1.0)),
            ("std_profile", Some(0.0)),
            ("nn_vox", None),
            ("spatial_nn_px", None),
            ("spatial_nn_um", None),
            ("n_neighbours", Some(0.0)),
            ("n_neighbours_published", Some(0.0)),
            ("frequency_hz", Some(0.0)),
            ("inter_event_interval_s", None),
            ("path_um", Some(0.0)),
            ("displacement_um", Some(0.0)),
            ("speed_um_per_s", None),
            ("rise_time_s", None),
            ("snr", None),
        ],
    );
    assert_eq!(table.column("burst").unwrap()[0], Value::Bool(false));
    assert_eq!(table.column("source").unwrap()[0], Value::Text("test".into()));
}

#[test]
fn a_line_a_plate_a_cube_and_an_l() {
    // n points in a row have variance (n^2 - 1) / 12.
    let line = measured(block(1, 1, 5));
    check(
        &line,
        0,
        &[
            ("major_vox", Some(40f64.sqrt())),
            ("minor_vox", Some(0.0)),
            ("aspect", Some(0.0)),
            ("major_um", Some(4.0 * 0.5 * 2f64.sqrt())),
            ("minor_um", Some(0.0)),
            ("footprint_aspect", Some(0.0)),
            ("spatial_aspect", Some(0.2)),
            ("solidity", None),
            ("footprint_solidity", Some(1.0)),
        ],
    );
    let plate = measured(block(1, 3, 5));
    check(
        &plate,
        0,
        &[
            ("minor_vox", Some(0.0)),
            ("footprint_aspect", Some((8.0f64 / 24.0).sqrt())),
            ("spatial_aspect", Some(0.6)),
            ("solidity", None),
            ("footprint_solidity", Some(1.0)),
            ("area_um2", Some(15.0 * 0.25)),
        ],
    );
    let cube = measured(block(3, 3, 3));
    check(
        &cube,
        0,
        &[
            ("major_vox", Some((40.0f64 / 3.0).sqrt())),
            ("minor_vox", Some((40.0f64 / 3.0).sqrt())),
            ("aspect", Some(1.0)),
            ("solidity", Some(1.0)),
            ("n_voxels", Some(27.0)),
            ("area_px", Some(9.0)),
            ("duration_s", Some(0.3)),
            ("integrated_profile", Some(3.0)),
            ("std_profile", Some(0.0)),
            ("path_um", Some(0.0)),
            ("speed_um_per_s", Some(0.0)),
        ],
    );
    // A 5 x 5 corner of two strokes one pixel wide. The hull of its edge midpoints is cut by the line from (4.5, 0) to
    // (0, 4.5): of the 25 pixels those with y + x <= 4 are inside, 15.
    let strokes: Vec<[u32; 3]> = (0..5).map(|y| [0, y, 0]).chain((1..5).map(|x| [0, 0, x])).collect();
    check(&measured(event(&strokes)), 0, &[("footprint_solidity", Some(9.0 / 15.0)), ("solidity", None)]);
    // The same over two frames: face centres are lower at the lids, but every lattice point stays.
    let thick: Vec<[u32; 3]> = strokes.iter().flat_map(|&[_, y, x]| [[0, y, x], [1, y, x]]).collect();
    check(&measured(event(&thick)), 0, &[("solidity", Some(18.0 / 30.0))]);
}

#[test]
fn the_profile_is_diluted_by_the_bounding_box() {
    // Two pixels of a box of 2 x 2 with dF/F0 2 and 4, then one with 6: profile 1.5, 1.5.
    let mut diagonal = event(&[[0, 0, 0], [0, 1, 1], [1, 0, 0]]);
    diagonal.dff = vec![2.0, 4.0, 6.0];
    diagonal.peak = Voxel { t: 1, y: 0, x: 0 };
    check(
        &measured(diagonal),
        0,
        &[
            ("integrated_profile", Some(3.0)),
            ("max_profile", Some(1.5)),
            ("std_profile", Some(0.0)),
            ("dff_mean", Some(4.0)),
            ("dff_max", Some(6.0)),
            ("peak_dff", Some(6.0)),
            ("y_px", Some(4.0 / 12.0)),
            ("t_centroid_frame", Some(0.5)),
            ("area_peak_px", Some(1.0)),
            ("area_px", Some(2.0)),
        ],
    );
}

#[test]
fn weights_below_zero_count_nothing_and_without_weights_the_centroid_is_plain() {
    let mut dim = event(&[[0, 0, 0], [0, 0, 3], [0, 3, 0]]);
    dim.dff = vec![-5.0, 1.0, 0.0];
    check(&measured(dim.clone()), 0, &[("y_px", Some(0.0)), ("x_px", Some(3.0))]);
    dim.dff = vec![-5.0, -1.0, 0.0];
    check(&measured(dim.clone()), 0, &[("y_px", Some(1.0)), ("x_px", Some(1.0))]);
    dim.peak = Voxel { t: 9, y: 9, x: 9 };
    check(&measured(dim), 0, &[("peak_dff", None), ("area_peak_px", Some(0.0))]);
}

#[test]
fn a_moving_event_has_path_displacement_and_speed() {
    // Up 3 px and right 4 px, then back half the way: steps of 2.5 um and 1.25 um in 0.2 s.
    let moving = event(&[[0, 0, 0], [1, 6, 8], [2, 3, 4]]);
    check(
        &measured(moving),
        0,
        &[("path_um", Some(7.5)), ("displacement_um", Some(2.5)), ("speed_um_per_s", Some(37.5))],
    );
}

#[test]
fn the_weights_of_each_frame_move_the_centre() {
    // From x = 3 to x = 1 in one frame though the pixels stay: 1 um in 0.1 s.
    let mut shifting = event(&[[0, 0, 0], [0, 0, 4], [1, 0, 0], [1, 0, 4]]);
    shifting.dff = vec![1.0, 3.0, 3.0, 1.0];
    check(
        &measured(shifting),
        0,
        &[("path_um", Some(1.0)), ("displacement_um", Some(1.0)), ("speed_um_per_s", Some(10.0))],
    );
}

#[test]
fn neighbours_and_intervals() {
    let at = |id: u32, region_id: u32, t: u32, x: u32| {
        let mut event = event(&[[t, 0, x]]);
        (event.id, event.region_id) = (id, region_id);
        event
    };
    // 0.5 um pixels: 0.96 um is less than 2 px. The last two events are at one place.
    let events = [at(1, 1, 0, 0), at(2, 1, 30, 1), at(3, 2, 4, 7), at(4, 1, 12, 7), at(5, 1, 12, 7)];
    let table = measure_events(&events, &calibrated(), "test", None);
    let column = |name: &str| table.column(name).unwrap().iter().map(Value::as_f64).collect::<Vec<_>>();
    assert_eq!(column("n_neighbours"), [1.0, 1.0, 2.0, 2.0, 2.0].map(Some));
    assert_eq!(column("frequency_hz")[2], Some(2.0 / 60.0));
    assert_eq!(column("n_neighbours_published"), [1.0, 1.0, 2.0, 2.0, 2.0].map(Some), "6 px are not less than 6 px");
    assert_eq!(column("spatial_nn_px"), [1.0, 1.0, 0.0, 0.0, 0.0].map(Some));
    assert_eq!(column("spatial_nn_um"), [0.5, 0.5, 0.0, 0.0, 0.0].map(Some));
    assert_eq!(column("nn_vox"), [65f64.sqrt(), 360f64.sqrt(), 8.0, 0.0, 0.0].map(Some));
    let intervals = column("inter_event_interval_s");
    assert_eq!((intervals[0], intervals[2], intervals[4]), (None, None, Some(0.0)));
    assert!((intervals[3].unwrap() - 1.2).abs() < 1e-12 && (intervals[1].unwrap() - 1.8).abs() < 1e-12);
}

#[test]
fn without_calibration_what_needs_it_is_empty_and_nothing_else() {
    let events = [block(3, 3, 3), block(2, 2, 4)];
    let trace = EventTrace { first_frame: 0, dff: vec![0.0, 0.1, 0.0, 0.1, 1.0, 0.5, 0.2, 0.0] };
    let traces = [trace.clone(), trace];
    let known = measure_events(&events, &calibrated(), "test", Some(&traces));
    let unknown = measure_events(&events, &Calibration::default(), "test", Some(&traces));
    for (with, without) in known.columns().iter().zip(unknown.columns()) {
        let needs_it = ["_um", "_um2", "_s", "_hz", "_um_per_s"].iter().any(|unit| with.name.ends_with(unit))
            || ["footprint_aspect", "n_neighbours"].contains(&with.name.as_str());
        if needs_it {
            assert!(without.values.iter().all(|v| *v == Value::Empty), "{}", with.name);
        } else {
            assert_eq!(with.values, without.values, "{}", with.name);
        }
    }
}

#[test]
fn no_events_and_an_event_without_voxels_are_no_trouble() {
    let none = measure_events(&[], &calibrated(), "test", None);
    assert_eq!((none.n_rows(), none.columns().len()), (0, COLUMNS.len()));
    let mut hollow = block(1, 1, 1);
    hollow.voxels.clear();
    hollow.dff.clear();
    let table = measure_events(&[hollow, block(2, 2, 2)], &calibrated(), "test", Some(&[EventTrace::default()]));
    check(&table, 0, &[("n_voxels", Some(0.0)), ("y_px", None), ("dff_mean", None), ("n_neighbours", None)]);
    check(&table, 1, &[("n_voxels", Some(8.0)), ("spatial_nn_px", None)]);
}

#[test]
fn voxels_at_the_end_of_the_number_range_are_measured() {
    let far = u32::MAX;
    let corner = event(&[[far, far, far], [far, far, far - 1], [far, far - 1, far], [far - 1, far, far]]);
    check(&measured(corner), 0, &[("solidity", Some(1.0)), ("n_voxels", Some(4.0))]);
    let scattered = event(&[[0, 0, 0], [far, 0, 0], [0, far, 0], [0, 0, far]]);
    check(&measured(scattered), 0, &[("solidity", None), ("footprint_solidity", None)]);
}

#[test]
fn agrees_with_scikit_image_and_scipy() {
    let golden: Json = serde_json::from_str(include_str!("../../tests/golden/measure.json")).unwrap();
    let float = |json: &Json| json.as_f64().unwrap();
    let objects = golden["objects"].as_array().unwrap();
    let events: Vec<Event> = objects
        .iter()
        .map(|object| {
            let voxels: Vec<[u32; 3]> = serde_json::from_value(object["voxels"].clone()).unwrap();
            let dff: Vec<f32> = serde_json::from_value(object["dff"].clone()).unwrap();
            Event { dff, ..event(&voxels) }
        })
        .collect();
    let pixel = |axis: usize| Micrometers::new(float(&golden["pixel_um"][axis]));
    let calibration = Calibration { pixel_size: PixelSize::new(pixel(0), pixel(1)), ..calibrated() };
    let table = measure_events(&events, &calibration, "golden", None);
    for (row, object) in objects.iter().enumerate() {
        let expected = object["expected"].as_object().unwrap();
        let compare = |name: &str, expected: &Json| {
            let found = table.column(name).unwrap()[row].as_f64();
            let tolerance = if name.starts_with("minor") { 1e-6 } else { 1e-12 };
            match (found, expected.as_f64()) {
                (Some(f), Some(e)) => assert!(
                    (f - e).abs() <= 1e-9 * e.abs() || e.abs() < tolerance && f.abs() < tolerance,
                    "{row} {name}: {f} {e}"
                ),
                (found, expected) => assert_eq!(found, expected, "{row} {name}"),
            }
        };
        for (name, value) in expected {
            if name == "centroid" {
                for (name, value) in ["t_centroid_frame", "y_px", "x_px"].iter().zip(value.as_array().unwrap()) {
                    compare(name, value);
                }
            } else {
                compare(name, value);
            }
        }
    }
    assert!(objects.len() > 30);
}

#[test]
fn the_thread_count_does_not_matter() {
    let events: Vec<Event> = (1..40).map(|i| block(1 + i % 4, 1 + i % 5, 1 + i % 3)).collect();
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = one_thread.install(|| measure_events(&events, &calibrated(), "test", None));
    assert_eq!(alone, measure_events(&events, &calibrated(), "test", None));
}
