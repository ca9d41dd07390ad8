//! Self-attention within the windows of an image (Liu et al., ICCV 2021), whose queries may be pooled (Ryali et al., ICML
//! 2023), without an image that is cut into windows or filled up to whole ones ever being made.

use super::{Task, Tokens};
use crate::error::{ShapeError, expect_len};
use crate::isa::Isa;
use crate::output::Output;
use rayon::prelude::*;

/// Images and their windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// How many images.
    pub images: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Heads.
    pub heads: usize,
    /// Numbers of a query, a key and a value of one head.
    pub length: usize,
    /// Rows and columns of a window. Those at the lower and right edge of an image may reach beyond it.
    pub edge: usize,
    /// Whether the largest numbers of 2 x 2 queries become one; height, width and edge must be even then.
    pub pooled: bool,
}

impl Windows {
    /// Along each axis, pixels of the result for one of the image.
    fn step(&self) -> usize {
        if self.pooled { 2 } else { 1 }
    }
}

/// Attention of each pixel to those of its window. `qkv` is `[images, height, width, 3, heads, length]`; pixels beyond the image
/// hold `beyond`, `[3, heads, length]`. `output` is `[images, height, width, heads, length]`, or half of height and width.
///
/// # Errors
///
/// If the edge is 0, what is to be pooled is not even, or a slice has another length than the sizes imply.
pub fn forward(isa: Isa, windows: Windows, qkv: &[f32], beyond: &[f32], output: &mut [f32]) -> Result<(), ShapeError> {
    let Windows { images, height, width, heads, length, edge, .. } = windows;
    let step = windows.step();
    if edge == 0 || [height, width, edge].iter().any(|n| n % step > 0) {
        return Err(ShapeError::Unsupported { what: "image or window", found: [height, width, edge] });
    }
    expect_len("qkv", qkv.len(), &[images, height, width, 3, heads, length])?;
    expect_len("beyond", beyond.len(), &[3, heads, length])?;
    expect_len("output", output.len(), &[images, height / step, width / step, heads, length])?;
    if output.is_empty() {
        return Ok(());
    }
    let (rows, columns) = (height.div_ceil(edge), width.div_ceil(edge));
    let output = Output::new(output);
    (0..images * rows * columns * heads).into_par_iter().for_each_init(Memory::default, |memory, task| {
        let (window, head) = (task / heads, task % heads);
        let (image, row, column) = (window / columns / rows, window / columns % rows, window % columns);
        let (y, x) = (row * edge, column * edge);
        let (h, w) = (edge.min(height - y), edge.min(width - x));
        let window = Window { windows, qkv, beyond, image, head, y, x, h, w };
        window.run(isa, memory, &output);
    });
    Ok(())
}

/// What is used again from window to window.
#[derive(Default)]
struct Memory {
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    task: Vec<f32>,
}

/// A window of one image and head.
struct Window<'a> {
    windows: Windows,
    qkv: &'a [f32],
    beyond: &'a [f32],
    image: usize,
    head: usize,
    /// The first row and column.
    y: usize,
    x: usize,
    /// Rows and columns that lie within the image.
    h: usize,
    w: usize,
}

impl Window<'_> {
    fn run(&self, isa: Isa, memory: &mut Memory, output: &Output<'_>) {
        let Windows { height, width, heads, length, edge, .. } = self.windows;
        let step = self.windows.step();
        let Memory { queries, keys, values, task } = memory;
        self.queries(queries);
        for (part, all) in [(1, &mut *keys), (2, &mut *values)] {
            all.clear();
            for at in 0..self.h * self.w {
                all.extend_from_slice(self.vector(part, at / self.w, at % self.w));
            }
        }
        let n_beyond = edge * edge - self.h * self.w;
        if n_beyond > 0 {
            for (part, all) in [(1, &mut *keys), (2, &mut *values)] {
                all.extend_from_slice(&self.beyond[(part * heads + self.head) * length..][..length]);
            }
        }
        let (w, n) = (self.w / step, self.h / step * (self.w / step));
        let n_keys = self.h * self.w + usize::from(n_beyond > 0);
        let of = |all, tokens| Tokens::contiguous(all, tokens, 1, length);
        let attend = Task {
            isa,
            sample: 0,
            head: 0,
            queries: of(queries, n),
            keys: of(keys, n_keys),
            values: of(values, n_keys),
            first: 0,
            end: n,
            last_counts: n_beyond,
        };
        attend.run(task, |query, mean| {
            let (y, x) = (self.y / step + query / w, self.x / step + query % w);
            let pixel = (self.image * (height / step) + y) * (width / step) + x;
            // SAFETY: each pixel belongs to one window, and each of its heads to one task.
            unsafe { output.write((pixel * heads + self.head) * length, mean) };
        });
    }

    /// The query, key or value (0, 1, 2) of a pixel of the window.
    fn vector(&self, part: usize, y: usize, x: usize) -> &[f32] {
        let Windows { height, width, heads, length, .. } = self.windows;
        let pixel = (self.image * height + self.y + y) * width + self.x + x;
        &self.qkv[((pixel * 3 + part) * heads + self.head) * length..][..length]
    }

    /// The queries, pooled if they are to be.
    fn queries(&self, all: &mut Vec<f32>) {
        let step = self.windows.step();
        all.clear();
        for at in 0..self.h / step * (self.w / step) {
            let (y, x) = (at / (self.w / step) * step, at % (self.w / step) * step);
            let first = all.len();
            all.extend_from_slice(self.vector(0, y, x));
            for (y, x) in [(y, x + 1), (y + 1, x), (y + 1, x + 1)].into_iter().take(3 * (step - 1)) {
                let others = all[first..].iter_mut().zip(self.vector(0, y, x));
                others.for_each(|(largest, value)| *largest = if *value > *largest { *value } else { *largest });
            }
        }
    }
}
