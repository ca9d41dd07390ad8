//! The memory of a tracker as named arrays, so that a run can go on in another process.

use sparkwave_core::weights::Weights;

use super::Tracker;
use crate::error::{Error, Result};

impl Tracker {
    /// What came of following objects, as named arrays. What a person said is not among it.
    #[must_use]
    pub fn state(&self) -> Weights {
        let mut state = Weights::default();
        for (object, bank) in &self.objects {
            bank.state(&object.to_string(), &mut state);
        }
        state
    }

    /// Goes on from what [`Tracker::state`] gave, to a tracker that was told the same. All that follows is the same then, bit
    /// for bit. Objects that the state does not know have not been followed yet.
    ///
    /// # Errors
    /// If the arrays are not those of these objects.
    pub fn restore(&mut self, state: &Weights) -> Result<()> {
        let device = self.network.device();
        let is_known = |object: u32| state.parameters.keys().any(|name| name.starts_with(&format!("{object}.")));
        for (object, bank) in self.objects.iter_mut().filter(|(object, _)| is_known(**object)) {
            bank.restore(&object.to_string(), state, &device).ok_or_else(|| Error::Saved {
                name: "state",
                expected: format!("what was remembered of object {object}"),
                found: "other arrays".to_owned(),
            })?;
        }
        Ok(())
    }
}
