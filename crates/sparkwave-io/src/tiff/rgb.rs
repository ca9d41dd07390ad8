//! Single images in colour: one page, 8 bits each of red, green and blue.

use crate::atomic::AtomicFile;
use crate::error::Error;
use crate::limits::MAX_FRAME_BYTES;
use ndarray::{Array3, ArrayView3};
use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, colortype};
use tiff::{ColorType, TiffError};

/// Writes an image `[Y, X, 3]`, packed by deflate.
pub(crate) fn write(path: &Path, image: ArrayView3<'_, u8>) -> Result<(), Error> {
    let (height, width, channels) = image.dim();
    let refused = || {
        let found = format!("{height} x {width} x {channels}");
        Error::refused("write", path, "an image of at least one pixel and 3 channels", found)
    };
    let (Ok(rows), Ok(columns)) = (u32::try_from(height), u32::try_from(width)) else { return Err(refused()) };
    if rows == 0 || columns == 0 || channels != 3 {
        return Err(refused());
    }
    let pixels: Vec<u8> = image.iter().copied().collect();
    let mut file = AtomicFile::create(path)?;
    let encoded = TiffEncoder::new(&mut file).and_then(|encoder| {
        let deflate = Compression::Deflate(DeflateLevel::Balanced);
        let mut encoder = encoder.with_compression(deflate).with_predictor(Predictor::Horizontal);
        encoder.write_image::<colortype::RGB8>(columns, rows, &pixels)
    });
    encoded.map_err(|e| match e {
        TiffError::IoError(e) => Error::io("write", path, e),
        other => Error::refused("write", path, "an image that TIFF can hold", other.to_string()),
    })?;
    file.finish()
}

/// Reads the first page `[Y, X, 3]` of a file; grey of 8 bits becomes equal channels.
pub(crate) fn read(path: &Path) -> Result<Array3<u8>, Error> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let length = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
    // The decoder is third-party code on untrusted bytes, and owns no state beyond this call.
    catch_unwind(AssertUnwindSafe(|| decode(path, file, length))).unwrap_or_else(|_| {
        Err(Error::malformed("decode", path, "an image in colour", "bytes that the decoder cannot handle"))
    })
}

fn decode(path: &Path, file: File, length: u64) -> Result<Array3<u8>, Error> {
    let bad = |e: TiffError| match e {
        TiffError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => Error::io("read", path, e),
        TiffError::LimitsExceeded => {
            Error::limit("read", path, format!("an image of at most {MAX_FRAME_BYTES} bytes"), "more")
        }
        other => Error::malformed("decode", path, "an image in colour", other.to_string()),
    };
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_FRAME_BYTES as usize;
    limits.intermediate_buffer_size = MAX_FRAME_BYTES as usize;
    let mut decoder = Decoder::new(BufReader::new(file)).map_err(bad)?.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(bad)?;
    let color = decoder.colortype().map_err(bad)?;
    let channels: u64 = match color {
        ColorType::RGB(8) => 3,
        ColorType::Gray(8) => 1,
        other => {
            return Err(Error::unsupported("read", path, "RGB or grey of 8 bits", format!("{other:?}")));
        }
    };
    // Deflate packs at most 1032 to 1: a tiny file cannot make us reserve much.
    let bytes = (u64::from(width) * u64::from(height)).saturating_mul(channels);
    if bytes > length.saturating_mul(1100) {
        let expected = format!("enough data for {height} x {width} pixels");
        return Err(Error::malformed("read", path, expected, format!("a file of {length} bytes")));
    }
    let DecodingResult::U8(pixels) = decoder.read_image().map_err(bad)? else {
        return Err(Error::unsupported("read", path, "samples of 8 bits", "others"));
    };
    let (height, width) = (height as usize, width as usize);
    let grey = Array3::from_shape_vec((height, width, channels as usize), pixels)
        .map_err(|_| Error::malformed("read", path, format!("{height} x {width} pixels"), "fewer"))?;
    // Three channels onto themselves, or one onto three.
    Ok(grey.broadcast((height, width, 3)).map_or_else(|| grey.clone(), |image| image.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn images_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("帧.tiff");
        let image = Array3::from_shape_fn((7, 11, 3), |(y, x, c)| (y * 30 + x * 7 + c * 80) as u8);
        write(&path, image.view()).unwrap();
        assert_eq!(read(&path).unwrap(), image);
        assert!(write(&path, image.slice(ndarray::s![.., .., ..2])).is_err());
        assert!(write(&path, image.slice(ndarray::s![..0, .., ..])).is_err());
        let error = read(&folder.path().join("none.tiff")).unwrap_err().to_string();
        assert!(error.contains("none.tiff"), "{error}");
    }

    #[test]
    fn what_is_no_image_in_colour_is_refused() {
        let golden = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        assert_eq!(read(&golden("rgb.tif")).unwrap(), Array3::<u8>::zeros((6, 7, 3)));
        let grey = read(&golden("plain_tiles.tif")).unwrap();
        assert!(grey.dim() == (20, 33, 3) && grey[[3, 4, 0]] == grey[[3, 4, 2]]);
        assert!(matches!(read(&golden("bigtiff.tif")), Err(Error::Unsupported(_))));
        assert!(matches!(read(&golden("make_golden.py")), Err(Error::Malformed(_))));
    }
}
