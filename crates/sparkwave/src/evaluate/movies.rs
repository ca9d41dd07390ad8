//! Detections of several movies: each by itself, the mean over them, and all pooled.

use super::detection::{DetectionReport, DetectionRequest, Movie};
use super::push_estimates;
use crate::error::Error;
use crate::run_folder::Existing;
use sparkwave_analysis::evaluate::detection::{Detection, Mode};
use sparkwave_analysis::experiment::{DFF_BINS, Outcomes};
use sparkwave_analysis::figure::conclusions::{Cell, Matrix, MatrixScale, matrix};
use sparkwave_analysis::figure::{Figure, precision_recall};
use sparkwave_analysis::statistics::bootstrap::{Estimate, Resampling};
use sparkwave_core::table::{Table, Value};
use std::path::Path;

/// Frames between movies that are pooled: no event of one can be paired with one of another.
const APART_FRAMES: f64 = 1e7;

/// Scores of several movies.
#[derive(Clone, Debug)]
pub struct MoviesReport {
    /// Of each movie, with its name.
    pub movies: Vec<(String, DetectionReport)>,
    /// All events together; true events are numbered through all movies.
    pub pooled: DetectionReport,
    /// Mean over movies with intervals over movies, of precision, recall, F1, average precision and the published one.
    pub means: [(&'static str, Option<Estimate>); 5],
    missed: Table,
}

/// Scores movies, of which each request names one; all else in them is the same. Where calibrations differ, events are pooled
/// in units of the limits, so that every movie keeps its own.
///
/// # Errors
/// As [`super::detection()`]; without movies.
pub fn movies(requests: &[DetectionRequest]) -> Result<MoviesReport, Error> {
    let Some(first) = requests.first() else {
        return Err(Error::Parameter { name: "movies", expected: "at least one", found: "none".to_owned() });
    };
    let read: Vec<Movie> = requests.iter().map(Movie::read).collect::<Result<_, _>>()?;
    let name = |request: &DetectionRequest| request.truth.display().to_string();
    let movies: Vec<(String, DetectionReport)> = requests
        .iter()
        .zip(&read)
        .map(|(request, movie)| Ok((name(request), movie.score(request)?)))
        .collect::<Result<_, Error>>()?;
    let pooled = pool(&read).score(first)?;
    let resampling = Resampling { seed: first.seed, ..Resampling::default() };
    let mean = |of: fn(&DetectionReport) -> Option<f64>| {
        super::tracking::mean_of(movies.iter().filter_map(|(_, report)| of(report)), &resampling)
    };
    let means = [
        ("precision", mean(|r| r.scores.precision)),
        ("recall", mean(|r| r.scores.recall)),
        ("f1", mean(|r| r.scores.f1)),
        ("ap", mean(|r| r.scores.ap)),
        ("ap_paper", mean(|r| r.scores.ap_paper)),
    ];
    let missed = missed_table(&movies, &read);
    Ok(MoviesReport { movies, pooled, means, missed })
}

/// All events as if of one movie.
fn pool(movies: &[Movie]) -> Movie {
    let limits = |mode: &Mode| match mode {
        Mode::Physical(limits) => (limits.space_px().0, limits.time_frames()),
        Mode::Paper => (1.0, 1.0),
    };
    let common = limits(&movies[0].mode);
    let mut pooled = Movie {
        truth: Vec::new(),
        pred: Vec::new(),
        truth_dff: Vec::new(),
        pred_dff: Vec::new(),
        mode: movies[0].mode,
        rule: movies[0].rule.clone(),
    };
    for (i, movie) in movies.iter().enumerate() {
        let own = limits(&movie.mode);
        let (space, time) = (common.0 / own.0, common.1 / own.1);
        let place = |d: &Detection| Detection {
            t_frame: d.t_frame * time + APART_FRAMES * i as f64,
            y_px: d.y_px * space,
            x_px: d.x_px * space,
            score: d.score,
        };
        pooled.truth.extend(movie.truth.iter().map(place));
        pooled.pred.extend(movie.pred.iter().map(place));
        pooled.truth_dff.extend(&movie.truth_dff);
        pooled.pred_dff.extend(&movie.pred_dff);
    }
    pooled
}

fn missed_table(movies: &[(String, DetectionReport)], read: &[Movie]) -> Table {
    let rows: Vec<(&str, usize, &Movie)> = movies
        .iter()
        .zip(read)
        .flat_map(|((name, report), movie)| report.missed.iter().map(move |&row| (name.as_str(), row, movie)))
        .collect();
    let mut table = Table::new();
    table.push("movie", rows.iter().map(|r| Value::Text(r.0.to_owned())).collect());
    table.push("row", rows.iter().map(|r| super::count(r.1 + 1)).collect());
    table.push("t_frame", rows.iter().map(|r| Value::float(r.2.truth[r.1].t_frame)).collect());
    table.push("y_px", rows.iter().map(|r| Value::float(r.2.truth[r.1].y_px)).collect());
    table.push("x_px", rows.iter().map(|r| Value::float(r.2.truth[r.1].x_px)).collect());
    table.push("peak_dff", rows.iter().map(|r| Value::float(r.2.truth_dff[r.1])).collect());
    table.push("is_dim", rows.iter().map(|r| is_dim(r.2.truth_dff[r.1])).collect());
    table
}

fn is_dim(dff: f64) -> Value {
    if dff.is_nan() { Value::Empty } else { Value::Bool(dff < 1.0) }
}

impl MoviesReport {
    /// A row for each movie and one for all events pooled.
    pub fn table(&self) -> Table {
        let all = self.movies.iter().map(|(name, report)| (name.as_str(), report));
        let rows: Vec<(&str, &DetectionReport)> = all.chain(std::iter::once(("pooled", &self.pooled))).collect();
        let mut table = Table::new();
        table.push("movie", rows.iter().map(|r| Value::Text(r.0.to_owned())).collect());
        table.push("tp", rows.iter().map(|r| super::count(r.1.scores.tp)).collect());
        table.push("fp", rows.iter().map(|r| super::count(r.1.scores.fp)).collect());
        table.push("fn", rows.iter().map(|r| super::count(r.1.scores.fn_)).collect());
        let mut column = |name: &str, of: fn(&DetectionReport) -> Option<f64>| {
            table.push(name, rows.iter().map(|r| Value::maybe(of(r.1))).collect());
        };
        column("precision", |r| r.scores.precision);
        column("recall", |r| r.scores.recall);
        column("f1", |r| r.scores.f1);
        column("ap", |r| r.scores.ap);
        column("ap_paper", |r| r.scores.ap_paper);
        column("dim_recall", |r| r.dim()?.recall());
        let dim = |of: fn(Outcomes) -> usize| {
            rows.iter().map(|r| r.1.dim().map_or(Value::Empty, |dim| super::count(of(dim)))).collect()
        };
        table.push("dim_found", dim(|o| o.found));
        table.push("dim_missed", dim(|o| o.missed));
        table
    }

    /// A row for each score: the mean over movies with its interval over movies.
    pub fn mean_table(&self) -> Table {
        let mut table = Table::new();
        table.push("score", self.means.iter().map(|m| Value::Text(m.0.to_owned())).collect());
        push_estimates(&mut table, "mean", &self.means.iter().map(|m| m.1).collect::<Vec<_>>());
        table
    }

    /// The curve of all events and, if amplitudes are known, the scores by amplitude.
    pub fn figures(&self) -> Vec<Figure> {
        let scores = &self.pooled.scores;
        let curve: Vec<(f64, f64)> = scores.curve.iter().map(|p| (p.recall, p.precision)).collect();
        let mut figures = vec![precision_recall(&curve, scores.ap, "All events")];
        if let Some(by_dff) = &self.pooled.by_dff {
            let cell = |outcomes: &Outcomes, of: fn(Outcomes) -> Option<f64>, n: usize| {
                let value = of(*outcomes);
                let percent = value.map_or("–".to_owned(), |v| format!("{:.0}", 100.0 * v));
                Cell { value, text: vec![percent, format!("({n})")] }
            };
            let row = |of: fn(Outcomes) -> Option<f64>, n: fn(&Outcomes) -> usize| {
                by_dff.iter().map(|o| cell(o, of, n(o))).collect::<Vec<_>>()
            };
            let columns = DFF_BINS
                .iter()
                .map(|(from, to)| if to.is_finite() { format!("{from}–{to}") } else { format!("≥ {from}") });
            let content = Matrix {
                row_title: String::new(),
                rows: ["Recall", "Precision", "Accuracy"].map(str::to_owned).to_vec(),
                column_title: "Amplitude (ΔF/F₀)".to_owned(),
                columns: columns.collect(),
                cells: vec![
                    row(Outcomes::recall, |o| o.found + o.missed),
                    row(Outcomes::precision, |o| o.found + o.spurious),
                    row(Outcomes::accuracy, |o| o.found + o.missed + o.spurious),
                ],
                scale: MatrixScale::Part,
                value_title: "Part".to_owned(),
            };
            let caption = "Scores of events by amplitude, percent, with the number of events that each is of. True events \
                           count by their own amplitude, predictions without truth by theirs.";
            figures.push(matrix("by_amplitude", &content, caption.to_owned()));
        }
        figures
    }

    /// Writes `movies.csv`, `means.csv`, `by_dff.csv`, `missed.csv` and the figures.
    ///
    /// # Errors
    /// If the folder is not free, or a file cannot be written.
    pub fn write(&self, requests: &[DetectionRequest], out: &Path, existing: Existing) -> Result<(), Error> {
        #[derive(serde::Serialize)]
        struct Config<'a> {
            movies: &'a [DetectionRequest],
        }
        let tables = [
            ("movies", self.table()),
            ("means", self.mean_table()),
            ("by_dff", self.pooled.amplitude_table()),
            ("missed", self.missed.clone()),
        ];
        super::write(out, existing, &Config { movies: requests }, &tables, &self.figures())
    }
}
