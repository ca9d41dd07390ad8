//! Draws the figures of the experiment on positive and unlabeled crops from made-up scores, to look at.
//!
//! `cargo run --release -p sparkwave-analysis --example gallery_experiment -- FOLDER`

#![allow(clippy::print_stdout)]

use sparkwave_analysis::evaluate::detection::{Detection, Limits, Mode, Resampling, evaluate};
use sparkwave_analysis::experiment::{
    Cell, Condition, Model, MovieScores, best_against_none, summarize, summary_table, tally,
};
use sparkwave_analysis::figure::experiment::figures;
use std::path::PathBuf;

#[path = "shared/noise.rs"]
mod noise;
use noise::Noise;

const RATIOS: [u32; 10] = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256];
const N_MOVIES: usize = 10;
const N_EVENTS: usize = 57;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: gallery_experiment FOLDER")?);
    let mut noise = Noise(11);
    let full = cells(&[Model::UNet, Model::StarDist], &[0.25], &RATIOS, (5, 5), &mut noise)?;
    let reduced = cells(&[Model::UNet], &[0.25, 0.5, 1.0], &[0, 8, 64], (1, 3), &mut noise)?;
    let single = cells(&[Model::StarDist], &[1.0], &[0], (1, 1), &mut noise)?;
    for (name, cells) in [("paper", full), ("reduced", reduced), ("single", single), ("empty", Vec::new())] {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let summaries = summarize(&cells, &Resampling { n_resamples: 400, ..Resampling::default() });
        for figure in figures(&summaries) {
            std::fs::write(folder.join(format!("{}.svg", figure.name)), &figure.svg)?;
            std::fs::write(folder.join(format!("{}.png", figure.name)), &figure.png)?;
            let n_rows = figure.data.as_ref().map_or(0, |data| data.n_rows());
            println!("{name}/{}: {n_rows} rows. {}", figure.name, figure.caption);
        }
        println!("{name}: {} rows", summary_table(&summaries).n_rows());
        best_against_none(&summaries).iter().for_each(|comparison| println!("{}", comparison.sentence()));
    }
    Ok(())
}

/// A grid of networks; the last argument but one is the number of draws and of seeds.
fn cells(
    models: &[Model],
    subsets: &[f64],
    ratios: &[u32],
    (n_draws, n_seeds): (u32, u64),
    noise: &mut Noise,
) -> Result<Vec<Cell>, Box<dyn std::error::Error>> {
    let mut cells = Vec::new();
    for &model in models {
        for &subset in subsets {
            for &ratio in ratios {
                for draw in 0..n_draws {
                    for seed in 42..42 + n_seeds {
                        let condition = Condition { model, subset, ratio };
                        // Unlabeled crops help the one kind up to 64, and harm the other a little.
                        let gain = (f64::from(ratio) + 1.0).log2().min(6.0) / 6.0;
                        let skill = match model {
                            Model::UNet => 0.9 + 0.9 * gain,
                            Model::StarDist => 1.3 - 0.3 * gain,
                        };
                        let skill = skill + 0.3 * (subset - 0.25) + 0.12 * noise.normal();
                        let scored = |m| movie(m, skill, model, noise);
                        let movies = (0..N_MOVIES).map(scored).collect::<Result<_, _>>()?;
                        cells.push(Cell { condition, draw, seed, movies });
                    }
                }
            }
        }
    }
    Ok(cells)
}

/// True events a frame apart from each other; a bright one has a high score, and so have predictions without an event
/// where skill is low.
fn movie(m: usize, skill: f64, model: Model, noise: &mut Noise) -> Result<MovieScores, Box<dyn std::error::Error>> {
    let at = |t: f64, score: Option<f64>| Detection { t_frame: t, y_px: 0.0, x_px: 0.0, score };
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let hardness = 0.3 * ((m as f64) * 2.3).sin();
    let (mut truths, mut predictions, mut truth_dff, mut prediction_dff) = (vec![], vec![], vec![], vec![]);
    let mut dice = Vec::new();
    for i in 0..N_EVENTS {
        let dff = 0.15 - 0.9 * (1.0 - noise.uniform()).ln();
        let score = logistic(skill * 1.6 * (dff + 0.4) - 1.9 - hardness + 0.7 * noise.normal());
        truths.push(at(20.0 * i as f64, None));
        truth_dff.push(dff);
        if score > 0.25 {
            predictions.push(at(20.0 * i as f64, Some(score)));
            prediction_dff.push(dff);
        }
        if i % 8 == 0 {
            let overlap = 0.68 + 0.14 * noise.normal() - if model == Model::StarDist { 0.06 } else { 0.0 };
            dice.push(if score > 0.25 { overlap.clamp(0.0, 0.95) } else { 0.0 });
        }
    }
    for i in 0..3 * N_EVENTS {
        let score = logistic(-0.9 * skill + 0.9 * noise.normal());
        if score > 0.12 {
            predictions.push(at(20.0 * (i / 3) as f64 + 7.0 + (i % 3) as f64, Some(score)));
            prediction_dff.push(0.1 + 0.4 * noise.uniform() - 0.25 * (1.0 - noise.uniform()).ln());
        }
    }
    let mode = Mode::Physical(Limits::new(3.0, 3.0).ok_or("limits")?);
    let ranked = evaluate(&truths, &predictions, &mode)?;
    let is_kept = |p: &Detection| p.score.is_some_and(|score| score >= 0.5);
    let kept_dff: Vec<f64> =
        predictions.iter().zip(&prediction_dff).filter(|(p, _)| is_kept(p)).map(|(_, dff)| *dff).collect();
    let kept: Vec<Detection> = predictions.into_iter().filter(is_kept).collect();
    let (outcomes, by_dff) = tally(&evaluate(&truths, &kept, &mode)?.pairs, &truth_dff, &kept_dff);
    Ok(MovieScores { movie: format!("movie {m:02}"), curve: ranked.curve, ap: ranked.ap, outcomes, by_dff, dice })
}
