use super::*;

/// Numbers shown in the published sample video: 16 frames, 5 s apart.
const SPEEDS_MM_MIN: [f64; 15] =
    [10.74, 0.21, 1.90, 4.06, 2.49, 3.36, 12.04, 1.90, 6.14, 2.13, 14.18, 4.78, 4.36, 1.97, 5.84];
const FIRST: PointYx = PointYx { y: 393.2489, x: 148.2862 };
const LAST: PointYx = PointYx { y: 148.4622, x: 203.8184 };

#[test]
fn areas_of_the_sample_clip() {
    for (n_pixels, shown) in [(3484, 1.6081), (8990, 4.1496), (1575, 0.72699)] {
        let area = screen_area_mm2(n_pixels);
        assert!((area / shown - 1.0).abs() < 5e-5, "{area} {shown}");
    }
}

#[test]
fn net_displacement_path_and_average_speed_of_the_sample_clip() {
    assert!((step_px(FIRST, LAST) * LENGTH_MM_PER_PX - 5.15).abs() < 0.005);

    // A track on a line with the steps that the shown speeds stand for.
    let mut track = vec![(0.0, FIRST)];
    for speed in SPEEDS_MM_MIN {
        let (time_s, at) = track[track.len() - 1];
        let step_px = speed * 5.0 / S_PER_MIN / LENGTH_MM_PER_PX;
        track.push((time_s + 5.0, PointYx { y: at.y - step_px, x: at.x }));
    }
    let path = path(&track).unwrap();
    assert_eq!(path.last_time_s, 75.0);
    assert!((path.distance_mm().unwrap() - 6.34).abs() < 0.005, "{path:?}");
    assert!((path.average_speed_mm_min().unwrap() - 5.07).abs() < 0.005, "{path:?}");
}

#[test]
fn one_frame_and_a_centroid_that_stays_have_no_speed() {
    let one = path(&[(3.0, FIRST)]).unwrap();
    assert_eq!((one.distance_mm(), one.average_speed_mm_min(), one.last_time_s), (None, None, 0.0));
    let still = path(&[(3.0, FIRST), (8.0, FIRST)]).unwrap();
    assert_eq!((still.distance_mm(), still.average_speed_mm_min()), (None, None));
    assert_eq!(path(&[]), None);
}
