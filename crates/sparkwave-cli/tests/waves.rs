//! Waves as a user runs them: a small simulated recording, the files of a run, resuming, wrong arguments.

use crate::{contents, sparkwave, stderr, text};
use std::path::Path;

fn simulated(folder: &Path) -> String {
    let out = folder.join("模拟 waves");
    let size = ["--seconds", "--size", "128", "--minutes", "4", "--waves", "1", "--amplitude-pct", "3", "--seed", "4"];
    let output = sparkwave(&[&["simulate", "waves", "-o", text(&out), "--quiet"], &size[..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    text(&out.join("raw")).to_owned()
}

#[test]
fn a_run_writes_its_files_and_a_resumed_one_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let raw = simulated(folder.path());
    let out = folder.path().join("out");
    let run = |more: &[&str]| {
        sparkwave(
            &[&["waves", "run", &raw, "-o", text(&out), "--quiet", "--export", "coco,youtube-vis"], more].concat(),
        )
    };
    let output = run(&["--threads", "2"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let whole = contents(&out);
    for name in [
        "seconds.tif",
        "seconds.csv",
        "motion.csv",
        "rate.tif",
        "rate.csv",
        "cortex.png",
        "episodes.csv",
        "masks.tif",
        "waves.csv",
        "wave_frames.csv",
        "waves_legacy.csv",
        "results.xlsx",
        "report.html",
        "prompts.json",
        "episodes/1/tracking.mp4",
        "segments/youtube_vis.json",
    ] {
        assert!(whole.get(name).is_some_and(|bytes| !bytes.is_empty()), "{name} is missing of {:?}", whole.keys());
    }
    for name in ["seconds.tif", "masks.tif", "waves.csv", "report.html"] {
        std::fs::remove_file(out.join(name)).unwrap();
    }
    std::fs::remove_file(out.join("run.json")).unwrap();
    let output = run(&["--threads", "1", "--resume"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let again = contents(&out);
    for (name, bytes) in &whole {
        assert!(again.get(name) == Some(bytes), "{name} differs");
    }
}

#[test]
fn wrong_arguments_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let raw = simulated(folder.path());
    let out = folder.path().join("out");
    for (wrong, told) in [
        (["--interval-s", "0"], "interval_s"),
        (["--window", "1,1 2,2"], "window"),
        (["--window", "here"], "y,x"),
        (["--midline", "1,1 1,1"], "midline"),
        (["--prompts", "absent.json"], "absent.json"),
    ] {
        let output =
            sparkwave(&[&["waves", "run", &raw, "-o", text(&out), "--quiet", "--overwrite"], &wrong[..]].concat());
        assert!(!output.status.success() && stderr(&output).contains(told), "{wrong:?}: {}", stderr(&output));
    }
}
