//! The files of a run, and how far a mask is to be trusted.

use super::propagator::Followed;
use super::{Display, PropagateConfig};
use crate::error::Error;
use crate::run_folder::RunFolder;
use ndarray::{Array2, Array3, Axis};
use sparkwave_core::axes::Span;
use sparkwave_core::mask::Mask;
use sparkwave_core::movie::{PixelType, Pixels};
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;
use sparkwave_core::table::{Table, Value};
use sparkwave_io::instance::Instance;
use sparkwave_io::isat::categories;
use sparkwave_io::mp4::Mp4Writer;
use sparkwave_io::png::{self, Image, PALETTE};
use sparkwave_io::segments::SegmentFrame;
use sparkwave_io::segments::name::{Moment, SegmentName};
use sparkwave_io::segments::write::{SegmentWriter, write_categories};
use sparkwave_io::write::{MovieWriter, WriteOptions};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Of each frame and object, what is known.
pub(super) type Rows = BTreeMap<(usize, u32), Row>;

/// What stands of an object in a frame in `objects.csv`.
pub(super) struct Row {
    area_px: usize,
    /// Row and column.
    centroid: Option<[f64; 2]>,
    quality: f32,
    presence: f32,
    agreement: Option<f64>,
    asked: bool,
    pub(super) doubtful: bool,
}

impl Row {
    pub(super) fn new(found: &Followed, mask: &Array2<bool>, agreement: Option<f64>, asked: bool, doubt: f32) -> Self {
        let unsure = found.quality < doubt || found.presence < doubt;
        let jumped = agreement.is_some_and(|a| a < f64::from(doubt));
        Self {
            area_px: mask.iter().filter(|inside| **inside).count(),
            centroid: centroid(mask),
            quality: found.quality,
            presence: found.presence,
            agreement,
            asked,
            doubtful: !asked && (unsure || jumped),
        }
    }
}

/// The middle of a mask; none of an empty one.
fn centroid(mask: &Array2<bool>) -> Option<[f64; 2]> {
    let inside = mask.indexed_iter().filter(|(_, inside)| **inside);
    let (n, y, x) = inside.fold((0.0, 0.0, 0.0), |(n, sy, sx), ((y, x), _)| (n + 1.0, sy + y as f64, sx + x as f64));
    (n > 0.0).then(|| [y / n, x / n])
}

/// The overlap (IoU) of a mask with an earlier one that was moved as far as the middle has; `None` if one of them is empty.
pub(super) fn agreement(earlier: &Array2<bool>, mask: &Array2<bool>) -> Option<f64> {
    let (from, to) = (centroid(earlier)?, centroid(mask)?);
    let [dy, dx] = [0, 1].map(|axis| (to[axis] - from[axis]).round() as isize);
    let (mut both, mut either) = (0usize, 0usize);
    let mut n_earlier = 0;
    for ((y, x), &inside) in mask.indexed_iter() {
        let at = (y.checked_add_signed(-dy), x.checked_add_signed(-dx));
        let was = matches!(at, (Some(y), Some(x)) if earlier.get((y, x)) == Some(&true));
        both += usize::from(inside && was);
        either += usize::from(inside || was);
        n_earlier += usize::from(was);
    }
    // What moved out of the image cannot overlap.
    let lost = earlier.iter().filter(|inside| **inside).count() - n_earlier;
    Some(both as f64 / (either + lost) as f64)
}

/// `masks/`: an image a frame, in the manner of DAVIS: the value of a pixel is its object, a palette shows which.
pub(super) struct MaskFolder(PathBuf);

impl MaskFolder {
    pub(super) fn create(folder: &RunFolder) -> Result<Self, Error> {
        Ok(Self(folder.create_subfolder("masks")?))
    }

    fn path(&self, frame: usize) -> PathBuf {
        self.0.join(format!("{frame:06}.png"))
    }

    /// Writes the objects of a frame: indexed colours while their numbers fit, grey of 16 bits beyond.
    pub(super) fn write(&self, frame: usize, labels: &Array2<u32>) -> Result<(), Error> {
        let largest = labels.iter().copied().max().unwrap_or(0);
        let path = self.path(frame);
        if largest <= u32::from(u8::MAX) {
            Ok(png::write_indexed8(&path, labels.mapv(|label| label as u8).view(), &PALETTE)?)
        } else if let Some(wide) = narrowed(labels) {
            Ok(png::write_gray16(&path, wide.view())?)
        } else {
            let expected = "numbers of objects up to 65535";
            Err(Error::Parameter { name: "prompts", expected, found: largest.to_string() })
        }
    }

    /// The objects of a frame; `None` if it was not reached.
    fn read(&self, frame: usize) -> Result<Option<Array2<u16>>, Error> {
        let path = self.path(frame);
        if !path.is_file() {
            return Ok(None);
        }
        Ok(Some(match png::read(&path)? {
            Image::Gray8(labels) => labels.mapv(u16::from),
            Image::Gray16(labels) => labels,
            Image::Rgb8(_) => {
                let message = "expected the masks that this run wrote, found a coloured image".into();
                return Err(Error::Config { path, message });
            }
        }))
    }
}

fn narrowed(labels: &Array2<u32>) -> Option<Array2<u16>> {
    let narrow: Vec<u16> = labels.iter().map(|&label| u16::try_from(label)).collect::<Result<_, _>>().ok()?;
    Array2::from_shape_vec(labels.dim(), narrow).ok()
}

/// How much of a coloured object shows through.
const OPACITY: f32 = 0.45;
/// Frames of the video in a second.
const FRAMES_PER_S: f64 = 10.0;

/// Writes everything that is made of all masks together.
pub(super) fn finish(
    config: &PropagateConfig,
    source: &dyn FrameSource,
    display: Display,
    folder: &RunFolder,
    masks: &MaskFolder,
    rows: &Rows,
    progress: &dyn Progress,
) -> Result<(), Error> {
    folder.write_table("objects", &table(rows), false)?;
    let shape = source.shape();
    let mut labels = MovieWriter::create(
        &folder.file("labels.tif"),
        shape,
        PixelType::U16,
        source.recording(),
        &WriteOptions::default(),
    )?;
    let mut video = Mp4Writer::create(&folder.file("overlay.mp4"), shape.width, shape.height, FRAMES_PER_S)?;
    let mut data_set = if config.isat { Some(DataSet::create(folder, shape.n_frames)?) } else { None };
    progress.begin("write labels.tif and overlay.mp4", shape.n_frames as u64);
    for frame in 0..shape.n_frames {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let reached = masks.read(frame)?;
        let found = reached.clone().unwrap_or_else(|| Array2::zeros((shape.height, shape.width)));
        labels.append(&Pixels::U16(found.clone().insert_axis(Axis(0))))?;
        let pixels = source.read(Span::new(frame, frame + 1), Span::new(0, shape.height))?.to_f32();
        let gray = pixels.index_axis(Axis(0), 0).mapv(|v| 255.0 * display.shade(v));
        video.append(overlay(&gray, &found).view())?;
        if let (Some(data_set), Some(labels)) = (&mut data_set, &reached) {
            data_set.append(frame, &gray, labels)?;
        }
        progress.advance(1);
    }
    labels.finish()?;
    video.finish()?;
    Ok(())
}

/// A frame in grey with its objects in colour.
fn overlay(gray: &Array2<f32>, labels: &Array2<u16>) -> Array3<u8> {
    let (height, width) = gray.dim();
    Array3::from_shape_fn((height, width, 3), |(y, x, c)| {
        let (shade, label) = (gray[[y, x]], labels[[y, x]]);
        let colour = f32::from(PALETTE[usize::from(label) % PALETTE.len()][c]);
        let value = if label == 0 { shade } else { (1.0 - OPACITY) * shade + OPACITY * colour };
        value.round() as u8
    })
}

fn table(rows: &Rows) -> Table {
    let mut table = Table::new();
    let column = |value: &dyn Fn(&Row) -> Value| rows.values().map(value).collect::<Vec<_>>();
    table.push("frame", rows.keys().map(|(frame, _)| Value::Int(*frame as i64)).collect());
    table.push("object", rows.keys().map(|(_, object)| Value::Int(i64::from(*object))).collect());
    table.push("area_px", column(&|r| Value::Int(r.area_px as i64)));
    table.push("y_px", column(&|r| Value::maybe(r.centroid.map(|c| c[0]))));
    table.push("x_px", column(&|r| Value::maybe(r.centroid.map(|c| c[1]))));
    table.push("expected_iou", column(&|r| Value::float(f64::from(r.quality))));
    table.push("presence", column(&|r| Value::float(f64::from(r.presence))));
    table.push("agreement", column(&|r| Value::maybe(r.agreement)));
    table.push("prompted", column(&|r| Value::Bool(r.asked)));
    table.push("doubtful", column(&|r| Value::Bool(r.doubtful)));
    table
}

/// `isat/`: frames with ISAT labels in the layout of MouseCortex-IOS.
struct DataSet {
    segment: SegmentWriter,
    path: PathBuf,
    names: Vec<String>,
}

impl DataSet {
    fn create(folder: &RunFolder, n_frames: usize) -> Result<Self, Error> {
        let path = folder.create_subfolder("isat")?;
        let end = n_frames.saturating_sub(1);
        let name = SegmentName { index: 0, start: Moment::Frame(0), end: Moment::Frame(end) };
        Ok(Self { segment: SegmentWriter::create(&path, &name)?, path, names: Vec::new() })
    }

    fn append(&mut self, frame: usize, gray: &Array2<f32>, labels: &Array2<u16>) -> Result<(), Error> {
        let mut objects: Vec<u16> = labels.iter().copied().filter(|label| *label > 0).collect();
        objects.sort_unstable();
        objects.dedup();
        let instance = |&object: &u16| {
            let mask = Mask::of_image(&labels.mapv(|label| label == object))?;
            Some(Instance { category: object.to_string(), group: u32::from(object), mask })
        };
        let instances: Vec<Instance> = objects.iter().filter_map(instance).collect();
        let new = instances.iter().map(|i| &i.category).filter(|name| !self.names.contains(name)).cloned();
        let new: Vec<String> = new.collect();
        if !new.is_empty() {
            self.names.extend(new);
            write_categories(&self.path, &categories::of_names(self.names.iter().map(String::as_str)))?;
        }
        let (height, width) = gray.dim();
        let rgb = Array3::from_shape_fn((height, width, 3), |(y, x, _)| gray[[y, x]].round() as u8);
        Ok(self.segment.append(&SegmentFrame { name: Moment::Frame(frame).to_string(), rgb, instances })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(from: [usize; 2], edge: usize) -> Array2<bool> {
        Array2::from_shape_fn((20, 20), |(y, x)| {
            (from[0]..from[0] + edge).contains(&y) && (from[1]..from[1] + edge).contains(&x)
        })
    }

    #[test]
    fn masks_that_moved_as_a_whole_agree() {
        assert_eq!(agreement(&square([2, 2], 6), &square([5, 9], 6)), Some(1.0));
        // 16 of 36 pixels remain, around the same middle.
        let smaller = agreement(&square([2, 2], 6), &square([3, 3], 4)).expect("both are there");
        assert!((smaller - 16.0 / 36.0).abs() < 1e-12);
        assert_eq!(agreement(&square([2, 2], 6), &square([0, 0], 0)), None);
    }

    #[test]
    fn a_mask_that_a_person_made_is_not_doubted() {
        let found = Followed { object: 1, logits: Array2::zeros((20, 20)), quality: 0.2, presence: 0.9 };
        assert!(Row::new(&found, &square([2, 2], 6), None, false, 0.5).doubtful);
        assert!(!Row::new(&found, &square([2, 2], 6), None, true, 0.5).doubtful);
        let sure = Followed { quality: 0.9, ..found };
        assert!(!Row::new(&sure, &square([2, 2], 6), Some(0.8), false, 0.5).doubtful);
        let row = Row::new(&sure, &square([2, 2], 6), Some(0.1), false, 0.5);
        assert!(row.doubtful, "it jumped");
        assert_eq!((row.area_px, row.centroid), (36, Some([4.5, 4.5])));
    }
}
