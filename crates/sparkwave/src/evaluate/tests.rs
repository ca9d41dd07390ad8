use super::agreement::{AgreementRequest, Drawing};
use super::segmentation::{SegmentationRequest, Unit};
use super::tracking::TrackingRequest;
use super::*;
use ndarray::Array3;
use sparkwave_analysis::evaluate::segmentation::BothEmpty;
use sparkwave_analysis::evaluate::tracking::Frames;
use sparkwave_core::progress::Silent;
use sparkwave_core::recording::{FrameTimes, PixelSize, Recording, Sourced};
use sparkwave_core::units::{Micrometers, Seconds};
use std::path::PathBuf;

/// A square of label `id` and side 8 that goes down a row a frame, in six frames of which the last two are empty; `right` is
/// its first column.
fn movie(at: &Path, id: u32, right: usize) -> PathBuf {
    let labels = Array3::from_shape_fn((6, 40, 40), |(t, y, x)| {
        if t < 4 && (10 + t..18 + t).contains(&y) && (right..right + 8).contains(&x) { id } else { 0 }
    });
    let recording = Recording {
        pixel_size: PixelSize::square(Micrometers::new(20.0)).map(|size| Sourced::new(size, "test")),
        frame_times: Some(Sourced::new(FrameTimes::Regular { interval: Seconds::new(5.0) }, "test")),
        ..Recording::default()
    };
    sparkwave_io::labels::write(at, labels.view(), &recording, &sparkwave_io::WriteOptions::default()).expect("room");
    at.to_path_buf()
}

fn segmentation_request(truth: PathBuf, pred: PathBuf) -> SegmentationRequest {
    SegmentationRequest {
        truth,
        pred,
        groups: None,
        tolerance_um: None,
        tolerance_px: None,
        pixel_size_um: None,
        both_empty: BothEmpty::LeftOut,
        seed: 0,
    }
}

#[test]
fn masks_are_scored_by_level_and_episode() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let (truth, pred) = (movie(&at("truth.tif"), 1, 10), movie(&at("pred.tif"), 7, 12));
    std::fs::write(at("groups.csv"), "episode_id,start_frame,end_frame,level\n1,0,2,strong\n2,2,6,weak\n")
        .expect("room");
    let request =
        SegmentationRequest { groups: Some(at("groups.csv")), ..segmentation_request(truth.clone(), pred.clone()) };
    let report = segmentation::segmentation(&request, &Silent).expect("scored");
    assert_eq!((report.unit, report.tolerance, report.drawn_over), ("um", 40.0, Unit::Episode));
    let all = &report.parts[0].frames;
    assert_eq!((all.n, all.n_both_empty, all.dice.map(|d| d.value)), (6, 2, Some(0.75)));
    assert_eq!(all.boundary_f.map(|f| f.value), Some(1.0), "two columns are 40 um");
    let names: Vec<&str> = report.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["", "strong", "weak"]);
    assert_eq!((report.panoptic.tp, report.panoptic.sq(), report.objects.n), (1, Some(0.6), 1));
    let strict = SegmentationRequest { tolerance_um: Some(10.0), ..segmentation_request(truth.clone(), pred.clone()) };
    let f = segmentation::segmentation(&strict, &Silent).expect("scored").parts[0].frames.boundary_f;
    assert!(f.is_some_and(|f| f.value < 0.7), "{f:?}");
    report.write(&request, &at("out"), Existing::Refuse).expect("room");
    for name in ["scores.csv", "panoptic.csv", "frames.csv", "objects.csv", "figures/segmentation_dice.svg"] {
        assert!(at("out").join(name).is_file(), "{name}");
    }
    let negative = SegmentationRequest { tolerance_um: Some(-1.0), ..segmentation_request(truth.clone(), pred) };
    assert!(segmentation::segmentation(&negative, &Silent).expect_err("negative").is_bad_parameter());
    std::fs::write(at("bad.csv"), "level\n").expect("room");
    let other = segmentation_request(truth, at("bad.csv"));
    assert!(segmentation::segmentation(&other, &Silent).is_err(), "no movie");
}

#[test]
fn experts_and_a_model_are_compared() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let drawing = |observer: &str, name: &str, right: usize| Drawing {
        observer: observer.to_owned(),
        path: movie(&at(name), 1, right),
    };
    let request = AgreementRequest {
        experts: vec![drawing("ann", "ann1.tif", 10), drawing("ann", "ann2.tif", 11), drawing("ben", "ben.tif", 12)],
        models: vec![drawing("net", "net.tif", 16)],
        mask: None,
        groups: None,
        seed: 0,
    };
    let report = agreement::agreement(&request, &Silent).expect("compared");
    let kinds: Vec<&str> = report.ratings.iter().map(|r| r.kind.name()).collect();
    assert_eq!(kinds, ["intra-expert", "inter-expert", "model", "inter-expert", "model", "model"]);
    assert_eq!(report.ratings[0].dice.map(|d| d.value), Some(0.875));
    assert!(report.standings[0].sentence().contains("below what experts reach"), "{}", report.standings[0].sentence());
    report.write(&request, &at("out"), Existing::Refuse).expect("room");
    for name in
        ["agreement.csv", "frames.csv", "models.csv", "figures/agreement_dice.png", "figures/agreement_kappa.csv"]
    {
        assert!(at("out").join(name).is_file(), "{name}");
    }
    let alone = AgreementRequest { experts: request.experts[..1].to_vec(), models: Vec::new(), ..request };
    assert!(agreement::agreement(&alone, &Silent).expect_err("nobody else").is_bad_parameter());
}

#[test]
fn tracks_are_scored_with_what_users_conclude() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    for name in ["truth", "pred"] {
        std::fs::create_dir(at(name)).expect("room");
    }
    movie(&at("truth/masks.tif"), 1, 10);
    movie(&at("pred/masks.tif"), 3, 10);
    let request = TrackingRequest {
        truth: at("truth"),
        pred: at("pred"),
        truth_waves: None,
        pred_waves: None,
        same_labels: false,
        frames: Frames::Alive,
        pixel_size_um: None,
        frame_interval_s: None,
        seed: 0,
    };
    let report = tracking::tracking(&request, &Silent).expect("scored");
    assert_eq!((report.tracks[0].found, report.j_and_f.map(|v| v.value), report.n_unmatched), (Some(3), Some(1.0), 0));
    let named = |report: &tracking::TrackingReport, name: &str| {
        report.quantities.iter().find(|q| q.name == name).cloned().unwrap_or_else(|| panic!("{name} is missing"))
    };
    // A row of 20 um in 5 s.
    let speed = named(&report, "centroid_speed_mm_min").of_tracks[0];
    assert!(speed.truth.is_some_and(|v| (v - 0.24).abs() < 1e-12), "{speed:?}");
    assert_eq!(named(&report, "max_area_mm2").of_tracks[0].truth, Some(0.0256));
    std::fs::write(at("truth/waves.csv"), "wave_id,start_s,speed_mm_min\n1,100,3.5\n").expect("room");
    std::fs::write(at("pred/waves.csv"), "wave_id,start_s,speed_mm_min\n3,104,3.0\n").expect("room");
    let report = tracking::tracking(&request, &Silent).expect("scored");
    let (onset, speed) = (named(&report, "onset_s"), named(&report, "speed_mm_min"));
    assert_eq!((onset.is_from_table, onset.bias.map(|e| e.value)), (true, Some(4.0)));
    assert_eq!(speed.absolute.map(|e| e.value), Some(0.5));
    let labelled =
        tracking::tracking(&TrackingRequest { same_labels: true, ..request.clone() }, &Silent).expect("scored");
    assert_eq!((labelled.tracks[0].found, labelled.j.map(|v| v.value), labelled.n_unmatched), (None, Some(0.0), 1));
    report.write(&request, &at("out"), Existing::Refuse).expect("room");
    assert!(at("out/figures/tracking.svg").is_file() && at("out/objects.csv").is_file());
}

#[test]
fn movies_are_pooled_without_pairs_between_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, rows: &str| {
        std::fs::write(at(name), format!("t_frame,y_px,x_px,score,peak_dff\n{rows}")).expect("room");
        at(name)
    };
    let request = |truth: PathBuf, pred: PathBuf| DetectionRequest {
        truth,
        pred,
        paper: false,
        imagej: false,
        pixel_size_um: None,
        frame_interval_s: None,
        max_distance_um: None,
        max_delay_s: None,
        seed: 0,
    };
    let one = request(write("t1.csv", "5,10,10,1,0.4\n50,30,30,1,2.0\n"), write("p1.csv", "5,11,10,0.9,0.5\n"));
    // What the second movie finds would be the missed event of the first.
    let two = request(write("t2.csv", "5,10,10,1,0.7\n"), write("p2.csv", "50,30,30,0.8,1.2\n5,10,10,0.7,0.6\n"));
    let report = movies(&[one.clone(), two.clone()]).expect("scored");
    let scores = &report.pooled.scores;
    assert_eq!((scores.tp, scores.fp, scores.fn_), (2, 1, 1));
    let each: Vec<_> = report.movies.iter().map(|(_, r)| (r.scores.tp, r.scores.fp, r.scores.fn_)).collect();
    assert_eq!(each, [(1, 0, 1), (1, 1, 0)]);
    assert_eq!(report.means[1].1.map(|e| e.value), Some(0.75), "mean recall");
    let dim = report.pooled.dim().expect("amplitudes are known");
    assert_eq!((dim.found, dim.missed), (2, 0));
    let alone = movies(std::slice::from_ref(&one)).expect("scored").pooled;
    assert_eq!(alone, detection(&one).expect("scored"), "one movie is itself");
    report.write(&[one, two], &at("out"), Existing::Refuse).expect("room");
    let missed = sparkwave_io::csv::read_table(&at("out/missed.csv")).expect("there");
    assert_eq!((missed.n_rows(), missed.column("is_dim").map(<[Value]>::to_vec)), (1, Some(vec![Value::Bool(false)])));
    assert!(at("out/figures/by_amplitude.svg").is_file());
    assert!(movies(&[]).is_err());
}
