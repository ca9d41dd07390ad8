//! Runs that are killed without warning: what has a name is whole, and `--resume` ends at the same bytes.

use crate::{contents, movie, run, stderr, text};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Starts a run, kills it after `patience`, and tells whether it had still been at work.
fn kill_after(out: &Path, patience: Duration) -> bool {
    let movie = movie();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sparkwave"))
        .args(["sparks", "run", text(&movie), "-o", text(out), "--resume", "--quiet", "--keep", "dff,registered"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(patience);
    let at_work = child.try_wait().unwrap().is_none();
    // On Unix this is SIGKILL, which no handler sees.
    child.kill().unwrap();
    child.wait().unwrap();
    at_work
}

#[test]
fn a_killed_run_leaves_no_half_file_and_resumes_to_the_same_bytes() {
    let temporary = tempfile::tempdir().unwrap();
    let (whole, broken) = (temporary.path().join("whole"), temporary.path().join("broken"));
    let started = Instant::now();
    let output = run(&whole, &["--keep", "dff,registered"]);
    let wall = started.elapsed();
    assert!(output.status.success(), "{}", stderr(&output));
    let expected = contents(&whole);

    // From the first files to the last, each kill on top of what the one before left.
    let mut kills = 0;
    for share in [0.02, 0.3, 0.55, 0.7, 0.8, 0.9, 0.95] {
        kills += usize::from(kill_after(&broken, wall.mul_f64(share)));
        if !broken.exists() {
            continue;
        }
        for (name, bytes) in contents(&broken) {
            let hidden = Path::new(&name).file_name().unwrap().to_string_lossy().starts_with('.');
            assert!(hidden || expected.get(&name) == Some(&bytes), "{name} is not what an unbroken run writes");
        }
        if let Ok(record) = std::fs::read(broken.join("run.json")) {
            let _: serde_json::Value = serde_json::from_slice(&record).unwrap();
        }
    }
    assert!(kills > 0, "every run was over before it was killed");
    let output = run(&broken, &["--keep", "dff,registered", "--resume"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(contents(&broken), expected);
    assert!(broken.join("run.json").exists());
}
