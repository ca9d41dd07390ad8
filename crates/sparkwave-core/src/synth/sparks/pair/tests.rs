#![allow(clippy::unwrap_used)]

use super::*;
use crate::synth::sparks::TrueEvent;

fn small() -> SparksParams {
    SparksParams { n_frames: 200, height: 112, width: 96, events_per_minute: 150.0, ..Default::default() }
}

fn some_effect() -> Stimulus {
    Stimulus {
        silenced: 0.3,
        new: 0.2,
        rate: Change { part: 1.0, factor: 2.0 },
        amplitude: Change { part: 0.5, factor: 1.5 },
        ..Default::default()
    }
}

#[test]
fn silent_sites_are_silent_and_the_rest_is_counted() {
    let pair = SparksPair::new(&small(), &some_effect(), 4).unwrap();
    let mut n_of_fate = [0; 3];
    for site in &pair.sites {
        match site.fate {
            Fate::Silenced => assert_eq!(site.n_after, 0, "{site:?}"),
            Fate::New => assert_eq!(site.n_before, 0, "{site:?}"),
            Fate::Lasting { rate, amplitude } => assert!(rate == 2.0 && (amplitude == 1.0 || amplitude == 1.5)),
        }
        n_of_fate[["silenced", "new", "lasting"].iter().position(|n| *n == site.fate.name()).unwrap()] += 1;
    }
    assert!(n_of_fate.iter().all(|n| *n > 0), "{n_of_fate:?}");
    let sum = |n: fn(&PairSite) -> usize| pair.sites.iter().map(n).sum::<usize>();
    assert_eq!((sum(|s| s.n_before), sum(|s| s.n_after)), (pair.before.truth().len(), pair.after.truth().len()));
    assert!(pair.before.truth().len() > 10 && pair.after.truth().len() > 10);
    assert_eq!(pair.site_table().n_rows(), 12);
}

#[test]
fn the_second_recording_is_the_first_displaced_by_the_shift() {
    let still = SparksParams { drift_px: 0.0, illumination_falloff: 0.0, background_photons: 0.0, ..small() };
    let pair = SparksPair::new(&still, &Stimulus { shift_px: 5.0, ..Stimulus::default() }, 9).unwrap();
    assert!(pair.shift.y.abs() <= 5.0 && pair.shift.x.abs() <= 5.0 && pair.shift != PointYx::default());
    // Every site fires where it is, in the coordinates of its recording. A spine's light has its middle near the head.
    for (scene, shift) in [(&pair.before, PointYx::default()), (&pair.after, pair.shift)] {
        for event in scene.truth() {
            let site = pair.sites[event.site_id as usize - 1].at;
            let off = (event.centroid.y - site.y - shift.y).hypot(event.centroid.x - site.x - shift.x);
            assert!(off < 12.0, "{event:?} is {off} px from {site:?}");
        }
    }
    // Transients of one site have one place.
    let mean = |scene: &SparksScene, site: u32| {
        let same = |e: &&TrueEvent| e.site_id == site && e.kind.name() == "spine";
        let of_site: Vec<PointYx> = scene.truth().iter().filter(same).map(|e| e.centroid).collect();
        let n = of_site.len() as f64;
        (n > 0.0).then(|| (of_site.iter().map(|c| c.y).sum::<f64>() / n, of_site.iter().map(|c| c.x).sum::<f64>() / n))
    };
    let mut n_compared = 0;
    for site in &pair.sites {
        if let (Some(a), Some(b)) = (mean(&pair.before, site.site_id), mean(&pair.after, site.site_id)) {
            let off = (b.0 - a.0 - pair.shift.y).hypot(b.1 - a.1 - pair.shift.x);
            assert!(off < 1.0, "site {} moved by {off} px", site.site_id);
            n_compared += 1;
        }
    }
    assert!(n_compared >= 3, "{n_compared}");
    // The light at rest, read back at the shift, where both recordings see it.
    let (before, after) = (pair.before.photoelectrons(0), pair.after.photoelectrons(0));
    let (whole_y, whole_x) = (pair.shift.y.round() as i64, pair.shift.x.round() as i64);
    let (mut same, mut different) = (0.0, 0.0);
    for y in 10..102i64 {
        for x in 10..86i64 {
            let at = |image: &ndarray::Array2<f32>, y: i64, x: i64| f64::from(image[[y as usize, x as usize]]);
            same += (at(&after, y + whole_y, x + whole_x) - at(&before, y, x)).powi(2);
            different += (at(&after, y, x) - at(&before, y, x)).powi(2);
        }
    }
    assert!(same < 0.2 * different, "{same} {different}");
}

#[test]
fn a_stimulus_that_does_nothing_leaves_the_rate() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..8 {
        let params = SparksParams { height: 64, width: 64, ..small() };
        let pair = SparksPair::new(&params, &Stimulus::default(), seed).unwrap();
        before += pair.before.truth().len();
        after += pair.after.truth().len();
        assert!(pair.sites.iter().all(|s| s.fate == Fate::Lasting { rate: 1.0, amplitude: 1.0 }));
    }
    // Poisson numbers with bursts: some three standard deviations of the difference.
    let spread = 4.0 * f64::from(before as u32 + after as u32).sqrt();
    assert!((before as f64 - after as f64).abs() < spread, "{before} {after}");
}

#[test]
fn a_part_beyond_all_is_refused() {
    let stimulus = Stimulus { silenced: 0.7, new: 0.6, ..Stimulus::default() };
    let error = SparksPair::new(&small(), &stimulus, 0).err().unwrap().to_string();
    assert!(error.contains("silenced + new"), "{error}");
}
