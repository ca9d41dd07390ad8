//! Neurons before and after a stimulus: did anything change ([`sparkwave_analysis::categories::conclude`])?

use super::categories::site_table;
use super::pair::{Alignment, Compared, compare};
use super::{Source, text};
use crate::error::Error;
use crate::provenance::version;
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use serde::Serialize;
use sparkwave_analysis::categories::{
    CategoryParams, Conclusion, Counts, FoldChange, FoldChangeParams, MeanRatio, NeuronChange, Offset, SiteCategory,
    conclude, fold_changes,
};
use sparkwave_analysis::figure::conclusions::paired;
use sparkwave_analysis::figure::{ChangeReport, Figure, change_report_html, mean_ratios};
use sparkwave_analysis::statistics::compare::Options;
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A neuron that was recorded twice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NeuronPair {
    /// Its name.
    pub neuron: String,
    /// The animal, or the culture, if known.
    pub animal: Option<String>,
    /// The recording before the stimulus: a folder of a run, or a table of events.
    pub before: PathBuf,
    /// The one after it.
    pub after: PathBuf,
    /// How far the second is displaced against the first; found from their mean images if it is not said.
    pub offset: Option<Offset>,
}

/// What is compared, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangeRequest {
    /// How events are linked.
    pub params: CategoryParams,
    /// How neurons are compared; they are paired with themselves in any case.
    pub options: Options,
    /// The neurons.
    pub pairs: Vec<NeuronPair>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct ChangeResult {
    /// One for each neuron, in their order.
    pub neurons: Vec<NeuronChange>,
    /// How the recordings of each lie to each other.
    pub alignments: Vec<Alignment>,
    /// Whether anything changed over all of them.
    pub conclusion: Conclusion,
    /// The conclusion in words, a sentence a line.
    pub sentences: Vec<String>,
}

/// Reads a table of neurons: `neuron, before, after`, and optionally `animal, offset_y_um, offset_x_um`. Paths are relative
/// to the folder of the table.
///
/// # Errors
/// If the table cannot be read, lacks a column or has an empty cell in one of the first three.
pub fn read_pairs(path: &Path) -> Result<Vec<NeuronPair>, Error> {
    let table = sparkwave_io::csv::read_table(path)?;
    let fail = |message: String| Error::Config { path: path.to_path_buf(), message };
    let folder = path.parent().unwrap_or(Path::new(""));
    let word = |name: &str, row: usize| match table.column(name).map(|column| &column[row]) {
        None | Some(Value::Empty) => None,
        Some(value) => Some(value.to_string()),
    };
    let number = |name: &str, row: usize| table.column(name).and_then(|column| column[row].as_f64());
    let needed = |name: &str, row: usize| {
        word(name, row).ok_or_else(|| fail(format!("expected a column {name} with a value in row {}", row + 1)))
    };
    let pair = |row: usize| {
        Ok(NeuronPair {
            neuron: needed("neuron", row)?,
            animal: word("animal", row),
            before: folder.join(needed("before", row)?),
            after: folder.join(needed("after", row)?),
            offset: number("offset_y_um", row)
                .zip(number("offset_x_um", row))
                .map(|(y_um, x_um)| Offset { y_um, x_um }),
        })
    };
    (0..table.n_rows()).map(pair).collect()
}

/// Compares, and writes `neurons.csv`, `fold_changes.csv`, `sites.csv`, `registration.csv`, `conclusions.csv`, `methods.txt`,
/// figures and `report.html`. `truth` is what is known of simulated neurons; it is told beside what was found.
///
/// # Errors
/// If a table cannot be read or has no positions in micrometres, recordings do not show the same, there are no neurons, the
/// folder is not free, or a file cannot be written.
pub fn run(
    request: &ChangeRequest,
    truth: Option<&[NeuronChange]>,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<ChangeResult, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    clock.begin("compare neurons", request.pairs.len() as u64);
    let (mut neurons, mut alignments, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let (mut sites, mut registrations) = (Table::new(), Table::new());
    let mut counts: [Vec<Counts>; 3] = Default::default();
    for pair in &request.pairs {
        if clock.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let side =
            |time: &str, path: &Path| Source { name: format!("{} {time}", pair.neuron), path: path.to_path_buf() };
        let (before, after) = (side("before", &pair.before), side("after", &pair.after));
        let found = compare([&before, &after], pair.offset, &request.params, &clock)?;
        neurons.push(of_neuron(pair, &found));
        for (of_kind, kind) in counts.iter_mut().zip(&KINDS) {
            of_kind.push(kind.count(&pair.neuron, &found));
        }
        append(&mut sites, &pair.neuron, site_table(&found));
        append(&mut registrations, &pair.neuron, found.alignment.table());
        alignments.push(found.alignment);
        files.extend(found.sides.iter().flat_map(super::pair::Side::files));
        clock.advance(1);
    }
    let conclusion = conclude(&neurons, &request.options)?;
    let true_conclusion = truth.map(|truth| conclude(truth, &request.options)).transpose()?;
    let true_ratios = true_conclusion.as_ref().map(|c| c.ratios.as_slice());
    let sentences = sentences(&neurons, &conclusion, truth.zip(true_ratios));

    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(request)?)?;
    let (by_neuron, concluded) = (neuron_table(&neurons, truth), conclusion_table(&conclusion, true_ratios));
    folder.write_table("neurons", &by_neuron, false)?;
    let changes = counts.map(|of_kind| fold_changes(&of_kind, &FoldChangeParams::default()));
    let fold_changes = fold_change_table(&changes);
    folder.write_table("fold_changes", &fold_changes, false)?;
    folder.write_table("sites", &sites, false)?;
    folder.write_table("registration", &registrations, false)?;
    folder.write_table("conclusions", &concluded, false)?;
    let methods = super::compare::methods(&conclusion.family);
    folder.write("methods.txt", methods.as_bytes())?;
    let mut figures = vec![mean_ratios(&conclusion.ratios, true_ratios)];
    figures.extend(KINDS.iter().zip(&changes).map(|(kind, changes)| kind.figure(changes)));
    figures.iter().try_for_each(|figure| folder.write_figure(figure))?;
    let warnings = clock.warnings();
    let report = ChangeReport {
        title: "Before and after".to_owned(),
        version: version(),
        answer: &sentences,
        warnings: &warnings,
        figures: &figures,
        tables: &[
            ("Conclusions", &concluded),
            ("Neurons", &by_neuron),
            ("Fold changes", &fold_changes),
            ("Registration", &registrations),
        ],
        methods: &methods,
        facts: &[
            ("Distance within which events share a site".to_owned(), format!("{} um", request.params.distance_um)),
            ("Neurons".to_owned(), neurons.len().to_string()),
        ],
    };
    folder.write("report.html", change_report_html(&report).as_bytes())?;
    let summary = serde_json::json!({
        "n_neurons": neurons.len(), "ratios": conclusion.ratios, "sentences": sentences, "out": folder.path(),
    });
    let seed = request.options.resampling.seed;
    super::record("analyze change", (seed, started), &files, summary, &clock, &folder)?;
    Ok(ChangeResult { neurons, alignments, conclusion, sentences })
}

/// Events of a neuron that are counted before and after the stimulus, by what became of their site.
struct Kind {
    name: &'static str,
    figure: &'static str,
    /// What they are called before and after it.
    sides: (&'static str, &'static str),
    sites: &'static [SiteCategory],
}

/// All events, those of sites that are active on both sides, and those of sites that fell silent against those of new ones.
/// Events are not counted by their own category: linked one to one, as many are recurrent before as after.
const KINDS: [Kind; 3] = [
    Kind { name: "all", figure: "fold_changes_all", sides: ("before", "after"), sites: &SiteCategory::ALL },
    Kind {
        name: "recurrent",
        figure: "fold_changes_recurrent",
        sides: ("recurrent before", "recurrent after"),
        sites: &[SiteCategory::Recurrent],
    },
    Kind {
        name: "silenced to new",
        figure: "fold_changes_silenced_new",
        sides: ("silenced", "new"),
        sites: &[SiteCategory::Silenced, SiteCategory::New],
    },
];

impl Kind {
    fn count(&self, neuron: &str, found: &Compared) -> Counts {
        let sites = || found.sites.iter().filter(|site| self.sites.contains(&site.category()));
        let (before, after) = (sites().map(|s| s.before.len()).sum(), sites().map(|s| s.after.len()).sum());
        Counts { neuron: neuron.to_owned(), before, after }
    }

    fn figure(&self, changes: &[FoldChange]) -> Figure {
        let pair = |c: &FoldChange| (c.counts.neuron.clone(), c.counts.before as f64, c.counts.after as f64);
        let pairs: Vec<_> = changes.iter().map(pair).collect();
        let (before, after) = self.sides;
        let of = if self.sites.len() == SiteCategory::ALL.len() {
            "all sites".to_owned()
        } else {
            format!("{} sites", self.sites.iter().map(|site| site.name()).collect::<Vec<_>>().join(" and of "))
        };
        let caption = format!(
            "Events of {of}, {before} and {after}, a line a neuron. Beside it their ratio, for neurons that have events on both \
             sides; bars are medians."
        );
        paired(self.figure, &pairs, self.sides, "Events of a neuron", None, caption)
    }
}

/// A row for each kind of events and neuron.
fn fold_change_table(changes: &[Vec<FoldChange>; 3]) -> Table {
    let rows: Vec<(&str, &FoldChange)> =
        KINDS.iter().zip(changes).flat_map(|(kind, changes)| changes.iter().map(|c| (kind.name, c))).collect();
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(&(&str, &FoldChange)) -> Value| {
        table.push(name, rows.iter().map(value).collect());
    };
    column("events", &|(kind, _)| text(*kind));
    column("neuron", &|(_, c)| text(&c.counts.neuron));
    column("n_before", &|(_, c)| Value::Int(c.counts.before as i64));
    column("n_after", &|(_, c)| Value::Int(c.counts.after as i64));
    column("fold_change", &|(_, c)| Value::maybe(c.published));
    column("log2_ratio", &|(_, c)| Value::maybe(c.log2_ratio));
    column("has_enough", &|(_, c)| Value::Bool(c.has_enough));
    table
}

/// What is known of a neuron whose recordings were compared.
fn of_neuron(pair: &NeuronPair, found: &Compared) -> NeuronChange {
    let mean_log_peak = [0, 1].map(|side| {
        let rows = found.sides[side].shared.iter();
        let peaks: Vec<f64> =
            rows.filter_map(|row| found.sides[side].number("peak_dff", *row)).filter(|peak| *peak > 0.0).collect();
        (!peaks.is_empty()).then(|| peaks.iter().map(|peak| peak.ln()).sum::<f64>() / peaks.len() as f64)
    });
    NeuronChange {
        neuron: pair.neuron.clone(),
        animal: pair.animal.clone(),
        n_events: [0, 1].map(|side| found.sides[side].shared.len()),
        n_sites: SiteCategory::ALL.map(|c| found.sites.iter().filter(|site| site.category() == c).count()),
        mean_log_peak,
    }
}

/// Adds the rows of a table below those of other neurons.
fn append(all: &mut Table, neuron: &str, more: Table) {
    let mut names = Table::new();
    names.push("neuron", vec![text(neuron); more.n_rows()]);
    let mut joined = Table::new();
    for column in names.columns().iter().chain(more.columns()) {
        let earlier = all.column(&column.name).unwrap_or_default();
        joined.push(column.name.clone(), [earlier, &column.values].concat());
    }
    *all = joined;
}

/// A row for each neuron; what is true of it behind what was found.
fn neuron_table(neurons: &[NeuronChange], truth: Option<&[NeuronChange]>) -> Table {
    let mut table = Table::new();
    table.push("neuron", neurons.iter().map(|n| text(&n.neuron)).collect());
    table.push("animal", neurons.iter().map(|n| n.animal.as_ref().map_or(Value::Empty, text)).collect());
    for (prefix, neurons) in [("", Some(neurons)), ("true_", truth)] {
        let Some(neurons) = neurons else { continue };
        let mut column = |name: &str, value: &dyn Fn(&NeuronChange) -> Value| {
            table.push(format!("{prefix}{name}"), neurons.iter().map(value).collect());
        };
        column("n_events_before", &|n| Value::Int(n.n_events[0] as i64));
        column("n_events_after", &|n| Value::Int(n.n_events[1] as i64));
        for category in SiteCategory::ALL {
            let name = format!("n_sites_{}", category.name());
            column(&name, &|n| Value::Int(n.n_sites[category as usize] as i64));
        }
        column("geometric_mean_peak_dff_before", &|n| Value::maybe(n.mean_log_peak[0].map(f64::exp)));
        column("geometric_mean_peak_dff_after", &|n| Value::maybe(n.mean_log_peak[1].map(f64::exp)));
    }
    table
}

/// A row for each measure.
fn conclusion_table(conclusion: &Conclusion, truth: Option<&[MeanRatio]>) -> Table {
    let rows: Vec<_> = conclusion.ratios.iter().zip(&conclusion.family.members).collect();
    let mut table = Table::new();
    let mut column = |name: &str, value: &dyn Fn(usize) -> Value| {
        table.push(name, (0..rows.len()).map(value).collect());
    };
    let interval = |i: usize| rows[i].0.interval;
    let compared = |i: usize| rows[i].1.comparison.as_ref();
    column("measure", &|i| text(rows[i].0.measure));
    column("n_neurons", &|i| Value::Int(rows[i].0.n as i64));
    column("ratio", &|i| Value::maybe(rows[i].0.ratio));
    column("ratio_low", &|i| Value::maybe(interval(i).map(|interval| interval.low)));
    column("ratio_high", &|i| Value::maybe(interval(i).map(|interval| interval.high)));
    if let Some(truth) = truth {
        column("true_ratio", &|i| Value::maybe(truth[i].ratio));
    }
    column("test", &|i| compared(i).map_or(Value::Empty, |c| text(c.outcome.test.name())));
    column("p", &|i| Value::maybe(compared(i).map(|c| c.outcome.p)));
    column("p_adjusted", &|i| Value::maybe(rows[i].1.p_adjusted));
    column("undefined", &|i| rows[i].1.undefined.as_ref().map_or(Value::Empty, text));
    table
}

/// The conclusion in words.
fn sentences(
    neurons: &[NeuronChange],
    conclusion: &Conclusion,
    truth: Option<(&[NeuronChange], &[MeanRatio])>,
) -> Vec<String> {
    let parts = |neurons: &[NeuronChange]| {
        let count = |category: SiteCategory| neurons.iter().map(|n| n.n_sites[category as usize]).sum::<usize>();
        let total = SiteCategory::ALL.map(count).iter().sum::<usize>().max(1);
        let part = |category: SiteCategory| {
            format!("{} {:.0} %", category.name(), 100.0 * count(category) as f64 / total as f64)
        };
        format!("{} of {total}", SiteCategory::ALL.map(part).join(", "))
    };
    let known = truth.map_or_else(String::new, |(truth, _)| format!("; simulated: {}", parts(truth)));
    let mut sentences = vec![format!("Sites of {} neurons: {}{known}.", neurons.len(), parts(neurons))];
    for (i, (ratio, member)) in conclusion.ratios.iter().zip(&conclusion.family.members).enumerate() {
        let Some(value) = ratio.ratio else { continue };
        let interval = ratio.interval.map_or_else(String::new, |i| format!(" ({:.2} to {:.2})", i.low, i.high));
        let tested = match (&member.comparison, member.p_adjusted) {
            (Some(c), Some(adjusted)) => {
                format!(", p = {:.4}, adjusted {adjusted:.4} ({})", c.outcome.p, c.outcome.test.name())
            }
            _ => String::new(),
        };
        let known = truth.and_then(|(_, ratios)| ratios[i].ratio);
        let known = known.map_or_else(String::new, |r| format!("; simulated: {r:.2}"));
        sentences.push(format!("Ratio of {}: {value:.2}{interval}{tested}{known}.", ratio.measure));
    }
    sentences
}

#[cfg(test)]
mod tests;
