//! `sparkwave analyze`

mod classes;
mod events;

use crate::cmd::Out;
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::analysis::statistics::compare::{Change, Design, Level, Options};
use sparkwave::analysis::statistics::multiplicity::Correction;
use sparkwave::analyze::Source;
use sparkwave::analyze::compare::CompareRequest;
use std::path::{Path, PathBuf};

/// Conclude from the tables of runs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    /// Draw the figures of the analysis, with the numbers behind them, and write one page, report.html
    #[arg(long, global = true)]
    report: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Features(events::FeatureArgs),
    Subtypes(events::SubtypeArgs),
    Categories(events::CategoryArgs),
    Change(events::ChangeArgs),
    Compare(Box<CompareArgs>),
    Association(Box<classes::AssociationArgs>),
    Classify(Box<classes::ClassifyArgs>),
    Report(ReportArgs),
}

/// Draw the figures and the page of a finished analysis, again or for the first time
#[derive(Debug, clap::Args)]
struct ReportArgs {
    /// Folder of the analysis
    folder: PathBuf,
}

/// Compare measures between groups: p-values, effect sizes with intervals, what was chosen and why, the Methods sentence
///
/// Groups are the tables (`ctrl=run1/events.csv cltp=run2/events.csv`), or told by a column (--group). What is counted is the
/// animal if its column is given, else the neuron, else the event: then a warning says by how much that inflates n.
#[derive(Debug, clap::Args)]
struct CompareArgs {
    /// Tables (CSV), each NAME=FILE or FILE
    #[arg(value_name = "[NAME=]TABLE", required = true)]
    tables: Vec<String>,
    #[command(flatten)]
    out: Out,
    /// A column to compare; may be given again [default: all that measure something]
    #[arg(long, value_name = "COLUMN")]
    measure: Vec<String>,
    /// The column that tells the group [default: the table]
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
    /// The column that tells the neuron
    #[arg(long, value_name = "COLUMN")]
    neuron: Option<String>,
    /// The column that tells the animal
    #[arg(long, value_name = "COLUMN")]
    animal: Option<String>,
    /// Pair the units of two groups, and test this
    #[arg(long, value_name = "CHANGE", value_enum)]
    paired: Option<Pairing>,
    /// What is counted as one [default: the highest level that every row knows]
    #[arg(long, value_enum)]
    unit: Option<Unit>,
    /// Drop units outside Tukey's fences of so many interquartile ranges (1.5 is usual) [default: drop nothing]
    #[arg(long, value_name = "X")]
    fences: Option<f64>,
    /// Correction of p-values for several measures, and for pairs of several groups
    #[arg(long, value_enum, default_value_t = Adjustment::Holm)]
    correction: Adjustment,
    /// As published: fold changes of neurons, fences, no correction
    #[arg(long, conflicts_with_all = ["paired", "unit", "fences", "correction"])]
    published: bool,
    /// Seed of bootstrap and permutations
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Pairing {
    /// second - first
    Difference,
    /// (second - first) / first
    FoldChange,
    /// ln(second / first)
    LogRatio,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Unit {
    /// A row
    Event,
    /// A neuron
    Neuron,
    /// An animal
    Animal,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Adjustment {
    /// Holm: the probability of any false positive
    Holm,
    /// Benjamini and Hochberg: the part of false ones among positives
    Bh,
    /// None
    None,
}

impl Unit {
    fn level(self) -> Level {
        match self {
            Self::Event => Level::Event,
            Self::Neuron => Level::Neuron,
            Self::Animal => Level::Animal,
        }
    }
}

impl Adjustment {
    fn correction(self) -> Correction {
        match self {
            Self::Holm => Correction::Holm,
            Self::Bh => Correction::BenjaminiHochberg,
            Self::None => Correction::None,
        }
    }
}

impl CompareArgs {
    fn request(&self) -> CompareRequest {
        let mut options = if self.published {
            Options::published()
        } else {
            Options {
                design: match self.paired {
                    None => Design::Unpaired,
                    Some(Pairing::Difference) => Design::Paired(Change::Difference),
                    Some(Pairing::FoldChange) => Design::Paired(Change::FoldChange),
                    Some(Pairing::LogRatio) => Design::Paired(Change::LogRatio),
                },
                unit: self.unit.map(Unit::level),
                fences: self.fences,
                correction: self.correction.correction(),
                ..Options::default()
            }
        };
        options.resampling.seed = self.seed;
        CompareRequest {
            tables: self.tables.iter().map(|text| source(text)).collect(),
            measures: self.measure.clone(),
            group: self.group.clone(),
            neuron: self.neuron.clone(),
            animal: self.animal.clone(),
            options,
        }
    }
}

/// A table, with its name if it was given one; otherwise that of its file, or of its run if all are called alike.
fn source(text: &str) -> Source {
    if let Some((name, path)) = text.split_once('=') {
        return Source { name: name.to_owned(), path: path.into() };
    }
    let path = PathBuf::from(text);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().and_then(|p| p.file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = if stem == "events" || stem == "waves" { folder.unwrap_or(stem) } else { stem };
    Source { name, path }
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let folder = match &args.what {
        What::Features(args) => events::features(args).map(|()| &args.out),
        What::Subtypes(args) => events::subtypes(args).map(|()| &args.out),
        What::Categories(args) => events::categories(args).map(|()| &args.out),
        What::Change(args) => return events::change(args),
        What::Compare(args) => compare(args).map(|()| &args.out),
        What::Association(args) => classes::association(args).map(|()| &args.out),
        What::Classify(args) => classes::classify(args).map(|()| &args.out),
        What::Report(args) => return report(&args.folder),
    }?;
    if args.report { report(&folder.out) } else { Ok(()) }
}

fn report(folder: &Path) -> anyhow::Result<()> {
    let page = sparkwave::analyze::report::run(folder)?;
    output::remark(&format!("look at {}", page.display()));
    Ok(())
}

fn compare(args: &CompareArgs) -> anyhow::Result<()> {
    let terminal = Terminal::new(true);
    let out = &args.out.out;
    let family = sparkwave::analyze::compare::run(&args.request(), out, args.out.existing.existing(), &terminal)?;
    if args.json {
        output::json(&serde_json::to_value(&family)?);
        return Ok(());
    }
    // Warnings that measures share are told once.
    let mut warned: Vec<(String, Vec<&str>)> = Vec::new();
    for member in &family.members {
        let line = match (&member.comparison, &member.undefined) {
            (Some(comparison), _) => {
                let n: Vec<String> = comparison.samples.iter().map(|s| format!("{} {}", s.n, s.name)).collect();
                let p = member.p_adjusted.unwrap_or(comparison.outcome.p);
                let effect = comparison.effect.map_or_else(String::new, |e| format!(", {} {}", e.name, e.estimate));
                let test = comparison.outcome.test.name();
                let p = if p < 1e-4 { "p < 0.0001".to_owned() } else { format!("p = {p:.4}") };
                format!("{}: {p} ({test}; {}){effect}", member.measure, n.join(", "))
            }
            (None, why) => format!("{}: not compared: {}", member.measure, why.as_deref().unwrap_or("undefined")),
        };
        output::line(&line);
        for warning in member.comparison.iter().flat_map(|c| &c.warnings) {
            let text = warning.to_string();
            match warned.iter_mut().find(|(earlier, _)| *earlier == text) {
                Some((_, measures)) => measures.push(&member.measure),
                None => warned.push((text, vec![&member.measure])),
            }
        }
    }
    for (warning, measures) in warned {
        output::line(&format!("warning: {warning} ({})", measures.join(", ")));
    }
    output::line(&format!("look at {}", out.join("methods.txt").display()));
    Ok(())
}
