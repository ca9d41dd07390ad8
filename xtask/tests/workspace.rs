//! Checks of the workspace itself: which crate may know which, how large a file may grow, whether links lead anywhere.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Files of the working tree below `folder` with this extension, leaving build outputs and hidden folders aside.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with('.') || name == "target" {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The layers: a crate may depend on the crates named here and on no other crate of the workspace.
const LAYERS: [(&str, &[&str]); 8] = [
    ("sparkwave-core", &[]),
    ("sparkwave-kernels", &[]),
    ("sparkwave-io", &["sparkwave-core"]),
    ("sparkwave-imgproc", &["sparkwave-core"]),
    ("sparkwave-analysis", &["sparkwave-core"]),
    ("sparkwave-nn", &["sparkwave-core", "sparkwave-imgproc", "sparkwave-kernels"]),
    ("sparkwave", &["sparkwave-core", "sparkwave-io", "sparkwave-imgproc", "sparkwave-analysis", "sparkwave-nn"]),
    ("sparkwave-cli", &["sparkwave"]),
];

#[test]
fn crates_know_only_the_layers_below() {
    let crates = root().join("crates");
    let present: BTreeSet<String> =
        std::fs::read_dir(&crates).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    let listed: BTreeSet<String> = LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(present, listed, "every crate has its line in LAYERS");
    for (name, allowed) in LAYERS {
        let manifest = std::fs::read_to_string(crates.join(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(|d| d.as_table()) else { continue };
            for dependency in dependencies.keys().filter(|d| listed.contains(*d)) {
                assert!(allowed.contains(&dependency.as_str()), "{name} must not know {dependency} ({section})");
            }
        }
    }
}

#[test]
fn no_file_outgrows_a_reader() {
    for path in files(&root(), "rs") {
        let n = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(n <= 800, "{} has {n} lines; split it by idea", path.display());
        assert_ne!(path.file_name().unwrap(), "mod.rs", "{}: use x.rs beside x/", path.display());
    }
}

#[test]
fn pure_crates_do_no_input_or_output() {
    for name in ["sparkwave-core", "sparkwave-imgproc", "sparkwave-analysis"] {
        for path in files(&root().join("crates").join(name).join("src"), "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for banned in ["std::fs", "std::env", "std::net", "std::time", "std::process", "println!", "eprintln!"] {
                assert!(!code.contains(banned), "{} uses {banned}", path.display());
            }
        }
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    for path in files(&root(), "md") {
        let text = std::fs::read_to_string(&path).unwrap();
        for (_, rest) in text.match_indices("](").map(|(i, m)| (i, &text[i + m.len()..])) {
            let target = rest.split(')').next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let file = path.parent().unwrap().join(target);
            assert!(file.exists(), "{}: {target} does not exist", path.display());
        }
    }
}
