//! Writing single frames: a folder of them, or one image.

use crate::atomic::AtomicFolder;
use crate::error::Error;
use crate::tiff::write::{Dialect, TiffWriter};
use crate::write::{Compression, FrameFormat, WriteOptions};
use crate::{png, write};
use ndarray::s;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::Recording;
use std::path::{Path, PathBuf};

/// Frames under construction.
pub(crate) struct FolderWriter {
    target: Target,
    format: FrameFormat,
    compression: Compression,
    recording: Recording,
    n_digits: usize,
    next: usize,
}

enum Target {
    Folder(AtomicFolder),
    File(PathBuf),
}

impl FolderWriter {
    /// A folder of files `frame_000.tif`, numbered from 0.
    pub(crate) fn create(
        path: &Path,
        shape: MovieShape,
        pixel_type: PixelType,
        recording: &Recording,
        options: &write::WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Error> {
        if options.frame_format == FrameFormat::Png {
            check_png(path, pixel_type)?;
        }
        if recording.frame_times.is_some() {
            warnings.push("a folder of frames has no place for frame times".into());
        }
        if recording.pixel_size.is_some() && options.frame_format == FrameFormat::Png {
            warnings.push("PNG frames have no place for the pixel size".into());
        }
        let WriteOptions { compression, overwrite, frame_format, .. } = options;
        let n_digits = shape.n_frames.saturating_sub(1).to_string().len().max(3);
        let target = Target::Folder(AtomicFolder::create(path, *overwrite)?);
        let recording = Recording { frame_times: None, ..recording.clone() };
        Ok(Self { target, format: *frame_format, compression: *compression, recording, n_digits, next: 0 })
    }

    /// One PNG image.
    pub(crate) fn single(
        path: &Path,
        shape: MovieShape,
        pixel_type: PixelType,
        recording: &Recording,
    ) -> Result<Self, Error> {
        check_png(path, pixel_type)?;
        if shape.n_frames != 1 {
            let found = format!("{} frames (a name without extension gives a folder)", shape.n_frames);
            return Err(Error::refused("create", path, "one frame in a PNG image", found));
        }
        let (target, recording) = (Target::File(path.to_path_buf()), recording.clone());
        let compression = Compression::Auto;
        Ok(Self { target, format: FrameFormat::Png, compression, recording, n_digits: 0, next: 0 })
    }

    pub(crate) fn append(&mut self, block: &Pixels) -> Result<(), Error> {
        for frame in 0..block.shape().n_frames {
            let part = s![frame..=frame, .., ..];
            let one = match block {
                Pixels::U8(a) => Pixels::U8(a.slice(part).to_owned()),
                Pixels::U16(a) => Pixels::U16(a.slice(part).to_owned()),
                Pixels::I16(a) => Pixels::I16(a.slice(part).to_owned()),
                Pixels::U32(a) => Pixels::U32(a.slice(part).to_owned()),
                Pixels::F32(a) => Pixels::F32(a.slice(part).to_owned()),
            };
            self.write_one(&one)?;
            self.next += 1;
        }
        Ok(())
    }

    fn write_one(&self, one: &Pixels) -> Result<(), Error> {
        let extension = match self.format {
            FrameFormat::Tiff => "tif",
            FrameFormat::Png => "png",
        };
        let path = match &self.target {
            Target::File(path) => path.clone(),
            Target::Folder(folder) => {
                folder.temporary().join(format!("frame_{:0n$}.{extension}", self.next, n = self.n_digits))
            }
        };
        match self.format {
            FrameFormat::Png => png::write_frame(&path, one),
            FrameFormat::Tiff => {
                let (shape, kind, none) = (one.shape(), one.pixel_type(), &mut Vec::new());
                let mut writer =
                    TiffWriter::create(&path, shape, kind, &self.recording, Dialect::ImageJ, self.compression, none)?;
                writer.append(one)?;
                writer.finish()
            }
        }
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.target {
            Target::Folder(folder) => folder.finish(),
            Target::File(_) => Ok(()),
        }
    }
}

fn check_png(path: &Path, pixel_type: PixelType) -> Result<(), Error> {
    match pixel_type {
        PixelType::U8 | PixelType::U16 => Ok(()),
        other => Err(Error::refused("create", path, "8- or 16-bit unsigned pixels for PNG", other.name())),
    }
}
