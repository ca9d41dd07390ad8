//! Which inputs reach which outputs: the taps of a kernel, at the resolution of the input.
//!
//! A transposed convolution of stride 2 computes, for each voxel of its input, 2 outputs along the axis. They are its
//! *phases*: each is a convolution of its own with some of the taps. An ordinary convolution has one phase.

/// One element of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tap {
    /// Its place in the kernel, the width running fastest.
    pub(crate) index: usize,
    /// Where its input lies relative to its output along depth, height and width: -1, 0 or 1 voxels.
    pub(crate) shift: [i8; 3],
}

impl Tap {
    /// The tap that leads from the output back to the input.
    pub(crate) const fn reversed(self) -> Self {
        let [z, y, x] = self.shift;
        Self { index: self.index, shift: [-z, -y, -x] }
    }
}

/// The taps that reach one of the outputs that belong to a voxel of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phase {
    /// Which output, along depth, height and width.
    pub(crate) at: [usize; 3],
    /// In the order in which products are added.
    pub(crate) taps: Vec<Tap>,
}

/// Elements of the kernel along one axis that reach each phase, each with its shift.
type Axis = &'static [&'static [(usize, i8)]];

/// The phases, the last axis running fastest; none if an axis is not one of those known to `axis`.
fn phases(kernel: [usize; 3], axis: impl Fn(usize) -> Option<Axis>) -> Option<Vec<Phase>> {
    let axes = [axis(0)?, axis(1)?, axis(2)?];
    let mut phases = Vec::new();
    for (pz, along_z) in axes[0].iter().enumerate() {
        for (py, along_y) in axes[1].iter().enumerate() {
            for (px, along_x) in axes[2].iter().enumerate() {
                let mut taps = Vec::new();
                for (kz, z) in *along_z {
                    for (ky, y) in *along_y {
                        for (kx, x) in *along_x {
                            taps.push(Tap { index: (kz * kernel[1] + ky) * kernel[2] + kx, shift: [*z, *y, *x] });
                        }
                    }
                }
                phases.push(Phase { at: [pz, py, px], taps });
            }
        }
    }
    Some(phases)
}

/// The single phase of a convolution that keeps the size; none unless each axis of the kernel is 1 or 3.
pub(crate) fn same(kernel: [usize; 3]) -> Option<Phase> {
    let axis = |i: usize| -> Option<Axis> {
        match kernel[i] {
            1 => Some(&[&[(0, 0)]]),
            3 => Some(&[&[(0, -1), (1, 0), (2, 1)]]),
            _ => None,
        }
    };
    phases(kernel, axis)?.pop()
}

/// The phases of a transposed convolution whose output is `stride` times its input; none unless each axis has a kernel
/// of 3 with stride 2 (padding 1, output padding 1) or 1 (padding 1), or a kernel as long as its stride, of 2 or 1.
pub(crate) fn transposed(kernel: [usize; 3], stride: [usize; 3]) -> Option<Vec<Phase>> {
    let axis = |i: usize| -> Option<Axis> {
        match (kernel[i], stride[i]) {
            // Output o gets input i through element k where o = 2 i - 1 + k.
            (3, 2) => Some(&[&[(1, 0)], &[(2, 0), (0, 1)]]),
            (3, 1) => Some(&[&[(2, -1), (1, 0), (0, 1)]]),
            (2, 2) => Some(&[&[(0, 0)], &[(1, 0)]]),
            (1, 1) => Some(&[&[(0, 0)]]),
            _ => None,
        }
    };
    phases(kernel, axis)
}
