//! The program as its users run it: exit status, files, messages.
#![allow(clippy::unwrap_used)]

#[cfg(unix)]
mod killed;
#[cfg(unix)]
mod refused;

mod conclusions;
mod networks;
mod waves;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

fn sparkwave(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sparkwave")).args(args).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A small simulated recording, made once; its path holds a space and Chinese characters.
fn recording() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("模拟 movie");
        let size = ["--frames", "150", "--height", "128", "--width", "120", "--seed", "5"];
        let output = sparkwave(&[&["simulate", "sparks", "-o", text(&out), "--quiet"], &size[..]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        folder
    });
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| folder.path().join("模拟 movie"))
}

fn movie() -> PathBuf {
    recording().join("movie.tif")
}

/// Every file below a folder with its bytes, but for the record of times.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                waiting.push(path);
            } else if name != "run.json" {
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

fn run(out: &Path, extra: &[&str]) -> Output {
    let movie = movie();
    sparkwave(&[&["sparks", "run", text(&movie), "-o", text(out), "--quiet"], extra].concat())
}

#[test]
fn a_run_writes_what_the_contract_names_and_scores_well() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("out");
    let output = run(&out, &["--json", "--parquet", "--keep", "dff,registered,normalized"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["inputs"][0]["sha256"].as_str().unwrap().len(), 64);
    assert!(record["summary"]["n_events"].as_u64().unwrap() > 0);

    let files = contents(&out);
    for name in ["events.csv", "events.parquet", "drift.csv", "labels.tif", "foreground.tif", "run.toml", "dff.tif"] {
        assert!(files.contains_key(name), "{name} is missing");
    }
    for figure in ["max_projection", "kymograph", "filmstrips", "distributions", "drift"] {
        for extension in ["svg", "png"] {
            assert!(files.contains_key(&format!("figures/{figure}.{extension}")), "{figure}.{extension} is missing");
        }
    }
    let header = String::from_utf8(files["events.csv"].clone()).unwrap();
    let contract = "event_id,region_id,t_peak_frame,t_start_frame,t_end_frame,t_peak_s,duration_s,y_px,x_px,y_um,x_um,\
                    n_voxels,area_px,area_um2,peak_dff,score,burst,source,";
    assert!(header.starts_with(contract), "{}", header.lines().next().unwrap());

    let truth = recording().join("events.csv");
    let scores = sparkwave(&[
        "evaluate",
        "detection",
        "--truth",
        text(&truth),
        "--pred",
        text(&out.join("events.csv")),
        "--json",
    ]);
    let scores: serde_json::Value = serde_json::from_slice(&scores.stdout).unwrap();
    let f1 = scores["f1"].as_f64().unwrap();
    assert!(f1 > 0.6, "F1 {f1} on an easy recording: {scores}");
}

#[test]
fn threads_repetition_and_resumption_give_the_same_bytes() {
    let temporary = tempfile::tempdir().unwrap();
    let place = |name: &str| temporary.path().join(name);
    assert!(run(&place("one"), &["--threads", "1"]).status.success());
    assert!(run(&place("three"), &["--threads", "3"]).status.success());
    let expected = contents(&place("one"));
    assert_eq!(contents(&place("three")), expected);

    let config = place("one").join("run.toml");
    let again = sparkwave(&["sparks", "run", "--config", text(&config), "-o", text(&place("again")), "--quiet"]);
    assert!(again.status.success(), "{}", stderr(&again));
    assert_eq!(contents(&place("again")), expected);

    // What a kill leaves: some finished files, no record.
    for lost in ["run.json", "labels.tif", "report.html", "figures/drift.svg"] {
        std::fs::remove_file(place("three").join(lost)).unwrap();
    }
    assert!(run(&place("three"), &["--resume"]).status.success());
    assert_eq!(contents(&place("three")), expected);
    assert!(place("three").join("run.json").exists());
}

#[test]
fn a_folder_that_is_not_free_is_left_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let note = temporary.path().join("note.txt");
    std::fs::write(&note, "mine").unwrap();
    let refused = run(temporary.path(), &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("--resume"), "{}", stderr(&refused));
    let other = run(temporary.path(), &["--resume"]);
    assert_eq!(other.status.code(), Some(1), "{}", stderr(&other));
    assert_eq!(contents(temporary.path()).len(), 1);
    assert!(run(temporary.path(), &["--overwrite", "--detector", "idt"]).status.success());
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "mine");
}

#[test]
fn bad_arguments_have_status_two() {
    let movie = movie();
    let movie = text(&movie);
    for args in [
        vec!["sparks", "run", movie, "-o", "x", "--no-such-flag"],
        vec!["sparks", "run", movie, "-o", "x", "--pixel-size-um", "0"],
        vec!["sparks", "run", movie, "-o", "x", "--pixel-size-um", "1e-9"],
        vec!["sparks", "run", movie, "-o", "x", "--frame-interval-s", "1e-300"],
        vec!["sparks", "run", movie, "-o", "x", "--background", "0:9,0:9999"],
        vec!["simulate", "sparks", "-o", "x", "--height", "5"],
        vec!["evaluate", "detection", "--truth", movie, "--pred", movie, "--pixel-size-um", "0"],
        vec!["sparks", "run", movie, "-o", "x", "--fdr", "2"],
        vec!["sparks", "run", movie, "-o", "x", "--background", "5:1,0:3"],
        vec!["sparks", "run"],
        vec!["no-such-command"],
    ] {
        let output = sparkwave(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(!Path::new("x").exists(), "{args:?} made a folder");
    }
}

/// A copy of the simulated movie with its bytes changed.
fn damaged(temporary: &Path, name: &str, damage: impl Fn(Vec<u8>) -> Vec<u8>) -> PathBuf {
    let path = temporary.join(name);
    std::fs::write(&path, damage(std::fs::read(movie()).unwrap())).unwrap();
    path
}

#[test]
fn a_broken_movie_is_one_clear_sentence() {
    let temporary = tempfile::tempdir().unwrap();
    let here = temporary.path();
    let cases = [
        damaged(here, "truncated.tif", |b| b[..b.len() / 2].to_vec()),
        damaged(here, "empty.tif", |_| Vec::new()),
        damaged(here, "text.tif", |_| b"not a movie at all".to_vec()),
        damaged(here, "header.tif", |b| [&b[..4], &[0xff; 60][..]].concat()),
        here.join("absent.tif"),
    ];
    for (i, path) in cases.iter().enumerate() {
        let out = here.join(format!("out{i}"));
        let output = sparkwave(&["sparks", "run", text(path), "-o", text(&out)]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{message}");
        let last = message.lines().last().unwrap();
        assert!(last.starts_with("error: ") && last.contains(text(path)), "{message}");
        assert!(!message.contains("panicked"), "{message}");
        assert!(!out.exists(), "{} left a folder", path.display());
    }
}

#[test]
fn a_movie_without_transients_has_an_empty_table() {
    let temporary = tempfile::tempdir().unwrap();
    let sizes = [["1", "40", "30"], ["2", "16", "16"], ["40", "9", "9"]];
    for (i, [frames, height, width]) in sizes.iter().enumerate() {
        let simulated = temporary.path().join(format!("sim{i}"));
        let size = ["--frames", frames, "--height", height, "--width", width];
        let made = sparkwave(&[&["simulate", "sparks", "-o", text(&simulated), "--quiet"], &size[..]].concat());
        if !made.status.success() {
            // The simulator needs some room; it says so instead of failing oddly.
            assert!(stderr(&made).starts_with("error: "), "{}", stderr(&made));
            continue;
        }
        for detector in ["matched", "idt"] {
            let out = temporary.path().join(format!("out{i}{detector}"));
            let movie = simulated.join("movie.tif");
            let output =
                sparkwave(&["sparks", "run", text(&movie), "-o", text(&out), "--detector", detector, "--quiet"]);
            assert!(output.status.success(), "{}", stderr(&output));
            assert!(std::fs::read_to_string(out.join("events.csv")).unwrap().starts_with("event_id,"));
        }
    }
}

#[test]
fn converted_movies_hold_the_same_pixels_and_calibration() {
    let temporary = tempfile::tempdir().unwrap();
    let facts = |path: &Path| -> serde_json::Value {
        let output = sparkwave(&["info", text(path), "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let original = facts(&movie());
    assert_eq!(original["shape"], serde_json::json!([150, 128, 120]));
    for name in ["copy.ome.tif", "copy.zarr", "copy.h5", "frames"] {
        let path = temporary.path().join(name);
        let movie = movie();
        let output = sparkwave(&["convert", text(&movie), text(&path), "--quiet"]);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let copy = facts(&path);
        assert_eq!((&copy["shape"], &copy["dtype"]), (&original["shape"], &original["dtype"]), "{name}");
        // Back to TIFF: the same bytes as a direct copy, wherever calibration survives the trip.
        let back = temporary.path().join(format!("{name}.back.tif"));
        assert!(sparkwave(&["convert", text(&path), text(&back), "--quiet"]).status.success(), "{name}");
        let (a, b) = (std::fs::read(&movie).unwrap(), std::fs::read(&back).unwrap());
        let tail = 150 * 128 * 120;
        let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|w| w == part);
        assert!(holds(&b, &a[a.len() - tail / 2..a.len() - tail / 2 + 256]) || name == "frames", "{name}");
    }
}
