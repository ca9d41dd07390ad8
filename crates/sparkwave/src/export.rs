//! Labels of frames in the formats of other programs.

use crate::error::Error;
use crate::run_folder::RunFolder;
use serde::{Deserialize, Serialize};
use sparkwave_io::coco::{Coco, FrameId};
use sparkwave_io::instance::Instance;
use std::path::Path;

/// A further format of labelled frames, which stand in a folder such as `segments/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Export {
    /// `instances_coco.json` in that folder.
    Coco,
    /// `youtube_vis.json` in that folder.
    YoutubeVis,
    /// LabelMe files in `labelme/`.
    Labelme,
}

/// Labels on their way into the formats that were asked for.
pub(crate) struct LabelExports<'a> {
    formats: &'a [Export],
    folder: &'a RunFolder,
    /// The folder of the images.
    root: &'static str,
    coco: Coco,
}

impl<'a> LabelExports<'a> {
    pub(crate) fn new(formats: &'a [Export], folder: &'a RunFolder, root: &'static str) -> Self {
        Self { formats, folder, root, coco: Coco::new() }
    }

    /// Adds a frame of `size` `(height, width)`, whose image is `VIDEO/FRAME.tiff` in the folder of the images.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn add(
        &mut self,
        id: FrameId,
        frame: &str,
        size: (usize, usize),
        instances: &[Instance],
    ) -> Result<(), Error> {
        let image = format!("{}/{frame}.tiff", id.video);
        if self.formats.contains(&Export::Labelme) {
            let name = Path::new(&id.video).file_name().unwrap_or_default().to_string_lossy().into_owned();
            let labels = self.folder.create_subfolder(&format!("labelme/{name}"))?.join(format!("{frame}.json"));
            let root = self.root;
            sparkwave_io::labelme::write(&labels, &format!("../../{root}/{image}"), size, instances)?;
        }
        if self.formats.iter().any(|format| *format != Export::Labelme) {
            self.coco.add(id, &image, size, instances);
        }
        Ok(())
    }

    /// Writes what needs all frames.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let file = |name: &str| self.folder.file(&format!("{}/{name}", self.root));
        if self.formats.contains(&Export::Coco) {
            self.coco.write_instances(&file("instances_coco.json"))?;
        }
        if self.formats.contains(&Export::YoutubeVis) {
            self.coco.write_videos(&file("youtube_vis.json"))?;
        }
        Ok(())
    }
}
