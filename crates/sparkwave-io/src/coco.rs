//! Labels of whole data sets in the JSON of COCO, image by image ("instances") or video by video (YouTube-VIS).
//!
//! Of an object, area and box are computed from its pixels. Its shape is a list of polygons along the edges of its pixels,
//! which pycocotools draws again to the same mask, or a run-length code if it has holes. Every frame says which video it
//! is of, and every object which track, so that a wave keeps its identity. Holes are no objects, and categories are
//! numbered from 1 in alphabetical order.

mod rle;

use crate::atomic::AtomicFile;
use crate::error::Error;
use crate::instance::Instance;
use crate::outline::edge_outlines;
use serde::Serialize;
use serde_json::{Value, json};
use sparkwave_core::mask::Mask;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where a frame stands in a data set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameId {
    /// The name of its video: the segment's path within the data set.
    pub video: String,
    /// Its number in the video, 0-based.
    pub frame: usize,
}

/// The labels of a data set, gathered frame by frame and packed; order of addition is of no consequence.
#[derive(Clone, Debug, Default)]
pub struct Coco {
    frames: BTreeMap<FrameId, Frame>,
}

#[derive(Clone, Debug)]
struct Frame {
    file_name: String,
    size: (usize, usize),
    objects: Vec<Object>,
}

/// An object of a frame, its mask packed.
#[derive(Clone, Debug)]
struct Object {
    category: String,
    group: u32,
    area_px: usize,
    /// Left, top, width and height, px.
    bbox: [usize; 4],
    polygons: Option<Vec<Vec<f64>>>,
    counts: String,
}

impl Coco {
    /// A data set without frames.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a frame of `(height, width)` pixels; `file_name` is its image, relative to the data set. A frame added before
    /// is replaced. Pixels beyond the image are left out.
    pub fn add(&mut self, id: FrameId, file_name: &str, size: (usize, usize), instances: &[Instance]) {
        let object = |instance: &Instance| {
            let (height, width) = size;
            let mask = Mask::of_image(&instance.mask.to_image(height, width))?;
            let (rows, columns) = mask.bits().dim();
            let flat = |polygon: crate::polygon::Points| polygon.into_iter().flatten().collect();
            Some(Object {
                category: instance.category.clone(),
                group: instance.group,
                area_px: mask.n_pixels(),
                bbox: [mask.x0(), mask.y0(), columns, rows],
                polygons: edge_outlines(&mask).map(|polygons| polygons.into_iter().map(flat).collect()),
                counts: rle::encode(&mask, size),
            })
        };
        let objects = instances.iter().filter_map(object).collect();
        self.frames.insert(id, Frame { file_name: file_name.into(), size, objects });
    }

    /// Writes `instances.json`: images with `video_id` and `frame_index`, annotations with `track_id`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_instances(&self, path: &Path) -> Result<(), Error> {
        let ids = Ids::of(self);
        let mut images = Vec::new();
        let mut annotations = Vec::new();
        for (i, (id, frame)) in self.frames.iter().enumerate() {
            let (height, width) = frame.size;
            images.push(json!({
                "id": i + 1, "file_name": frame.file_name, "height": height, "width": width,
                "video_id": ids.videos[id.video.as_str()], "frame_index": id.frame,
            }));
            let mut objects: Vec<&Object> = frame.objects.iter().collect();
            objects.sort_by_key(|object| ids.track(id, object));
            for object in objects {
                annotations.push(json!({
                    "id": annotations.len() + 1, "image_id": i + 1, "category_id": ids.categories[object.category.as_str()],
                    "track_id": ids.track(id, object), "group": object.group, "iscrowd": 0,
                    "area": object.area_px, "bbox": object.bbox,
                    "segmentation": object.polygons.as_ref().map_or_else(|| rle(object, frame), |p| json!(p)),
                }));
            }
        }
        let mut document = ids.document();
        document["images"] = images.into();
        document["annotations"] = annotations.into();
        write(path, &document)
    }

    /// Writes the YouTube-VIS layout: one annotation a track, with a run-length code, a box and an area for each frame of
    /// its video, null where the object is absent.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_videos(&self, path: &Path) -> Result<(), Error> {
        let ids = Ids::of(self);
        let (mut videos, mut annotations) = (Vec::new(), Vec::new());
        for (&video, &video_id) in &ids.videos {
            let frames: Vec<(&FrameId, &Frame)> = self.frames.iter().filter(|(id, _)| id.video == video).collect();
            let (height, width) = frames.first().map_or((0, 0), |(_, frame)| frame.size);
            videos.push(json!({
                "id": video_id, "name": video, "height": height, "width": width, "length": frames.len(),
                "file_names": frames.iter().map(|(_, f)| f.file_name.as_str()).collect::<Vec<_>>(),
            }));
            for ((_, group, category), track_id) in ids.tracks.iter().filter(|(track, _)| track.0 == video) {
                let is_it = |object: &&Object| (object.group, object.category.as_str()) == (*group, *category);
                let found: Vec<Option<&Object>> = frames.iter().map(|(_, f)| f.objects.iter().find(is_it)).collect();
                let each = |value: &dyn Fn(&Object, &Frame) -> Value| -> Vec<Value> {
                    let pairs = found.iter().zip(&frames);
                    pairs.map(|(object, (_, frame))| object.map_or(Value::Null, |o| value(o, frame))).collect()
                };
                annotations.push(json!({
                    "id": track_id, "video_id": video_id, "category_id": ids.categories[category], "group": group,
                    "iscrowd": 0, "height": height, "width": width, "length": frames.len(),
                    "segmentations": each(&rle),
                    "bboxes": each(&|object, _| json!(object.bbox)),
                    "areas": each(&|object, _| json!(object.area_px)),
                }));
            }
        }
        let mut document = ids.document();
        document["videos"] = videos.into();
        document["annotations"] = annotations.into();
        write(path, &document)
    }
}

fn rle(object: &Object, frame: &Frame) -> Value {
    json!({"size": [frame.size.0, frame.size.1], "counts": object.counts})
}

/// Numbers from 1, in the order of names. A track is a video, a group and a category.
struct Ids<'a> {
    videos: BTreeMap<&'a str, usize>,
    categories: BTreeMap<&'a str, usize>,
    tracks: BTreeMap<(&'a str, u32, &'a str), usize>,
}

impl<'a> Ids<'a> {
    fn of(coco: &'a Coco) -> Self {
        let objects =
            || coco.frames.iter().flat_map(|(id, frame)| frame.objects.iter().map(move |object| (id, object)));
        let tracks = objects().map(|(id, o)| (id.video.as_str(), o.group, o.category.as_str()));
        Self {
            videos: numbered(coco.frames.keys().map(|id| id.video.as_str())),
            categories: numbered(objects().map(|(_, object)| object.category.as_str())),
            tracks: numbered(tracks),
        }
    }

    fn track(&self, id: &FrameId, object: &Object) -> usize {
        self.tracks[&(id.video.as_str(), object.group, object.category.as_str())]
    }

    fn document(&self) -> Value {
        let category = |(name, id): (&&str, &usize)| json!({"id": id, "name": name, "supercategory": "object"});
        let video = |(name, id): (&&str, &usize)| json!({"id": id, "name": name});
        json!({
            "info": {"description": "sparkwave"}, "licenses": [],
            "videos": self.videos.iter().map(video).collect::<Vec<_>>(),
            "categories": self.categories.iter().map(category).collect::<Vec<_>>(),
        })
    }
}

fn numbered<T: Ord>(names: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    names.collect::<BTreeSet<T>>().into_iter().zip(1..).collect()
}

fn write(path: &Path, document: &Value) -> Result<(), Error> {
    let mut file = AtomicFile::create(path)?;
    let mut serializer = serde_json::Serializer::new(&mut file);
    document.serialize(&mut serializer).map_err(|e| Error::io("write", path, e.into()))?;
    file.finish()
}
