//! COCO's run-length code (`rleEncode` and `rleToString` of its mask API).

use sparkwave_core::mask::Mask;

/// The packed run lengths of a mask in an image of `(height, width)` pixels.
///
/// Runs go down the columns, from the left, and begin with pixels outside. Each is written in groups of five bits, lowest
/// first, with a sixth bit if more follow, as characters from `0` on; from the fourth run on, the difference from the run
/// before the last is written instead, whose sign is the highest bit of the last group.
pub(super) fn encode(mask: &Mask, (height, width): (usize, usize)) -> String {
    let counts = run_lengths(mask, height, width);
    let mut text = String::new();
    for (i, &count) in counts.iter().enumerate() {
        let mut rest = if i > 2 { count - counts[i - 2] } else { count };
        loop {
            let group = (rest & 0x1f) as u8;
            rest >>= 5;
            let more = if group & 0x10 == 0 { rest != 0 } else { rest != -1 };
            text.push(char::from(48 + group + if more { 0x20 } else { 0 }));
            if !more {
                break;
            }
        }
    }
    text
}

fn run_lengths(mask: &Mask, height: usize, width: usize) -> Vec<i64> {
    let mut counts = vec![0];
    let mut inside = false;
    // The mask within its box; what stands before, between and behind its columns is outside.
    let bits = mask.bits();
    let mut add = |value: bool, n: usize| {
        if value != inside && n > 0 {
            counts.push(0);
            inside = value;
        }
        if let Some(last) = counts.last_mut() {
            *last += n as i64;
        }
    };
    let (rows, columns) = bits.dim();
    add(false, mask.x0() * height);
    for column in bits.columns() {
        add(false, mask.y0());
        column.iter().for_each(|&bit| add(bit, 1));
        add(false, height - mask.y0() - rows);
    }
    add(false, (width - mask.x0() - columns) * height);
    counts
}
