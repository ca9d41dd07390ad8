#![allow(clippy::unwrap_used)]

use super::*;
use crate::axes::Span;
use crate::source::FrameSource;
use crate::synth::SparksSource;
use crate::synth::sparks::{LABEL_FRACTION, LABEL_MIN_DFF};
use crate::table::Value;
use std::sync::Arc;

fn small() -> SparksParams {
    SparksParams { n_frames: 120, height: 96, width: 112, events_per_minute: 120.0, ..Default::default() }
}

#[test]
fn a_frame_is_the_same_in_any_order_and_on_any_thread() {
    let scene = SparksScene::new(&small(), 5).unwrap();
    let again = SparksScene::new(&small(), 5).unwrap();
    let backwards: Vec<_> = (0..40).rev().map(|t| again.frame(t)).collect();
    let parallel: Vec<_> = std::thread::scope(|scope| {
        let scene = &scene;
        let threads: Vec<_> = (0..40).map(|t| scope.spawn(move || scene.frame(t))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for t in 0..40 {
        assert_eq!(parallel[t], backwards[39 - t], "frame {t}");
    }
    assert_eq!(scene.truth(), again.truth());
    let other = SparksScene::new(&small(), 6).unwrap();
    assert_ne!(other.frame(0), scene.frame(0));
    assert_ne!(scene.frame(0), scene.frame(1));
}

#[test]
fn the_content_moves_by_the_stated_drift() {
    let still =
        SparksParams { drift_px: 0.0, illumination_falloff: 0.0, flicker: 0.0, bleach_fraction: 0.0, ..small() };
    let still = SparksParams { fluctuation: 0.0, events_per_minute: 0.0, ..still };
    let moving = SparksParams { drift_px: 4.0, ..still.clone() };
    let scene = SparksScene::new(&moving, 8).unwrap();
    let reference = scene.rest();
    for t in [0, 37, 119] {
        let d = scene.drift()[t];
        let seen = scene.photoelectrons(t);
        // Gauss-Newton for the shift that carries the reference onto the frame, around the stated one.
        let (mut yy, mut xx, mut yx, mut yr, mut xr) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let back = scene.grid.resample(&scene.rest, d) - &seen;
        for y in 10..86 {
            for x in 10..102 {
                let gy = f64::from(seen[[y + 1, x]] - seen[[y - 1, x]]) / 2.0;
                let gx = f64::from(seen[[y, x + 1]] - seen[[y, x - 1]]) / 2.0;
                let r = f64::from(back[[y, x]]);
                yy += gy * gy;
                xx += gx * gx;
                yx += gy * gx;
                yr += gy * r;
                xr += gx * r;
            }
        }
        let det = yy * xx - yx * yx;
        let (ey, ex) = ((xx * yr - yx * xr) / det, (yy * xr - yx * yr) / det);
        assert!(ey.abs() < 0.02 && ex.abs() < 0.02, "frame {t}: {ey} {ex}");
    }
    assert_eq!(scene.drift()[0], PointYx::default());
    let first = scene.photoelectrons(0);
    assert!(first.iter().zip(&reference).all(|(a, b)| (a - b).abs() < 1e-3 * b));
}

#[test]
fn labels_agree_with_the_truth() {
    let scene = SparksScene::new(&small(), 11).unwrap();
    let truth = scene.truth();
    assert!(truth.len() >= 10, "{}", truth.len());
    let labels: Vec<_> = (0..120).map(|t| scene.labels(t)).collect();
    for event in truth {
        let n_in = |t: usize| labels[t].iter().filter(|&&id| id == event.event_id).count();
        let counts: Vec<usize> = (0..120).map(n_in).collect();
        assert_eq!(counts.iter().sum::<usize>(), event.n_voxels as usize);
        assert_eq!(counts[event.peak.t as usize], event.area_px as usize);
        assert_eq!(counts.iter().position(|&n| n > 0), Some(event.frames.start));
        assert_eq!(counts.iter().rposition(|&n| n > 0), Some(event.frames.end - 1));
        assert!(event.area_px >= 4 && event.peak_dff >= 0.12);
        assert!(event.frames.contains(event.peak.t as usize), "{event:?}");
        let at_centroid =
            (event.centroid.y - f64::from(event.peak.y)).hypot(event.centroid.x - f64::from(event.peak.x));
        assert!(at_centroid < 40.0, "{event:?}");
    }
    assert!(truth.windows(2).all(|w| w[0].peak.t <= w[1].peak.t));
    let table = scene.truth_table();
    assert_eq!(table.n_rows(), truth.len());
    assert_eq!(table.column("t_frame").unwrap()[0], Value::Int(truth[0].peak.t.into()));
}

#[test]
fn a_voxel_is_labelled_where_its_dff_reaches_the_documented_level_and_nowhere_else() {
    let scene = SparksScene::new(&small(), 11).unwrap();
    let mut checked = 0;
    for t in 0..120 {
        let [only] = scene.active[t][..] else { continue };
        let event = &scene.truth()[only as usize];
        let level = LABEL_MIN_DFF.max(LABEL_FRACTION * event.peak_dff);
        for (&id, &dff) in scene.labels(t).iter().zip(&scene.dff(t)) {
            assert_eq!(id, if dff >= level { event.event_id } else { 0 });
        }
        checked += 1;
    }
    assert!(checked > 5, "{checked}");
}

#[test]
fn the_peak_frame_is_where_the_noise_free_signal_is_largest() {
    let sparse = SparksParams { n_frames: 600, height: 160, width: 160, events_per_minute: 40.0, ..small() };
    let scene = SparksScene::new(&sparse, 12).unwrap();
    let dff: Vec<_> = (0..600).map(|t| scene.dff(t)).collect();
    let mut checked = 0;
    for event in scene.truth() {
        let at = [event.peak.y as usize, event.peak.x as usize];
        // Where another transient adds light at the same place within a second the sum may peak elsewhere.
        let window = Span::new(event.frames.start.saturating_sub(10), (event.frames.end + 5).min(600));
        let alone = scene.truth().iter().all(|o| {
            let far = (o.centroid.y - event.centroid.y).hypot(o.centroid.x - event.centroid.x) > 40.0;
            o.event_id == event.event_id || far || o.frames.end + 15 < window.start || o.frames.start > window.end
        });
        if alone {
            let best = window.range().max_by(|&a, &b| dff[a][at].total_cmp(&dff[b][at])).unwrap();
            assert_eq!(best, event.peak.t as usize, "{event:?}");
            assert!((dff[best][at] - event.peak_dff).abs() < 1e-4 * event.peak_dff);
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked}");
}

#[test]
fn light_and_labels_tell_the_same_dff() {
    let params = SparksParams { drift_px: 0.0, flicker: 0.0, bleach_fraction: 0.0, fluctuation: 0.0, ..small() };
    let scene = SparksScene::new(&params, 13).unwrap();
    let rest = scene.rest();
    for event in scene.truth().iter().take(8) {
        let t = event.peak.t as usize;
        let dff = scene.photoelectrons(t) / (&rest * &scene.illumination) - 1.0;
        let told = scene.dff(t);
        // The far skirts of a transient, below 2 % of its strongest pixel, are drawn but not told.
        let tolerance = 0.01 + 0.04 * told.iter().copied().fold(0.0, f32::max);
        for ((at, &seen), &told) in dff.indexed_iter().zip(&told) {
            assert!((seen - told).abs() < tolerance, "{at:?}: {seen} {told}");
        }
    }
}

#[test]
fn noise_has_the_closed_form_mean_and_variance() {
    let params = SparksParams { n_frames: 400, height: 32, width: 32, events_per_minute: 0.0, ..Default::default() };
    let still = SparksParams { drift_px: 0.0, flicker: 0.0, bleach_fraction: 0.0, fluctuation: 0.0, ..params };
    let scene = SparksScene::new(&SparksParams { cosmic_rays_per_minute: 0.0, ..still }, 3).unwrap();
    let expected = scene.photoelectrons(0);
    let frames: Vec<_> = (0..400).map(|t| scene.frame(t).mapv(f64::from)).collect();
    let (mut mean_z, mut variance_ratio) = (0.0, 0.0);
    for (at, &electrons) in expected.indexed_iter() {
        let mean = frames.iter().map(|f| f[at]).sum::<f64>() / 400.0;
        let variance = frames.iter().map(|f| (f[at] - mean).powi(2)).sum::<f64>() / 399.0;
        let camera = &scene.params().camera;
        let truth = f64::from(camera.variance_counts2(electrons)) + 1.0 / 12.0;
        mean_z += (mean - f64::from(camera.mean_counts(electrons))) / (truth / 400.0).sqrt();
        variance_ratio += variance / truth;
    }
    let n = expected.len() as f64;
    assert!((mean_z / n.sqrt()).abs() < 4.0, "{}", mean_z / n.sqrt());
    assert!((variance_ratio / n - 1.0).abs() < 0.02, "{}", variance_ratio / n);
}

#[test]
fn events_are_as_rare_as_the_paper_says() {
    for seed in 0..3 {
        let scene = SparksScene::new(&SparksParams::default(), seed).unwrap();
        let n_voxels: f64 = scene.truth().iter().map(|e| f64::from(e.n_voxels)).sum();
        let all = 600.0 * 512.0 * 512.0;
        let rest = scene.rest();
        let mut sorted: Vec<f32> = rest.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        // Foreground as a user would set it by eye: clearly brighter than the typical pixel.
        let foreground = rest.iter().filter(|&&v| v > 1.3 * sorted[sorted.len() / 2]).count() as f64 * 600.0;
        assert!((90..=300).contains(&scene.truth().len()), "{}", scene.truth().len());
        assert!(scene.truth().iter().filter(|e| e.window_dff < 1.0).count() * 2 > scene.truth().len());
        assert!(n_voxels / all < 0.0005, "seed {seed}: {}", n_voxels / all);
        assert!(n_voxels / foreground < 0.003, "seed {seed}: {}", n_voxels / foreground);
    }
}

#[test]
fn a_source_gives_the_frames_of_its_scene() {
    let scene = Arc::new(SparksScene::new(&small(), 5).unwrap());
    let source = SparksSource::new(Arc::clone(&scene));
    let crate::movie::Pixels::U16(block) = source.read(Span::new(7, 9), Span::new(10, 20)).unwrap() else { panic!() };
    assert_eq!(block.index_axis(ndarray::Axis(0), 1), scene.frame(8).slice(s![10..20, ..]));
    assert!((source.recording().frame_interval().unwrap().get() - 0.1).abs() < 1e-12);
    assert!(source.read(Span::new(0, 121), Span::new(0, 1)).is_err());
}

#[test]
fn tiny_short_and_empty_movies_are_made() {
    let tiny = SparksParams { n_frames: 1, height: 16, width: 16, ..Default::default() };
    assert!(SparksScene::new(&tiny, 0).unwrap().truth().is_empty());
    let silent = SparksParams { events_per_minute: 0.0, spine_density_per_um: 0.0, ..small() };
    let scene = SparksScene::new(&silent, 0).unwrap();
    assert!(scene.truth().is_empty() && scene.labels(3).iter().all(|&id| id == 0));
    for seed in 0..20 {
        let odd = SparksParams { n_frames: 30, height: 17, width: 61, pixel_size_um: 1.3, ..Default::default() };
        assert_eq!(SparksScene::new(&odd, seed).unwrap().frame(29).dim(), (17, 61));
    }
    assert!(SparksScene::new(&SparksParams { height: 0, ..small() }, 0).is_err());
}
