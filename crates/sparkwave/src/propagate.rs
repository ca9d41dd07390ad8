//! Propagation: objects that a person pointed at in some frames of a movie, followed through the others by a
//! [`Propagator`](propagator::Propagator): the small network inside the program, or SAM 2 (Ravi et al. 2024, arXiv 2408.00714)
//! from a published checkpoint.
//!
//! Frames are read one by one and masks are written as they come, so a movie of any length takes the same memory. Frames that
//! show nothing are not shown to the propagator, and filled from their neighbours. What a person has verified stands. Beside
//! every mask stands how far it is to be trusted.

mod between;
mod blank;
mod checkpoint;
mod config;
mod course;
mod data_set;
mod display;
mod follow;
pub(crate) mod mask_track;
mod names;
mod outputs;
pub mod propagator;
pub(crate) mod ring;
mod said;
mod sam2;
mod trust;

pub use config::{IsatFolder, PropagateConfig};
pub use course::Course;
pub use display::Display;
pub use mask_track::EMBEDDED;
pub(crate) use sam2::IMAGE_PX;
pub use sparkwave_io::isat::merge::Merge;

use crate::error::Error;
use crate::provenance::{RunRecord, input_record};
use crate::run_folder::{Existing, RunFolder};
use crate::stage_clock::StageClock;
use blank::{Blanks, Looking};
use follow::Task;
use names::FrameNames;
use ndarray::{Array2, Axis};
use outputs::MaskFolder;
use said::Said;
use serde::{Deserialize, Serialize};
use sparkwave_core::axes::Span;
use sparkwave_core::progress::Progress;
use sparkwave_core::source::FrameSource;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Instant;

/// A doubtful object at which a run stopped, to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The frame.
    pub frame: usize,
    /// The first doubtful object in it.
    pub object: u32,
    /// What is doubtful.
    pub why: String,
}

/// What a run ended with.
#[derive(Clone, Debug)]
pub struct PropagateResult {
    /// Frames of which masks were written.
    pub n_frames: usize,
    /// Objects.
    pub n_objects: usize,
    /// Frames in which some mask is doubtful, in order.
    pub doubtful: Vec<usize>,
    /// Frames that show too little to be used.
    pub n_blank: usize,
    /// Of these, frames in which some mask was filled from the neighbours.
    pub n_filled: usize,
    /// Where it stopped to be asked.
    pub stopped_at: Option<Stop>,
    /// The record written to `run.json`.
    pub record: RunRecord,
}

/// Folders of a run that hold a file a frame.
const FOLDERS: [&str; 3] = ["masks", "isat", "labelme"];

/// Follows the objects and writes `masks/`, `labels.tif`, `objects.csv`, `frames.csv` and `overlay.mp4` into `out`, and `isat/` and
/// `labelme/`, if they are asked for. Labels beside someone else's images come last, and not while the run has stopped to be
/// asked. A run that was stopped is gone on with by [`Existing::Resume`], and ends with the same files.
///
/// # Errors
/// If a file cannot be read or is not what it should be, a parameter makes no sense, the folder is not free, a file cannot
/// be written, or the user cancels; what was written stays.
pub fn run(
    config: &PropagateConfig,
    out: &Path,
    existing: Existing,
    threads: Option<usize>,
    progress: &dyn Progress,
) -> Result<PropagateResult, Error> {
    crate::pool(threads)?.install(|| run_here(config, out, existing, progress))
}

fn run_here(
    config: &PropagateConfig,
    out: &Path,
    existing: Existing,
    progress: &dyn Progress,
) -> Result<PropagateResult, Error> {
    let started = Instant::now();
    let clock = StageClock::new(progress);
    config.check()?;
    let source = sparkwave_io::open(&config.input)?;
    let source = crate::calibrate::calibrate(source, config.pixel_size_um, config.frame_interval_s)?;
    let source = source.as_ref();
    let shape = source.shape();
    let names = FrameNames::of(&config.input, source);
    let said = Said::read(&config.prompts, shape, &names)?;
    let range = course::range(config, shape.n_frames)?;
    if config.max_speed_mm_min.is_some() && !trust::Judge::new(config, source.recording()).knows_speed() {
        clock.warn("speeds are not known, as the movie lacks a pixel size or a frame interval");
    }
    let display = display::resolve(config.display, source)?;
    let config = &PropagateConfig { display: Some(display), ..config.clone() };
    clock.begin("read model", 1);
    let mut propagator = propagator::propagator(&config.model, config.image_px, shape, display)?;
    let route = course::route(config.course, &range, &said, propagator.knows_ahead())?;
    clock.advance(1);
    if existing == Existing::Overwrite && out.join("run.toml").is_file() {
        // A file a frame: those of another range of frames would stay between the new ones.
        FOLDERS.iter().for_each(|name| drop(std::fs::remove_dir_all(out.join(name))));
    }
    let folder = RunFolder::open(out, existing, &crate::run_folder::config_text(config)?)?;
    let mut record = RunRecord::new("propagate", 0, rayon::current_num_threads());
    let model = propagator::file(&config.model)?;
    let model = model.map(|file| input_record(&file, &|| clock.is_cancelled())).transpose()?;
    let identity = serde_json::json!({
        "movie": [shape.n_frames, shape.height, shape.width],
        "model": model.as_ref().map(|model| &model.sha256),
        "propagator": propagator.description(),
    });
    let identity = identity.to_string();
    let (rows, stopped_at, n_blank) = record.with_inputs(&[&config.input, &config.prompts], &clock, || {
        let blanks = look(source, &range, config.blank_below, &said, &clock)?;
        sparkwave_io::csv::write_table(&blanks.table(), &folder.file("frames.csv"))?;
        if config.parquet {
            sparkwave_io::parquet::write_table(&blanks.table(), &folder.file("frames.parquet"))?;
        }
        let masks = MaskFolder::create(&folder, (shape.height, shape.width))?;
        let task = Task {
            config,
            source,
            said: &said,
            blanks: &blanks,
            folder: &folder,
            masks: &masks,
            identity: &identity,
            clock: &clock,
        };
        let (rows, stopped_at) = task.follow(propagator.as_mut(), &route)?;
        if config.parquet {
            sparkwave_io::parquet::write_table(&trust::table(&rows), &folder.file("objects.parquet"))?;
        }
        outputs::finish(&task, display, &names, stopped_at.is_some())?;
        Ok((rows, stopped_at, blanks.n_blank()))
    })?;
    record.inputs.extend(model);
    let frames = |which: &dyn Fn(&trust::Row) -> bool| -> BTreeSet<usize> {
        rows.iter().filter(|(_, row)| which(row)).map(|((frame, _), _)| *frame).collect()
    };
    let objects: BTreeSet<u32> = rows.keys().map(|(_, object)| *object).collect();
    let doubtful: Vec<usize> = frames(&|row| row.doubtful).into_iter().collect();
    let n_filled = frames(&|row| row.filled).len();
    let n_frames = frames(&|_| true).len();
    let summary = serde_json::json!({
        "n_frames": n_frames,
        "n_objects": objects.len(),
        "doubtful_frames": doubtful,
        "n_blank": n_blank,
        "n_filled": n_filled,
        "stopped_at": stopped_at.as_ref().map(|stop| stop.frame),
        "stopped_for": stopped_at,
        "model": propagator.description(),
        "display": display,
        "out": folder.path(),
    });
    record.finish(started, &clock, summary, &folder)?;
    Ok(PropagateResult { n_frames, n_objects: objects.len(), doubtful, n_blank, n_filled, stopped_at, record })
}

/// Looks at all frames of a range, to know which show something.
fn look(
    source: &dyn FrameSource,
    range: &RangeInclusive<usize>,
    least: f64,
    said: &Said,
    progress: &dyn Progress,
) -> Result<Blanks, Error> {
    progress.begin("look at frames", range.clone().count() as u64);
    let mut looking = Looking::from(*range.start());
    for frame in range.clone() {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        looking.at(pixels(source, frame)?.view());
        progress.advance(1);
    }
    let mut blanks = looking.judge(least);
    blanks.show(said.shown());
    Ok(blanks)
}

/// The values of a frame, `[y, x]`.
fn pixels(source: &dyn FrameSource, frame: usize) -> Result<Array2<f32>, Error> {
    let block = source.read(Span::new(frame, frame + 1), Span::new(0, source.shape().height))?.to_f32();
    Ok(block.index_axis_move(Axis(0), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Export;
    use crate::stop_after::StopAfter;
    use ndarray::Array3;
    use sparkwave_core::movie::Pixels;
    use sparkwave_core::progress::Silent;
    use sparkwave_core::recording::Recording;
    use sparkwave_io::write::{MovieWriter, WriteOptions};
    use sparkwave_nn::sam2::Sam2Config;

    fn write(pixels: &Pixels, path: &Path) {
        let (options, recording) = (WriteOptions::default(), Recording::default());
        let mut writer =
            MovieWriter::create(path, pixels.shape(), pixels.pixel_type(), &recording, &options).expect("new");
        writer.append(pixels).expect("room");
        writer.finish().expect("room");
    }

    /// The checkpoint that was never trained follows nothing; what is asked is that all files come, and the same ones again.
    #[test]
    fn a_movie_is_followed_both_ways_and_every_frame_has_its_masks() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let disc = |t: usize, y: usize, x: usize| y.abs_diff(30).pow(2) + x.abs_diff(20 + 2 * t).pow(2) < 100;
        let movie = Array3::from_shape_fn((6, 64, 80), |(t, y, x)| if disc(t, y, x) { 900u16 } else { 200 });
        let pixels = Pixels::U16(movie);
        write(&pixels, &at("movie.tif"));
        let prompts = serde_json::json!({"frames": 6, "prompts": [
            {"frame": 2, "object": 1, "box": {"y0": 19.0, "x0": 13.0, "y1": 41.0, "x1": 35.0}},
            {"frame": 4, "object": 7, "points": [{"y": 5.0, "x": 70.0}, {"y": 60.0, "x": 5.0, "positive": false}]},
        ]});
        std::fs::write(at("prompts.json"), prompts.to_string()).expect("room");
        let tiny = Sam2Config { image_px: 64, ..Sam2Config::tiny() };
        let weights = sparkwave_nn::sam2::untrained(&tiny, 3).expect("valid");
        sparkwave_io::weights::write(&weights, &at("tiny.safetensors")).expect("room");
        let config = PropagateConfig {
            image_px: Some(64),
            isat: true,
            ..PropagateConfig::new(&at("movie.tif"), &at("prompts.json"), &at("tiny.safetensors"))
        };
        let result = run(&config, &at("out"), Existing::Refuse, Some(2), &Silent).expect("followed");
        assert_eq!((result.n_frames, result.n_objects, result.stopped_at), (6, 2, None));
        let labels = sparkwave_io::labels::read(&at("out/labels.tif")).expect("labels");
        assert_eq!(labels.dim(), (6, 64, 80));
        assert!(labels.iter().all(|label| [0, 1, 7].contains(label)));
        for name in ["masks/000005.png", "objects.csv", "overlay.mp4", "run.json"] {
            assert!(at("out").join(name).is_file(), "{name}");
        }
        let table = std::fs::read_to_string(at("out/objects.csv")).expect("text");
        assert_eq!(table.lines().count(), 1 + 12);
        let prompted = |line: &&str| line.split(',').nth(8) == Some("true");
        let rows: Vec<&str> = table.lines().filter(prompted).collect();
        assert!(rows.len() == 2 && rows[0].starts_with("2,1,") && rows[1].starts_with("4,7,"), "{rows:?}");
        run(&config, &at("again"), Existing::Refuse, Some(1), &Silent).expect("followed");
        for name in ["objects.csv", "labels.tif", "overlay.mp4"] {
            let read = |of: &str| std::fs::read(at(of).join(name)).expect("there");
            assert!(read("out") == read("again"), "{name} differs");
        }

        // From a mask, what follows is no mask at all, or one that the network does not believe in.
        let mask = Array2::from_shape_fn((64, 80), |(y, x)| if disc(2, y, x) { 255u8 } else { 0 });
        sparkwave_io::png::write_gray8(&at("m.png"), mask.view()).expect("room");
        let said = serde_json::json!({"frames": 6, "prompts": [{"frame": 2, "object": 1, "mask": "m.png"}]});
        std::fs::write(at("early.json"), said.to_string()).expect("room");
        let early = PropagateConfig { stop_at_doubt: true, doubt: 1.0, prompts: at("early.json"), ..config.clone() };
        let result = run(&early, &at("asked"), Existing::Refuse, None, &Silent).expect("stopped");
        let stop = result.stopped_at.expect("doubtful");
        assert_eq!((stop.frame, stop.object, result.n_frames), (3, 1, 2), "{}", stop.why);
        let odd = PropagateConfig { first_frame: Some(9), ..config.clone() };
        let error = run(&odd, &at("odd"), Existing::Refuse, None, &Silent).expect_err("beyond the movie");
        assert!(error.is_bad_parameter() && !at("odd").exists(), "{error}");

        // Two looks, two prompts and three frames, then Ctrl-C.
        let cancelled = run(&config, &at("broken"), Existing::Refuse, None, &StopAfter::new(6 + 1 + 2 + 3));
        assert!(cancelled.expect_err("cancelled").is_cancelled() && at("broken/checkpoint.safetensors").is_file());
        run(&config, &at("broken"), Existing::Resume, None, &Silent).expect("followed");
        for name in ["objects.csv", "labels.tif", "overlay.mp4", "checkpoint.safetensors", "frames.csv"] {
            let read = |of: &str| std::fs::read(at(of).join(name)).expect("there");
            assert!(read("out") == read("broken"), "{name} differs");
        }
    }

    /// Two discs that cross a field on their own ways, of which the second is pointed at late.
    #[test]
    fn the_network_inside_follows_what_comes_in_late_to_either_side_is_corrected_and_goes_on() {
        const N: usize = 12;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let middle = |object: usize, t: usize| [[30 + 3 * t, 40], [120 - 2 * t, 100 - 4 * t]][object - 1];
        let is_in = |object: usize, t: usize, y: usize, x: usize| {
            let [cy, cx] = middle(object, t);
            y.abs_diff(cy).pow(2) + x.abs_diff(cx).pow(2) <= 100
        };
        let value = |(t, y, x): (usize, usize, usize)| {
            let texture = 200 + ((y * 7 + x * 3 + t * 5) % 23) as u16;
            if is_in(1, t, y, x) || is_in(2, t, y, x) { 700 + texture } else { texture }
        };
        write(&Pixels::U16(Array3::from_shape_fn((N, 160, 140), value)), &at("movie.tif"));
        let boxed = |object: usize, frame: usize| {
            let [y, x] = middle(object, frame).map(|m| m as f64);
            let corners = serde_json::json!({"y0": y - 11.0, "x0": x - 11.0, "y1": y + 11.0, "x1": x + 11.0});
            serde_json::json!({"frame": frame, "object": object, "box": corners})
        };
        let say = |prompts: &[serde_json::Value]| {
            let said = serde_json::json!({"frames": N, "prompts": prompts});
            std::fs::write(at("prompts.json"), said.to_string()).expect("room");
        };
        let config = PropagateConfig::new(&at("movie.tif"), &at("prompts.json"), Path::new(EMBEDDED));
        say(&[boxed(1, 0), boxed(2, 8)]);
        let result = run(&config, &at("out"), Existing::Refuse, Some(2), &Silent).expect("followed");
        assert_eq!((result.n_frames, result.n_objects), (N, 2));
        let overlap = |out: &str, object: usize, t: usize| {
            let labels = sparkwave_io::labels::read(&at(out).join("labels.tif")).expect("labels");
            let (mut both, mut each) = (0, 0);
            for ((y, x), &label) in labels.index_axis(Axis(0), t).indexed_iter() {
                let (found, is) = (label == object as u32, is_in(object, t, y, x));
                both += usize::from(found && is);
                each += usize::from(found) + usize::from(is);
            }
            2.0 * both as f64 / each as f64
        };
        for object in [1, 2] {
            let each: Vec<f64> = (0..N).map(|t| overlap("out", object, t)).collect();
            assert!(each.iter().all(|dice| *dice > 0.8), "object {object}: {each:?}");
        }

        // Ctrl-C on the way forwards and on the way back; looks and prompts come first.
        for patience in [N + 2 + 5, N + 2 + N + 3] {
            let out = patience.to_string();
            let progress = StopAfter::new(patience as u64);
            assert!(run(&config, &at(&out), Existing::Refuse, None, &progress).expect_err("cancelled").is_cancelled());
            run(&config, &at(&out), Existing::Resume, None, &Silent).expect("followed");
            for name in ["objects.csv", "labels.tif", "overlay.mp4", "checkpoint.safetensors"] {
                let read = |of: &str| std::fs::read(at(of).join(name)).expect("there");
                assert!(read("out") == read(&out), "{patience}: {name} differs");
            }
        }

        // Stopped at the first frame, it goes on from an answer, and leaves what it has alone.
        let asking = PropagateConfig { stop_at_doubt: true, doubt: 1.0, ..config };
        let disc = |t: usize| Array2::from_shape_fn((160, 140), |(y, x)| if is_in(1, t, y, x) { 255u8 } else { 0 });
        for t in [0, 1] {
            sparkwave_io::png::write_gray8(&at(&format!("{t}.png")), disc(t).view()).expect("room");
        }
        let mask = |t: usize| serde_json::json!({"frame": t, "object": 1, "mask": format!("{t}.png")});
        say(&[mask(0), boxed(2, 8)]);
        let stop = |existing| run(&asking, &at("asked"), existing, None, &Silent).expect("stopped").stopped_at;
        let read = |frame: &str| std::fs::read(at("asked/masks").join(frame)).expect("there");
        assert_eq!(stop(Existing::Refuse).map(|stop| stop.frame), Some(1));
        let before = [read("000000.png"), read("000001.png")];
        assert_eq!(stop(Existing::Resume).map(|stop| stop.frame), Some(1), "nothing new was said");
        say(&[mask(0), mask(1), boxed(2, 8)]);
        assert_eq!(stop(Existing::Resume).map(|stop| stop.frame), Some(2));
        let found = sparkwave_io::png::read(&at("asked/masks/000001.png")).expect("readable");
        let is_the_answer = matches!(found, sparkwave_io::png::Image::Gray8(found) if found == disc(1) / 255);
        assert!(is_the_answer && read("000000.png") == before[0], "the answer stands, the rest as it was");
        // A negative point by itself takes away what it is near to.
        let [y, x] = middle(1, 2);
        let no = serde_json::json!({"frame": 2, "object": 1, "points": [{"y": y, "x": x + 9, "positive": false}]});
        say(&[mask(0), mask(1), no.clone(), boxed(2, 8)]);
        assert_eq!(stop(Existing::Resume).map(|stop| stop.frame), Some(3));
        // What begins where it stopped is still known when it goes on for a second time.
        let objects = |frame: &str| match sparkwave_io::png::read(&at("asked/masks").join(frame)).expect("readable") {
            sparkwave_io::png::Image::Gray8(found) => found.into_iter().collect::<BTreeSet<u8>>(),
            _ => BTreeSet::new(),
        };
        say(&[mask(0), mask(1), no.clone(), boxed(2, 3), boxed(2, 8)]);
        assert_eq!(stop(Existing::Resume).map(|stop| stop.frame), Some(4));
        assert!(objects("000003.png").contains(&2) && objects("000004.png").contains(&2));
        say(&[mask(0), mask(1), no.clone(), boxed(2, 3), boxed(1, 4), boxed(2, 8)]);
        assert_eq!(stop(Existing::Resume).map(|stop| stop.frame), Some(5));
        assert!(objects("000005.png").contains(&2));
        // Said from the beginning, it waits for what it corrects.
        say(&[mask(0), no, boxed(2, 8)]);
        let config = PropagateConfig { stop_at_doubt: false, ..asking };
        run(&config, &at("said"), Existing::Refuse, None, &Silent).expect("followed");
    }

    #[test]
    fn labels_of_isat_are_followed_from_and_completed() {
        use sparkwave_core::mask::Mask;
        use sparkwave_io::instance::Instance;
        use sparkwave_io::isat::{self, masks};
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let movie = Array3::from_shape_fn((4, 64, 80), |(t, y, x)| ((y * 7 + x * 3 + t) % 50) as u16);
        let pixels = Pixels::U16(movie);
        write(&pixels, &at("movie.tif"));
        let ring =
            Array2::from_shape_fn((64, 80), |(y, x)| (5.0..12.0).contains(&(y as f64 - 30.0).hypot(x as f64 - 40.0)));
        let mask = Mask::of_image(&ring).expect("pixels");
        let wave = Instance { category: "wave".into(), group: 3, mask };
        let mut annotation = masks::annotation_of("f1.png", (64, 80), &[wave]).expect("one object");
        annotation.info.note = "by hand".into();
        annotation.rest.insert("version".into(), 2.into());
        std::fs::create_dir(at("labels")).expect("room");
        isat::write(&at("labels/1.json"), &annotation).expect("room");
        let by_hand = std::fs::read(at("labels/1.json")).expect("there");
        let tiny = Sam2Config { image_px: 64, ..Sam2Config::tiny() };
        let weights = sparkwave_nn::sam2::untrained(&tiny, 3).expect("valid");
        sparkwave_io::weights::write(&weights, &at("tiny.safetensors")).expect("room");
        let config = PropagateConfig {
            image_px: Some(64),
            export: vec![Export::Coco, Export::YoutubeVis, Export::Labelme],
            isat_into: Some(IsatFolder { folder: at("labels"), merge: Merge::Fill }),
            ..PropagateConfig::new(&at("movie.tif"), &at("labels"), &at("tiny.safetensors"))
        };
        let asking = PropagateConfig { stop_at_doubt: true, doubt: 1.0, ..config.clone() };
        let asked = run(&asking, &at("asked"), Existing::Refuse, Some(2), &Silent).expect("stopped").stopped_at;
        assert_eq!((asked.map(|stop| stop.frame), at("labels/000002.json").exists()), (Some(2), false));
        run(&config, &at("out"), Existing::Refuse, Some(2), &Silent).expect("followed");
        let found = sparkwave_io::labels::read(&at("out/labels.tif")).expect("labels");
        let seen = found.index_axis(Axis(0), 1).mapv(|label| label == 3);
        assert_eq!(seen, ring, "what a person labelled stands, to the pixel");
        assert_eq!(std::fs::read(at("labels/1.json")).expect("there"), by_hand);
        let written = isat::read(&at("out/isat/segment_0_000000_000003/000001.json")).expect("labels");
        assert_eq!((written.info.note.as_str(), &written.rest), ("by hand", &annotation.rest));
        let next = isat::read(&at("labels/000002.json")).expect("labels");
        assert!(next.is_propagated() && !written.is_propagated());
        for name in ["isat/instances_coco.json", "isat/youtube_vis.json", "labelme/segment_0_000000_000003/000001.json"]
        {
            assert!(at("out").join(name).is_file(), "{name}");
        }
        // What a run of ours wrote is no prompt for the next one.
        let said = Said::read(
            &at("labels"),
            pixels.shape(),
            &FrameNames::of(&at("movie.tif"), &*sparkwave_io::open(&at("movie.tif")).expect("a movie")),
        );
        assert_eq!(said.expect("labels").labelled.keys().copied().collect::<Vec<_>>(), [1]);
    }
}
