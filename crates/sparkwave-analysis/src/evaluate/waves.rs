//! Waves against waves whose truth is known: who is who, and how well the masks agree.

use sparkwave_core::mask::Mask;
use sparkwave_core::wave::WaveFrame;
use std::collections::BTreeMap;

/// The masks of one wave.
#[derive(Clone, Copy, Debug)]
pub struct LabelledWave<'a> {
    /// Its id.
    pub id: u32,
    /// Its masks, in order of intervals.
    pub frames: &'a [WaveFrame],
}

/// How a true wave was found.
#[derive(Clone, Debug, PartialEq)]
pub struct WaveScore {
    /// The true wave.
    pub truth: u32,
    /// The wave that was matched with it, if any.
    pub found: Option<u32>,
    /// Mean over the intervals in which either has a mask of `2 |A and B| / (|A| + |B|)`; 0 without a match.
    pub dice: f64,
    /// Intervals in which both have a mask over those in which either has.
    pub temporal_iou: f64,
}

/// Matches waves one to one by the number of voxels that they share, the largest first, and scores every true one.
pub fn score_waves(truth: &[LabelledWave<'_>], found: &[LabelledWave<'_>]) -> Vec<WaveScore> {
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    for (t, a) in truth.iter().enumerate() {
        for (f, b) in found.iter().enumerate() {
            let shared = by_interval(a, b).values().map(|pair| n_shared(*pair)).sum::<usize>();
            if shared > 0 {
                pairs.push((shared, t, f));
            }
        }
    }
    pairs.sort_by_key(|&(shared, t, f)| (std::cmp::Reverse(shared), t, f));
    let mut partner = vec![None; truth.len()];
    let mut taken = vec![false; found.len()];
    for (_, t, f) in pairs {
        if partner[t].is_none() && !taken[f] {
            partner[t] = Some(f);
            taken[f] = true;
        }
    }
    let score = |(t, partner): (usize, Option<usize>)| match partner {
        None => WaveScore { truth: truth[t].id, found: None, dice: 0.0, temporal_iou: 0.0 },
        Some(f) => {
            let pairs = by_interval(&truth[t], &found[f]);
            let n = pairs.len() as f64;
            let both = pairs.values().filter(|(a, b)| a.is_some() && b.is_some()).count() as f64;
            let dice = pairs.values().map(|pair| dice(*pair)).sum::<f64>() / n;
            WaveScore { truth: truth[t].id, found: Some(found[f].id), dice, temporal_iou: both / n }
        }
    };
    partner.into_iter().enumerate().map(score).collect()
}

type Pair<'a> = (Option<&'a Mask>, Option<&'a Mask>);

/// The masks of two waves in every interval in which either has one.
fn by_interval<'a>(a: &LabelledWave<'a>, b: &LabelledWave<'a>) -> BTreeMap<usize, Pair<'a>> {
    let mut pairs: BTreeMap<usize, Pair<'a>> = BTreeMap::new();
    a.frames.iter().for_each(|f| pairs.entry(f.frame).or_default().0 = Some(&f.mask));
    b.frames.iter().for_each(|f| pairs.entry(f.frame).or_default().1 = Some(&f.mask));
    pairs
}

fn n_shared((a, b): Pair<'_>) -> usize {
    a.zip(b).map_or(0, |(a, b)| a.pixels().filter(|&(y, x)| b.contains(y, x)).count())
}

fn dice(pair: Pair<'_>) -> f64 {
    let size = |m: Option<&Mask>| m.map_or(0, Mask::n_pixels);
    2.0 * n_shared(pair) as f64 / (size(pair.0) + size(pair.1)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(frame: usize, at: usize, side: usize) -> WaveFrame {
        let pixels = (at..at + side).flat_map(|y| (at..at + side).map(move |x| (y, x)));
        WaveFrame { frame, mask: Mask::of_pixels(pixels).expect("a square"), filled: false }
    }

    #[test]
    fn waves_are_matched_by_what_they_share_and_scored_over_either() {
        let (a, b) = ([square(3, 0, 4), square(4, 0, 4)], [square(3, 20, 2)]);
        let truth = [LabelledWave { id: 1, frames: &a }, LabelledWave { id: 2, frames: &b }];
        let c = [square(4, 2, 4), square(5, 2, 4)];
        let found = [LabelledWave { id: 9, frames: &c }];
        let scores = score_waves(&truth, &found);
        // Interval 4 shares 4 of 16 and 16 pixels; intervals 3 and 5 have one mask each.
        assert_eq!(scores[0].found, Some(9));
        assert!((scores[0].dice - 0.25 / 3.0).abs() < 1e-12 && (scores[0].temporal_iou - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(scores[1], WaveScore { truth: 2, found: None, dice: 0.0, temporal_iou: 0.0 });
        assert!(score_waves(&truth, &truth).iter().all(|s| s.dice == 1.0 && s.temporal_iou == 1.0));
    }
}
