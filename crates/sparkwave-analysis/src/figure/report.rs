//! The reports: one HTML page each that opens anywhere, offline.
//!
//! Style, script, figures, crops and the table are all inside the page; its content security policy forbids it to load
//! anything. The table is data (JSON) from which the script builds one page of rows at a time, so that tens of
//! thousands of events stay responsive.

mod analysis;
mod change;
mod data;
mod page;
mod summary;
mod waves;

pub use analysis::{AnalysisReport, analysis_report_html};
pub use change::{ChangeReport, change_report_html};
pub use waves::{EpisodeSection, WavesReport, waves_report_html};

use super::{Clip, Figure, Scale};
use sparkwave_core::table::Table;

/// dF/F0 of an event's footprint over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The event's id.
    pub event_id: u32,
    /// Frame of the first value.
    pub first_frame: usize,
    /// One value a frame; NaN where unknown.
    pub dff: Vec<f32>,
    /// First frame of the event.
    pub start_frame: usize,
    /// Frame after the event's last one.
    pub end_frame: usize,
}

impl From<&Clip> for Trace {
    fn from(clip: &Clip) -> Self {
        let (start_frame, end_frame) = clip.event_frames();
        let Clip { event_id, trace_first_frame, .. } = *clip;
        Self { event_id, first_frame: trace_first_frame, dff: clip.trace.clone(), start_frame, end_frame }
    }
}

/// What a report tells. [`Report::new`] makes one with the obligatory parts; set the other fields as far as known.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// Heading of the page, usually the recording's name.
    pub title: String,
    /// Name and version of the program.
    pub version: String,
    /// Pairs of name and value: input, shape, calibration with its source, detector, parameters.
    pub facts: Vec<(String, String)>,
    /// Doubts the reader must see, as sentences.
    pub warnings: &'a [String],
    /// Stages of the run with their wall time in seconds.
    pub stages: Vec<(String, f64)>,
    /// Pixel size and frame interval, for the units of traces.
    pub scale: Scale,
    /// Events per minute and 100 um2, if pixel size and frame interval are known.
    pub rate_per_min_100um2: Option<f64>,
    /// Figures in the order of the page.
    pub figures: &'a [Figure],
    /// One row an event. Links to single events need the column `event_id`.
    pub events: &'a Table,
    /// For some or all events: id and PNG file, see [`super::event_crop`].
    pub crops: Vec<(u32, Vec<u8>)>,
    /// For some or all events: their traces.
    pub traces: Vec<Trace>,
    /// Scores against a truth, if there is one.
    pub scores: Option<&'a Table>,
}

impl<'a> Report<'a> {
    /// A report of these events and nothing else yet.
    pub fn new(title: impl Into<String>, events: &'a Table) -> Self {
        Self {
            title: title.into(),
            version: String::new(),
            facts: Vec::new(),
            warnings: &[],
            stages: Vec::new(),
            scale: Scale::default(),
            rate_per_min_100um2: None,
            figures: &[],
            events,
            crops: Vec::new(),
            traces: Vec::new(),
            scores: None,
        }
    }
}

/// Writes the report as one self-contained HTML5 document.
///
/// Numbers in the page have 7 significant digits (traces 4); the tables beside the report are exact. A row takes about
/// 10 bytes a column; a crop and a trace take 8 to 12 kB an event, so it is the caller who says how many there are.
pub fn report_html(report: &Report<'_>) -> String {
    let mut page = page::open(&report.title, &summary::answer(report));
    let sections = [
        (!report.figures.is_empty(), "figures", "Figures"),
        (true, "events", "Events"),
        (report.scores.is_some(), "scores", "Scores"),
        (!report.facts.is_empty(), "method", "Input and method"),
    ];
    page::push_contents(&mut page, &sections);
    page::push_warnings(&mut page, report.warnings);
    page::push_figures(&mut page, "Figures", report.figures);
    page.push_str(include_str!("report/events.html"));
    if let Some(scores) = report.scores {
        page.push_str(
            "<section aria-labelledby=\"scores-title\">\n<h2 id=\"scores-title\">Scores against the truth</h2>\n",
        );
        page::push_table(&mut page, scores);
        page.push_str("</section>\n");
    }
    page::push_method(&mut page, &report.facts, &report.stages);
    page::push_end_of_main(&mut page, &report.version);
    page.push_str(&format!("<script type=\"application/json\" id=\"data\">{}</script>\n", data::json(report)));
    page::push_script(&mut page, include_str!("report/script.js"));
    page
}
