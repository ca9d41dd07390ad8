//! What came of following one object, as named arrays.

use burn::tensor::{Device, Tensor, TensorData};
use sparkwave_core::weights::{Parameter, Weights};

use super::{Bank, Direction, Seen};

/// What marks a corrected frame.
const CORRECTED: &str = "corrected";

impl Bank {
    /// Adds what was followed and what was corrected, and in which direction frames were passed, under names that begin with
    /// `prefix`. What a person said before anything was followed is not among it.
    pub(in crate::sam2) fn state(&self, prefix: &str, into: &mut Weights) {
        let mut add = |name: String, array: Parameter| into.parameters.insert(format!("{prefix}.{name}"), array);
        let corrected = self.corrected.iter().filter_map(|frame| Some((frame, self.prompted.get(frame)?)));
        for (frame, seen) in self.followed.iter().chain(corrected) {
            add(format!("{frame}.mask"), array(&seen.mask));
            add(format!("{frame}.memory"), array(&seen.memory));
            add(format!("{frame}.pointer"), array(&seen.pointer));
            add(format!("{frame}.trust"), Parameter::new(vec![2], vec![seen.quality, seen.presence]));
        }
        for frame in &self.corrected {
            add(format!("{frame}.{CORRECTED}"), Parameter::new(vec![1], vec![1.0]));
        }
        // Numbers of frames are exact: movies have at most 2^24.
        let way = |direction| if direction == Direction::Forwards { 1.0 } else { -1.0 };
        let passed = self.passed.iter().flat_map(|(&frame, &direction)| [frame as f32, way(direction)]).collect();
        add("passed".to_owned(), Parameter::new(vec![self.passed.len(), 2], passed));
    }

    /// Takes back what [`Bank::state`] gave; `None` if it is not that.
    pub(in crate::sam2) fn restore(&mut self, prefix: &str, state: &Weights, device: &Device) -> Option<()> {
        let within = format!("{prefix}.");
        let named = state.parameters.range(within.clone()..).take_while(|(name, _)| name.starts_with(&within));
        let named: Vec<(&str, &Parameter)> = named.map(|(name, array)| (&name[within.len()..], array)).collect();
        let passed = named.iter().find(|(name, _)| *name == "passed")?.1;
        self.passed.clear();
        for pair in passed.values.chunks_exact(2) {
            let direction = if pair[1] > 0.0 { Direction::Forwards } else { Direction::Backwards };
            self.passed.insert(pair[0] as usize, direction);
        }
        self.followed.clear();
        for (name, mask) in &named {
            let Some(frame) = name.strip_suffix(".mask") else { continue };
            let other = |what: &str| state.parameters.get(&format!("{within}{frame}.{what}"));
            let trust = &other("trust")?.values;
            let seen = Seen {
                mask: tensor(mask, device)?,
                memory: tensor(other("memory")?, device)?,
                pointer: tensor(other("pointer")?, device)?,
                quality: *trust.first()?,
                presence: *trust.get(1)?,
            };
            let frame_number = frame.parse().ok()?;
            if other(CORRECTED).is_some() {
                self.correct(frame_number, seen);
            } else {
                self.followed.insert(frame_number, seen);
            }
        }
        Some(())
    }
}

fn array<const D: usize>(tensor: &Tensor<D>) -> Parameter {
    Parameter::new(tensor.dims().to_vec(), tensor.clone().into_data().iter::<f32>().collect())
}

fn tensor<const D: usize>(array: &Parameter, device: &Device) -> Option<Tensor<D>> {
    let shape: [usize; D] = array.shape.as_slice().try_into().ok()?;
    Some(Tensor::from_data(TensorData::new(array.values.clone(), shape), device))
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    #[test]
    fn what_was_followed_comes_back_and_what_was_said_stays() {
        let (mut bank, device) = (Bank::default(), crate::cpu());
        bank.prompt(5, seen());
        bank.pass(5, Direction::Forwards);
        bank.follow(6, Seen { quality: 0.25, presence: -3.5, ..seen() });
        bank.pass(6, Direction::Backwards);
        bank.correct(7, Seen { quality: 0.5, ..seen() });
        let mut state = Weights::default();
        bank.state("1", &mut state);
        bank.state("11", &mut state);
        let mut other = Bank::default();
        other.prompt(5, seen());
        other.restore("1", &state, &device).expect("just written");
        assert!(other.prompted(5).is_some() && other.followed.len() == 1 && other.passed == bank.passed);
        assert_eq!((other.prompted(7).map(|seen| seen.quality), other.corrected.contains(&7)), (Some(0.5), true));
        let found = other.seen(6).expect("followed");
        assert_eq!((found.quality, found.presence, found.mask.dims()), (0.25, -3.5, [1, 1, 4, 4]));
        state.parameters.remove("1.6.trust");
        assert!(other.restore("1", &state, &device).is_none() && other.restore("2", &state, &device).is_none());
    }
}
