//! Writes the seeds of the fuzz targets, one folder a target: `cargo run --example fuzz_corpus -- fuzz/corpus`.
#![allow(clippy::unwrap_used)]

use sparkwave_io::exercise::zarr_bytes;
use std::path::{Path, PathBuf};

fn files(folder: &Path, extension: &str) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|e| e == extension) && path.is_file());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

fn main() {
    let corpus = PathBuf::from(std::env::args_os().nth(1).expect("the folder to write to"));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let put = |target: &str, seeds: Vec<(String, Vec<u8>)>| {
        std::fs::create_dir_all(corpus.join(target)).unwrap();
        seeds.into_iter().for_each(|(name, bytes)| std::fs::write(corpus.join(target).join(name), bytes).unwrap());
    };
    put("tiff", files(&golden, "tif"));
    put("hdf5", files(&golden, "h5"));
    put("sif", files(&golden, "sif"));
    put("training_file", files(&golden, "h5"));
    put("weights", files(&golden, "pt"));
    put("keras", files(&golden, "h5"));
    let hierarchies = ["v3_tczyx.zarr", "v2_tyx.zarr", "bare.zarr"];
    put("zarr", hierarchies.map(|name| (name.to_owned(), zarr_bytes(&golden.join(name)))).to_vec());
    // A byte in front tells which document it is (`exercise::zarr_metadata`).
    let document = |which: u8, name: &str| {
        let bytes = [&[which][..], &std::fs::read(golden.join(name)).unwrap()].concat();
        (name.replace('/', "-"), bytes)
    };
    put(
        "zarr_metadata",
        vec![
            document(0, "v3_tczyx.zarr/s0/zarr.json"),
            document(0, "bare.zarr/zarr.json"),
            document(1, "v3_tczyx.zarr/zarr.json"),
            document(2, "v2_tyx.zarr/0/.zarray"),
            document(3, "v2_tyx.zarr/.zattrs"),
        ],
    );
    let image = ndarray::Array2::from_shape_fn((9, 11), |(y, x)| (y * x * 17) as u16);
    std::fs::create_dir_all(corpus.join("png")).unwrap();
    sparkwave_io::png::write_gray16(&corpus.join("png/gray16.png"), image.view()).unwrap();
    sparkwave_io::png::write_gray8(&corpus.join("png/gray8.png"), image.mapv(|v| v as u8).view()).unwrap();
    let tables: [(&str, &[u8]); 3] = [
        ("quoted.csv", b"id,area_um2,name\n1,0.5,a\n2,,\"b,c\"\n"),
        ("semicolons.csv", b"\xef\xbb\xbfa;b\r\n1;2\r\n\"x\"\"y\";\r\n"),
        ("tabs.tsv", "t\ty\n神\t-1e308\nnan\ttrue\n".as_bytes()),
    ];
    put("table", tables.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).to_vec());
}
