//! The order of the names of single frames.

use crate::name_times::take_digits;
use std::cmp::Ordering;

/// Compares names so that runs of digits count as numbers: `a2 < a10`.
#[must_use]
pub fn natural_order(a: &str, b: &str) -> Ordering {
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

fn trim_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&c| c == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_count_as_numbers() {
        let mut list = ["a10", "a9", "a09b", "a1", "b", "a", "99999999999999999999999", "100000000000000000000000"];
        list.sort_by(|a, b| natural_order(a, b));
        let expected = ["99999999999999999999999", "100000000000000000000000", "a", "a1", "a9", "a09b", "a10", "b"];
        assert_eq!(list, expected);
        assert_eq!(natural_order("帧2", "帧10"), Ordering::Less);
    }
}
