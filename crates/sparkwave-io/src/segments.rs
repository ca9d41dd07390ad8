//! Data sets of coloured frames with labels, in the layout of MouseCortex-IOS:
//!
//! ```text
//! 20230922-shu-101/                                      a subject
//!   isat.yaml                                            its classes
//!   segment_0_20230922_221431_20230922_221556/           a stretch of frames in which waves travel
//!     20230922_221431.tiff, 20230922_221431.json         a frame and its labels (ISAT), and so on
//! ```
//!
//! Times are those of the recording computer's clock. Where it is not known, names hold numbers of frames instead:
//! `segment_0_000120_000137/000120.tiff`. [`mod@write`] makes such folders frame by frame, [`read`] takes them in.

pub mod name;
pub mod read;
pub mod write;

use crate::instance::Instance;
use ndarray::Array3;

/// A frame of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentFrame {
    /// Its name without extension; see [`name::frame_name`].
    pub name: String,
    /// Red, green and blue `[Y, X, 3]`.
    pub rgb: Array3<u8>,
    /// The objects in it, which do not overlap if they are to be written. What is read is in the order of group and
    /// category.
    pub instances: Vec<Instance>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::name::{Moment, frame_name};
    use super::read::{SegmentFolder, segments_of};
    use super::write::{SegmentWriter, write_categories};
    use super::*;
    use crate::Error;
    use crate::isat::categories;
    use sparkwave_core::mask::Mask;
    use std::path::Path;

    fn frame(name: &str, shift: usize) -> SegmentFrame {
        let rgb = Array3::from_shape_fn((40, 50, 3), |(y, x, c)| (y * 5 + (x + shift) * 3 + c * 70) as u8);
        let ring = |y: usize, x: usize| {
            let distance = (y as f64 - 18.0).hypot(x as f64 - 20.0 - shift as f64);
            (9.0..14.0).contains(&distance)
        };
        let pixels = |inside: &dyn Fn(usize, usize) -> bool| {
            Mask::of_pixels((0..40).flat_map(|y| (0..50).map(move |x| (y, x))).filter(|&(y, x)| inside(y, x)))
        };
        // A wave inside the ring of another, and one that has not begun in the first frame.
        let masks = [
            ("1", 1, pixels(&ring)),
            ("1-2", 2, pixels(&|y, x| (15..20).contains(&y) && (18..22 + shift).contains(&x))),
        ];
        let late = ("2", 3, if shift > 0 { pixels(&|y, x| y >= 36 && x < 10 + shift) } else { None });
        let instances = masks
            .into_iter()
            .chain([late])
            .filter_map(|(category, group, mask)| Some(Instance { category: category.into(), group, mask: mask? }))
            .collect();
        SegmentFrame { name: name.into(), rgb, instances }
    }

    fn write_segment(subject: &Path, index: usize, frames: &[SegmentFrame]) -> Result<(), Error> {
        let moment = |f: &SegmentFrame| Moment::parse(&f.name).unwrap();
        let (first, last) = (moment(&frames[0]), moment(frames.last().unwrap()));
        let mut writer = SegmentWriter::create(subject, &name::SegmentName { index, start: first, end: last })?;
        frames.iter().try_for_each(|frame| writer.append(frame))
    }

    fn read_all(segment: &SegmentFolder) -> Vec<SegmentFrame> {
        segment.frames.iter().map(|frame| segment.read(frame).unwrap()).collect()
    }

    #[test]
    fn segments_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let subject = folder.path().join("20230922-shu-101");
        // Across midnight.
        let started = crate::stamp::seconds("20230922_235955").unwrap();
        let timed: Vec<SegmentFrame> =
            (0..4).map(|i| frame(&frame_name(Some(started), 5.0 * i as f64, i).unwrap(), i)).collect();
        let counted: Vec<SegmentFrame> = (0..2).map(|i| frame(&frame_name(None, 0.0, 30 + i).unwrap(), i)).collect();
        write_segment(&subject, 0, &timed).unwrap();
        write_segment(&subject, 1, &counted).unwrap();
        let list = categories::of_names(["1", "1-2", "2"]);
        write_categories(&subject, &list).unwrap();
        let found = segments_of(&subject).unwrap();
        assert_eq!(found.iter().flat_map(|s| s.doubts().unwrap()).collect::<Vec<_>>(), Vec::<String>::new());
        let names: Vec<String> =
            found.iter().map(|s| s.path.file_name().unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(names, ["segment_0_20230922_235955_20230923_000010", "segment_1_000030_000031"]);
        assert_eq!((read_all(&found[0]), read_all(&found[1])), (timed, counted));
        assert_eq!(categories::read(&subject.join("isat.yaml")).unwrap(), list);
    }

    #[test]
    fn a_segment_can_be_finished_later() {
        let folder = tempfile::tempdir().unwrap();
        let frames = [frame("000000", 0), frame("000001", 1)];
        write_segment(folder.path(), 0, &frames[..1]).unwrap();
        std::fs::rename(folder.path().join("segment_0_000000_000000"), folder.path().join("segment_0_000000_000001"))
            .unwrap();
        let segment = &segments_of(folder.path()).unwrap()[0];
        assert!(segment.doubts().unwrap()[0].contains("000001"), "{:?}", segment.doubts());
        let name = name::SegmentName::parse("segment_0_000000_000001").unwrap();
        let mut writer = SegmentWriter::create(folder.path(), &name).unwrap();
        assert!(writer.is_written(&frames[0].name) && !writer.is_written(&frames[1].name));
        writer.append(&frames[1]).unwrap();
        assert_eq!(read_all(&segments_of(folder.path()).unwrap()[0]), frames);
    }

    #[test]
    fn frames_that_do_not_fit_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let name = name::SegmentName::parse("segment_0_000000_000009").unwrap();
        let mut writer = SegmentWriter::create(folder.path(), &name).unwrap();
        writer.append(&frame("000003", 0)).unwrap();
        for bad in ["000003", "../000004", "", "000010"] {
            let error = writer.append(&frame(bad, 0)).unwrap_err().to_string();
            assert!(error.contains("segment_0_000000_000009"), "{error}");
        }
        let mut overlap = frame("000004", 0);
        overlap.instances[1] = Instance { category: "x".into(), ..overlap.instances[0].clone() };
        assert!(writer.append(&overlap).unwrap_err().to_string().contains("share the pixel"));
        assert!(!writer.is_written("000004"));
    }

    #[test]
    fn foreign_folders_are_read_with_doubts() {
        let folder = tempfile::tempdir().unwrap();
        let frames = [frame("20230922_221431", 0), frame("20230922_221436", 1)];
        write_segment(folder.path(), 3, &frames).unwrap();
        let path = folder.path().join("segment_3_20230922_221431_20230922_221436");
        let put = |name: &str, from: &str| std::fs::copy(path.join(from), path.join(name)).unwrap();
        put("20230922_221441.tiff", "20230922_221436.tiff");
        put("20230922_221446.json", "20230922_221436.json");
        std::fs::write(path.join("notes.txt"), "").unwrap();
        let segment = &segments_of(folder.path()).unwrap()[0];
        assert_eq!(segment.frames, ["20230922_221431", "20230922_221436", "20230922_221441"]);
        assert_eq!(segment.read("20230922_221441").unwrap().instances, []);
        let doubts = segment.doubts().unwrap().join("; ");
        for word in ["no labels: 20230922_221441", "no image: 20230922_221446", "ends at 20230922_221436"] {
            assert!(doubts.contains(word), "{doubts}");
        }
        std::fs::write(path.join("20230922_221436.json"), r#"{"info":{"description":"ISAT","width":1,"height":1}}"#)
            .unwrap();
        assert!(segment.read("20230922_221436").unwrap_err().to_string().contains("1 x 1"));
    }
}
