//! What holds for every figure and for the report.

#![allow(clippy::unwrap_used)]

use super::*;
use base64::Engine;
use ndarray::{Array2, Array3};
use sparkwave_core::axes::{PointYx, Voxel};
use sparkwave_core::event::Event;
use sparkwave_core::table::Value;
use sparkwave_core::units::Micrometers;

fn calibrated() -> Scale {
    Scale { pixel_size: PixelSize::square(Micrometers::new(0.16)), frame_interval: Some(Seconds::new(0.1)) }
}

/// Reproducible values in 0..1.
fn noise(seed: usize) -> f32 {
    let mixed = (seed as u64 ^ 0x9e37_79b9).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40) as f32 / (1u64 << 24) as f32
}

/// An event of one pixel that lasts two frames.
fn event(id: u32, t: u32, y: u32, x: u32) -> Event {
    let voxels = vec![Voxel { t, y, x }, Voxel { t: t + 1, y, x }];
    Event { id, region_id: 1, peak: voxels[0], voxels, dff: vec![1.0, 0.5], score: 3.0, burst: false }
}

/// Noise as wide as it is in these movies: the mean of 12 uniform numbers, 48 x 48 pixels, an event of 9 x 9 in 3 frames.
fn clip(n_frames: usize) -> Clip {
    let pixels = Array3::from_shape_fn((n_frames, 48, 48), |(t, y, x)| {
        let seed = 12 * ((t * 48 + y) * 48 + x);
        400.0 + 20.0 * (0..12).map(|i| noise(seed + i)).sum::<f32>()
    });
    let mask = Array3::from_shape_fn(pixels.dim(), |(t, y, x)| {
        (n_frames / 2..n_frames / 2 + 3).contains(&t) && y.abs_diff(24) < 5 && x.abs_diff(24) < 5
    });
    Clip {
        event_id: 12,
        first_frame: 100,
        top: 0,
        left: 0,
        pixels,
        mask,
        peak_frame: 100 + n_frames / 2,
        trace: (0..200).map(|i| noise(i) + if i == 100 + n_frames / 2 { 5.0 } else { 0.0 }).collect(),
        trace_first_frame: 0,
    }
}

fn table(n: u32) -> Table {
    let mut table = Table::new();
    let mut push = |name: &str, value: fn(u32) -> Value| table.push(name, (1..=n).map(value).collect());
    push("event_id", |id| Value::Int(i64::from(id)));
    push("t_peak_frame", |id| Value::Int(i64::from(10 * id)));
    push("t_peak_s", |_| Value::Empty);
    push("peak_dff", |id| Value::float(f64::from(id) * 0.3));
    push("area_px", |id| Value::Int(i64::from(id * id)));
    push("source", |_| Value::Text("</script><script>alert(1)</script>".to_owned()));
    table
}

/// Every figure of a recording, with or without events.
fn all(scale: Scale, n_events: u32) -> Vec<Figure> {
    let projection = Array2::from_shape_fn((40, 60), |(y, x)| noise(y * 60 + x));
    let kymograph = Array2::from_shape_fn((50, 60), |(t, x)| noise(t * 60 + x));
    let events: Vec<Event> = (1..=n_events).map(|id| event(id, 5 * id, 3 * id, 4 * id)).collect();
    let clips: Vec<Clip> = (0..n_events).map(|_| clip(20)).collect();
    let shifts: Vec<PointYx> = (0..50).map(|t| PointYx { y: f64::from(noise(t)), x: -1.0 }).collect();
    vec![
        max_projection(&projection, &events, &scale),
        super::kymograph(&kymograph, &events, &scale),
        filmstrips(&clips, &scale),
        distributions(&table(n_events)),
        drift(&shifts, &scale),
        precision_recall(&[(0.2, 0.9), (0.5, 0.8), (0.7, 0.4)], Some(0.5), "<title> & more"),
        side_by_side(&projection, &kymograph, ["simulated", "real"]),
    ]
}

fn decode(file: &[u8]) -> (png::OutputInfo, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info, pixels)
}

/// The value of the first attribute of this name.
fn attribute(svg: &str, name: &str) -> f64 {
    let start = svg.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
    svg[start..].split('"').next().unwrap().parse().unwrap()
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(all(calibrated(), 3), all(calibrated(), 3));
    assert_eq!(event_crop(&clip(20)), event_crop(&clip(20)));
}

#[test]
fn png_and_svg_show_the_same_page() {
    for figure in all(calibrated(), 3) {
        let (info, pixels) = decode(&figure.png);
        let size = [attribute(&figure.svg, "width"), attribute(&figure.svg, "height")];
        assert_eq!([info.width, info.height], size.map(|v| (2.0 * v).round() as u32), "{}", figure.name);
        assert!(pixels.iter().any(|&v| v < 64), "{} is blank", figure.name);
        assert!(!figure.caption.is_empty());
    }
}

#[test]
fn an_outline_lies_on_the_pixels_it_surrounds() {
    // 10 x 10 pixels on 616 units: a pixel is 61.6 wide, the image begins at (12, 12).
    let mut projection = Array2::zeros((10, 10));
    projection[[3, 5]] = 100.0;
    let figure = max_projection(&projection, &[event(1, 0, 3, 5)], &calibrated());
    assert!(figure.svg.contains("M320 196.8H381.6V258.4H320Z"), "{}", figure.svg);
    // The same place in the PNG, twice as large, is dark through the fill; one pixel further it is white.
    let (info, pixels) = decode(&figure.png);
    let at = |x: usize, y: usize| pixels[3 * (y * info.width as usize + x)];
    assert!(at(700, 455) < 80, "{}", at(700, 455));
    assert!(at(700 + 123, 455) > 240, "{}", at(823, 455));
}

#[test]
fn without_calibration_units_are_pixels_and_frames() {
    for figure in all(Scale::default(), 3) {
        assert!(!figure.svg.contains("µm") && !figure.svg.contains("(s)"), "{}", figure.name);
    }
    let [projection, kymograph, ..] = &all(Scale::default(), 3)[..] else { panic!("two figures at least") };
    assert!(projection.svg.contains(">x (px)<") && projection.svg.contains("Peak time (frames)"));
    assert!(kymograph.svg.contains(">x (px)<") && kymograph.svg.contains("Time (frames)"));
    let data = projection.data.as_ref().unwrap();
    assert!(data.column("t_peak_s").unwrap().iter().all(|v| *v == Value::Empty));
}

#[test]
fn a_recording_without_events_still_has_figures_that_say_so() {
    let figures = all(calibrated(), 0);
    for figure in &figures[..2] {
        assert!(figure.caption.contains("No events were found"), "{}", figure.caption);
        assert_eq!(figure.data.as_ref().unwrap().n_rows(), 0);
    }
    assert!(figures[2].svg.contains("No events to show") && figures[3].svg.contains("No measures to show"));
}

/// An SVG without the base64 text of its images, which may spell anything.
fn shapes(svg: &str) -> String {
    let mut pieces = svg.split(";base64,");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |all, piece| all + piece.split_once('"').map_or("", |(_, rest)| rest))
}

#[test]
fn degenerate_input_is_drawn_not_divided_by() {
    for dim in [(0, 0), (0, 5), (1, 1), (1, 5000), (5000, 1)] {
        let image = Array2::from_elem(dim, f32::NAN);
        let events = [event(1, 0, 0, 0)];
        for figure in [
            max_projection(&image, &events, &calibrated()),
            super::kymograph(&image, &events, &Scale::default()),
            side_by_side(&image, &image, ["", ""]),
        ] {
            assert!(
                !shapes(&figure.svg).contains("NaN") && !shapes(&figure.svg).contains("inf\""),
                "{} {dim:?}",
                figure.name
            );
        }
    }
    let mut unknown = clip(20);
    unknown.trace.fill(f32::NAN);
    unknown.mask.fill(false);
    let mut nothing = clip(20);
    nothing.pixels = Array3::zeros((0, 0, 0));
    nothing.mask = Array3::from_elem((0, 0, 0), false);
    nothing.trace.clear();
    let figure = filmstrips(&[unknown, nothing.clone()], &Scale::default());
    assert!(!shapes(&figure.svg).contains("NaN"));
    assert!(!event_crop(&nothing).is_empty());
    for curve in [&[][..], &[(0.5, 0.5)], &[(f64::NAN, 1.0)], &[(0.0, 0.0)]] {
        assert!(!precision_recall(curve, None, "").svg.contains("NaN"));
    }
    let shifts = [PointYx { y: f64::NAN, x: 0.0 }];
    assert!(!drift(&shifts, &calibrated()).svg.contains("NaN") && !drift(&[], &Scale::default()).svg.contains("NaN"));
}

#[test]
fn a_crop_of_noise_is_small_and_marks_event_and_peak() {
    let crop = event_crop(&clip(20));
    assert!(crop.len() <= 8192, "{} bytes", crop.len());
    let mut decoder = png::Decoder::new(std::io::Cursor::new(&crop[..]));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (8 * 48 + 7 * 2, 50));
    let count = |color: [u8; 3]| pixels.chunks_exact(3).filter(|&p| *p == color).count();
    assert_eq!(count(palette::VERMILLION), 3 * 4 * 9, "a rim of 4 x 9 pixels around 9 x 9 in three frames");
    assert_eq!(count(palette::BLUE), 2 * 48, "two rows below one frame");
}

#[test]
fn a_strip_holds_the_peak_and_stays_in_the_clip() {
    for n_frames in 1..40 {
        for peak in 0..n_frames {
            for duration in [0, 1, 5, 30] {
                let mut clip = clip(n_frames);
                clip.peak_frame = 100 + peak;
                clip.mask = Array3::from_shape_fn((n_frames, 1, 1), |(t, _, _)| (peak..peak + duration).contains(&t));
                let frames = crop::strip_frames(&clip);
                assert!(
                    frames.contains(&peak) && frames.len() <= crop::N_FRAMES,
                    "{n_frames} {peak} {duration}: {frames:?}"
                );
                assert!(frames.iter().all(|&t| t < n_frames) && frames.windows(2).all(|w| w[0] < w[1]), "{frames:?}");
            }
        }
    }
}

fn report_of(n_events: u32, figures: &[Figure]) -> String {
    let table = table(n_events);
    let mut report = Report::new("<script>alert('title')</script>", &table);
    let warnings = ["<img src=x onerror=alert(1)>".to_owned()];
    report.warnings = &warnings;
    report.facts = vec![("<b>input".to_owned(), "\"movie\" & <i>".to_owned())];
    report.version = "sparkwave <0>".to_owned();
    report.stages = vec![("detect <all>".to_owned(), 1.0)];
    report.figures = figures;
    report.scores = Some(&table);
    report.crops = (1..=n_events).map(|id| (id, event_crop(&clip(20)))).collect();
    report.traces = (1..=n_events).map(|_| Trace::from(&clip(20))).collect();
    report_html(&report)
}

/// The page's data, as its script sees them.
fn data_of(page: &str) -> serde_json::Value {
    let start = page.find("id=\"data\">").unwrap() + "id=\"data\">".len();
    serde_json::from_str(page[start..].split("</script>").next().unwrap()).unwrap()
}

#[test]
fn the_report_loads_nothing() {
    let page = report_of(3, &all(calibrated(), 3)).replace("http://www.w3.org/2000/svg", "");
    for forbidden in ["http:", "https:", "@import", "url(", "src=\"/", "<link", "<iframe", "fetch("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_report_keeps_text_as_text() {
    let page = report_of(3, &all(calibrated(), 3));
    // One element of data, one script; all else that looks like one came from the input.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    for hostile in ["<img src=x", "<b>input", "<i>", "sparkwave <0>", "detect <all>", "<title> &"] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    let source = &data_of(&page)["columns"][5]["values"][0];
    assert_eq!(source, "</script><script>alert(1)</script>");
}

#[test]
fn every_crop_of_the_report_is_a_png_of_an_event_in_the_table() {
    let data = data_of(&report_of(3, &[]));
    let ids: Vec<String> = data["columns"][0]["values"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let crops = data["crops"].as_object().unwrap();
    assert_eq!(crops.len(), 3);
    for (id, crop) in crops {
        assert!(ids.contains(id), "{id}");
        let file = base64::engine::general_purpose::STANDARD.decode(crop.as_str().unwrap()).unwrap();
        assert_eq!(decode(&file).0.height, 50);
    }
    assert_eq!(data["traces"]["12"]["start"], 110);
    assert_eq!(data["frame_interval_s"], serde_json::Value::Null);
}

#[test]
fn a_report_without_events_says_so() {
    let page = report_of(0, &all(Scale::default(), 0));
    assert!(page.contains("<strong>0</strong> <span>events</span>"));
    assert!(page.contains("rate unknown") && !page.contains("median amplitude"));
    assert_eq!(page, report_of(0, &all(Scale::default(), 0)));
}

#[test]
fn unknown_columns_are_not_shown_at_first() {
    let data = data_of(&report_of(3, &[]));
    let shown: Vec<&str> = data["columns"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|column| column["shown"] == true)
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(shown, ["event_id", "t_peak_frame", "peak_dff", "area_px"]);
}

#[test]
fn a_figure_too_large_for_the_page_enters_it_as_png() {
    let mut figure = all(calibrated(), 1).swap_remove(0);
    figure.svg = format!("<svg>{}</svg>", " ".repeat(3_000_000));
    let page = report_of(1, &[figure]);
    assert!(page.len() < 1_000_000 && page.contains("src=\"data:image/png;base64,"));
}
