//! Civil dates and times of day as nanoseconds since 1970-01-01 00:00 on the clock of the recording computer, whose time
//! zone files do not tell.

use jiff::civil::{DateTime, date};

/// Nanoseconds in a second.
pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// Nanoseconds since 1970 of year, month, day, hour, minute and second; `None` if there is no such moment between 1970
/// and 2200.
pub(crate) fn nanoseconds(parts: [i64; 6]) -> Option<i64> {
    let year = i16::try_from(parts[0]).ok().filter(|year| (1970..=2200).contains(year))?;
    let mut rest = [0i8; 5];
    for (small, part) in rest.iter_mut().zip(&parts[1..]) {
        *small = i8::try_from(*part).ok()?;
    }
    let [month, day, hour, minute, second] = rest;
    let moment = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    i64::try_from(moment.duration_since(date(1970, 1, 1).at(0, 0, 0, 0)).as_nanos()).ok()
}

/// Digits behind a decimal point as nanoseconds; those beyond the ninth are dropped.
pub(crate) fn fraction_ns(digits: &[u8]) -> i64 {
    let digit = |i: usize| digits.get(i).map_or(0, |c| i64::from(c.wrapping_sub(b'0') % 10));
    (0..9).fold(0, |ns, i| 10 * ns + digit(i))
}

/// Nanoseconds since 1970 of a date and time of day as text, `YYYY-MM-DDTHH:MM:SS` or `YYYY:MM:DD HH:MM:SS`, with or
/// without a fraction, and whether there is one. A time zone behind it is left aside.
pub(crate) fn parse(text: &str) -> Option<(i64, bool)> {
    let bytes = text.trim().as_bytes();
    let head = bytes.get(..19)?;
    let separators = [(4, b"-:/"), (7, b"-:/"), (10, b"T _"), (13, b":::"), (16, b":::")];
    if !separators.iter().all(|(at, allowed)| allowed.contains(&head[*at])) {
        return None;
    }
    let number = |(from, to): (usize, usize)| std::str::from_utf8(head.get(from..to)?).ok()?.parse::<u16>().ok();
    let mut parts = [0; 6];
    for (part, range) in parts.iter_mut().zip([(0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19)]) {
        *part = i64::from(number(range)?);
    }
    let whole = nanoseconds(parts)?;
    let fraction = match &bytes[19..] {
        [b'.' | b',', rest @ ..] => &rest[..rest.iter().take_while(|c| c.is_ascii_digit()).count()],
        _ => &[],
    };
    Some((whole + fraction_ns(fraction), !fraction.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_of_the_civil_calendar() {
        // Python: (date(2024, 2, 29) - date(1970, 1, 1)).days = 19782; date(2000, 3, 1) gives 11017.
        let days = |y, m, d| nanoseconds([y, m, d, 0, 0, 0]).map(|ns| ns / 86_400 / SECOND_NS);
        assert_eq!((days(2024, 2, 29), days(2000, 3, 1), days(1970, 1, 1)), (Some(19_782), Some(11_017), Some(0)));
        assert_eq!((days(2023, 2, 29), days(2023, 13, 1), nanoseconds([2023, 1, 1, 24, 0, 0])), (None, None, None));
    }

    #[test]
    fn texts_of_both_notations_are_read() {
        let whole = 1_695_420_871 * SECOND_NS;
        assert_eq!(parse("2023-09-22T22:14:31"), Some((whole, false)));
        assert_eq!(parse("2023:09:22 22:14:31.25"), Some((whole + 250_000_000, true)));
        assert_eq!(parse("2023-09-22T22:14:31.5Z"), Some((whole + 500_000_000, true)));
        assert_eq!(parse("22.09.2023 22:14:31"), None);
        assert_eq!(parse("2023-09-22"), None);
    }
}
