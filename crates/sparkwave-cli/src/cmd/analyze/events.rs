//! `sparkwave analyze features|subtypes|categories|change`

use super::source;
use crate::cmd::{Out, Running};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::analysis::categories::{Category, CategoryParams, Offset, Rule, SiteCategory};
use sparkwave::analysis::features::{Method, ScreenParams};
use sparkwave::analysis::statistics::compare::Options;
use sparkwave::analyze::categories::CategoryRequest;
use sparkwave::analyze::change::ChangeRequest;
use sparkwave::analyze::features::{FeatureRequest, Set};
use sparkwave::analyze::subtypes::SubtypeRequest;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The features of events with units, and which of them say the same
#[derive(Debug, clap::Args)]
pub(super) struct FeatureArgs {
    /// Tables (events.csv or waves.csv), each NAME=FILE or FILE
    #[arg(value_name = "[NAME=]TABLE", required = true)]
    tables: Vec<String>,
    #[command(flatten)]
    pub(super) out: Out,
    /// Which features
    #[arg(long, value_enum, default_value_t = SetName::Sparks)]
    set: SetName,
    /// Correlation coefficient
    #[arg(long, value_enum, default_value_t = MethodName::Pearson)]
    correlation: MethodName,
    /// Features with a larger absolute coefficient say the same, 0 to 1
    #[arg(long, value_name = "R", default_value_t = ScreenParams::default().threshold)]
    threshold: f64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SetName {
    /// Of synaptic transients, in micrometres and seconds
    Sparks,
    /// The eight published ones of these, in voxels and frames
    Published,
    /// Of waves
    Waves,
}

impl SetName {
    pub(super) fn set(self) -> Set {
        match self {
            Self::Sparks => Set::Sparks,
            Self::Published => Set::Published,
            Self::Waves => Set::Waves,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MethodName {
    /// Of values
    Pearson,
    /// Of ranks
    Spearman,
}

pub(super) fn features(args: &FeatureArgs) -> anyhow::Result<()> {
    let method = match args.correlation {
        MethodName::Pearson => Method::Pearson,
        MethodName::Spearman => Method::Spearman,
    };
    let request = FeatureRequest {
        tables: args.tables.iter().map(|text| source(text)).collect(),
        set: args.set.set(),
        screen: ScreenParams { method, threshold: args.threshold, ..ScreenParams::default() },
    };
    let (out, existing) = (&args.out.out, args.out.existing.existing());
    let screened = sparkwave::analyze::features::run(&request, out, existing, &Terminal::new(true))?;
    output::line(&format!("kept: {}", screened.kept.join(", ")));
    let dropped: Vec<&str> = screened.dropped.iter().map(|d| d.feature.as_str()).collect();
    if !dropped.is_empty() {
        output::line(&format!("dropped: {}; why is in {}", dropped.join(", "), out.join("dropped.csv").display()));
    }
    Ok(())
}

/// Groups of events that look alike: how many, what they look like, who has how many
#[derive(Debug, clap::Args)]
pub(super) struct SubtypeArgs {
    /// Tables (events.csv or waves.csv), each NAME=FILE or FILE
    #[arg(value_name = "[NAME=]TABLE", required = true)]
    tables: Vec<String>,
    #[command(flatten)]
    pub(super) out: Out,
    /// Which features
    #[arg(long, value_enum, default_value_t = SetName::Sparks)]
    set: SetName,
    /// Largest number of subtypes that is tried
    #[arg(long, value_name = "N", default_value_t = 8)]
    up_to: usize,
    /// How many there are [default: the number of the largest silhouette]
    #[arg(long, value_name = "N")]
    number: Option<usize>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    running: Running,
}

pub(super) fn subtypes(args: &SubtypeArgs) -> anyhow::Result<()> {
    let request = SubtypeRequest {
        tables: args.tables.iter().map(|text| source(text)).collect(),
        set: args.set.set(),
        tried: 2..=args.up_to,
        chosen: args.number,
        seed: args.seed,
    };
    let terminal = Terminal::new(args.running.quiet);
    let (out, existing) = (&args.out.out, args.out.existing.existing());
    let found = sparkwave::analyze::subtypes::run(&request, out, existing, args.running.threads(), &terminal);
    terminal.finish();
    let found = found?;
    if args.running.json {
        output::json(&serde_json::json!({
            "n_subtypes": found.k, "sizes": found.sizes, "n_left_out": found.n_left_out,
            "silhouette": found.silhouette, "elbow": found.elbow, "gap": found.gap,
        }));
        return Ok(());
    }
    let sizes: Vec<String> = found.sizes.iter().map(ToString::to_string).collect();
    let number = |n: Option<usize>| n.map_or_else(|| "none".to_owned(), |n| n.to_string());
    let silhouette = found.silhouette.map_or_else(|| "unknown".to_owned(), |s| format!("{s:.3}"));
    output::line(&format!(
        "{} subtypes of {} events (silhouette {silhouette}; the elbow says {}, the gap statistic {}); {} left out",
        found.k,
        sizes.join(", "),
        number(found.elbow),
        number(found.gap),
        output::counted(found.n_left_out, "event"),
    ));
    Ok(())
}

/// What became of events and sites after a stimulus: silenced, new, recurrent
///
/// Given two folders of `sparks run`, the displacement between the recordings is found from their mean images.
#[derive(Debug, clap::Args)]
pub(super) struct CategoryArgs {
    /// The run before the stimulus (a folder), or its events.csv alone
    before: String,
    /// The run after it, of the same field of view
    after: String,
    #[command(flatten)]
    pub(super) out: Out,
    /// Which events belong together
    #[arg(long, value_enum, default_value_t = RuleName::OneToOne)]
    rule: RuleName,
    /// Events at least this far apart do not belong together, um
    #[arg(long, value_name = "UM", default_value_t = CategoryParams::default().distance_um)]
    distance_um: f64,
    /// What is added to y after the stimulus to get y before it, um [default: found from the mean images]
    #[arg(long, value_name = "UM", allow_hyphen_values = true)]
    offset_y_um: Option<f64>,
    /// What is added to x after the stimulus to get x before it, um [default: found from the mean images]
    #[arg(long, value_name = "UM", allow_hyphen_values = true)]
    offset_x_um: Option<f64>,
    #[command(flatten)]
    running: Running,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RuleName {
    /// Each with one other, as many pairs as possible
    OneToOne,
    /// As published: all within the distance
    Paper,
}

pub(super) fn categories(args: &CategoryArgs) -> anyhow::Result<()> {
    let rule = match args.rule {
        RuleName::OneToOne => Rule::OneToOne,
        RuleName::Paper => Rule::AllWithin,
    };
    let is_given = args.offset_y_um.is_some() || args.offset_x_um.is_some();
    let offset = Offset { y_um: args.offset_y_um.unwrap_or_default(), x_um: args.offset_x_um.unwrap_or_default() };
    let request = CategoryRequest {
        before: source(&args.before),
        after: source(&args.after),
        offset: is_given.then_some(offset),
        params: CategoryParams { rule, distance_um: args.distance_um },
    };
    let (out, existing) = (&args.out.out, args.out.existing.existing());
    let terminal = Terminal::new(args.running.quiet);
    let found = sparkwave::analyze::categories::run(&request, out, existing, &terminal);
    terminal.finish();
    let found = found?;
    let n_events = |c: Category| found.categories.count(c);
    let n_sites = |c: SiteCategory| found.sites.iter().filter(|site| site.category() == c).count();
    if args.running.json {
        let events: BTreeMap<&str, usize> = Category::ALL.iter().map(|c| (c.name(), n_events(*c))).collect();
        let sites: BTreeMap<&str, usize> = SiteCategory::ALL.iter().map(|c| (c.name(), n_sites(*c))).collect();
        output::json(&serde_json::json!({"events": events, "sites": sites, "registration": found.alignment}));
        return Ok(());
    }
    let events: Vec<String> = Category::ALL.iter().map(|c| format!("{} {}", n_events(*c), c.name())).collect();
    let sites: Vec<String> = SiteCategory::ALL.iter().map(|c| format!("{} {}", n_sites(*c), c.name())).collect();
    output::line(&format!("events: {}", events.join(", ")));
    output::line(&format!("sites: {}", sites.join(", ")));
    let Offset { y_um, x_um } = found.alignment.offset;
    let agreement =
        found.alignment.correlation.map_or_else(String::new, |r| format!(", mean images correlate by {r:.3}"));
    output::line(&format!("offset: {y_um:.3} um down, {x_um:.3} um right{agreement}"));
    output::line(&format!("look at {}", out.join("categories.csv").display()));
    Ok(())
}

/// Did a stimulus change anything? Neurons before and after it: events, their heights, sites, with tests and intervals
#[derive(Debug, clap::Args)]
pub(super) struct ChangeArgs {
    /// Table (CSV) of neurons: neuron, before, after (folders of runs, or events.csv), and if known animal, offset_y_um,
    /// offset_x_um
    #[arg(value_name = "PAIRS.csv")]
    pairs: PathBuf,
    #[command(flatten)]
    out: Out,
    /// Events of one site are less than this apart, um
    #[arg(long, value_name = "UM", default_value_t = CategoryParams::default().distance_um)]
    distance_um: f64,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    running: Running,
}

pub(super) fn change(args: &ChangeArgs) -> anyhow::Result<()> {
    let mut options = Options::default();
    options.resampling.seed = args.seed;
    let request = ChangeRequest {
        params: CategoryParams { distance_um: args.distance_um, ..CategoryParams::default() },
        options,
        pairs: sparkwave::analyze::change::read_pairs(&args.pairs)?,
    };
    let (out, existing) = (&args.out.out, args.out.existing.existing());
    let terminal = Terminal::new(args.running.quiet);
    let found = sparkwave::analyze::change::run(&request, None, out, existing, &terminal);
    terminal.finish();
    let found = found?;
    if args.running.json {
        output::json(&serde_json::json!({"neurons": found.neurons, "conclusion": found.conclusion}));
        return Ok(());
    }
    found.sentences.iter().for_each(|sentence| output::line(sentence));
    output::line(&format!("look at {}", out.join("report.html").display()));
    Ok(())
}
