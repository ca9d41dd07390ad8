//! Dates and times in names: `YYYYMMDD_HHMMSS` on the clock of the recording computer, whose zone files do not tell.

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

const FORMAT: &str = "%Y%m%d_%H%M%S";

/// The name of a moment given in seconds since 1970-01-01 00:00, rounded to whole seconds; `None` beyond the years 0 to
/// 9999.
pub fn stamp(seconds: f64) -> Option<String> {
    let duration = SignedDuration::try_from_secs_f64(seconds.round()).ok()?;
    let moment = date(1970, 1, 1).at(0, 0, 0, 0).checked_add(duration).ok()?;
    (moment.year() >= 0).then(|| moment.strftime(FORMAT).to_string())
}

/// Seconds since 1970-01-01 00:00 of a name such as `20230922_221431`; `None` if it is not one, or no such moment exists.
pub fn seconds(stamp: &str) -> Option<f64> {
    let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|byte| byte.is_ascii_digit());
    let (day, time) = stamp.split_once('_')?;
    if !digits(day, 8) || !digits(time, 6) {
        return None;
    }
    let moment = DateTime::strptime(FORMAT, stamp).ok()?;
    Some(moment.duration_since(date(1970, 1, 1).at(0, 0, 0, 0)).as_secs_f64())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn moments_come_back_as_they_were() {
        // date --utc --date '2023-09-22 22:14:31' +%s
        assert_eq!(seconds("20230922_221431"), Some(1_695_420_871.0));
        assert_eq!(stamp(1_695_420_871.4).unwrap(), "20230922_221431");
        // Across midnight of a leap day.
        assert_eq!(stamp(seconds("20240229_235959").unwrap() + 1.0).unwrap(), "20240301_000000");
        assert_eq!(stamp(-1.0).unwrap(), "19691231_235959");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in
            ["20230922221431", "20231322_000000", "20230230_000000", "2023922_221431", "20230922_2214311", "", "_"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!((stamp(f64::NAN), stamp(1e300), stamp(1e14)), (None, None, None));
    }
}
