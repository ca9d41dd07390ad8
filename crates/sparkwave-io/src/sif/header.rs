//! The text before the pixels.
//!
//! Numbers and strings stand between spaces and line ends; a few fields are single bytes of any value, and the text of the
//! user may hold anything. So the first fields are taken one by one, and the extents are found by the words before them:
//!
//! ```text
//! Pixel number65541 LEFT TOP RIGHT BOTTOM FRAMES AREAS LENGTH_OF_ALL LENGTH_OF_FRAME
//! 65538 LEFT TOP RIGHT BOTTOM BIN_Y BIN_X OFFSET         one line for each area of the sensor that was read out
//! TIME                                                   one line for each frame, us
//! ```
//!
//! Newer files have one more line behind these, `0`, or `1` and again a number for each frame.

use super::MAGIC;
use crate::error::Error;
use crate::limits::MAX_FRAMES;
use crate::read_at::ReadAt;
use std::io::{BufRead, BufReader, Read};

/// Bytes in which the extents must be found: the text of the user has some kilobytes.
const MAX_HEAD_BYTES: u64 = 1 << 20;
/// Longest line behind the extents.
const MAX_LINE_BYTES: u64 = 256;
/// The words before the extents.
const EXTENTS: &[u8] = b"Pixel number";
/// The version of the header that has a second number for each frame.
const VERSION_OF_SECOND_TABLE: u64 = 65_567;
/// Seconds from 1970 to 2200.
const MAX_TIME_S: f64 = 7_258_118_400.0;

/// What the header says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) height: u64,
    pub(super) width: u64,
    pub(super) n_frames: u64,
    /// One time a frame.
    pub(super) stamps_us: Vec<f64>,
    /// Time from frame to frame.
    pub(super) kinetic_cycle_s: Option<f64>,
    /// Start of the recording since 1970, UTC.
    pub(super) started_s: Option<f64>,
    /// Offset of the first pixel.
    pub(super) pixels_at: u64,
}

impl Header {
    pub(super) fn read(file: &ReadAt) -> Result<Self, Error> {
        let bad = |expected: &str, found: String| Error::malformed("read", file.path(), expected, found);
        let mut head = vec![0; file.len().min(MAX_HEAD_BYTES) as usize];
        file.read(&mut head, 0, || "the header".into())?;
        let fields = Fields(head.get(MAGIC.len()..).unwrap_or_default());
        let Camera { version, started_s, kinetic_cycle_s } = Camera::parse(fields);
        let (extents, end) = find_extents(&head)
            .ok_or_else(|| bad("the extents, behind the words 'Pixel number'", "a header without them".into()))?;
        let [n_frames, n_areas, total_len, frame_len] = extents;
        if n_areas != 1 {
            let expected = "one area of the sensor in each frame";
            return Err(Error::unsupported("open", file.path(), expected, format!("{n_areas}")));
        }
        let mut lines = Lines::new(file, end as u64);
        let area = lines.next()?;
        let [height, width] = extents_of_area(&area).ok_or_else(|| {
            bad("the corners of an area and its binning", String::from_utf8_lossy(&area).into_owned())
        })?;
        if height.checked_mul(width) != Some(frame_len) || frame_len.checked_mul(n_frames) != Some(total_len) {
            let found = format!("{n_frames} frames, {frame_len} pixels in each and {total_len} in all");
            return Err(bad(&format!("frames of {height} x {width} pixels"), found));
        }
        // A line has two bytes at least.
        if n_frames > MAX_FRAMES || 2 * n_frames > file.len() {
            let found = format!("{n_frames} in a file of {} bytes", file.len());
            return Err(Error::limit("open", file.path(), format!("at most {MAX_FRAMES} frames"), found));
        }
        let mut stamps_us = Vec::with_capacity(n_frames as usize);
        for frame in 0..n_frames {
            let line = lines.next()?;
            let stamp = number::<i64>(&line).ok_or_else(|| {
                bad(&format!("the time of frame {frame} of {n_frames}"), String::from_utf8_lossy(&line).into_owned())
            })?;
            stamps_us.push(stamp as f64);
        }
        let mut pixels_at = lines.offset;
        match (lines.next().as_deref(), version) {
            (Ok(b"0\n"), _) => pixels_at += 2,
            (Ok(b"1\n"), Some(VERSION_OF_SECOND_TABLE)) => {
                for _ in 0..n_frames {
                    lines.next()?;
                }
                pixels_at = lines.offset;
            }
            // Pixels already.
            _ => {}
        }
        Ok(Self { height, width, n_frames, stamps_us, kinetic_cycle_s, started_s, pixels_at })
    }
}

/// The fields about the recording; what cannot be read is unknown.
#[derive(Debug, Default)]
struct Camera {
    version: Option<u64>,
    started_s: Option<f64>,
    kinetic_cycle_s: Option<f64>,
}

impl Camera {
    /// Reads the fields behind the first line.
    fn parse(mut fields: Fields<'_>) -> Self {
        let mut camera = Self::default();
        // Version of the file, and whether it has a signal.
        let _ = (fields.word(), fields.word());
        camera.version = fields.number();
        // Kind, active, version of the structure.
        let _ = (fields.word(), fields.word(), fields.word());
        camera.started_s = fields.number().filter(|s: &f64| *s > 0.0 && *s < MAX_TIME_S);
        // Temperature; then head, store, data, mode, trigger: a byte of any value each, and a space.
        let _ = (fields.word(), fields.skip(11));
        // Trigger level, exposure, delay, cycle of accumulation, number of accumulations; then synchronisation, a byte.
        let _ = (fields.word(), fields.word(), fields.word(), fields.word(), fields.word(), fields.skip(3));
        camera.kinetic_cycle_s = fields.number().filter(|s: &f64| s.is_finite() && *s > 0.0);
        camera
    }
}

/// Bytes that are taken field by field.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The bytes up to the next space or line end, which stays; spaces and line ends before them are passed over.
    fn word(&mut self) -> Option<&'a str> {
        let is_end = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r');
        let start = self.0.iter().position(|byte| !is_end(byte))?;
        let len = self.0[start..].iter().position(is_end)?;
        let word = &self.0[start..start + len];
        self.0 = &self.0[start + len..];
        std::str::from_utf8(word).ok()
    }

    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.word()?.parse().ok()
    }

    /// Passes over the space behind the last word and bytes of any value, `n` together.
    fn skip(&mut self, n: usize) {
        self.0 = self.0.get(n..).unwrap_or_default();
    }
}

/// Frames, areas, pixels in all and in a frame, and where the next line begins. The words stand in front of the names of
/// the axes as well; only the line that is meant goes on with nine numbers.
fn find_extents(head: &[u8]) -> Option<([u64; 4], usize)> {
    let mut from = 0;
    while let Some(at) = head[from..].windows(EXTENTS.len()).position(|words| words == EXTENTS) {
        from += at + EXTENTS.len();
        let end = from + head[from..].iter().position(|byte| *byte == b'\n')?;
        if let Some([_, _, _, _, _, n_frames, n_areas, total, frame]) = numbers(&head[from..end]) {
            return Some(([n_frames, n_areas, total, frame], end + 1));
        }
    }
    None
}

/// Height and width of an area after binning.
fn extents_of_area(line: &[u8]) -> Option<[u64; 2]> {
    let [_, left, top, right, bottom, bin_y, bin_x, _] = numbers(line)?;
    let extent = |from: u64, to: u64, bin: u64| to.checked_sub(from)?.checked_add(1)?.checked_div(bin);
    Some([extent(bottom, top, bin_y)?, extent(left, right, bin_x)?])
}

/// The numbers of a line, if it has just so many.
fn numbers<const N: usize>(line: &[u8]) -> Option<[u64; N]> {
    let text = std::str::from_utf8(line).ok()?;
    let numbers: Option<Vec<u64>> = text.split_ascii_whitespace().map(|word| word.parse().ok()).collect();
    numbers?.try_into().ok()
}

fn number<T: std::str::FromStr>(line: &[u8]) -> Option<T> {
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

/// The lines of a file from an offset on.
struct Lines<'a> {
    file: &'a ReadAt,
    reader: BufReader<Tail<'a>>,
    /// Where the next line begins.
    offset: u64,
}

impl<'a> Lines<'a> {
    fn new(file: &'a ReadAt, offset: u64) -> Self {
        let reader = BufReader::with_capacity(1 << 16, Tail { file, offset });
        Self { file, reader, offset }
    }

    /// The next line with its end, or the first [`MAX_LINE_BYTES`] of it.
    fn next(&mut self) -> Result<Vec<u8>, Error> {
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        self.offset += read.map_err(|e| Error::io("read", self.file.path(), e))? as u64;
        Ok(line)
    }
}

struct Tail<'a> {
    file: &'a ReadAt,
    offset: u64,
}

impl Read for Tail<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read_some(buffer, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The bytes behind the temperature are no text; here they are a line end and a space among others.
    #[test]
    fn fields_behind_bytes_of_any_value_are_found() {
        let text = b"\n65538 1\n65559 0 0 1 1254330082 -100 \n a \x20 \0 \x05 0 1 1.02968 1.02962 1 \n 1.5 1e-07 0 1\n";
        let camera = Camera::parse(Fields(text));
        assert_eq!(
            (camera.version, camera.started_s, camera.kinetic_cycle_s),
            (Some(65_559), Some(1_254_330_082.0), Some(1.5))
        );
        let cut = Camera::parse(Fields(&text[..40]));
        assert_eq!((cut.version, cut.kinetic_cycle_s), (Some(65_559), None));
    }

    #[test]
    fn extents_are_the_line_with_nine_numbers() {
        let head = b"12\nPixel number6\nCounts12\nPixel number65538 1 512 512 1 7 1 21 3\nrest";
        assert_eq!(find_extents(head), Some(([7, 1, 21, 3], head.len() - 4)));
        assert_eq!(find_extents(b"Pixel number65538 1 512 512 1 7 1 21\n"), None);
        assert_eq!(find_extents(b"Pixel number65538 1 512 512 1 7 1 21 3"), None);
    }

    #[test]
    fn binning_divides_and_corners_are_inclusive() {
        assert_eq!(extents_of_area(b"65538 1 512 510 3 2 1 0\n"), Some([255, 510]));
        assert_eq!(extents_of_area(b"65538 1 512 510 3 0 1 0\n"), None);
        assert_eq!(extents_of_area(b"65538 9 512 1 3 1 1 0\n"), None);
    }
}
