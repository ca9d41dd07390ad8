//! Parts of the image plane: which pixels, and values on them. Both are cropped to a bounding box.

use ndarray::Array2;

/// A set of pixels, cropped to its bounding box; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    y0: usize,
    x0: usize,
    bits: Array2<bool>,
}

impl Mask {
    /// The pixels that are `true` in an image `[Y, X]`, or `None` if there are none.
    pub fn of_image(image: &Array2<bool>) -> Option<Self> {
        Self::of_pixels(image.indexed_iter().filter(|(_, inside)| **inside).map(|(at, _)| at))
    }

    /// The pixels `(y, x)`, in any order, or `None` if there are none.
    pub fn of_pixels(pixels: impl IntoIterator<Item = (usize, usize)>) -> Option<Self> {
        let pixels: Vec<(usize, usize)> = pixels.into_iter().collect();
        let y0 = pixels.iter().map(|p| p.0).min()?;
        let x0 = pixels.iter().map(|p| p.1).min()?;
        let y1 = pixels.iter().map(|p| p.0).max()?;
        let x1 = pixels.iter().map(|p| p.1).max()?;
        let mut bits = Array2::from_elem((y1 - y0 + 1, x1 - x0 + 1), false);
        for (y, x) in pixels {
            bits[[y - y0, x - x0]] = true;
        }
        Some(Self { y0, x0, bits })
    }

    /// First row of the bounding box.
    pub fn y0(&self) -> usize {
        self.y0
    }

    /// First column of the bounding box.
    pub fn x0(&self) -> usize {
        self.x0
    }

    /// The bounding box `[Y, X]`; `true` inside.
    pub fn bits(&self) -> &Array2<bool> {
        &self.bits
    }

    /// True if the pixel belongs to the mask.
    pub fn contains(&self, y: usize, x: usize) -> bool {
        let at = (y.wrapping_sub(self.y0), x.wrapping_sub(self.x0));
        self.bits.get(at).copied().unwrap_or(false)
    }

    /// Number of pixels, at least 1.
    pub fn n_pixels(&self) -> usize {
        self.bits.iter().filter(|b| **b).count()
    }

    /// The pixels `(y, x)` in image coordinates, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.bits.indexed_iter().filter(|(_, inside)| **inside).map(|((y, x), _)| (y + self.y0, x + self.x0))
    }

    /// The mask as an image of the given size; pixels beyond it are left out.
    pub fn to_image(&self, height: usize, width: usize) -> Array2<bool> {
        let mut image = Array2::from_elem((height, width), false);
        self.pixels().filter(|&(y, x)| y < height && x < width).for_each(|at| image[at] = true);
        image
    }
}

/// Values on part of the image plane, cropped to a bounding box; NaN where there is none.
#[derive(Clone, Debug)]
pub struct Patch {
    /// First row of the bounding box.
    pub y0: usize,
    /// First column of the bounding box.
    pub x0: usize,
    /// The values `[Y, X]`; NaN where the quantity is not defined.
    pub values: Array2<f32>,
}

impl Patch {
    /// Crops an image `[Y, X]` to the box of its finite values; an image without any gives an empty patch.
    pub fn of_image(image: &Array2<f32>) -> Self {
        let finite = image.mapv(f32::is_finite);
        let Some(mask) = Mask::of_image(&finite) else {
            return Self { y0: 0, x0: 0, values: Array2::zeros((0, 0)) };
        };
        let (height, width) = mask.bits.dim();
        let values = image.slice(ndarray::s![mask.y0..mask.y0 + height, mask.x0..mask.x0 + width]).to_owned();
        Self { y0: mask.y0, x0: mask.x0, values }
    }

    /// The value at a pixel in image coordinates, if it is defined there.
    pub fn at(&self, y: usize, x: usize) -> Option<f32> {
        let at = (y.wrapping_sub(self.y0), x.wrapping_sub(self.x0));
        self.values.get(at).copied().filter(|v| v.is_finite())
    }

    /// The defined values with their pixels `(y, x)` in image coordinates, row by row.
    pub fn iter(&self) -> impl Iterator<Item = ((usize, usize), f32)> + '_ {
        let place = |((y, x), v): ((usize, usize), &f32)| ((y + self.y0, x + self.x0), *v);
        self.values.indexed_iter().map(place).filter(|(_, v)| v.is_finite())
    }

    /// The patch as an image of the given size, NaN outside.
    pub fn to_image(&self, height: usize, width: usize) -> Array2<f32> {
        let mut image = Array2::from_elem((height, width), f32::NAN);
        self.iter().filter(|((y, x), _)| *y < height && *x < width).for_each(|(at, v)| image[at] = v);
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_cropped_and_keeps_its_pixels() {
        let pixels = [(3, 9), (5, 7), (3, 8)];
        let mask = Mask::of_pixels(pixels).expect("three pixels");
        assert_eq!((mask.y0(), mask.x0(), mask.bits().dim(), mask.n_pixels()), (3, 7, (3, 3), 3));
        assert!(mask.contains(5, 7) && !mask.contains(4, 8) && !mask.contains(0, 0) && !mask.contains(99, 99));
        assert_eq!(mask.pixels().collect::<Vec<_>>(), [(3, 8), (3, 9), (5, 7)]);
        assert_eq!(Mask::of_image(&mask.to_image(6, 10)).as_ref(), Some(&mask));
        assert_eq!(Mask::of_pixels([]), None);
    }

    #[test]
    fn a_patch_knows_where_it_is_undefined() {
        let mut image = Array2::from_elem((4, 5), f32::NAN);
        image[[1, 2]] = 7.0;
        image[[2, 4]] = -1.0;
        let patch = Patch::of_image(&image);
        assert_eq!((patch.y0, patch.x0, patch.values.dim()), (1, 2, (2, 3)));
        assert_eq!((patch.at(2, 4), patch.at(1, 3), patch.at(0, 0)), (Some(-1.0), None, None));
        assert_eq!(patch.iter().collect::<Vec<_>>(), [((1, 2), 7.0), ((2, 4), -1.0)]);
        assert_eq!(patch.to_image(4, 5)[[2, 4]], -1.0);
    }
}
