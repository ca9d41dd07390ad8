//! Waves whose measures are known in closed form.

use std::f64::consts::PI;

use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::Mask;
use sparkwave_core::table::Value;
use sparkwave_core::units::Micrometers;
use sparkwave_core::wave::{Midline, WaveFrame, Waveform};

use super::*;

/// Edge of a pixel, mm: 10 mm on 512 px.
const EDGE_MM: f64 = 10.0 / 512.0;
const INTERVAL_S: f64 = 5.0;

fn pixel_size(y_mm: f64, x_mm: f64) -> PixelSize {
    PixelSize::new(Micrometers::new(y_mm * 1000.0), Micrometers::new(x_mm * 1000.0)).unwrap()
}

fn intervals(n: usize) -> Vec<Interval> {
    let at = |i: usize| INTERVAL_S * i as f64;
    (0..n).map(|i| Interval { start_s: at(i), end_s: at(i + 1), valid: true }).collect()
}

/// A wave whose masks are, in each interval, the pixels that it reaches then.
fn wave(arrival: &Array2<f32>, intervals: &[Interval]) -> Wave {
    let frames = intervals.iter().enumerate().filter_map(|(frame, interval)| {
        let reached = arrival.mapv(|t| (interval.start_s..interval.end_s).contains(&f64::from(t)));
        Some(WaveFrame { frame, mask: Mask::of_image(&reached)?, filled: false })
    });
    Wave {
        id: 1,
        episode_id: 1,
        name: "1".to_owned(),
        frames: frames.collect(),
        arrival_s: Patch::of_image(arrival),
        peak_drr: Patch::of_image(&arrival.mapv(|t| t * 0.0 + 0.03)),
        waveform: Waveform::default(),
    }
}

/// Where a wave goes that starts at `site` (px) at 20 s and travels at `speed` (mm/min).
struct Spread {
    dim: (usize, usize),
    edges_mm: (f64, f64),
    site: (f64, f64),
    speed_mm_min: f64,
    reach_mm: f64,
    /// Half the angle of the sector, around the direction to the picture's right, degrees.
    half_angle_deg: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            dim: (300, 300),
            edges_mm: (EDGE_MM, EDGE_MM),
            site: (150.0, 140.0),
            speed_mm_min: 3.0,
            reach_mm: 2.49,
            half_angle_deg: 180.0,
        }
    }
}

const ONSET_S: f64 = 20.0;

impl Spread {
    fn arrival(&self) -> Array2<f32> {
        Array2::from_shape_fn(self.dim, |(y, x)| {
            let (dy, dx) = ((y as f64 - self.site.0) * self.edges_mm.0, (x as f64 - self.site.1) * self.edges_mm.1);
            let radius = dy.hypot(dx);
            let inside = radius <= self.reach_mm && dy.atan2(dx).abs().to_degrees() <= self.half_angle_deg;
            if inside { (ONSET_S + 60.0 * radius / self.speed_mm_min) as f32 } else { f32::NAN }
        })
    }

    fn origin(&self) -> PointYx {
        PointYx { y: self.site.0, x: self.site.1 }
    }

    fn measure(&self, arrival: &Array2<f32>) -> WaveTables {
        let intervals = intervals(60);
        measure_waves(&[wave(arrival, &intervals)], &self.setting(&intervals))
    }

    fn setting<'a>(&self, intervals: &'a [Interval]) -> WaveSetting<'a> {
        let pixel_size = Some(pixel_size(self.edges_mm.0, self.edges_mm.1));
        WaveSetting { height: self.dim.0, width: self.dim.1, intervals, pixel_size, ..WaveSetting::default() }
    }

    fn origin_error_mm(&self, table: &Table) -> f64 {
        let found = PointYx { y: number(table, "origin_y_px"), x: number(table, "origin_x_px") };
        Scale::new(Some(pixel_size(self.edges_mm.0, self.edges_mm.1))).distance(found, self.origin())
    }
}

/// Adds normal noise with the given standard deviation and correlation length, lost pixels and outliers.
fn disturbed(arrival: &Array2<f32>, sd_s: f64, correlation_px: usize, seed: u64) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (height, width) = arrival.dim();
    // The sum of many uniform numbers is close enough to normal.
    let mut noise =
        Array2::from_shape_simple_fn((height, width), || (0..6).map(|_| rng.random::<f64>() - 0.5).sum::<f64>());
    if correlation_px > 1 {
        let c = correlation_px;
        let mean = |of: &Array2<f64>, y: usize, x: usize, dy: usize, dx: usize| {
            (0..c).map(|i| of[[(y + i * dy) % height, (x + i * dx) % width]]).sum::<f64>()
        };
        let rows = Array2::from_shape_fn((height, width), |(y, x)| mean(&noise, y, x, 1, 0));
        noise = Array2::from_shape_fn((height, width), |(y, x)| mean(&rows, y, x, 0, 1));
    }
    let sd = (noise.iter().map(|n| n * n).sum::<f64>() / noise.len() as f64).sqrt();
    let mut disturbed = arrival.clone();
    for (t, n) in disturbed.iter_mut().zip(&noise) {
        *t += (n * sd_s / sd) as f32;
        match rng.random_range(0..100) {
            0 | 1 => *t += rng.random_range(-40.0..40.0),
            2..=4 => *t = f32::NAN,
            _ => {}
        }
    }
    disturbed
}

#[track_caller]
fn number(table: &Table, column: &str) -> f64 {
    numbers(table, column)[0].unwrap_or_else(|| panic!("{column} is empty"))
}

fn numbers(table: &Table, column: &str) -> Vec<Option<f64>> {
    table.column(column).unwrap_or_else(|| panic!("no column {column}")).iter().map(Value::as_f64).collect()
}

#[track_caller]
fn near(table: &Table, column: &str, expected: f64, tolerance: f64) {
    let found = number(table, column);
    assert!((found - expected).abs() <= tolerance, "{column}: {found}, expected {expected}");
}

#[test]
fn the_columns_of_the_contract_come_first_and_each_has_its_definition() {
    let tables = measure_waves(&[], &WaveSetting::default());
    let names = |table: &Table| table.columns().iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(", ");
    let waves = "wave_id, episode_id, name, start_frame, end_frame, start_s, end_s, duration_s, origin_y_px, origin_x_px, \
         origin_y_mm, origin_x_mm, end_y_mm, end_x_mm, speed_mm_min, speed_ci_low, speed_ci_high, path_length_mm, \
         net_displacement_mm, tortuosity, cover_area_mm2, max_area_mm2, peak_drr_pct, time_to_peak_s, direction_deg, side";
    assert!(names(&tables.waves).starts_with(waves), "{}", names(&tables.waves));
    let frames = "wave_id, frame, t_s, area_mm2, centroid_y_px, centroid_x_px, front_y_px, front_x_px, speed_mm_min, \
         speed_legacy_mm_min, n_components, filled";
    assert!(names(&tables.wave_frames).starts_with(frames), "{}", names(&tables.wave_frames));
    let legacy = "SignalClipsName, Labelindex, Brain_region, OrigalPoint_x, OrigalPoint_y, EndPoint_x, EndPoint_y, SignalAmp, \
         AverageSpeed, Distance, LastTime, CoverArea";
    assert_eq!(names(&tables.waves_legacy), legacy);
    assert_eq!(tables.waves.n_rows() + tables.wave_frames.n_rows() + tables.waves_legacy.n_rows(), 0);
    assert_eq!(wave_columns().count(), tables.waves.columns().len());
    assert!(wave_columns().chain(wave_frame_columns()).all(|d| !d.definition.is_empty()));
}

#[test]
fn an_expanding_disc() {
    let disc = Spread::default();
    let tables = disc.measure(&disc.arrival());
    let waves = &tables.waves;
    near(waves, "speed_mm_min", 3.0, 0.03);
    near(waves, "speed_theil_sen_mm_min", 3.0, 0.03);
    assert!(disc.origin_error_mm(waves) < 0.01, "{}", disc.origin_error_mm(waves));
    near(waves, "onset_s", ONSET_S, 0.1);
    near(waves, "start_s", 20.0, 0.0);
    // 2.49 mm at 3 mm/min take 49.8 s.
    near(waves, "end_s", 70.0, 0.0);
    near(waves, "duration_s", 50.0, 0.0);
    near(waves, "sampled_duration_s", 45.0, 0.0);
    near(waves, "cover_area_mm2", PI * 2.49 * 2.49, 0.02);
    near(waves, "max_area_mm2", PI * (2.49 * 2.49 - 2.25 * 2.25), 0.03);
    near(waves, "max_radius_mm", 2.5, 0.03);
    assert_eq!(waves.column("direction_deg").unwrap()[0], Value::Empty);
    assert_eq!(waves.column("touches_border").unwrap()[0], Value::Bool(false));
    for frame in &numbers(&tables.wave_frames, "speed_mm_min")[4..] {
        assert!((frame.unwrap() - 3.0).abs() < 0.05, "{frame:?}");
    }
    // A ring's centroid is its middle: it hardly moves, and the published speed with it.
    let centroids = numbers(&tables.wave_frames, "speed_legacy_mm_min");
    assert!(centroids.iter().flatten().all(|speed| *speed < 0.05), "{centroids:?}");
    for (area, k) in numbers(&tables.wave_frames, "area_mm2").iter().zip(0..9) {
        let expected = PI * 0.0625 * f64::from(2 * k + 1);
        assert!((area.unwrap() - expected).abs() < 0.03, "{area:?} {expected}");
    }
}

#[test]
fn sectors_of_every_width_with_noise_lost_pixels_and_outliers() {
    for (half_angle_deg, speed_mm_min) in [(30.0, 2.0), (45.0, 3.0), (65.0, 5.0), (90.0, 3.5)] {
        let sector = Spread { site: (150.0, 30.0), half_angle_deg, speed_mm_min, reach_mm: 4.5, ..Spread::default() };
        for (sd_s, correlation_px, tolerance) in [(0.0, 1, 0.01), (0.5, 1, 0.02), (2.0, 1, 0.02), (1.0, 8, 0.03)] {
            let arrival =
                if sd_s > 0.0 { disturbed(&sector.arrival(), sd_s, correlation_px, 7) } else { sector.arrival() };
            let waves = sector.measure(&arrival).waves;
            let case = format!("{half_angle_deg} {speed_mm_min} {sd_s} {correlation_px}");
            let bias = number(&waves, "speed_mm_min") / speed_mm_min - 1.0;
            assert!(bias.abs() < tolerance, "{case}: speed off by {bias}");
            let bias = number(&waves, "speed_theil_sen_mm_min") / speed_mm_min - 1.0;
            assert!(bias.abs() < 0.03, "{case}: Theil-Sen speed off by {bias}");
            let error_mm = sector.origin_error_mm(&waves);
            assert!(error_mm < 0.3, "{case}: origin off by {error_mm}");
            let (low, high) = (number(&waves, "speed_ci_low"), number(&waves, "speed_ci_high"));
            let speed = number(&waves, "speed_mm_min");
            assert!(low <= speed && speed <= high && high - low < 0.2 * speed, "{case}: {low} {speed} {high}");
            assert!(number(&waves, "origin_uncertainty_mm") < 0.3, "{case}");
            let turned = (number(&waves, "direction_deg") + 180.0).rem_euclid(360.0) - 180.0;
            assert!(turned.abs() < 3.0, "{case}: {turned}");
            let tortuosity = number(&waves, "tortuosity");
            assert!((1.0 - 1e-9..1.03).contains(&tortuosity), "{case}: {tortuosity}");
            let net_mm = number(&waves, "net_displacement_mm");
            assert!((net_mm - 4.5).abs() < 0.25, "{case}: {net_mm}");
        }
    }
}

#[test]
fn arrivals_that_are_drawn_together_do_not_make_a_wave_fast() {
    // Fluctuations that all of the tissue shares draw arrivals to their own rises, every 10 s; the front seems to run and
    // to rest in turn. More area is crossed while it runs.
    for (speed_mm_min, half_angle_deg) in [(3.0, 60.0), (4.0, 50.0), (5.0, 70.0)] {
        let sector = Spread { site: (150.0, 30.0), half_angle_deg, speed_mm_min, reach_mm: 4.5, ..Spread::default() };
        let drawn = sector.arrival().mapv(|t| t + 0.6 * (t * 0.2 * std::f32::consts::PI).sin());
        let waves = sector.measure(&drawn).waves;
        near(&waves, "speed_mm_min", speed_mm_min, 0.015 * speed_mm_min);
    }
}

#[test]
fn fronts_are_not_fast_for_being_curved() {
    // All of the wave is within a millimetre of its origin.
    for half_angle_deg in [60.0, 180.0] {
        let small = Spread { half_angle_deg, reach_mm: 1.0, ..Spread::default() };
        near(&small.measure(&small.arrival()).waves, "speed_mm_min", 3.0, 0.02);
        let map = local_speed_map(&Patch::of_image(&small.arrival()), Some(pixel_size(EDGE_MM, EDGE_MM)));
        assert!((map.at(150, 160).unwrap() - 3.0).abs() < 0.02, "{:?}", map.at(150, 160));
    }
}

#[test]
fn a_wave_that_gets_faster_has_the_median_of_its_speeds() {
    // From 2 mm/min at the left to 4 mm/min at the right, evenly: the median over the area is that of the middle.
    let width = 256.0;
    let arrival = Array2::from_shape_fn((120, 256), |(_, x)| {
        // T = L / (v1 - v0) ln(v(x) / v0), since dT/dx = 1 / v.
        (60.0 * width * EDGE_MM / 2.0 * (1.0 + x as f64 / width).ln()) as f32
    });
    let spread = Spread { dim: (120, 256), ..Spread::default() };
    near(&spread.measure(&arrival).waves, "speed_mm_min", 3.0, 0.03);
}

#[test]
fn a_crescent_at_the_edge_of_the_window() {
    // It starts outside the window, at the left; what is seen begins at its edge.
    let hidden = Spread { site: (150.0, -40.0), reach_mm: 5.0, half_angle_deg: 50.0, ..Spread::default() };
    let waves = hidden.measure(&hidden.arrival()).waves;
    near(&waves, "speed_mm_min", 3.0, 0.03);
    near(&waves, "origin_x_px", 0.0, 8.0);
    near(&waves, "origin_y_px", 150.0, 8.0);
    assert_eq!(waves.column("touches_border").unwrap()[0], Value::Bool(true));
    // In a window of its own the wave touches the border where the window ends.
    let crescent = Spread { site: (150.0, 60.0), half_angle_deg: 60.0, ..Spread::default() };
    let (arrival, steps) = (crescent.arrival(), intervals(60));
    let inside = Array2::from_shape_fn(crescent.dim, |(_, x)| x >= 60);
    let cortex = Cortex { inside, midline: None };
    let setting = WaveSetting { cortex: Some(&cortex), ..crescent.setting(&steps) };
    let tables = measure_waves(&[wave(&arrival, &steps)], &setting);
    assert_eq!(tables.waves.column("touches_border").unwrap()[0], Value::Bool(true));
    assert!(crescent.origin_error_mm(&tables.waves) < 0.05);
    // The front is on the mask, ahead of the centroid on the axis.
    let (front_x, centre_x) =
        (numbers(&tables.wave_frames, "front_x_px"), numbers(&tables.wave_frames, "centroid_x_px"));
    for (front, centre) in front_x.iter().zip(&centre_x).skip(2) {
        assert!(front.unwrap() > centre.unwrap() + 5.0, "{front:?} {centre:?}");
    }
    // 0.25 mm an interval.
    for pair in front_x[3..].windows(2) {
        assert!((pair[1].unwrap() - pair[0].unwrap() - 12.8).abs() < 4.0, "{front_x:?}");
    }
}

#[test]
fn plane_waves_in_four_directions() {
    let dim = (120, 160);
    for (direction_deg, dy, dx) in
        [(0.0, 0.0, 1.0), (90.0, -1.0, 0.0), (180.0, 0.0, -1.0), (225.0, 0.5f64.sqrt(), -(0.5f64.sqrt()))]
    {
        let arrival = Array2::from_shape_fn(dim, |(y, x)| {
            (100.0 + (y as f64 * dy + x as f64 * dx) * EDGE_MM * 60.0 / 4.0) as f32
        });
        let spread = Spread { dim, ..Spread::default() };
        let waves = spread.measure(&arrival).waves;
        near(&waves, "speed_mm_min", 4.0, 1e-3);
        near(&waves, "speed_theil_sen_mm_min", 4.0, 2.0);
        near(&waves, "direction_coherence", 1.0, 1e-6);
        near(&waves, "direction_deg", direction_deg, 1e-3 + if direction_deg == 0.0 { 360.0 } else { 0.0 });
    }
}

#[test]
fn oblong_pixels() {
    let disc = Spread { dim: (150, 300), edges_mm: (2.0 * EDGE_MM, EDGE_MM), site: (75.0, 140.0), ..Spread::default() };
    let waves = disc.measure(&disc.arrival()).waves;
    near(&waves, "speed_mm_min", 3.0, 0.03);
    near(&waves, "cover_area_mm2", PI * 2.49 * 2.49, 0.05);
    near(&waves, "max_radius_mm", 2.5, 0.04);
    near(&waves, "origin_y_mm", 75.0 * 2.0 * EDGE_MM, 0.01);
    assert!(disc.origin_error_mm(&waves) < 0.01);
}

#[test]
fn without_a_pixel_size_lengths_are_pixels() {
    let sector = Spread { half_angle_deg: 60.0, ..Spread::default() };
    let steps = intervals(60);
    let setting = WaveSetting { pixel_size: None, ..sector.setting(&steps) };
    let tables = measure_waves(&[wave(&sector.arrival(), &steps)], &setting);
    for definition in wave_columns().filter(|d| d.unit.starts_with("mm")) {
        assert_eq!(tables.waves.column(definition.name).unwrap()[0], Value::Empty, "{}", definition.name);
    }
    for definition in wave_frame_columns().filter(|d| d.unit.starts_with("mm") && !d.name.contains("screen")) {
        assert_eq!(tables.wave_frames.column(definition.name).unwrap()[3], Value::Empty, "{}", definition.name);
    }
    near(&tables.waves, "speed_px_s", 0.05 / EDGE_MM, 0.03);
    near(&tables.waves, "net_displacement_px", 2.5 / EDGE_MM, 3.0);
    near(&tables.waves, "max_radius_px", 2.5 / EDGE_MM, 2.0);
    assert!(sector.origin_error_mm(&tables.waves) < 0.03);
    assert!(number(&tables.waves, "cover_area_px") > 0.0);
    let map = local_speed_map(&Patch::of_image(&sector.arrival()), None);
    assert!((map.at(150, 240).unwrap() - 2.56).abs() < 0.03);
}

#[test]
fn measures_scale_with_the_calibration_and_do_not_depend_on_the_place() {
    let sector = Spread { half_angle_deg: 50.0, site: (100.0, 40.0), ..Spread::default() };
    let arrival = disturbed(&sector.arrival(), 1.0, 1, 3);
    let here = sector.measure(&arrival).waves;
    let mut moved = Array2::from_elem((340, 350), f32::NAN);
    moved.slice_mut(ndarray::s![40.., 50..]).assign(&arrival);
    let there = Spread { dim: (340, 350), ..sector }.measure(&moved).waves;
    for definition in wave_columns().filter(|d| !d.name.contains("origin_") && !d.name.starts_with("end_")) {
        assert_eq!(here.column(definition.name), there.column(definition.name), "{}", definition.name);
    }
    assert_eq!(number(&there, "origin_y_px"), number(&here, "origin_y_px") + 40.0);
    assert_eq!(number(&there, "origin_x_px"), number(&here, "origin_x_px") + 50.0);
    // The same map on pixels twice as large.
    let large = Spread { dim: (300, 300), edges_mm: (2.0 * EDGE_MM, 2.0 * EDGE_MM), ..Spread::default() };
    let doubled = large.measure(&arrival).waves;
    near(&doubled, "speed_mm_min", 6.0, 0.12);
    near(&doubled, "cover_area_mm2", 4.0 * number(&here, "cover_area_mm2"), 1e-9);
}

#[test]
fn two_waves_that_meet_are_measured_each_for_itself() {
    let left = Spread { site: (150.0, 60.0), reach_mm: 9.0, ..Spread::default() };
    let right = Spread { site: (150.0, 240.0), ..left };
    let (first, second) = (left.arrival(), right.arrival());
    let of_first = Array2::from_shape_fn(left.dim, |at| if first[at] <= second[at] { first[at] } else { f32::NAN });
    let of_second =
        Array2::from_shape_fn(left.dim, |at| if first[at] <= second[at] { f32::NAN } else { second[at] + 15.0 });
    let steps = intervals(60);
    let mut waves = [wave(&of_first, &steps), wave(&of_second, &steps)];
    waves[1].id = 2;
    let midline = Some(Midline { from: PointYx { y: 0.0, x: 150.0 }, to: PointYx { y: 299.0, x: 150.0 } });
    let cortex = Cortex { inside: Array2::from_elem(left.dim, true), midline };
    let tables = measure_waves(&waves, &WaveSetting { cortex: Some(&cortex), ..left.setting(&steps) });
    let text = |column: &str, row: usize| tables.waves.column(column).unwrap()[row].to_string();
    assert_eq!((text("side", 0), text("side", 1)), ("left".to_owned(), "right".to_owned()));
    assert_eq!((text("crosses_midline", 0), text("crosses_midline", 1)), ("false".to_owned(), "false".to_owned()));
    for speed in numbers(&tables.waves, "speed_mm_min") {
        assert!((speed.unwrap() - 3.0).abs() < 0.03, "{speed:?}");
    }
    let since = numbers(&tables.waves, "interval_since_previous_s");
    assert!(since[0].is_none() && (since[1].unwrap() - 15.0).abs() < 0.2, "{since:?}");
    assert_eq!(numbers(&tables.waves, "interval_same_side_s"), [None, None]);
}

#[test]
fn a_gap_counts_with_its_true_length() {
    let sector = Spread { half_angle_deg: 60.0, ..Spread::default() };
    // Interval 8 is lost; the next one begins 20 s later.
    let mut steps = intervals(60);
    steps.iter_mut().skip(9).for_each(|i| (i.start_s, i.end_s) = (i.start_s + 20.0, i.end_s + 20.0));
    steps[8].valid = false;
    let arrival = sector.arrival().mapv(|t| if t < 40.0 { t } else { t + 25.0 });
    let mut moving = wave(&arrival, &steps);
    moving.frames.retain(|f| f.frame != 8);
    let tables = measure_waves(&[moving], &sector.setting(&steps));
    let frames = numbers(&tables.wave_frames, "frame");
    let after = frames.iter().position(|f| *f == Some(9.0)).unwrap();
    let (times, y, x) = ("t_s", "centroid_y_px", "centroid_x_px");
    let at = |column: &str, row: usize| numbers(&tables.wave_frames, column)[row].unwrap();
    let step_mm = (at(y, after) - at(y, after - 1)).hypot(at(x, after) - at(x, after - 1)) * EDGE_MM;
    let seconds = at(times, after) - at(times, after - 1);
    assert_eq!(seconds, 30.0);
    assert!((at("speed_legacy_mm_min", after) - step_mm / seconds * 60.0).abs() < 1e-9);
    // Planes that reach across the gap see its jump in time; beyond half a window they do not.
    assert!((at("speed_mm_min", after + 3) - 3.0).abs() < 0.2);
    near(&tables.waves, "end_s", 95.0, 0.0);
    let visited = visited_time_map(&wave(&arrival, &steps), &steps);
    assert_eq!(visited.at(150, 141), Some(5.0));
}

#[test]
fn tiny_waves_and_waves_without_arrivals() {
    let steps = intervals(3);
    let mut arrival = Array2::from_elem((20, 20), f32::NAN);
    arrival[[7, 9]] = 6.0;
    let spread = Spread { dim: (20, 20), ..Spread::default() };
    let one = wave(&arrival, &steps);
    let tables = measure_waves(std::slice::from_ref(&one), &spread.setting(&steps));
    near(&tables.waves, "origin_y_px", 7.0, 0.0);
    near(&tables.waves, "origin_x_px", 9.0, 0.0);
    near(&tables.waves, "duration_s", 5.0, 0.0);
    near(&tables.waves, "cover_area_px", 1.0, 0.0);
    near(&tables.waves_legacy, "OrigalPoint_x", 10.0, 0.0);
    near(&tables.waves_legacy, "OrigalPoint_y", 8.0, 0.0);
    near(&tables.waves_legacy, "LastTime", 0.0, 0.0);
    for empty in ["speed_mm_min", "end_y_mm", "direction_deg", "tortuosity", "origin_uncertainty_mm", "peak_drr_pct"] {
        assert_eq!(tables.waves.column(empty).unwrap()[0], Value::Empty, "{empty}");
    }
    assert_eq!(numbers(&tables.waves_legacy, "AverageSpeed"), [None]);

    // Masks beyond the image and the intervals, no arrivals: nothing is invented and nothing fails.
    let nowhere = Patch { y0: 0, x0: 0, values: Array2::zeros((0, 0)) };
    let mut lost = Wave { arrival_s: nowhere.clone(), peak_drr: nowhere, ..one };
    lost.frames[0].frame = 99;
    lost.frames[0].mask = Mask::of_pixels([(500, 500)]).unwrap();
    let tables = measure_waves(&[lost.clone()], &spread.setting(&steps));
    assert_eq!(numbers(&tables.waves, "start_s"), [None]);
    assert_eq!(numbers(&tables.waves, "origin_y_px"), [None]);
    assert_eq!(numbers(&tables.wave_frames, "front_y_px"), [None]);
    near(&tables.waves, "cover_area_px", 0.0, 0.0);
    assert_eq!(visited_time_map(&lost, &steps).at(500, 500), Some(0.0));
    lost.frames.clear();
    assert_eq!(measure_waves(&[lost], &spread.setting(&steps)).waves.n_rows(), 1);
}

#[test]
fn amplitudes_of_a_triangle_and_an_undershoot() {
    let disc = Spread { dim: (100, 100), site: (50.0, 50.0), reach_mm: 0.8, ..Spread::default() };
    let steps = intervals(20);
    let mut rising = wave(&disc.arrival(), &steps);
    // 0 at -10 s, 3 % at 5 s, 0 at 25 s, -0.5 % from 30 s on.
    let corners = [(-20.0, 0.0), (-10.0, 0.0), (5.0, 0.03), (25.0, 0.0), (30.0, -0.005), (40.0, -0.005)];
    rising.waveform = Waveform { lag_s: corners.map(|c| c.0).to_vec(), drr: corners.map(|c| c.1).to_vec() };
    let waves = measure_waves(&[rising.clone()], &disc.setting(&steps)).waves;
    near(&waves, "peak_drr_pct", 3.0, 1e-12);
    near(&waves, "time_to_peak_s", 5.0, 0.0);
    near(&waves, "half_width_s", 17.5, 1e-12);
    near(&waves, "auc_pct_s", 3.0 * 35.0 / 2.0, 1e-9);
    near(&waves, "max_drr_pct", 3.0, 1e-12);
    near(&waves, "min_drr_pct", -0.5, 1e-12);
    near(&waves, "pixel_peak_max_pct", 3.0, 1e-6);
    // A wave that darkens the tissue is measured alike.
    rising.waveform.drr.iter_mut().for_each(|v| *v = -*v);
    let waves = measure_waves(&[rising], &disc.setting(&steps)).waves;
    near(&waves, "peak_drr_pct", -3.0, 1e-12);
    near(&waves, "half_width_s", 17.5, 1e-12);
    near(&waves, "auc_pct_s", -3.0 * 35.0 / 2.0, 1e-9);
}
