//! Two images for comparison.

use super::axis::LABEL_SIZE;
use super::canvas::{Canvas, Paint, Text};
use super::gray::{self, Pool, Window};
use super::{Figure, font, palette, projection};
use ndarray::Array2;

const MARGIN: f64 = 12.0;
const GAP: f64 = 16.0;
const HEADER: f64 = 24.0;
/// Quantiles that become white and black, the same for both images.
const WINDOW: (f64, f64) = (0.005, 0.998);

/// Draws two images `[Y, X]` side by side in inverted gray under the letters A and B with a caption each. Each image is
/// windowed by its own quantiles, because the counts of two cameras cannot be compared.
pub fn side_by_side(left: &Array2<f32>, right: &Array2<f32>, captions: [&str; 2]) -> Figure {
    let width = (projection::PAGE_WIDTH - 2.0 * MARGIN - GAP) / 2.0;
    let height = |image: &Array2<f32>| {
        let (n_y, n_x) = image.dim();
        (width * n_y as f64 / n_x.max(1) as f64).clamp(40.0, 2.0 * width)
    };
    let tallest = height(left).max(height(right));
    let mut canvas = Canvas::new(projection::PAGE_WIDTH, MARGIN + HEADER + tallest + MARGIN);
    for (i, (image, letter)) in [(left, "A"), (right, "B")].into_iter().enumerate() {
        let x = MARGIN + i as f64 * (width + GAP);
        let top = MARGIN + HEADER;
        canvas.text(Text::new((x, top - 9.0), letter, 14.0).bold());
        canvas.text(Text::new(
            (x + 18.0, top - 9.0),
            font::shortened(captions[i], LABEL_SIZE, false, width - 18.0),
            LABEL_SIZE,
        ));
        if !image.is_empty() {
            let bitmap = gray::inverted(&gray::fitted(image, Pool::Mean).view(), Window::of(image, WINDOW.0, WINDOW.1));
            canvas.image((x, top), width, height(image), bitmap, true);
        }
        canvas.rect((x, top), width, height(image), Paint::stroke(palette::QUIET, 0.8));
    }
    let caption =
        format!("A: {}. B: {}. Inverted gray, each image windowed by its own quantiles.", captions[0], captions[1]);
    canvas.into_figure("side_by_side", caption, None)
}
