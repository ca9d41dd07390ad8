use super::independent::{FastIcaParams, independent};
use super::principal::principal;
use super::*;
use ndarray::Axis;
use proptest::prelude::*;

/// A recording of `n_bins` bins of 3 x 4 cells.
fn recording(n_bins: usize, value: impl Fn(usize, usize) -> f32) -> Array3<f32> {
    Array3::from_shape_fn((n_bins, 3, 4), |(t, y, x)| value(t, 4 * y + x))
}

fn all() -> Array2<bool> {
    Array2::from_elem((3, 4), true)
}

/// The sum over components of map times course, `[T, Y, X]`.
fn product(components: &Components) -> Array3<f32> {
    let (n, height, width) = components.maps.dim();
    Array3::from_shape_fn((components.courses.ncols(), height, width), |(t, y, x)| {
        (0..n).map(|k| components.maps[[k, y, x]] * components.courses[[k, t]]).sum()
    })
}

#[test]
fn one_map_with_one_course_is_found_with_its_variance() {
    // The map (3, 0, ..., -4) has norm 5; the course -1, 0, 1 a variance of 1.
    let map = |cell: usize| match cell {
        0 => 3.0,
        8 => -4.0,
        _ => 0.0,
    };
    let values = recording(3, |t, cell| 7.0 + (t as f32 - 1.0) * map(cell));
    let found = principal(values.view(), &all(), 5).expect("one component");
    assert_eq!(found.maps.len_of(Axis(0)), 1, "the rank is one");
    assert!((found.maps[[0, 0, 0]] + 0.6).abs() < 1e-6 && (found.maps[[0, 2, 0]] - 0.8).abs() < 1e-6);
    assert!((found.variances[0] - 25.0).abs() < 1e-9 && (found.variance_fractions[0] - 1.0).abs() < 1e-12);
    let course: Vec<f32> = found.courses.row(0).to_vec();
    assert!(course.iter().zip([5.0, 0.0, -5.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{course:?}");
}

#[test]
fn cells_that_do_not_count_change_nothing_and_have_no_value() {
    let value = |t: usize, cell: usize| ((t * t + 3 * t * cell) % 17) as f32;
    let mut usable = all();
    usable[[1, 2]] = false;
    let clean = principal(recording(20, value).view(), &usable, 3).expect("components");
    let wild = recording(20, |t, cell| if cell == 6 { f32::NAN } else { value(t, cell) });
    let found = principal(wild.view(), &usable, 3).expect("components");
    assert_eq!(found.variances, clean.variances);
    assert!(found.maps.index_axis(Axis(0), 2)[[1, 2]].is_nan());
    assert_eq!(found.maps.iter().filter(|v| v.is_nan()).count(), 3);
}

#[test]
fn what_cannot_be_decomposed_is_refused() {
    let refused = |values: Array3<f32>, n| principal(values.view(), &all(), n).expect_err("refused");
    let (n_bins, n_cells) = (9, 12);
    assert_eq!(refused(recording(9, |t, _| t as f32), 0), ComponentError::None);
    assert_eq!(refused(recording(9, |_, cell| cell as f32), 2), ComponentError::Constant { n_bins, n_cells });
    assert_eq!(refused(recording(1, |_, cell| cell as f32), 2), ComponentError::Constant { n_bins: 1, n_cells });
    let infinite = recording(9, |t, _| if t == 4 { f32::INFINITY } else { 0.0 });
    assert_eq!(refused(infinite, 2), ComponentError::NotFinite { n_bins, n_cells });
    assert_eq!(refused(recording(0, |_, _| 0.0), 2), ComponentError::Constant { n_bins: 0, n_cells });
    let large = Array3::zeros((MAX_COVARIANCE + 1, 1, MAX_COVARIANCE + 1));
    let usable = Array2::from_elem((1, MAX_COVARIANCE + 1), true);
    assert!(matches!(principal(large.view(), &usable, 1), Err(ComponentError::TooLarge { .. })));
}

#[test]
fn a_map_without_contrast_has_no_independent_component() {
    let params = FastIcaParams::default();
    let uniform = recording(9, |t, _| t as f32);
    let refused = independent(uniform.view(), &all(), 2, &params).expect_err("a uniform map");
    assert!(matches!(refused, ComponentError::Constant { .. }), "{refused}");
}

#[test]
fn an_iteration_that_is_cut_short_says_so() {
    let noise = |t: usize, cell: usize| ((t * 7919 + cell * 104_729 + t * cell * 31) % 997) as f32;
    let short = FastIcaParams { max_iterations: 1, tolerance: 0.0, ..FastIcaParams::default() };
    let found = independent(recording(30, noise).view(), &all(), 5, &short).expect("components");
    assert!(!found.converged);
}

proptest! {
    /// With as many bins as in the first range the covariance is that of bins, with the second that of cells.
    #[test]
    fn components_are_orthogonal_and_add_up_to_the_recording(
        values in proptest::collection::vec(-10.0f32..10.0, 240),
        n_bins in prop_oneof![4usize..10, 14usize..20],
    ) {
        let values = recording(n_bins, |t, cell| values[12 * t + cell]);
        let found = principal(values.view(), &all(), 12).expect("random values vary");
        let mean = values.mean_axis(Axis(0)).expect("bins");
        let centred = &values - &mean;
        let difference = product(&found) - &centred;
        prop_assert!(difference.iter().all(|v| v.abs() < 1e-3));
        prop_assert!((found.variance_fractions.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        prop_assert!(found.variances.windows(2).all(|w| w[0] >= w[1]));
        for (i, a) in found.maps.outer_iter().enumerate() {
            let extreme = a.iter().fold(0.0f32, |m, &v| if v.abs() > m.abs() { v } else { m });
            prop_assert!(extreme > 0.0);
            for (j, b) in found.maps.outer_iter().enumerate() {
                let dot: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
                prop_assert!((dot - f32::from(u8::from(i == j))).abs() < 1e-4);
            }
        }
    }
}
