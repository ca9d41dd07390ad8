//! From the axes that a file states to one page a frame.

use crate::error::Error;
use crate::location::AxisChoice;
use std::path::Path;

/// Extents of the axes beyond rows and columns, and how pages run through them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axes {
    /// Who says so: `"ImageJ"`, `"OME-XML"`.
    pub(super) stated_by: &'static str,
    /// Number of channels.
    pub(super) c: u64,
    /// Number of planes in depth.
    pub(super) z: u64,
    /// Number of time points.
    pub(super) t: u64,
    /// The axes from the fastest to the slowest, a permutation of `"CZT"`.
    pub(super) order: [char; 3],
}

impl Axes {
    /// Number of pages that the extents call for; `None` on overflow.
    pub(super) fn n_pages(&self) -> Option<u64> {
        self.c.checked_mul(self.z)?.checked_mul(self.t)
    }

    /// The index of a plane in the order of the file.
    pub(super) fn plane(&self, c: u64, z: u64, t: u64) -> u64 {
        let mut index = 0;
        for axis in self.order.iter().rev() {
            let (extent, position) = match axis {
                'C' => (self.c, c),
                'Z' => (self.z, z),
                _ => (self.t, t),
            };
            index = index * extent + position;
        }
        index
    }

    /// The axes as a word such as `TZCYX`, those of one element left out.
    pub(super) fn name(&self) -> String {
        let mut name = String::from("T");
        name.extend(self.order.iter().rev().filter(|&&axis| match axis {
            'C' => self.c > 1,
            'Z' => self.z > 1,
            _ => false,
        }));
        name + "YX"
    }

    /// Settles on one channel and one plane in depth.
    ///
    /// An axis of several elements without a choice is an error that names all axes and shows how to choose.
    pub(super) fn choose(&self, path: &Path, choice: AxisChoice) -> Result<(u64, u64), Error> {
        let pick = |axis: &str, extent: u64, chosen: Option<u64>| match chosen {
            Some(index) if index >= extent => {
                let expected = format!("{axis} below {extent}");
                Err(Error::refused("open", path, expected, format!("{axis}={index}")))
            }
            Some(index) => Ok(index),
            None if extent == 1 => Ok(0),
            None => {
                let Self { stated_by, c, z, t, .. } = self;
                let found = format!("the axes T={t}, Z={z}, C={c} in its {stated_by} metadata");
                let expected = "one channel and one plane in depth; choose with ::c=0,z=0 after the file name, \
                                or take every page as a frame with ::pages";
                Err(Error::ambiguous("open", path, expected, found))
            }
        };
        Ok((pick("c", self.c, choice.c)?, pick("z", self.z, choice.z)?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn planes_are_counted_in_the_stated_order() {
        let axes = Axes { stated_by: "test", c: 2, z: 3, t: 5, order: ['C', 'Z', 'T'] };
        assert_eq!(axes.plane(1, 2, 4), 1 + 2 * 2 + 4 * 6);
        let axes = Axes { order: ['T', 'C', 'Z'], ..axes };
        assert_eq!(axes.plane(1, 2, 4), 4 + 5 + 2 * 10);
        assert_eq!(axes.name(), "TZCYX");
    }

    #[test]
    fn several_channels_need_a_choice() {
        let axes = Axes { stated_by: "ImageJ", c: 2, z: 1, t: 5, order: ['C', 'Z', 'T'] };
        let error = axes.choose(Path::new("a.tif"), AxisChoice::default()).unwrap_err().to_string();
        assert!(error.contains("T=5, Z=1, C=2") && error.contains("::c=0"), "{error}");
        let choice = AxisChoice { c: Some(1), ..Default::default() };
        assert_eq!(axes.choose(Path::new("a.tif"), choice).unwrap(), (1, 0));
        assert!(axes.choose(Path::new("a.tif"), AxisChoice { c: Some(2), ..Default::default() }).is_err());
    }
}
