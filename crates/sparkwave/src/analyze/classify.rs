//! What tells classes of events apart, and how well ([`sparkwave_analysis::classify`]).

use super::features::{Events, Set};
use super::join::{Rows, word};
use super::{Source, text};
use crate::error::Error;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use ndarray::{Array2, Axis};
use serde::Serialize;
use sparkwave_analysis::classify::{
    Explanation, LabelledEvents, Model, ModelParams, Validation, ValidationParams, cross_validate, interventional,
};
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Events that are explained, and that lend their features to those: of more, evenly spaced ones.
const MOST_EXPLAINED: usize = 2000;

/// What is told apart, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassifyRequest {
    /// Tables of events.
    pub tables: Vec<Source>,
    /// Tables with more columns for the same events, such as `categories.csv`.
    pub joins: Vec<PathBuf>,
    /// The column that tells the class; the table if it is not said.
    pub label: Option<String>,
    /// The classes, in this order; all if none is named.
    pub classes: Vec<String>,
    /// The column that tells the neuron or, better, the animal: never in training and test at once.
    pub group: Option<String>,
    /// Which features.
    pub set: Set,
    /// The model and how it is validated.
    pub validation: ValidationParams,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Classified {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Names of the features.
    pub features: Vec<String>,
    /// Events of each class.
    pub sizes: Vec<usize>,
    /// Groups.
    pub n_groups: usize,
    /// Events left out because a feature, the class or the group is unknown, or the class is none of those asked for.
    pub n_left_out: usize,
    /// How well the model does on groups that it has not seen.
    pub validation: Validation,
    /// Features by falling importance, with the mean absolute Shapley value for the last class.
    pub importances: Vec<(String, f64)>,
}

/// Writes `validation.csv`, `confusion.csv`, `null.csv`, `predictions.csv`, `importance.csv`, `shapley.csv`, `model.json` and
/// `methods.txt`.
///
/// # Errors
/// If a table cannot be read or lacks a column, there are too few classes or groups, the folder is not free, or a file cannot
/// be written.
pub fn run(
    request: &ClassifyRequest,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<Classified, Error> {
    crate::pool(threads)?.install(|| run_here(request, out, existing, progress))
}

fn run_here(
    request: &ClassifyRequest,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<Classified, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    let rows = Rows::read(&request.tables, &request.joins)?;
    let tables = rows.tables();
    let events = Events::of(&tables, request.set)?;
    let (labelled, used) = labelled(request, &rows, &events)?;
    clock.begin("validation", 1);
    let validation = cross_validate(&labelled, &request.validation)?;
    clock.advance(1);
    clock.begin("explanation", 1);
    let model = Model::fit(&labelled, &request.validation.model)?;
    let step = used.len().div_ceil(MOST_EXPLAINED).max(1);
    let explained: Vec<usize> = (0..used.len()).step_by(step).collect();
    let points = labelled.features().select(Axis(0), &explained);
    let explanation = interventional(&model, points.view(), points.view())?;
    clock.advance(1);

    let classes = labelled.classes().to_vec();
    let output = explanation.values.len() - 1;
    let importances: Vec<(String, f64)> = explanation
        .importances(output)
        .iter()
        .map(|i| (labelled.names()[i.feature].clone(), i.mean_absolute))
        .collect();
    let n_of = |class: usize| labelled.labels().iter().filter(|label| **label == class).count();
    let mut groups = labelled.groups().to_vec();
    groups.sort_unstable();
    groups.dedup();
    let found = Classified {
        sizes: (0..classes.len()).map(n_of).collect(),
        classes,
        features: labelled.names().to_vec(),
        n_groups: groups.len(),
        n_left_out: rows.len() - used.len(),
        validation,
        importances,
    };

    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(request)?)?;
    folder.write_table("validation", &found.fold_table(), false)?;
    folder.write_table("confusion", &found.confusion_table(), false)?;
    folder.write_table("null", &found.null_table(), false)?;
    let mut table = events.identify(&request.tables, &tables, &used);
    let name = |class: &usize| text(&found.classes[*class]);
    table.push("class", labelled.labels().iter().map(name).collect());
    table.push("predicted", found.validation.predictions.iter().map(name).collect());
    table.push("fold", found.validation.folds.iter().map(|fold| Value::Int(*fold as i64 + 1)).collect());
    folder.write_table("predictions", &table, false)?;
    let mut table = Table::new();
    table.push("feature", found.importances.iter().map(|i| text(&i.0)).collect());
    table.push("mean_absolute_shapley", found.importances.iter().map(|i| Value::float(i.1)).collect());
    folder.write_table("importance", &table, false)?;
    let rows_explained: Vec<usize> = explained.iter().map(|&i| used[i]).collect();
    let identified = events.identify(&request.tables, &tables, &rows_explained);
    folder.write_table(
        "shapley",
        &shapley_table(identified, &labelled, &points, &explanation.values[output]),
        false,
    )?;
    let json = serde_json::to_string(&model).expect("numbers and words are JSON");
    folder.write("model.json", json.as_bytes())?;
    folder.write("methods.txt", found.methods(&explanation, explained.len()).as_bytes())?;
    let summary = serde_json::json!({
        "classes": found.classes, "n": found.sizes, "n_left_out": found.n_left_out, "n_groups": found.n_groups,
        "balanced_accuracy": found.validation.balanced_accuracy, "p": found.validation.null.as_ref().map(|n| n.p),
        "warnings": found.warnings(), "out": folder.path(),
    });
    super::record("analyze classify", (request.validation.seed, started), &rows.inputs(), summary, &clock, &folder)?;
    Ok(found)
}

/// The events of which features, class and group are known, with their rows.
fn labelled(request: &ClassifyRequest, rows: &Rows, events: &Events) -> Result<(LabelledEvents, Vec<usize>), Error> {
    let of_table: Vec<Value> = events.places.iter().map(|(table, _)| text(&request.tables[*table].name)).collect();
    let labels = request.label.as_deref().map_or_else(|| Ok(of_table.clone()), |name| rows.column(name))?;
    let groups = match &request.group {
        Some(name) => rows.column(name)?,
        // Without neurons tables are all that is repeated, unless they are the classes.
        None if request.label.is_some() && request.tables.len() > 1 => of_table,
        None => (0..rows.len()).map(|row| Value::Int(row as i64)).collect(),
    };
    let mut classes = request.classes.clone();
    if classes.is_empty() {
        classes = labels.iter().filter_map(word).collect();
        classes.sort();
        classes.dedup();
    }
    let complete = events.features.complete();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let (mut points, mut of_class, mut of_group, mut used) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (&row, features) in complete.rows.iter().zip(complete.values.rows()) {
        let class = word(&labels[row]).and_then(|label| classes.iter().position(|class| *class == label));
        let (Some(class), Some(group)) = (class, word(&groups[row])) else { continue };
        let next = numbers.len();
        of_group.push(*numbers.entry(group).or_insert(next));
        of_class.push(class);
        points.extend(features);
        used.push(row);
    }
    let names = events.features.names().to_vec();
    let points = Array2::from_shape_vec((used.len(), names.len()), points).expect("a row of features for each event");
    Ok((LabelledEvents::new(points, names, of_class, classes, of_group)?, used))
}

/// A row for each event: its features and their Shapley values.
fn shapley_table(mut table: Table, events: &LabelledEvents, points: &Array2<f64>, shapley: &[Vec<f64>]) -> Table {
    for (i, name) in events.names().iter().enumerate() {
        table.push(name.clone(), points.column(i).iter().map(|v| Value::float(*v)).collect());
    }
    for (i, name) in events.names().iter().enumerate() {
        table.push(format!("shapley_{name}"), shapley.iter().map(|row| Value::float(row[i])).collect());
    }
    table
}

impl Classified {
    /// What a reader must know.
    pub fn warnings(&self) -> Vec<String> {
        self.validation.warnings.iter().map(ToString::to_string).collect()
    }

    fn fold_table(&self) -> Table {
        let folds = &self.validation.of_fold;
        let n = |fold: usize| self.validation.folds.iter().filter(|f| **f == fold).count();
        let mut table = Table::new();
        table.push("fold", (0..folds.len()).map(|fold| Value::Int(fold as i64 + 1)).collect());
        table.push("n_events", (0..folds.len()).map(|fold| Value::Int(n(fold) as i64)).collect());
        table.push("balanced_accuracy", folds.iter().map(|v| Value::float(*v)).collect());
        table
    }

    fn confusion_table(&self) -> Table {
        let n = self.classes.len();
        let cells = || (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        let counts = &self.validation.confusion.counts;
        let part = |(i, j): (usize, usize)| counts[i][j] as f64 / counts[i].iter().sum::<usize>() as f64;
        let mut table = Table::new();
        table.push("class", cells().map(|(i, _)| text(&self.classes[i])).collect());
        table.push("predicted", cells().map(|(_, j)| text(&self.classes[j])).collect());
        table.push("n", cells().map(|(i, j)| Value::Int(counts[i][j] as i64)).collect());
        table.push("part_of_class", cells().map(|at| Value::float(part(at))).collect());
        table
    }

    fn null_table(&self) -> Table {
        let null = self.validation.null.as_ref().map_or(&[][..], |null| &null.balanced_accuracies);
        let mut table = Table::new();
        table.push("balanced_accuracy", null.iter().map(|v| Value::float(*v)).collect());
        table
    }

    fn methods(&self, explanation: &Explanation, n_explained: usize) -> String {
        let params = &self.validation.params;
        let model = match params.model {
            ModelParams::DecisionTree(tree) => format!(
                "A decision tree (depth at most {}, splits of {} events or more, leaves of {}, {})",
                tree.limits.max_depth,
                tree.limits.min_split,
                tree.limits.min_leaf,
                if tree.is_balanced { "classes balanced" } else { "events of one weight" }
            ),
            ModelParams::BoostedTrees(trees) => format!(
                "Boosted trees ({} of depth at most {}, rate {})",
                trees.n_trees, trees.limits.max_depth, trees.learning_rate
            ),
        };
        let sizes: Vec<String> =
            self.classes.iter().zip(&self.sizes).map(|(class, n)| format!("{n} {class}")).collect();
        let mut methods = format!(
            "{model} told {} events apart by {} features, validated in {} folds of {} groups that were never in training and \
             test at once: balanced accuracy {:.3}, {:.3} for a guess",
            sizes.join(" and "),
            self.features.len(),
            params.n_folds,
            self.n_groups,
            self.validation.balanced_accuracy,
            1.0 / self.classes.len() as f64
        );
        if let Some(null) = &self.validation.null {
            methods += &format!(
                "; {} permutations of the labels gave {:.3} on average and {:.3} in 95 %, p = {:.4}",
                null.balanced_accuracies.len(),
                null.mean,
                null.quantile_95,
                null.p
            );
        }
        methods += &format!(
            ". Shapley values are exact and interventional, of {n_explained} events with the same events as background, for {} \
             (base {:.4}).\n",
            self.answer_name(),
            explanation.base.last().copied().unwrap_or(0.0)
        );
        if self.n_left_out > 0 {
            methods += &format!(
                "{} events were left out: a feature, the class or the group is unknown or not asked for.\n",
                self.n_left_out
            );
        }
        for warning in self.warnings() {
            methods += &format!("  Warning: {warning}\n");
        }
        methods
    }

    /// What Shapley values are of.
    fn answer_name(&self) -> String {
        let last = self.classes.last().map_or("", String::as_str);
        match self.validation.params.model {
            ModelParams::DecisionTree(_) => format!("the probability of {last}"),
            ModelParams::BoostedTrees(_) => format!("the log-odds of {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_analysis::classify::BoostedParams;
    use sparkwave_core::progress::Silent;

    /// Events of two tables whose amplitude differs by `shift`, of ten neurons.
    fn write(at: &Path, shift: f64) {
        // The published set needs voxels and frames only.
        let mut csv = String::from(
            "event_id,neuron,kind,n_voxels,dff_mean,dff_max,n_frames,aspect,solidity,integrated_profile,\
             n_neighbours_published\n",
        );
        for i in 0..200u32 {
            let wobble = |salt: u32| f64::from((i * 7919 + salt * 104_729) % 1009) / 1009.0;
            let is_second = i % 2 == 1;
            let amplitude = 1.0 + wobble(1) + if is_second { shift } else { 0.0 };
            csv += &format!(
                "{},n{},{},{},{amplitude},{},{},{},{},{},{}\n",
                i + 1,
                i / 20,
                if is_second { "b" } else { "a" },
                40.0 + 60.0 * wobble(2),
                2.0 + wobble(3),
                3.0 + 4.0 * wobble(4),
                wobble(5),
                0.5 + 0.5 * wobble(6),
                5.0 * wobble(7),
                i % 5
            );
        }
        std::fs::write(at, csv).expect("room");
    }

    fn request(at: &Path) -> ClassifyRequest {
        ClassifyRequest {
            tables: vec![Source { name: "all".into(), path: at.to_path_buf() }],
            joins: Vec::new(),
            label: Some("kind".into()),
            classes: Vec::new(),
            group: Some("neuron".into()),
            set: Set::Published,
            validation: ValidationParams { n_permutations: 60, ..ValidationParams::default() },
        }
    }

    #[test]
    fn what_differs_is_found_and_what_does_not_draws_a_warning() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        write(&at("far.csv"), 1.5);
        let found = run(&request(&at("far.csv")), &at("far"), Existing::Refuse, Some(2), &Silent).expect("told apart");
        assert_eq!((found.sizes.clone(), found.n_groups, found.n_left_out), (vec![100, 100], 10, 0));
        assert!(found.validation.balanced_accuracy > 0.95 && found.warnings().is_empty(), "{:?}", found.warnings());
        assert_eq!(found.importances[0].0, "dff_mean", "{:?}", found.importances);
        for name in [
            "validation.csv",
            "confusion.csv",
            "null.csv",
            "predictions.csv",
            "importance.csv",
            "shapley.csv",
            "model.json",
        ] {
            assert!(at("far").join(name).is_file(), "{name}");
        }
        write(&at("same.csv"), 0.0);
        let boosted = ValidationParams {
            model: ModelParams::BoostedTrees(BoostedParams { n_trees: 10, ..BoostedParams::default() }),
            n_permutations: 20,
            ..ValidationParams::default()
        };
        let same = ClassifyRequest { validation: boosted, ..request(&at("same.csv")) };
        let found = run(&same, &at("same"), Existing::Refuse, Some(1), &Silent).expect("trained");
        assert!(found.warnings()[0].contains("near chance"), "{:?}", found.warnings());
        let methods = std::fs::read_to_string(at("same/methods.txt")).expect("there");
        assert!(methods.contains("log-odds of b") && methods.contains("near chance"), "{methods}");
        let unknown = ClassifyRequest { classes: vec!["a".into(), "c".into()], ..request(&at("same.csv")) };
        assert!(run(&unknown, &at("none"), Existing::Refuse, None, &Silent).is_err(), "no events of c");
    }
}
