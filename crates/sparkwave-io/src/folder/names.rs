//! What the names of single frames say: their order, and sometimes their times.

use std::cmp::Ordering;

/// Compares names so that runs of digits count as numbers: `a2 < a10`.
pub(super) fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    loop {
        match (x.first(), y.first()) {
            (Some(p), Some(q)) if p.is_ascii_digit() && q.is_ascii_digit() => {
                let (n, rest_x) = take_digits(x);
                let (m, rest_y) = take_digits(y);
                // Numbers of any length: without leading zeros the longer one is larger.
                let (n, m) = (trim_zeros(n), trim_zeros(m));
                match n.len().cmp(&m.len()).then_with(|| n.cmp(m)) {
                    Ordering::Equal => (x, y) = (rest_x, rest_y),
                    unequal => return unequal,
                }
            }
            (Some(p), Some(q)) if p == q => (x, y) = (&x[1..], &y[1..]),
            // Names that differ only in leading zeros are put into some fixed order.
            (None, None) => return a.cmp(b),
            (p, q) => return p.cmp(&q),
        }
    }
}

fn take_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let n = text.iter().take_while(|c| c.is_ascii_digit()).count();
    text.split_at(n)
}

fn trim_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&c| c == b'0').count();
    &digits[zeros..]
}

/// The times of the frames in seconds, with the rule that found them, if one rule fits every name and the times
/// increase from name to name.
///
/// The rules: a date and time of day `YYYYMMDD_HHMMSS`, with fractions `.fff` or not, anywhere in the name; or a number
/// of seconds at its end, `_12.345s`.
pub(super) fn stamps_of_names(names: &[String]) -> Option<(Vec<f64>, &'static str)> {
    type Rule = fn(&str) -> Option<f64>;
    const RULES: [(Rule, &str); 2] =
        [(date_and_time, "file names (YYYYMMDD_HHMMSS)"), (trailing_seconds, "file names (seconds at the end)")];
    if names.len() < 2 {
        return None;
    }
    RULES.into_iter().find_map(|(rule, name)| {
        let stamps: Vec<f64> = names.iter().map(|n| rule(n)).collect::<Option<_>>()?;
        stamps.windows(2).all(|w| w[1] > w[0]).then_some((stamps, name))
    })
}

/// Seconds since 1970 by the civil calendar, of the first `YYYYMMDD_HHMMSS[.fff]` in the text.
fn date_and_time(name: &str) -> Option<f64> {
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
        let number = |from: usize, to: usize| window[from..to].iter().fold(0, |n, c| 10 * n + i64::from(c - b'0'));
        let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
        let (hour, minute, second) = (number(9, 11), number(11, 13), number(13, 15));
        let plausible = (1970..=2200).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        let whole = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        plausible.then(|| whole as f64 + fraction_after(&bytes[start + 15..]))
    })
}

/// `.123` at the start of the text as 0.123, else 0. A dot without digits is the start of an extension.
fn fraction_after(text: &[u8]) -> f64 {
    let Some((b'.', rest)) = text.split_first() else { return 0.0 };
    let (digits, _) = take_digits(rest);
    let (value, scale) = digits.iter().take(9).fold((0.0, 1.0), |(v, s), c| (10.0 * v + f64::from(c - b'0'), 10.0 * s));
    value / scale
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar: years are counted from March, so that leap days fall on
/// their ends; 719,468 days lie between 0000-03-01 and 1970-01-01.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `name_12.345s` as 12.345.
fn trailing_seconds(name: &str) -> Option<f64> {
    let (_, number) = name.strip_suffix(['s', 'S'])?.rsplit_once('_')?;
    let plain = number.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    number.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_string()).collect()
    }

    #[test]
    fn digits_count_as_numbers() {
        let mut list = ["a10", "a9", "a09b", "a1", "b", "a", "99999999999999999999999", "100000000000000000000000"];
        list.sort_by(|a, b| natural_order(a, b));
        let expected = ["99999999999999999999999", "100000000000000000000000", "a", "a1", "a9", "a09b", "a10", "b"];
        assert_eq!(list, expected);
        assert_eq!(natural_order("帧2", "帧10"), Ordering::Less);
    }

    #[test]
    fn dates_are_days_of_the_civil_calendar() {
        // Python: (date(2024, 2, 29) - date(1970, 1, 1)).days = 19782; date(2000, 3, 1) gives 11017.
        assert_eq!(days_from_civil(2024, 2, 29), 19_782);
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
        assert_eq!(days_from_civil(1970, 1, 1), 0);
    }

    #[test]
    fn times_are_taken_only_if_every_name_has_one() {
        let (stamps, rule) =
            stamps_of_names(&names(&["20240229_235959.5", "20240301_000001.25", "20240301_000003"])).unwrap();
        assert_eq!((stamps[1] - stamps[0], stamps[2] - stamps[1]), (1.75, 1.75));
        assert!(rule.contains("YYYYMMDD"));
        assert!(stamps_of_names(&names(&["20240229_235959", "x"])).is_none());
        assert!(stamps_of_names(&names(&["20240229_235959", "20240229_235959"])).is_none(), "not increasing");
        assert!(stamps_of_names(&names(&["20241329_235959", "20241330_235959"])).is_none(), "month 13");
        assert!(stamps_of_names(&names(&["120240229_2359590", "120240229_2359591"])).is_none(), "counters");
        let (stamps, _) = stamps_of_names(&names(&["f_0.5s", "f_0.75s"])).unwrap();
        assert_eq!(stamps, [0.5, 0.75]);
        assert!(stamps_of_names(&names(&["frame_001", "frame_002"])).is_none());
        assert!(stamps_of_names(&names(&["a_infs", "a_nans"])).is_none());
    }
}
