//! Frames of a TIFF stack, read on demand.

use super::axes::Axes;
use super::decode;
use super::imagej::Description;
use super::index::{Header, Ifd, walk};
use super::labels;
use super::ome;
use super::page::{Chunks, PageFormat, tag};
use super::shaped::Shaped;
use crate::bytes;
use crate::error::Error;
use crate::limits::{MAX_FRAMES, MAX_MOVIE_BYTES};
use crate::location::{AxisChoice, Location};
use crate::opened::Opened;
use crate::read_at::ReadAt;
use crate::stored::{Stored, StoredType, swap_bytes};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::recording::Recording;
use sparkwave_core::source::{FrameSource, SourceError, check_spans};

/// Where one page is.
#[derive(Clone, Copy, Debug)]
struct Page {
    /// Offset of the directory.
    ifd: u64,
    /// Offset of the pixels if they lie in one plain run.
    run: Option<std::num::NonZeroU64>,
}

struct TiffSource {
    file: ReadAt,
    header: Header,
    format: PageFormat,
    /// One page a frame.
    frames: Vec<Page>,
    recording: Recording,
    shape: MovieShape,
}

/// Opens a TIFF stack as a movie.
pub(crate) fn open(location: &Location, recording: Recording) -> Result<Opened, Error> {
    let choice = AxisChoice::of(location)?;
    let file = ReadAt::open(&location.path)?;
    let header = Header::read(&file)?;
    let mut recording = recording;
    let (format, first, pages) = read_pages(&file, header, &mut recording)?;
    let text = first.text(&file, header, tag::DESCRIPTION)?.unwrap_or_default();

    let mut format = format;
    let (dialect, axes, frames) = if choice.pages {
        ("", None, pages)
    } else if let Some(description) = Description::parse(&text) {
        let pages = all_pages(&file, format, pages, description.n_images().unwrap_or(0), &mut recording)?;
        let axes = description.axes(pages.len() as u64, &mut recording.warnings);
        let resolution = |tag| first.fraction(&file, header, tag);
        let resolution = (resolution(tag::Y_RESOLUTION)?, resolution(tag::X_RESOLUTION)?);
        description.calibrate(resolution, &mut recording);
        if format.stored == StoredType::U16 && description.is_signed_16_bit() {
            format.stored = StoredType::OffsetI16;
        }
        let planes = planes_of(&axes, &file, choice)?;
        let labels = labels::read(&file, header, &first)?;
        if labels.len() == pages.len() {
            let of_frames: Vec<String> = planes.iter().map(|&plane| labels[plane].clone()).collect();
            labels::note_times(&of_frames, &mut recording);
        }
        ("ImageJ", Some(axes), planes.into_iter().map(|plane| pages[plane]).collect())
    } else if ome::is_ome(&text) {
        let image = ome::read(&text, file.path(), pages.len() as u64, choice, &mut recording)?;
        // `ome::read` checked every page against the number of pages.
        let frames = image.pages.iter().map(|&page| pages[page as usize]).collect();
        ("OME", Some(image.axes), frames)
    } else if let Some(shaped) = Shaped::parse(&text) {
        let pages = pages_of_shape(&file, format, pages, &shaped, &mut recording)?;
        calibrate_centimetres(&file, header, &first, &mut recording)?;
        ("tifffile", None, pages)
    } else {
        calibrate_centimetres(&file, header, &first, &mut recording)?;
        ("", None, pages)
    };

    recording.warnings.extend(format.stored.warning().map(String::from));
    let bytes = (frames.len() as u64).checked_mul(format.frame_bytes());
    if frames.is_empty() || bytes.is_none_or(|bytes| bytes > MAX_MOVIE_BYTES) {
        let expected = format!("a movie of 1 to {MAX_MOVIE_BYTES} bytes");
        return Err(Error::limit("open", file.path(), expected, format!("{} frames", frames.len())));
    }
    // Extents fit: `PageFormat::read` bounds a frame, and frames are a vector's length.
    let shape = MovieShape { n_frames: frames.len(), height: format.height as usize, width: format.width as usize };
    let kind = if header.big_tiff { "BigTIFF" } else { "TIFF" };
    let format_name = if dialect.is_empty() { kind.to_string() } else { format!("{kind} ({dialect})") };
    Ok(Opened {
        format: format_name,
        axes: axes.map_or_else(|| "TYX".to_string(), |axes| axes.name()),
        stored_type: format.stored.name(),
        compression: format.compression.name().to_string(),
        source: Box::new(TiffSource { file, header, format, frames, recording, shape }),
    })
}

/// Walks the chain: the common format, the first directory, and all pages but reduced copies.
fn read_pages(file: &ReadAt, header: Header, recording: &mut Recording) -> Result<(PageFormat, Ifd, Vec<Page>), Error> {
    let mut first: Option<(PageFormat, Ifd)> = None;
    let mut pages = Vec::new();
    let mut n_reduced = 0;
    walk(file, header, |number, ifd| {
        let reduced = ifd.integer(file, header, tag::NEW_SUBFILE_TYPE)?.is_some_and(|kind| kind & 1 == 1);
        if reduced && first.is_some() {
            n_reduced += 1;
            return Ok(());
        }
        let format = PageFormat::read(file, header, ifd, number)?;
        let (expected, _) = first.get_or_insert_with(|| (format, ifd.clone()));
        if *expected != format {
            let expected = format!("pages alike, as the first: {}", expected.describe());
            let found = format!("page {number} of {}", format.describe());
            return Err(Error::unsupported("open", file.path(), expected, found));
        }
        let chunks = Chunks::read(file, header, ifd, format, number)?;
        let run = chunks.run(format).and_then(std::num::NonZeroU64::new);
        pages.push(Page { ifd: ifd.offset, run });
        Ok(())
    })?;
    if n_reduced > 0 {
        recording.warnings.push(format!("{n_reduced} reduced copies of pages are left out"));
    }
    let (format, ifd) =
        first.ok_or_else(|| Error::malformed("open", file.path(), "at least one page", "an empty chain"))?;
    Ok((format, ifd, pages))
}

/// The pages, or where one directory stands for `n` of them (stacks beyond 4 GiB by ImageJ, tifffile's truncated
/// files), the plain frames that follow its pixels without directories.
fn all_pages(
    file: &ReadAt,
    format: PageFormat,
    pages: Vec<Page>,
    n: u64,
    recording: &mut Recording,
) -> Result<Vec<Page>, Error> {
    let n_pages = pages.len() as u64;
    if n == n_pages || n <= 1 {
        return Ok(pages);
    }
    if n < n_pages {
        let text = format!("the description announces {n} images, the file has {n_pages} pages: all are taken");
        recording.warnings.push(text);
        return Ok(pages);
    }
    let expected = format!("{n} images as the description announces");
    let run = match pages.as_slice() {
        [Page { run: Some(run), .. }] => run.get(),
        _ => return Err(Error::malformed("open", file.path(), expected, format!("{n_pages} pages"))),
    };
    if n > MAX_FRAMES {
        return Err(Error::limit("open", file.path(), format!("at most {MAX_FRAMES} frames"), format!("{n}")));
    }
    let held = (file.len() - run) / format.frame_bytes();
    if held < n {
        let found = format!("a truncated file of {} bytes, in which frame {held} is incomplete", file.len());
        return Err(Error::malformed("open", file.path(), expected, found));
    }
    let ifd = pages[0].ifd;
    let at = |i: u64| std::num::NonZeroU64::new(run + i * format.frame_bytes());
    Ok((0..n).map(|i| Page { ifd, run: at(i) }).collect())
}

/// The pages of the chosen channel and depth. `Description::axes` made the extents multiply to the number of pages, so that
/// every plane is one of them.
fn planes_of(axes: &Axes, file: &ReadAt, choice: AxisChoice) -> Result<Vec<usize>, Error> {
    let (c, z) = axes.choose(file.path(), choice)?;
    Ok((0..axes.t).map(|t| axes.plane(c, z, t) as usize).collect())
}

fn pages_of_shape(
    file: &ReadAt,
    format: PageFormat,
    pages: Vec<Page>,
    shaped: &Shaped,
    recording: &mut Recording,
) -> Result<Vec<Page>, Error> {
    let n = match shaped.n_pages(format.height, format.width) {
        Some(n) if n == pages.len() as u64 || shaped.truncated || pages.len() == 1 => n,
        _ => {
            let text = format!("the description's shape {:?} does not fit the pages: it is ignored", shaped.shape);
            recording.warnings.push(text);
            return Ok(pages);
        }
    };
    if shaped.is_hyperstack() {
        let axes = shaped.axes.as_deref().unwrap_or("not named");
        let text = format!(
            "the description's shape is {:?} (axes {axes}): all {n} planes are taken as frames in file order",
            shaped.shape
        );
        recording.warnings.push(text);
    }
    all_pages(file, format, pages, n, recording)
}

/// Pixels per centimetre, the only resolution unit that is not most often a default of 72 or 96 dots per inch.
fn calibrate_centimetres(file: &ReadAt, header: Header, ifd: &Ifd, recording: &mut Recording) -> Result<(), Error> {
    if ifd.integer(file, header, tag::RESOLUTION_UNIT)? != Some(3) {
        return Ok(());
    }
    if let Some(x) = ifd.fraction(file, header, tag::X_RESOLUTION)? {
        let y = ifd.fraction(file, header, tag::Y_RESOLUTION)?.unwrap_or(x);
        crate::calibration::set_pixel_size(recording, 1e4 / y, 1e4 / x, "TIFF XResolution in pixels per centimetre");
    }
    Ok(())
}

impl TiffSource {
    fn fill(&self, frames: Span, rows: Span, bytes: &mut [u8]) -> Result<(), Error> {
        let row_bytes = self.format.row_bytes();
        let part = rows.len() * row_bytes as usize;
        let whole = rows.len() == self.shape.height;
        let swap = self.header.big_endian != cfg!(target_endian = "big");
        let mut frame = frames.start;
        let mut rest = bytes;
        while frame < frames.end {
            let page = self.frames[frame];
            let Some(run) = page.run else {
                let (now, later) = rest.split_at_mut(part);
                decode::read_rows(&self.file, self.header, page.ifd, self.format, rows, frame as u64, now)?;
                (rest, frame) = (later, frame + 1);
                continue;
            };
            // Whole frames that follow each other in the file are read at once.
            let mut n = 1;
            while whole && frame + n < frames.end && self.follows(frame + n) {
                n += 1;
            }
            let (now, later) = rest.split_at_mut(part * n);
            self.file.read(now, run.get() + rows.start as u64 * row_bytes, || format!("frame {frame}"))?;
            if swap {
                swap_bytes(now, self.format.stored.n_bytes());
            }
            (rest, frame) = (later, frame + n);
        }
        Ok(())
    }

    fn follows(&self, frame: usize) -> bool {
        match (self.frames[frame - 1].run, self.frames[frame].run) {
            (Some(a), Some(b)) => a.get() + self.format.frame_bytes() == b.get(),
            _ => false,
        }
    }
}

impl FrameSource for TiffSource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn shape(&self) -> MovieShape {
        self.shape
    }

    fn pixel_type(&self) -> PixelType {
        self.format.stored.pixel_type()
    }

    fn read(&self, frames: Span, rows: Span) -> Result<Pixels, SourceError> {
        check_spans(self.shape, frames, rows)?;
        let shape = MovieShape { n_frames: frames.len(), height: rows.len(), width: self.shape.width };
        let mut stored = Stored::zeros(self.format.stored, shape.n_frames * shape.frame_len());
        self.fill(frames, rows, stored.bytes_mut()).map_err(SourceError::new)?;
        stored.into_pixels(shape).map_err(|e| {
            let expected = format!("values of frames {} to {}", frames.start, frames.end.saturating_sub(1));
            SourceError::new(Error::unsupported("read", self.file.path(), expected, e.to_string()))
        })
    }

    fn read_into(&self, frames: Span, rows: Span, block: &mut Pixels) -> Result<(), SourceError> {
        check_spans(self.shape, frames, rows)?;
        let shape = MovieShape { n_frames: frames.len(), height: rows.len(), width: self.shape.width };
        if self.format.stored.is_given_as_stored()
            && let Some(bytes) = bytes::overwrite(block, shape, self.pixel_type())
        {
            return self.fill(frames, rows, bytes).map_err(SourceError::new);
        }
        *block = self.read(frames, rows)?;
        Ok(())
    }
}
