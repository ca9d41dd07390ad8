//! What frames belong to: a table says of which episode, level, expert and subject they are.

use crate::error::Error;
use sparkwave_core::table::{Table, Value};
use std::path::Path;

/// Columns that a table may have, by what they say.
const EPISODE: &[&str] = &["episode", "episode_id", "segment"];
const LEVEL: &[&str] = &["level"];
const EXPERT: &[&str] = &["expert", "annotator"];
const SUBJECT: &[&str] = &["subject", "animal"];

/// Some frames and what they belong to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    frames: std::ops::Range<usize>,
    pub(super) episode: Option<String>,
    pub(super) level: Option<String>,
    pub(super) expert: Option<String>,
    pub(super) subject: Option<String>,
}

/// What the frames of a movie belong to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Groups {
    groups: Vec<Group>,
}

impl Groups {
    /// Reads a CSV with `frame`, or `start_frame` and `end_frame` (which is not counted in), and any of `episode_id`, `level`,
    /// `expert`, `subject`. `episodes.csv` of a run is such a table.
    ///
    /// # Errors
    /// If it cannot be read, a column is missing, or a cell is no frame.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let table = sparkwave_io::csv::read_table(path)?;
        let fail = |message: String| Error::Config { path: path.to_path_buf(), message };
        let of = |names: &[&str]| names.iter().find_map(|name| table.column(name));
        let spans = match (of(&["frame"]), of(&["start_frame"]), of(&["end_frame"])) {
            (Some(frames), ..) => (frames, None),
            (None, Some(start), Some(end)) => (start, Some(end)),
            _ => return Err(fail("expected a column frame, or start_frame and end_frame, found neither".to_owned())),
        };
        let number = |value: &Value, row: usize| {
            let whole = value.as_f64().filter(|v| *v >= 0.0 && v.fract() == 0.0 && *v < 1e15);
            let found = if *value == Value::Empty { "nothing".to_owned() } else { value.to_string() };
            whole.map(|v| v as usize).ok_or_else(|| fail(format!("expected a frame in row {}, found {found}", row + 1)))
        };
        let columns = [EPISODE, LEVEL, EXPERT, SUBJECT].map(of);
        let word = |column: Option<&[Value]>, row: usize| {
            column.map(|c| &c[row]).filter(|v| **v != Value::Empty).map(ToString::to_string)
        };
        let group = |row: usize| {
            let start = number(&spans.0[row], row)?;
            let end = spans.1.map_or(Ok(start + 1), |end| number(&end[row], row))?;
            let [episode, level, expert, subject] = columns.map(|column| word(column, row));
            Ok(Group { frames: start..end, episode, level, expert, subject })
        };
        Ok(Self { groups: (0..Table::n_rows(&table)).map(group).collect::<Result<_, Error>>()? })
    }

    /// The group of a frame, the first of several.
    pub(super) fn of(&self, frame: usize) -> Option<&Group> {
        self.groups.iter().find(|group| group.frames.contains(&frame))
    }

    /// What intervals are drawn over: the highest of subject and episode that any frame is known to have, else the frame.
    pub(super) fn unit(&self) -> Unit {
        let knows = |of: fn(&Group) -> bool| self.groups.iter().any(of);
        if knows(|g| g.subject.is_some()) {
            Unit::Subject
        } else if knows(|g| g.episode.is_some()) {
            Unit::Episode
        } else {
            Unit::Frame
        }
    }

    /// The name of the unit that a frame is in; frames of which it is unknown are units of their own.
    pub(super) fn name(&self, unit: Unit, frame: usize) -> String {
        let group = self.of(frame);
        let name = match unit {
            Unit::Subject => group.and_then(|g| g.subject.clone()),
            Unit::Episode => group.and_then(|g| g.episode.clone()),
            Unit::Frame => None,
        };
        name.unwrap_or_else(|| format!("frame {frame}"))
    }
}

/// What is drawn anew in a resample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A subject with all of its frames.
    Subject,
    /// An episode with all of its frames.
    Episode,
    /// A frame: neighbours are alike, so that such intervals are too narrow.
    Frame,
}

impl Unit {
    /// The noun.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Episode => "episode",
            Self::Frame => "frame",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_one_by_one_or_in_spans() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("groups.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).expect("room");
            Groups::read(&path)
        };
        let spans = read("episode_id,start_frame,end_frame,level\n1,2,5,strong\n2,5,9,weak\n").expect("a table");
        let level = |frame| spans.of(frame).and_then(|g| g.level.clone());
        assert_eq!((level(1), level(4), level(5)), (None, Some("strong".into()), Some("weak".into())));
        assert_eq!((spans.unit(), spans.name(Unit::Episode, 8)), (Unit::Episode, "2".to_owned()));
        assert_eq!(spans.name(Unit::Episode, 20), "frame 20");
        let single = read("frame,expert,subject\n0,ann,m1\n3,ben,m2\n").expect("a table");
        assert_eq!((single.unit(), single.name(Unit::Subject, 3)), (Unit::Subject, "m2".to_owned()));
        assert!(single.of(1).is_none());
        assert_eq!(Groups::default().unit(), Unit::Frame);
        let error = read("frame,level\n-1,a\n").expect_err("no frame").to_string();
        assert!(error.contains("row 1") && error.contains("-1"), "{error}");
        let error = read("level\na\n").expect_err("no frames").to_string();
        assert!(error.contains("start_frame"), "{error}");
    }
}
