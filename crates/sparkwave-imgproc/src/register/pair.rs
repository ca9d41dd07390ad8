//! Two recordings of one field of view, put on top of each other by their mean images.
//!
//! 1. The whole-image displacement is where the band-passed images correlate best ([`super::shift`]).
//! 2. From there the squared difference of the band-passed images, where both show the same, is minimised by Gauss and
//!    Newton's method (B. D. Lucas, T. Kanade, Proc. IJCAI, 674-679 (1981)), the brightness being free. Unlike a correlation
//!    under a window, the difference has no pull towards borders and uneven light, which do not move: along a straight
//!    dendrite only its spines tell the displacement.
//! 3. A rotation about the middle is fitted on top. It is told, not undone.

use super::shift::{Reference, Weighting};
use crate::error::Error;
use crate::filter::gaussian::{self, Kernel, Scratch};
use crate::sampling::Sampling;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::PointYx;

/// How two recordings are put on top of each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairParams {
    /// Largest displacement looked for on either axis, µm; never beyond 0.4 of the side of the images.
    pub max_shift_um: f64,
    /// Standard deviation of the smoothing that suppresses pixel noise, µm: about the optical resolution.
    pub smooth_um: f64,
    /// Structure much larger than this, such as uneven illumination, does not count, µm.
    pub highpass_um: f64,
}

impl Default for PairParams {
    fn default() -> Self {
        Self { max_shift_um: 10.0, smooth_um: 0.2, highpass_um: 2.0 }
    }
}

/// How two recordings lie to each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairMatch {
    /// Displacement of the content of the second image, px: what lies at `(y, x)` in the first lies at `(y + dy, x + dx)` in
    /// the second.
    pub displacement: PointYx,
    /// Correlation of the band-passed images where both show the same, -1 to 1. It falls with noise and with whatever has
    /// changed; images of different neurons stay below about 0.3.
    pub correlation: f64,
    /// Standard error of the displacement, px, from leaving out one of sixteen parts of the image after the other (B. Efron,
    /// C. Stein, Ann. Stat. 9, 586-596 (1981)). It is large along a straight dendrite, where little but slow fluctuations
    /// tells the displacement.
    pub uncertainty_px: f64,
    /// Rotation of the second image about its middle, in degrees from x towards y, clockwise where y points down. `None`
    /// where nothing agrees.
    pub rotation_deg: Option<f64>,
}

/// Side of an image below which nothing can be told, px.
const MIN_SIDE: usize = 16;
/// Pixels at the border of each image that are left out: frames that drifted did not see them.
const MARGIN: usize = 4;
/// Steps of the fit; five are usual.
const MAX_STEPS: usize = 30;
/// Parts along each side of the image that are left out in turn.
const N_PARTS: usize = 4;
/// Steps shorter than this end the fit, px at the middle and at the border.
const SHORT_PX: f64 = 1e-3;

/// Finds how `second` lies to `first`, both `[Y, X]` and equally large.
///
/// # Errors
/// [`Error::PairSize`] if they differ in size or are smaller than 16 pixels.
pub fn match_pair(
    first: ArrayView2<'_, f32>,
    second: ArrayView2<'_, f32>,
    params: &PairParams,
    sampling: Sampling,
) -> Result<PairMatch, Error> {
    let (height, width) = first.dim();
    if first.dim() != second.dim() || height.min(width) < MIN_SIDE {
        return Err(Error::PairSize { first: first.dim(), second: second.dim(), least: MIN_SIDE });
    }
    let max_shift = sampling.px(params.max_shift_um).clamp(1.0, 0.4 * height.min(width) as f64);
    let (low_px, high_px) = (sampling.px(params.smooth_um), sampling.px(params.highpass_um));
    let weighting = Weighting::BandPass { low_px, high_px };
    let start = Reference::new(first, weighting, true).displacement_of(second, max_shift).displacement;
    let pair =
        Pair { first: band_passed(first, low_px, high_px), second: Slopes::of(band_passed(second, low_px, high_px)) };
    let (shifted, agreement) = pair.fit(Pose { shift: start, turn: 0.0 }, false);
    let (turned, turned_agreement) = pair.fit(shifted, true);
    let rotation_deg = (turned_agreement > 0.0).then(|| turned.turn.to_degrees());
    let uncertainty_px = pair.uncertainty_px(shifted);
    Ok(PairMatch { displacement: shifted.shift, correlation: agreement, uncertainty_px, rotation_deg })
}

/// The image between two blurs, both of them within the image; pixels that are not finite count as the mean.
fn band_passed(image: ArrayView2<'_, f32>, low_px: f64, high_px: f64) -> Array2<f32> {
    let finite = || image.iter().copied().filter(|v| v.is_finite()).map(f64::from);
    let mean = (finite().sum::<f64>() / finite().count().max(1) as f64) as f32;
    let centred = image.mapv(|v| if v.is_finite() { v - mean } else { 0.0 });
    let blurred = |sigma_px: f64| {
        let (kernel, mut scratch) = (Kernel::new(sigma_px.max(0.1)), Scratch::default());
        let mut blur = |of: Array2<f32>| {
            let (dim, mut pixels) = (of.dim(), of.into_iter().collect::<Vec<f32>>());
            gaussian::smooth(&mut pixels, dim.1, &kernel, &mut scratch);
            Array2::from_shape_vec(dim, pixels).expect("as many pixels as before")
        };
        blur(centred.clone()) / blur(Array2::ones(centred.dim()))
    };
    blurred(low_px) - blurred(high_px)
}

/// Where the second image lies: its content is displaced by `shift` and turned by `turn` radians about the middle.
#[derive(Clone, Copy)]
struct Pose {
    shift: PointYx,
    turn: f64,
}

/// An image with its slopes down and to the right.
struct Slopes {
    image: Array2<f32>,
    down: Array2<f32>,
    right: Array2<f32>,
}

impl Slopes {
    fn of(image: Array2<f32>) -> Self {
        let (height, width) = image.dim();
        let slope = |before: (usize, usize), after: (usize, usize)| (image[after] - image[before]) / 2.0;
        let inside = |i: usize, n: usize| (i.saturating_sub(1), (i + 1).min(n - 1));
        let down = Array2::from_shape_fn((height, width), |(y, x)| {
            let (above, below) = inside(y, height);
            slope((above, x), (below, x))
        });
        let right = Array2::from_shape_fn((height, width), |(y, x)| {
            let (before, after) = inside(x, width);
            slope((y, before), (y, after))
        });
        Self { image, down, right }
    }

    /// Value and slopes between four pixels; `None` near the border and beyond.
    fn at(&self, y: f64, x: f64) -> Option<[f64; 3]> {
        let (height, width) = self.image.dim();
        let inside = |v: f64, n: usize| v >= MARGIN as f64 && v < (n - 1 - MARGIN) as f64;
        if !(inside(y, height) && inside(x, width)) {
            return None;
        }
        let (row, column, fy, fx) = (y as usize, x as usize, y.fract(), x.fract());
        let between = |of: &Array2<f32>| {
            let line = |row: usize| f64::from(of[[row, column]]) * (1.0 - fx) + f64::from(of[[row, column + 1]]) * fx;
            line(row) * (1.0 - fy) + line(row + 1) * fy
        };
        Some([between(&self.image), between(&self.down), between(&self.right)])
    }
}

/// Band-passed images.
struct Pair {
    first: Array2<f32>,
    second: Slopes,
}

/// Sums over the pixels that both images show. The three columns of `slopes` are the change of the second image with its
/// displacement down, right, and with its turn.
#[derive(Clone, Copy, Default)]
struct Sums {
    first_squared: f64,
    second_squared: f64,
    product: f64,
    slopes_first: [f64; 3],
    slopes_second: [f64; 3],
    slopes_squared: [[f64; 3]; 3],
}

impl Pair {
    /// The pose of least squared difference near `start`, and the correlation there.
    fn fit(&self, start: Pose, turns: bool) -> (Pose, f64) {
        let radius = 0.5 * (self.first.nrows() as f64).hypot(self.first.ncols() as f64);
        let total = |pose: Pose| self.parts(pose).iter().fold(Sums::default(), |sum, part| sum.plus(part, 1.0));
        let (mut pose, mut sums) = (start, total(start));
        for _ in 0..MAX_STEPS {
            let Some(step) = sums.step(if turns { 3 } else { 2 }) else { break };
            let turn = step.get(2).copied().unwrap_or(0.0);
            // The linear picture holds for about the resolution.
            let length = step[0].hypot(step[1]).max(turn.abs() * radius);
            let part = (2.0 / length).min(1.0);
            let shift = PointYx { y: pose.shift.y + part * step[0], x: pose.shift.x + part * step[1] };
            let next = Pose { shift, turn: pose.turn + part * turn };
            let there = total(next);
            if there.correlation() < sums.correlation() {
                break;
            }
            (pose, sums) = (next, there);
            if length < SHORT_PX {
                break;
            }
        }
        (pose, sums.correlation())
    }

    /// The jackknife's standard error of the displacement.
    fn uncertainty_px(&self, pose: Pose) -> f64 {
        let parts = self.parts(pose);
        let total = parts.iter().fold(Sums::default(), |sum, part| sum.plus(part, 1.0));
        let seen: Vec<&Sums> = parts.iter().filter(|part| part.first_squared > 0.0).collect();
        let without: Vec<Vec<f64>> = seen.iter().filter_map(|part| total.plus(part, -1.0).step(2)).collect();
        if without.len() < 2 || without.len() < seen.len() {
            return f64::INFINITY;
        }
        let n = without.len() as f64;
        let variance = |axis: usize| {
            let mean = without.iter().map(|step| step[axis]).sum::<f64>() / n;
            (n - 1.0) / n * without.iter().map(|step| (step[axis] - mean).powi(2)).sum::<f64>()
        };
        (variance(0) + variance(1)).sqrt()
    }

    /// Sums over the parts of the first image, row by row.
    fn parts(&self, pose: Pose) -> Vec<Sums> {
        let (height, width) = self.first.dim();
        let (middle_y, middle_x) = ((height - 1) as f64 / 2.0, (width - 1) as f64 / 2.0);
        let (sin, cos) = pose.turn.sin_cos();
        let mut parts = vec![Sums::default(); N_PARTS * N_PARTS];
        for y in MARGIN..height.saturating_sub(MARGIN) {
            for x in MARGIN..width.saturating_sub(MARGIN) {
                let (dy, dx) = (y as f64 - middle_y, x as f64 - middle_x);
                let (turned_y, turned_x) = (cos * dy + sin * dx, cos * dx - sin * dy);
                let at = self.second.at(middle_y + turned_y + pose.shift.y, middle_x + turned_x + pose.shift.x);
                let Some([value, down, right]) = at else { continue };
                let first = f64::from(self.first[[y, x]]);
                let slopes = [down, right, down * turned_x - right * turned_y];
                let sums = &mut parts[y * N_PARTS / height * N_PARTS + x * N_PARTS / width];
                sums.first_squared += first * first;
                sums.second_squared += value * value;
                sums.product += first * value;
                for i in 0..3 {
                    sums.slopes_first[i] += slopes[i] * first;
                    sums.slopes_second[i] += slopes[i] * value;
                    for j in 0..3 {
                        sums.slopes_squared[i][j] += slopes[i] * slopes[j];
                    }
                }
            }
        }
        parts
    }
}

impl Sums {
    /// These with others added `times`.
    fn plus(mut self, other: &Self, times: f64) -> Self {
        self.first_squared += times * other.first_squared;
        self.second_squared += times * other.second_squared;
        self.product += times * other.product;
        for i in 0..3 {
            self.slopes_first[i] += times * other.slopes_first[i];
            self.slopes_second[i] += times * other.slopes_second[i];
            for j in 0..3 {
                self.slopes_squared[i][j] += times * other.slopes_squared[i][j];
            }
        }
        self
    }

    /// 0 if either image is flat where both are seen.
    fn correlation(&self) -> f64 {
        let scale = (self.first_squared * self.second_squared).sqrt();
        if scale > 0.0 { self.product / scale } else { 0.0 }
    }

    /// Gauss's and Newton's step of the first `n` of displacement down, right, and turn.
    fn step(&self, n: usize) -> Option<Vec<f64>> {
        let gain = self.product / self.second_squared;
        let right = (0..n).map(|i| self.slopes_first[i] - gain * self.slopes_second[i]).collect();
        let matrix = (0..n).map(|i| (0..n).map(|j| gain * self.slopes_squared[i][j]).collect()).collect();
        solve(matrix, right)
    }
}

/// Solves a system of two or three equations by elimination with pivots; `None` if it has no single solution.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let n = right.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|a, b| matrix[*a][i].abs().total_cmp(&matrix[*b][i].abs()))?;
        matrix.swap(i, pivot);
        right.swap(i, pivot);
        let (above, below) = matrix.split_at_mut(i + 1);
        for (row, line) in below.iter_mut().enumerate() {
            let factor = line[i] / above[i][i];
            for (value, pivot) in line.iter_mut().zip(&above[i]) {
                *value -= factor * pivot;
            }
            right[i + 1 + row] -= factor * right[i];
        }
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| matrix[i][j] * right[j]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    right.iter().all(|v| v.is_finite()).then_some(right)
}

#[cfg(test)]
mod tests {
    use super::super::resample::read_displaced;
    use super::*;
    use sparkwave_core::synth::sparks::{Change, SparksPair, Stimulus};
    use sparkwave_core::synth::{SparksParams, SparksScene};

    const SAMPLING: Sampling = Sampling { pixel_um: 0.16, interval_s: 0.1 };

    /// The mean of the first frames, put back where frame 0 was.
    fn mean(scene: &SparksScene, n: usize) -> Array2<f32> {
        let frames = (0..n).map(|t| read_displaced(scene.frame(t).mapv(f32::from).view(), scene.drift()[t]));
        let sum = frames.reduce(|sum, frame| sum + frame).expect("some frames");
        sum / n as f32
    }

    fn pair(seed: u64, side: usize) -> SparksPair {
        let params = SparksParams {
            n_frames: 120,
            height: side,
            width: side + 16,
            events_per_minute: 200.0,
            drift_px: 1.0,
            ..SparksParams::default()
        };
        let stimulus = Stimulus {
            silenced: 0.3,
            new: 0.2,
            amplitude: Change { part: 0.5, factor: 2.0 },
            shift_px: 12.0,
            ..Stimulus::default()
        };
        SparksPair::new(&params, &stimulus, seed).expect("valid")
    }

    fn off_px(found: &PairMatch, shift: PointYx) -> f64 {
        (found.displacement.y - shift.y).hypot(found.displacement.x - shift.x)
    }

    #[test]
    fn simulated_pairs_are_found_to_a_twentieth_of_a_pixel() {
        let of = |a: &Array2<f32>, b: &Array2<f32>| {
            match_pair(a.view(), b.view(), &PairParams::default(), SAMPLING).expect("equal sizes")
        };
        let pairs = [1, 2, 5].map(|seed| pair(seed, 200));
        let means = pairs.each_ref().map(|pair| [mean(&pair.before, 120), mean(&pair.after, 120)]);
        for (i, pair) in pairs.iter().enumerate() {
            let found = of(&means[i][0], &means[i][1]);
            let off = off_px(&found, pair.shift);
            assert!(off < 0.05 && found.uncertainty_px < 0.05, "{off} {found:?}");
            assert!(found.correlation > 0.9, "{found:?}");
            assert!(found.rotation_deg.expect("they agree").abs() < 0.05, "{found:?}");
            // Another neuron is no match.
            let other = of(&means[i][0], &means[(i + 1) % 3][1]);
            assert!(other.correlation < 0.4, "{other:?}");
        }
    }

    #[test]
    fn a_straight_dendrite_is_known_to_be_uncertain() {
        // Little but one dendrite in the field; its slow fluctuations are taken for structure.
        let pair = pair(4, 96);
        let (before, after) = (mean(&pair.before, 120), mean(&pair.after, 120));
        let found = match_pair(before.view(), after.view(), &PairParams::default(), SAMPLING).expect("equal sizes");
        let off = off_px(&found, pair.shift);
        assert!(off > 0.2 && off < 3.0 * found.uncertainty_px, "{off} {found:?}");
    }

    #[test]
    fn a_turned_image_tells_its_angle() {
        let params = SparksParams { height: 200, width: 240, n_frames: 1, ..SparksParams::default() };
        let scene = SparksScene::new(&params, 3).expect("valid");
        let rest = scene.rest();
        for degrees in [0.5f64, -0.8] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            // What lies at (y, x) from the middle is seen at (y cos + x sin, x cos - y sin).
            let turned = Array2::from_shape_fn(rest.dim(), |(y, x)| {
                let (y, x) = (y as f64 - 99.5, x as f64 - 119.5);
                bilinear(&rest, y * cos - x * sin + 99.5, x * cos + y * sin + 119.5)
            });
            let found = match_pair(rest.view(), turned.view(), &PairParams::default(), SAMPLING).expect("equal sizes");
            let rotation = found.rotation_deg.expect("large enough");
            assert!((rotation - degrees).abs() < 0.02, "{found:?} of {degrees}");
        }
    }

    fn bilinear(image: &Array2<f32>, y: f64, x: f64) -> f32 {
        let clamp = |v: f64, n: usize| (v.clamp(0.0, n as f64 - 1.001), n);
        let ((y, _), (x, _)) = (clamp(y, image.nrows()), clamp(x, image.ncols()));
        let (row, column, fy, fx) = (y as usize, x as usize, y.fract() as f32, x.fract() as f32);
        let line = |row: usize| image[[row, column]] * (1.0 - fx) + image[[row, column + 1]] * fx;
        line(row) * (1.0 - fy) + line(row + 1) * fy
    }

    #[test]
    fn odd_images_are_refused_or_do_not_move() {
        let image = |height: usize, width: usize| Array2::<f32>::zeros((height, width));
        let of = |a: Array2<f32>, b: Array2<f32>| match_pair(a.view(), b.view(), &PairParams::default(), SAMPLING);
        assert!(of(image(32, 32), image(32, 33)).is_err() && of(image(8, 32), image(8, 32)).is_err());
        let flat = of(image(32, 32), image(32, 32)).expect("equal sizes");
        assert_eq!((flat.displacement, flat.correlation, flat.rotation_deg), (PointYx::default(), 0.0, None));
    }
}
