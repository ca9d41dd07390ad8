//! The report: one HTML page that opens anywhere, offline.
//!
//! Style, script, figures, crops and the table are all inside the page; its content security policy forbids it to load
//! anything. The table is data (JSON) from which the script builds one page of rows at a time, so that tens of
//! thousands of events stay responsive.

mod data;
mod summary;

use super::svg::escape;
use super::{Clip, Figure, Scale};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sparkwave_core::table::Table;

/// A figure with a longer SVG enters the page as PNG if that is shorter.
const LONGEST_INLINE_SVG: usize = 2_000_000;

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
    let title = escape(&report.title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n",
        include_str!("report/style.css")
    );
    page.push_str(&format!("<header>\n<h1>{title}</h1>\n{}</header>\n<main>\n", summary::answer(report)));
    push_contents(&mut page, report);
    push_warnings(&mut page, report.warnings);
    push_figures(&mut page, report.figures);
    page.push_str(include_str!("report/events.html"));
    if let Some(scores) = report.scores {
        page.push_str(
            "<section aria-labelledby=\"scores-title\">\n<h2 id=\"scores-title\">Scores against the truth</h2>\n",
        );
        push_table(&mut page, scores);
        page.push_str("</section>\n");
    }
    push_method(&mut page, report);
    page.push_str("</main>\n");
    if !report.version.is_empty() {
        page.push_str(&format!("<footer>\n<p>Written by {}.</p>\n</footer>\n", escape(&report.version)));
    }
    page.push_str(&format!("<script type=\"application/json\" id=\"data\">{}</script>\n", data::json(report)));
    page.push_str(&format!("<script>\n{}</script>\n</body>\n</html>\n", include_str!("report/script.js")));
    page
}

/// Links to the sections that the page has.
fn push_contents(page: &mut String, report: &Report<'_>) {
    let sections = [
        (!report.figures.is_empty(), "figures", "Figures"),
        (true, "events", "Events"),
        (report.scores.is_some(), "scores", "Scores"),
        (!report.facts.is_empty(), "method", "Input and method"),
    ];
    page.push_str("<nav class=\"contents\" aria-label=\"Contents\">");
    for (_, id, name) in sections.into_iter().filter(|(is_there, ..)| *is_there) {
        page.push_str(&format!("<a href=\"#{id}-title\">{name}</a> "));
    }
    page.push_str("</nav>\n");
}

fn push_warnings(page: &mut String, warnings: &[String]) {
    if warnings.is_empty() {
        return;
    }
    page.push_str("<section class=\"warnings\" aria-labelledby=\"warnings-title\">\n");
    page.push_str("<h2 id=\"warnings-title\">Warnings</h2>\n<ul>\n");
    for warning in warnings {
        page.push_str(&format!("<li>{}</li>\n", escape(warning)));
    }
    page.push_str("</ul>\n</section>\n");
}

fn push_figures(page: &mut String, figures: &[Figure]) {
    if figures.is_empty() {
        return;
    }
    page.push_str(
        "<section aria-labelledby=\"figures-title\">\n<h2 id=\"figures-title\">Figures</h2>\n<div class=\"figures\">\n",
    );
    for figure in figures {
        page.push_str(&format!("<figure id=\"figure-{}\">\n", escape(&identifier(&figure.name))));
        // Base64 needs four characters for three bytes.
        if figure.svg.len() > LONGEST_INLINE_SVG && figure.png.len() / 3 * 4 < figure.svg.len() {
            let (alt, bytes) = (escape(&figure.caption), STANDARD.encode(&figure.png));
            page.push_str(&format!("<img alt=\"{alt}\" src=\"data:image/png;base64,{bytes}\">\n"));
        } else {
            page.push_str(&figure.svg);
        }
        page.push_str(&format!("<figcaption>{}</figcaption>\n</figure>\n", escape(&figure.caption)));
    }
    page.push_str("</div>\n</section>\n");
}

/// The name without anything that an HTML id must not contain.
fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect()
}

fn push_method(page: &mut String, report: &Report<'_>) {
    if !report.facts.is_empty() {
        page.push_str(
            "<section aria-labelledby=\"method-title\">\n<h2 id=\"method-title\">Input and method</h2>\n<dl>\n",
        );
        for (name, value) in &report.facts {
            page.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value)));
        }
        page.push_str("</dl>\n</section>\n");
    }
    if !report.stages.is_empty() {
        page.push_str("<section aria-labelledby=\"timing-title\">\n<h2 id=\"timing-title\">Wall time</h2>\n");
        page.push_str("<table class=\"plain\">\n<thead><tr><th scope=\"col\">Stage</th><th scope=\"col\">Seconds</th></tr></thead>\n<tbody>\n");
        let total: f64 = report.stages.iter().map(|(_, seconds)| seconds).sum();
        for (stage, seconds) in &report.stages {
            page.push_str(&format!("<tr><td>{}</td><td class=\"number\">{seconds:.2}</td></tr>\n", escape(stage)));
        }
        page.push_str(&format!(
            "</tbody>\n<tfoot><tr><td>Total</td><td class=\"number\">{total:.2}</td></tr></tfoot>\n</table>\n"
        ));
        page.push_str("</section>\n");
    }
}

/// A short table as plain HTML.
fn push_table(page: &mut String, table: &Table) {
    page.push_str("<div class=\"wide\"><table class=\"plain\">\n<thead><tr>");
    for column in table.columns() {
        page.push_str(&format!("<th scope=\"col\">{}</th>", escape(&column.name)));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in 0..table.n_rows() {
        page.push_str("<tr>");
        for column in table.columns() {
            let class = if column.values[row].as_f64().is_some() { " class=\"number\"" } else { "" };
            page.push_str(&format!("<td{class}>{}</td>", escape(&summary::cell(&column.values[row]))));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
}
