//! Observers against one another, and models against what observers reach.

use super::groups::{Groups, Unit};
use super::label_movie::LabelMovie;
use super::{count, push_estimates};
use crate::error::Error;
use crate::run_folder::Existing;
use ndarray::Array2;
use serde::Serialize;
use sparkwave_analysis::evaluate::agreement::{Kind, Pair, Rating, Standing, against_ceiling, rate};
use sparkwave_analysis::evaluate::overlap;
use sparkwave_analysis::figure::Figure;
use sparkwave_analysis::figure::conclusions::{Reference, Row, Sample, ScoreAxis, estimates, samples};
use sparkwave_analysis::statistics::bootstrap::Resampling;
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::path::{Path, PathBuf};

/// The masks of an observer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drawing {
    /// Who drew: two drawings of one name are one expert, twice.
    pub observer: String,
    /// A stack, a folder of frames, or the folder of a run.
    pub path: PathBuf,
}

/// Who is compared, and where.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgreementRequest {
    /// Drawings of experts, at least two, or one and a model.
    pub experts: Vec<Drawing>,
    /// Masks of models.
    pub models: Vec<Drawing>,
    /// The pixels that could have been chosen, such as the window: kappa counts no others. One image for all frames, or one
    /// for each.
    pub mask: Option<PathBuf>,
    /// A table that says of which subject or episode frames are.
    pub groups: Option<PathBuf>,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct AgreementReport {
    /// Every two drawings of which one is an expert's.
    pub ratings: Vec<Rating>,
    /// Models against the ceiling, as far as there are two experts.
    pub standings: Vec<Standing>,
    /// What intervals are drawn over.
    pub drawn_over: Unit,
    /// True if kappa counts the pixels of a mask alone.
    pub has_mask: bool,
    pairs: Vec<Pair>,
    frames: Vec<String>,
}

/// Compares drawings frame by frame.
///
/// # Errors
/// If a file cannot be read, movies differ in extent, or there is nobody to compare.
pub fn agreement(request: &AgreementRequest, progress: &dyn Progress) -> Result<AgreementReport, Error> {
    let n = request.experts.len() + request.models.len();
    if request.experts.is_empty() || n < 2 {
        let found = format!("{} and {}", request.experts.len(), request.models.len());
        return Err(Error::Parameter { name: "drawings", expected: "two experts, or one and a model", found });
    }
    let drawings: Vec<&Drawing> = request.experts.iter().chain(&request.models).collect();
    let first = LabelMovie::open(&drawings[0].path)?;
    let others: Vec<LabelMovie> =
        drawings[1..].iter().map(|d| LabelMovie::open_like(&d.path, &first)).collect::<Result<_, _>>()?;
    let n_frames = first.shape().n_frames;
    let movies: Vec<&LabelMovie> = std::iter::once(&first).chain(&others).collect();
    let within = request.mask.as_deref().map(LabelMovie::open).transpose()?;
    if let Some(mask) = within.as_ref().filter(|m| m.shape().n_frames != 1 && m.shape().n_frames != n_frames) {
        let message = format!("expected 1 or {n_frames} frames, found {}", mask.shape().n_frames);
        return Err(Error::Config { path: mask.path().to_path_buf(), message });
    }
    let groups = request.groups.as_deref().map(Groups::read).transpose()?.unwrap_or_default();

    let mut pairs: Vec<(usize, usize, Pair)> = Vec::new();
    for a in 0..request.experts.len() {
        for b in a + 1..drawings.len() {
            let (first, second) = (&drawings[a].observer, &drawings[b].observer);
            let kind = match (b < request.experts.len(), first == second) {
                (false, _) => Kind::Model,
                (true, true) => Kind::Intra,
                (true, false) => Kind::Inter,
            };
            let pair =
                Pair { first: first.clone(), second: second.clone(), kind, images: Vec::with_capacity(n_frames) };
            pairs.push((a, b, pair));
        }
    }
    progress.begin("frames", n_frames as u64);
    for frame in 0..n_frames {
        let is_inside = |labels: Array2<u32>| labels.mapv(|label| label > 0);
        let drawn: Vec<Array2<bool>> =
            movies.iter().map(|movie| Ok(is_inside(movie.frame(frame)?))).collect::<Result<_, Error>>()?;
        let mask = match &within {
            None => None,
            Some(mask) => Some(is_inside(mask.frame(if mask.shape().n_frames == 1 { 0 } else { frame })?)),
        };
        for (a, b, pair) in &mut pairs {
            let found = overlap::agreement(drawn[*a].view(), drawn[*b].view(), mask.as_ref().map(|mask| mask.view()));
            let path = || within.as_ref().map_or(first.path(), LabelMovie::path).to_path_buf();
            pair.images.push(found.map_err(|source| Error::Evaluate { path: path(), source })?);
        }
        super::segmentation::advance(progress)?;
    }
    let pairs: Vec<Pair> = pairs.into_iter().map(|(.., pair)| pair).collect();
    let drawn_over = groups.unit();
    let names: Vec<String> = (0..n_frames).map(|frame| groups.name(drawn_over, frame)).collect();
    let resampling = Resampling { seed: request.seed, ..Resampling::default() };
    let mut models: Vec<&str> = request.models.iter().map(|m| m.observer.as_str()).collect();
    models.dedup();
    Ok(AgreementReport {
        ratings: pairs.iter().map(|pair| rate(pair, &names, &resampling)).collect(),
        standings: models.iter().filter_map(|model| against_ceiling(model, &pairs, &names, &resampling)).collect(),
        drawn_over,
        has_mask: within.is_some(),
        pairs,
        frames: names,
    })
}

impl AgreementReport {
    /// A row for each two drawings.
    pub fn table(&self) -> Table {
        let ratings = &self.ratings;
        let mut table = Table::new();
        table.push("first", ratings.iter().map(|r| Value::Text(r.first.clone())).collect());
        table.push("second", ratings.iter().map(|r| Value::Text(r.second.clone())).collect());
        table.push("kind", ratings.iter().map(|r| Value::Text(r.kind.name().to_owned())).collect());
        table.push("n_frames", ratings.iter().map(|r| count(r.n_images)).collect());
        table.push("n_both_empty", ratings.iter().map(|r| count(r.n_both_empty)).collect());
        // Where frames are drawn over, there are as many as above.
        if self.drawn_over != Unit::Frame {
            table.push(format!("n_{}s", self.drawn_over.name()), ratings.iter().map(|r| count(r.n_subjects)).collect());
        }
        let mut estimate = |name: &str, of: fn(&Rating) -> Option<super::Estimate>| {
            push_estimates(&mut table, name, &ratings.iter().map(of).collect::<Vec<_>>());
        };
        estimate("kappa", |r| r.kappa);
        estimate("mean_kappa", |r| r.mean_kappa);
        estimate("pooled_dice", |r| r.pooled_dice);
        estimate("dice", |r| r.dice);
        for (i, name) in ["dice_min", "dice_p10", "dice_median", "dice_p90", "dice_max"].into_iter().enumerate() {
            table.push(name, ratings.iter().map(|r| Value::maybe(r.dice_quantiles.map(|q| q[i]))).collect());
        }
        table.push("dice_peak", ratings.iter().map(|r| Value::maybe(r.dice_peak)).collect());
        table
    }

    /// A row for each frame of each two drawings.
    pub fn frame_table(&self) -> Table {
        let rows = || self.pairs.iter().flat_map(|pair| pair.images.iter().enumerate().map(move |(i, a)| (pair, i, a)));
        let mut table = Table::new();
        table.push("first", rows().map(|r| Value::Text(r.0.first.clone())).collect());
        table.push("second", rows().map(|r| Value::Text(r.0.second.clone())).collect());
        table.push("frame", rows().map(|r| count(r.1)).collect());
        table.push(
            self.drawn_over.name().replace("frame", "unit"),
            rows().map(|r| Value::Text(self.frames[r.1].clone())).collect(),
        );
        table.push("dice", rows().map(|r| Value::maybe(r.2.dice())).collect());
        table.push("kappa", rows().map(|r| Value::maybe(r.2.kappa())).collect());
        table
    }

    /// A row for each model among the experts.
    pub fn standing_table(&self) -> Table {
        let mut table = Table::new();
        table.push("model", self.standings.iter().map(|s| Value::Text(s.model.clone())).collect());
        for (name, of) in [
            ("dice", (|s| s.dice) as fn(&Standing) -> super::Estimate),
            ("ceiling", |s| s.ceiling),
            ("difference", |s| s.difference),
        ] {
            push_estimates(&mut table, name, &self.standings.iter().map(|s| Some(of(s))).collect::<Vec<_>>());
        }
        table.push("answer", self.standings.iter().map(|s| Value::Text(s.sentence())).collect());
        table
    }

    /// Dice of frames by pair under the experts' ceiling, and kappa of every pair.
    pub fn figures(&self) -> [Figure; 2] {
        let name = |pair: &Pair| match pair.kind {
            Kind::Intra => format!("{} twice", pair.first),
            Kind::Inter | Kind::Model => format!("{}, {}", pair.first, pair.second),
        };
        let mut order: Vec<&Pair> = self.pairs.iter().collect();
        order.sort_by_key(|pair| pair.kind);
        let shown: Vec<Sample> = order.iter().map(|p| Sample { name: name(p), values: p.dice() }).collect();
        let inter: Vec<f64> = self.pairs.iter().filter(|p| p.kind == Kind::Inter).flat_map(Pair::dice).collect();
        let ceiling = (!inter.is_empty()).then(|| inter.iter().sum::<f64>() / inter.len() as f64);
        let line = ceiling.map(|value| Reference { value, label: "experts, mean".to_owned() });
        let axis = ScoreAxis { title: "Dice", range: Some((0.0, 1.0)) };
        let sentences: Vec<String> = self.standings.iter().map(Standing::sentence).collect();
        let caption = format!(
            "Dice of frames between drawings; frames that are empty in both are left out. Bars are medians and quartiles, the \
             dashed line is the mean between different experts. {}",
            sentences.join(" ")
        );
        let dice = samples("agreement_dice", &shown, &axis, &[], line.as_slice(), caption);
        let mut ratings: Vec<(&Rating, String)> = self.ratings.iter().zip(self.pairs.iter().map(name)).collect();
        ratings.sort_by_key(|(rating, _)| rating.kind);
        let rows: Vec<Row> = ratings
            .into_iter()
            .map(|(r, name)| Row { name, kind: r.kind.name().to_owned(), estimate: r.kappa })
            .collect();
        let within = if self.has_mask { "pixels of the mask" } else { "all pixels of the image" };
        let caption = format!(
            "Cohen's kappa of {within}, all frames together, with intervals over {}s. Where most pixels are in neither drawing \
             kappa is nearly Dice.",
            self.drawn_over.name()
        );
        let kappa = estimates("agreement_kappa", &rows, "Cohen's kappa", None, &[], caption);
        [dice, kappa]
    }

    /// Writes `agreement.csv`, `frames.csv`, `models.csv` and the figures.
    ///
    /// # Errors
    /// If the folder is not free, or a file cannot be written.
    pub fn write(&self, request: &AgreementRequest, out: &Path, existing: Existing) -> Result<(), Error> {
        let tables = [("agreement", self.table()), ("frames", self.frame_table()), ("models", self.standing_table())];
        super::write(out, existing, request, &tables, &self.figures())
    }
}
