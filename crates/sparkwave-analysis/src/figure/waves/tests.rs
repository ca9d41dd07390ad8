//! What holds for every picture of waves.

#![allow(clippy::unwrap_used)]

use super::maps::Isochrone;
use super::*;
use crate::figure::{EpisodeSection, Figure, WavesReport, waves_report_html};
use crate::measure::waves::{WaveSetting, measure_waves, visited_time_map};
use ndarray::{Array3, ArrayView2};
use sparkwave_core::mask::{Mask, Patch};
use sparkwave_core::table::{Table, Value};
use sparkwave_core::units::Micrometers;
use sparkwave_core::wave::{Episode, Midline, WaveFrame, Waveform};

const HEIGHT: usize = 60;
const WIDTH: usize = 81;
const N_INTERVALS: usize = 30;
/// 20 um a pixel and 1 px a second: 1.2 mm/min.
const ONSET_S: f64 = 20.5;

/// A plane front that runs from the left edge to the right, one column a second, seen every 5 s.
struct Scene {
    anatomy: Array2<f32>,
    cortex: Cortex,
    intervals: Vec<Interval>,
    wave: Wave,
    episode: Episode,
}

impl Scene {
    fn new() -> Self {
        let intervals: Vec<Interval> = (0..N_INTERVALS)
            .map(|i| Interval { start_s: 5.0 * i as f64 + 0.5, end_s: 5.0 * i as f64 + 5.5, valid: i != 2 })
            .collect();
        let arrival = Array2::from_shape_fn((HEIGHT, WIDTH), |(_, x)| (ONSET_S + x as f64) as f32);
        let frames: Vec<WaveFrame> = (4..20)
            .map(|frame| {
                let first = 5 * (frame - 4);
                let pixels = (0..HEIGHT).flat_map(|y| (first..(first + 5).min(WIDTH)).map(move |x| (y, x)));
                WaveFrame { frame, mask: Mask::of_pixels(pixels).unwrap(), filled: frame == 9 }
            })
            .collect();
        let wave = Wave {
            id: 3,
            episode_id: 2,
            name: "2-1".to_owned(),
            frames,
            peak_drr: Patch::of_image(&arrival.mapv(|_| 0.03)),
            arrival_s: Patch::of_image(&arrival),
            waveform: Waveform { lag_s: vec![-5.0, 0.0, 5.0, 10.0, 15.0], drr: vec![0.0, 0.01, 0.03, 0.01, 0.0] },
        };
        let episode = Episode {
            id: 2,
            start_frame: 4,
            end_frame: 20,
            start_s: ONSET_S,
            end_s: 100.5,
            start_uncertainty_s: 1.0,
            n_waves: 1,
            quality: 0.9,
            level: 1,
            reasons: vec!["clear".to_owned()],
        };
        let midline = Midline { from: PointYx { y: 0.0, x: 40.0 }, to: PointYx { y: 59.0, x: 40.0 } };
        Self {
            anatomy: Array2::from_shape_fn((HEIGHT, WIDTH), |(y, x)| (100 + (7 * y + 13 * x) % 50) as f32),
            cortex: Cortex { inside: Array2::from_elem((HEIGHT, WIDTH), true), midline: Some(midline) },
            intervals,
            wave,
            episode,
        }
    }

    fn field(&self, is_calibrated: bool) -> Field<'_> {
        let pixel_size = if is_calibrated { PixelSize::square(Micrometers::new(20.0)) } else { None };
        Field { anatomy: &self.anatomy, cortex: &self.cortex, pixel_size }
    }

    fn track(&self) -> WaveTrack<'_> {
        let point = |frame: &WaveFrame| {
            let x = frame.mask.x0() as f64;
            TrackPoint {
                frame: frame.frame,
                t_s: self.intervals[frame.frame].end_s,
                n_pixels: frame.mask.n_pixels(),
                centroid: Some(PointYx { y: 29.5, x: x + 2.0 }),
                front: Some(PointYx { y: 29.5, x: x + 4.0 }),
                speed: Some(1.2),
                filled: frame.filled,
            }
        };
        let points = self.wave.frames.iter().map(point).collect();
        WaveTrack { wave: &self.wave, onset_s: ONSET_S, origin: Some(PointYx { y: 29.5, x: 0.0 }), points }
    }

    fn timeline<'a>(&'a self, evidence: &'a [f64], motion: &'a [(f64, PointYx)]) -> Timeline<'a> {
        let episodes = std::slice::from_ref(&self.episode);
        let pixel_size = self.field(true).pixel_size;
        Timeline { intervals: &self.intervals, evidence, evidence_title: "Rate (%)", episodes, motion, pixel_size }
    }

    fn figures(&self, is_calibrated: bool) -> Vec<Figure> {
        let (field, track) = (self.field(is_calibrated), self.track());
        let maps: Vec<(usize, Array2<f32>)> =
            strip_intervals(&self.episode).into_iter().map(|i| (i, rate(i))).collect();
        let evidence: Vec<f64> = (0..N_INTERVALS).map(|i| (i % 7) as f64).collect();
        let motion: Vec<(f64, PointYx)> = (0..150).map(|t| (f64::from(t), PointYx { y: 0.3, x: -0.1 })).collect();
        let mut recording = self.timeline(&evidence, &motion);
        recording.pixel_size = field.pixel_size;
        let tracks = std::slice::from_ref(&track);
        vec![
            cortex_window(&field),
            timeline(&recording),
            motion_trace(&recording),
            isochrones(&field, &track),
            speed_map(&field, &track, &track.wave.peak_drr),
            visited_time(&field, &track, &visited_time_map(&self.wave, &self.intervals)),
            wave_course(&field, &track),
            waveform(track.wave),
            rate_strip(&field, &self.episode, &maps, tracks, &self.intervals, (0.02, ColorMap::Diverging)),
        ]
    }
}

/// A rate map: the band of the wave rises by 1.5 %, everything else falls a little.
fn rate(interval: usize) -> Array2<f32> {
    Array2::from_shape_fn((HEIGHT, WIDTH), |(_, x)| if interval >= 4 && x / 5 == interval - 4 { 0.015 } else { -0.001 })
}

fn tracking<'a>(scene: &'a Scene, tracks: &'a [WaveTrack<'a>], look: Look, is_calibrated: bool) -> TrackingVideo<'a> {
    TrackingVideo::new(setting(scene, tracks, look, is_calibrated))
}

fn setting<'a>(scene: &'a Scene, tracks: &'a [WaveTrack<'a>], look: Look, is_calibrated: bool) -> TrackingScene<'a> {
    TrackingScene {
        field: scene.field(is_calibrated),
        intervals: &scene.intervals,
        episode: &scene.episode,
        waves: tracks,
        started_s: Some(86_390.0),
        limit: 0.02,
        map: ColorMap::Diverging,
        look,
        image_px: 301,
    }
}

/// True if a pixel has nearly this colour: thin lines are softened at their edges.
fn has(frame: &Array3<u8>, color: [u8; 3]) -> bool {
    let is_near = |(&a, b): (&u8, u8)| a.abs_diff(b) < 60;
    frame.lanes(ndarray::Axis(2)).into_iter().any(|pixel| pixel.iter().zip(color).all(is_near))
}

#[test]
fn the_same_input_gives_the_same_bytes_at_any_thread_count() {
    let scene = Scene::new();
    assert_eq!(scene.figures(true), scene.figures(true));
    let tracks = [scene.track()];
    for look in [Look::Current, Look::Legacy] {
        let frame = || tracking(&scene, &tracks, look, true).frame(9, &rate(9).view());
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(frame);
        let four = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap().install(frame);
        assert_eq!(alone, four, "{look:?}");
    }
}

#[test]
fn frames_have_even_sides_whatever_the_recording() {
    for dim in [(1, 1), (33, 7), (7, 33), (60, 81)] {
        let anatomy = Array2::zeros(dim);
        let cortex = Cortex { inside: Array2::from_elem(dim, true), midline: None };
        for (look, image_px) in [(Look::Current, 65), (Look::Current, 333), (Look::Legacy, 0), (Look::Legacy, 513)] {
            let scene = Scene::new();
            let tracks = [scene.track()];
            let field = Field { anatomy: &anatomy, cortex: &cortex, pixel_size: None };
            let video = TrackingVideo::new(TrackingScene { field, image_px, ..setting(&scene, &tracks, look, true) });
            let (height, width) = video.size();
            assert!(height % 2 == 0 && width % 2 == 0 && height > 0 && width > 0, "{dim:?} {look:?}");
            assert_eq!(video.frame(5, &Array2::zeros(dim).view()).dim(), (height, width, 3));
        }
    }
}

#[test]
fn a_frame_shows_rise_mask_and_front_at_their_places() {
    let scene = Scene::new();
    let tracks = [scene.track()];
    let video = tracking(&scene, &tracks, Look::Current, true);
    let frame = video.frame(10, &rate(10).view());
    assert_eq!(video.intervals(), 4..20);
    let layout = video.layout;
    let at = |y: f64, x: f64| {
        let row = layout.top_px + ((y + 0.5) * layout.height_px as f64 / HEIGHT as f64) as usize;
        let column = layout.left_px + ((x + 0.5) * layout.width_px as f64 / WIDTH as f64) as usize;
        [0, 1, 2].map(|c| i32::from(frame[[row, column, c]]))
    };
    // The band of interval 10 covers columns 30 to 34; the front is at the end of the interval, 55.5 s, column 35.
    let band = at(10.0, 32.0);
    assert!(band[0] > band[2] + 60, "red in the band: {band:?}");
    let [r, g, b] = at(10.0, 35.0);
    let [wr, wg, wb] = crate::figure::palette::wave_color(3).map(i32::from);
    assert!((r - wr).abs() + (g - wg).abs() + (b - wb).abs() < 30, "the front has the wave's colour: {r} {g} {b}");
    let far = at(10.0, 75.0);
    assert!((far[0] - far[2]).abs() < 60, "anatomy elsewhere: {far:?}");
}

#[test]
fn the_published_look_has_its_colors_and_no_page() {
    let scene = Scene::new();
    let tracks = [scene.track()];
    let video = tracking(&scene, &tracks, Look::Legacy, true);
    assert_eq!(video.size(), (222, 302), "the picture alone, 81 to 60");
    let frame = video.frame(12, &rate(12).view());
    for color in [[255, 0, 0], [0, 255, 0], [255, 255, 0], [255, 255, 255]] {
        assert!(has(&frame, color), "{color:?}");
    }
    let first = video.frame(4, &rate(4).view());
    assert!(!has(&first, [0, 255, 0]) && !has(&first, [255, 255, 0]), "no way in the first frame");
}

#[test]
fn unknown_maps_and_intervals_are_drawn_without_colors() {
    let scene = Scene::new();
    let tracks = [scene.track()];
    for look in [Look::Current, Look::Legacy] {
        let video = tracking(&scene, &tracks, look, false);
        let nothing = Array2::from_elem((HEIGHT, WIDTH), f32::NAN);
        let small: ArrayView2<'_, f32> = nothing.slice(ndarray::s![..3, ..3]);
        assert_eq!(video.frame(7, &nothing.view()), video.frame(7, &small));
        assert_eq!(video.frame(9999, &nothing.view()).dim().2, 3);
        let blank = Array2::zeros((0, 0));
        let cortex = Cortex { inside: Array2::from_elem((0, 0), false), midline: None };
        let field = Field { anatomy: &blank, cortex: &cortex, pixel_size: None };
        let none: [WaveTrack<'_>; 0] = [];
        let video = TrackingVideo::new(TrackingScene { field, ..setting(&scene, &none, look, false) });
        assert_eq!(video.frame(7, &blank.view()).dim().2, 3);
    }
}

#[test]
fn isochrones_lie_where_the_front_was() {
    let scene = Scene::new();
    let lines = maps::isochrone_lines(&scene.track(), 20.0);
    assert_eq!(lines.iter().map(|i| i.lag_s).collect::<Vec<f64>>(), [20.0, 40.0, 60.0]);
    for Isochrone { lag_s: lag, lines } in &lines {
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().all(|(x, _)| (x - lag).abs() < 1e-3), "{lag} s: {:?}", lines[0]);
    }
    let figure = isochrones(&scene.field(true), &scene.track());
    let data = figure.data.unwrap();
    // After 10 s the columns 0 to 10 are reached, 60 pixels each of 0.0004 mm2.
    assert_eq!(data.column("t_s").unwrap()[0], Value::Float(10.0));
    assert_eq!(data.column("area_px").unwrap()[0], Value::Int(660));
    assert!((data.column("area_mm2").unwrap()[0].as_f64().unwrap() - 0.264).abs() < 1e-9);
    assert!(figure.svg.contains(">10 s</text>") && figure.svg.contains("Arrival after onset (s)"));
}

/// What is written in a figure.
fn texts(figure: &Figure) -> String {
    let texts = figure.svg.split("</text>").filter_map(|piece| piece.rsplit('>').next());
    texts.collect::<Vec<&str>>().join(" ")
}

#[test]
fn figures_have_ink_captions_and_units() {
    let scene = Scene::new();
    for figure in scene.figures(true) {
        assert!(!figure.caption.is_empty() && !figure.png.is_empty(), "{}", figure.name);
        let in_px = ["motion", "timeline"].contains(&figure.name.as_str());
        assert_eq!(texts(&figure).contains("px"), in_px, "{}", figure.name);
    }
    let all: String = scene.figures(true).into_iter().map(|f| texts(&f) + &f.caption).collect();
    for text in
        ["mm/min", "Area (mm²)", "Front from origin (mm)", "ΔR/R (%)", "Reflectance change per 5 s (%)", "200 µm"]
    {
        assert!(all.contains(text), "{text}");
    }
    assert!(all.contains("Peak 3 % at 5 s (dot); width at half of the peak 7.5 s"), "half of 3 % at 1.25 s and 8.75 s");
}

#[test]
fn without_calibration_units_are_pixels() {
    let scene = Scene::new();
    for figure in scene.figures(false) {
        assert!(!texts(&figure).contains("mm") && !texts(&figure).contains("µm"), "{}", figure.name);
    }
    let all: String = scene.figures(false).into_iter().map(|f| f.svg).collect();
    for text in ["px/s", "Area (px²)", "Front from origin (px)", ">20 px</text>"] {
        assert!(all.contains(text), "{text}");
    }
    let data = wave_course(&scene.field(false), &scene.track()).data.unwrap();
    assert!(data.column("area_mm2").unwrap().iter().all(|v| *v == Value::Empty));
    assert!(data.column("front_distance_px").unwrap().iter().all(|v| *v != Value::Empty));
}

#[test]
fn what_is_empty_is_drawn_and_says_so() {
    let scene = Scene::new();
    let blank = Array2::zeros((0, 0));
    let cortex = Cortex { inside: Array2::from_elem((0, 0), false), midline: None };
    let field = Field { anatomy: &blank, cortex: &cortex, pixel_size: None };
    let mut wave = scene.wave.clone();
    wave.arrival_s = Patch::of_image(&blank);
    wave.frames.clear();
    wave.waveform = Waveform::default();
    let track = WaveTrack { wave: &wave, onset_s: 0.0, origin: None, points: Vec::new() };
    let nothing = Timeline { intervals: &[], evidence: &[], episodes: &[], motion: &[], ..scene.timeline(&[], &[]) };
    let figures = [
        cortex_window(&field),
        timeline(&nothing),
        motion_trace(&nothing),
        isochrones(&field, &track),
        speed_map(&field, &track, &wave.arrival_s),
        visited_time(&field, &track, &wave.arrival_s),
        wave_course(&field, &track),
        waveform(&wave),
        rate_strip(&field, &scene.episode, &[], &[], &[], (0.0, ColorMap::Jet)),
    ];
    for figure in &figures {
        assert!(!figure.svg.contains("NaN") && !figure.svg.contains("inf\""), "{}", figure.name);
    }
    assert_eq!(figures[0].caption, "Mean image. No window was found. Scale bar: 1 px. The pixel size is unknown.");
    assert!(figures[1].caption.contains("No episodes were found"));
    assert!(figures[8].svg.contains("No maps to show"));
}

#[test]
fn a_strip_holds_both_ends_of_its_episode() {
    let mut episode = Scene::new().episode;
    for n in 0..40 {
        episode.end_frame = episode.start_frame + n;
        let shown = strip_intervals(&episode);
        assert_eq!(shown.len(), n.min(8));
        assert!(shown.windows(2).all(|w| w[0] < w[1]));
        assert!(n == 0 || (shown[0] == 4 && (n == 1 || shown.last() == Some(&(3 + n)))), "{n}: {shown:?}");
    }
}

#[test]
fn the_report_is_complete_loads_nothing_and_keeps_text_as_text() {
    let scene = Scene::new();
    let figures = scene.figures(true);
    let mut episodes = Table::new();
    episodes.push("episode_id", vec![Value::Int(2)]);
    let mut waves = Table::new();
    waves.push("name", vec![Value::Text("<b>2-1".to_owned())]);
    waves.push("speed_mm_min", vec![Value::float(1.234_567)]);
    let mut report = WavesReport::new("<script>alert(1)</script>", &episodes, &waves);
    let warnings = ["<img src=x>".to_owned()];
    report.warnings = &warnings;
    report.rejected = Some(&waves);
    report.observed_s = Some(7200.0);
    report.figures = &figures[..3];
    let video = Some("\"><script>.mp4".to_owned());
    report.sections = vec![EpisodeSection { id: 2, notes: vec!["<i>".to_owned()], video, figures: &figures[3..] }];
    let page = waves_report_html(&report);
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    for hostile in ["<img src=x", "<b>2", "<i>"] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    let without_names = page.replace("http://www.w3.org/2000/svg", "");
    for forbidden in ["http:", "https:", "@import", "url(", "<link", "<iframe", "fetch("] {
        assert!(!without_names.contains(forbidden), "{forbidden}");
    }
    for part in [
        "<strong>0.5</strong> <span>episodes per hour observed",
        "<strong>1.23 mm/min</strong>",
        "<a href=\"#episode-2\">2</a>",
        "href=\"./%22%3E%3Cscript%3E.mp4\"",
        "data-value=\"1.234567\">1.235<",
        "Rejected candidates",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let (none, nothing) = (Table::new(), Table::new());
    let empty = waves_report_html(&WavesReport::new("empty", &none, &nothing));
    assert!(empty.contains("No episodes were found.") && empty.contains("<strong>0</strong> <span>waves"));
}

#[test]
fn a_track_takes_its_numbers_from_the_tables() {
    let scene = Scene::new();
    let setting = WaveSetting {
        height: HEIGHT,
        width: WIDTH,
        intervals: &scene.intervals,
        pixel_size: scene.field(true).pixel_size,
        cortex: Some(&scene.cortex),
        frame_names: &[],
    };
    let tables = measure_waves(std::slice::from_ref(&scene.wave), &setting);
    let track = WaveTrack::of_tables(&scene.wave, &tables.waves, &tables.wave_frames, true);
    let expected = scene.track();
    assert_eq!(track.points.len(), expected.points.len());
    for (point, expected) in track.points.iter().zip(&expected.points) {
        assert_eq!(
            (point.frame, point.t_s, point.n_pixels, point.centroid, point.filled),
            (expected.frame, expected.t_s, expected.n_pixels, expected.centroid, expected.filled)
        );
    }
    let in_px = WaveTrack::of_tables(&scene.wave, &tables.waves, &tables.wave_frames, false);
    let pairs = track.points.iter().zip(&in_px.points).filter_map(|(mm, px)| Some((mm.speed?, px.speed?)));
    assert!(pairs.clone().count() > 5 && pairs.clone().all(|(mm, px)| (mm / px - 1.2).abs() < 1e-9));
    let nothing = WaveTrack::of_tables(&scene.wave, &Table::new(), &Table::new(), true);
    assert_eq!((nothing.onset_s, nothing.origin, nothing.points.len()), (ONSET_S, None, 0));
}

#[test]
fn the_clock_passes_midnight() {
    assert_eq!(tracking::clock(Some(86_390.0), 15.2), "00:00:05");
    assert_eq!(tracking::clock(None, 1876.4), "1876 s");
}
