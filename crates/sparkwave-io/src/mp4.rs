//! Videos for people: H.264 in MP4, which browsers and slides play.
//!
//! Colours lose half of their resolution (4:2:0) and everything loses a little to compression: videos are shown, not
//! measured. The encoder is Constrained Baseline with a fixed quantiser, fine enough for text and thin lines. The muxer
//! keeps the packed frames until the end, some tens of kilobytes each.

mod colour;
pub(crate) mod movie;

use crate::atomic::AtomicFile;
use crate::error::Error;
use muxide::api::{Muxer, MuxerBuilder, MuxerError, VideoCodec};
use ndarray::ArrayView3;
use rusty_h264::{Encoder, EncoderConfig, Preset};
use std::path::{Path, PathBuf};

/// Quantiser from 0 (finest) to 51. Edges of drawn lines show no ringing at this one.
const QUANTISER: u8 = 14;
/// Frames from one that stands by itself to the next: how far a player may have to go back when it jumps.
const KEYFRAME_INTERVAL: u32 = 50;
/// Largest side, px: that of the highest level of H.264, rounded down to whole blocks.
const MAX_SIDE_PX: usize = 8192;
/// Most packed bytes: the file's offsets have 32 bits, and the frames are in memory.
const MAX_PACKED_BYTES: u64 = 1 << 31;

/// A video under construction. The file appears under its name when [`Mp4Writer::finish`] returns.
pub struct Mp4Writer {
    path: PathBuf,
    height: usize,
    width: usize,
    frames_per_s: f64,
    encoder: Encoder,
    muxer: Muxer<AtomicFile>,
    n_frames: u64,
    n_packed_bytes: u64,
}

impl Mp4Writer {
    /// Starts a video. An odd width or height gets one more column or row, a copy of the last, as H.264 asks for.
    ///
    /// # Errors
    /// If a side is 0 or above 8192, the rate is not between 0.01 and 1000, or the file cannot be made.
    pub fn create(path: &Path, width: usize, height: usize, frames_per_s: f64) -> Result<Self, Error> {
        let sides = 1..=MAX_SIDE_PX;
        if !sides.contains(&width) || !sides.contains(&height) || !(0.01..=1000.0).contains(&frames_per_s) {
            let expected = format!("sides of 1 to {MAX_SIDE_PX} pixels and 0.01 to 1000 frames/s");
            let found = format!("{width} x {height} at {frames_per_s}");
            return Err(Error::refused("create", path, expected, found));
        }
        let (even_width, even_height) = (width.next_multiple_of(2), height.next_multiple_of(2));
        let config = EncoderConfig {
            qp: QUANTISER,
            gop_size: KEYFRAME_INTERVAL,
            framerate: frames_per_s as f32,
            preset: Preset::Balanced,
            // One frame out for each frame in.
            ..EncoderConfig::baseline(even_width, even_height)
        };
        let unfit = |e: String| Error::refused("create", path, "a size that H.264 can hold", e);
        let encoder = Encoder::new(config).map_err(|e| unfit(format!("{e:?}")))?;
        let muxer = MuxerBuilder::new(AtomicFile::create(path)?)
            .video(VideoCodec::H264, even_width as u32, even_height as u32, frames_per_s)
            .with_fast_start(true)
            .build()
            .map_err(|e| unfit(e.to_string()))?;
        Ok(Self { path: path.into(), height, width, frames_per_s, encoder, muxer, n_frames: 0, n_packed_bytes: 0 })
    }

    /// Appends a frame `[Y, X, 3]`, red, green and blue (sRGB).
    ///
    /// # Errors
    /// If its size is not the video's, or the packed frames pass 2 GiB.
    #[expect(clippy::needless_pass_by_value, reason = "a view is a pointer with extents, passed as ndarray does")]
    pub fn append(&mut self, rgb: ArrayView3<'_, u8>) -> Result<(), Error> {
        if rgb.dim() != (self.height, self.width, 3) {
            let (expected, found) =
                (format!("[{}, {}, 3] pixels", self.height, self.width), format!("{:?}", rgb.dim()));
            return Err(Error::refused("write", &self.path, expected, found));
        }
        let encode_error = |found: String| Error::refused("encode", &self.path, "a frame that H.264 can hold", found);
        let packed = self.encoder.try_encode(&colour::to_yuv(&rgb)).map_err(|e| encode_error(format!("{e:?}")))?;
        let packed = colour::declare_bt709(&packed);
        self.n_packed_bytes += packed.len() as u64;
        if self.n_packed_bytes > MAX_PACKED_BYTES {
            let expected = format!("at most {MAX_PACKED_BYTES} bytes of video");
            return Err(Error::limit("write", &self.path, expected, format!("more in {} frames", self.n_frames + 1)));
        }
        let time_s = self.n_frames as f64 / self.frames_per_s;
        let is_key = colour::nal_units(&packed).any(|unit| colour::kind(unit) == colour::KEY_SLICE);
        self.muxer.write_video(time_s, &packed, is_key).map_err(|e| muxer_error(&self.path, e))?;
        self.n_frames += 1;
        Ok(())
    }

    /// Writes the file and gives it its name.
    ///
    /// # Errors
    /// If there are no frames, or the disk is full; nothing is left behind then.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.n_frames == 0 {
            return Err(Error::refused("write", &self.path, "at least one frame", "none"));
        }
        self.muxer.finish_in_place().map_err(|e| muxer_error(&self.path, e))?;
        self.muxer.into_writer().finish()
    }
}

fn muxer_error(path: &Path, error: MuxerError) -> Error {
    match error {
        MuxerError::Io(e) => Error::io("write", path, e),
        other => Error::refused("write", path, "frames that MP4 can hold", other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::Array3;
    use rusty_h264::{Decoder, YuvFrame};

    /// A map of colours with a disc, thin lines and a grid that looks like text, moving.
    fn picture(height: usize, width: usize, frame: usize) -> Array3<u8> {
        Array3::from_shape_fn((height, width, 3), |(y, x, c)| {
            let (dy, dx) = (y as f64 - height as f64 / 2.0, x as f64 - width as f64 / 2.0 - 2.0 * frame as f64);
            let distance = dy.hypot(dx);
            let text = y < 20 && x < 60 && (x / 2 + y / 3) % 3 == 0;
            match () {
                () if text => 255,
                () if (distance - 40.0).abs() < 1.5 => [255, 60, 60][c],
                () if distance < 20.0 => [250, 220, 30][c],
                () => (60.0 + 50.0 * (y as f64 / 23.0 + c as f64).sin() + x as f64 / 8.0) as u8,
            }
        })
    }

    fn psnr(a: impl Iterator<Item = f64>) -> f64 {
        let (sum, n) = a.fold((0.0, 0.0), |(sum, n), difference| (sum + difference * difference, n + 1.0));
        10.0 * (255.0 * 255.0 * n / sum).log10()
    }

    /// Luma samples of the decoded frames.
    fn decode(path: &Path) -> (re_mp4::Mp4, Vec<YuvFrame>) {
        let (mp4, bytes) = re_mp4::Mp4::read_file(path).unwrap();
        let track = mp4.tracks().values().next().unwrap();
        let mut decoder = Decoder::new();
        let config = track.raw_codec_config(&mp4).unwrap();
        let mut stream = annex_b_of_config(&config);
        let mut frames = Vec::new();
        for sample in &track.samples {
            let mut rest = &bytes[sample.byte_range()];
            while let [a, b, c, d, tail @ ..] = rest {
                let n = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                stream.extend([0, 0, 0, 1]);
                stream.extend(&tail[..n]);
                rest = &tail[n..];
            }
            frames.extend(decoder.decode(&stream).unwrap());
            stream.clear();
        }
        (mp4, frames)
    }

    /// The parameter sets of an `avcC` box.
    fn annex_b_of_config(config: &[u8]) -> Vec<u8> {
        let n_sps = usize::from(u16::from_be_bytes([config[6], config[7]]));
        let pps = 8 + n_sps + 1;
        let n_pps = usize::from(u16::from_be_bytes([config[pps], config[pps + 1]]));
        let start = [0, 0, 0, 1];
        [&start, &config[8..8 + n_sps], &start, &config[pps + 2..pps + 2 + n_pps]].concat()
    }

    #[test]
    fn a_decoder_sees_what_was_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("视频.mp4");
        let (height, width) = (129, 191);
        let frames: Vec<Array3<u8>> = (0..KEYFRAME_INTERVAL as usize + 3).map(|i| picture(height, width, i)).collect();
        let mut writer = Mp4Writer::create(&path, width, height, 10.0).unwrap();
        for frame in &frames {
            writer.append(frame.view()).unwrap();
        }
        writer.finish().unwrap();
        let (mp4, decoded) = decode(&path);
        let track = mp4.tracks().values().next().unwrap();
        assert_eq!((track.width, track.height, decoded.len()), (192, 130, frames.len()));
        assert_eq!(track.samples.iter().filter(|sample| sample.is_sync).count(), 2);
        assert!(track.samples.windows(2).all(|s| s[1].decode_timestamp - s[0].decode_timestamp == 9000));
        assert_eq!(track.timescale, 90_000);
        for (frame, decoded) in frames.iter().zip(&decoded) {
            let expected = colour::to_yuv(&frame.view());
            let pairs = |a: &[u8], b: &[u8]| psnr(a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
            assert!(pairs(&expected.y, &decoded.y) > 40.0, "{}", pairs(&expected.y, &decoded.y));
            assert!(pairs(&expected.u, &decoded.u) > 38.0 && pairs(&expected.v, &decoded.v) > 38.0);
            let rgb = colour::to_rgb(decoded);
            // Where colours do not change from pixel to pixel, which half their resolution would blur.
            let smooth = (0..height).flat_map(|y| (0..width).map(move |x| (y, x))).filter(|&(y, x)| y > 25 && x < 40);
            let differences = smooth
                .flat_map(|at| (0..3).map(move |c| (at, c)))
                .map(|((y, x), c)| f64::from(frame[[y, x, c]]) - f64::from(rgb[[y, x, c]]));
            let psnr = psnr(differences);
            assert!(psnr > 35.0, "{psnr}");
        }
    }

    #[test]
    fn the_same_frames_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            let mut writer = Mp4Writer::create(&path, 64, 48, 7.5).unwrap();
            (0..3).for_each(|i| writer.append(picture(48, 64, i).view()).unwrap());
            writer.finish().unwrap();
            std::fs::read(path).unwrap()
        };
        assert_eq!(write("a.mp4"), write("b.mp4"));
    }

    #[test]
    fn wrong_calls_are_refused_and_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        for (width, height, rate) in [(0, 4, 10.0), (4, 9000, 10.0), (4, 4, 0.0), (4, 4, f64::NAN)] {
            assert!(matches!(Mp4Writer::create(&path, width, height, rate), Err(Error::Refused(_))));
        }
        let mut writer = Mp4Writer::create(&path, 20, 10, 10.0).unwrap();
        assert!(writer.append(Array3::zeros((20, 10, 3)).view()).unwrap_err().to_string().contains("[10, 20, 3]"));
        assert!(writer.finish().unwrap_err().to_string().contains("at least one frame"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_single_pixel_is_a_video() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        let mut writer = Mp4Writer::create(&path, 1, 1, 1.0).unwrap();
        writer.append(Array3::from_elem((1, 1, 3), 200).view()).unwrap();
        writer.finish().unwrap();
        let (_, decoded) = decode(&path);
        assert!(colour::to_rgb(&decoded[0]).iter().all(|v| v.abs_diff(200) <= 2));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let mut writer = Mp4Writer::create(Path::new("/dev/full"), 16, 16, 10.0).unwrap();
        writer.append(picture(16, 16, 0).view()).unwrap();
        assert!(matches!(writer.finish(), Err(Error::Io { .. })));
    }
}
