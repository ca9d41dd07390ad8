//! What one page says about its pixels, checked against the length of the file.

use super::index::{Header, Ifd};
use crate::error::Error;
use crate::limits::{MAX_FRAME_BYTES, checked_bytes};
use crate::read_at::ReadAt;
use crate::stored::StoredType;

/// Tags of the baseline and its extensions (TIFF 6.0, sections 8, 14, 15; Adobe note 3 on floating-point predictors).
pub(super) mod tag {
    pub(in crate::tiff) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(in crate::tiff) const WIDTH: u16 = 256;
    pub(in crate::tiff) const HEIGHT: u16 = 257;
    pub(in crate::tiff) const BITS_PER_SAMPLE: u16 = 258;
    pub(in crate::tiff) const COMPRESSION: u16 = 259;
    pub(in crate::tiff) const PHOTOMETRIC: u16 = 262;
    pub(in crate::tiff) const FILL_ORDER: u16 = 266;
    pub(in crate::tiff) const DESCRIPTION: u16 = 270;
    pub(in crate::tiff) const STRIP_OFFSETS: u16 = 273;
    pub(in crate::tiff) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(in crate::tiff) const ROWS_PER_STRIP: u16 = 278;
    pub(in crate::tiff) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(in crate::tiff) const X_RESOLUTION: u16 = 282;
    pub(in crate::tiff) const Y_RESOLUTION: u16 = 283;
    pub(in crate::tiff) const RESOLUTION_UNIT: u16 = 296;
    pub(in crate::tiff) const DATE_TIME: u16 = 306;
    pub(in crate::tiff) const TILE_WIDTH: u16 = 322;
    pub(in crate::tiff) const TILE_LENGTH: u16 = 323;
    pub(in crate::tiff) const TILE_OFFSETS: u16 = 324;
    pub(in crate::tiff) const TILE_BYTE_COUNTS: u16 = 325;
    pub(in crate::tiff) const SAMPLE_FORMAT: u16 = 339;
    pub(in crate::tiff) const IMAGE_DEPTH: u16 = 32997;
    /// Lengths of the parts of the next.
    pub(in crate::tiff) const IMAGEJ_LENGTHS: u16 = 50838;
    pub(in crate::tiff) const IMAGEJ_METADATA: u16 = 50839;
    /// JSON of Micro-Manager, one document a page.
    pub(in crate::tiff) const MICRO_MANAGER: u16 = 51123;
}

/// How the bytes of a page were packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Lzw,
    Deflate,
    PackBits,
    Zstd,
}

impl Compression {
    fn from_tag(value: u64) -> Option<Self> {
        match value {
            1 => Some(Self::None),
            5 => Some(Self::Lzw),
            8 | 32946 => Some(Self::Deflate),
            32773 => Some(Self::PackBits),
            50000 => Some(Self::Zstd),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lzw => "LZW",
            Self::Deflate => "deflate",
            Self::PackBits => "PackBits",
            Self::Zstd => "zstd",
        }
    }

    /// The most bytes that one packed byte can stand for: PackBits 128 from 2; deflate 258 from 2 bits; LZW a string of
    /// up to 4093 bytes from 9 bits, which only a growing dictionary reaches, so that the mean stays under 2730; zstd a
    /// run-length block of 128 KiB from 4 bytes. A page that claims more is a lie, found before its memory is reserved.
    fn max_ratio(self) -> u64 {
        match self {
            Self::None => 1,
            Self::PackBits => 64,
            Self::Deflate => 1040,
            Self::Lzw => 2730,
            Self::Zstd => 1 << 15,
        }
    }
}

/// What all pages of a movie have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageFormat {
    pub(super) height: u64,
    pub(super) width: u64,
    pub(super) stored: StoredType,
    pub(super) compression: Compression,
}

impl PageFormat {
    /// Bytes of a row; [`PageFormat::read`] checked that a whole frame stays below the cap.
    pub(super) fn row_bytes(self) -> u64 {
        self.width * self.stored.n_bytes() as u64
    }

    pub(super) fn frame_bytes(self) -> u64 {
        self.height * self.row_bytes()
    }

    pub(super) fn describe(self) -> String {
        let Self { height, width, stored, compression } = self;
        format!("{height} x {width} {} pixels, compression {}", stored.name(), compression.name())
    }

    /// Reads the format of a page; `page` is its number in error messages.
    pub(super) fn read(file: &ReadAt, header: Header, ifd: &Ifd, page: u64) -> Result<Self, Error> {
        let get = |tag| ifd.integer(file, header, tag);
        let missing =
            |what: &str| Error::malformed("read", file.path(), format!("{what} of page {page}"), "no such tag");
        let unsupported = |expected: &str, found: String| {
            Error::unsupported("read", file.path(), expected, format!("{found} in page {page}"))
        };
        let width = get(tag::WIDTH)?.ok_or_else(|| missing("the width"))?;
        let height = get(tag::HEIGHT)?.ok_or_else(|| missing("the height"))?;
        let samples = get(tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        if samples != 1 {
            let found = if samples == 3 { "an RGB image (3 samples)".into() } else { format!("{samples} samples") };
            return Err(unsupported("one sample per pixel (grey values)", found));
        }
        let bits = get(tag::BITS_PER_SAMPLE)?.unwrap_or(1);
        let format = get(tag::SAMPLE_FORMAT)?.unwrap_or(1);
        let stored = match (format, bits) {
            (1 | 4, 8) => StoredType::U8,
            (1 | 4, 16) => StoredType::U16,
            (1 | 4, 32) => StoredType::U32,
            (1 | 4, 64) => StoredType::U64,
            (2, 8) => StoredType::I8,
            (2, 16) => StoredType::I16,
            (2, 32) => StoredType::I32,
            (2, 64) => StoredType::I64,
            (3, 16) => StoredType::F16,
            (3, 32) => StoredType::F32,
            (3, 64) => StoredType::F64,
            _ => {
                let kind = match format {
                    1 | 4 => "unsigned integers",
                    2 => "signed integers",
                    3 => "floats",
                    _ => "complex or undefined samples",
                };
                return Err(unsupported("integers or floats of 8, 16, 32 or 64 bits", format!("{bits}-bit {kind}")));
            }
        };
        let code = get(tag::COMPRESSION)?.unwrap_or(1);
        let compression = Compression::from_tag(code).ok_or_else(|| {
            let expected = "no compression, LZW, deflate, PackBits or zstd";
            let name = match code {
                7 => "JPEG (7)".into(),
                33003 | 33005 | 34712 => format!("JPEG 2000 ({code})"),
                _ => format!("compression {code}"),
            };
            unsupported(expected, name)
        })?;
        if get(tag::FILL_ORDER)?.is_some_and(|order| order != 1) {
            return Err(unsupported("bits from high to low", "fill order 2".into()));
        }
        if get(tag::IMAGE_DEPTH)?.is_some_and(|depth| depth > 1) {
            return Err(unsupported("flat pages", "a volumetric page (ImageDepth)".into()));
        }
        let found = format!("{height} x {width} pixels of {} bytes in page {page}", stored.n_bytes());
        if width == 0 || height == 0 {
            return Err(Error::malformed("read", file.path(), "at least one pixel", found));
        }
        if checked_bytes(&[height, width], stored.n_bytes() as u64, MAX_FRAME_BYTES).is_none() {
            return Err(Error::limit("read", file.path(), format!("frames of at most {MAX_FRAME_BYTES} bytes"), found));
        }
        Ok(Self { height, width, stored, compression })
    }
}

/// The pieces of a page: strips of whole rows, or tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    pub(super) offsets: Vec<u64>,
    /// Rows and columns of a chunk, the last ones of a strip page not clipped.
    pub(super) height: u64,
    pub(super) width: u64,
    pub(super) tiled: bool,
}

impl Chunks {
    /// Reads the offsets of the pieces and checks that they lie in the file and can hold the page.
    pub(super) fn read(file: &ReadAt, header: Header, ifd: &Ifd, format: PageFormat, page: u64) -> Result<Self, Error> {
        let tiled = ifd.has(tag::TILE_OFFSETS);
        let (offset_tag, count_tag) = if tiled {
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        let bad = |expected: String, found: String| Error::malformed("read", file.path(), expected, found);
        let offsets = ifd
            .integers(file, header, offset_tag)?
            .ok_or_else(|| bad(format!("the pixels of page {page}"), "no offsets".into()))?;
        let (height, width) = if tiled {
            let extent = |tag| Ok::<u64, Error>(ifd.integer(file, header, tag)?.unwrap_or(0));
            (extent(tag::TILE_LENGTH)?, extent(tag::TILE_WIDTH)?)
        } else {
            let rows = ifd.integer(file, header, tag::ROWS_PER_STRIP)?.unwrap_or(format.height);
            (rows.min(format.height), format.width)
        };
        let size = format.stored.n_bytes() as u64;
        if height == 0 || width == 0 || checked_bytes(&[height, width], size, MAX_FRAME_BYTES).is_none() {
            return Err(bad(format!("strips or tiles in page {page}"), format!("pieces of {height} x {width} pixels")));
        }
        let n = format.height.div_ceil(height) * format.width.div_ceil(width);
        if (offsets.len() as u64) < n {
            return Err(bad(format!("{n} strips or tiles in page {page}"), format!("{}", offsets.len())));
        }
        let full = height * width * size;
        let plain_bytes = |i: u64| {
            let rows = if tiled { height } else { height.min(format.height - i * height) };
            rows * width * size
        };
        let counts = match ifd.integers(file, header, count_tag)? {
            Some(counts) if counts.len() as u64 >= n => counts,
            // Writers of uncompressed files leave the counts out or write zeros; they follow from the extents.
            _ if format.compression == Compression::None => (0..n).map(plain_bytes).collect(),
            _ => return Err(bad(format!("byte counts of {n} strips in page {page}"), "fewer".into())),
        };
        let mut packed = 0u64;
        for i in 0..n {
            let (offset, mut count) = (offsets[i as usize], counts[i as usize]);
            if format.compression == Compression::None {
                count = plain_bytes(i);
            }
            if offset.checked_add(count).is_none_or(|end| end > file.len()) {
                let expected = format!("{count} bytes of page {page} (frame counting from 0) at byte {offset}");
                return Err(bad(expected, format!("a truncated file of {} bytes", file.len())));
            }
            packed += count;
        }
        let claim = if tiled { n.saturating_mul(full) } else { format.frame_bytes() };
        if claim > packed.saturating_mul(format.compression.max_ratio()) {
            let found = format!("{packed} packed bytes for {claim} bytes of pixels");
            return Err(bad(format!("as much {} data as page {page} needs", format.compression.name()), found));
        }
        let mut offsets = offsets;
        offsets.truncate(n as usize);
        Ok(Self { offsets, height, width, tiled })
    }

    /// The offset of the page's pixels if they lie in one run, unpacked.
    pub(super) fn run(&self, format: PageFormat) -> Option<u64> {
        let step = self.height * format.row_bytes();
        let straight = !self.tiled && format.compression == Compression::None;
        (straight && self.offsets.windows(2).all(|w| w[0] + step == w[1])).then(|| self.offsets[0])
    }
}
