//! Where networks compute: the processor, or a graphics card.
//!
//! On the processor the layers of volumes are our own kernels; on a card they are the tensor library's, in the same order of
//! layers with the same weights. Sums are taken in another order there, so the two agree to a tolerance and not bit for bit:
//! 1e-4 of probabilities, of distances in voxels, and of a gradient's norm, to which the tests of [`gpu`] hold every network.

#[cfg(all(test, feature = "wgpu"))]
mod tests;

use burn::tensor::{Device, Tensor};

use crate::error::{Error, Result};

/// The longest array that WebGPU promises to bind to a kernel, in bytes.
const BINDING_BYTES: usize = 128 << 20;

/// The processor. With [`Device::autodiff`] it keeps what gradients need.
#[must_use]
pub fn cpu() -> Device {
    Device::flex()
}

/// The variable by which the tensor library is told to take another card than the one it prefers.
#[cfg(feature = "wgpu")]
const CHOICE: &str = "CUBECL_WGPU_DEFAULT_DEVICE";

/// The graphics card that the system prefers, through Vulkan, Metal, DirectX 12 or OpenGL. The variable
/// `CUBECL_WGPU_DEFAULT_DEVICE` of the tensor library chooses another, such as `IntegratedGpu(0)`.
///
/// Software that imitates a card is not taken unless chosen (`Cpu`): it is slower than our kernels, and Mesa's stops the loops
/// of a kernel after 65,535 rounds, which makes gradients of large crops wrong without a word.
///
/// # Errors
/// If this build has no support for a card (feature `wgpu`), or there is none.
pub fn gpu() -> Result<Device> {
    #[cfg(feature = "wgpu")]
    {
        use burn::tensor::wgpu::WgpuInitError;
        let device = match Device::wgpu_options().init() {
            Ok(device) => device,
            // Opened before by this process.
            Err(WgpuInitError::Registration { .. }) => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
            Err(WgpuInitError::AdapterUnavailable { message, .. }) => return Err(Error::Device(message)),
            Err(error) => return Err(Error::Device(error.to_string())),
        };
        let software = device.identity().filter(|identity| identity.physical.is_none());
        match software {
            Some(identity) if std::env::var_os(CHOICE).is_none() => {
                let name = identity.name;
                Err(Error::Device(format!(
                    "there is only {name}, which is software; {CHOICE}=Cpu takes it all the same"
                )))
            }
            _ => Ok(device),
        }
    }
    #[cfg(not(feature = "wgpu"))]
    Err(Error::Device("this program was built for the processor alone; build it with `--features gpu`".into()))
}

/// The name of a graphics card; none of the processor.
#[must_use]
pub fn card(device: &Device) -> Option<String> {
    #[cfg(feature = "wgpu")]
    return device.identity().map(|identity| identity.name);
    #[cfg(not(feature = "wgpu"))]
    {
        let _ = device;
        None
    }
}

/// Whether a network whose longest array takes so many bytes can run there.
pub(crate) fn holds(device: &Device, bytes: usize) -> bool {
    crate::op::is_cpu(device) || bytes <= BINDING_BYTES
}

/// The values of a tensor, as soon as they are computed.
///
/// # Errors
/// If the device could not compute them, such as for lack of memory.
pub(crate) fn read<const D: usize>(x: Tensor<D>) -> Result<Vec<f32>> {
    let data = x.try_into_data().map_err(|e| Error::Compute(e.to_string().replace('\n', " ")))?;
    Ok(data.iter::<f32>().collect())
}
