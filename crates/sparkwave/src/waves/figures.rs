//! The pictures of a wave run and the page that shows them.

use super::config::WavesConfig;
use super::episode_files::{Album, video_name};
use super::find::{Found, Setting};
use super::seconds::Seconds;
use crate::error::Error;
use sparkwave_analysis::figure::waves::{
    Timeline, cortex_window, isochrones, motion_trace, rate_strip, speed_map, strip_intervals, timeline, visited_time,
    wave_course, waveform,
};
use sparkwave_analysis::figure::{EpisodeSection, Figure, WavesReport, waves_report_html};
use sparkwave_analysis::measure::waves::{local_speed_map, visited_time_map};
use sparkwave_core::axes::PointYx;
use sparkwave_core::table::Table;
use sparkwave_imgproc::waves::cortex::Evidence;

/// Every picture of a run.
pub(super) struct Drawn {
    /// The cortical window.
    pub(super) window: Figure,
    /// Figures of the whole recording.
    pub(super) recording: Vec<Figure>,
    /// Figures of each episode and its waves.
    pub(super) sections: Vec<(u32, Vec<Figure>)>,
}

/// Draws everything.
///
/// # Errors
/// If the recording cannot be read.
pub(super) fn draw(album: &Album<'_>, found: &Found, setting: &Setting<'_>) -> Result<Drawn, Error> {
    let field = &album.field;
    let (px_area, area_title) = match field.pixel_size {
        Some(edge) => (edge.y.get() * edge.x.get() / 1e6, "Wave area (mm²)"),
        None => (1.0, "Wave area (px²)"),
    };
    let mut area = vec![0.0; found.intervals.len()];
    for frame in found.shaped.waves.iter().flat_map(|w| &w.frames) {
        area[frame.frame] += frame.mask.n_pixels() as f64 * px_area;
    }
    let motion: Vec<(f64, PointYx)> = (0..found.missing.len())
        .filter(|bin| !found.missing[*bin])
        .map(|bin| (setting.start_s + (bin as f64 + 0.5) * setting.bin_s, found.drift.displacements[bin]))
        .collect();
    let line = Timeline {
        intervals: &found.intervals,
        evidence: &area,
        evidence_title: area_title,
        episodes: &found.shaped.episodes,
        motion: &motion,
        pixel_size: field.pixel_size,
    };
    let mut sections = Vec::new();
    for episode in &found.shaped.episodes {
        let tracks: Vec<_> = album.tracks.iter().filter(|t| t.wave.episode_id == episode.id).cloned().collect();
        let maps = strip_intervals(episode)
            .into_iter()
            .map(|i| Ok((i, album.rates.map(i)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let scale = (album.limit, album.config.colors.map());
        let mut figures = vec![rate_strip(field, episode, &maps, &tracks, &found.intervals, scale)];
        for track in &tracks {
            figures.push(isochrones(field, track));
            figures.push(speed_map(field, track, &local_speed_map(&track.wave.arrival_s, field.pixel_size)));
            figures.push(visited_time(field, track, &visited_time_map(track.wave, &found.intervals)));
            figures.push(wave_course(field, track));
            figures.push(waveform(track.wave));
        }
        sections.push((episode.id, figures));
    }
    let recording = vec![timeline(&line), motion_trace(&line)];
    Ok(Drawn { window: cortex_window(field), recording, sections })
}

/// What the reader of a report asks first, as pairs of name and value.
pub(super) fn facts(
    config: &WavesConfig,
    setting: &Setting<'_>,
    averaged: &Seconds,
    found: &Found,
    limit: f32,
) -> Vec<(String, String)> {
    let recording = setting.seconds.recording();
    let shape = setting.seconds.shape();
    let n_bins = found.missing.len();
    let n_missing = found.missing.iter().filter(|m| **m).count();
    let pixel = recording
        .pixel_size
        .as_ref()
        .map_or("unknown".to_owned(), |p| format!("{} x {} um ({})", p.value.y.get(), p.value.x.get(), p.source));
    let started = recording.started_s.as_ref().and_then(|s| Some((sparkwave_io::stamp::stamp(s.value)?, &s.source)));
    let rms = {
        let squares = found.drift.displacements.iter().map(|d| d.y * d.y + d.x * d.x).sum::<f64>();
        (squares / n_bins.max(1) as f64).sqrt()
    };
    let window = match found.window_evidence {
        None => "given",
        Some(Evidence::Fluctuation) => "proposed: it fluctuates and the rest does not",
        Some(Evidence::Brightness) => "proposed: its brightness differs from the rest",
        Some(Evidence::None) => "the whole image: nothing told it from the rest",
    };
    let window_area = found.cortex.inside.iter().filter(|m| **m).count() as f64 / (shape.frame_len().max(1)) as f64;
    let fact = |name: &str, value: String| (name.to_owned(), value);
    vec![
        fact("Input", config.input.display().to_string()),
        fact("Started", started.map_or("unknown".into(), |(at, source)| format!("{at} ({source})"))),
        fact(
            "Length",
            format!(
                "{:.1} min, of it {n_missing} of {n_bins} bins without frames",
                n_bins as f64 * setting.bin_s / 60.0
            ),
        ),
        fact("Frame interval", format!("{:.6} s", averaged.grid.interval_s)),
        fact("Image", format!("{} x {} px", shape.height, shape.width)),
        fact("Pixel size", pixel),
        fact("Time bin, interval", format!("{} s, {} s", setting.bin_s, found.step as f64 * setting.bin_s)),
        fact("Colour scale", format!("-{0} to {0} % per interval", f64::from(limit) * 100.0)),
        fact("Motion (RMS)", format!("{rms:.2} px")),
        fact("Window", format!("{window}; {:.0} % of the image", 100.0 * window_area)),
        fact("Midline", if found.cortex.midline.is_some() { "found or given".into() } else { "unknown".into() }),
        fact("False waves asked for", format!("{} an hour", config.waves.false_per_hour)),
        fact(
            "Definitions",
            if config.legacy { "current, and published ones beside them".into() } else { "current".into() },
        ),
    ]
}

/// The report, as far as it is not pictures.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    pub(super) version: String,
    pub(super) facts: &'a [(String, String)],
    pub(super) warnings: &'a [String],
    pub(super) episodes: &'a Table,
    pub(super) waves: &'a Table,
    pub(super) rejected: &'a Table,
    pub(super) with_videos: bool,
}

impl Page<'_> {
    /// The page as HTML.
    pub(super) fn html(self, found: &Found, averaged: &Seconds, drawn: &Drawn) -> String {
        let mut figures = vec![drawn.window.clone()];
        figures.extend(drawn.recording.iter().cloned());
        let mut report = WavesReport::new(self.title, self.episodes, self.waves);
        report.version = self.version;
        report.facts = self.facts.to_vec();
        report.warnings = self.warnings;
        report.observed_s = Some(found.missing.iter().filter(|m| !**m).count() as f64 * averaged.grid.bin_s);
        report.rejected = Some(self.rejected);
        report.figures = &figures;
        report.sections = found
            .shaped
            .episodes
            .iter()
            .zip(&drawn.sections)
            .map(|(episode, (id, figures))| EpisodeSection {
                id: *id,
                notes: episode.reasons.clone(),
                video: self.with_videos.then(|| video_name(episode)),
                figures,
            })
            .collect();
        waves_report_html(&report)
    }
}
