//! One image, asked about as often as one likes: the semantics of the published image predictor.

use burn::tensor::{Tensor, TensorData};
use ndarray::{Array2, ArrayView2, ArrayView3};

use super::picture;
use crate::error::{Error, Result};
use crate::models::sam2::{Features, Point, Sam2};

/// Logits that go back in as a prompt are no surer than this.
const SUREST: f32 = 32.0;

/// What a prompt may mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The logits `[y, x]` of its mask, of the size of the image; above 0 is inside.
    pub logits: Array2<f32>,
    /// The same at a quarter of the network's resolution, from -32 to 32: what may go into the next prompt.
    pub coarse: Array2<f32>,
    /// The overlap (IoU) that the network expects the mask to have with the object, 0 to 1.
    pub quality: f32,
}

/// An image that was looked at.
#[derive(Debug)]
pub struct ImagePredictor<'a> {
    network: &'a Sam2,
    /// Of the image, `[y, x]`.
    size: [usize; 2],
    features: Features,
}

impl<'a> ImagePredictor<'a> {
    /// Looks at an image `[3, y, x]`, red, green and blue from 0 to 1.
    ///
    /// # Errors
    /// If the image is empty or has not three colours.
    pub fn new(network: &'a Sam2, image: ArrayView3<f32>) -> Result<Self> {
        let (colours, h, w) = image.dim();
        if colours != 3 || h == 0 || w == 0 {
            let expected = "3 colours of some pixels".to_owned();
            return Err(Error::Parameter { name: "image", expected, found: format!("{:?}", image.shape()) });
        }
        let features = network.encode(picture::seen(image, network.image_px(), &network.device()));
        Ok(Self { network, size: [h, w], features })
    }

    /// What the points of an object and the coarse logits of an earlier proposal mean; the corners of a box come before other
    /// points. Three proposals if they can mean `several` things, as one click can; one otherwise.
    ///
    /// # Errors
    /// If neither points nor logits are given, a point is not a number, or the logits have another size than those of a
    /// proposal.
    pub fn predict(&self, points: &[Point], coarse: Option<ArrayView2<f32>>, several: bool) -> Result<Vec<Proposal>> {
        if points.is_empty() && coarse.is_none() {
            let (expected, found) = ("points or a mask".to_owned(), "neither".to_owned());
            return Err(Error::Parameter { name: "prompt", expected, found });
        }
        let points = picture::points(points, self.size, self.network.image_px())?;
        let coarse = coarse.map(|logits| self.coarse(logits)).transpose()?;
        let decoded = self.network.propose(&self.features, &points, coarse, several);
        let quality: Vec<f32> = decoded.quality.into_data().iter::<f32>().collect();
        let of = |(i, quality): (usize, f32)| {
            let mask = decoded.masks.clone().narrow(1, i, 1);
            let [.., h, w] = mask.dims();
            let coarse = picture::said(mask.clone().clamp(-SUREST, SUREST), [h, w]);
            Proposal { logits: picture::said(mask, self.size), coarse, quality }
        };
        Ok(quality.into_iter().enumerate().map(of).collect())
    }

    /// Coarse logits as the network wants them.
    fn coarse(&self, logits: ArrayView2<f32>) -> Result<Tensor<4>> {
        let edge = self.network.image_px() / 4;
        if logits.dim() != (edge, edge) {
            let (expected, found) = (format!("of {:?}", [edge; 2]), format!("{:?}", logits.shape()));
            return Err(Error::Parameter { name: "mask", expected, found });
        }
        let values: Vec<f32> = logits.iter().copied().collect();
        Ok(Tensor::from_data(TensorData::new(values, [1, 1, edge, edge]), &self.network.device()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::sam2::Mark;
    use crate::models::sam2::config::Sam2Config;
    use ndarray::Array3;

    #[test]
    fn prompts_that_say_nothing_are_refused() {
        let config = Sam2Config { image_px: 64, ..Sam2Config::tiny() };
        let network = Sam2::untrained(&config, 1, &crate::cpu()).expect("valid");
        assert!(ImagePredictor::new(&network, Array3::zeros((1, 20, 30)).view()).is_err());
        assert!(ImagePredictor::new(&network, Array3::zeros((3, 0, 30)).view()).is_err());
        let predictor = ImagePredictor::new(&network, Array3::zeros((3, 20, 30)).view()).expect("an image");
        let refused = |found: Result<Vec<Proposal>>, what: &str| {
            let error = found.expect_err(what).to_string();
            assert!(error.contains(what), "{error}");
        };
        refused(predictor.predict(&[], None, true), "prompt");
        let nowhere = Point { x_px: 3.0, y_px: f32::INFINITY, mark: Mark::Inside };
        refused(predictor.predict(&[nowhere], None, true), "point");
        refused(predictor.predict(&[], Some(Array2::zeros((20, 30)).view()), true), "mask");
        let middle = Point { x_px: 15.0, y_px: 10.0, mark: Mark::Inside };
        let found = predictor.predict(&[middle], None, true).expect("valid");
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|p| p.logits.dim() == (20, 30) && p.coarse.dim() == (16, 16)));
    }
}
