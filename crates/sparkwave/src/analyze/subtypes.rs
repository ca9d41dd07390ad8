//! Subtypes of events: how many there are, what they look like, and who has how many of them
//! ([`sparkwave_analysis::subtypes`]).

use super::Source;
use super::features::{Events, Set};
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use ndarray::ArrayView2;
use serde::Serialize;
use sparkwave_analysis::features::{Complete, Deviation, FeatureTable, ScreenParams, Standardization, screen};
use sparkwave_analysis::subtypes::{
    Clustering, Gap, GapParams, KMeansParams, NeighbourMapParams, Silhouette, SilhouetteParams, Stability,
    StabilityParams, elbow, examples, gap_statistic, k_means_range, map, neighbour_map, profile, proportions,
    silhouettes, stability,
};
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Instant;

/// How subtypes are looked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubtypeRequest {
    /// The tables; proportions are told for each.
    pub tables: Vec<Source>,
    /// Which features; those that say the same as others are left out.
    pub set: Set,
    /// Numbers of subtypes that are tried, from 2.
    pub tried: RangeInclusive<usize>,
    /// How many there are; the number of the largest silhouette if it is not said.
    pub chosen: Option<usize>,
    /// Seed of everything random.
    pub seed: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Subtypes {
    /// How many subtypes.
    pub k: usize,
    /// Events of each.
    pub sizes: Vec<usize>,
    /// Events that were left out because a feature of theirs is unknown.
    pub n_left_out: usize,
    /// Mean silhouette, -1 to 1.
    pub silhouette: Option<f64>,
    /// The number that the elbow of the inertia points at.
    pub elbow: Option<usize>,
    /// The number that the gap statistic points at.
    pub gap: Option<usize>,
}

/// Examples of each subtype.
const N_EXAMPLES: usize = 10;

/// One number of subtypes.
struct Tried {
    clustering: Clustering,
    silhouette: Option<Silhouette>,
    stability: Stability,
}

/// Writes `subtypes.csv`, `choice.csv`, `profile.csv`, `proportions.csv` and `examples.csv`.
///
/// # Errors
/// If a table cannot be read or lacks a column, there are too few events, the folder is not free, or a file cannot be
/// written.
pub fn run(
    request: &SubtypeRequest,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<Subtypes, Error> {
    crate::pool(threads)?.install(|| run_here(request, out, existing, progress))
}

fn run_here(
    request: &SubtypeRequest,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<Subtypes, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    if *request.tried.start() < 2 || request.tried.is_empty() {
        let found = format!("{} to {}", request.tried.start(), request.tried.end());
        return Err(Error::Parameter { name: "number of subtypes", expected: "a range from 2 on", found });
    }
    if let Some(k) = request.chosen.filter(|k| !request.tried.contains(k)) {
        let found = k.to_string();
        return Err(Error::Parameter { name: "chosen number of subtypes", expected: "one of those tried", found });
    }
    let tables = super::read(&request.tables)?;
    let events = Events::of(&tables, request.set)?;
    let kept = screen(&events.features, &ScreenParams::default()).kept;
    let features = events.features.select(&kept)?;
    let scores = Standardization::fit(&features, Deviation::Population).apply(&features)?;
    let Complete { rows, values: points, .. } = scores.complete();

    let params = NeighbourMapParams { seed: request.seed, ..NeighbourMapParams::default() };
    let mut neighbours = Ok(None);
    // The map runs on one thread, beside everything else.
    let (tried, gap) = rayon::in_place_scope(|scope| {
        scope.spawn(|_| neighbours = neighbour_map(points.view(), &params));
        try_numbers(points.view(), request, &clock)
    })?;
    let neighbours = neighbours?;
    let curve: Vec<(usize, f64)> = tried.iter().map(|t| (t.clustering.k(), t.clustering.inertia)).collect();

    let mean = |t: &Tried| t.silhouette.as_ref().map(|s| s.mean);
    let best = tried.iter().reduce(|best, t| if mean(t) > mean(best) { t } else { best });
    let chosen = tried.iter().find(|t| Some(t.clustering.k()) == request.chosen).or(best);
    let chosen = chosen.expect("the range that is tried was found not to be empty");
    let found = Subtypes {
        k: chosen.clustering.k(),
        sizes: chosen.clustering.sizes.clone(),
        n_left_out: events.places.len() - rows.len(),
        silhouette: mean(chosen),
        elbow: elbow(&curve).k,
        gap: gap.k,
    };

    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(request)?)?;
    let place = map(points.view())?;
    let among_neighbours = |axis: usize| {
        let mut column = vec![Value::Empty; rows.len()];
        for (row, at) in neighbours.iter().flat_map(|map| map.rows.iter().zip(&map.positions)) {
            column[*row] = Value::float(at[axis]);
        }
        column
    };
    let mut table = events.identify(&request.tables, &tables, &rows);
    table.push("subtype", chosen.clustering.labels.iter().map(|&l| Value::Int(l as i64 + 1)).collect());
    table.push("component_1", place.positions.iter().map(|p| Value::float(p[0])).collect());
    table.push("component_2", place.positions.iter().map(|p| Value::float(p[1])).collect());
    table.push("neighbours_x", among_neighbours(0));
    table.push("neighbours_y", among_neighbours(1));
    folder.write_table("subtypes", &table, false)?;
    folder.write_table("choice", &choice_table(&tried, &gap), false)?;
    folder.write_table("profile", &profile_table(&features, &rows, chosen)?, false)?;
    let sets: Vec<usize> = rows.iter().map(|&row| events.places[row].0).collect();
    let names: Vec<String> = request.tables.iter().map(|source| source.name.clone()).collect();
    let counts = proportions(&chosen.clustering.labels, found.k, &sets, &names)?;
    let mut table = Table::new();
    let cells = || (0..names.len()).flat_map(|i| (0..found.k).map(move |j| (i, j)));
    table.push("table", cells().map(|(i, _)| Value::Text(names[i].clone())).collect());
    table.push("subtype", cells().map(|(_, j)| Value::Int(j as i64 + 1)).collect());
    table.push("n", cells().map(|(i, j)| Value::Int(counts.counts[i][j] as i64)).collect());
    table.push("part_of_table", cells().map(|(i, j)| Value::maybe(counts.row_proportions[i][j])).collect());
    folder.write_table("proportions", &table, false)?;
    let nearest = examples(points.view(), &chosen.clustering.labels, &chosen.clustering.centres, N_EXAMPLES, |_| true)?;
    let shown: Vec<(usize, usize, f64)> = nearest
        .iter()
        .enumerate()
        .flat_map(|(group, of_group)| of_group.iter().map(move |e| (group, e.row, e.distance)))
        .collect();
    let rows_shown: Vec<usize> = shown.iter().map(|(_, row, _)| rows[*row]).collect();
    let mut table = events.identify(&request.tables, &tables, &rows_shown);
    table.push("subtype", shown.iter().map(|(group, ..)| Value::Int(*group as i64 + 1)).collect());
    table.push("distance_sd", shown.iter().map(|(.., distance)| Value::float(*distance)).collect());
    folder.write_table("examples", &table, false)?;
    let summary = serde_json::json!({
        "n_subtypes": found.k, "sizes": found.sizes, "n_left_out": found.n_left_out, "features": kept,
        "silhouette": found.silhouette, "elbow": found.elbow, "gap": found.gap, "out": folder.path(),
        "looked_at": {
            "silhouette": chosen.silhouette.as_ref().map(|s| s.n_points), "gap": gap.n_points,
            "stability": chosen.stability.n_points, "neighbours": neighbours.as_ref().map(|map| map.rows.len()),
        },
        "perplexity": neighbours.as_ref().map(|map| map.perplexity),
    });
    super::record("analyze subtypes", (request.seed, started), &request.tables, summary, &clock, &folder)?;
    Ok(found)
}

/// Subtypes in each of the numbers that are tried, with what says how many there are.
fn try_numbers(
    points: ArrayView2<f64>,
    request: &SubtypeRequest,
    clock: &StageClock<'_>,
) -> Result<(Vec<Tried>, Gap), Error> {
    let ks: Vec<usize> = request.tried.clone().collect();
    let k_means = KMeansParams { seed: request.seed, ..KMeansParams::default() };
    clock.begin("subtypes", ks.len() as u64 + 1);
    let clusterings = k_means_range(points, &ks, &k_means)?;
    let divisions: Vec<&[usize]> = clusterings.iter().map(|c| c.labels.as_slice()).collect();
    let params = SilhouetteParams { seed: request.seed, ..SilhouetteParams::default() };
    let widths = silhouettes(points, &divisions, &params)?;
    let params = StabilityParams {
        k_means: KMeansParams { seed: request.seed, n_restarts: 1, ..k_means },
        ..StabilityParams::default()
    };
    let mut tried = Vec::with_capacity(ks.len());
    for (clustering, silhouette) in clusterings.into_iter().zip(widths) {
        let stability = stability(points, &clustering, &params)?;
        tried.push(Tried { clustering, silhouette, stability });
        clock.advance(1);
    }
    let from_one: Vec<usize> = (1..=*request.tried.end()).collect();
    let params = GapParams {
        k_means: KMeansParams { seed: request.seed, ..GapParams::default().k_means },
        ..GapParams::default()
    };
    let gap = gap_statistic(points, &from_one, &params)?;
    clock.advance(1);
    Ok((tried, gap))
}

/// A row for each number of subtypes.
fn choice_table(tried: &[Tried], gap: &Gap) -> Table {
    let at = |t: &Tried| gap.at.iter().find(|g| g.k == t.clustering.k());
    let least = |t: &Tried| t.stability.jaccard.iter().flatten().copied().reduce(f64::min);
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(&Tried) -> Value| table.push(name, tried.iter().map(value).collect());
    column("n_subtypes", &|t| Value::Int(t.clustering.k() as i64));
    column("inertia", &|t| Value::float(t.clustering.inertia));
    column("silhouette", &|t| Value::maybe(t.silhouette.as_ref().map(|s| s.mean)));
    column("gap", &|t| Value::maybe(at(t).map(|g| g.gap)));
    column("gap_error", &|t| Value::maybe(at(t).map(|g| g.error)));
    column("smallest_jaccard", &|t| Value::maybe(least(t)));
    column("adjusted_rand", &|t| Value::maybe(t.stability.adjusted_rand));
    table
}

/// The median of each feature in each subtype, in its unit, and where it lies between the smallest and the largest.
fn profile_table(features: &FeatureTable, rows: &[usize], chosen: &Tried) -> Result<Table, Error> {
    let complete = features.complete();
    debug_assert_eq!(complete.rows, rows);
    let k = chosen.clustering.k();
    let profile = profile(complete.values.view(), &chosen.clustering.labels, k)?;
    let cells = || (0..k).flat_map(|group| (0..features.names().len()).map(move |feature| (group, feature)));
    let mut table = Table::new();
    table.push("subtype", cells().map(|(group, _)| Value::Int(group as i64 + 1)).collect());
    table.push("feature", cells().map(|(_, feature)| Value::Text(features.names()[feature].clone())).collect());
    table.push("median", cells().map(|(group, feature)| Value::maybe(profile.medians[group][feature])).collect());
    table.push("barcode", cells().map(|(group, feature)| Value::maybe(profile.barcode[group][feature])).collect());
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::progress::Silent;
    use sparkwave_core::synth::{SparksParams, SparksScene, SparksSource};

    #[test]
    fn two_kinds_of_events_are_two_subtypes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        // A table with the columns of a real one; what differs between the kinds are amplitude, extent and duration.
        let scene =
            SparksScene::new(&SparksParams { n_frames: 150, height: 64, width: 64, ..SparksParams::default() }, 2)
                .expect("valid parameters");
        let source = SparksSource::new(std::sync::Arc::new(scene));
        let config = crate::sparks::SparksConfig::new(Path::new("simulated"), crate::sparks::Detector::Matched);
        let events = crate::sparks::find(&config, &source, &at("scratch"), &Silent).expect("found");
        let calibration =
            sparkwave_analysis::measure::Calibration::of(sparkwave_core::source::FrameSource::recording(&source), 150);
        let real = sparkwave_analysis::measure::measure_events(&events, &calibration, "matched", None);
        let mut table = Table::new();
        let (n, kind) = (60usize, |row: usize| usize::from(row >= 40));
        for column in real.columns() {
            let measured = column.values.iter().find_map(Value::as_f64);
            let value = |row: usize| match measured {
                Some(v) => {
                    Value::float(v.abs().max(1.0) * (1.0 + 9.0 * kind(row) as f64 + 0.01 * (row * 7919 % 13) as f64))
                }
                None => column.values.first().cloned().unwrap_or(Value::Empty),
            };
            table.push(column.name.clone(), (0..n).map(value).collect());
        }
        sparkwave_io::csv::write_table(&table, &at("events.csv")).expect("room");
        let request = SubtypeRequest {
            tables: vec![Source { name: "one".into(), path: at("events.csv") }],
            set: Set::Sparks,
            tried: 2..=4,
            chosen: None,
            seed: 1,
        };
        let found = run(&request, &at("out"), Existing::Refuse, Some(2), &Silent).expect("grouped");
        assert_eq!((found.k, found.sizes.clone(), found.n_left_out), (2, vec![40, 20], 0), "{found:?}");
        let again = run(&request, &at("again"), Existing::Refuse, Some(1), &Silent).expect("grouped");
        assert_eq!(again.sizes, found.sizes);
        for name in ["subtypes.csv", "choice.csv", "profile.csv", "proportions.csv", "examples.csv"] {
            let read = |of: &str| std::fs::read(at(of).join(name)).expect("there");
            assert!(read("out") == read("again"), "{name} differs");
        }
        let odd = SubtypeRequest { chosen: Some(9), ..request };
        assert!(run(&odd, &at("odd"), Existing::Refuse, None, &Silent).expect_err("not tried").is_bad_parameter());
    }
}
