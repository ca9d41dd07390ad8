//! The published numbers of the sample video, from the masks that are drawn in it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use ndarray::Array2;
use serde_json::Value as Json;
use sparkwave_analysis::measure::waves::{WaveSetting, WaveTables, measure_waves};
use sparkwave_core::mask::{Mask, Patch};
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::units::Micrometers;
use sparkwave_core::wave::{Interval, Wave, WaveFrame, Waveform};
use std::path::Path;
use std::process::Command;

/// What `tests/reference/sample_clip.py` finds in the video, which may not be stored here; `None` where there is none.
fn extracted() -> Option<Json> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clip = here.join("../../../shared/data/ios/tracking_sample.mp4");
    if !clip.exists() {
        println!("skipped: ../shared/data is absent");
        return None;
    }
    let program = here.join("../../tests/reference/sample_clip.py");
    let run = Command::new("python3").args([program, clip]).output();
    let Some(output) = run.ok().filter(|o| o.status.success()) else {
        println!("skipped: python3 with scikit-image, or ffmpeg, is absent");
        return None;
    };
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn numbers(list: &Json) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn mask(runs: &Json) -> Mask {
    let run = |run: &Json| -> [usize; 3] {
        let ends: Vec<usize> = run.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
        ends.try_into().unwrap()
    };
    let runs = runs.as_array().unwrap().iter().map(run);
    Mask::of_pixels(runs.flat_map(|[y, start, end]| (start..end).map(move |x| (y, x)))).unwrap()
}

/// The wave of the video, one mask an interval.
fn measured(clip: &Json) -> WaveTables {
    let interval_s = clip["interval_s"].as_f64().unwrap();
    let side = clip["side_px"].as_u64().unwrap() as usize;
    let masks = clip["runs"].as_array().unwrap().iter().enumerate();
    let frames: Vec<WaveFrame> =
        masks.map(|(frame, runs)| WaveFrame { frame, mask: mask(runs), filled: false }).collect();
    let at = |i: usize| i as f64 * interval_s;
    let intervals: Vec<Interval> =
        (0..frames.len()).map(|i| Interval { start_s: at(i), end_s: at(i + 1), valid: true }).collect();
    let nowhere = || Patch::of_image(&Array2::from_elem((0, 0), f32::NAN));
    let wave = Wave {
        id: 1,
        episode_id: 1,
        name: "1".to_owned(),
        frames,
        arrival_s: nowhere(),
        peak_drr: nowhere(),
        waveform: Waveform::default(),
    };
    // The calibration of the speeds that it shows.
    let pixel_size = PixelSize::square(Micrometers::new(10_500.0 / side as f64));
    let setting =
        WaveSetting { height: side, width: side, intervals: &intervals, pixel_size, ..WaveSetting::default() };
    measure_waves(&[wave], &setting)
}

fn column(table: &Table, name: &str) -> Vec<Option<f64>> {
    table.column(name).unwrap().iter().map(Value::as_f64).collect()
}

fn cell(table: &Table, name: &str) -> f64 {
    column(table, name)[0].unwrap()
}

/// What is shown has two decimals; the rest of the tolerances is the error of the masks, which
/// `sample_clip.py --compare` prints.
#[test]
fn the_masks_of_the_sample_clip_give_its_areas_speeds_and_distances() {
    let Some(clip) = extracted() else { return };
    let shown = &clip["shown"];
    let tables = measured(&clip);
    assert_eq!(tables.wave_frames.n_rows(), 16);

    let areas = column(&tables.wave_frames, "area_screen_legacy_mm2");
    let mut errors: Vec<f64> =
        areas.iter().zip(numbers(&shown["areas_mm2"])).map(|(found, shown)| found.unwrap() / shown - 1.0).collect();
    errors.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    assert!(errors[15].abs() < 0.035 && errors[7].abs() < 0.01, "{errors:?}");

    let speeds = column(&tables.wave_frames, "speed_legacy_mm_min");
    assert_eq!(speeds[0], None);
    for (found, shown) in speeds[1..].iter().zip(numbers(&shown["speeds_mm_min"])) {
        // A centroid is known to half a pixel, which is 0.12 mm/min over 5 s.
        assert!((found.unwrap() - shown).abs() < 0.3, "{speeds:?}");
    }

    let row = &tables.waves_legacy;
    let centroids: Vec<Vec<f64>> = shown["centroids_xy_px"].as_array().unwrap().iter().map(numbers).collect();
    let (first, last) = (&centroids[0], &centroids[15]);
    for (found, shown) in [
        (cell(row, "OrigalPoint_x"), first[0]),
        (cell(row, "OrigalPoint_y"), first[1]),
        (cell(row, "EndPoint_x"), last[0]),
        (cell(row, "EndPoint_y"), last[1]),
    ] {
        assert!((found - shown).abs() < 0.6, "{found} for {shown} px");
    }
    assert_eq!(Some(cell(row, "LastTime")), shown["duration_s"].as_f64());
    let average = cell(row, "AverageSpeed");
    assert!((average - shown["average_speed_mm_min"].as_f64().unwrap()).abs() < 0.05, "{average}");
    // The path, which is not shown, is the sum of the steps.
    let path_mm = average * 75.0 / 60.0;
    assert!((cell(row, "Distance") - path_mm).abs() < 1e-9);
    let net_px = (cell(row, "EndPoint_x") - cell(row, "OrigalPoint_x"))
        .hypot(cell(row, "EndPoint_y") - cell(row, "OrigalPoint_y"));
    let net_mm = net_px * 10.5 / 512.0;
    assert!((net_mm - shown["net_displacement_mm"].as_f64().unwrap()).abs() < 0.03, "{net_mm}");
}
