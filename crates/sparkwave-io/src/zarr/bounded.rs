//! Unpacking that stops where a chunk must end.
//!
//! The Zarr library unpacks a chunk to whatever length its bytes lead to: a few megabytes of gzip could fill the memory.
//! Here every codec that packs bytes, also those within shards, is replaced by one that knows how long the result may be.

use crate::limits::MAX_FRAME_BYTES;
use flate2::read::{GzDecoder, ZlibDecoder};
use std::any::Any;
use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;
use zarrs::array::codec::api::{
    ArrayToArrayCodecTraits, ArrayToBytesCodecTraits, BytesRepresentation, BytesToBytesCodecTraits, Codec, CodecError,
    CodecMetadataOptions, CodecOptions, CodecTraits, PartialDecoderCapability, PartialEncoderCapability,
    RecommendedConcurrency,
};
use zarrs::array::codec::{ShardingCodec, ShardingCodecConfiguration};
use zarrs::array::{Array, ArrayBuilder, ArrayBytesRaw, CodecChain};
use zarrs::metadata::Configuration;
use zarrs::metadata::v3::MetadataV3;
use zarrs::plugin::{ExtensionName, ZarrVersion};

/// Opens the array at the top of a store; the text says what is wrong with it.
pub(super) fn open<S>(store: Arc<S>) -> Result<Array<S>, String>
where
    S: ?Sized + zarrs::storage::ReadableStorageTraits + 'static,
{
    let array = Array::open(Arc::clone(&store), "/").map_err(|e| e.to_string())?;
    let (before, array_to_bytes, packing) = codecs(&array.codecs().create_metadatas(&CodecMetadataOptions::default()))?;
    ArrayBuilder::from_array(&array)
        .array_to_array_codecs(before)
        .array_to_bytes_codec(array_to_bytes)
        .bytes_to_bytes_codecs(packing)
        .build(store, "/")
        .map_err(|e| e.to_string())
}

type Codecs =
    (Vec<Arc<dyn ArrayToArrayCodecTraits>>, Arc<dyn ArrayToBytesCodecTraits>, Vec<Arc<dyn BytesToBytesCodecTraits>>);

/// The codecs that documents describe, those that unpack being bounded.
fn codecs(documents: &[MetadataV3]) -> Result<Codecs, String> {
    let (mut before, mut array_to_bytes, mut packing) = (Vec::new(), None, Vec::new());
    for document in documents {
        match Codec::from_metadata(document).map_err(|e| e.to_string())? {
            Codec::ArrayToArray(codec) => before.push(codec),
            Codec::ArrayToBytes(codec) => {
                let codec = if codec.as_any().is::<ShardingCodec>() { sharding(document)? } else { codec };
                array_to_bytes = Some(codec);
            }
            Codec::BytesToBytes(codec) => packing.push(match Method::of(codec.as_ref()) {
                Some(method) => Arc::new(Bounded { inner: codec, method }) as Arc<dyn BytesToBytesCodecTraits>,
                None => codec,
            }),
        }
    }
    Ok((before, array_to_bytes.ok_or("no codec from arrays to bytes")?, packing))
}

fn sharding(document: &MetadataV3) -> Result<Arc<dyn ArrayToBytesCodecTraits>, String> {
    let chain = |documents: &[MetadataV3]| {
        let (before, array_to_bytes, packing) = codecs(documents)?;
        Ok::<_, String>(Arc::new(CodecChain::new(before, array_to_bytes, packing)))
    };
    match document.to_typed_configuration::<ShardingCodecConfiguration>().map_err(|e| e.to_string())? {
        ShardingCodecConfiguration::V1(shard) => Ok(Arc::new(ShardingCodec::new(
            shard.chunk_shape,
            chain(&shard.codecs)?,
            chain(&shard.index_codecs)?,
            shard.index_location,
        ))),
        _ => Err("shards of an unknown kind".into()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Gzip,
    Zlib,
    Zstd,
    Blosc,
}

impl Method {
    /// `None` for codecs whose result is no longer than what they are given.
    fn of(codec: &dyn BytesToBytesCodecTraits) -> Option<Self> {
        match codec.name(ZarrVersion::V2).or_else(|| codec.name(ZarrVersion::V3))?.as_ref() {
            "gzip" => Some(Self::Gzip),
            "zlib" => Some(Self::Zlib),
            "zstd" => Some(Self::Zstd),
            "blosc" => Some(Self::Blosc),
            _ => None,
        }
    }
}

/// A codec of the library that refuses to unpack to more than a chunk holds.
#[derive(Debug)]
struct Bounded {
    inner: Arc<dyn BytesToBytesCodecTraits>,
    method: Method,
}

impl ExtensionName for Bounded {
    fn name(&self, version: ZarrVersion) -> Option<Cow<'static, str>> {
        self.inner.name(version)
    }
}

impl CodecTraits for Bounded {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn configuration(&self, version: ZarrVersion, options: &CodecMetadataOptions) -> Option<Configuration> {
        self.inner.configuration(version, options)
    }

    fn partial_decoder_capability(&self) -> PartialDecoderCapability {
        // Chunks are unpacked whole: a codec's own way to a part of one would go round the bound.
        PartialDecoderCapability { partial_read: false, partial_decode: false }
    }

    fn partial_encoder_capability(&self) -> PartialEncoderCapability {
        self.inner.partial_encoder_capability()
    }
}

impl BytesToBytesCodecTraits for Bounded {
    fn into_dyn(self: Arc<Self>) -> Arc<dyn BytesToBytesCodecTraits> {
        self
    }

    fn recommended_concurrency(&self, decoded: &BytesRepresentation) -> Result<RecommendedConcurrency, CodecError> {
        self.inner.recommended_concurrency(decoded)
    }

    fn encoded_representation(&self, decoded: &BytesRepresentation) -> BytesRepresentation {
        self.inner.encoded_representation(decoded)
    }

    fn encode<'a>(&self, plain: ArrayBytesRaw<'a>, options: &CodecOptions) -> Result<ArrayBytesRaw<'a>, CodecError> {
        self.inner.encode(plain, options)
    }

    fn decode<'a>(
        &self,
        packed: ArrayBytesRaw<'a>,
        decoded: &BytesRepresentation,
        options: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        let bound = decoded.size().unwrap_or(MAX_FRAME_BYTES).min(MAX_FRAME_BYTES);
        let claim = match self.method {
            Method::Gzip => return read_bounded(GzDecoder::new(&packed[..]), bound).map(Cow::Owned),
            Method::Zlib => return read_bounded(ZlibDecoder::new(&packed[..]), bound).map(Cow::Owned),
            Method::Zstd => zstd_claim(&packed),
            // The header of a Blosc buffer: versions, flags and item size, then the plain length in 32 bits.
            Method::Blosc => packed.get(4..8).and_then(little_endian).map(Claim::Exact),
        };
        let most = match claim {
            Some(Claim::Exact(_)) => bound,
            // Blocks count with the most that they can hold, which may well be more than the chunk.
            Some(Claim::AtMost(_)) | None => MAX_FRAME_BYTES,
        };
        match claim {
            Some(Claim::Exact(n) | Claim::AtMost(n)) if n > most => Err(too_long(n, most)),
            Some(_) => self.inner.decode(packed, decoded, options),
            None => Err(CodecError::Other("a packed chunk that is cut off".into())),
        }
    }
}

fn too_long(found: u64, bound: u64) -> CodecError {
    CodecError::Other(format!("a packed chunk of {found} bytes or more where the chunk has {bound}"))
}

fn read_bounded(unpacker: impl Read, bound: u64) -> Result<Vec<u8>, CodecError> {
    let mut plain = Vec::new();
    unpacker.take(bound + 1).read_to_end(&mut plain)?;
    if plain.len() as u64 > bound { Err(too_long(plain.len() as u64, bound)) } else { Ok(plain) }
}

/// The length of a packed buffer's content, as its headers state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Exact(u64),
    AtMost(u64),
}

fn little_endian(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

/// The length to which zstd frames claim to unpack (RFC 8878, section 3.1), which the decoder reserves before it starts;
/// `None` if they are cut off or no frames.
fn zstd_claim(bytes: &[u8]) -> Option<Claim> {
    const LARGEST_BLOCK: u64 = 1 << 17;
    let (mut rest, mut total, mut exact) = (bytes, 0u64, true);
    while !rest.is_empty() {
        let magic = little_endian(rest.get(..4)?)?;
        if magic & 0xffff_fff0 == 0x184d_2a50 {
            let length = usize::try_from(little_endian(rest.get(4..8)?)?).ok()?;
            rest = rest.get(8..)?.get(length..)?;
            continue;
        }
        let descriptor = *rest.get(4).filter(|_| magic == 0xfd2f_b528)?;
        let single_segment = descriptor & 0x20 != 0;
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        rest = rest.get(5 + usize::from(!single_segment) + dictionary..)?;
        let width = match (descriptor >> 6, single_segment) {
            (0, false) => 0,
            (n, _) => 1 << n,
        };
        let size = little_endian(rest.get(..width)?)? + if width == 2 { 256 } else { 0 };
        rest = rest.get(width..)?;
        let mut blocks = 0u64;
        loop {
            let header = little_endian(rest.get(..3)?)?;
            let (length, kind) = (header >> 3, header >> 1 & 3);
            blocks = blocks.saturating_add(if kind == 2 { LARGEST_BLOCK } else { length });
            let held = if kind == 1 { 1 } else { usize::try_from(length).ok()? };
            rest = rest.get(3..)?.get(held..)?;
            if header & 1 == 1 {
                break;
            }
        }
        rest = rest.get(if descriptor & 4 != 0 { 4 } else { 0 }..)?;
        exact &= width > 0;
        total = total.saturating_add(if width > 0 { size } else { blocks });
    }
    Some(if exact { Claim::Exact(total) } else { Claim::AtMost(total) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_claim_of_zstd_frames_is_read() {
        let frame = |header: &[u8], block: &[u8]| [&[0x28, 0xb5, 0x2f, 0xfd], header, block].concat();
        // One raw block of five bytes, the last; then a run of 0x8000 times one byte.
        let raw = [0x29, 0, 0, 1, 2, 3, 4, 5];
        let run = [0x03, 0x00, 0x04, 7];
        assert_eq!(zstd_claim(&frame(&[0x20, 5], &raw)), Some(Claim::Exact(5)));
        assert_eq!(zstd_claim(&frame(&[0x60, 5, 1], &raw)), Some(Claim::Exact(517)));
        assert_eq!(zstd_claim(&frame(&[0xa0, 0x70, 0x11, 1, 0], &raw)), Some(Claim::Exact(70_000)));
        assert_eq!(zstd_claim(&frame(&[0, 0x40], &run)), Some(Claim::AtMost(0x8000)));
        let two = [frame(&[0x20, 5], &raw), frame(&[0, 0x40], &run)].concat();
        assert_eq!(zstd_claim(&two), Some(Claim::AtMost(0x8005)));
        assert_eq!(zstd_claim(&two[..two.len() - 1]), None);
        let huge = frame(&[0xe0, 255, 255, 255, 255, 255, 255, 255, 255], &raw);
        assert_eq!(zstd_claim(&[&huge[..], &huge[..]].concat()), Some(Claim::Exact(u64::MAX)));
        assert_eq!(zstd_claim(b"blosc"), None);
    }
}
