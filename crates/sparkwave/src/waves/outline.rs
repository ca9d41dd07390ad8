//! Waves outlined anew: the clearest mask of each becomes a prompt, and a propagator says what belongs to it in the other
//! intervals in which it was found.

use super::find::Found;
use super::maps::{self, Rates};
use super::outputs::clearest;
use crate::error::Error;
use crate::propagate::Display;
use crate::propagate::propagator::{Direction, Propagator, owners, propagator};
use crate::propagate::ring::Ring;
use ndarray::Array2;
use sparkwave_core::mask::Mask;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::progress::Progress;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::wave::{Episode, Wave};
use std::collections::BTreeMap;
use std::path::Path;

/// Puts masks that a propagator draws in the place of those that were found; where it sees nothing of a wave, the mask that was
/// found stays. `open` gives a propagator that knows of nothing yet, for maps of values up to this limit.
///
/// # Errors
/// If a map cannot be read, the propagator cannot be opened, or the user cancels.
pub(super) fn outline(
    found: &mut Found,
    rates: &Rates,
    open: &dyn Fn(f32) -> Result<Box<dyn Propagator>, Error>,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let Found { shaped, cortex, intervals, .. } = found;
    let limit = maps::color_limit(rates, &cortex.inside, intervals.len())?;
    progress.begin("outline", shaped.episodes.len() as u64);
    for episode in &shaped.episodes {
        let mut waves: Vec<&mut Wave> = shaped.waves.iter_mut().filter(|w| w.episode_id == episode.id).collect();
        let drawn = follow(&waves, episode, rates, open(limit)?.as_mut(), &cortex.inside, progress)?;
        for wave in &mut waves {
            for frame in &mut wave.frames {
                if let Some(mask) = drawn.get(&(wave.id, frame.frame)) {
                    frame.mask = mask.clone();
                }
            }
        }
        progress.advance(1);
    }
    Ok(())
}

/// The propagator of this name or file, for maps `movie` whose values are shown from black, minus `limit`, to white.
///
/// # Errors
/// If there is none, or its file is not what it should be.
pub(super) fn open(model: &Path, movie: MovieShape, limit: f32) -> Result<Box<dyn Propagator>, Error> {
    propagator(model, None, movie, Display { black: -limit, white: limit })
}

/// The masks of the waves of an episode, by wave and interval.
fn follow(
    waves: &[&mut Wave],
    episode: &Episode,
    rates: &Rates,
    propagator: &mut dyn Propagator,
    inside: &Array2<bool>,
    progress: &dyn Progress,
) -> Result<BTreeMap<(u32, usize), Mask>, Error> {
    let mut prompts: Vec<Prompt> = waves.iter().filter_map(|wave| masked(wave)).collect();
    prompts.sort_by_key(|prompt| (prompt.frame, prompt.object));
    for prompt in &prompts {
        propagator.prompt(prompt, rates.map(prompt.frame)?.view())?;
    }
    let pointed_at: BTreeMap<u32, usize> = prompts.iter().map(|prompt| (prompt.object, prompt.frame)).collect();
    let (Some(first), Some(last)) = (pointed_at.values().min(), pointed_at.values().max()) else {
        return Ok(BTreeMap::new());
    };
    let later: Vec<usize> = (*first..episode.end_frame).collect();
    let earlier: Vec<usize> = (episode.start_frame..=*last).rev().collect();
    let mut drawn = BTreeMap::new();
    for (frames, direction) in [(later, Direction::Forwards), (earlier, Direction::Backwards)] {
        let mut ring = Ring::new(&frames, propagator.looks_ahead(), |frame| rates.map(frame));
        for &frame in &frames {
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let Some(rate) = ring.next()? else { break };
            let on_the_way = |wave: u32| {
                pointed_at.get(&wave).is_some_and(|&prompted| match direction {
                    Direction::Forwards => frame >= prompted,
                    Direction::Backwards => frame <= prompted,
                })
            };
            let found = propagator.step(frame, rate.view(), &ring.after(), direction, &on_the_way)?;
            let owner = owners(&found, inside.dim());
            for &wave in pointed_at.keys() {
                let pixels = owner.indexed_iter().filter(|(at, object)| **object == wave && inside[*at]);
                if let Some(mask) = Mask::of_pixels(pixels.map(|(at, _)| at)) {
                    drawn.insert((wave, frame), mask);
                }
            }
        }
    }
    Ok(drawn)
}

/// The wave as a prompt, with its clearest mask.
fn masked(wave: &Wave) -> Option<Prompt> {
    let best = clearest(wave)?;
    Some(Prompt { mask: Some(best.mask.clone()), ..Prompt::of_mask(best.frame, wave.id, &best.mask) })
}
