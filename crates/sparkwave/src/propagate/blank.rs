//! Frames that show nothing, or less than can be used.
//!
//! Two numbers are taken of every frame: its contrast, the distance between the quartiles of its values, and its detail, the
//! mean difference between neighbours in a row. A frame without values, or of one value, shows nothing. One whose contrast or
//! detail is less than a fraction of the median of the frames around it is faded or blurred. A median of neighbours is not
//! misled by the bad frames among them while these are fewer than half, nor by slow changes of a recording.

use ndarray::ArrayView2;
use sparkwave_core::table::{Table, Value};

/// Frames on either side that a frame is compared with; those that show nothing are not counted.
const NEIGHBOURS: usize = 8;
/// Values and rows of a frame that are looked at, at most.
const VALUES: usize = 1 << 16;
const ROWS: usize = 256;

/// What is seen of a frame at a glance.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Glance {
    /// There is no value.
    Missing,
    /// There is one value everywhere.
    Constant,
    /// Contrast and detail, in the units of the movie.
    Values { contrast: f64, detail: f64 },
}

fn glance(pixels: ArrayView2<'_, f32>) -> Glance {
    let finite = || pixels.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return Glance::Missing;
    }
    if low == high {
        return Glance::Constant;
    }
    let mut values: Vec<f32> = finite().step_by(pixels.len().div_ceil(VALUES)).collect();
    values.sort_unstable_by(f32::total_cmp);
    let quartile = |i: usize| f64::from(values[i * (values.len() - 1) / 4]);
    let (mut sum, mut n) = (0.0, 0usize);
    for row in pixels.rows().into_iter().step_by(pixels.nrows().div_ceil(ROWS)) {
        for pair in row.windows(2) {
            let step = f64::from(pair[1]) - f64::from(pair[0]);
            if step.is_finite() {
                (sum, n) = (sum + step.abs(), n + 1);
            }
        }
    }
    Glance::Values { contrast: quartile(3) - quartile(1), detail: sum / n.max(1) as f64 }
}

/// What was seen of the frames of a range, and which of them show too little.
pub(super) struct Blanks {
    first: usize,
    glances: Vec<Glance>,
    /// Contrast and detail as fractions of those of the frames around; unknown where these have none.
    fractions: Vec<[Option<f64>; 2]>,
    /// Why a frame is not shown.
    why: Vec<Option<String>>,
}

/// The collection of glances, frame by frame from `first` on.
pub(super) struct Looking {
    first: usize,
    glances: Vec<Glance>,
}

impl Looking {
    pub(super) fn from(first: usize) -> Self {
        Self { first, glances: Vec::new() }
    }

    /// Looks at the next frame.
    pub(super) fn at(&mut self, pixels: ArrayView2<'_, f32>) {
        self.glances.push(glance(pixels));
    }

    /// Judges all frames; `least` is the fraction of contrast or detail that makes a frame usable.
    pub(super) fn judge(self, least: f64) -> Blanks {
        let Self { first, glances } = self;
        let fractions: Vec<[Option<f64>; 2]> = (0..glances.len()).map(|i| fractions(&glances, i)).collect();
        let reason = |(glance, [contrast, detail]): (&Glance, &[Option<f64>; 2])| {
            let little = |part: &Option<f64>| part.filter(|part| *part < least);
            match (glance, little(contrast), little(detail)) {
                (Glance::Missing, ..) => Some("no values".to_owned()),
                (Glance::Constant, ..) => Some("one value everywhere".to_owned()),
                (_, Some(part), _) => Some(format!("faded: contrast {part:.2} of that around it")),
                (_, _, Some(part)) => Some(format!("blurred: detail {part:.2} of that around it")),
                _ => None,
            }
        };
        let why = glances.iter().zip(&fractions).map(reason).collect();
        Blanks { first, glances, fractions, why }
    }
}

fn fractions(glances: &[Glance], i: usize) -> [Option<f64>; 2] {
    let Glance::Values { contrast, detail } = glances[i] else { return [None; 2] };
    let pair = |glance: &Glance| match *glance {
        Glance::Values { contrast, detail } => Some([contrast, detail]),
        _ => None,
    };
    let before = glances[..i].iter().rev().filter_map(pair).take(NEIGHBOURS);
    let around: Vec<[f64; 2]> = before.chain(glances[i + 1..].iter().filter_map(pair).take(NEIGHBOURS)).collect();
    let median = |which: usize| {
        let mut values: Vec<f64> = around.iter().map(|pair| pair[which]).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().filter(|v| *v > 0.0)
    };
    [median(0).map(|m| contrast / m), median(1).map(|m| detail / m)]
}

impl Blanks {
    /// Why a frame is not shown; `None` if it is.
    pub(super) fn why(&self, frame: usize) -> Option<&str> {
        self.why.get(frame.checked_sub(self.first)?)?.as_deref()
    }

    /// Frames of which a person said something are shown whatever they look like.
    pub(super) fn show(&mut self, frames: impl Iterator<Item = usize>) {
        for frame in frames {
            if let Some(why) = frame.checked_sub(self.first).and_then(|i| self.why.get_mut(i)) {
                *why = None;
            }
        }
    }

    /// How many frames are not shown.
    pub(super) fn n_blank(&self) -> usize {
        self.why.iter().flatten().count()
    }

    /// `frames.csv`.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        let values = |value: &dyn Fn(&Glance) -> Option<f64>| {
            self.glances.iter().map(|g| Value::maybe(value(g))).collect::<Vec<_>>()
        };
        let n = self.glances.len();
        table.push("frame", (self.first..self.first + n).map(|frame| Value::Int(frame as i64)).collect());
        table.push(
            "contrast",
            values(&|g| if let Glance::Values { contrast, .. } = g { Some(*contrast) } else { None }),
        );
        table.push("detail", values(&|g| if let Glance::Values { detail, .. } = g { Some(*detail) } else { None }));
        let fraction = |i: usize| self.fractions.iter().map(|pair| Value::maybe(pair[i])).collect();
        table.push("contrast_fraction", fraction(0));
        table.push("detail_fraction", fraction(1));
        table.push("shown", self.why.iter().map(|why| Value::Bool(why.is_none())).collect());
        table.push(
            "why",
            self.why.iter().map(|why| why.as_ref().map_or(Value::Empty, |w| Value::Text(w.clone()))).collect(),
        );
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Coarse and fine structure that drifts.
    fn frame(t: usize) -> Array2<f32> {
        Array2::from_shape_fn((40, 50), |(y, x)| {
            let (t, y, x) = (t as f32, y as f32, x as f32);
            let coarse = ((x + t) / 9.0).sin() * (y / 7.0).cos();
            500.0 + 100.0 * coarse + 60.0 * (1.3 * x + t).sin() * (0.9 * y).cos()
        })
    }

    fn blurred(frame: &Array2<f32>) -> Array2<f32> {
        let (height, width) = frame.dim();
        Array2::from_shape_fn((height, width), |(y, x)| {
            let (rows, columns) = (y.saturating_sub(6)..height.min(y + 7), x.saturating_sub(6)..width.min(x + 7));
            frame.slice(ndarray::s![rows, columns]).mean().expect("not empty")
        })
    }

    #[test]
    fn bad_frames_are_told_apart_and_good_ones_are_shown() {
        let mut looking = Looking::from(10);
        for t in 0..20 {
            let good = frame(t);
            let shown = match t {
                3 => Array2::from_elem((40, 50), f32::NAN),
                4 => Array2::from_elem((40, 50), 7.0),
                // Up to a third of the frames, several in a row.
                8..=10 => blurred(&good),
                14 => good.mapv(|v| 500.0 + 0.1 * (v - 500.0)),
                // Darker, but as clear as the others.
                16 => good.mapv(|v| v - 300.0),
                _ => good,
            };
            looking.at(shown.view());
        }
        let mut blanks = looking.judge(0.25);
        let why = |blanks: &Blanks, t: usize| blanks.why(10 + t).map(|w| w.split(':').next().unwrap_or("").to_owned());
        let found: Vec<(usize, String)> = (0..20).filter_map(|t| Some((t, why(&blanks, t)?))).collect();
        let expected = [
            (3, "no values"),
            (4, "one value everywhere"),
            (8, "blurred"),
            (9, "blurred"),
            (10, "blurred"),
            (14, "faded"),
        ];
        assert_eq!(found, expected.map(|(t, why)| (t, why.to_owned())));
        assert_eq!((blanks.n_blank(), blanks.why(9), blanks.why(31)), (6, None, None));
        blanks.show([13, 99].into_iter());
        assert_eq!((blanks.n_blank(), blanks.why(13)), (5, None));
        let table = blanks.table();
        assert_eq!(table.n_rows(), 20);
        assert_eq!(table.column("shown").expect("a column")[4], Value::Bool(false));
    }

    #[test]
    fn a_movie_of_sharp_shapes_on_nothing_is_shown() {
        let mut looking = Looking::from(0);
        for t in 0..5 {
            looking.at(Array2::from_shape_fn((30, 30), |(y, x)| f32::from(u8::from(y > 10 && x > t))).view());
        }
        assert_eq!(looking.judge(0.25).n_blank(), 0);
    }
}
