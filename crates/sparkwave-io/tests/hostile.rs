//! Hostile bytes: mutations of valid files, claims of absurd sizes, and the files of `tests/bad`, which once broke
//! something. Nothing may panic, and no single allocation may pass the cap of a frame.

use crate::allocation::largest_request;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sparkwave_io::exercise;
use sparkwave_io::limits::MAX_FRAME_BYTES;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Changes a valid file in one to eight places.
fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    const EXTREMES: [u32; 8] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::MAX];
    for _ in 0..rng.random_range(1..=8) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        let n = rng.random_range(1..=16.min(bytes.len() - at).max(1));
        match rng.random_range(0..8) {
            0 | 1 => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => bytes[at] = rng.random(),
            3 | 4 => {
                let value = EXTREMES[rng.random_range(0..EXTREMES.len())].to_le_bytes();
                for (byte, new) in bytes[at..].iter_mut().zip(value) {
                    *byte = new;
                }
            }
            5 => bytes.truncate(at),
            6 => drop(bytes.drain(at..at + n)),
            _ => {
                let copy: Vec<u8> = bytes[at..at + n].to_vec();
                let to = rng.random_range(0..=bytes.len());
                bytes.splice(to..to, copy);
            }
        }
    }
}

fn cases() -> usize {
    // More on request: SPARKWAVE_FUZZ_CASES=100000 cargo test -p sparkwave-io hostile
    std::env::var("SPARKWAVE_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(250)
}

/// Mutates every seed `cases()` times and hands the result to `exercise`; a panic is reported with the bytes.
fn mutations(name: &str, seeds: &[Vec<u8>], exercise: fn(&[u8])) {
    for (i, seed) in seeds.iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(i as u64);
        for case in 0..cases() {
            let mut bytes = seed.clone();
            mutate(&mut bytes, &mut rng);
            if catch_unwind(AssertUnwindSafe(|| exercise(&bytes))).is_err() {
                let path = std::env::temp_dir().join(format!("sparkwave-{name}-{i}-{case}"));
                std::fs::write(&path, &bytes).unwrap();
                panic!("{name}, seed {i}, case {case}: a panic; the bytes are in {}", path.display());
            }
        }
    }
    let largest = largest_request();
    assert!(largest as u64 <= MAX_FRAME_BYTES + (1 << 20), "{name}: {largest} bytes were asked for at once");
}

fn golden(extension: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder("golden")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|e| e == extension));
    assert!(!paths.is_empty());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn mutated_tiff() {
    mutations("tiff", &golden("tif"), exercise::movie);
}

#[test]
fn mutated_hdf5() {
    mutations("hdf5", &golden("h5"), exercise::movie);
    mutations("training file", &[std::fs::read(folder("golden/msct.h5")).unwrap()], exercise::training_file);
}

#[test]
fn mutated_weights() {
    let checkpoint = std::fs::read(folder("golden/checkpoint.pt")).unwrap();
    let weights = sparkwave_io::weights::from_bytes(&checkpoint, Path::new("checkpoint.pt")).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&checkpoint)).unwrap();
    let mut pickle = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name("checkpoint/data.pkl").unwrap(), &mut pickle).unwrap();
    let seeds = [sparkwave_io::weights::to_bytes(&weights), checkpoint.clone(), pickle];
    mutations("weights", &seeds, exercise::weights);
    let keras = ["keras2.h5", "keras3.h5"].map(|name| std::fs::read(folder("golden").join(name)).unwrap());
    mutations("weights of Keras", &keras, exercise::keras);
}

#[test]
fn mutated_stardist() {
    let seeds: [&[u8]; 2] = [
        br#"{"n_dim":3,"n_channel_in":1,"n_rays":32,"grid":[1,2,2],"anisotropy":[2.0,1.0,1.0],"backbone":"unet",
        "rays_json":{"name":"Rays_GoldenSpiral","kwargs":{"n":32,"anisotropy":null}},"unet_n_depth":2,
        "unet_pool":[2,2,2],
        "unet_kernel_size":[3,3,3],"unet_n_filter_base":32,"unet_n_conv_per_depth":2,"net_conv_after_unet":128}"#,
        br#"{"prob": 0.5, "nms": 0.4}"#,
    ];
    mutations("stardist", &seeds.map(<[u8]>::to_vec), exercise::stardist);
}

#[test]
fn mutated_sif() {
    mutations("sif", &golden("sif"), exercise::movie);
}

#[test]
fn mutated_png() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a.png");
    let image = ndarray::Array2::from_shape_fn((9, 11), |(y, x)| (y * x * 17) as u16);
    sparkwave_io::png::write_gray16(&path, image.view()).unwrap();
    let gray = std::fs::read(&path).unwrap();
    sparkwave_io::png::write_gray8(&path, image.mapv(|v| v as u8).view()).unwrap();
    let seeds = [gray, std::fs::read(&path).unwrap()];
    mutations("png", &seeds, exercise::png);
    mutations("png movie", &seeds, exercise::movie);
}

#[test]
fn mutated_table() {
    let seeds: [&[u8]; 3] = [
        b"id,area_um2,name\n1,0.5,a\n2,,\"b,c\"\n",
        b"\xef\xbb\xbfa;b\r\n1;2\r\n\"x\"\"y\";\r\n",
        "t\ty\n神\t-1e308\nnan\ttrue\n".as_bytes(),
    ];
    mutations("table", &seeds.map(<[u8]>::to_vec), exercise::table);
}

#[test]
fn mutated_datasets() {
    let seeds =
        ["annotation.json", "annotation_odd.json"].map(|name| std::fs::read(folder("golden").join(name)).unwrap());
    mutations("annotation", &seeds, exercise::datasets::annotation);
    let yaml =
        "x: {y: 1}\nlabel:\n- color: '#000000'\n  name: __background__\n- {name: \"a\\u00e9\", color: \"#f00\"}\n";
    mutations("classes", &[yaml.as_bytes().to_vec()], exercise::datasets::classes);
    let rgb = std::fs::read(folder("golden/rgb.tif")).unwrap();
    mutations("coloured frame", &[rgb, golden("tif").swap_remove(0)], exercise::datasets::coloured_frame);
    let names = [
        "T20230705 -shu-shi-ba_segment_3_20230922_221431_20230922_221556",
        "segment_0_000001_000009",
        "20230922_221431",
    ];
    mutations("name", &names.map(|name| name.as_bytes().to_vec()), exercise::datasets::name);
}

#[test]
fn mutated_zarr_metadata() {
    let seed = |which: u8, name: &str| [&[which][..], &std::fs::read(folder("golden").join(name)).unwrap()].concat();
    let seeds = [
        seed(0, "v3_tczyx.zarr/s0/zarr.json"),
        seed(0, "bare.zarr/zarr.json"),
        seed(1, "v3_tczyx.zarr/zarr.json"),
        seed(2, "v2_tyx.zarr/0/.zarray"),
        seed(3, "v2_tyx.zarr/.zattrs"),
    ];
    mutations("zarr metadata", &seeds, exercise::zarr_metadata);
}

#[test]
fn mutated_zarr_chunks() {
    let scratch = tempfile::tempdir().unwrap();
    for (i, name) in ["v3_tczyx.zarr", "v2_tyx.zarr", "bare.zarr"].iter().enumerate() {
        let mut files = Vec::new();
        list_files(&folder("golden").join(name), &mut files);
        files.sort();
        let target = scratch.path().join(name);
        let copy_of = |path: &Path| target.join(path.strip_prefix(folder("golden").join(name)).unwrap());
        for path in &files {
            std::fs::create_dir_all(copy_of(path).parent().unwrap()).unwrap();
            std::fs::copy(path, copy_of(path)).unwrap();
        }
        let mut rng = ChaCha8Rng::seed_from_u64(i as u64);
        for case in 0..cases() {
            let path = &files[rng.random_range(0..files.len())];
            let valid = std::fs::read(path).unwrap();
            let mut bytes = valid.clone();
            mutate(&mut bytes, &mut rng);
            std::fs::write(copy_of(path), &bytes).unwrap();
            let done = catch_unwind(AssertUnwindSafe(|| exercise::hierarchy(&target)));
            assert!(done.is_ok(), "{name}, case {case}: a panic");
            std::fs::write(copy_of(path), &valid).unwrap();
        }
    }
    assert!(largest_request() as u64 <= MAX_FRAME_BYTES + (1 << 20));
}

#[test]
fn mutated_zarr_hierarchies() {
    let seeds =
        ["v3_tczyx.zarr", "v2_tyx.zarr", "bare.zarr"].map(|name| exercise::zarr_bytes(&folder("golden").join(name)));
    mutations("zarr", &seeds, exercise::zarr_files);
}

fn list_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { list_files(&path, files) } else { files.push(path) }
    }
}

/// Files that once broke something. Each must open or give an error.
#[test]
fn bad_files() {
    let Ok(entries) = std::fs::read_dir(folder("bad")) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for exercise in [
            exercise::movie,
            exercise::png,
            exercise::table,
            exercise::training_file,
            exercise::weights,
            exercise::keras,
            exercise::stardist,
            exercise::zarr_files,
            exercise::zarr_metadata,
        ] {
            let done = catch_unwind(AssertUnwindSafe(|| exercise(&bytes)));
            assert!(done.is_ok(), "{}", path.display());
        }
    }
}

/// One page with the tags given, little-endian.
fn tiny_tiff(entries: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(0u32.to_le_bytes());
    bytes
}

fn error_of(bytes: &[u8]) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("tiny.tif");
    std::fs::write(&path, bytes).unwrap();
    let start = std::time::Instant::now();
    let error = sparkwave_io::open(&path).err().expect("must not open").to_string();
    assert!(start.elapsed().as_secs() < 2 && error.contains("tiny.tif"), "{error}");
    error
}

#[test]
fn a_tiny_file_cannot_claim_a_huge_movie() {
    let page = |width, height, compression| {
        tiny_tiff(&[
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, 1, 16),
            (259, 3, 1, compression),
            (273, 4, 1, 8),
            (279, 4, 1, 10),
        ])
    };
    assert!(error_of(&page(1_000_000, 1_000_000, 1)).contains("1000000 x 1000000"));
    assert!(error_of(&page(30_000, 30_000, 1)).contains("truncated"));
    assert!(error_of(&page(30_000, 30_000, 8)).contains("packed bytes"));
    assert!(error_of(&page(0, 5, 1)).contains("at least one pixel"));
    assert!(error_of(&page(u32::MAX, u32::MAX, 5)).contains("at most"));
}

#[test]
fn broken_chains_are_errors() {
    let mut looping = tiny_tiff(&[(256, 4, 1, 2), (257, 4, 1, 2), (258, 3, 1, 8), (273, 4, 1, 8), (279, 4, 1, 4)]);
    let n = looping.len();
    looping[n - 4..].copy_from_slice(&8u32.to_le_bytes());
    assert!(error_of(&looping).contains("second time"));
    let mut beyond = looping.clone();
    beyond[n - 4..].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    assert!(error_of(&beyond).contains("page 1"));
    let mut many = looping;
    many[8..10].copy_from_slice(&0xffffu16.to_le_bytes());
    assert!(error_of(&many).contains("65535 entries"));
    assert!(error_of(b"II*\0\0\0\0\0").contains("empty chain"));
    assert!(error_of(b"II*\0").contains("4 bytes"));
    assert!(error_of(b"").contains("0 bytes"));
}
