//! What a person, or a detector in a person's place, points at so that an object is followed from there.

use crate::axes::PointYx;
use crate::mask::Mask;

/// A hint about one object in one frame. What it holds counts together; any part may be absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// Frame, 0-based; for waves the interval.
    pub frame: usize,
    /// The object that it is about; prompts of one object may be in any number of frames.
    pub object: u32,
    /// Points inside the object.
    pub positive: Vec<PointYx>,
    /// Points outside the object.
    pub negative: Vec<PointYx>,
    /// A box around the object.
    pub bounds: Option<Bounds>,
    /// The object itself.
    pub mask: Option<Mask>,
    /// A person has seen that it is right: what is said here stands, whatever else is found. Where nothing else is said, the
    /// object is not there.
    pub verified: bool,
}

/// A box with its edges parallel to the axes; corners are inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Corner with the smaller coordinates.
    pub from: PointYx,
    /// Corner with the larger coordinates.
    pub to: PointYx,
}

impl Bounds {
    /// True if the point lies inside or on the edge.
    pub fn contains(self, point: PointYx) -> bool {
        (self.from.y..=self.to.y).contains(&point.y) && (self.from.x..=self.to.x).contains(&point.x)
    }
}

impl Prompt {
    /// A person has seen that the object is not in the frame.
    pub fn absence(frame: usize, object: u32) -> Self {
        let (positive, negative) = (Vec::new(), Vec::new());
        Self { frame, object, positive, negative, bounds: None, mask: None, verified: true }
    }

    /// True if the object is said not to be there.
    pub fn is_absence(&self) -> bool {
        let says_where = !self.positive.is_empty() || !self.negative.is_empty();
        self.verified && !says_where && self.bounds.is_none() && self.mask.is_none()
    }

    /// The prompt that an annotator would give for a mask: its box and the pixel of it that lies deepest, measured along
    /// rows and columns.
    pub fn of_mask(frame: usize, object: u32, mask: &Mask) -> Self {
        let (height, width) = mask.bits().dim();
        let point = |y: usize, x: usize| PointYx { y: y as f64, x: x as f64 };
        let bounds =
            Bounds { from: point(mask.y0(), mask.x0()), to: point(mask.y0() + height - 1, mask.x0() + width - 1) };
        let run = |y: usize, x: usize, dy: isize, dx: isize| {
            let step = |i: isize| (y.wrapping_add_signed(dy * i), x.wrapping_add_signed(dx * i));
            (1..).take_while(|&i| mask.contains(step(i).0, step(i).1)).count()
        };
        let depth = |&(y, x): &(usize, usize)| {
            [(1, 0), (-1, 0), (0, 1), (0, -1)].into_iter().map(|(dy, dx)| run(y, x, dy, dx)).min()
        };
        let deepest = mask.pixels().max_by_key(depth).map(|(y, x)| point(y, x));
        Self {
            frame,
            object,
            positive: deepest.into_iter().collect(),
            negative: Vec::new(),
            bounds: Some(bounds),
            mask: None,
            verified: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crescent_is_pointed_at_inside_although_its_centroid_is_outside() {
        let ring = (0..21usize).flat_map(|y| (0..21usize).map(move |x| (y, x))).filter(|&(y, x)| {
            let r = (y as f64 - 10.0).hypot(x as f64 - 10.0);
            (6.0..=10.0).contains(&r) && x >= 10
        });
        let mask = Mask::of_pixels(ring).expect("pixels");
        let prompt = Prompt::of_mask(3, 1, &mask);
        let point = prompt.positive[0];
        assert!(mask.contains(point.y as usize, point.x as usize));
        let bounds = prompt.bounds.expect("a box");
        assert_eq!((bounds.from.y, bounds.to.y, bounds.to.x), (0.0, 20.0, 20.0));
        assert!(bounds.contains(point));
    }
}
