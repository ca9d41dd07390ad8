//! Objects that were followed through a movie do not share pixels.

use ndarray::Array2;

use crate::sam2::Followed;

/// Leaves every pixel to the surest of the objects whose logits are above `claimed` there, the first of equally sure ones.
/// `beaten` of the surest logit is what the others have at most.
pub(crate) fn set_apart(found: &mut [Followed], claimed: f32, beaten: impl Fn(f32) -> f32) {
    let Some(first) = found.first() else { return };
    let mut surest = Array2::from_elem(first.logits.dim(), (0, claimed));
    for (i, Followed { logits, .. }) in found.iter().enumerate() {
        surest.zip_mut_with(logits, |best, &logit| {
            if logit > best.1 {
                *best = (i, logit);
            }
        });
    }
    for (i, Followed { logits, .. }) in found.iter_mut().enumerate() {
        logits.zip_mut_with(&surest, |logit, &(owner, best)| {
            if owner != i {
                *logit = logit.min(beaten(best));
            }
        });
    }
}
