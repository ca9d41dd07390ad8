use super::*;
use crate::synth::waves::{Course, PlannedWave, WavesParams};
use crate::wave::Side;

fn plan(amplitude: f64) -> PlannedWave {
    PlannedWave {
        start_s: 0.0,
        side: Side::Left,
        origin_mm: None,
        amplitude,
        speed_mm_min: 3.0,
        direction_deg: 0.0,
        half_angle_deg: 180.0,
        reach_mm: 5.0,
        course: Course::default(),
    }
}

/// A wave that passes a strip of the field column by column, 1 s each.
fn plane(grid: &Grid, columns: std::ops::Range<usize>, start_s: f32, amplitude: f32) -> Spread {
    let mut arrival_s = Array2::from_elem(grid.shape(), f32::NAN);
    let mut peak = Array2::zeros(grid.shape());
    for y in 10..20 {
        for x in columns.clone() {
            arrival_s.slice_mut(grid.field())[[y, x]] = start_s + (x - columns.start) as f32;
            peak.slice_mut(grid.field())[[y, x]] = amplitude;
        }
    }
    let plan = plan(f64::from(amplitude));
    let (begin, end) = plan.course.span_s();
    let active_s = (f64::from(start_s) + begin, f64::from(start_s) + columns.len() as f64 + end);
    Spread { plan, origin_mm: PointYx::default(), arrival_s, amplitude: peak, active_s }
}

fn tiny() -> Grid {
    Grid::new(&WavesParams { height: 64, width: 64, ..Default::default() })
}

#[test]
fn a_mask_is_where_the_rise_reaches_its_fraction() {
    let grid = tiny();
    let spread = plane(&grid, 10..50, 30.0, 0.02);
    let course = spread.plan.course;
    let table = course.averaged(1.0);
    let truth = &waves(std::slice::from_ref(&spread), std::slice::from_ref(&table), 30, &grid)[0];
    // By the definition, with the course itself: mean over each second by 200 points.
    let mean = |second: f64, arrival: f64| {
        (0..200).map(|j| course.at(second + (f64::from(j) + 0.5) / 200.0 - arrival)).sum::<f64>() / 200.0
    };
    let rise = |i: usize, x: usize| {
        let arrival = 30.0 + (x as f64 - 10.0);
        0.02 * (mean(5.0 * (i as f64 + 1.0), arrival) - mean(5.0 * i as f64, arrival))
    };
    let largest = |x: usize| (0..30).map(|i| rise(i, x)).fold(0.0, f64::max);
    let mut all: Vec<f64> = (10..50).map(largest).collect();
    all.sort_by(f64::total_cmp);
    assert!((truth.peak_rise_drr / all[39] - 1.0).abs() < 0.005, "{} {}", truth.peak_rise_drr, all[39]);
    let mut n = 0;
    for frame in &truth.frames {
        for x in 10..50 {
            let share = rise(frame.frame, x) / truth.peak_rise_drr;
            if (share - 0.35).abs() > 0.01 {
                assert_eq!(frame.mask.contains(15, x), share > 0.35, "interval {} column {x}: {share}", frame.frame);
                n += usize::from(share > 0.35);
            }
        }
        assert!(!frame.mask.contains(9, 20) && !frame.mask.contains(20, 20));
    }
    assert!(n > 40, "{n}");
    assert!((truth.speed_mm_min - 60.0 * grid.mm_per_px).abs() < 1e-3);
    assert!((truth.cover_area_mm2 - 400.0 * grid.mm_per_px.powi(2)).abs() < 1e-9);
    assert_eq!((truth.start_s, truth.end_s), (30.0, 69.0));
}

#[test]
fn where_two_waves_overlap_the_larger_rise_owns_the_pixel() {
    let grid = tiny();
    let spreads = [plane(&grid, 10..50, 30.0, 0.02), plane(&grid, 10..50, 33.0, 0.03)];
    let tables = spreads.each_ref().map(|s| s.plan.course.averaged(1.0));
    let truth = waves(&spreads, &tables, 40, &grid);
    let mut n_both = 0;
    for first in &truth[0].frames {
        let Some(second) = truth[1].frames.iter().find(|f| f.frame == first.frame) else { continue };
        assert!(first.mask.pixels().all(|(y, x)| !second.mask.contains(y, x)), "a pixel has one owner");
        n_both += 1;
    }
    assert!(n_both > 3);
    let seen = spreads.each_ref().map(|s| Seen::of(s, &tables[0], &grid));
    for wave in [0, 1] {
        for frame in &truth[wave].frames {
            let rises = [0, 1].map(|k| seen[k].rise(frame.frame));
            for (y, x) in frame.mask.pixels() {
                let (mine, other) = (rises[wave][[y - 10, x - 10]], rises[1 - wave][[y - 10, x - 10]]);
                let other_is_seen = other >= 0.35 * truth[1 - wave].peak_rise_drr as f32;
                assert!(mine >= other || !other_is_seen, "wave {wave} interval {}", frame.frame);
            }
        }
    }
    let all_intervals: Vec<Interval> = (0..40)
        .map(|i| Interval { start_s: 5.0 * f64::from(i), end_s: 5.0 * f64::from(i) + 5.0, valid: true })
        .collect();
    assert_eq!(episodes(&truth, &all_intervals).len(), 1);
}

#[test]
fn only_the_largest_region_counts() {
    let open = ndarray::array![
        [true, false, false, true, true],
        [false, false, false, false, true],
        [true, true, false, true, false],
    ];
    assert_eq!(largest_region(open), [(0, 3), (0, 4), (1, 4), (2, 3)]);
    assert!(largest_region(Array2::from_elem((2, 2), false)).is_empty());
}
