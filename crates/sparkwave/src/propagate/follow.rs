//! The objects followed through the frames, pass after pass, with a file of masks for each frame as it comes.

use super::between::Between;
use super::blank::Blanks;
use super::checkpoint::{self, Heard, Place};
use super::course::{Pass, Route};
use super::outputs::MaskFolder;
use super::propagator::{Followed, Propagator, owners};
use super::ring::Ring;
use super::said::{self, Said};
use super::trust::{Judge, Row, Rows, Sight};
use super::{PropagateConfig, Stop, pixels};
use crate::error::Error;
use crate::run_folder::RunFolder;
use crate::stage_clock::StageClock;
use ndarray::{Array2, ArrayView2};
use sparkwave_core::progress::Progress;
use sparkwave_core::prompt::Prompt;
use sparkwave_core::source::FrameSource;
use sparkwave_core::weights::Weights;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What is followed, through what, and where it goes.
pub(super) struct Task<'a> {
    pub(super) config: &'a PropagateConfig,
    pub(super) source: &'a dyn FrameSource,
    pub(super) said: &'a Said,
    pub(super) blanks: &'a Blanks,
    pub(super) folder: &'a RunFolder,
    pub(super) masks: &'a MaskFolder,
    /// Which movie, and who follows.
    pub(super) identity: &'a str,
    pub(super) clock: &'a StageClock<'a>,
}

/// Where a run stands, and what is known so far.
struct Session {
    place: Place,
    rows: Rows,
}

/// What is known of each object in each frame, and where the run stopped to be asked.
pub(super) type Outcome = (Rows, Option<Stop>);

impl Task<'_> {
    /// Follows the objects and writes their masks, from where an earlier run of this folder stood. `route` is that of all that is
    /// said by now.
    ///
    /// # Errors
    /// If the movie cannot be read, a file cannot be written, or the user cancels; the next run then goes on from here.
    pub(super) fn follow(&self, propagator: &mut dyn Propagator, route: &Route) -> Result<Outcome, Error> {
        let earlier = checkpoint::load(self.folder)?;
        let is_resumed = earlier.is_some() || self.folder.is_resumed();
        let leading_on =
            earlier.and_then(|(place, rows, memory)| Some((self.way_on(&place, route)?, place, rows, memory)));
        let mut session = match leading_on {
            Some((route, place, rows, memory)) => self.go_on(propagator, route, place, rows, &memory)?,
            None => {
                if is_resumed {
                    self.clock.warn("an earlier run got nowhere, or was told other things: all is followed anew");
                }
                self.masks.clear()?;
                let (identity, route) = (self.identity.to_owned(), route.clone());
                let mut place = Place { identity, route, ..Place::default() };
                self.prompt(propagator, &mut place)?;
                Session { place, rows: Rows::new() }
            }
        };
        while session.place.pass < session.place.route.passes.len() && session.place.stopped.is_none() {
            self.pass(propagator, &mut session)?;
        }
        if session.place.stopped.is_none() {
            checkpoint::save(self.folder, &session.place, &session.rows, Weights::default())?;
        }
        Ok((session.rows, session.place.stopped))
    }

    /// The route on which an earlier run goes on, given that of all that is said by now. `None` if it followed other things, if
    /// something that it was told is no longer said, or if something new was said of frames that it has left behind.
    fn way_on(&self, place: &Place, route: &Route) -> Option<Route> {
        let now: BTreeSet<String> = self.said.prompts.iter().map(checkpoint::digest).collect();
        let mut told = place.said.iter().filter(|(_, heard)| **heard != Heard::NotYet);
        let is_the_same = place.identity == self.identity && told.all(|(digest, _)| now.contains(digest));
        let way_on = if place.pass < place.route.passes.len() {
            route.clone().after(&place.route, place.pass)?
        } else {
            place.route.clone()
        };
        let is_reached = |frame: usize| {
            let asked = place.stopped.as_ref().is_some_and(|stop| stop.frame == frame);
            let ahead = |(i, pass): (usize, &Pass)| pass.is_ahead(frame, if i == place.pass { place.next } else { 0 });
            asked || way_on.passes.iter().enumerate().skip(place.pass).any(ahead)
        };
        let mut news = self.said.prompts.iter().filter(|prompt| !place.knows(prompt));
        (is_the_same && news.all(|prompt| is_reached(prompt.frame))).then_some(way_on)
    }

    /// A session that takes up an earlier one. Where that one stopped to be asked, what was said since of this frame corrects it.
    fn go_on(
        &self,
        propagator: &mut dyn Propagator,
        route: Route,
        mut place: Place,
        rows: Rows,
        memory: &Weights,
    ) -> Result<Session, Error> {
        if place.pass >= route.passes.len() {
            return Ok(Session { place, rows });
        }
        let asked = place.stopped.as_ref().map(|stop| stop.frame);
        let is_new = |prompt: &&Prompt| Some(prompt.frame) == asked && !place.knows(prompt);
        let answers: Vec<&Prompt> = self.said.prompts.iter().filter(is_new).collect();
        // The others begin their object there.
        let was_followed = |prompt: &&Prompt| place.route.wants(place.pass, prompt.frame, prompt.object);
        let (corrections, beginnings): (Vec<&Prompt>, Vec<&Prompt>) = answers.into_iter().partition(was_followed);
        corrections.iter().for_each(|prompt| place.hear(prompt, Heard::There));
        place.route = route;
        self.prompt(propagator, &mut place)?;
        propagator.restore(memory)?;
        let mut session = Session { place, rows };
        if let Some(frame) = asked.filter(|_| !(corrections.is_empty() && beginnings.is_empty())) {
            session.place.stopped = None;
            self.answer(propagator, frame, &corrections, &beginnings, &mut session.rows)?;
        }
        Ok(session)
    }

    /// Puts what a person answered over what was found in a frame.
    fn answer(
        &self,
        propagator: &mut dyn Propagator,
        frame: usize,
        corrections: &[&Prompt],
        beginnings: &[&Prompt],
        rows: &mut Rows,
    ) -> Result<(), Error> {
        let pixels = pixels(self.source, frame)?;
        let begun: BTreeSet<u32> = beginnings.iter().map(|prompt| prompt.object).collect();
        let mut found = tell(propagator, corrections, pixels.view())?;
        found.extend(begun.into_iter().filter_map(|object| propagator.told(object, frame)));
        let mut labels = owners(&found, pixels.dim());
        let is_answered = |object: u32| found.iter().any(|answered| answered.object == object);
        if let Some(earlier) = self.masks.read(frame)? {
            ndarray::Zip::from(&mut labels).and(&earlier.mapv(u32::from)).for_each(|label, &earlier| {
                if *label == 0 && !is_answered(earlier) {
                    *label = earlier;
                }
            });
        }
        self.said.lock(frame, &mut labels);
        let now = Sight { frame, pixels, labels };
        let judge = Judge::new(self.config, self.source.recording());
        for answered in &found {
            rows.insert((frame, answered.object), self.row(&judge, answered, &now, None));
        }
        // What they took from others is no longer theirs.
        for ((_, object), row) in rows.range_mut((frame, 0)..=(frame, u32::MAX)) {
            let Row { area_px, centroid, .. } = Row::of(&now.mask(*object));
            *row = Row { area_px, centroid, ..row.clone() };
        }
        self.masks.write(frame, &now.labels)
    }

    /// Tells the propagator all that was said and does not wait, in the order of frames.
    fn prompt(&self, propagator: &mut dyn Propagator, place: &mut Place) -> Result<(), Error> {
        let is_told =
            |prompt: &&Prompt| place.heard(prompt) != Heard::There && !self.waits(propagator, &place.route, prompt);
        let (told, waiting): (Vec<&Prompt>, Vec<&Prompt>) = self.said.prompts.iter().partition(is_told);
        let joined = said::joined(told.iter().copied());
        self.clock.begin("prompts", joined.len() as u64);
        for prompt in &joined {
            if self.clock.is_cancelled() {
                return Err(Error::Cancelled);
            }
            propagator.prompt(prompt, pixels(self.source, prompt.frame)?.view())?;
            self.clock.advance(1);
        }
        told.into_iter().for_each(|prompt| place.hear(prompt, Heard::Before));
        for prompt in waiting {
            let heard = place.heard(prompt);
            place.hear(prompt, if heard == Heard::There { heard } else { Heard::NotYet });
        }
        Ok(())
    }

    fn waits(&self, propagator: &dyn Propagator, route: &Route, prompt: &Prompt) -> bool {
        propagator.waits(prompt, route.begins.get(&prompt.object) == Some(&prompt.frame))
    }

    /// Goes through a pass from where the session stands on, and leaves it at the next one, or where it stopped.
    fn pass(&self, propagator: &mut dyn Propagator, session: &mut Session) -> Result<(), Error> {
        let Session { place, rows } = session;
        let (index, route) = (place.pass, place.route.clone());
        let pass = &route.passes[index];
        let frames = pass.frames();
        self.clock.begin(pass.name(), frames.len() as u64);
        self.clock.advance(place.next as u64);
        let judge = Judge::new(self.config, self.source.recording());
        let mut before = self.last_seen(place, &frames)?;
        let mut waiting = Vec::new();
        let mut saved = Instant::now();
        let is_shown = |frame: &usize| self.blanks.why(*frame).is_none();
        let shown: Vec<usize> = frames.iter().copied().skip(place.next).filter(is_shown).collect();
        let mut ring = Ring::new(&shown, propagator.looks_ahead(), |frame| pixels(self.source, frame));
        for (i, &frame) in frames.iter().enumerate().skip(place.next) {
            if self.clock.is_cancelled() {
                checkpoint::save(self.folder, place, rows, propagator.state())?;
                return Err(Error::Cancelled);
            }
            if !is_shown(&frame) {
                waiting.push(frame);
                continue;
            }
            let Some(pixels) = ring.next()? else { break };
            let wanted = |object| route.wants(index, frame, object);
            let mut found = propagator.step(frame, pixels.view(), &ring.after(), pass.direction, &wanted)?;
            let here = self.said.prompts.iter().filter(|prompt| prompt.frame == frame);
            // What corrects an object that is not followed in this pass was told in an earlier one.
            let waited: Vec<&Prompt> = here.filter(|p| wanted(p.object) && self.waits(propagator, &route, p)).collect();
            for told in tell(propagator, &waited, pixels.view())? {
                found.retain(|other| other.object != told.object);
                found.push(told);
            }
            waited.into_iter().for_each(|prompt| place.hear(prompt, Heard::There));
            let mut labels = owners(&found, pixels.dim());
            self.keep_earlier(frame, &mut labels, &wanted)?;
            self.said.lock(frame, &mut labels);
            let now = Sight { frame, pixels, labels };
            self.fill(&waiting, before.as_ref(), &now, &|frame, object| route.wants(index, frame, object), rows)?;
            self.masks.write(frame, &now.labels)?;
            for object in &found {
                let row = self.row(&judge, object, &now, before.as_ref());
                if row.doubtful && self.config.stop_at_doubt && place.stopped.is_none() {
                    place.stopped = Some(Stop { frame, object: object.object, why: row.why.clone() });
                }
                rows.insert((frame, object.object), row);
            }
            before = Some(now);
            place.next = i + 1;
            self.clock.advance(1 + waiting.len() as u64);
            waiting.clear();
            if place.stopped.is_some() {
                return checkpoint::save(self.folder, place, rows, propagator.state());
            }
            if saved.elapsed() >= checkpoint::EVERY {
                checkpoint::save(self.folder, place, rows, propagator.state())?;
                saved = Instant::now();
            }
        }
        let why = "no frame beyond it shows anything";
        self.leave_empty(&waiting, why, &|frame, object| route.wants(index, frame, object), rows)?;
        self.clock.advance(waiting.len() as u64);
        (place.pass, place.next) = (index + 1, 0);
        Ok(())
    }

    /// What is known of an object in a frame, after the frame that was seen before.
    fn row(&self, judge: &Judge<'_>, found: &Followed, now: &Sight, before: Option<&Sight>) -> Row {
        let (prompted, verified) = self.said.of(now.frame, found.object);
        let word = self.said.word(now.frame, found.object, &now.labels);
        Row { prompted, verified, ..judge.row(found, now, before, word) }
    }

    /// What an earlier pass found in a frame stands: the objects that are not `wanted` in this one.
    fn keep_earlier(&self, frame: usize, labels: &mut Array2<u32>, wanted: &dyn Fn(u32) -> bool) -> Result<(), Error> {
        if let Some(earlier) = self.masks.read(frame)? {
            ndarray::Zip::from(labels).and(&earlier.mapv(u32::from)).for_each(|label, &earlier| {
                if earlier > 0 && !wanted(earlier) {
                    *label = earlier;
                }
            });
        }
        Ok(())
    }

    /// The frame that was seen before the place in a pass: the one before it, or, at the beginning of the way back, the one
    /// from which it begins. Checkpoints stand behind frames that were shown.
    fn last_seen(&self, place: &Place, frames: &[usize]) -> Result<Option<Sight>, Error> {
        let frame = match place.next {
            0 if place.pass == 0 => return Ok(None),
            0 => frames[0] + 1,
            next => frames[next - 1],
        };
        let Some(labels) = self.masks.read(frame)? else { return Ok(None) };
        Ok(Some(Sight { frame, pixels: pixels(self.source, frame)?, labels: labels.mapv(u32::from) }))
    }

    /// Fills frames that were not shown, once the next that was is known, with objects that are `wanted` there.
    fn fill(
        &self,
        waiting: &[usize],
        before: Option<&Sight>,
        now: &Sight,
        wanted: &dyn Fn(usize, u32) -> bool,
        rows: &mut Rows,
    ) -> Result<(), Error> {
        let Some(before) = before else {
            return self.leave_empty(waiting, "no frame before it shows anything", wanted, rows);
        };
        if waiting.len() > self.config.fill_frames {
            let why = format!("{} blank frames in a row, more than {}", waiting.len(), self.config.fill_frames);
            return self.leave_empty(waiting, &why, wanted, rows);
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let size = now.labels.dim();
        let mut filled = BTreeSet::new();
        let mut frames: Vec<_> =
            waiting.iter().map(|&frame| (frame, Array2::zeros(size), Array2::zeros(size))).collect();
        for object in self.said.objects() {
            let Some(between) = Between::new(&before.mask(object), &now.mask(object)) else { continue };
            filled.insert(object);
            for (frame, labels, deepest) in frames.iter_mut().filter(|(frame, ..)| wanted(*frame, object)) {
                let fraction = frame.abs_diff(before.frame) as f64 / now.frame.abs_diff(before.frame) as f64;
                ndarray::Zip::from(labels).and(deepest).and(&between.at(fraction)).for_each(
                    |label, deepest, &depth| {
                        if depth > *deepest {
                            (*label, *deepest) = (object, depth);
                        }
                    },
                );
            }
        }
        for (frame, mut labels, _) in frames {
            self.keep_earlier(frame, &mut labels, &|object| wanted(frame, object))?;
            self.masks.write(frame, &labels)?;
            for object in self.said.objects().into_iter().filter(|object| wanted(frame, *object)) {
                let filled = filled.contains(&object);
                let why = if filled { "" } else { "not there on both sides of the gap" };
                let row = Row::of(&labels.mapv(|label| label == object));
                rows.insert((frame, object), Row { filled, why: why.to_owned(), ..row });
            }
        }
        Ok(())
    }

    fn leave_empty(
        &self,
        frames: &[usize],
        why: &str,
        wanted: &dyn Fn(usize, u32) -> bool,
        rows: &mut Rows,
    ) -> Result<(), Error> {
        let shape = self.source.shape();
        for &frame in frames {
            let mut labels = Array2::zeros((shape.height, shape.width));
            self.keep_earlier(frame, &mut labels, &|object| wanted(frame, object))?;
            self.masks.write(frame, &labels)?;
            for object in self.said.objects().into_iter().filter(|object| wanted(frame, *object)) {
                rows.insert((frame, object), Row { why: why.to_owned(), ..Row::default() });
            }
        }
        Ok(())
    }
}

/// Tells a propagator what was said of a frame that it has just followed to; gives what it now knows of these objects.
fn tell(
    propagator: &mut dyn Propagator,
    prompts: &[&Prompt],
    pixels: ArrayView2<'_, f32>,
) -> Result<Vec<Followed>, Error> {
    let mut objects = BTreeMap::new();
    for prompt in &said::joined(prompts.iter().copied()) {
        propagator.prompt(prompt, pixels)?;
        let nowhere = || Followed {
            object: prompt.object,
            logits: Array2::from_elem(pixels.dim(), f32::MIN),
            quality: 1.0,
            presence: 0.0,
        };
        let told = propagator.told(prompt.object, prompt.frame).filter(|_| !prompt.is_absence());
        objects.insert(prompt.object, told.unwrap_or_else(nowhere));
    }
    Ok(objects.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::super::blank::Looking;
    use super::super::course::{self, Course};
    use super::super::names::FrameNames;
    use super::super::propagator::{Direction, Followed};
    use super::*;
    use crate::run_folder::Existing;
    use ndarray::{Array3, ArrayView2};
    use sparkwave_core::movie::Pixels;
    use sparkwave_core::progress::Silent;
    use sparkwave_core::prompt::Prompt;
    use sparkwave_core::recording::Recording;
    use sparkwave_core::source::InMemory;
    use sparkwave_core::weights::{Parameter, Weights};
    use std::path::Path;
    use std::sync::atomic::{AtomicI64, Ordering};

    const SIZE: (usize, usize) = (40, 60);

    /// Sees what is bright, and trusts itself less with every step that it remembers.
    #[derive(Default)]
    struct Bright {
        steps: f32,
        shown: Vec<usize>,
    }

    impl Propagator for Bright {
        fn looks_ahead(&self) -> usize {
            1
        }

        fn knows_ahead(&self) -> bool {
            true
        }

        fn waits(&self, _: &Prompt, begins: bool) -> bool {
            !begins
        }

        fn prompt(&mut self, _: &Prompt, _: ArrayView2<'_, f32>) -> Result<(), Error> {
            Ok(())
        }

        fn told(&self, object: u32, _: usize) -> Option<Followed> {
            let logits = Array2::from_elem(SIZE, 1.0);
            Some(Followed { object, logits, quality: 1.0, presence: 1.0 })
        }

        fn step(
            &mut self,
            frame: usize,
            pixels: ArrayView2<'_, f32>,
            after: &[ArrayView2<'_, f32>],
            _: Direction,
            _: &dyn Fn(u32) -> bool,
        ) -> Result<Vec<Followed>, Error> {
            self.steps += 1.0;
            self.shown.push(frame);
            assert!(after.iter().all(|after| after[[0, 0]].is_finite()), "a blank frame is not shown ahead either");
            let logits = pixels.mapv(|v| v - 500.0);
            Ok(vec![Followed { object: 1, logits, quality: 1.0 - 0.01 * self.steps, presence: 1.0 }])
        }

        fn state(&self) -> Weights {
            let steps = Parameter::new(vec![1], vec![self.steps]);
            Weights { parameters: [("steps".to_owned(), steps)].into(), ..Weights::default() }
        }

        fn restore(&mut self, state: &Weights) -> Result<(), Error> {
            self.steps = state.parameters["steps"].values[0];
            Ok(())
        }

        fn description(&self) -> serde_json::Value {
            serde_json::Value::Null
        }
    }

    /// Where the disc is in a frame.
    fn column(t: usize) -> f64 {
        12.0 + 2.0 * t as f64
    }

    /// A bright disc that moves over a texture; some frames show nothing.
    fn movie(n: usize, blank: &[usize]) -> InMemory {
        let value = |(t, y, x): (usize, usize, usize)| match (y as f64 - 20.0).hypot(x as f64 - column(t)) {
            _ if blank.contains(&t) => f32::NAN,
            r if r <= 6.0 => 900.0,
            _ => 100.0 + ((x * 7 + y * 3) % 11) as f32,
        };
        let pixels = Array3::from_shape_fn((n, SIZE.0, SIZE.1), value);
        InMemory::new(Recording::default(), Pixels::F32(pixels))
    }

    /// Cancels when it was asked so many times.
    struct Patience(AtomicI64);

    impl Progress for Patience {
        fn begin(&self, _: &str, _: u64) {}
        fn advance(&self, _: u64) {}
        fn warn(&self, _: &str) {}
        fn is_cancelled(&self) -> bool {
            self.0.fetch_sub(1, Ordering::Relaxed) <= 0
        }
    }

    struct Trial {
        identity: &'static str,
        config: PropagateConfig,
        said: Said,
        source: InMemory,
    }

    impl Trial {
        fn new(n: usize, blank: &[usize], prompts: &str) -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("p.json");
            std::fs::write(&path, format!(r#"{{"frames": {n}, "prompts": [{prompts}]}}"#)).expect("writable");
            let source = movie(n, blank);
            let names = FrameNames::of(Path::new("movie.tif"), &source);
            let said = Said::read(&path, source.shape(), &names).expect("prompts");
            let config = PropagateConfig::new(Path::new("movie.tif"), &path, Path::new("bright"));
            Self { identity: "bright", config, said, source }
        }

        fn run(
            &self,
            out: &Path,
            existing: Existing,
            progress: &dyn Progress,
        ) -> (Result<Outcome, Error>, Vec<usize>, Vec<Array2<u16>>) {
            let n_frames = self.source.shape().n_frames;
            let folder = RunFolder::open(out, existing, "").expect("a folder");
            let masks = MaskFolder::create(&folder, SIZE).expect("a folder");
            let mut looking = Looking::from(0);
            for frame in 0..n_frames {
                looking.at(pixels(&self.source, frame).expect("readable").view());
            }
            let mut blanks = looking.judge(self.config.blank_below);
            blanks.show(self.said.shown());
            let route =
                course::route(Course::Both, &course::range(&self.config, n_frames).expect("a range"), &self.said, true)
                    .expect("prompts");
            let clock = StageClock::new(progress);
            let task = Task {
                config: &self.config,
                source: &self.source,
                said: &self.said,
                blanks: &blanks,
                folder: &folder,
                masks: &masks,
                identity: self.identity,
                clock: &clock,
            };
            let mut bright = Bright::default();
            let outcome = task.follow(&mut bright, &route);
            let found = (0..n_frames).map_while(|frame| masks.read(frame).expect("readable")).collect();
            (outcome, bright.shown, found)
        }
    }

    const PROMPT: &str = r#"{"frame": 4, "object": 1, "points": [{"y": 20, "x": 18}]}"#;

    #[test]
    fn blank_frames_are_not_shown_but_filled_and_marked() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut trial = Trial::new(22, &[0, 2, 7, 8, 12, 13, 14, 21], PROMPT);
        trial.config.fill_frames = 2;
        let (outcome, shown, masks) = trial.run(&folder.path().join("out"), Existing::Refuse, &Silent);
        let (rows, stopped) = outcome.expect("followed");
        assert_eq!(shown, [4, 5, 6, 9, 10, 11, 15, 16, 17, 18, 19, 20, 3, 1]);
        assert_eq!((masks.len(), rows.len(), stopped), (22, 22, None));
        for frame in [2, 7, 8] {
            let row = &rows[&(frame, 1)];
            assert!(row.filled && !row.doubtful && row.quality.is_none() && row.why.is_empty(), "{row:?}");
            let [y, x] = row.centroid.expect("filled");
            assert!((y - 20.0).abs() < 0.3 && (x - column(frame)).abs() < 0.7, "{frame}: {y} {x}");
            assert!(row.area_px.abs_diff(113) < 8, "{}", row.area_px);
        }
        for (frame, why) in
            [(12, "3 blank frames in a row, more than 2"), (0, "no frame beyond"), (21, "no frame beyond")]
        {
            let row = &rows[&(frame, 1)];
            assert!(!row.filled && row.area_px == 0 && row.why.starts_with(why), "{row:?}");
            assert!(masks[frame].iter().all(|label| *label == 0));
        }
        assert!(rows[&(4, 1)].prompted && !rows[&(5, 1)].prompted);
    }

    #[test]
    fn a_run_that_was_cancelled_ends_with_the_same_bytes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let trial = Trial::new(48, &[9, 10, 30], PROMPT);
        let whole = folder.path().join("whole");
        let (outcome, ..) = trial.run(&whole, Existing::Refuse, &Silent);
        let expected = outcome.expect("followed");
        // At the beginning, within a gap, in the first pass, at its end, and on the way back.
        for patience in [1, 7, 20, 45, 47] {
            let out = folder.path().join(patience.to_string());
            let (outcome, shown, _) = trial.run(&out, Existing::Refuse, &Patience(AtomicI64::new(patience)));
            assert!(matches!(outcome, Err(Error::Cancelled)), "{patience}");
            let (outcome, then, _) = trial.run(&out, Existing::Resume, &Silent);
            assert_eq!(outcome.expect("followed"), expected, "{patience}");
            assert_eq!(shown.len() + then.len(), 45, "{patience}: no frame twice");
            for file in ["objects.csv", "checkpoint.safetensors", "masks/000009.png", "masks/000047.png"] {
                let read = |of: &Path| std::fs::read(of.join(file)).expect("there");
                assert!(read(&out) == read(&whole), "{patience}: {file} differs");
            }
        }
        // A finished run is not followed again, unless other things are said.
        let (outcome, shown, _) = trial.run(&whole, Existing::Resume, &Silent);
        assert_eq!((outcome.expect("finished"), shown.len()), (expected, 0));
        let other = Trial::new(48, &[9, 10, 30], r#"{"frame": 5, "object": 1, "points": [{"y": 20, "x": 18}]}"#);
        let (_, shown, _) = other.run(&whole, Existing::Resume, &Silent);
        assert_eq!(shown.len(), 45);
        let by_another = Trial { identity: "dark", ..other };
        assert_eq!(
            by_another.run(&whole, Existing::Resume, &Silent).1.len(),
            45,
            "what another found is worth nothing"
        );
        // What lies beyond the last frame was not told, and is nothing new either.
        let mut short = Trial::new(
            48,
            &[],
            &format!(r#"{PROMPT}, {{"frame": 30, "object": 1, "points": [{{"y": 20, "x": 18}}]}}"#),
        );
        short.config.last_frame = Some(20);
        let out = folder.path().join("short");
        assert_eq!(short.run(&out, Existing::Refuse, &Silent).1.len(), 21);
        assert_eq!(short.run(&out, Existing::Resume, &Silent).1.len(), 0);
    }

    #[test]
    fn a_run_that_stopped_on_the_way_back_goes_on_from_the_answer() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("out");
        let at = |frame: usize| {
            format!(r#"{{"frame": {frame}, "object": 1, "points": [{{"y": 20, "x": {}}}]}}"#, column(frame))
        };
        let asking = |prompts: &[usize]| {
            let prompts: Vec<String> = prompts.iter().map(|&frame| at(frame)).collect();
            let mut trial = Trial::new(20, &[], &prompts.join(", "));
            // Below it from the thirteenth step on, the third on the way back.
            (trial.config.stop_at_doubt, trial.config.doubt) = (true, 0.875);
            trial
        };
        let stopped = |outcome: Result<Outcome, Error>| outcome.expect("stopped").1.expect("doubtful").frame;
        let (outcome, shown, _) = asking(&[10]).run(&out, Existing::Refuse, &Silent);
        assert_eq!((stopped(outcome), shown.len()), (7, 13));
        // The answer alone is taken in; the next frame is doubtful as well.
        let (outcome, shown, masks) = asking(&[10, 7]).run(&out, Existing::Resume, &Silent);
        assert_eq!((stopped(outcome), shown), (6, vec![6]));
        assert!(masks.is_empty(), "frame 0 was not reached");
        let masks = |frame: usize| sparkwave_io::png::read(&out.join(format!("masks/{frame:06}.png"))).expect("there");
        let all = sparkwave_io::png::Image::Gray8(Array2::from_elem(SIZE, 1));
        assert!(masks(7) == all && masks(8) != all);
        let (outcome, shown, _) = asking(&[10, 7, 6]).run(&out, Existing::Resume, &Silent);
        assert_eq!((stopped(outcome), shown), (5, vec![5]));
        // An object that is new belongs into frames left behind as well.
        let new = r#"{"frame": 5, "object": 2, "points": [{"y": 20, "x": 18}]}"#;
        let late = Trial::new(20, &[], &[at(10), at(7), at(6), new.to_owned()].join(", "));
        let (outcome, shown, _) = late.run(&out, Existing::Resume, &Silent);
        assert_eq!((outcome.expect("followed").1, shown.len()), (None, 20));
    }

    #[test]
    fn a_run_stops_at_a_doubt_and_says_why() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut trial = Trial::new(20, &[], PROMPT);
        (trial.config.stop_at_doubt, trial.config.doubt) = (true, 0.945);
        let (outcome, shown, masks) = trial.run(&folder.path().join("out"), Existing::Refuse, &Silent);
        let stop = outcome.expect("stopped").1.expect("doubtful");
        // The sixth step is the first below 0.945.
        assert_eq!((stop.frame, stop.object, stop.why.as_str()), (9, 1, "expected overlap 0.94"));
        assert_eq!((shown.last(), masks.len()), (Some(&9), 0), "frame 0 was not reached");
        let (outcome, shown, _) = trial.run(&folder.path().join("out"), Existing::Resume, &Silent);
        assert_eq!((outcome.expect("still").1, shown.len()), (Some(stop), 0));
    }
}
