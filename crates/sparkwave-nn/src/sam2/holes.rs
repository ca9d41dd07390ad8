//! Small holes in masks.

use burn::tensor::{Tensor, TensorData};

/// The logit of a hole that was filled: just inside.
const FILLED: f32 = 0.1;

/// Logits `[1, 1, y, x]` without holes: what is outside, at most 0, and hangs together (corners count) over no more than
/// `most` pixels is made inside. Specks of background at the border of the image are holes, too.
pub(super) fn fill(logits: Tensor<4>, most: usize) -> Tensor<4> {
    if most == 0 {
        return logits;
    }
    let (shape, device) = (logits.dims(), logits.device());
    let mut values: Vec<f32> = logits.into_data().iter::<f32>().collect();
    fill_values(&mut values, shape[3], most);
    Tensor::from_data(TensorData::new(values, shape), &device)
}

fn fill_values(values: &mut [f32], width: usize, most: usize) {
    let mut visited = vec![false; values.len()];
    let mut part = Vec::new();
    for start in 0..values.len() {
        if visited[start] || values[start] > 0.0 {
            continue;
        }
        visited[start] = true;
        part.clear();
        part.push(start);
        let mut next = 0;
        while let Some(&at) = part.get(next) {
            next += 1;
            let (y, x) = (at / width, at % width);
            for y in y.saturating_sub(1)..=y + 1 {
                for x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let neighbour = y * width + x;
                    if values.get(neighbour).is_some_and(|&v| v <= 0.0) && !visited[neighbour] {
                        visited[neighbour] = true;
                        part.push(neighbour);
                    }
                }
            }
        }
        if part.len() <= most {
            part.iter().for_each(|&at| values[at] = FILLED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_up_to_a_size_are_filled() {
        let text = "\
            #######\
            #.###.#\
            ####.##\
            #######\
            ....###\
            ....###";
        let values: Vec<f32> = text.bytes().map(|c| if c == b'#' { 1.0 } else { -1.0 }).collect();
        let filled = |most| {
            let mut values = values.clone();
            fill_values(&mut values, 7, most);
            values.iter().filter(|v| **v == FILLED).count()
        };
        // One pixel; two that touch at a corner; eight at the border.
        assert_eq!([0, 1, 2, 7, 8].map(filled), [0, 1, 3, 3, 11]);
    }
}
