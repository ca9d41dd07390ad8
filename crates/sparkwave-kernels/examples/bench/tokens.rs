//! What transformers are made of: `attention:samples:heads:queries:keys:length:length of a value`,
//! `layer_norm:vectors:channels`, `gelu:values`.

use crate::Case;
use crate::layers::values;
use sparkwave_kernels::attention::{self, Tokens};
use sparkwave_kernels::{Isa, gelu, layer_norm};

pub(crate) fn case(isa: Isa, rest: &[usize]) -> Case {
    match *rest {
        [samples, heads, n_q, n_k, length, of_value] => {
            let of = |tokens: usize, length: usize| values(samples * tokens * heads * length);
            let (q, k, v, mut y) = (of(n_q, length), of(n_k, length), of(n_k, of_value), of(n_q, of_value));
            let flop = (2 * samples * heads * n_q * n_k * (length + of_value)) as f64;
            let run = Box::new(move || {
                let q = Tokens::contiguous(&q, n_q, heads, length);
                let k = Tokens::contiguous(&k, n_k, heads, length);
                let v = Tokens::contiguous(&v, n_k, heads, of_value);
                attention::forward(isa, samples, heads, q, k, v, &mut y).unwrap();
            });
            Case { run, flop }
        }
        [vectors, channels] => {
            let (x, mut y, line) = (values(vectors * channels), values(vectors * channels), values(channels));
            let run = Box::new(move || layer_norm::forward(isa, &line, &line, 1e-6, &x, &mut y).unwrap());
            Case { run, flop: (8 * vectors * channels) as f64 }
        }
        [n] => {
            let mut x = values(n);
            Case { run: Box::new(move || gelu::gelu(isa, &mut x)), flop: (30 * n) as f64 }
        }
        _ => panic!("{} numbers", rest.len()),
    }
}
