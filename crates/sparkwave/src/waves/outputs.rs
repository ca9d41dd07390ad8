//! The files of a wave run, in order of their making.

use super::config::WavesConfig;
use super::episode_files::Album;
use super::figures;
use super::find::{Found, Setting};
use super::maps::{self, RateSource, Rates};
use super::seconds::Seconds;
use super::tables;
use crate::error::Error;
use crate::provenance::version;
use crate::run_folder::RunFolder;
use crate::stage_clock::StageClock;
use ndarray::{Array3, Axis};
use sparkwave_analysis::figure::waves::{Field, WaveTrack};
use sparkwave_analysis::measure::waves::WaveTables;
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::recording::Recording;
use sparkwave_core::table::{Table, Value};
use sparkwave_core::wave::{Wave, WaveFrame};
use sparkwave_imgproc::waves;
use sparkwave_imgproc::waves::reflectance::Reflectance;
use sparkwave_io::xlsx::Sheet;
use sparkwave_io::{Compression, MovieWriter, WriteOptions};

/// Writes `rate.tif`, and gives what is in it.
pub(super) fn write_rates(
    config: &WavesConfig,
    setting: &Setting<'_>,
    found: &Found,
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<Rates, Error> {
    let seconds = setting.seconds;
    let source = RateSource {
        recording: Reflectance { seconds, drift: &found.drift, rest: &found.rest, light: &found.light },
        inside: &found.cortex.inside,
        smooth_px: waves::sampling(seconds.recording(), setting.bin_s).px(config.rate_smooth_um),
        step: found.step,
    };
    maps::write_rates(&source, found.intervals.len(), config.interval_s, folder, progress)
}

/// Writes tables, maps, masks, videos, segments, figures and the report.
#[allow(clippy::too_many_arguments)]
pub(super) fn write(
    config: &WavesConfig,
    setting: &Setting<'_>,
    averaged: &Seconds,
    found: &Found,
    rates: &Rates,
    names: &[String],
    measured: &WaveTables,
    folder: &RunFolder,
    clock: &StageClock<'_>,
) -> Result<(), Error> {
    let seconds = setting.seconds;
    let recording = seconds.recording();
    let pixel_size = recording.pixel_size();
    clock.begin("write tables", 1);
    let episodes = tables::episodes(&found.shaped.episodes);
    let rejected = tables::rejected(&found.rejected);
    let motion = tables::motion(found, setting.start_s, setting.bin_s, pixel_size);
    let rate = tables::rate(&found.intervals, names);
    for (name, table) in [
        ("episodes", &episodes),
        ("waves", &measured.waves),
        ("wave_frames", &measured.wave_frames),
        ("waves_legacy", &measured.waves_legacy),
        ("rate", &rate),
        ("motion", &motion),
        ("rejected", &rejected),
    ] {
        folder.write_table(name, table, config.parquet)?;
    }
    let prompts: Vec<Prompt> = found.shaped.waves.iter().filter_map(best_prompt).collect();
    if folder.is_missing("prompts.json") {
        sparkwave_io::prompts::write(&folder.file("prompts.json"), found.intervals.len(), &prompts)?;
    }
    write_masks(found, setting, config, folder, clock)?;
    write_arrivals(found, setting, folder)?;

    let inside = &found.cortex.inside;
    let limit = maps::color_limit(rates, inside, names.len())?;
    maps::write_colors(rates, inside, names, (limit, config.colors.map()), folder, clock)?;
    let scale = serde_json::json!({
        "low": -limit, "high": limit, "unit": "relative reflectance change per interval",
        "interval_s": found.step as f64 * setting.bin_s, "colors": config.colors,
    });
    folder.write("color/scale.json", format!("{scale:#}\n").as_bytes())?;
    maps::write_kept(config, seconds, found, folder, clock)?;
    if config.legacy {
        super::legacy::write(setting, found, names, folder, clock)?;
    }

    let field = Field { anatomy: &found.rest, cortex: &found.cortex, pixel_size };
    let track = |wave| WaveTrack::of_tables(wave, &measured.waves, &measured.wave_frames, pixel_size.is_some());
    let tracks: Vec<WaveTrack<'_>> = found.shaped.waves.iter().map(track).collect();
    let started_s = recording.started_s.as_ref().map(|s| s.value);
    let album = Album {
        config,
        rates,
        field,
        intervals: &found.intervals,
        names,
        episodes: &found.shaped.episodes,
        tracks: &tracks,
        started_s,
        limit,
    };
    if config.videos {
        album.write_videos(folder, clock)?;
    }
    let subject = if recording.id.is_empty() { "recording" } else { &recording.id };
    album.write_segments(subject, folder, clock)?;

    clock.begin("figures", 1);
    let drawn = figures::draw(&album, found, setting)?;
    folder.write("cortex.png", &drawn.window.png)?;
    let of_episodes = drawn.sections.iter().flat_map(|(_, figures)| figures);
    for figure in std::iter::once(&drawn.window).chain(&drawn.recording).chain(of_episodes) {
        folder.write_figure(figure)?;
    }
    clock.begin("report", 1);
    let facts = figures::facts(config, setting, averaged, found, limit);
    let warnings = clock.warnings();
    let report = figures::Page {
        title: if recording.id.is_empty() { "Recording" } else { &recording.id },
        version: version(),
        facts: &facts,
        warnings: &warnings,
        episodes: &episodes,
        waves: &measured.waves,
        rejected: &rejected,
        with_videos: config.videos,
    };
    folder.write("report.html", report.html(found, averaged, &drawn).as_bytes())?;
    if folder.is_missing("results.xlsx") {
        let facts: Vec<(&str, Value)> = facts.iter().map(|(k, v)| (k.as_str(), Value::Text(v.clone()))).collect();
        let sheets: Vec<Sheet<'_>> = [
            ("episodes", &episodes),
            ("waves", &measured.waves),
            ("wave_frames", &measured.wave_frames),
            ("waves_legacy", &measured.waves_legacy),
            ("rejected", &rejected),
        ]
        .into_iter()
        .map(|(name, table): (&str, &Table)| Sheet { name, table })
        .collect();
        sparkwave_io::xlsx::write(&folder.file("results.xlsx"), &facts, &sheets)?;
    }
    Ok(())
}

/// The prompt from which a wave can be followed: its largest mask that was measured.
fn best_prompt(wave: &Wave) -> Option<Prompt> {
    clearest(wave).map(|best| Prompt::of_mask(best.frame, wave.id, &best.mask))
}

/// The largest mask of a wave that was measured; the first if none was.
pub(super) fn clearest(wave: &Wave) -> Option<&WaveFrame> {
    let measured = wave.frames.iter().filter(|f| !f.filled);
    measured.max_by_key(|f| f.mask.n_pixels()).or(wave.frames.first())
}

/// Writes `masks.tif`: 16-bit while the ids fit, else 32-bit.
fn write_masks(
    found: &Found,
    setting: &Setting<'_>,
    config: &WavesConfig,
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let n = found.intervals.len();
    if n == 0 || !folder.is_missing("masks.tif") {
        return Ok(());
    }
    progress.begin("write masks.tif", n as u64);
    let shape = MovieShape { n_frames: n, ..setting.seconds.shape() };
    let narrow = found.shaped.waves.len() <= usize::from(u16::MAX);
    let pixel_type = if narrow { PixelType::U16 } else { PixelType::U32 };
    let options = WriteOptions { compression: Compression::Deflate, ..WriteOptions::default() };
    let recording = maps::of_intervals(setting.seconds.recording(), config.interval_s);
    let mut movie = MovieWriter::create(&folder.file("masks.tif"), shape, pixel_type, &recording, &options)?;
    // A block of frames at a time, so that the writer can pack them side by side.
    const FRAMES: usize = 32;
    for start in (0..n).step_by(FRAMES) {
        let frames = Span::new(start, (start + FRAMES).min(n));
        let mut ids = Array3::<u32>::zeros((frames.len(), shape.height, shape.width));
        for wave in &found.shaped.waves {
            for frame in wave.frames.iter().filter(|f| frames.contains(f.frame)) {
                frame.mask.pixels().for_each(|(y, x)| ids[[frame.frame - start, y, x]] = wave.id);
            }
        }
        movie.append(&if narrow { Pixels::U16(ids.mapv(|id| id as u16)) } else { Pixels::U32(ids) })?;
        progress.advance(frames.len() as u64);
    }
    Ok(movie.finish()?)
}

/// Writes `arrival.tif` `[W, Y, X]`: when each wave arrives at each pixel that it visits, s since the first frame; NaN
/// elsewhere.
fn write_arrivals(found: &Found, setting: &Setting<'_>, folder: &RunFolder) -> Result<(), Error> {
    let waves = &found.shaped.waves;
    if waves.is_empty() || !folder.is_missing("arrival.tif") {
        return Ok(());
    }
    let shape = MovieShape { n_frames: waves.len(), ..setting.seconds.shape() };
    let options = WriteOptions { compression: Compression::Deflate, ..WriteOptions::default() };
    let recording = Recording { frame_times: None, ..setting.seconds.recording().clone() };
    let mut movie = MovieWriter::create(&folder.file("arrival.tif"), shape, PixelType::F32, &recording, &options)?;
    for wave in waves {
        let map = wave.arrival_s.to_image(shape.height, shape.width);
        movie.append(&Pixels::F32(map.insert_axis(Axis(0))))?;
    }
    Ok(movie.finish()?)
}
