//! `sparkwave convert`

use crate::cmd::{CalibrationFlags, Running};
use crate::output;
use crate::progress::Terminal;
use clap::ValueEnum;
use sparkwave::io::{Compression, OmeZarrVersion, WriteOptions};
use std::path::PathBuf;

/// Convert a movie to another format, chosen by the extension of OUTPUT
///
/// .tif (ImageJ), .ome.tif, .h5::dataset, .zarr (OME-Zarr), .mp4 and .gif (8-bit, for display), .png (one frame), or no
/// extension for a folder of frames. Pixel values and calibration carry over; memory stays bounded.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Movie: TIFF, folder of frames, OME-Zarr, HDF5 (file.h5::dataset), Andor SIF or PNG
    input: PathBuf,
    /// File or folder to write
    output: PathBuf,
    /// How pixels are packed
    #[arg(long, value_enum, default_value_t = Packing::None)]
    compression: Packing,
    /// Version of OME-Zarr
    #[arg(long, value_enum, default_value_t = Zarr::V05)]
    ome_zarr: Zarr,
    /// Replace OUTPUT if it exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    calibration: CalibrationFlags,
    #[command(flatten)]
    running: Running,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Packing {
    None,
    Deflate,
    Zstd,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Zarr {
    #[value(name = "0.4")]
    V04,
    #[value(name = "0.5")]
    V05,
}

pub(crate) fn execute(args: &Args) -> anyhow::Result<()> {
    if !args.overwrite && args.output.exists() {
        anyhow::bail!(
            "convert to {}: expected a free name, found a file (--overwrite replaces it)",
            args.output.display()
        );
    }
    let source = sparkwave::io::open(&args.input)?;
    let source =
        sparkwave::calibrate::calibrate(source, args.calibration.pixel_size_um, args.calibration.frame_interval_s)?;
    let options = WriteOptions {
        compression: match args.compression {
            Packing::None => Compression::None,
            Packing::Deflate => Compression::Deflate,
            Packing::Zstd => Compression::Zstd,
        },
        ome_zarr_version: match args.ome_zarr {
            Zarr::V04 => OmeZarrVersion::V04,
            Zarr::V05 => OmeZarrVersion::V05,
        },
        overwrite: args.overwrite,
        ..WriteOptions::default()
    };
    let terminal = Terminal::new(args.running.quiet);
    for warning in &source.recording().warnings {
        sparkwave::core::progress::Progress::warn(&terminal, warning);
    }
    let converted = sparkwave::io::convert(source.as_ref(), &args.output, &options, &terminal);
    terminal.finish();
    converted?;
    if args.running.json {
        let shape = source.shape();
        output::json(&serde_json::json!({
            "output": args.output,
            "shape": [shape.n_frames, shape.height, shape.width],
            "dtype": source.pixel_type().name(),
        }));
    }
    Ok(())
}
