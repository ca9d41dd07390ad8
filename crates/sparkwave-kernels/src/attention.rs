//! Scaled dot-product attention (Vaswani et al. 2017), block by block (Rabe and Staats 2021; Dao et al. 2022): of the
//! scores of all queries with all keys, only those of a few exist at a time.
//!
//! Scores, weights and mixtures of up to 48 queries at a time are one panel each, with the queries side by side, so that
//! maxima and sums over keys are those of whole vectors. Keys and values are read where they are.

pub mod windows;

use crate::error::{ShapeError, expect_len, product};
use crate::exp2::exp2;
use crate::isa::{Isa, for_each_isa};
use crate::output::Output;
use crate::panel::{COLUMNS, LANES, Rows, Start, VECTORS, add_products};
use rayon::prelude::*;

/// Keys that are looked at together.
const KEYS: usize = 64;
/// Numbers of a query that are multiplied together, so that a panel of them stays close.
const DEPTH: usize = 128;
/// Most vectors of queries of one task, which share the keys while these are close.
const TASK: usize = 16;

/// Vectors of a sequence, for each of several samples and heads: number `i` of the vector of a token is
/// `data[sample * strides[0] + token * strides[1] + head * strides[2] + i]`.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    /// Where they are.
    pub data: &'a [f32],
    /// How many a sample.
    pub tokens: usize,
    /// Numbers of a vector.
    pub length: usize,
    /// Steps from sample to sample, token to token, head to head.
    pub strides: [usize; 3],
}

impl Tokens<'_> {
    /// Contiguous `[samples, tokens, heads, length]`.
    #[must_use]
    pub fn contiguous(data: &[f32], tokens: usize, heads: usize, length: usize) -> Tokens<'_> {
        let of_token = heads.saturating_mul(length);
        Tokens { data, tokens, length, strides: [tokens.saturating_mul(of_token), of_token, length] }
    }

    fn check(&self, what: &'static str, samples: usize, heads: usize) -> Result<(), ShapeError> {
        let sizes = [samples, self.tokens, heads];
        if product(&[samples, self.tokens, heads, self.length])? == 0 {
            return Ok(());
        }
        let last = sizes
            .iter()
            .zip(self.strides)
            .try_fold(self.length, |last, (n, stride)| last.checked_add((n - 1).checked_mul(stride)?))
            .ok_or(ShapeError::TooLarge)?;
        let found = self.data.len();
        if last <= found { Ok(()) } else { Err(ShapeError::Length { what, expected: last, found }) }
    }

    /// Where the vectors of a sample and head begin.
    fn first(&self, sample: usize, head: usize) -> usize {
        sample * self.strides[0] + head * self.strides[2]
    }
}

/// For each query, the mean of the values with the softmax of `query . key / sqrt(length)` as weights: `output` is
/// `[samples, queries, heads, length of a value]`. Without keys it is zero.
///
/// # Errors
///
/// If queries and keys, or keys and values, do not fit each other, or a slice is too short.
pub fn forward(
    isa: Isa,
    samples: usize,
    heads: usize,
    queries: Tokens<'_>,
    keys: Tokens<'_>,
    values: Tokens<'_>,
    output: &mut [f32],
) -> Result<(), ShapeError> {
    queries.check("queries", samples, heads)?;
    keys.check("keys", samples, heads)?;
    values.check("values", samples, heads)?;
    for (what, expected, found) in
        [("a key", queries.length, keys.length), ("the values, in tokens,", keys.tokens, values.tokens)]
    {
        if expected != found {
            return Err(ShapeError::Length { what, expected, found });
        }
    }
    expect_len("output", output.len(), &[samples, queries.tokens, heads, values.length])?;
    if keys.tokens == 0 {
        output.fill(0.0);
    }
    if output.is_empty() || keys.tokens == 0 {
        return Ok(());
    }
    let vectors = queries.tokens.div_ceil(LANES);
    let parts = vectors.div_ceil(TASK);
    let output = Output::new(output);
    (0..samples * heads * parts).into_par_iter().for_each_init(Vec::new, |memory, task| {
        let (sample, head, part) = (task / heads / parts, task / parts % heads, task % parts);
        let place = |part: usize| (part * vectors / parts * LANES).min(queries.tokens);
        let (first, end) = (place(part), place(part + 1));
        let task = Task { isa, sample, head, queries, keys, values, first, end, last_counts: 1 };
        task.run(memory, |query, mean| {
            let place = ((sample * queries.tokens + query) * heads + head) * values.length;
            // SAFETY: each query of each sample and head belongs to one panel of one task.
            unsafe { output.write(place, mean) };
        });
    });
    Ok(())
}

/// Some queries of one sample and head.
struct Task<'a> {
    isa: Isa,
    sample: usize,
    head: usize,
    queries: Tokens<'a>,
    keys: Tokens<'a>,
    values: Tokens<'a>,
    /// Queries from here ...
    first: usize,
    /// ... to here.
    end: usize,
    /// How many keys the last one stands for.
    last_counts: usize,
}

/// What is known of the queries of a panel after some of the keys.
struct Panel<'a> {
    /// How many columns there are, queries and what fills the last vector.
    columns: usize,
    /// `[length, columns]`, in units in which a softmax is made of powers of two.
    queries: &'a mut [f32],
    /// `[length of a value, columns]`, the sum of weighted values.
    mixed: &'a mut [f32],
    /// The largest score.
    largest: [f32; COLUMNS],
    /// The sum of weights.
    total: [f32; COLUMNS],
}

impl Task<'_> {
    /// Gives each query and its mean to `store`.
    fn run(&self, memory: &mut Vec<f32>, mut store: impl FnMut(usize, &[f32])) {
        let (length, of_value) = (self.queries.length, self.values.length);
        let vectors = (self.end - self.first).div_ceil(LANES);
        let n_panels = vectors.div_ceil(VECTORS);
        // What was there before is overwritten, so a task that is no larger than the one before clears nothing.
        let n = KEYS * COLUMNS + of_value + vectors * LANES * (length + of_value);
        memory.resize(n.max(memory.len()), 0.0);
        let (scores, rest) = memory.split_at_mut(KEYS * COLUMNS);
        let (mean, mut rest) = rest.split_at_mut(of_value);
        let mut panels = Vec::with_capacity(n_panels);
        for i in 0..n_panels {
            let columns = ((i + 1) * vectors / n_panels - i * vectors / n_panels) * LANES;
            let (queries, others) = rest.split_at_mut(columns * length);
            let (mixed, others) = others.split_at_mut(columns * of_value);
            rest = others;
            self.pack(self.first + i * vectors / n_panels * LANES, columns, queries);
            panels.push(Panel { columns, queries, mixed, largest: [f32::MIN; COLUMNS], total: [0.0; COLUMNS] });
        }
        for key in (0..self.keys.tokens).step_by(KEYS) {
            let n = KEYS.min(self.keys.tokens - key);
            for panel in &mut panels {
                self.look(key, n, panel, &mut scores[..n * panel.columns]);
            }
        }
        let mut query = self.first;
        for panel in &panels {
            self.means(query, panel, mean, &mut store);
            query += panel.columns;
        }
    }

    /// Puts queries side by side.
    fn pack(&self, first: usize, columns: usize, panel: &mut [f32]) {
        // So that exp(score) is a power of two.
        let unit = std::f32::consts::LOG2_E / (self.queries.length as f32).sqrt();
        let start = self.queries.first(self.sample, self.head);
        if self.end < first + columns {
            panel.fill(0.0);
        }
        for (column, query) in (first..self.end.min(first + columns)).enumerate() {
            let query = &self.queries.data[start + query * self.queries.strides[1]..][..self.queries.length];
            for (to, value) in panel[column..].iter_mut().step_by(columns).zip(query) {
                *to = value * unit;
            }
        }
    }

    /// Adds `n` keys from `key` on to what is known of a panel.
    fn look(&self, key: usize, n: usize, panel: &mut Panel<'_>, scores: &mut [f32]) {
        let columns = panel.columns;
        let strides = (self.keys.strides[1], self.values.strides[1]);
        for (i, queries) in panel.queries.chunks(DEPTH * columns).enumerate() {
            let first = self.keys.first(self.sample, self.head) + key * strides.0 + i * DEPTH;
            let rows = Rows { data: self.keys.data, first, rows: n, row_stride: strides.0, step_stride: 1 };
            add_products(self.isa, rows, queries, columns, if i == 0 { Start::Zero } else { Start::Out }, scores);
        }
        if key + n == self.keys.tokens && self.last_counts > 1 {
            let more = (self.last_counts as f32).log2();
            scores[(n - 1) * columns..].iter_mut().for_each(|score| *score += more);
        }
        let mut fade = [0.0; COLUMNS];
        weigh(self.isa, columns, scores, &mut panel.largest, &mut panel.total, &mut fade);
        let first = self.values.first(self.sample, self.head) + key * strides.1;
        let of_value = self.values.length;
        let rows = Rows { data: self.values.data, first, rows: of_value, row_stride: 1, step_stride: strides.1 };
        let start = if key == 0 { Start::Zero } else { Start::Scaled(&fade) };
        add_products(self.isa, rows, scores, columns, start, panel.mixed);
    }

    /// The means of a panel whose first query is `query`, one after the other.
    fn means(&self, query: usize, panel: &Panel<'_>, mean: &mut [f32], store: &mut impl FnMut(usize, &[f32])) {
        for (column, query) in (query..self.end.min(query + panel.columns)).enumerate() {
            let part = 1.0 / panel.total[column];
            for (to, sum) in mean.iter_mut().zip(panel.mixed[column..].iter().step_by(panel.columns)) {
                *to = sum * part;
            }
            store(query, mean);
        }
    }
}

for_each_isa! {
    /// Makes weights of scores `[keys, columns]`: powers of two of their distance to the largest so far. `fade` is by how
    /// much what was summed before must shrink for that.
    fn weigh(
        columns: usize,
        scores: &mut [f32],
        largest: &mut [f32; COLUMNS],
        total: &mut [f32; COLUMNS],
        fade: &mut [f32; COLUMNS],
    ) = weights_of
}

#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    reason = "compilers make vectors of plain loops over arrays, not of iterators here"
)]
fn weights_of(
    columns: usize,
    scores: &mut [f32],
    largest: &mut [f32; COLUMNS],
    total: &mut [f32; COLUMNS],
    fade: &mut [f32; COLUMNS],
) {
    let n = columns / LANES;
    let vectors = scores.as_chunks_mut::<LANES>().0;
    let state = largest.as_chunks_mut::<LANES>().0.iter_mut().zip(total.as_chunks_mut::<LANES>().0);
    for (v, ((largest, total), fade)) in state.zip(fade.as_chunks_mut::<LANES>().0).enumerate().take(n) {
        let mut top = *largest;
        for scores in vectors[v..].iter().step_by(n) {
            for i in 0..LANES {
                // A score that is not a number stays.
                top[i] = if scores[i] <= top[i] { top[i] } else { scores[i] };
            }
        }
        let mut sum = [0.0; LANES];
        for scores in vectors[v..].iter_mut().step_by(n) {
            for i in 0..LANES {
                let weight = exp2(scores[i] - top[i]);
                scores[i] = weight;
                sum[i] += weight;
            }
        }
        for i in 0..LANES {
            fade[i] = exp2(largest[i] - top[i]);
            total[i] = total[i] * fade[i] + sum[i];
            largest[i] = top[i];
        }
    }
}
