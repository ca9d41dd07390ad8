//! How many of the unlabeled voxels belong to events: the class prior of learning from positive and unlabeled data (Kiryo et
//! al., NeurIPS 2017), from recordings that a person has been through.

use super::streams::blocks;
use super::validate::Labelled;
use crate::error::Error;
use sparkwave_nn::loss::Loss;
use sparkwave_nn::stream::Stream;

/// The loss with its class prior, estimated if it is to be.
///
/// # Errors
/// If there is nothing to estimate it from, or a recording cannot be read.
pub(super) fn with_prior(loss: Loss, train: &[Stream], valid: &[Labelled]) -> Result<Loss, Error> {
    let Loss::NnPu { prior: None } = loss else { return Ok(loss) };
    let all = density(valid.iter().map(|v| &v.stream))?;
    let Some(all) = all else {
        let expected = "a number, or validation recordings to estimate it from";
        return Err(Error::Parameter { name: "class prior", expected, found: "none".into() });
    };
    let known = density(train.iter())?.unwrap_or(0.0);
    Ok(Loss::NnPu { prior: Some(of_unlabeled(all, known)) })
}

/// The part of the unlabeled voxels that belong to events, if `all` of all do and `known` are labelled.
fn of_unlabeled(all: f64, known: f64) -> f64 {
    if known < 1.0 { ((all - known) / (1.0 - known)).max(0.0) } else { 0.0 }
}

/// The part of the voxels of the foreground that belong to known events; `None` if there is no foreground.
fn density<'a>(streams: impl Iterator<Item = &'a Stream>) -> Result<Option<f64>, Error> {
    let (mut n_events, mut n_all) = (0u64, 0u64);
    for stream in streams {
        for block in blocks(stream.label.as_ref()) {
            for frame in block?.1.outer_iter() {
                let inside = frame.iter().zip(&stream.foreground).filter(|(_, inside)| **inside);
                n_events += inside.filter(|(label, _)| **label > 0.0).count() as u64;
            }
        }
        n_all +=
            stream.label.shape().n_frames as u64 * stream.foreground.iter().filter(|inside| **inside).count() as u64;
    }
    Ok((n_all > 0).then(|| n_events as f64 / n_all as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::validate::with_truth;
    use ndarray::{Array2, Array3, s};
    use sparkwave_core::movie::Pixels;
    use sparkwave_core::recording::Recording;
    use sparkwave_core::source::InMemory;
    use std::sync::Arc;

    /// Half of it foreground, of which `n` of 10 frames are an event.
    fn stream(n: usize) -> Stream {
        let mut label = Array3::<f32>::zeros((10, 4, 6));
        label.slice_mut(s![..n, .., ..]).fill(3.0);
        let foreground = Array2::from_shape_fn((4, 6), |(y, _)| y < 2);
        let source = Arc::new(InMemory::new(Recording::default(), Pixels::F32(label)));
        Stream { name: String::new(), input: source.clone(), label: source, events: Vec::new(), foreground }
    }

    #[test]
    fn the_prior_is_what_is_not_yet_known() {
        let valid = with_truth(vec![stream(4), stream(2)]).expect("readable");
        let of = |train: &[Stream], valid: &[Labelled]| with_prior(Loss::NnPu { prior: None }, train, valid);
        let Ok(Loss::NnPu { prior: Some(prior) }) = of(&[stream(1)], &valid) else { panic!("a prior") };
        // Three tenths belong to events, one tenth is known: two of the other nine.
        assert!((prior - 2.0 / 9.0).abs() < 1e-12, "{prior}");
        let Ok(Loss::NnPu { prior: Some(none) }) = of(&[stream(9)], &valid) else { panic!("a prior") };
        assert_eq!(none, 0.0);
        assert!(of(&[stream(1)], &[]).expect_err("from nothing").to_string().contains("class prior"));
        assert_eq!(with_prior(Loss::Mse, &[], &[]).expect("it has none"), Loss::Mse);
    }
}
