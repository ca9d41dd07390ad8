//! Waves as a user runs them: a small simulated recording, the files of a run, resuming, wrong arguments.

use crate::{contents, sparkwave, stderr, text};
use std::path::Path;

/// Four minutes of seconds across midnight, with one wave that is under way then.
fn simulated(folder: &Path) -> String {
    let out = folder.join("模拟 waves");
    let size = ["--seconds", "--size", "128", "--minutes", "4", "--waves", "1", "--amplitude-pct", "3", "--seed", "4"];
    let start = ["--start", "2023-09-22 23:58:30"];
    let output = sparkwave(&[&["simulate", "waves", "-o", text(&out), "--quiet"], &size[..], &start[..]].concat());
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
fn the_published_frames_masks_and_measures_stand_beside_ours() {
    let folder = tempfile::tempdir().unwrap();
    let raw = simulated(folder.path());
    let out = folder.path().join("out");
    let output = sparkwave(&["waves", "run", &raw, "-o", text(&out), "--quiet", "--legacy", "--no-videos"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let files = contents(&out);
    let stems = |start: &str, end: &str| -> Vec<String> {
        files.keys().filter_map(|name| Some(name.strip_prefix(start)?.strip_suffix(end)?.to_owned())).collect()
    };
    // The recording has no gap, so every published frame is one of our intervals.
    let published = stems("legacy/color/", ".tiff");
    assert_eq!(published, stems("color/", ".png"));
    assert!(published[0].starts_with("20230922_2358") && published[46].starts_with("20230923_000"), "{published:?}");
    // Midnight is no end: the wave goes on, and its time is counted through.
    let published = std::str::from_utf8(&files["waves_legacy.csv"]).unwrap();
    let row: Vec<&str> = published.lines().nth(1).unwrap().split(',').collect();
    assert!(row[0].starts_with("[20230922_2359") && row[0].contains("--20230923_0000"), "{row:?}");
    assert!((40.0..100.0).contains(&row[10].parse::<f64>().unwrap()), "{row:?}");
    let masks = ["masks.tif", "legacy/masks.tif"].map(|name| {
        let output = sparkwave(&["info", text(&out.join(name)), "--json"]);
        let facts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        facts["shape"].clone()
    });
    assert_eq!(masks, [serde_json::json!([47, 128, 128]), serde_json::json!([47, 512, 512])]);
    let table = |name: &str| std::str::from_utf8(&files[name]).unwrap().lines().count();
    assert_eq!(table("legacy/waves.csv"), table("waves_legacy.csv"));
    assert!(table("legacy/wave_frames.csv") > 3);
}

#[test]
fn wrong_arguments_are_named_before_anything_is_averaged() {
    let folder = tempfile::tempdir().unwrap();
    let raw = simulated(folder.path());
    let out = folder.path().join("out");
    // The recording has 47 intervals of 128 x 128 pixels.
    let prompts = |name: &str, frames: usize, prompt: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!(r#"{{"frames": {frames}, "prompts": [{prompt}]}}"#)).unwrap();
        text(&path).to_owned()
    };
    let cases = [
        ("--interval-s", "0".to_owned(), 2, "interval_s"),
        ("--window", "1,1 2,2".to_owned(), 2, "window"),
        ("--window", "here".to_owned(), 2, "y,x"),
        ("--window", "200,200 200,300 300,300".to_owned(), 2, "128 x 128"),
        ("--midline", "1,1 1,1".to_owned(), 2, "midline"),
        ("--midline", "0,64 512,64".to_owned(), 2, "y 512, x 64"),
        ("--prompts", "absent.json".to_owned(), 1, "absent.json"),
        ("--prompts", prompts("length.json", 40, ""), 1, "47 frames"),
        ("--prompts", prompts("frame.json", 47, r#"{"frame": 47, "object": 1}"#), 1, "frame 47"),
        ("--prompts", prompts("object.json", 47, r#"{"frame": 3, "object": 0}"#), 1, "object 0"),
        (
            "--prompts",
            prompts("place.json", 47, r#"{"frame": 3, "object": 1, "points": [{"y": 3, "x": 300}]}"#),
            1,
            "x 300",
        ),
    ];
    for (flag, value, status, told) in cases {
        let output = sparkwave(&["waves", "run", &raw, "-o", text(&out), "--quiet", flag, &value]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{flag} {value}: {message}");
        assert!(message.starts_with("error: ") && message.contains(told), "{flag} {value}: {message}");
        assert!(!out.exists(), "{flag} {value} left a folder");
    }
}

#[test]
fn a_recording_shorter_than_an_interval_has_no_waves_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let raw = simulated(folder.path());
    let out = folder.path().join("out");
    let output = sparkwave(&["waves", "run", &raw, "-o", text(&out), "--interval-s", "1000"]);
    assert!(output.status.success() && stderr(&output).contains("shorter than an interval"), "{}", stderr(&output));
    assert!(std::fs::read_to_string(out.join("waves.csv")).unwrap().starts_with("wave_id,"));
    assert!(out.join("report.html").is_file() && !out.join("masks.tif").exists());
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
