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

#[test]
fn components_and_trial_averages_are_written_and_a_table_without_onsets_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let raw = simulated(folder.path());
    for method in ["pca", "ica"] {
        let out = folder.path().join(method);
        let args = ["waves", "components", &raw, "-o", text(&out), "--method", method, "--n", "3", "--quiet"];
        let output = sparkwave(&args);
        assert!(output.status.success(), "{}", stderr(&output));
        let shares = std::fs::read_to_string(out.join("components.csv")).unwrap();
        assert_eq!(shares.lines().count(), 4, "{shares}");
        assert!(out.join("maps.tif").is_file() && out.join("maps/3.png").is_file());
    }
    let onsets = folder.path().join("onsets.csv");
    std::fs::write(&onsets, "onset_s\n40\n120\n236\n").unwrap();
    let out = folder.path().join("average");
    let run = |out: &Path| {
        sparkwave(&["waves", "average", &raw, "-o", text(out), "--trials", text(&onsets), "--post-s", "30", "--quiet"])
    };
    let output = run(&out);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(out.join("lags.csv")).unwrap().lines().count(), 41);
    assert!(std::fs::read_to_string(out.join("excluded.csv")).unwrap().contains("236,reaches beyond"));
    std::fs::write(&onsets, "start\n40\n").unwrap();
    let output = run(&folder.path().join("none"));
    assert!(!output.status.success() && stderr(&output).contains("onset_s"), "{}", stderr(&output));
}
