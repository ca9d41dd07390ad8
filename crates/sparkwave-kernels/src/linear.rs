//! Linear layers: products of many vectors with one matrix, and what follows before a result is stored.
//!
//! A panel is some 48 rows of the matrix side by side. It is packed once for each thousand vectors, which are read where they
//! are; sums of a few vectors with a panel stay in registers.

use crate::error::{ShapeError, expect_len};
use crate::gelu::gelu_of;
use crate::isa::{Isa, for_each_isa};
use crate::output::Output;
use crate::panel::{COLUMNS, LANES, Rows, Start, VECTORS, add_products};
use rayon::prelude::*;

/// Vectors of one task.
const TASK: usize = 1024;
/// Vectors whose sums are formed together.
const TOGETHER: usize = 64;
/// Numbers of a vector that are multiplied together, so that the panel stays close.
const DEPTH: usize = 128;
/// Numbers of each row of the matrix that are packed together.
const PACKED: usize = 16;

/// What is done to a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// Zero below zero.
    Relu,
    /// The Gaussian error linear unit.
    Gelu,
}

/// A layer.
#[derive(Debug, Clone, Copy)]
pub struct Linear<'a> {
    /// `[outputs, inputs]`.
    pub weight: &'a [f32],
    /// `[outputs]`.
    pub bias: Option<&'a [f32]>,
    /// What is done to each sum.
    pub after: After,
    /// `[vectors, outputs]`, added to the results.
    pub residual: Option<&'a [f32]>,
}

/// `after(weight * input + bias) + residual` for each vector of `input`, `[vectors, inputs]`: `[vectors, outputs]`.
///
/// # Errors
///
/// If a slice has another length than the sizes imply.
pub fn forward(
    isa: Isa,
    layer: &Linear<'_>,
    [vectors, inputs, outputs]: [usize; 3],
    input: &[f32],
    output: &mut [f32],
) -> Result<(), ShapeError> {
    expect_len("input", input.len(), &[vectors, inputs])?;
    expect_len("output", output.len(), &[vectors, outputs])?;
    expect_len("weight", layer.weight.len(), &[outputs, inputs])?;
    if let Some(bias) = layer.bias {
        expect_len("bias", bias.len(), &[outputs])?;
    }
    if let Some(residual) = layer.residual {
        expect_len("residual", residual.len(), &[vectors, outputs])?;
    }
    let registers = outputs.div_ceil(LANES);
    let (panels, parts) = (registers.div_ceil(VECTORS), vectors.div_ceil(TASK));
    let output = Output::new(output);
    (0..panels * parts).into_par_iter().for_each_init(Vec::new, |memory, task| {
        let (panel, part) = (task / parts, task % parts);
        let column = |panel: usize| panel * registers / panels * LANES;
        let task = Task {
            isa,
            layer,
            inputs,
            outputs,
            first: column(panel),
            columns: column(panel + 1) - column(panel),
            input,
        };
        task.run(memory, part * TASK..vectors.min((part + 1) * TASK), &output);
    });
    Ok(())
}

/// Some of the outputs.
struct Task<'a> {
    isa: Isa,
    layer: &'a Linear<'a>,
    inputs: usize,
    outputs: usize,
    /// The first output.
    first: usize,
    /// How many, those that fill the last register counted.
    columns: usize,
    input: &'a [f32],
}

impl Task<'_> {
    fn run(&self, memory: &mut Vec<f32>, vectors: std::ops::Range<usize>, output: &Output<'_>) {
        let columns = self.columns;
        // What was there before is overwritten, so a task that is no larger than the one before clears nothing.
        let n = (TOGETHER + self.inputs) * columns;
        memory.resize(n.max(memory.len()), 0.0);
        let (sums, panel) = memory[..n].split_at_mut(TOGETHER * columns);
        let width = columns.min(self.outputs - self.first);
        self.pack(panel);
        let mut bias = [0.0; COLUMNS];
        if let Some(all) = self.layer.bias {
            bias[..width].copy_from_slice(&all[self.first..][..width]);
        }
        for first in vectors.clone().step_by(TOGETHER) {
            let n = TOGETHER.min(vectors.end - first);
            let sums = &mut sums[..n * columns];
            sums.chunks_exact_mut(columns).for_each(|row| row.copy_from_slice(&bias[..columns]));
            for (i, panel) in panel.chunks(DEPTH * columns).enumerate() {
                let first = first * self.inputs + i * DEPTH;
                let rows = Rows { data: self.input, first, rows: n, row_stride: self.inputs, step_stride: 1 };
                add_products(self.isa, rows, panel, columns, Start::Out, sums);
            }
            finish(self.isa, self.layer.after, sums);
            for (vector, row) in sums.chunks_exact_mut(columns).enumerate() {
                let place = (first + vector) * self.outputs + self.first;
                if let Some(residual) = self.layer.residual {
                    row.iter_mut().zip(&residual[place..][..width]).for_each(|(sum, past)| *sum += past);
                }
                // SAFETY: each output of each vector belongs to one task.
                unsafe { output.write(place, &row[..width]) };
            }
        }
    }

    /// Puts rows of the matrix side by side, `[inputs, columns]`.
    fn pack(&self, panel: &mut [f32]) {
        let (columns, inputs) = (self.columns, self.inputs);
        for (i, block) in panel.chunks_mut(PACKED * columns).enumerate() {
            let n = block.len() / columns;
            for column in 0..columns {
                let Some(row) = self.layer.weight.get((self.first + column) * inputs..).filter(|r| !r.is_empty())
                else {
                    block[column..].iter_mut().step_by(columns).for_each(|to| *to = 0.0);
                    continue;
                };
                let values = &row[i * PACKED..][..n];
                block[column..].iter_mut().step_by(columns).zip(values).for_each(|(to, value)| *to = *value);
            }
        }
    }
}

for_each_isa! {
    fn finish(after: After, sums: &mut [f32]) = finished
}

#[inline(always)]
fn finished(after: After, sums: &mut [f32]) {
    match after {
        After::Nothing => {}
        After::Relu => sums.iter_mut().for_each(|sum| *sum = if *sum < 0.0 { 0.0 } else { *sum }),
        After::Gelu => gelu_of(sums),
    }
}
