//! The masks as labelled frames for other programs: a data set of our own, and labels beside the images of someone else's.

use super::names::FrameNames;
use super::said::Said;
use super::{IsatFolder, PropagateConfig};
use crate::error::Error;
use crate::export::LabelExports;
use crate::run_folder::RunFolder;
use ndarray::{Array2, Array3};
use sparkwave_core::mask::Mask;
use sparkwave_io::coco::FrameId;
use sparkwave_io::instance::Instance;
use sparkwave_io::isat::merge::merge;
use sparkwave_io::isat::{self, categories, masks};
use sparkwave_io::prompts::isat::Name;
use sparkwave_io::segments::name::{Moment, SegmentName};
use sparkwave_io::segments::write::{SegmentWriter, write_categories};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The labelled objects of a frame, named as a person named them.
fn instances(labels: &Array2<u16>, said: &Said) -> Vec<Instance> {
    let objects: BTreeSet<u16> = labels.iter().copied().filter(|label| *label > 0).collect();
    let instance = |object: u16| {
        let Name { group, category } = said.name(u32::from(object));
        Some(Instance { category, group, mask: Mask::of_image(&labels.mapv(|label| label == object))? })
    };
    objects.into_iter().filter_map(instance).collect()
}

fn categories_of(said: &Said) -> Vec<categories::Category> {
    let names: Vec<String> = said.objects().into_iter().map(|object| said.name(object).category).collect();
    categories::of_names(names.iter().map(String::as_str))
}

/// `isat/`: frames with ISAT labels in the layout of MouseCortex-IOS, and their exports.
pub(super) struct DataSet<'a> {
    segment: SegmentWriter,
    name: SegmentName,
    /// What the frames are called, so that labels find back to them.
    moments: &'a [Moment],
    said: &'a Said,
    exports: LabelExports<'a>,
}

impl<'a> DataSet<'a> {
    pub(super) fn create(
        config: &'a PropagateConfig,
        folder: &'a RunFolder,
        said: &'a Said,
        frames: &'a FrameNames,
    ) -> Result<Self, Error> {
        let path = folder.create_subfolder("isat")?;
        let moments = frames.moments();
        let end = |moment: Option<&Moment>| moment.cloned().unwrap_or(Moment::Frame(0));
        let name = SegmentName { index: 0, start: end(moments.iter().min()), end: end(moments.iter().max()) };
        write_categories(&path, &categories_of(said))?;
        let segment = SegmentWriter::create(&path, &name)?;
        Ok(Self { segment, name, moments, said, exports: LabelExports::new(&config.export, folder, "isat") })
    }

    /// Adds a frame. Labels that a person made are as they were, whatever else stands in their file; others are marked as
    /// propagated.
    pub(super) fn append(&mut self, frame: usize, gray: &Array2<f32>, labels: &Array2<u16>) -> Result<(), Error> {
        let (height, width) = gray.dim();
        let rgb = Array3::from_shape_fn((height, width, 3), |(y, x, _)| gray[[y, x]].round() as u8);
        let name = self.moments[frame].to_string();
        let image_name = format!("{name}.tiff");
        let instances = instances(labels, self.said);
        let annotation = match self.said.labelled.get(&frame) {
            Some(file) => {
                let mut annotation = isat::read(file)?;
                annotation.info.name = image_name;
                annotation
            }
            None => {
                let mut annotation = annotation_of(&image_name, (height, width), &instances)?;
                annotation.mark_propagated();
                annotation
            }
        };
        self.segment.append_labelled(&name, rgb.view(), &annotation)?;
        let id = FrameId { video: self.name.to_string(), frame };
        self.exports.add(id, &name, (height, width), &instances)
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        self.exports.finish()
    }
}

/// A mask is of one object, and lies in the image; what can fail is a category that has the name of holes.
fn annotation_of(image_name: &str, size: (usize, usize), instances: &[Instance]) -> Result<isat::Annotation, Error> {
    masks::annotation_of(image_name, size, instances)
        .map_err(|e| Error::Config { path: image_name.into(), message: e.to_string() })
}

/// Labels in a folder of someone else, beside the images there.
pub(super) struct Neighbours<'a> {
    into: &'a IsatFolder,
    said: &'a Said,
    /// The names of the frames' files.
    names: BTreeMap<usize, String>,
    followed: BTreeSet<(u32, String)>,
}

impl<'a> Neighbours<'a> {
    /// Frames have the names that files in the folder have, or else those of the movie.
    ///
    /// # Errors
    /// If the folder cannot be listed or made.
    pub(super) fn of(into: &'a IsatFolder, said: &'a Said, frames: &FrameNames) -> Result<Self, Error> {
        let fail = |operation: &'static str| {
            let path = into.folder.clone();
            move |source| Error::Io(sparkwave_io::Error::Io { operation, path, source })
        };
        std::fs::create_dir_all(&into.folder).map_err(fail("create"))?;
        let mut names = BTreeMap::new();
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(&into.folder).map_err(fail("list"))? {
            files.push(entry.map_err(fail("list"))?.path());
        }
        files.sort();
        for file in files {
            let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            if !["json", "tif", "tiff", "png", "jpg", "jpeg"].contains(&extension.as_str()) {
                continue;
            }
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match frames.frame(&stem) {
                Some(frame) if stem == frames.name(frame) => drop(names.insert(frame, stem)),
                Some(frame) => drop(names.entry(frame).or_insert(stem)),
                None => {}
            }
        }
        let name = |object| said.name(object);
        let followed = said.objects().into_iter().map(name).map(|n| (n.group, n.category)).collect();
        if !into.folder.join("isat.yaml").exists() {
            write_categories(&into.folder, &categories_of(said))?;
        }
        Ok(Self { into, said, names, followed })
    }

    /// Writes the labels of a frame, if those that are there give way. What a person said of this run stands in any case.
    pub(super) fn write(&self, frame: usize, labels: &Array2<u16>, frames: &FrameNames) -> Result<(), Error> {
        if self.said.labelled.contains_key(&frame) {
            return Ok(());
        }
        let stem = self.names.get(&frame).map_or_else(|| frames.name(frame), String::as_str);
        let file = self.into.folder.join(format!("{stem}.json"));
        let existing = file.exists().then(|| isat::read(&file)).transpose()?;
        if let Some(existing) = &existing
            && (existing.info.height, existing.info.width) != labels.dim()
        {
            let message = format!("expected labels of {:?} pixels, found another size", labels.dim());
            return Err(Error::Config { path: file, message });
        }
        let image = self.image_name(stem);
        let found = instances(labels, self.said);
        let merged = merge(existing.as_ref(), &image, labels.dim(), &found, &self.followed, self.into.merge);
        let merged = merged.map_err(|e| Error::Config { path: file.clone(), message: e.to_string() })?;
        match merged {
            Some(annotation) => Ok(isat::write(&file, &annotation)?),
            None => Ok(()),
        }
    }

    /// The image of a frame; ISAT finds labels by their own name.
    fn image_name(&self, stem: &str) -> String {
        let is_there = |extension: &&str| self.into.folder.join(format!("{stem}.{extension}")).exists();
        let extension = ["tiff", "tif", "png", "jpg", "jpeg"].into_iter().find(is_there).unwrap_or("tiff");
        format!("{stem}.{extension}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_folder::Existing;
    use sparkwave_io::isat::merge::Merge;
    use std::path::Path;

    fn spot(category: &str) -> isat::Annotation {
        let mask = Mask::of_pixels([(3, 4), (3, 5), (4, 4)]).expect("pixels");
        let instance = Instance { category: category.into(), group: 1, mask };
        masks::annotation_of("a.png", (20, 30), &[instance]).expect("one object")
    }

    /// A folder of images of these names, what they are called, and a person's labels of the second.
    fn labelled(folder: &Path, files: [&str; 3]) -> (PropagateConfig, FrameNames, Said) {
        let (movie, labels) = (folder.join("movie"), folder.join("labels"));
        std::fs::create_dir(&movie).expect("room");
        std::fs::create_dir(&labels).expect("room");
        for (i, name) in files.iter().enumerate() {
            let image = Array2::from_elem((20, 30), i as u8);
            sparkwave_io::png::write_gray8(&movie.join(format!("{name}.png")), image.view()).expect("room");
        }
        isat::write(&labels.join(format!("{}.json", files[1])), &spot("a")).expect("room");
        let source = sparkwave_io::open(&movie).expect("a movie");
        let names = FrameNames::of(&movie, source.as_ref());
        let said = Said::read(&labels, source.shape(), &names).expect("labels");
        (PropagateConfig::new(&movie, &labels, Path::new("embedded")), names, said)
    }

    #[test]
    fn a_data_set_comes_back_to_the_frames_that_it_was_made_of() {
        for files in [
            ["000001", "000002", "000003"],
            ["000100", "000101", "000102"],
            ["1", "2", "3"],
            ["000001", "000002", "mean"],
            ["a", "b", "c"],
            ["20230922_221431", "20230922_221436", "20230922_221441"],
            ["20230922_221431", "20230922_221436", "mean"],
        ] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (config, names, said) = labelled(folder.path(), files);
            let shape = sparkwave_io::open(&config.input).expect("a movie").shape();
            let out = RunFolder::open(&folder.path().join("out"), Existing::Refuse, "").expect("free");
            let mut set = DataSet::create(&config, &out, &said, &names).expect("room");
            for frame in 0..3 {
                let gray = Array2::from_elem((20, 30), 50.0 * frame as f32);
                set.append(frame, &gray, &Array2::zeros((20, 30))).expect("room");
            }
            set.finish().expect("room");
            let isat = out.path().join("isat");
            let again = Said::read(&isat, shape, &names).expect("labels");
            assert_eq!(again.labelled.keys().copied().collect::<Vec<_>>(), [1], "{files:?}");
            let segment = &sparkwave_io::segments::read::segments_of(&isat).expect("listed")[0];
            let mut shades: Vec<(Option<usize>, u8)> = segment
                .frames
                .iter()
                .map(|name| (names.frame(name), segment.read(name).expect("a frame").rgb[[0, 0, 0]]))
                .collect();
            shades.sort_unstable();
            assert_eq!(shades, [(Some(0), 0), (Some(1), 50), (Some(2), 100)], "{files:?}");
        }
    }

    #[test]
    fn labels_of_another_recording_are_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (config, names, said) = labelled(folder.path(), ["100", "101", "102"]);
        let into = IsatFolder { folder: config.prompts.clone(), merge: Merge::All };
        let of = |name: &str| into.folder.join(format!("{name}.json"));
        isat::write(&of("000002"), &spot("other")).expect("room");
        isat::write(&of("000102"), &spot("a")).expect("room");
        isat::write(&of("102"), &spot("a")).expect("room");
        let neighbours = Neighbours::of(&into, &said, &names).expect("listed");
        neighbours.write(2, &Array2::zeros((20, 30)), &names).expect("room");
        let objects = |name: &str| isat::read(&of(name)).expect("there").objects.len();
        assert_eq!(["000002", "000102", "102"].map(objects), [1, 1, 0]);
    }
}
