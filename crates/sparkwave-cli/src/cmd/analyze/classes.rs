//! `sparkwave analyze association|classify`

use super::events::SetName;
use super::{Adjustment, Unit, source};
use crate::cmd::{Out, Running};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::analysis::classify::{
    BoostedParams, DecisionTreeParams, ModelParams, Shuffle, TreeLimits, ValidationParams,
};
use sparkwave::analysis::statistics::compare::Options;
use sparkwave::analyze::Source;
use sparkwave::analyze::association::AssociationRequest;
use sparkwave::analyze::classify::ClassifyRequest;
use std::path::PathBuf;

/// Events of several tables, with what other analyses said of them.
#[derive(Debug, clap::Args)]
struct Labelled {
    /// Tables (events.csv or waves.csv), each NAME=FILE or FILE
    #[arg(value_name = "[NAME=]TABLE", required = true)]
    tables: Vec<String>,
    /// A table with more columns for the same events, by table and event_id; may be given again
    #[arg(long, value_name = "CSV")]
    join: Vec<PathBuf>,
    /// Seed of what is permuted and resampled
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

impl Labelled {
    fn sources(&self) -> Vec<Source> {
        self.tables.iter().map(|text| source(text)).collect()
    }
}

/// Cross two classifications of events: counts, chi-square with post hocs, Cramer's V, permutations over neurons
///
/// `analyze association before.csv after.csv --join categories.csv --join subtypes.csv --rows category --columns subtype`;
/// what recurrent events turned into is `--rows subtype --columns counterpart.subtype`.
#[derive(Debug, clap::Args)]
pub(super) struct AssociationArgs {
    #[command(flatten)]
    events: Labelled,
    #[command(flatten)]
    pub(super) out: Out,
    /// The column whose values are the rows [default: the table]
    #[arg(long, value_name = "COLUMN")]
    rows: Option<String>,
    /// The column whose values are the columns
    #[arg(long, value_name = "COLUMN")]
    columns: String,
    /// The column that tells the neuron
    #[arg(long, value_name = "COLUMN")]
    neuron: Option<String>,
    /// The column that tells the animal
    #[arg(long, value_name = "COLUMN")]
    animal: Option<String>,
    /// What is permuted and resampled [default: the highest level that every event knows]
    #[arg(long, value_enum)]
    unit: Option<Unit>,
    /// Correction of p-values of single columns
    #[arg(long, value_enum, default_value_t = Adjustment::Holm)]
    correction: Adjustment,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

pub(super) fn association(args: &AssociationArgs) -> anyhow::Result<()> {
    let mut options =
        Options { unit: args.unit.map(Unit::level), correction: args.correction.correction(), ..Options::default() };
    options.resampling.seed = args.events.seed;
    let request = AssociationRequest {
        tables: args.events.sources(),
        joins: args.events.join.clone(),
        rows: args.rows.clone(),
        columns: args.columns.clone(),
        neuron: args.neuron.clone(),
        animal: args.animal.clone(),
        options,
    };
    let (out, existing) = (&args.out.out, args.out.existing.existing());
    let association = sparkwave::analyze::association::run(&request, out, existing, &Terminal::new(true))?;
    if args.json {
        output::json(&serde_json::to_value(&association.found)?);
        return Ok(());
    }
    let found = &association.found;
    output::line(&found.methods);
    for test in &found.one_vs_rest {
        let name = &found.classes[test.column];
        output::line(&format!(
            "{name} against all others: p = {:.4} ({:.4} uncorrected)",
            test.p_adjusted, test.test.p
        ));
    }
    found.warnings.iter().for_each(|warning| output::line(&format!("warning: {warning}")));
    if association.n_unknown > 0 {
        output::line(&format!(
            "{} not counted: row or column unknown",
            output::counted(association.n_unknown, "event")
        ));
    }
    output::line(&format!("look at {}", out.join("association.csv").display()));
    Ok(())
}

/// What tells classes of events apart: trees validated on neurons they have not seen, and Shapley values
///
/// The default is the published decision tree. A balanced accuracy near chance draws a warning: what such a model looks at
/// says little.
#[derive(Debug, clap::Args)]
pub(super) struct ClassifyArgs {
    #[command(flatten)]
    events: Labelled,
    #[command(flatten)]
    pub(super) out: Out,
    /// The column that tells the class [default: the table]
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// The classes to tell apart, such as silenced,"recurrent before" [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    classes: Vec<String>,
    /// The column that tells the neuron or animal, which is never in training and test at once
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
    /// Which features
    #[arg(long, value_enum, default_value_t = SetName::Sparks)]
    set: SetName,
    /// The model
    #[arg(long, value_enum, default_value_t = ModelName::Tree)]
    model: ModelName,
    /// Largest depth of a tree [default: 5, of boosted trees 3]
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// Events that a leaf must have
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_leaf: usize,
    /// Number of boosted trees
    #[arg(long, value_name = "N", default_value_t = BoostedParams::default().n_trees)]
    trees: usize,
    /// Number of folds
    #[arg(long, value_name = "N", default_value_t = ValidationParams::default().n_folds)]
    folds: usize,
    /// Number of times that labels are shuffled
    #[arg(long, value_name = "N", default_value_t = ValidationParams::default().n_permutations)]
    permutations: usize,
    /// Among which events labels are shuffled
    #[arg(long, value_enum, default_value_t = ShuffleName::Within)]
    shuffle: ShuffleName,
    #[command(flatten)]
    running: Running,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModelName {
    /// A decision tree, as published
    Tree,
    /// Boosted trees, for two classes
    Boosted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShuffleName {
    /// Within each group
    Within,
    /// Among all, for groups of one class each
    Everywhere,
}

impl ClassifyArgs {
    fn validation(&self) -> ValidationParams {
        let limits = |depth: usize| TreeLimits {
            max_depth: self.depth.unwrap_or(depth),
            min_leaf: self.min_leaf,
            ..DecisionTreeParams::default().limits
        };
        ValidationParams {
            model: match self.model {
                ModelName::Tree => {
                    let published = DecisionTreeParams::default();
                    ModelParams::DecisionTree(DecisionTreeParams {
                        limits: limits(published.limits.max_depth),
                        ..published
                    })
                }
                ModelName::Boosted => {
                    let usual = BoostedParams::default();
                    let limits = limits(usual.limits.max_depth);
                    ModelParams::BoostedTrees(BoostedParams { n_trees: self.trees, limits, ..usual })
                }
            },
            n_folds: self.folds,
            n_permutations: self.permutations,
            shuffle: match self.shuffle {
                ShuffleName::Within => Shuffle::WithinGroups,
                ShuffleName::Everywhere => Shuffle::Everywhere,
            },
            seed: self.events.seed,
            ..ValidationParams::default()
        }
    }
}

pub(super) fn classify(args: &ClassifyArgs) -> anyhow::Result<()> {
    let request = ClassifyRequest {
        tables: args.events.sources(),
        joins: args.events.join.clone(),
        label: args.label.clone(),
        classes: args.classes.clone(),
        group: args.group.clone(),
        set: args.set.set(),
        validation: args.validation(),
    };
    let terminal = Terminal::new(args.running.quiet);
    let (out, existing) = (&args.out.out, args.out.existing.existing());
    let found = sparkwave::analyze::classify::run(&request, out, existing, args.running.threads(), &terminal);
    terminal.finish();
    let found = found?;
    let shuffled = found.validation.null.as_ref();
    if args.running.json {
        output::json(&serde_json::json!({
            "classes": found.classes, "n": found.sizes, "n_left_out": found.n_left_out, "n_groups": found.n_groups,
            "balanced_accuracy": found.validation.balanced_accuracy, "of_fold": found.validation.of_fold,
            "confusion": found.validation.confusion.counts, "p": shuffled.map(|n| n.p),
            "null_mean": shuffled.map(|n| n.mean), "null_quantile_95": shuffled.map(|n| n.quantile_95),
            "importances": found.importances, "warnings": found.warnings(),
        }));
        return Ok(());
    }
    let sizes: Vec<String> = found.classes.iter().zip(&found.sizes).map(|(class, n)| format!("{n} {class}")).collect();
    let p = shuffled.map_or_else(String::new, |n| {
        format!(", p = {:.4} against shuffled labels (95 % up to {:.3})", n.p, n.quantile_95)
    });
    output::line(&format!(
        "{}: balanced accuracy {:.3} on unseen groups ({} of them; a guess has {:.2}){p}",
        sizes.join(", "),
        found.validation.balanced_accuracy,
        found.n_groups,
        1.0 / found.classes.len() as f64
    ));
    let first: Vec<String> = found.importances.iter().take(3).map(|(name, v)| format!("{name} ({v:.3})")).collect();
    output::line(&format!("most important: {}", first.join(", ")));
    found.warnings().iter().for_each(|warning| output::line(&format!("warning: {warning}")));
    if found.n_left_out > 0 {
        output::line(&format!("{} left out", output::counted(found.n_left_out, "event")));
    }
    Ok(())
}
