//! Maximum pooling: values, places, gradient.

use crate::random::{on_any_threads, sets, values, volume};
use sparkwave_kernels::pool::{backward, forward, output};
use sparkwave_kernels::{Isa, ShapeError};

#[test]
fn the_maximum_of_each_window_and_its_gradient() {
    let sizes = [[2, 2, 2], [4, 6, 8], [5, 3, 7], [1, 4, 40], [2, 2, 66], [8, 32, 32]];
    for (size, window) in
        sizes.into_iter().flat_map(|size| [[2, 2, 2], [1, 2, 2], [2, 1, 2], [1, 2, 1]].map(|w| (size, w)))
    {
        let (maps, [d, h, w]) = (3, size);
        let x = values(1, maps * d * h * w);
        let small = output(volume(size), window).unwrap();
        let n = maps * small.voxels().unwrap();
        let grad = values(2, n);
        let (mut expected, mut of_x) = (Vec::new(), vec![0.0; x.len()]);
        for (i, grad) in grad.iter().enumerate() {
            let (map, z) = (i / small.voxels().unwrap(), i / small.width / small.height % small.depth);
            let (y, column) = (i / small.width % small.height, i % small.width);
            let places = (0..window.iter().product::<usize>()).map(|k| {
                let (kz, ky, kx) = (k / window[2] / window[1], k / window[2] % window[1], k % window[2]);
                ((map * d + z * window[0] + kz) * h + y * window[1] + ky) * w + column * window[2] + kx
            });
            let best = places.max_by(|a, b| x[*a].total_cmp(&x[*b])).unwrap();
            expected.push(x[best]);
            of_x[best] = *grad;
        }
        for isa in sets() {
            let (y, place, found) = on_any_threads(|| {
                let (mut y, mut place) = (vec![f32::NAN; n], vec![9; n]);
                forward(isa, &x, maps, volume(size), window, &mut y, Some(&mut place)).unwrap();
                let mut found = vec![f32::NAN; x.len()];
                backward(isa, &grad, &place, maps, volume(size), window, &mut found).unwrap();
                (y, place, found)
            });
            assert_eq!(y, expected, "{isa:?} {size:?} {window:?}");
            assert_eq!(found, of_x, "{isa:?} {size:?} {window:?} {place:?}");
            let mut alone = vec![f32::NAN; n];
            forward(isa, &x, maps, volume(size), window, &mut alone, None).unwrap();
            assert_eq!(alone, expected, "without places");
        }
    }
}

#[test]
fn equal_values_give_the_first_and_nan_wins() {
    for isa in sets() {
        let mut input = vec![1.0; 64];
        input[20] = f32::NAN;
        let (mut y, mut place) = ([0.0; 16], [9; 16]);
        forward(isa, &input, 1, volume([1, 2, 32]), [1, 2, 2], &mut y, Some(&mut place)).unwrap();
        assert!(place.iter().enumerate().all(|(i, p)| i == 10 || *p == 0), "{isa:?} {place:?}");
        assert!(y.iter().enumerate().all(|(i, v)| v.is_nan() == (i == 10)), "{isa:?} {y:?}");
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    assert!(matches!(output(volume([4, 4, 4]), [3, 2, 2]), Err(ShapeError::Unsupported { .. })));
    let found = forward(Isa::best(), &[0.0; 8], 1, volume([2, 2, 2]), [2; 3], &mut [0.0], Some(&mut [0, 0]));
    assert!(matches!(found, Err(ShapeError::Length { what: "place", .. })));
}
