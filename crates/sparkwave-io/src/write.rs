//! Writing movies: one writer for all formats, chosen by the name of the file.

use crate::error::Error;
use crate::folder::write::FolderWriter;
use crate::gif::GifWriter;
use crate::hdf5::write::Hdf5Writer;
use crate::limits::{MAX_FRAME_BYTES, MAX_FRAMES, checked_bytes};
use crate::location::Location;
use crate::mp4::movie::GreyVideoWriter;
use crate::tiff::write::{Dialect, TiffWriter};
use crate::zarr::write::ZarrWriter;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::Recording;
use std::path::{Path, PathBuf};

/// How pixels are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// What suits the format: plain TIFF and HDF5, whose frames and rows are then read as fast as the disk gives them,
    /// and zstd in OME-Zarr.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// Deflate (zlib): TIFF, HDF5 and OME-Zarr.
    Deflate,
    /// Zstandard: OME-Zarr only.
    Zstd,
}

/// Version of the OME-Zarr specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OmeZarrVersion {
    /// 0.4, on Zarr format 2: what older viewers read.
    V04,
    /// 0.5, on Zarr format 3 with sharding.
    #[default]
    V05,
}

/// Format of the single images of a folder of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameFormat {
    /// TIFF, any pixel type.
    #[default]
    Tiff,
    /// PNG, 8- and 16-bit unsigned pixels only.
    Png,
}

/// How a movie is written. The default suits a movie that will be analysed again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteOptions {
    /// How pixels are packed.
    pub compression: Compression,
    /// Replace what has the name already, if that is a folder, an OME-Zarr hierarchy or an HDF5 file, which may hold
    /// other things as well; without it such a name is refused. A TIFF, GIF, MP4 or PNG file is always replaced.
    pub overwrite: bool,
    /// Version of OME-Zarr hierarchies.
    pub ome_zarr_version: OmeZarrVersion,
    /// Format of the images in a folder of frames.
    pub frame_format: FrameFormat,
    /// The values shown as black and as white in a GIF or MP4; without it the range of the first block that is appended.
    pub display_range: Option<(f32, f32)>,
}

enum Sink {
    Tiff(TiffWriter),
    Hdf5(Hdf5Writer),
    Zarr(Box<ZarrWriter>),
    Folder(FolderWriter),
    Gif(GifWriter),
    Mp4(Box<GreyVideoWriter>),
}

/// A movie under construction, written frame after frame.
///
/// The file appears under its name when [`MovieWriter::finish`] returns; until then its bytes are in a hidden temporary
/// file beside it, which a writer that is dropped takes away.
pub struct MovieWriter {
    path: PathBuf,
    shape: MovieShape,
    pixel_type: PixelType,
    n_written: usize,
    warnings: Vec<String>,
    sink: Sink,
}

impl MovieWriter {
    /// Starts a movie of the given shape and type.
    ///
    /// The format follows from the name: `.tif`, `.tiff` (ImageJ), `.ome.tif` (OME-TIFF), `.h5`, `.hdf5` (data set
    /// `movie`, or the one named after `::`), `.zarr` (OME-Zarr; `movie.zarr::labels/NAME` adds a label movie to a
    /// hierarchy), `.gif` and `.mp4` (8-bit, for display), `.png` (one frame), and no extension for a folder of frames.
    ///
    /// # Errors
    /// If the extension is unknown, the shape is empty or too large, the format cannot hold the pixel type, or the
    /// place cannot be written to.
    pub fn create(
        path: &Path,
        shape: MovieShape,
        pixel_type: PixelType,
        recording: &Recording,
        options: &WriteOptions,
    ) -> Result<Self, Error> {
        check_extent(path, shape, pixel_type)?;
        let location = Location::parse(path);
        let mut warnings = Vec::new();
        let sink = create_sink(&location, shape, pixel_type, recording, options, &mut warnings)?;
        Ok(Self { path: path.to_path_buf(), shape, pixel_type, n_written: 0, warnings, sink })
    }

    /// Starts a plain TIFF stack that a later process can go on with, or goes on with it: the frames wait in
    /// `.NAME.part` beside the final file. Of those that are there whole, the first `n_frames` are kept;
    /// [`MovieWriter::n_written`] tells how many that are. The finished file is the one that
    /// [`MovieWriter::create`] would have made.
    ///
    /// # Errors
    /// As [`MovieWriter::create`]; if the name is not that of a TIFF file; if another process writes it.
    pub fn resume(
        path: &Path,
        shape: MovieShape,
        pixel_type: PixelType,
        recording: &Recording,
        n_frames: usize,
    ) -> Result<Self, Error> {
        check_extent(path, shape, pixel_type)?;
        let Some(dialect) = dialect_of(path) else {
            return Err(Error::refused("create", path, "a name that ends in .tif", path.display().to_string()));
        };
        let writer = TiffWriter::resume(path, shape, pixel_type, recording, dialect, n_frames)?;
        let (path, n_written) = (path.to_path_buf(), writer.n_written());
        Ok(Self { path, shape, pixel_type, n_written, warnings: Vec::new(), sink: Sink::Tiff(writer) })
    }

    /// Number of frames that are written or were kept.
    pub fn n_written(&self) -> usize {
        self.n_written
    }

    /// Makes the frames so far durable, where the format can: a TIFF stack.
    ///
    /// # Errors
    /// If they do not fit on the disk.
    pub fn sync(&mut self) -> Result<(), Error> {
        match &mut self.sink {
            Sink::Tiff(writer) => writer.sync(),
            Sink::Hdf5(_) | Sink::Zarr(_) | Sink::Folder(_) | Sink::Gif(_) | Sink::Mp4(_) => Ok(()),
        }
    }

    /// What of the recording's metadata the format cannot hold, as sentences.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Appends a block of frames `[T, Y, X]`, T of any length, of the type and frame size given at the start.
    ///
    /// # Errors
    /// If the block does not fit the movie, or the disk is full.
    pub fn append(&mut self, block: &Pixels) -> Result<(), Error> {
        let refused = |expected, found| Err(Error::refused("write", &self.path, expected, found));
        let shape = block.shape();
        if (shape.height, shape.width, block.pixel_type()) != (self.shape.height, self.shape.width, self.pixel_type) {
            let describe =
                |s: MovieShape, t: PixelType| format!("frames of {} x {} {} pixels", s.height, s.width, t.name());
            return refused(describe(self.shape, self.pixel_type), describe(shape, block.pixel_type()));
        }
        if self.n_written + shape.n_frames > self.shape.n_frames {
            let found = format!("{} frames", self.n_written + shape.n_frames);
            return refused(format!("at most {} frames", self.shape.n_frames), found);
        }
        match &mut self.sink {
            Sink::Tiff(writer) => writer.append(block)?,
            Sink::Hdf5(writer) => writer.append(block)?,
            Sink::Zarr(writer) => writer.append(block)?,
            Sink::Folder(writer) => writer.append(block)?,
            Sink::Gif(writer) => writer.append(block)?,
            Sink::Mp4(writer) => writer.append(block)?,
        }
        self.n_written += shape.n_frames;
        Ok(())
    }

    /// Flushes the movie to the disk and gives it its name.
    ///
    /// # Errors
    /// If frames are missing, or the disk is full; nothing is left behind then.
    pub fn finish(self) -> Result<(), Error> {
        if self.n_written != self.shape.n_frames {
            let (expected, found) =
                (format!("{} frames", self.shape.n_frames), format!("{} when it was finished", self.n_written));
            return Err(Error::refused("write", &self.path, expected, found));
        }
        match self.sink {
            Sink::Tiff(writer) => writer.finish(),
            Sink::Hdf5(writer) => writer.finish(),
            Sink::Zarr(writer) => writer.finish(),
            Sink::Folder(writer) => writer.finish(),
            Sink::Gif(writer) => writer.finish(),
            Sink::Mp4(writer) => writer.finish(),
        }
    }
}

fn check_extent(path: &Path, shape: MovieShape, pixel_type: PixelType) -> Result<(), Error> {
    let MovieShape { n_frames, height, width } = shape;
    let found = format!("{n_frames} x {height} x {width} pixels");
    if n_frames == 0 || height == 0 || width == 0 {
        return Err(Error::refused("create", path, "at least one pixel", found));
    }
    let size = pixel_type.n_bytes() as u64;
    let fits = checked_bytes(&[height as u64, width as u64], size, MAX_FRAME_BYTES).is_some();
    if !fits || n_frames as u64 > MAX_FRAMES {
        let expected = format!("at most {MAX_FRAMES} frames of {MAX_FRAME_BYTES} bytes");
        return Err(Error::limit("create", path, expected, found));
    }
    Ok(())
}

/// The dialect of a TIFF file by its name; `None` for other names.
fn dialect_of(path: &Path) -> Option<Dialect> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let stem = name.strip_suffix(".tif").or_else(|| name.strip_suffix(".tiff"))?;
    Some(if stem.ends_with(".ome") { Dialect::Ome } else { Dialect::ImageJ })
}

fn create_sink(
    location: &Location,
    shape: MovieShape,
    pixel_type: PixelType,
    recording: &Recording,
    options: &WriteOptions,
    warnings: &mut Vec<String>,
) -> Result<Sink, Error> {
    let Location { path, part } = location;
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if part.is_some() && !matches!(extension.as_str(), "h5" | "hdf5" | "zarr") {
        let part = part.as_deref().unwrap_or_default();
        return Err(Error::refused(
            "create",
            path,
            "a file that can hold named parts (.h5, .zarr)",
            format!("::{part}"),
        ));
    }
    let part = part.as_deref();
    Ok(match extension.as_str() {
        "tif" | "tiff" => {
            let dialect = dialect_of(path).unwrap_or(Dialect::ImageJ);
            let compression = options.compression;
            Sink::Tiff(TiffWriter::create(path, shape, pixel_type, recording, dialect, compression, warnings)?)
        }
        "h5" | "hdf5" => Sink::Hdf5(Hdf5Writer::create(path, part, shape, pixel_type, recording, options)?),
        "zarr" => Sink::Zarr(Box::new(ZarrWriter::create(path, part, shape, pixel_type, recording, options)?)),
        "gif" => Sink::Gif(GifWriter::create(path, shape, recording, options, warnings)?),
        "mp4" => Sink::Mp4(Box::new(GreyVideoWriter::create(path, shape, recording, options, warnings)?)),
        "png" => Sink::Folder(FolderWriter::single(path, shape, pixel_type, recording)?),
        "" => Sink::Folder(FolderWriter::create(path, shape, pixel_type, recording, options, warnings)?),
        other => {
            let expected = "a name that ends in .tif, .ome.tif, .h5, .zarr, .gif, .mp4, .png, or a folder";
            return Err(Error::refused("create", path, expected, format!(".{other}")));
        }
    })
}
