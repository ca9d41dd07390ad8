//! The files of each episode: its tracking video, and its segment of the data set with every export of the labels.

use super::config::WavesConfig;
use super::maps::Rates;
use crate::error::Error;
use crate::export::LabelExports;
use crate::run_folder::RunFolder;
use ndarray::Array2;
use sparkwave_analysis::figure::waves::{Field, TrackingScene, TrackingVideo, WaveTrack, rate_colors};
use sparkwave_core::progress::Progress;
use sparkwave_core::wave::{Episode, Interval};
use sparkwave_io::coco::FrameId;
use sparkwave_io::instance::Instance;
use sparkwave_io::isat::categories;
use sparkwave_io::mp4::Mp4Writer;
use sparkwave_io::segments::SegmentFrame;
use sparkwave_io::segments::name::{Moment, SegmentName};
use sparkwave_io::segments::write::{SegmentWriter, write_categories};

/// Longest side of the picture in a video, px.
const VIDEO_PX: usize = 768;
/// Intervals shown in a second, as in the published videos: 50 times real time at intervals of 5 s.
const VIDEO_FRAMES_PER_S: f64 = 10.0;

/// What the files of episodes are made of.
pub(super) struct Album<'a> {
    pub(super) config: &'a WavesConfig,
    pub(super) rates: &'a Rates,
    pub(super) field: Field<'a>,
    pub(super) intervals: &'a [Interval],
    /// Names of the intervals' frames.
    pub(super) names: &'a [String],
    pub(super) episodes: &'a [Episode],
    pub(super) tracks: &'a [WaveTrack<'a>],
    /// When the first frame was taken, seconds since 1970-01-01 00:00, if known.
    pub(super) started_s: Option<f64>,
    /// Ends of the colour scale, dR/R0.
    pub(super) limit: f32,
}

/// The file of an episode's video, relative to the run folder.
pub(super) fn video_name(episode: &Episode) -> String {
    format!("episodes/{}/tracking.mp4", episode.id)
}

impl Album<'_> {
    fn tracks_of(&self, episode: &Episode) -> Vec<WaveTrack<'_>> {
        self.tracks.iter().filter(|t| t.wave.episode_id == episode.id).cloned().collect()
    }

    /// Draws the videos that are missing.
    ///
    /// # Errors
    /// If the recording cannot be read, a file cannot be written, or the user cancels.
    pub(super) fn write_videos(&self, folder: &RunFolder, progress: &dyn Progress) -> Result<(), Error> {
        let n: usize = self.episodes.iter().map(|e| e.end_frame - e.start_frame).sum();
        progress.begin("videos", n as u64);
        for episode in self.episodes.iter().filter(|e| folder.is_missing(&video_name(e))) {
            folder.create_subfolder(&format!("episodes/{}", episode.id))?;
            let tracks = self.tracks_of(episode);
            let video = TrackingVideo::new(TrackingScene {
                field: self.field,
                intervals: self.intervals,
                episode,
                waves: &tracks,
                started_s: self.started_s,
                limit: self.limit,
                map: self.config.colors.map(),
                look: self.config.look(),
                image_px: VIDEO_PX,
            });
            let (height, width) = video.size();
            let mut file = Mp4Writer::create(&folder.file(&video_name(episode)), width, height, VIDEO_FRAMES_PER_S)?;
            for interval in video.intervals() {
                if progress.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                file.append(video.frame(interval, &self.rates.map(interval)?.view()).view())?;
                progress.advance(1);
            }
            file.finish()?;
        }
        Ok(())
    }

    /// Writes `segments/SUBJECT/segment_K_START_END/` with coloured frames and labels, and the exports.
    ///
    /// # Errors
    /// If the recording cannot be read, a file cannot be written, or the user cancels.
    pub(super) fn write_segments(
        &self,
        subject: &str,
        folder: &RunFolder,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        progress.begin("segments", self.episodes.len() as u64);
        let path = folder.create_subfolder("segments")?.join(subject);
        let mut exports = LabelExports::new(&self.config.export, folder, "segments");
        let mut names: Vec<String> = self.tracks.iter().map(|t| t.wave.name.clone()).collect();
        names.sort();
        for (k, episode) in self.episodes.iter().enumerate() {
            let moment = |interval: usize| Moment::parse(&self.names[interval]).unwrap_or(Moment::Frame(interval));
            let (start, end) = (moment(episode.start_frame), moment(episode.end_frame - 1));
            let name = SegmentName { index: k, start, end };
            let mut segment = SegmentWriter::create(&path, &name)?;
            for interval in episode.start_frame..episode.end_frame {
                if progress.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let frame = &self.names[interval];
                let instances = self.instances(episode, interval);
                let id = FrameId { video: format!("{subject}/{name}"), frame: interval - episode.start_frame };
                exports.add(id, frame, self.field.anatomy.dim(), &instances)?;
                if !segment.is_written(frame) {
                    let rgb = self.colored(interval)?;
                    segment.append(&SegmentFrame { name: frame.clone(), rgb, instances })?;
                }
            }
            progress.advance(1);
        }
        if !self.episodes.is_empty() {
            write_categories(&path, &categories::of_names(names.iter().map(String::as_str)))?;
        }
        exports.finish()
    }

    fn colored(&self, interval: usize) -> Result<ndarray::Array3<u8>, Error> {
        let map: Array2<f32> = self.rates.map(interval)?;
        Ok(rate_colors(&map, self.limit, self.config.colors.map(), &self.field.cortex.inside))
    }

    /// The waves of an episode in an interval as labelled objects.
    fn instances(&self, episode: &Episode, interval: usize) -> Vec<Instance> {
        let waves = self.tracks.iter().map(|t| t.wave).filter(|w| w.episode_id == episode.id);
        waves
            .filter_map(|wave| {
                let frame = wave.frames.iter().find(|f| f.frame == interval)?;
                Some(Instance { category: wave.name.clone(), group: wave.id, mask: frame.mask.clone() })
            })
            .collect()
    }
}
