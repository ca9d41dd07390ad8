//! The files of a run.

use super::clips::Clips;
use super::{Keep, Prepared, SparksConfig};
use crate::error::Error;
use crate::provenance::version;
use crate::run_folder::RunFolder;
use crate::stage_clock::StageClock;
use ndarray::{Array3, Axis};
use sparkwave_analysis::figure::{self, Report, Scale, report_html};
use sparkwave_core::axes::{Span, Voxel};
use sparkwave_core::event::Event;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::table::{Table, Value};
use sparkwave_imgproc::baseline::global::GlobalNormalisation;
use sparkwave_imgproc::traces::for_each_registered_frame;
use sparkwave_io::{Compression, MovieWriter, WriteOptions};

/// Writes tables, labels, figures and the report.
pub(super) fn write(
    config: &SparksConfig,
    prepared: &Prepared<'_>,
    events: &[Event],
    table: &Table,
    clips: Clips,
    folder: &RunFolder,
    clock: &StageClock<'_>,
) -> Result<(), Error> {
    clock.begin("write tables", 2);
    folder.write_table("events", table, config.parquet)?;
    folder.write_table("drift", &drift_table(prepared), config.parquet)?;
    write_foreground(prepared, folder)?;
    write_mean(prepared, folder)?;
    if folder.is_missing("labels.tif") {
        write_labels(prepared, events, folder, clock)?;
    }
    for keep in &config.keep {
        match keep {
            Keep::Registered => write_registered(prepared, folder, clock)?,
            Keep::Normalized => write_normalized(prepared, folder, clock)?,
            // Written while its blocks were in memory.
            Keep::Dff | Keep::Probability => {}
        }
    }

    clock.begin("figures", 1);
    let recording = prepared.source.recording();
    let scale = Scale { pixel_size: recording.pixel_size(), frame_interval: recording.frame_interval() };
    let figures = [
        figure::max_projection(&prepared.projections.max, events, &scale),
        figure::kymograph(&prepared.projections.kymograph, events, &scale),
        figure::filmstrips(&clips.examples, &scale),
        figure::distributions(table),
        figure::drift(&prepared.drift.displacements, &scale),
    ];
    for figure in &figures {
        folder.write_figure(figure)?;
    }

    clock.begin("report", 1);
    if clips.crops.len() < events.len() {
        clock.warn(&format!("the report shows crops of the {} surest of {} events", clips.crops.len(), events.len()));
    }
    let title = if recording.id.is_empty() { "Recording".to_owned() } else { recording.id.clone() };
    let warnings = clock.warnings();
    let mut report = Report::new(title, table);
    report.version = version();
    report.facts = facts(config, prepared);
    report.warnings = &warnings;
    report.scale = scale;
    report.rate_per_min_100um2 = rate(prepared, events.len());
    report.figures = &figures;
    report.crops = clips.crops;
    report.traces = clips.report_traces;
    folder.write("report.html", report_html(&report).as_bytes())
}

fn drift_table(prepared: &Prepared<'_>) -> Table {
    let drift = &prepared.drift;
    let mut table = Table::new();
    table.push("frame", (0..drift.displacements.len()).map(|t| Value::Int(t as i64)).collect());
    table.push("y_px", drift.displacements.iter().map(|d| Value::float(d.y)).collect());
    table.push("x_px", drift.displacements.iter().map(|d| Value::float(d.x)).collect());
    table.push("correlation", drift.correlations.iter().map(|&c| Value::float(c)).collect());
    let flagged = |t| drift.flagged.binary_search(&t).is_ok();
    table.push("interpolated", (0..drift.displacements.len()).map(|t| Value::Bool(flagged(t))).collect());
    table
}

fn write_foreground(prepared: &Prepared<'_>, folder: &RunFolder) -> Result<(), Error> {
    if !folder.is_missing("foreground.tif") {
        return Ok(());
    }
    let mask = prepared.foreground.mapv(|inside| if inside { u8::MAX } else { 0 }).insert_axis(Axis(0));
    let shape = MovieShape { n_frames: 1, ..prepared.source.shape() };
    let recording = prepared.source.recording();
    let path = folder.file("foreground.tif");
    let mut writer = MovieWriter::create(&path, shape, PixelType::U8, recording, &WriteOptions::default())?;
    writer.append(&Pixels::U8(mask))?;
    Ok(writer.finish()?)
}

/// Writes `mean.tif`, the mean image in the coordinates of frame 0: other recordings of the same field are registered to it.
fn write_mean(prepared: &Prepared<'_>, folder: &RunFolder) -> Result<(), Error> {
    if !folder.is_missing("mean.tif") {
        return Ok(());
    }
    let shape = MovieShape { n_frames: 1, ..prepared.source.shape() };
    let recording = prepared.source.recording();
    let path = folder.file("mean.tif");
    let mut writer = MovieWriter::create(&path, shape, PixelType::F32, recording, &WriteOptions::default())?;
    writer.append(&Pixels::F32(prepared.projections.mean.clone().insert_axis(Axis(0))))?;
    Ok(writer.finish()?)
}

/// Writes `labels.tif` frame by frame: 16-bit while the ids fit, else 32-bit.
fn write_labels(
    prepared: &Prepared<'_>,
    events: &[Event],
    folder: &RunFolder,
    clock: &StageClock<'_>,
) -> Result<(), Error> {
    let shape = prepared.source.shape();
    clock.begin("write labels.tif", shape.n_frames as u64);
    let mut voxels: Vec<(Voxel, u32)> = events.iter().flat_map(|e| e.voxels.iter().map(|v| (*v, e.id))).collect();
    voxels.sort_unstable();
    let narrow = events.len() <= usize::from(u16::MAX);
    let pixel_type = if narrow { PixelType::U16 } else { PixelType::U32 };
    let options = WriteOptions { compression: Compression::Deflate, ..WriteOptions::default() };
    let recording = prepared.source.recording();
    let mut writer = MovieWriter::create(&folder.file("labels.tif"), shape, pixel_type, recording, &options)?;
    // A block of frames at a time, so that the writer can pack them side by side.
    const FRAMES: usize = 32;
    let mut rest = voxels.as_slice();
    for start in (0..shape.n_frames).step_by(FRAMES) {
        let frames = Span::new(start, (start + FRAMES).min(shape.n_frames));
        let here = rest.partition_point(|(v, _)| (v.t as usize) < frames.end);
        let place = |v: &Voxel| [v.t as usize - frames.start, v.y as usize, v.x as usize];
        let size = (frames.len(), shape.height, shape.width);
        let block = if narrow {
            let mut block = Array3::<u16>::zeros(size);
            rest[..here].iter().for_each(|(v, id)| block[place(v)] = *id as u16);
            Pixels::U16(block)
        } else {
            let mut block = Array3::<u32>::zeros(size);
            rest[..here].iter().for_each(|(v, id)| block[place(v)] = *id);
            Pixels::U32(block)
        };
        writer.append(&block)?;
        rest = &rest[here..];
        clock.advance(frames.len() as u64);
    }
    Ok(writer.finish()?)
}

fn write_registered(prepared: &Prepared<'_>, folder: &RunFolder, clock: &StageClock<'_>) -> Result<(), Error> {
    if !folder.is_missing("registered.tif") {
        return Ok(());
    }
    let shape = prepared.source.shape();
    clock.begin("write registered.tif", shape.n_frames as u64);
    let recording = prepared.source.recording();
    let path = folder.file("registered.tif");
    let mut writer = MovieWriter::create(&path, shape, PixelType::F32, recording, &WriteOptions::default())?;
    for_each_registered_frame(prepared.source, &prepared.drift, |_, frame| -> Result<(), Error> {
        writer.append(&Pixels::F32(frame.clone().insert_axis(Axis(0))))?;
        clock.advance(1);
        Ok(())
    })?;
    Ok(writer.finish()?)
}

fn write_normalized(prepared: &Prepared<'_>, folder: &RunFolder, clock: &StageClock<'_>) -> Result<(), Error> {
    if !folder.is_missing("normalized.tif") {
        return Ok(());
    }
    let shape = prepared.source.shape();
    clock.begin("write normalized.tif", shape.n_frames as u64);
    let normalisation = GlobalNormalisation::fit(prepared.source)?;
    let recording = prepared.source.recording();
    let path = folder.file("normalized.tif");
    let mut writer = MovieWriter::create(&path, shape, PixelType::F32, recording, &WriteOptions::default())?;
    for t in 0..shape.n_frames {
        let mut frame = prepared.source.read(Span::new(t, t + 1), Span::new(0, shape.height))?.to_f32();
        normalisation.apply(t, frame.as_slice_mut().expect("a block that was just read is contiguous"));
        writer.append(&Pixels::F32(frame))?;
        clock.advance(1);
    }
    Ok(writer.finish()?)
}

/// Events per minute and 100 um² of the searched area, if both are known.
fn rate(prepared: &Prepared<'_>, n_events: usize) -> Option<f64> {
    let recording = prepared.source.recording();
    let size = recording.pixel_size()?;
    let minutes = prepared.source.shape().n_frames as f64 * recording.frame_interval()?.get() / 60.0;
    let n_pixels = prepared.foreground.iter().filter(|inside| **inside).count();
    let area = n_pixels as f64 * size.y.get() * size.x.get() / 100.0;
    (area > 0.0).then(|| n_events as f64 / (minutes * area))
}

fn facts(config: &SparksConfig, prepared: &Prepared<'_>) -> Vec<(String, String)> {
    let shape = prepared.source.shape();
    let recording = prepared.source.recording();
    let pixel = recording
        .pixel_size
        .as_ref()
        .map_or("unknown".to_owned(), |p| format!("{} x {} um ({})", p.value.y.get(), p.value.x.get(), p.source));
    let interval = recording.frame_times.as_ref().and_then(|f| Some((f.value.interval()?, &f.source)));
    let interval = interval.map_or("unknown".to_owned(), |(i, source)| format!("{} s ({source})", i.get()));
    let largest = prepared.drift.displacements.iter().map(|d| d.y.hypot(d.x)).fold(0.0, f64::max);
    let searched = prepared.foreground.iter().filter(|inside| **inside).count() as f64 / shape.frame_len() as f64;
    let detector = match config.detector {
        super::Detector::Matched => match config.matched.threshold {
            Some(threshold) => format!("matched filter, threshold {threshold} SD"),
            None => format!("matched filter, expected share of false events {}", config.matched.false_discovery_rate),
        },
        super::Detector::Idt => {
            format!("IDT, {} SD to detect, {} SD for the extent", config.idt.detect_sd, config.idt.extent_sd)
        }
        super::Detector::Network => {
            let model = config.model.as_ref().map_or_else(String::new, |m| m.display().to_string());
            let threshold = config.threshold.map_or("of its card".to_owned(), |t| t.to_string());
            format!("network {model}, threshold {threshold}")
        }
    };
    [
        ("Input", config.input.display().to_string()),
        ("Frames, height, width", format!("{}, {}, {}", shape.n_frames, shape.height, shape.width)),
        ("Pixel size", pixel),
        ("Frame interval", interval),
        ("Largest drift", format!("{largest:.2} px")),
        ("Area searched", format!("{:.1} %", 100.0 * searched)),
        ("Detector", detector),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
