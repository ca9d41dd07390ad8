//! Times in the names of frames: of their files, or of the pages of a stack.

use crate::civil::{self, SECOND_NS, fraction_ns, nanoseconds};

/// Times that one rule finds in every name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NameTimes {
    /// Time of every frame, ns, from 1970 or, if not `absolute`, from an origin of the writer's own.
    pub(crate) ns: Vec<i64>,
    /// The rule, as the source of the times.
    pub(crate) rule: &'static str,
    /// True if the names tell whole seconds only.
    pub(crate) whole_seconds: bool,
    /// True if times count from 1970.
    pub(crate) absolute: bool,
}

/// More frames than this within one second of the names: the stamp is that of the session, not of the frame.
const MAX_FRAMES_PER_SECOND: usize = 2000;
/// Share of steps from name to name that may lead back in time. Beyond it the numbers are no times.
const MAX_BACKWARD_SHARE: f64 = 0.1;

/// The times in the names of the frames, if one rule fits every name and the times tend to increase.
///
/// The rules: a date and time of day `YYYYMMDD_HHMMSS` anywhere in the name, behind it perhaps a fraction of a second
/// (`.fff`, `_fff` or `-fff`) or a counter; `YYYY-MM-DD HH:MM:SS` or
/// `YYYY-MM-DDTHH:MM:SS` at the start of the name, perhaps with a fraction; milliseconds since 1970, 13 digits; or a number of seconds at the end,
/// `_12.345s`.
pub(crate) fn times_of_names(names: &[String]) -> Option<NameTimes> {
    [dates_and_times, calendar_times, epoch_milliseconds, trailing_seconds]
        .into_iter()
        .find_map(|rule| rule(names))
        .filter(plausible)
}

fn plausible(stamps: &NameTimes) -> bool {
    let ns = &stamps.ns;
    let n_steps = ns.len().saturating_sub(1);
    let n_back = ns.windows(2).filter(|w| w[1] < w[0]).count();
    let longest = ns.chunk_by(|a, b| a == b).map(<[i64]>::len).max().unwrap_or(0);
    ns.first() != ns.last() && n_back as f64 <= MAX_BACKWARD_SHARE * n_steps as f64 && longest <= MAX_FRAMES_PER_SECOND
}

/// What stands behind a date and time: a separator and digits.
#[derive(Clone, Copy)]
struct Suffix<'a> {
    separator: u8,
    digits: &'a [u8],
}

fn dates_and_times(names: &[String]) -> Option<NameTimes> {
    let found: Vec<(i64, Suffix)> = names.iter().map(|name| date_and_time(name)).collect::<Option<_>>()?;
    let suffixes: Vec<Suffix> = found.iter().map(|(_, suffix)| *suffix).collect();
    let fractions = are_fractions(&suffixes);
    let ns =
        found.iter().map(|(whole, suffix)| whole + if fractions { fraction_ns(suffix.digits) } else { 0 }).collect();
    let rule = if fractions { "YYYYMMDD_HHMMSS and fractions" } else { "YYYYMMDD_HHMMSS" };
    Some(NameTimes { ns, rule, whole_seconds: !fractions, absolute: true })
}

/// Nanoseconds since 1970 of the first `YYYYMMDD_HHMMSS` in the text, and what stands behind it.
fn date_and_time(name: &str) -> Option<(i64, Suffix<'_>)> {
    let bytes = name.as_bytes();
    let digit_at = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    (0..bytes.len().saturating_sub(14)).find_map(|start| {
        let window = &bytes[start..start + 15];
        let separated = matches!(window[8], b'_' | b'-' | b'T');
        let digits = window.iter().enumerate().all(|(i, c)| i == 8 || c.is_ascii_digit());
        // Part of a longer run of digits is a counter, not a date.
        if !separated || !digits || (start > 0 && digit_at(start - 1)) || digit_at(start + 15) {
            return None;
        }
        let number = |(from, to): (usize, usize)| window[from..to].iter().fold(0, |n, c| 10 * n + i64::from(c - b'0'));
        let whole = nanoseconds([(0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15)].map(number))?;
        let suffix = match bytes[start + 15..].split_first() {
            Some((&separator @ (b'.' | b'_' | b'-'), rest)) => Suffix { separator, digits: take_digits(rest).0 },
            _ => Suffix { separator: 0, digits: &[] },
        };
        Some((whole, suffix))
    })
}

/// Tells fractions of a second from counters. A decimal point may have any digits behind it, or none; other separators
/// three or six in every name. Numbers that mostly grow by one from frame to frame are counters.
fn are_fractions(suffixes: &[Suffix<'_>]) -> bool {
    let points = suffixes.iter().all(|s| matches!(s.separator, b'.' | 0));
    let n_digits = suffixes.first().map_or(0, |s| s.digits.len());
    let regular = matches!(n_digits, 3 | 6) && suffixes.iter().all(|s| s.digits.len() == n_digits);
    if !(points || regular) || suffixes.iter().all(|s| s.digits.is_empty()) {
        return false;
    }
    let value = |s: &Suffix<'_>| s.digits.iter().take(18).fold(0i64, |n, c| 10 * n + i64::from(c - b'0'));
    let n_by_one = suffixes.windows(2).filter(|w| value(&w[1]) == value(&w[0]) + 1).count();
    2 * n_by_one < suffixes.len() - 1 || suffixes.len() < 2
}

/// A date and time of day with separators, as in text rather than in the names of files.
fn calendar_times(names: &[String]) -> Option<NameTimes> {
    let found: Vec<(i64, bool)> = names.iter().map(|name| civil::parse(name)).collect::<Option<_>>()?;
    let whole_seconds = found.iter().all(|(_, fraction)| !fraction);
    let ns = found.into_iter().map(|(ns, _)| ns).collect();
    Some(NameTimes { ns, rule: "YYYY-MM-DD HH:MM:SS", whole_seconds, absolute: true })
}

/// A run of 13 digits that is a time between 2001 and 2100 in milliseconds since 1970.
fn epoch_milliseconds(names: &[String]) -> Option<NameTimes> {
    let of_name = |name: &String| {
        let runs = name.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
        let run = runs.filter(|run| run.len() == 13).find(|run| run[0].is_ascii_digit())?;
        let ms = run.iter().fold(0i64, |n, c| 10 * n + i64::from(c - b'0'));
        (1_000_000_000_000..4_102_444_800_000).contains(&ms).then_some(ms * (SECOND_NS / 1000))
    };
    let ns = names.iter().map(of_name).collect::<Option<_>>()?;
    Some(NameTimes { ns, rule: "milliseconds since 1970", whole_seconds: false, absolute: true })
}

/// `name_12.345s` as 12.345 s.
fn trailing_seconds(names: &[String]) -> Option<NameTimes> {
    let of_name = |name: &String| {
        let (_, number) = name.strip_suffix(['s', 'S'])?.rsplit_once('_')?;
        let plain = number.bytes().all(|c| c.is_ascii_digit() || c == b'.');
        let seconds: f64 = number.parse().ok().filter(|s: &f64| plain && *s < 1e9)?;
        Some((seconds * SECOND_NS as f64).round() as i64)
    };
    let ns: Vec<i64> = names.iter().map(of_name).collect::<Option<_>>()?;
    let whole_seconds = ns.iter().all(|t| t % SECOND_NS == 0);
    Some(NameTimes { ns, rule: "seconds at the end", whole_seconds, absolute: false })
}

/// The digits that a text begins with, and the rest.
pub(crate) fn take_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let n = text.iter().take_while(|c| c.is_ascii_digit()).count();
    text.split_at(n)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_string()).collect()
    }

    fn seconds(stamps: &NameTimes) -> Vec<f64> {
        stamps.ns.iter().map(|t| (t - stamps.ns[0]) as f64 / 1e9).collect()
    }

    #[test]
    fn times_are_taken_only_if_every_name_has_one() {
        let stamps = times_of_names(&names(&["20240229_235959.5", "20240301_000001.25", "20240301_000003"])).unwrap();
        assert_eq!(seconds(&stamps), [0.0, 1.75, 3.5], "across midnight and the end of February");
        assert!(stamps.rule.contains("YYYYMMDD") && stamps.absolute && !stamps.whole_seconds);
        assert!(times_of_names(&names(&["20240229_235959", "x"])).is_none());
        assert!(times_of_names(&names(&["20240229_235959_1", "20240229_235959_2"])).is_none(), "start of a session");
        assert!(times_of_names(&names(&["20241329_235959", "20241330_235959"])).is_none(), "month 13");
        assert!(times_of_names(&names(&["120240229_2359590", "120240229_2359591"])).is_none(), "counters");
        let stamps = times_of_names(&names(&["f_0.5s", "f_0.75s"])).unwrap();
        assert_eq!((seconds(&stamps), stamps.absolute), (vec![0.0, 0.25], false));
        assert!(times_of_names(&names(&["frame_001", "frame_002"])).is_none());
        assert!(times_of_names(&names(&["a_infs", "a_nans"])).is_none());
    }

    #[test]
    fn fractions_are_told_from_counters() {
        for separator in ['.', '_', '-'] {
            let list: Vec<String> =
                [0, 17, 33, 983].iter().map(|ms| format!("20230922_221431{separator}{ms:03}")).collect();
            assert_eq!(seconds(&times_of_names(&list).unwrap()), [0.0, 0.017, 0.033, 0.983], "{separator}");
            let list: Vec<String> =
                (0..120).map(|i| format!("20230922_2214{}{separator}{:03}", 31 + i / 60, i % 60)).collect();
            let stamps = times_of_names(&list).unwrap();
            assert!(stamps.whole_seconds, "{separator}");
            assert_eq!((stamps.ns[59] - stamps.ns[0], stamps.ns[60] - stamps.ns[0]), (0, SECOND_NS), "{separator}");
        }
        let list: Vec<String> = (0..90).map(|i| format!("20230922_2214{}_{i:05}", 31 + i / 30)).collect();
        assert!(times_of_names(&list).unwrap().whole_seconds, "a counter that runs on");
    }

    #[test]
    fn times_with_separators_are_times() {
        let stamps = times_of_names(&names(&["2023-09-22T22:14:31.5", "2023-09-22 22:14:32"])).unwrap();
        assert_eq!((seconds(&stamps), stamps.whole_seconds, stamps.absolute), (vec![0.0, 0.5], false, true));
        assert!(times_of_names(&names(&["2023-09-22T22:14:31", "2023-09-22T22:14:33"])).unwrap().whole_seconds);
    }

    #[test]
    fn milliseconds_since_1970_are_times() {
        let stamps = times_of_names(&names(&["img1695420871000", "img1695420871017"])).unwrap();
        assert_eq!((seconds(&stamps), stamps.ns[0]), (vec![0.0, 0.017], 1_695_420_871 * SECOND_NS));
        assert!(times_of_names(&names(&["img0000000000001", "img0000000000002"])).is_none());
    }

    #[test]
    fn a_clock_that_was_set_back_is_no_reason_to_drop_the_times() {
        let second = |i: i64| if i < 60 { i } else { i - 30 };
        let list: Vec<String> = (0..90).map(|i| format!("{i:04}_20231105_0230{:02}", second(i) % 60)).collect();
        assert_eq!(times_of_names(&list).unwrap().ns.windows(2).filter(|w| w[1] < w[0]).count(), 1);
        let random: Vec<String> = (0..90).map(|i| format!("{i:04}_20231105_0230{:02}", i * 37 % 60)).collect();
        assert!(times_of_names(&random).is_none());
    }
}
