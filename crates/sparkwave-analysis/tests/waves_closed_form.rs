//! Waves whose measures can be told without a computer, in millimetres and seconds. More of them, with noise, stand beside
//! the measures.
#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use sparkwave_analysis::measure::waves::{WaveSetting, WaveTables, measure_waves};
use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::{Mask, Patch};
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::units::Micrometers;
use sparkwave_core::wave::{Cortex, Interval, Midline, Wave, WaveFrame, Waveform};

const SIZE: (usize, usize) = (200, 200);
/// Edge of a pixel, mm.
const EDGE_MM: f64 = 0.02;
const INTERVAL_S: f64 = 5.0;

fn intervals(start_s: f64, n: usize) -> Vec<Interval> {
    let at = |i: usize| start_s + i as f64 * INTERVAL_S;
    (0..n).map(|i| Interval { start_s: at(i), end_s: at(i + 1), valid: true }).collect()
}

/// The pixels of an image for which `inside` holds, as a mask.
fn mask(inside: impl Fn(f64, f64) -> bool) -> Mask {
    Mask::of_image(&Array2::from_shape_fn(SIZE, |(y, x)| inside(y as f64, x as f64))).unwrap()
}

fn disc(y: f64, x: f64, radius: f64) -> Mask {
    mask(move |i, j| (i - y).hypot(j - x) <= radius)
}

/// A wave with masks in the intervals 0, 1, ...; where it arrived when is not known.
fn wave(masks: Vec<Mask>) -> Wave {
    let nowhere = Patch { y0: 0, x0: 0, values: Array2::zeros((0, 0)) };
    let frames = masks.into_iter().enumerate().map(|(frame, mask)| WaveFrame { frame, mask, filled: false });
    Wave {
        id: 1,
        episode_id: 1,
        name: "1".to_owned(),
        frames: frames.collect(),
        arrival_s: nowhere.clone(),
        peak_drr: nowhere,
        waveform: Waveform::default(),
    }
}

fn measure(wave: Wave, setting: WaveSetting<'_>) -> WaveTables {
    let pixel_size = PixelSize::square(Micrometers::new(EDGE_MM * 1000.0));
    measure_waves(&[wave], &WaveSetting { height: SIZE.0, width: SIZE.1, pixel_size, ..setting })
}

fn numbers(table: &Table, column: &str) -> Vec<Option<f64>> {
    table.column(column).unwrap().iter().map(Value::as_f64).collect()
}

fn number(table: &Table, column: &str) -> f64 {
    numbers(table, column)[0].unwrap()
}

#[test]
fn a_ring_of_single_pixels_has_its_length_as_area_and_one_part() {
    // Corners join, so it is one part; every row and column it crosses adds a pixel on either side.
    let ring = mask(|y, x| ((y - 100.0).hypot(x - 100.0)).round() == 50.0);
    let n_pixels = ring.n_pixels() as f64;
    let steps = intervals(0.0, 1);
    let tables = measure(wave(vec![ring.clone()]), WaveSetting { intervals: &steps, ..WaveSetting::default() });
    let frames = &tables.wave_frames;
    let expected_mm2 = n_pixels * EDGE_MM * EDGE_MM;
    assert!((number(frames, "area_mm2") - expected_mm2).abs() < 1e-12);
    // As wide as a pixel, it has its circumference as area to the width of a pixel's diagonal.
    assert!((n_pixels / (2.0 * std::f64::consts::PI * 50.0) - 1.0).abs() < 0.1, "{n_pixels}");
    assert_eq!(number(frames, "n_components"), 1.0);
    // The centroid is in the hollow.
    let centroid = (number(frames, "centroid_y_px"), number(frames, "centroid_x_px"));
    assert!((centroid.0 - 100.0).hypot(centroid.1 - 100.0) < 1e-9, "{centroid:?}");
    assert!(!ring.contains(100, 100));
}

#[test]
fn times_go_on_behind_midnight() {
    // The recording starts at 23:50; the wave moves by 0.2 mm every 5 s from 10 s before midnight on.
    let start_s = 590.0;
    let steps = intervals(start_s, 4);
    let names: Vec<String> =
        ["20230922_235955", "20230923_000000", "20230923_000005", "20230923_000010"].map(String::from).to_vec();
    let discs = (0..4).map(|i| disc(100.0, 50.0 + 10.0 * f64::from(i), 20.0)).collect();
    let tables = measure(wave(discs), WaveSetting { intervals: &steps, frame_names: &names, ..WaveSetting::default() });
    assert_eq!(number(&tables.waves, "start_s"), start_s);
    assert_eq!(number(&tables.waves, "duration_s"), 20.0);
    let speeds = numbers(&tables.wave_frames, "speed_legacy_mm_min");
    assert_eq!(speeds[0], None);
    for speed in &speeds[1..] {
        assert!((speed.unwrap() - 0.2 / 5.0 * 60.0).abs() < 1e-9, "{speeds:?}");
    }
    let legacy = &tables.waves_legacy;
    assert_eq!(number(legacy, "LastTime"), 15.0);
    let clip = Value::Text("[20230922_235955--20230923_000010]".to_owned());
    assert_eq!(legacy.column("SignalClipsName").unwrap()[0], clip);
    // Its calibration is 10.5 mm on 512 px whatever that of the recording.
    assert!((number(legacy, "Distance") - 30.0 * 10.5 / 512.0).abs() < 1e-9);
}

#[test]
fn parts_and_the_edge_of_the_image_count_as_they_are() {
    // A half disc at the upper edge, and a square of 0.2 mm apart from it.
    let half = |y: f64, x: f64| y.hypot(x - 100.0) <= 40.5;
    let square = |y: f64, x: f64| (150.0..160.0).contains(&y) && (20.0..30.0).contains(&x);
    let both = mask(|y, x| half(y, x) || square(y, x));
    let n_half = mask(half).n_pixels() as f64;
    let steps = intervals(0.0, 1);
    let tables = measure(wave(vec![both]), WaveSetting { intervals: &steps, ..WaveSetting::default() });
    let frames = &tables.wave_frames;
    assert_eq!((number(frames, "n_components"), number(frames, "largest_component_px")), (2.0, n_half));
    // Half a circle above the lower edge of row 0, 0.81 mm in radius, and the upper half of that row.
    let expected_mm2 = std::f64::consts::PI / 2.0 * 0.81 * 0.81 + 0.81 * EDGE_MM + 0.04;
    assert!((number(frames, "area_mm2") / expected_mm2 - 1.0).abs() < 0.01, "{}", number(frames, "area_mm2"));
    assert_eq!(tables.waves.column("touches_border").unwrap()[0], Value::Bool(true));
}

#[test]
fn a_wave_crosses_the_midline_when_more_than_a_rim_of_it_does() {
    let cortex = Cortex {
        inside: Array2::from_elem(SIZE, true),
        midline: Some(Midline { from: PointYx { y: 0.0, x: 99.5 }, to: PointYx { y: 199.0, x: 99.5 } }),
    };
    let steps = intervals(0.0, 1);
    for (x, side, crosses) in
        [(60.0, "left", false), (90.0, "left", true), (110.0, "right", true), (140.0, "right", false)]
    {
        let setting = WaveSetting { intervals: &steps, cortex: Some(&cortex), ..WaveSetting::default() };
        let waves = measure(wave(vec![disc(100.0, x, 30.0)]), setting).waves;
        assert_eq!(waves.column("side").unwrap()[0], Value::Text(side.to_owned()));
        assert_eq!(waves.column("crosses_midline").unwrap()[0], Value::Bool(crosses), "{x}");
    }
}
