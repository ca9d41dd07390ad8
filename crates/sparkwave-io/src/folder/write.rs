//! Writing single frames: a folder of them, or one image.

use crate::atomic::AtomicFolder;
use crate::error::Error;
use crate::tiff::write::{Dialect, TiffWriter};
use crate::write::{Compression, FrameFormat, WriteOptions};
use crate::{png, stamp, write};
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
    /// File names without extension, one a frame; empty for one image.
    names: Vec<String>,
    next: usize,
}

enum Target {
    Folder(AtomicFolder),
    File(PathBuf),
}

impl FolderWriter {
    /// A folder of files: named by their times, `YYYYMMDD_HHMMSS_fff.tif`, if the recording knows them and the time of
    /// its start, else numbered from 0, `frame_000.tif`.
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
        let stamps = stamped_names(recording, shape.n_frames);
        if recording.frame_times.is_some() && stamps.is_none() {
            warnings.push("a folder of frames has no place for frame times without the time of the first".into());
        }
        if recording.pixel_size.is_some() && options.frame_format == FrameFormat::Png {
            warnings.push("PNG frames have no place for the pixel size".into());
        }
        let WriteOptions { compression, overwrite, frame_format, .. } = options;
        let names = stamps.unwrap_or_else(|| numbered_names(shape.n_frames));
        let target = Target::Folder(AtomicFolder::create(path, *overwrite)?);
        let recording = Recording { frame_times: None, ..recording.clone() };
        Ok(Self { target, format: *frame_format, compression: *compression, recording, names, next: 0 })
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
        Ok(Self { target, format: FrameFormat::Png, compression, recording, names: Vec::new(), next: 0 })
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
        let (path, name) = match &self.target {
            Target::File(path) => (path.clone(), path.clone()),
            Target::Folder(folder) => {
                let file = format!("{}.{extension}", self.names[self.next]);
                (folder.temporary().join(&file), folder.path().join(&file))
            }
        };
        self.write_at(&path, one).map_err(|e| e.about(&name))
    }

    fn write_at(&self, path: &Path, one: &Pixels) -> Result<(), Error> {
        match self.format {
            FrameFormat::Png => png::write_frame(path, one),
            FrameFormat::Tiff => {
                let (shape, kind, none) = (one.shape(), one.pixel_type(), &mut Vec::new());
                let mut writer =
                    TiffWriter::create(path, shape, kind, &self.recording, Dialect::ImageJ, self.compression, none)?;
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

fn numbered_names(n_frames: usize) -> Vec<String> {
    let n_digits = n_frames.saturating_sub(1).to_string().len().max(3);
    (0..n_frames).map(|frame| format!("frame_{frame:0n_digits$}")).collect()
}

/// Names that tell the date and time of every frame, in milliseconds if any falls between seconds. `None` if a time is
/// not known, or two frames fall into the same millisecond.
fn stamped_names(recording: &Recording, n_frames: usize) -> Option<Vec<String>> {
    const MS_PER_S: f64 = 1000.0;
    let started_s = recording.started_s.as_ref()?.value;
    let times = &recording.frame_times.as_ref()?.value;
    let ms = |frame| Some(((started_s + times.at(frame)?.get()) * MS_PER_S).round());
    let moments: Vec<f64> = (0..n_frames).map(ms).collect::<Option<_>>()?;
    if !moments.windows(2).all(|w| w[1] > w[0]) {
        return None;
    }
    let whole = moments.iter().all(|ms| ms % MS_PER_S == 0.0);
    let name = |ms: &f64| {
        let second = stamp::stamp((ms / MS_PER_S).floor())?;
        Some(if whole { second } else { format!("{second}_{:03}", ms.rem_euclid(MS_PER_S)) })
    };
    moments.iter().map(name).collect()
}

fn check_png(path: &Path, pixel_type: PixelType) -> Result<(), Error> {
    match pixel_type {
        PixelType::U8 | PixelType::U16 => Ok(()),
        other => Err(Error::refused("create", path, "8- or 16-bit unsigned pixels for PNG", other.name())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sparkwave_core::recording::{FrameTimes, Sourced};
    use sparkwave_core::units::Seconds;

    fn recording(times: FrameTimes) -> Recording {
        Recording {
            // 2023-09-22 23:59:59
            started_s: Some(Sourced::new(1_695_427_199.0, "test")),
            frame_times: Some(Sourced::new(times, "test")),
            ..Recording::default()
        }
    }

    #[test]
    fn names_tell_the_time_across_midnight() {
        let regular = recording(FrameTimes::Regular { interval: Seconds::new(1.0 / 60.0) });
        let names = stamped_names(&regular, 62).unwrap();
        assert_eq!((names[0].as_str(), names[1].as_str()), ("20230922_235959_000", "20230922_235959_017"));
        assert_eq!(names[61], "20230923_000000_017");
        let gap = recording(FrameTimes::Stamped(vec![0.0, 1.0, 4.0]));
        assert_eq!(stamped_names(&gap, 3).unwrap()[2], "20230923_000003");
    }

    #[test]
    fn without_times_or_with_too_many_in_a_millisecond_frames_are_numbered() {
        let fast = recording(FrameTimes::Regular { interval: Seconds::new(0.0001) });
        assert_eq!(stamped_names(&fast, 3), None);
        let unstarted = Recording { started_s: None, ..recording(FrameTimes::Stamped(vec![0.0, 1.0])) };
        assert_eq!(stamped_names(&unstarted, 2), None);
        assert_eq!(numbered_names(2), ["frame_000", "frame_001"]);
    }
}
