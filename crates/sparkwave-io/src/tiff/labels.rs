//! The labels that ImageJ shows above the slices of a stack, in its tags 50838 and 50839. They are the names of the files
//! that a stack was put together from, or what a program that drove a camera wrote, and often tell times.
//!
//! Layout (`ij.io.TiffEncoder`): a header of 4-byte words, `IJIJ` and for each kind of entry its name and number; then the
//! entries. The lengths of the header and of all entries in bytes are the values of tag 50838. A label is UTF-16. All of it
//! is in the byte order of the file.

use super::index::{Header, Ifd};
use super::page::tag;
use crate::error::Error;
use crate::frame_times::Times;
use crate::name_times::times_of_names;
use crate::read_at::ReadAt;
use crate::stamp;
use sparkwave_core::recording::{FrameTimes, Recording};

const MAGIC: u32 = u32::from_be_bytes(*b"IJIJ");
const LABELS: u32 = u32::from_be_bytes(*b"labl");

/// The labels of all slices in order; empty if there are none.
pub(super) fn read(file: &ReadAt, header: Header, first: &Ifd) -> Result<Vec<String>, Error> {
    if !first.has(tag::IMAGEJ_LENGTHS) || !first.has(tag::IMAGEJ_METADATA) {
        return Ok(Vec::new());
    }
    let lengths = first.integers(file, header, tag::IMAGEJ_LENGTHS)?.unwrap_or_default();
    let bytes = first.bytes(file, header, tag::IMAGEJ_METADATA)?.map(|(_, bytes)| bytes).unwrap_or_default();
    // Damaged labels are no labels: the pixels do not depend on them.
    Ok(decode(&lengths, &bytes, header).unwrap_or_default())
}

fn decode(lengths: &[u64], bytes: &[u8], header: Header) -> Option<Vec<String>> {
    let (head_len, entry_lens) = lengths.split_first()?;
    let (head, mut rest) = bytes.split_at_checked(usize::try_from(*head_len).ok()?)?;
    let words: Vec<u32> = head.chunks_exact(4).map(|word| header.u32(word)).collect();
    let (&MAGIC, kinds) = words.split_first()? else { return None };
    let mut entry_lens = entry_lens;
    for kind in kinds.chunks_exact(2) {
        let (of_kind, others) = entry_lens.split_at_checked(kind[1] as usize)?;
        let mut labels = Vec::new();
        for len in of_kind {
            let (entry, later) = rest.split_at_checked(usize::try_from(*len).ok()?)?;
            if kind[0] == LABELS {
                let units: Vec<u16> = entry.chunks_exact(2).map(|unit| header.u16(unit)).collect();
                labels.push(String::from_utf16_lossy(&units));
            }
            rest = later;
        }
        if kind[0] == LABELS {
            return Some(labels);
        }
        entry_lens = others;
    }
    None
}

/// Notes the times that the labels of the frames tell, if all of them do.
pub(super) fn note_times(labels: &[String], recording: &mut Recording) {
    let names: Vec<String> = labels.iter().map(|label| label.lines().next().unwrap_or_default().to_owned()).collect();
    if let Some(times) = times_of_names(&names) {
        Times::of_names(times, "ImageJ slice labels").record(recording);
    }
}

/// Labels that tell the time of every frame to the microsecond, as [`note_times`] understands them; `None` if the times
/// are regular, not known, or cannot be told so.
pub(super) fn of_times(recording: &Recording, n_frames: usize) -> Option<Vec<String>> {
    const US_PER_S: f64 = 1e6;
    let times = &recording.frame_times.as_ref()?.value;
    if n_frames < 2 || matches!(times, FrameTimes::Regular { .. }) {
        return None;
    }
    let started_s = recording.started_s.as_ref().map(|s| s.value);
    let label = |frame| {
        let time_s = times.at(frame)?.get();
        let Some(started_s) = started_s else { return (time_s >= 0.0).then(|| format!("t_{time_s:.6}s")) };
        let us = ((started_s + time_s) * US_PER_S).round();
        Some(format!("{}.{:06}", stamp::stamp((us / US_PER_S).floor())?, us.rem_euclid(US_PER_S)))
    };
    (0..n_frames).map(label).collect()
}

/// The values of both tags, little-endian: the lengths, and the header with the labels.
pub(super) fn encode(labels: &[String]) -> (Vec<u8>, Vec<u8>) {
    let mut bytes: Vec<u8> = [MAGIC, LABELS, labels.len() as u32].iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut lengths = vec![bytes.len() as u32];
    for label in labels {
        let before = bytes.len();
        bytes.extend(label.encode_utf16().flat_map(u16::to_le_bytes));
        lengths.push((bytes.len() - before) as u32);
    }
    (lengths.iter().flat_map(|length| length.to_le_bytes()).collect(), bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sparkwave_core::recording::Sourced;

    const LITTLE: Header = Header { big_endian: false, big_tiff: false, first_ifd: 8 };

    fn words(bytes: &[u8]) -> Vec<u64> {
        bytes.chunks_exact(4).map(|word| u64::from(LITTLE.u32(word))).collect()
    }

    #[test]
    fn labels_come_back_behind_entries_of_other_kinds() {
        let labels = ["a".to_owned(), String::new(), "帧 3\nline".to_owned()];
        let (lengths, bytes) = encode(&labels);
        assert_eq!(decode(&words(&lengths), &bytes, LITTLE).unwrap(), labels);
        // Two ranges of 3 and 5 bytes before the labels.
        let range = u32::from_be_bytes(*b"rang").to_le_bytes();
        let more = [&bytes[..4], &range, &2u32.to_le_bytes(), &bytes[4..12], &[7; 8], &bytes[12..]].concat();
        let mut lengths = words(&lengths);
        lengths[0] = 20;
        lengths.splice(1..1, [3, 5]);
        assert_eq!(decode(&lengths, &more, LITTLE).unwrap(), labels);
    }

    #[test]
    fn damaged_labels_are_none() {
        let (lengths, bytes) = encode(&["abc".to_owned(), "d".to_owned()]);
        let lengths = words(&lengths);
        assert_eq!(decode(&lengths, &bytes[..bytes.len() - 1], LITTLE), None);
        assert_eq!(decode(&lengths[..2], &bytes, LITTLE), None);
        assert_eq!(decode(&[u64::MAX, 6], &bytes, LITTLE), None);
        assert_eq!(decode(&[], &bytes, LITTLE), None);
        assert_eq!(decode(&[12, 2], &[0; 40], LITTLE), None);
    }

    #[test]
    fn times_become_labels_and_come_back() {
        for started_s in [None, Some(1_695_427_199.25)] {
            let times = FrameTimes::Stamped(vec![5.0, 5.5, 5.75, 8.123_456]);
            let recording = Recording {
                frame_times: Some(Sourced::new(times, "test")),
                started_s: started_s.map(|s| Sourced::new(s, "test")),
                ..Recording::default()
            };
            let labels = of_times(&recording, 4).unwrap();
            assert_eq!(labels[3], if started_s.is_some() { "20230923_000002.373456" } else { "t_3.123456s" });
            let mut read = Recording::default();
            note_times(&labels, &mut read);
            let Some(FrameTimes::Stamped(stamps)) = read.frame_times.map(|t| t.value) else { panic!("stamps") };
            let expected = [0.0, 0.5, 0.75, 3.123_456];
            assert!(stamps.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-6), "{stamps:?}");
            assert_eq!(read.started_s.map(|s| s.value), started_s);
        }
    }

    #[test]
    fn what_tells_no_times_is_left_aside() {
        let mut recording = Recording::default();
        note_times(&["cell 1".to_owned(), "cell 2".to_owned()], &mut recording);
        note_times(&[], &mut recording);
        assert_eq!(recording, Recording::default());
        assert_eq!(of_times(&recording, 2), None);
    }
}
