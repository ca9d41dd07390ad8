//! Gaussian blur of whole images.

use ndarray::Array2;

/// Gaussian blur with standard deviation `sigma` samples; light that leaves the array is lost.
pub(super) fn gaussian(image: &Array2<f32>, sigma: f64) -> Array2<f32> {
    let pass: &dyn Fn(&[f32], &mut [f32]) = if sigma > 6.0 {
        &|input, output| box_blur_line(input, output, sigma)
    } else {
        let kernel = gaussian_kernel(sigma);
        &move |input, output| convolve_line(input, output, &kernel)
    };
    let mut rows = Array2::zeros(image.dim());
    let mut line = vec![0f32; image.ncols()];
    for (source, mut target) in image.rows().into_iter().zip(rows.rows_mut()) {
        let source = source.to_vec();
        pass(&source, &mut line);
        target.iter_mut().zip(&line).for_each(|(t, v)| *t = *v);
    }
    // Blurring the rows of the transpose blurs the columns, along contiguous memory.
    let columns = rows.t().as_standard_layout().into_owned();
    let mut transposed = Array2::zeros(columns.dim());
    let mut line = vec![0f32; columns.ncols()];
    for (source, mut target) in columns.rows().into_iter().zip(transposed.rows_mut()) {
        let source = source.to_vec();
        pass(&source, &mut line);
        target.iter_mut().zip(&line).for_each(|(t, v)| *t = *v);
    }
    transposed.t().as_standard_layout().into_owned()
}

fn gaussian_kernel(sigma: f64) -> Vec<f32> {
    let radius = (4.0 * sigma).ceil() as i64;
    let weights: Vec<f64> = (-radius..=radius).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| (w / sum) as f32).collect()
}

fn convolve_line(input: &[f32], output: &mut [f32], kernel: &[f32]) {
    let radius = kernel.len() / 2;
    output.fill(0.0);
    for (k, &weight) in kernel.iter().enumerate() {
        // output[i] += weight * input[i + k - radius]
        let (skip_out, skip_in) = (radius.saturating_sub(k), k.saturating_sub(radius));
        if skip_out >= output.len() || skip_in >= input.len() {
            continue;
        }
        for (sum, &value) in output[skip_out..].iter_mut().zip(&input[skip_in..]) {
            *sum += weight * value;
        }
    }
}

/// Three running means, whose widths together give the variance of the Gaussian (Wells 1986, IEEE TPAMI 8, 234).
fn box_blur_line(input: &[f32], output: &mut [f32], sigma: f64) {
    // A mean over 2r + 1 samples has variance ((2r + 1)² - 1) / 12; the radii may differ by one between passes.
    let variance = |radius: usize| (radius * (radius + 1)) as f64 / 3.0;
    let small = ((12.0 * sigma * sigma / 3.0 + 1.0).sqrt() / 2.0 - 0.5).floor() as usize;
    let missing = sigma * sigma - 3.0 * variance(small);
    let n_wider = (missing / (variance(small + 1) - variance(small))).round() as usize;
    let mut line = input.to_vec();
    for pass in 0..3 {
        let radius = if pass < n_wider { small + 1 } else { small };
        let mut sum = line.iter().take(radius).map(|&v| f64::from(v)).sum::<f64>();
        for (i, value) in output.iter_mut().enumerate() {
            sum += line.get(i + radius).map_or(0.0, |&v| f64::from(v));
            *value = (sum / (2 * radius + 1) as f64) as f32;
            sum -= i.checked_sub(radius).map_or(0.0, |j| f64::from(line[j]));
        }
        line.copy_from_slice(output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_blurs_keep_light_and_have_the_stated_width() {
        for sigma in [1.3, 4.0, 9.0] {
            let mut image = Array2::<f32>::zeros((151, 141));
            image[[75, 70]] = 1000.0;
            let blurred = gaussian(&image, sigma);
            let total: f64 = blurred.iter().map(|&v| f64::from(v)).sum();
            assert!((total - 1000.0).abs() < 0.5, "{sigma}: {total}");
            for axis in [0usize, 1] {
                let centre = [75.0, 70.0][axis];
                let variance: f64 = blurred
                    .indexed_iter()
                    .map(|((y, x), &v)| f64::from(v) * ([y, x][axis] as f64 - centre).powi(2) / total)
                    .sum();
                assert!((variance.sqrt() / sigma - 1.0).abs() < 0.03, "{sigma}: {}", variance.sqrt());
            }
        }
    }
}
