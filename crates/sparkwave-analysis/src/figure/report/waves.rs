//! The report on the waves of a recording.
//!
//! Its tables are short and stand in the page as they are; a script sorts them by any column.

use super::page;
use crate::figure::{Figure, axis, svg::escape};
use sparkwave_core::table::{Column, Table, Value};

/// Columns of the table of episodes; of a group the first that holds a value.
const EPISODE_COLUMNS: &[&[&str]] = &[
    &["episode_id"],
    &["start_s", "start_frame"],
    &["end_s", "end_frame"],
    &["duration_s"],
    &["start_uncertainty_s"],
    &["n_waves"],
    &["quality"],
    &["level"],
    &["reasons"],
];

/// Columns of the table of waves.
const WAVE_COLUMNS: &[&[&str]] = &[
    &["name", "wave_id"],
    &["episode_id"],
    &["start_s", "start_frame"],
    &["duration_s"],
    &["origin_y_mm", "origin_y_px"],
    &["origin_x_mm", "origin_x_px"],
    &["speed_mm_min", "speed_px_s"],
    &["speed_ci_low", "speed_ci_low_px_s"],
    &["speed_ci_high", "speed_ci_high_px_s"],
    &["net_displacement_mm", "net_displacement_px"],
    &["cover_area_mm2", "cover_area_px"],
    &["max_area_mm2", "max_area_px"],
    &["peak_drr_pct"],
    &["time_to_peak_s"],
    &["direction_deg"],
    &["side"],
];

/// What a report on waves tells. [`WavesReport::new`] makes one with the obligatory parts; set the other fields as far as
/// known.
#[derive(Clone, Debug)]
pub struct WavesReport<'a> {
    /// Heading of the page, usually the recording's name.
    pub title: String,
    /// Name and version of the program.
    pub version: String,
    /// Pairs of name and value: input, length, calibration with its source, gaps, motion, parameters.
    pub facts: Vec<(String, String)>,
    /// Doubts the reader must see, as sentences.
    pub warnings: &'a [String],
    /// Stages of the run with their wall time in seconds.
    pub stages: Vec<(String, f64)>,
    /// Length of the recording without its gaps, s, if known.
    pub observed_s: Option<f64>,
    /// One row an episode; the column `episode_id` leads to the sections below.
    pub episodes: &'a Table,
    /// One row a wave.
    pub waves: &'a Table,
    /// Candidates that were not accepted, with the reason of each.
    pub rejected: Option<&'a Table>,
    /// Figures of the whole recording.
    pub figures: &'a [Figure],
    /// One section an episode.
    pub sections: Vec<EpisodeSection<'a>>,
}

/// What a report tells of one episode.
#[derive(Clone, Debug)]
pub struct EpisodeSection<'a> {
    /// The episode's id.
    pub id: u32,
    /// What is known of it, as sentences.
    pub notes: Vec<String>,
    /// The tracking video: a path relative to the report.
    pub video: Option<String>,
    /// Its figures and those of its waves.
    pub figures: &'a [Figure],
}

impl<'a> WavesReport<'a> {
    /// A report of these episodes and waves and nothing else yet.
    pub fn new(title: impl Into<String>, episodes: &'a Table, waves: &'a Table) -> Self {
        Self {
            title: title.into(),
            version: String::new(),
            facts: Vec::new(),
            warnings: &[],
            stages: Vec::new(),
            observed_s: None,
            episodes,
            waves,
            rejected: None,
            figures: &[],
            sections: Vec::new(),
        }
    }
}

/// Writes the report as one self-contained HTML5 document. It loads nothing; the only links that leave it lead to the
/// videos, relative to its own place.
pub fn waves_report_html(report: &WavesReport<'_>) -> String {
    let mut page = page::open(&report.title, &answer(report));
    let sections = [
        (!report.figures.is_empty(), "figures", "Recording"),
        (true, "episodes", "Episodes"),
        (true, "waves", "Waves"),
        (report.rejected.is_some(), "rejected", "Rejected candidates"),
        (!report.facts.is_empty(), "method", "Input and method"),
    ];
    page::push_contents(&mut page, &sections);
    page::push_warnings(&mut page, report.warnings);
    page::push_figures(&mut page, "Recording", report.figures);
    push_section(&mut page, ("episodes", "Episodes"), |page| {
        push_sortable(page, report, &columns(report.episodes, EPISODE_COLUMNS), "No episodes were found.");
        page.push_str("<p class=\"note\">Times count from the first frame. All columns are in episodes.csv.</p>\n");
    });
    push_section(&mut page, ("waves", "Waves"), |page| {
        push_sortable(page, report, &columns(report.waves, WAVE_COLUMNS), "No waves were found.");
        page.push_str(
            "<p class=\"note\">Lower and upper are the ends of the 95 % interval of the speed. All columns are in \
             waves.csv, single frames in wave_frames.csv.</p>\n",
        );
    });
    report.sections.iter().for_each(|section| push_episode(&mut page, section));
    if let Some(rejected) = report.rejected {
        push_section(&mut page, ("rejected", "Rejected candidates"), |page| {
            let all: Vec<&Column> = rejected.columns().iter().collect();
            push_sortable(page, report, &all, "No candidate was rejected.");
        });
    }
    page::push_method(&mut page, &report.facts, &report.stages);
    page::push_end_of_main(&mut page, &report.version);
    page::push_script(&mut page, include_str!("sort.js"));
    page
}

/// The header's numbers: episodes, their rate, waves, median speed and area.
fn answer(report: &WavesReport<'_>) -> String {
    let plural = |n: usize, one: &'static str, many: &'static str| if n == 1 { one } else { many };
    let mut out = String::from("<ul class=\"answer\">\n");
    let (n_episodes, n_waves) = (report.episodes.n_rows(), report.waves.n_rows());
    page::push_number(&mut out, &n_episodes.to_string(), plural(n_episodes, "episode", "episodes"));
    page::push_number(&mut out, &n_waves.to_string(), plural(n_waves, "wave", "waves"));
    if let Some(hours) = report.observed_s.map(|s| s / 3600.0).filter(|h| *h > 0.0) {
        page::push_number(&mut out, &axis::brief(n_episodes as f64 / hours), "episodes per hour observed");
    }
    let speed = if page::numbers(report.waves, "speed_mm_min").is_empty() {
        ("speed_px_s", " px/s", "median speed; the pixel size is unknown")
    } else {
        ("speed_mm_min", " mm/min", "median speed")
    };
    for (column, unit, what) in
        [speed, ("cover_area_mm2", " mm²", "median area visited"), ("duration_s", " s", "median duration of a wave")]
    {
        if let Some(median) = page::median(page::numbers(report.waves, column)) {
            page::push_number(&mut out, &format!("{}{unit}", axis::brief(median)), what);
        }
    }
    out.push_str("</ul>\n");
    out
}

fn push_section(page: &mut String, (id, name): (&str, &str), content: impl FnOnce(&mut String)) {
    page.push_str(&format!("<section class=\"many\" id=\"{id}\" aria-labelledby=\"{id}-title\">\n"));
    page.push_str(&format!("<h2 id=\"{id}-title\">{name}</h2>\n"));
    content(page);
    page.push_str("</section>\n");
}

fn push_episode(page: &mut String, section: &EpisodeSection<'_>) {
    let id = format!("episode-{}", section.id);
    let name = format!("Episode {}", section.id);
    push_section(page, (&id, &name), |page| {
        if !section.notes.is_empty() {
            let notes: Vec<String> = section.notes.iter().map(|note| escape(note)).collect();
            page.push_str(&format!("<p>{}</p>\n", notes.join(" ")));
        }
        if let Some(video) = &section.video {
            page.push_str(&format!("<p><a href=\"{}\">Tracking video</a> ({})</p>\n", href(video), escape(video)));
        }
        page::push_gallery(page, section.figures);
    });
}

/// The columns of the groups that the table has: of a group the first that holds a value. If none is known, all.
fn columns<'t>(table: &'t Table, groups: &[&[&str]]) -> Vec<&'t Column> {
    let named = |name: &str| {
        let holds = |c: &&Column| c.values.is_empty() || c.values.iter().any(|v| *v != Value::Empty);
        table.columns().iter().find(|c| c.name == name).filter(holds)
    };
    let known: Vec<&Column> = groups.iter().filter_map(|group| group.iter().find_map(|name| named(name))).collect();
    if known.is_empty() { table.columns().iter().collect() } else { known }
}

/// A table whose heads are buttons that sort it.
fn push_sortable(page: &mut String, report: &WavesReport<'_>, columns: &[&Column], if_empty: &str) {
    let n_rows = columns.first().map_or(0, |c| c.values.len());
    if n_rows == 0 {
        page.push_str(&format!("<p>{if_empty}</p>\n"));
        return;
    }
    page.push_str("<div class=\"wide\" tabindex=\"0\"><table class=\"sortable\">\n<thead><tr>");
    for column in columns {
        let (words, unit) = heading(&column.name);
        let unit = unit.map_or_else(String::new, |unit| format!("<br><span class=\"unit\">{unit}</span>"));
        page.push_str(&format!(
            "<th scope=\"col\" class=\"{}\"><button type=\"button\" title=\"{}\">{}{unit}</button></th>",
            class(column),
            escape(&column.name),
            escape(&words)
        ));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in 0..n_rows {
        page.push_str(&format!("<tr data-row=\"{row}\">"));
        for column in columns {
            push_cell(page, report, column, &column.values[row]);
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn push_cell(page: &mut String, report: &WavesReport<'_>, column: &Column, value: &Value) {
    let text = match value {
        // Four digits, as in the table of events; the files beside the report are exact.
        Value::Float(float) => format!("{float:.3e}").parse::<f64>().unwrap_or(*float).to_string(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => escape(&other.to_string()),
    };
    let has_section = |id: i64| report.sections.iter().any(|section| i64::from(section.id) == id);
    let text = match value {
        Value::Int(id) if column.name == "episode_id" && has_section(*id) => {
            format!("<a href=\"#episode-{id}\">{text}</a>")
        }
        _ => text,
    };
    let number = value.as_f64().map_or_else(String::new, |number| format!(" data-value=\"{number}\""));
    page.push_str(&format!("<td class=\"{}\"{number}>{text}</td>", class(column)));
}

fn class(column: &Column) -> &'static str {
    let is_text = |v: &Value| matches!(v, Value::Text(_) | Value::Bool(_));
    if column.values.iter().any(is_text) { "text" } else { "number" }
}

/// The name of a column as words, and its unit: `cover_area_mm2` is "cover area" in mm².
fn heading(name: &str) -> (String, Option<&'static str>) {
    // Ending, what it adds to the words, unit.
    const ENDINGS: [(&str, &str, &str); 14] = [
        ("_mm_min", "", "mm/min"),
        ("_ci_low", ", lower", "mm/min"),
        ("_ci_high", ", upper", "mm/min"),
        ("_ci_low_px_s", ", lower", "px/s"),
        ("_ci_high_px_s", ", upper", "px/s"),
        ("_px_s", "", "px/s"),
        ("_mm2", "", "mm²"),
        ("_px2", "", "px²"),
        ("_mm", "", "mm"),
        ("_px", "", "px"),
        ("_pct", "", "%"),
        ("_deg", "", "°"),
        ("_frame", "", "interval"),
        ("_s", "", "s"),
    ];
    let found = ENDINGS.into_iter().find_map(|(end, added, unit)| Some((name.strip_suffix(end)?, added, Some(unit))));
    let (stem, added, unit) = found.unwrap_or((name, "", None));
    let words = stem.replace('_', " ").replace("drr", "ΔR/R").replace("episode id", "episode") + added;
    (words, unit)
}

/// A relative path as the value of a link: whatever it is made of, it names a file beside or below the page.
fn href(path: &str) -> String {
    let mut out = String::from("./");
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_words_and_units() {
        for (name, words, unit) in [
            ("cover_area_mm2", "cover area", Some("mm²")),
            ("speed_mm_min", "speed", Some("mm/min")),
            ("speed_ci_low", "speed, lower", Some("mm/min")),
            ("peak_drr_pct", "peak ΔR/R", Some("%")),
            ("start_s", "start", Some("s")),
            ("side", "side", None),
        ] {
            assert_eq!(heading(name), (words.to_owned(), unit));
        }
    }

    #[test]
    fn links_stay_beside_the_page() {
        assert_eq!(href("tracking 1.mp4"), "./tracking%201.mp4");
        assert_eq!(href("javascript:alert(1)"), "./javascript%3Aalert%281%29");
        assert_eq!(href("video\\ä.mp4"), "./video/%C3%A4.mp4");
    }

    #[test]
    fn of_two_units_the_known_one_is_shown() {
        let mut table = Table::new();
        table.push("wave_id", vec![Value::Int(1)]);
        table.push("speed_mm_min", vec![Value::Empty]);
        table.push("speed_px_s", vec![Value::float(3.0)]);
        let names: Vec<&str> = columns(&table, WAVE_COLUMNS).iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["wave_id", "speed_px_s"]);
    }
    #[test]
    fn the_header_tells_the_speed_once() {
        let episodes = Table::new();
        for (speed, shown, not_shown) in [(Value::float(3.0), "3 mm/min", "px/s"), (Value::Empty, "2 px/s", "mm/min")] {
            let mut waves = Table::new();
            waves.push("speed_mm_min", vec![speed]);
            waves.push("speed_px_s", vec![Value::float(2.0)]);
            let header = answer(&WavesReport::new("recording", &episodes, &waves));
            assert!(header.contains(shown) && !header.contains(not_shown), "{header}");
        }
    }
}
