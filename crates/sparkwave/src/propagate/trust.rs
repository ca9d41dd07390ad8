//! How far a mask is to be trusted, and why not.

use super::PropagateConfig;
use super::propagator::Followed;
use super::said::Word;
use ndarray::{Array2, ArrayView2, s};
use sparkwave_core::axes::PointYx;
use sparkwave_core::mask::Mask;
use sparkwave_core::recording::{FrameTimes, Recording};
use sparkwave_core::table::{Table, Value};
use sparkwave_imgproc::register::shift::{Reference, Weighting};
use std::collections::BTreeMap;

/// Of each frame and object, what is known.
pub(super) type Rows = BTreeMap<(usize, u32), Row>;

/// What stands of an object in a frame in `objects.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) area_px: usize,
    /// Row and column.
    pub(super) centroid: Option<[f64; 2]>,
    pub(super) quality: Option<f64>,
    pub(super) presence: Option<f64>,
    pub(super) agreement: Option<f64>,
    pub(super) speed_mm_min: Option<f64>,
    pub(super) prompted: bool,
    pub(super) verified: bool,
    pub(super) filled: bool,
    pub(super) doubtful: bool,
    /// Why it is doubtful, or why there is none.
    pub(super) why: String,
}

impl Row {
    /// What a mask says by itself.
    pub(super) fn of(mask: &Array2<bool>) -> Self {
        let area_px = mask.iter().filter(|inside| **inside).count();
        Self { area_px, centroid: centroid(mask), ..Self::default() }
    }
}

/// What was seen in a frame that was shown.
pub(super) struct Sight {
    pub(super) frame: usize,
    pub(super) pixels: Array2<f32>,
    pub(super) labels: Array2<u32>,
}

impl Sight {
    pub(super) fn mask(&self, object: u32) -> Array2<bool> {
        self.labels.mapv(|label| label == object)
    }
}

/// Judges masks by what the propagator expects of them, by the frame before, and by physics.
pub(super) struct Judge<'a> {
    config: &'a PropagateConfig,
    /// Height and width of a pixel.
    pixel_mm: Option<[f64; 2]>,
    times: Option<&'a FrameTimes>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(config: &'a PropagateConfig, recording: &'a Recording) -> Self {
        let pixel_mm = recording.pixel_size().map(|size| [size.y.get() / 1000.0, size.x.get() / 1000.0]);
        Self { config, pixel_mm, times: recording.frame_times.as_ref().map(|times| &times.value) }
    }

    /// True if speeds are known.
    pub(super) fn knows_speed(&self) -> bool {
        self.pixel_mm.is_some() && self.times.is_some()
    }

    /// The row of an object in a frame, after that of the frame that was seen before. What a person verified is not doubted;
    /// what was found where a person pointed is, but not for being elsewhere than before.
    pub(super) fn row(&self, found: &Followed, now: &Sight, before: Option<&Sight>, word: Word) -> Row {
        let mask = now.mask(found.object);
        let before = before.filter(|_| word == Word::Nothing);
        let earlier = before.map(|before| (before, before.mask(found.object)));
        let earlier = earlier.and_then(|(before, mask)| Some((before, centroid(&mask)?, mask)));
        let mut row = Row::of(&mask);
        (row.quality, row.presence) = (Some(f64::from(found.quality)), Some(f64::from(found.presence)));
        let mut doubts = Vec::new();
        let limit = f64::from(self.config.doubt);
        if let Some(middle) = row.centroid {
            for (what, trust) in [("expected overlap", found.quality), ("object score", found.presence)] {
                if f64::from(trust) < limit {
                    doubts.push(format!("{what} {trust:.2}"));
                }
            }
            if let Some((before, from, earlier)) = &earlier {
                let agreement = agreement(before.pixels.view(), earlier, now.pixels.view(), &mask);
                row.agreement = agreement;
                if let Some(agreement) = agreement.filter(|a| *a < limit) {
                    doubts.push(format!("agreement with frame {} {agreement:.2}", before.frame));
                }
                row.speed_mm_min = self.speed_mm_min(before.frame, *from, now.frame, middle);
                if let (Some(speed), Some(most)) = (row.speed_mm_min, self.config.max_speed_mm_min)
                    && speed > most
                {
                    doubts.push(format!("speed {speed:.1} mm/min"));
                }
            }
        } else if let Some((before, ..)) = &earlier {
            // Said once: that it stays away is no news.
            doubts.push(format!("gone since frame {}", before.frame));
        }
        match word {
            Word::Pointed { .. } if row.centroid.is_none() => doubts.push("nothing is found there".to_owned()),
            Word::Pointed { is_left_out: true } => doubts.push("a point inside of it is left out".to_owned()),
            _ => {}
        }
        if word != Word::Verified {
            (row.doubtful, row.why) = (!doubts.is_empty(), doubts.join(", "));
        }
        row
    }

    /// How fast a middle moved.
    fn speed_mm_min(&self, from_frame: usize, from: [f64; 2], to_frame: usize, to: [f64; 2]) -> Option<f64> {
        let ([height, width], times) = (self.pixel_mm?, self.times?);
        let minutes = (times.at(to_frame)?.get() - times.at(from_frame)?.get()).abs() / 60.0;
        let way_mm = ((to[0] - from[0]) * height).hypot((to[1] - from[1]) * width);
        (minutes > 0.0).then(|| way_mm / minutes)
    }
}

/// The middle of a mask, row and column; none of an empty one.
pub(super) fn centroid(mask: &Array2<bool>) -> Option<[f64; 2]> {
    let inside = mask.indexed_iter().filter(|(_, inside)| **inside);
    let (n, y, x) = inside.fold((0.0, 0.0, 0.0), |(n, sy, sx), ((y, x), _)| (n + 1.0, sy + y as f64, sx + x as f64));
    (n > 0.0).then(|| [y / n, x / n])
}

/// The overlap (IoU) of a mask with an earlier one that was moved along; `None` if one of them is empty.
///
/// How far it moved is what the pixels in and around it show (phase correlation), or else the way of its own middle, if that is
/// no longer than half its width: a mask that jumped further than the pixels explain does not agree. The better of the two
/// counts, as waves move through tissue that does not.
fn agreement(
    pixels_before: ArrayView2<'_, f32>,
    before: &Array2<bool>,
    pixels: ArrayView2<'_, f32>,
    mask: &Array2<bool>,
) -> Option<f64> {
    let (from, to) = (centroid(before)?, centroid(mask)?);
    let width_px = 2.0 * (before.iter().filter(|inside| **inside).count() as f64 / std::f64::consts::PI).sqrt();
    let own = [to[0] - from[0], to[1] - from[1]];
    let own = (own[0].hypot(own[1]) <= 0.5 * width_px).then_some(own);
    let shown = displacement(pixels_before, before, pixels).unwrap_or([0.0; 2]);
    let overlaps = [Some(shown), own].into_iter().flatten().map(|moved| overlap(before, mask, moved));
    overlaps.reduce(f64::max)
}

/// Pixels around a mask that are compared as well: half its height and width, but at least so many.
const MARGIN_PX: usize = 16;
/// The largest edge of what is compared, px: more is not needed to see a movement.
const EDGE_PX: usize = 256;
/// Images that correlate less do not show a movement.
const LEAST_CORRELATION: f64 = 0.5;

/// How far what is in and around a mask moved to the next frame, px; `None` if that cannot be seen.
fn displacement(before: ArrayView2<'_, f32>, mask: &Array2<bool>, pixels: ArrayView2<'_, f32>) -> Option<[f64; 2]> {
    let mask = Mask::of_image(mask)?;
    let (height, width) = pixels.dim();
    let part = |from: usize, n: usize, whole: usize| {
        let margin = (n / 2).max(MARGIN_PX);
        let (begin, end) = (from.saturating_sub(margin), (from + n + margin).min(whole));
        let spare = (end - begin).saturating_sub(EDGE_PX);
        begin + spare / 2..end - (spare - spare / 2)
    };
    let (rows, columns) = (mask.bits().nrows(), mask.bits().ncols());
    let part = s![part(mask.y0(), rows, height), part(mask.x0(), columns, width)];
    let (before, after) = (before.slice(part), pixels.slice(part));
    let most = before.nrows().min(before.ncols()) as f64 / 2.0;
    let found = Reference::new(before, Weighting::None, true).displacement_of(after, most);
    let PointYx { y, x } = found.displacement;
    (found.correlation >= LEAST_CORRELATION).then_some([y, x])
}

/// The overlap (IoU) of a mask with another that is moved by whole pixels first.
fn overlap(before: &Array2<bool>, mask: &Array2<bool>, moved: [f64; 2]) -> f64 {
    let [dy, dx] = moved.map(|way| way.round() as isize);
    let (mut both, mut either) = (0usize, 0usize);
    let mut n_before = 0;
    for ((y, x), &inside) in mask.indexed_iter() {
        let at = (y.checked_add_signed(-dy), x.checked_add_signed(-dx));
        let was = matches!(at, (Some(y), Some(x)) if before.get((y, x)) == Some(&true));
        both += usize::from(inside && was);
        either += usize::from(inside || was);
        n_before += usize::from(was);
    }
    // What moved out of the image cannot overlap.
    let lost = before.iter().filter(|inside| **inside).count() - n_before;
    both as f64 / (either + lost).max(1) as f64
}

/// `objects.csv`.
pub(super) fn table(rows: &Rows) -> Table {
    let mut table = Table::new();
    let column = |value: &dyn Fn(&Row) -> Value| rows.values().map(value).collect::<Vec<_>>();
    table.push("frame", rows.keys().map(|(frame, _)| Value::Int(*frame as i64)).collect());
    table.push("object", rows.keys().map(|(_, object)| Value::Int(i64::from(*object))).collect());
    table.push("area_px", column(&|r| Value::Int(r.area_px as i64)));
    table.push("y_px", column(&|r| Value::maybe(r.centroid.map(|c| c[0]))));
    table.push("x_px", column(&|r| Value::maybe(r.centroid.map(|c| c[1]))));
    table.push("expected_iou", column(&|r| Value::maybe(r.quality)));
    table.push("presence", column(&|r| Value::maybe(r.presence)));
    table.push("agreement", column(&|r| Value::maybe(r.agreement)));
    table.push("prompted", column(&|r| Value::Bool(r.prompted)));
    table.push("doubtful", column(&|r| Value::Bool(r.doubtful)));
    table.push("speed_mm_min", column(&|r| Value::maybe(r.speed_mm_min)));
    table.push("verified", column(&|r| Value::Bool(r.verified)));
    table.push("filled", column(&|r| Value::Bool(r.filled)));
    table.push("why", column(&|r| if r.why.is_empty() { Value::Empty } else { Value::Text(r.why.clone()) }));
    table
}

/// The rows of an `objects.csv`; `None` if it is not one.
pub(super) fn rows_of(table: &Table) -> Option<Rows> {
    let number = |name: &str, i: usize| Some(table.column(name)?[i].as_f64());
    let flag = |name: &str, i: usize| Some(matches!(table.column(name)?[i], Value::Bool(true)));
    let row = |i: usize| {
        let key = (number("frame", i)?? as usize, number("object", i)?? as u32);
        let (y, x) = (number("y_px", i)?, number("x_px", i)?);
        let why = match &table.column("why")?[i] {
            Value::Text(why) => why.clone(),
            _ => String::new(),
        };
        let row = Row {
            area_px: number("area_px", i)?? as usize,
            centroid: y.zip(x).map(|(y, x)| [y, x]),
            quality: number("expected_iou", i)?,
            presence: number("presence", i)?,
            agreement: number("agreement", i)?,
            speed_mm_min: number("speed_mm_min", i)?,
            prompted: flag("prompted", i)?,
            verified: flag("verified", i)?,
            filled: flag("filled", i)?,
            doubtful: flag("doubtful", i)?,
            why,
        };
        Some((key, row))
    };
    (0..table.n_rows()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::recording::{PixelSize, Sourced};
    use sparkwave_core::units::{Micrometers, Seconds};
    use std::path::Path;

    fn square(from: [usize; 2], edge: usize) -> Array2<bool> {
        Array2::from_shape_fn((40, 60), |(y, x)| {
            (from[0]..from[0] + edge).contains(&y) && (from[1]..from[1] + edge).contains(&x)
        })
    }

    /// A texture, moved.
    fn texture(dy: f64, dx: f64) -> Array2<f32> {
        Array2::from_shape_fn((40, 60), |(y, x)| {
            let (y, x) = (y as f64 - dy, x as f64 - dx);
            ((y * 0.61).sin() * (x * 0.47).cos() + (0.23 * y - 0.31 * x).sin()) as f32
        })
    }

    fn agree(moved: [f64; 2], before: &Array2<bool>, now: &Array2<bool>) -> Option<f64> {
        agreement(texture(0.0, 0.0).view(), before, texture(moved[0], moved[1]).view(), now)
    }

    #[test]
    fn a_mask_agrees_that_moved_with_its_surroundings_or_a_little_by_itself() {
        let before = square([10, 12], 10);
        assert_eq!(agree([3.0, 5.0], &before, &square([13, 17], 10)), Some(1.0));
        // By itself, by less than half its width.
        assert_eq!(agree([0.0, 0.0], &before, &square([13, 16], 10)), Some(1.0));
        // A jump that the pixels do not show.
        assert_eq!(agree([0.0, 0.0], &before, &square([12, 40], 10)), Some(0.0));
        // 36 of 100 pixels remain, around the same middle.
        assert_eq!(agree([0.0, 0.0], &before, &square([12, 14], 6)), Some(0.36));
        assert_eq!(agree([0.0, 0.0], &before, &square([0, 0], 0)), None);
        // Where nothing is to be seen, it is taken to rest.
        let flat = Array2::zeros((40, 60));
        assert_eq!(agreement(flat.view(), &before, flat.view(), &before), Some(1.0));
    }

    #[test]
    fn doubts_are_told_but_not_of_what_a_person_said() {
        let labels = |mask: Array2<bool>| mask.mapv(u32::from);
        let sight = |frame, mask| Sight { frame, pixels: texture(0.0, 0.0), labels: labels(mask) };
        let recording = Recording {
            pixel_size: PixelSize::square(Micrometers::new(20.0)).map(|size| Sourced::new(size, "test")),
            frame_times: Some(Sourced::new(FrameTimes::Regular { interval: Seconds::new(0.5) }, "test")),
            ..Recording::default()
        };
        let mut config = PropagateConfig::new(Path::new("a"), Path::new("b"), Path::new("c"));
        config.max_speed_mm_min = Some(5.0);
        let judge = Judge::new(&config, &recording);
        let found = Followed { object: 1, logits: Array2::zeros((40, 60)), quality: 0.2, presence: 0.9 };
        let (before, now) = (sight(3, square([10, 12], 10)), sight(5, square([10, 15], 10)));
        let row = judge.row(&found, &now, Some(&before), Word::Nothing);
        // 3 px of 20 um in 1 s.
        assert!((row.speed_mm_min.expect("known") - 3.6).abs() < 1e-9);
        assert_eq!((row.doubtful, row.why.as_str(), row.agreement), (true, "expected overlap 0.20", Some(1.0)));
        assert_eq!((row.area_px, row.centroid), (100, Some([14.5, 19.5])));
        let said = judge.row(&found, &now, Some(&before), Word::Verified);
        assert!(!said.doubtful && said.why.is_empty());
        let pointed = |is_left_out| judge.row(&found, &now, Some(&before), Word::Pointed { is_left_out });
        assert_eq!(pointed(false).why, "expected overlap 0.20");
        assert_eq!(pointed(true).why, "expected overlap 0.20, a point inside of it is left out");
        let sure = Followed { quality: 0.9, ..found };
        let jumped = judge.row(&sure, &sight(4, square([12, 40], 10)), Some(&before), Word::Nothing);
        assert_eq!(jumped.why, "agreement with frame 3 0.00, speed 67.4 mm/min");
        let nothing = sight(4, square([0, 0], 0));
        let gone = judge.row(&sure, &nothing, Some(&before), Word::Nothing);
        assert_eq!((gone.doubtful, gone.why.as_str(), gone.speed_mm_min), (true, "gone since frame 3", None));
        assert!(!judge.row(&sure, &now, Some(&nothing), Word::Nothing).doubtful);
        let missed = judge.row(&sure, &nothing, Some(&before), Word::Pointed { is_left_out: true });
        assert_eq!((missed.doubtful, missed.why.as_str()), (true, "nothing is found there"));
        let blind = Recording::default();
        assert!(!Judge::new(&config, &blind).knows_speed());

        let rows = Rows::from([((4, 1), jumped), ((5, 1), row), ((5, 2), Row { filled: true, ..Row::default() })]);
        assert_eq!(rows_of(&table(&rows)), Some(rows));
        assert_eq!(rows_of(&Table::new()), Some(Rows::new()));
    }
}
