//! Averages over repetitions, with intervals.

use super::{Cell, Condition, MovieScores, N_DFF_BINS, N_DIM_BINS, Outcomes, curve, density};
use crate::statistics::bootstrap::{Estimate, Interval, Resampling, any, quantile};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// The averages of a condition; `None` is undefined, as precision is without predictions.
///
/// Average precisions and the curve are means over movies, each movie counting alike, and then over networks. Counts are
/// added up over movies for each network before a ratio is taken, as published; the ratios are then averaged over
/// networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The condition.
    pub condition: Condition,
    /// Draws of the training recordings.
    pub n_draws: usize,
    /// Networks: draws times seeds if none is missing.
    pub n_networks: usize,
    /// Test movies.
    pub n_movies: usize,
    /// Average precision.
    pub ap: Option<Estimate>,
    /// Average precision as published (sections 2.8.1 and 3.2, with the arithmetic of the authors' repository): precision
    /// and recall are averaged over movies at each of 100 thresholds 0.01..0.99, interpolated, **held beyond the recall
    /// that was reached**, summed, and averaged over networks. Optimistic for that reason. `None` where scores are not in
    /// 0..=1.
    pub ap_paper: Option<Estimate>,
    /// Precision at the networks' own thresholds.
    pub precision: Option<Estimate>,
    /// Recall there.
    pub recall: Option<Estimate>,
    /// F1 there.
    pub f1: Option<Estimate>,
    /// Number of dim events (dF/F0 below 1) that were missed.
    pub missed_dim: Option<Estimate>,
    /// Their part of all dim events.
    pub missed_dim_part: Option<Estimate>,
    /// By amplitude.
    pub by_dff: [BinSummary; N_DFF_BINS],
    /// Mean precision at the recalls [`curve::recall`]; empty if no movie has a curve.
    pub curve: Vec<CurvePoint>,
    /// Of the dice; `None` if there is none.
    pub dice: Option<DiceSummary>,
    /// Probability inside the intervals, 0..=1.
    pub level: f64,
    /// Average precision in each resample, for differences.
    ap_resampled: Vec<Option<f64>>,
}

/// Events of one class of amplitude.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BinSummary {
    /// found / (found + missed).
    pub recall: Option<Estimate>,
    /// found / (found + spurious).
    pub precision: Option<Estimate>,
    /// found / (found + missed + spurious).
    pub accuracy: Option<Estimate>,
}

/// One point of a mean curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// The recall.
    pub recall: f64,
    /// Mean precision there, networks that do not reach it counting as 0.
    pub precision: Estimate,
}

/// How the dice of all networks of a condition is distributed.
#[derive(Clone, Debug, PartialEq)]
pub struct DiceSummary {
    /// Mean.
    pub mean: Estimate,
    /// Median.
    pub median: Estimate,
    /// The quantile 0.1.
    pub p10: Estimate,
    /// Where the density is largest, by which the paper compares with experts.
    pub peak: Estimate,
    /// The density at [`density::dice_at`].
    pub density: Vec<f64>,
}

/// Averages the cells of each condition; one summary a condition, in their order.
///
/// **Intervals** are percentile intervals of a bootstrap over what is repeated: test movies, draws of the training
/// recordings and, within each drawn draw, seeds, each with replacement and as many as there are (movies and networks are
/// crossed: Owen, Annals of Applied Statistics 2007, 1, 386-411). They tell how far an average depends on the movies and
/// trainings that happened to be made; events within a movie are not resampled. What was not repeated does not widen
/// them. Resamples in which a number is undefined are left out for it.
///
/// Of cells with the same condition, draw and seed the last counts.
pub fn summarize(cells: &[Cell], resampling: &Resampling) -> Vec<Summary> {
    let mut conditions: Vec<(Condition, Vec<&Cell>)> = Vec::new();
    for cell in cells {
        match conditions.iter_mut().find(|(condition, _)| *condition == cell.condition) {
            Some((_, of_condition)) => of_condition.push(cell),
            None => conditions.push((cell.condition, vec![cell])),
        }
    }
    conditions.sort_by(|a, b| a.0.order(&b.0));
    conditions.into_iter().map(|(condition, cells)| Repetitions::of(&cells).summary(condition, resampling)).collect()
}

/// The average precision of one summary minus that of another, with the interval of the differences between resamples.
pub(super) fn ap_difference(a: &Summary, b: &Summary) -> Option<Estimate> {
    let value = a.ap?.value - b.ap?.value;
    let pairs = a.ap_resampled.iter().zip(&b.ap_resampled);
    let differences = pairs.map(|(a, b)| Some((*a)? - (*b)?));
    let is_repeated = a.ap?.interval.is_some() && b.ap?.interval.is_some();
    let level = a.level;
    Some(Estimate { value, interval: if is_repeated { Interval::percentile(differences, level) } else { None } })
}

/// What is needed of a network's scores on one movie.
struct Scored<'a> {
    scores: &'a MovieScores,
    curve: Option<[f64; curve::RECALLS]>,
    /// Precision and recall at the published thresholds.
    swept: Option<Vec<(f64, f64)>>,
}

/// All networks of a condition on all its movies.
struct Repetitions<'a> {
    n_movies: usize,
    /// Draws, networks of a draw, movies; a movie on which the network was not scored is `None`.
    draws: Vec<Vec<Vec<Option<Scored<'a>>>>>,
}

impl<'a> Repetitions<'a> {
    fn of(cells: &[&'a Cell]) -> Self {
        let names: BTreeSet<&str> = cells.iter().flat_map(|cell| &cell.movies).map(|m| m.movie.as_str()).collect();
        let mut draws: BTreeMap<u32, BTreeMap<u64, &'a Cell>> = BTreeMap::new();
        for &cell in cells {
            draws.entry(cell.draw).or_default().insert(cell.seed, cell);
        }
        let scored = |scores: &'a MovieScores| Scored {
            scores,
            curve: scores.ap.map(|_| curve::at_recalls(&scores.curve)),
            swept: scores.ap.and_then(|_| curve::at_published_thresholds(&scores.curve)),
        };
        let network = |cell: &&'a Cell| {
            let of_movie = |name: &&str| cell.movies.iter().find(|m| m.movie == *name).map(scored);
            names.iter().map(of_movie).collect()
        };
        let draws = draws.values().map(|seeds| seeds.values().map(network).collect()).collect();
        Self { n_movies: names.len(), draws }
    }

    fn summary(&self, condition: Condition, resampling: &Resampling) -> Summary {
        let everything =
            Drawn { networks: self.draws.iter().flatten().collect(), movies: (0..self.n_movies).collect() };
        let (values, density) = everything.measures();
        let n_networks = everything.networks.len();
        let n_resamples = if n_networks * self.n_movies > 1 { resampling.n_resamples } else { 0 };
        // Conditions laid out alike draw the same movies, draws and seeds, which pairs them.
        let resamples: Vec<Vec<Option<f64>>> =
            Resampling { n_resamples, ..*resampling }.replicate(|rng| self.drawn(rng).measures().0);
        let estimate = |measure: usize| {
            let resampled = resamples.iter().map(|r| r[measure]);
            values[measure].map(|value| Estimate { value, interval: Interval::percentile(resampled, resampling.level) })
        };
        // In the order of `Drawn::measures`.
        let mut next = (0..values.len()).map(estimate);
        let mut next = || next.next().flatten();
        Summary {
            condition,
            n_draws: self.draws.len(),
            n_networks,
            n_movies: self.n_movies,
            ap: next(),
            ap_paper: next(),
            precision: next(),
            recall: next(),
            f1: next(),
            missed_dim: next(),
            missed_dim_part: next(),
            by_dff: std::array::from_fn(|_| BinSummary { recall: next(), precision: next(), accuracy: next() }),
            curve: (0..curve::RECALLS)
                .filter_map(|i| Some(CurvePoint { recall: curve::recall(i), precision: next()? }))
                .collect(),
            dice: next()
                .zip(next())
                .zip(next())
                .zip(next())
                .zip(density)
                .map(|((((mean, median), p10), peak), density)| DiceSummary { mean, median, p10, peak, density }),
            level: resampling.level,
            ap_resampled: resamples.iter().map(|r| r[0]).collect(),
        }
    }

    fn drawn(&self, rng: &mut ChaCha8Rng) -> Drawn<'_> {
        let movies = (0..self.n_movies).map(|_| any(self.n_movies, rng)).collect();
        let mut networks = Vec::new();
        for _ in 0..self.draws.len() {
            let draw = &self.draws[any(self.draws.len(), rng)];
            networks.extend((0..draw.len()).map(|_| &draw[any(draw.len(), rng)]));
        }
        Drawn { networks, movies }
    }
}

/// Networks and movies, some of them several times.
struct Drawn<'a> {
    networks: Vec<&'a Vec<Option<Scored<'a>>>>,
    movies: Vec<usize>,
}

impl Drawn<'_> {
    /// Every number of a [`Summary`] in the order of its fields, and the density of the dice.
    fn measures(&self) -> (Vec<Option<f64>>, Option<Vec<f64>>) {
        let by_dff: Vec<[Outcomes; N_DFF_BINS]> =
            self.networks.iter().map(|n| std::array::from_fn(|bin| self.sum(n, |m| m.by_dff[bin]))).collect();
        let all: Vec<Outcomes> = self.networks.iter().map(|n| self.sum(n, |m| m.outcomes)).collect();
        let dim: Vec<Outcomes> = by_dff.iter().map(|bins| bins[..N_DIM_BINS].iter().copied().sum()).collect();
        let mut measures = vec![
            self.mean(|m| m.ap),
            mean(self.networks.iter().map(|network| self.published_ap(network))),
            mean(all.iter().map(|o| o.precision())),
            mean(all.iter().map(|o| o.recall())),
            mean(all.iter().map(|o| o.f1())),
            mean(dim.iter().map(|o| (o.found + o.missed > 0).then_some(o.missed as f64))),
            mean(dim.iter().map(|o| o.recall().map(|recall| 1.0 - recall))),
        ];
        for bin in 0..N_DFF_BINS {
            let of_bin = || by_dff.iter().map(|bins| bins[bin]);
            measures.push(mean(of_bin().map(Outcomes::recall)));
            measures.push(mean(of_bin().map(Outcomes::precision)));
            measures.push(mean(of_bin().map(Outcomes::accuracy)));
        }
        measures.extend(self.curve());
        let (dice, density) = self.dice();
        measures.extend(dice);
        (measures, density)
    }

    fn movies_of<'b>(&'b self, network: &'b [Option<Scored<'b>>]) -> impl Iterator<Item = &'b Scored<'b>> {
        self.movies.iter().filter_map(|&movie| network.get(movie)?.as_ref())
    }

    fn sum(&self, network: &[Option<Scored<'_>>], outcomes: impl Fn(&MovieScores) -> Outcomes) -> Outcomes {
        self.movies_of(network).map(|scored| outcomes(scored.scores)).sum()
    }

    /// Mean over movies, then over networks.
    fn mean(&self, value: impl Fn(&MovieScores) -> Option<f64>) -> Option<f64> {
        mean(self.networks.iter().map(|network| mean(self.movies_of(network).map(|scored| value(scored.scores)))))
    }

    fn published_ap(&self, network: &[Option<Scored<'_>>]) -> Option<f64> {
        let with_truths = self.movies_of(network).filter(|scored| scored.curve.is_some());
        curve::published_ap(with_truths.map(|scored| scored.swept.as_deref()))
    }

    /// The mean curve, point by point.
    fn curve(&self) -> Vec<Option<f64>> {
        let mut sums = [0.0; curve::RECALLS];
        let mut n_networks = 0;
        for network in &self.networks {
            let n_curves = self.movies_of(network).filter(|scored| scored.curve.is_some()).count();
            n_networks += usize::from(n_curves > 0);
            for curve in self.movies_of(network).filter_map(|scored| scored.curve.as_ref()) {
                sums.iter_mut().zip(curve).for_each(|(sum, precision)| *sum += precision / n_curves as f64);
            }
        }
        sums.iter().map(|sum| (n_networks > 0).then(|| sum / n_networks as f64)).collect()
    }

    /// Mean, median, tenth percentile and peak of the dice of all networks, and its density.
    fn dice(&self) -> ([Option<f64>; 4], Option<Vec<f64>>) {
        let of_network = |network: &&Vec<Option<Scored<'_>>>| -> Vec<f64> {
            self.movies_of(network).flat_map(|scored| scored.scores.dice.iter().copied()).collect()
        };
        let by_network: Vec<Vec<f64>> = self.networks.iter().map(of_network).filter(|d| !d.is_empty()).collect();
        let mut dice = by_network.concat();
        dice.sort_by(f64::total_cmp);
        let n_of_one = dice.len() as f64 / by_network.len().max(1) as f64;
        let Some(density) = density::density(&dice, n_of_one) else { return ([None; 4], None) };
        let known = [
            mean(dice.iter().copied().map(Some)),
            Some(quantile(&dice, 0.5)),
            Some(quantile(&dice, 0.1)),
            density::peak(&density),
        ];
        (known, Some(density))
    }
}

/// Mean of what is defined.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, n) = values.flatten().fold((0.0, 0usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}
