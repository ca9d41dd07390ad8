//! Names of subjects, segments and frames.
//!
//! Beyond what we write, these read what is found in the folders of others: a leading `T`, spaces around hyphens, any text
//! as a subject's id, and the subject in front of the segment (`20230922-shu-101_segment_0_...`).

use crate::stamp;

/// When a frame was taken, as its name tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Number of the frame in the recording, 0-based; for recordings without a clock.
    Frame(usize),
    /// Date and time `YYYYMMDD_HHMMSS`; the order of such names is that of time.
    Clock(String),
}

impl Moment {
    /// Reads the name of a frame, without extension; `None` if it is neither a date and time nor a number.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['T', 't']).unwrap_or(text);
        if stamp::seconds(text).is_some() {
            return Some(Self::Clock(text.into()));
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self::Frame)).flatten()
    }

    /// Seconds since 1970-01-01 00:00, if the name tells the time.
    pub fn seconds(&self) -> Option<f64> {
        match self {
            Self::Frame(_) => None,
            Self::Clock(text) => stamp::seconds(text),
        }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(frame) => write!(f, "{frame:06}"),
            Self::Clock(text) => f.write_str(text),
        }
    }
}

/// The name of a frame: the date and time `time_s` after the start of the recording, `started_s` (seconds since
/// 1970-01-01 00:00); without a start the number of the frame. `None` if the time is beyond the years 0 to 9999.
pub fn frame_name(started_s: Option<f64>, time_s: f64, frame: usize) -> Option<String> {
    match started_s {
        Some(started_s) => stamp::stamp(started_s + time_s),
        None => Some(Moment::Frame(frame).to_string()),
    }
}

/// The name of a segment's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentName {
    /// Its number within the subject, from 0.
    pub index: usize,
    /// Its first frame.
    pub start: Moment,
    /// Its last frame, inclusive.
    pub end: Moment,
}

impl SegmentName {
    /// Reads the name of a folder; `None` if it is not one of a segment.
    pub fn parse(name: &str) -> Option<Self> {
        let (_, rest) = name.rsplit_once("segment_")?;
        let parts: Vec<&str> = rest.split('_').map(str::trim).collect();
        let (index, start, end) = match parts[..] {
            [index, day, time, last_day, last_time] => {
                (index, format!("{day}_{time}"), format!("{last_day}_{last_time}"))
            }
            [index, first, last] => (index, first.to_string(), last.to_string()),
            _ => return None,
        };
        let index = index.parse().ok()?;
        Some(Self { index, start: Moment::parse(&start)?, end: Moment::parse(&end)? })
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "segment_{}_{}_{}", self.index, self.start, self.end)
    }
}

/// The name of a subject's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectName {
    /// Day of the recording, `YYYYMMDD`, as it stands there.
    pub date: String,
    /// What follows, whatever it is; for the published data `shu-` and a number.
    pub id: String,
}

impl SubjectName {
    /// Reads the name of a subject's folder, or the part of it that stands before `_segment_`; `None` if it does not
    /// begin with a date.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.split("_segment_").next().unwrap_or(name).trim();
        let name = name.strip_prefix(['T', 't']).unwrap_or(name);
        let date = name.get(..8).filter(|date| stamp::seconds(&format!("{date}_000000")).is_some())?;
        let id = name[8..].trim_start_matches([' ', '-', '_']).trim_end();
        Some(Self { date: date.into(), id: id.into() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_made_and_read() {
        let name = "segment_0_20230922_221431_20230922_221556";
        let parsed = SegmentName::parse(name).unwrap();
        assert_eq!(parsed.end.seconds().unwrap() - parsed.start.seconds().unwrap(), 85.0);
        assert_eq!((parsed.index, parsed.to_string().as_str()), (0, name));
        let counted = SegmentName { index: 12, start: Moment::Frame(7), end: Moment::Frame(1_234_567) };
        assert_eq!(counted.to_string(), "segment_12_000007_1234567");
        assert_eq!(SegmentName::parse(&counted.to_string()), Some(counted));
        assert_eq!(frame_name(Some(stamp::seconds("20231231_235959").unwrap()), 0.6, 0).unwrap(), "20240101_000000");
        assert_eq!(frame_name(None, 0.6, 5).unwrap(), "000005");
        assert_eq!(frame_name(Some(f64::NAN), 0.0, 5), None);
    }

    #[test]
    fn names_of_others_are_read() {
        let name = SegmentName::parse("20230922 -shu-101_segment_3_ T20230922_221431_20230922_221556 ").unwrap();
        assert_eq!((name.index, name.start.to_string().as_str()), (3, "20230922_221431"));
        let subject = |name: &str| SubjectName::parse(name).map(|s| (s.date, s.id));
        let expected = |date: &str, id: &str| Some((date.to_string(), id.to_string()));
        assert_eq!(subject("20230922-shu-101"), expected("20230922", "shu-101"));
        assert_eq!(subject("20230922 -shu-101"), expected("20230922", "shu-101"));
        assert_eq!(subject("T20230705 -shu-shi-ba"), expected("20230705", "shu-shi-ba"));
        assert_eq!(subject("20230922-shu-101_segment_0_20230922_221431_20230922_221556"), subject("20230922-shu-101"));
        assert_eq!((subject("20239922-shu-101"), subject("鼠20230922"), subject("")), (None, None, None));
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "",
            "segment_",
            "segment_0",
            "segment_x_1_2",
            "segment_0_20231322_221431_20230922_221556",
            "_la",
            "segment_0_1_2_3",
            "segment_0__1",
            "segment_-1_0_1",
        ] {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
        assert_eq!(Moment::parse("99999999999999999999999999"), None);
    }
}
