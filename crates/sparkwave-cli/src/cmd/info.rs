//! `sparkwave info`

use crate::output;
use sparkwave::core::recording::FrameTimes;
use sparkwave::io::MovieInfo;
use std::path::PathBuf;

/// Show what a movie file or folder holds: shape, type, calibration and where it was read
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Movie: TIFF, folder of frames, OME-Zarr, HDF5 (file.h5::dataset), Andor SIF or PNG
    input: PathBuf,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    let info = sparkwave::io::movie_info(&args.input)?;
    let value = describe(&info);
    if args.json {
        output::json(&value);
        return Ok(());
    }
    let shape = info.shape;
    let unknown = || "unknown".to_owned();
    let recording = &info.recording;
    let pixel = recording
        .pixel_size
        .as_ref()
        .map_or_else(unknown, |p| format!("{} x {} um ({})", p.value.y.get(), p.value.x.get(), p.source));
    let interval = recording.frame_times.as_ref().map_or_else(unknown, |f| {
        let interval = f.value.interval().map_or_else(unknown, |i| format!("{} s", i.get()));
        format!("{interval} ({})", f.source)
    });
    let started = recording.started_s.as_ref().map_or_else(unknown, |s| {
        let moment = sparkwave::io::stamp::stamp(s.value).unwrap_or_else(|| format!("{} s since 1970", s.value));
        format!("{moment} ({})", s.source)
    });
    output::line(&format!("format          {}, {}", info.format, info.compression));
    output::line(&format!(
        "shape           {} frames x {} x {} ({})",
        shape.n_frames, shape.height, shape.width, info.axes
    ));
    output::line(&format!("type            {} (stored as {})", info.pixel_type.name(), info.stored_type));
    output::line(&format!("pixel size      {pixel}"));
    output::line(&format!("frame interval  {interval}"));
    output::line(&format!("started         {started}"));
    output::line(&format!("gaps            {}", info.gaps.len()));
    output::line(&format!("bytes           {} of pixels, {} on disk", info.n_bytes, info.n_bytes_on_disk));
    for warning in &recording.warnings {
        output::remark(&format!("warning: {warning}"));
    }
    Ok(())
}

fn describe(info: &MovieInfo) -> serde_json::Value {
    let recording = &info.recording;
    let pixel = recording.pixel_size.as_ref();
    let times = recording.frame_times.as_ref();
    let timestamps = times.and_then(|t| match &t.value {
        FrameTimes::Stamped(stamps) => Some(stamps.clone()),
        FrameTimes::Regular { .. } => None,
    });
    let gaps: Vec<_> = info
        .gaps
        .iter()
        .map(
            |g| serde_json::json!({"after_frame": g.after_frame, "duration_s": g.duration_s, "n_missing": g.n_missing}),
        )
        .collect();
    serde_json::json!({
        "path": info.path,
        "format": info.format,
        "compression": info.compression,
        "shape": [info.shape.n_frames, info.shape.height, info.shape.width],
        "dtype": info.pixel_type.name(),
        "stored_dtype": info.stored_type,
        "axes": info.axes,
        "pixel_size_um": pixel.map(|p| [p.value.y.get(), p.value.x.get()]),
        "pixel_size_source": pixel.map(|p| &p.source),
        "frame_interval_s": recording.frame_interval().map(|i| i.get()),
        "frame_times_source": times.map(|t| &t.source),
        "started_s": recording.started_s.as_ref().map(|s| s.value),
        "started_source": recording.started_s.as_ref().map(|s| &s.source),
        "timestamps": timestamps,
        "gaps": gaps,
        "n_bytes": info.n_bytes,
        "n_bytes_on_disk": info.n_bytes_on_disk,
        "warnings": recording.warnings,
    })
}
