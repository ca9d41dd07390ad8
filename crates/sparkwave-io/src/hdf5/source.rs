//! Which data set is the movie, how it is calibrated, and its frames on demand.

use super::adapter::{Dataset, File};
use crate::calibration;
use crate::error::Error;
use crate::limits::{MAX_FRAME_BYTES, MAX_FRAMES, MAX_MOVIE_BYTES, checked_bytes};
use crate::location::Location;
use crate::opened::Opened;
use crate::stored::Stored;
use crate::stored_source::{ReadStored, StoredMovie, StoredSource};
use sparkwave_core::axes::Span;
use sparkwave_core::movie::MovieShape;
use sparkwave_core::recording::Recording;
use std::path::Path;

/// Attribute: heights and widths of pixels, `[y, x]` in micrometres.
pub(super) const PIXEL_SIZE: &str = "pixel_size_um";
/// Attribute: seconds from frame to frame.
pub(super) const FRAME_INTERVAL: &str = "frame_interval_s";
/// Attribute: name of the data set, beside this one, of the times of the frames in seconds.
pub(super) const FRAME_TIMES: &str = "frame_times";
/// Attribute of other programs (ilastik, ImageJ's HDF5 plug-in): `[z, y, x]` in micrometres.
const ELEMENT_SIZE: &str = "element_size_um";

struct Hdf5Reader {
    file: File,
    name: String,
}

/// Opens the data set named behind `::`, or the only one of three dimensions.
pub(crate) fn open(location: &Location, recording: Recording) -> Result<Opened, Error> {
    let file = File::open(&location.path)?;
    let names = file.dataset_names()?;
    let dataset = match &location.part {
        Some(part) => named(&file, &names, part)?,
        None => only_movie(&file, &names)?,
    };
    open_dataset(file, dataset, recording)
}

fn named(file: &File, names: &[String], part: &str) -> Result<Dataset, Error> {
    let wanted = part.trim_matches('/');
    if names.iter().any(|name| name == wanted) {
        return file.dataset(wanted);
    }
    // Soft links are not in the list; the library follows them by name.
    file.dataset(wanted).map_err(|_| {
        let expected = format!("the data set {wanted}");
        Error::refused("open", file.path(), expected, format!("the data sets {}", listed(file, names)))
    })
}

fn is_movie(dataset: &Dataset) -> bool {
    dataset.shape.len() == 3 && dataset.stored.is_some() && dataset.shape.iter().all(|&n| n > 0)
}

fn only_movie(file: &File, names: &[String]) -> Result<Dataset, Error> {
    // A data set that the library cannot describe is no candidate; if it is meant, naming it shows the reason.
    let mut movies: Vec<Dataset> = names.iter().filter_map(|name| file.dataset(name).ok()).filter(is_movie).collect();
    match (movies.pop(), movies.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            movies.push(last);
            /// As many as one sentence can hold.
            const SHOWN: usize = 6;
            let mut list: Vec<String> =
                movies.iter().take(SHOWN).map(|d| format!("::{} {:?}", d.name, d.shape)).collect();
            if movies.len() > SHOWN {
                list.push(format!("and {} more", movies.len() - SHOWN));
            }
            let expected = "one three-dimensional data set, or its name after ::";
            Err(Error::ambiguous("open", file.path(), expected, list.join(", ")))
        }
        (None, _) => {
            let expected = "a three-dimensional numeric data set";
            Err(Error::unsupported("open", file.path(), expected, listed(file, names)))
        }
    }
}

fn listed(file: &File, names: &[String]) -> String {
    if names.is_empty() {
        return "no data sets".into();
    }
    let mut list: Vec<String> = names
        .iter()
        .take(20)
        .map(|name| file.dataset(name).map_or_else(|_| name.clone(), |d| format!("{name} {:?}", d.shape)))
        .collect();
    if names.len() > 20 {
        list.push(format!("and {} more", names.len() - 20));
    }
    list.join(", ")
}

/// Opens a data set that is known to exist.
pub(crate) fn open_dataset(file: File, dataset: Dataset, mut recording: Recording) -> Result<Opened, Error> {
    let Dataset { name, shape, stored, chunk, filtered } = dataset;
    let found = || format!("data set {name} of extents {shape:?}");
    let Some(stored) = stored else {
        return Err(Error::unsupported("open", file.path(), "numbers", format!("{} of another type", found())));
    };
    let &[n_frames, height, width] = shape.as_slice() else {
        return Err(Error::unsupported("open", file.path(), "three dimensions (T, Y, X)", found()));
    };
    if n_frames == 0 || height == 0 || width == 0 {
        return Err(Error::malformed("open", file.path(), "at least one pixel", found()));
    }
    let size = stored.n_bytes() as u64;
    // Chunks are decoded whole: theirs is the memory that a read needs besides its result.
    let chunk_fits = chunk.as_ref().is_none_or(|c| checked_bytes(c, size, MAX_FRAME_BYTES).is_some());
    if n_frames > MAX_FRAMES
        || checked_bytes(&[height, width], size, MAX_FRAME_BYTES).is_none()
        || checked_bytes(&shape, size, MAX_MOVIE_BYTES).is_none()
        || !chunk_fits
    {
        let expected = format!("at most {MAX_FRAMES} frames and chunks of {MAX_FRAME_BYTES} bytes");
        return Err(Error::limit("open", file.path(), expected, format!("{}, chunks {chunk:?}", found())));
    }
    // All three are below the caps just checked.
    let shape = MovieShape { n_frames: n_frames as usize, height: height as usize, width: width as usize };
    calibrate(&file, &name, shape.n_frames, &mut recording);
    recording.warnings.extend(stored.warning().map(String::from));
    Ok(Opened {
        format: "HDF5".into(),
        axes: "TYX".into(),
        stored_type: stored.name(),
        compression: if filtered { "filtered".into() } else { "none".into() },
        source: StoredSource::boxed(StoredMovie { shape, stored, recording }, Hdf5Reader { file, name }),
    })
}

fn calibrate(file: &File, name: &str, n_frames: usize, recording: &mut Recording) {
    if let Some(&[y, x]) = file.numbers(name, PIXEL_SIZE).as_deref() {
        calibration::set_pixel_size(recording, y, x, "HDF5 attribute pixel_size_um");
    } else if let Some(&[_, y, x]) = file.numbers(name, ELEMENT_SIZE).as_deref() {
        // As of ImageJ, whose plug-in writes it: ones stand where nobody set a scale.
        if (y, x) == (1.0, 1.0) {
            let text = "HDF5 attribute element_size_um gives pixels of 1 um, which may be no calibration";
            recording.warnings.push(text.into());
        }
        calibration::set_pixel_size(recording, y, x, "HDF5 attribute element_size_um");
    }
    let group = name.rsplit_once('/').map_or("", |(group, _)| group);
    let sibling = |leaf: &str| if group.is_empty() { leaf.to_string() } else { format!("{group}/{leaf}") };
    if let Some(times) = file.text(name, FRAME_TIMES).and_then(|leaf| floats(file, &sibling(&leaf), n_frames))
        && calibration::set_stamps(recording, times, n_frames, "HDF5 attribute frame_times")
    {
        return;
    }
    if let Some(&[interval]) = file.numbers(name, FRAME_INTERVAL).as_deref() {
        calibration::set_interval(recording, interval, "HDF5 attribute frame_interval_s");
        return;
    }
    // NWB keeps the times of a series in data sets beside its `data`.
    if name.rsplit('/').next() == Some("data") {
        if let Some(&[rate]) = file.numbers(&sibling("starting_time"), "rate").as_deref() {
            calibration::set_interval(recording, 1.0 / rate, "NWB starting_time rate");
        } else if let Some(times) = floats(file, &sibling("timestamps"), n_frames) {
            calibration::set_stamps(recording, times, n_frames, "NWB timestamps");
        } else {
            return;
        }
        let text = "NWB orders the axes of images time, width, height: rows and columns may be exchanged";
        recording.warnings.push(text.into());
    }
}

/// A data set of `n` floats, if there is one of that name.
fn floats(file: &File, name: &str, n: usize) -> Option<Vec<f64>> {
    let dataset = file.dataset(name).ok()?;
    if dataset.shape != [n as u64] {
        return None;
    }
    match file.read(name, dataset.stored?, &[0], &[n]).ok()? {
        Stored::F64(v) => Some(v),
        Stored::F32(v) => Some(v.into_iter().map(f64::from).collect()),
        _ => None,
    }
}

impl ReadStored for Hdf5Reader {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn read_stored(&self, movie: &StoredMovie, frames: Span, rows: Span) -> Result<Stored, Error> {
        let starts = [frames.start, rows.start, 0];
        self.file.read(&self.name, movie.stored, &starts, &[frames.len(), rows.len(), movie.shape.width])
    }
}
