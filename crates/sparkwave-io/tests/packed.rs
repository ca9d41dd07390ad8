//! Chunks of Zarr arrays that unpack to far more than a chunk holds.

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value as Json, json};
use sparkwave_core::axes::Span;
use std::io::Write;

/// What the chunks unpack to, bytes; the chunk holds 8.
const BOMB: u32 = 1 << 26;

/// Writes an array of one chunk `[2, 2, 2]` of bytes, and gives what reading it says.
fn reading(document: (&str, &Json), chunk: (&str, &[u8])) -> Result<sparkwave_core::movie::Pixels, String> {
    let folder = tempfile::tempdir().unwrap();
    let chunk_path = folder.path().join(chunk.0);
    std::fs::create_dir_all(chunk_path.parent().unwrap()).unwrap();
    std::fs::write(folder.path().join(document.0), document.1.to_string()).unwrap();
    std::fs::write(chunk_path, chunk.1).unwrap();
    let source = sparkwave_io::open(folder.path()).map_err(|e| e.to_string())?;
    source.read(Span::new(0, 2), Span::new(0, 2)).map_err(|e| e.to_string())
}

fn v3(codecs: &Json) -> Json {
    json!({"zarr_format": 3, "node_type": "array", "shape": [2, 2, 2], "data_type": "uint8", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2, 2]}},
        "chunk_key_encoding": {"name": "default"}, "codecs": codecs})
}

fn v2(compressor: &Json) -> Json {
    json!({"zarr_format": 2, "shape": [2, 2, 2], "chunks": [2, 2, 2], "dtype": "|u1", "compressor": compressor,
        "fill_value": 0, "order": "C", "filters": null})
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A zstd frame that states its length, of runs of 128 KiB of one byte (RFC 8878, section 3.1).
fn zstd_bomb() -> Vec<u8> {
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    bytes.extend(BOMB.to_le_bytes());
    let runs = BOMB >> 17;
    for run in 1..=runs {
        let header = (1u32 << 17) << 3 | 1 << 1 | u32::from(run == runs);
        bytes.extend(&header.to_le_bytes()[..3]);
        bytes.push(7);
    }
    bytes
}

#[test]
fn a_chunk_unpacks_to_no_more_than_it_holds() {
    let plain = vec![7; BOMB as usize];
    let packed = gzip(&plain);
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&plain).unwrap();
    let zlib = zlib.finish().unwrap();
    // Version 2, LZ4, items of one byte; plain length, block length, packed length.
    let mut blosc = vec![2, 1, 0, 1];
    blosc.extend([BOMB, BOMB, 40].iter().flat_map(|n| n.to_le_bytes()));
    blosc.resize(40, 0);
    let mut shard = packed.clone();
    shard.extend([0, packed.len() as u64].iter().flat_map(|n| n.to_le_bytes()));

    let with = |name: &str, configuration: Json| {
        v3(&json!([{"name": "bytes"}, {"name": name, "configuration": configuration}]))
    };
    let in_shard = v3(&json!([{"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 2, 2],
        "codecs": [{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 1}}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}}]));
    let blosc_configuration =
        json!({"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "typesize": 1, "blocksize": 0});
    let (new, old) = (("zarr.json", "c/0/0/0"), (".zarray", "0.0.0"));
    let zstd = zstd_bomb();
    let cases = [
        ("gzip", new, with("gzip", json!({"level": 1})), &packed),
        ("gzip in a shard", new, in_shard, &shard),
        ("gzip, format 2", old, v2(&json!({"id": "gzip", "level": 1})), &packed),
        ("zlib, format 2", old, v2(&json!({"id": "zlib", "level": 1})), &zlib),
        ("zstd", new, with("zstd", json!({"level": 1, "checksum": false})), &zstd),
        ("blosc", new, with("blosc", blosc_configuration), &blosc),
    ];
    for (name, (document, chunk), array, bytes) in cases {
        let error = reading((document, &array), (chunk, bytes)).expect_err(name);
        assert!(error.contains("where the chunk has"), "{name}: {error}");
    }
    let honest = reading(("zarr.json", &with("gzip", json!({"level": 1}))), ("c/0/0/0", &gzip(&[7; 8]))).unwrap();
    assert_eq!(honest, sparkwave_core::movie::Pixels::U8(ndarray::Array3::from_elem((2, 2, 2), 7)));
}
