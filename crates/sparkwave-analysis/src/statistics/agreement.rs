//! How far two masks, or two observers, agree.

use serde::Serialize;

/// Pixels by who counts them in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// In both masks.
    pub both: u64,
    /// In the first only.
    pub first_only: u64,
    /// In the second only.
    pub second_only: u64,
    /// In neither, of the pixels that could have been chosen (the cortex, not the image): [`Agreement::kappa`] alone asks.
    pub neither: u64,
}

impl Agreement {
    /// 2 |A and B| / (|A| + |B|); `None` if both masks are empty, where the published code has 0.
    pub fn dice(&self) -> Option<f64> {
        ratio(2.0 * self.both as f64, (2 * self.both + self.first_only + self.second_only) as f64)
    }

    /// |A and B| / |A or B|; `None` if both masks are empty.
    pub fn iou(&self) -> Option<f64> {
        ratio(self.both as f64, (self.both + self.first_only + self.second_only) as f64)
    }

    /// Cohen's kappa, (observed - expected) / (1 - expected) agreement (Cohen 1960); `None` if chance alone agrees on all.
    /// Where most pixels are in neither mask, kappa is nearly Dice.
    pub fn kappa(&self) -> Option<f64> {
        let [a, b, c, d] = [self.both, self.first_only, self.second_only, self.neither].map(|n| n as f64);
        let n = a + b + c + d;
        let expected = (a + b) * (a + c) + (c + d) * (b + d);
        ratio(n * (a + d) - expected, n * n - expected)
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
