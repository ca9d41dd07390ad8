//! What a run computes with.

use crate::error::Error;

/// Where networks compute. All else is for the processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The graphics card that the system prefers.
    Gpu,
}

impl Device {
    /// Gets hold of it.
    ///
    /// # Errors
    /// If there is no graphics card, or the program was built without support for one.
    pub(crate) fn open(self) -> Result<sparkwave_nn::Device, Error> {
        match self {
            Self::Cpu => Ok(sparkwave_nn::cpu()),
            Self::Gpu => Ok(sparkwave_nn::gpu()?),
        }
    }
}

/// What a run may use of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compute {
    /// How many threads; one per core if none is given.
    pub threads: Option<usize>,
    /// Where its network computes, if it has one.
    pub device: Device,
}

/// So many threads, and the processor alone.
impl From<Option<usize>> for Compute {
    fn from(threads: Option<usize>) -> Self {
        Self { threads, device: Device::Cpu }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graphics_card_that_is_not_there_is_an_error_not_a_panic() {
        assert!(Device::Cpu.open().is_ok());
        match Device::Gpu.open() {
            Ok(device) => assert!(sparkwave_nn::card(&device).is_some()),
            Err(error) => assert!(error.to_string().starts_with("no graphics card can be used: "), "{error}"),
        }
    }
}
